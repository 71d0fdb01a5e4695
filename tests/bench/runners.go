package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// selected is the number of specs that every run has to run, once each.
const selected = 402

const focus = `\[Conformance\]`

// runner runs the suite once in an empty directory.
type runner interface {
	name() string
	// clusters is how many it can use at most.
	clusters() int
	run(dir string, s scenario, seed int) (sample, error)
}

// ginkgo is Ginkgo's own command.
type ginkgo struct{ o options }

func (ginkgo) name() string { return "ginkgo -p" }

func (ginkgo) clusters() int { return 1 }

func (g ginkgo) run(dir string, s scenario, seed int) (sample, error) {
	trace := filepath.Join(dir, "trace")
	command := exec.Command(filepath.Join(g.o.suites, "ginkgo"),
		fmt.Sprintf("--procs=%d", s.processes), fmt.Sprintf("--seed=%d", seed),
		"--no-color", "--keep-going", "--timeout=1h", "--focus="+focus,
		"--output-dir="+dir, "--junit-report=junit.xml", "--json-report=report.json",
		filepath.Join(g.o.suites, "shaped.test"))
	command.Dir = dir
	command.Env = append(os.Environ(), g.o.environment(s, trace)...)
	return measure(command, trace, nil)
}

// multibeam is the program under test, as a user starts it: discovery is not cached.
type multibeam struct{ o options }

func (multibeam) name() string { return "multibeam" }

func (multibeam) clusters() int { return math.MaxInt }

const runFile = `apiVersion: multibeam.dev/v1
kind: Run
name: bench
suite:
  binary: %s
  focus: ['\[Conformance\]']
targets:
  - name: bench
    processes: %d
    clusters: [{name: "bench-${cluster.index}", count: %d}]
`

func (m multibeam) run(dir string, s scenario, seed int) (sample, error) {
	trace := filepath.Join(dir, "trace")
	file := filepath.Join(dir, "run.yaml")
	text := fmt.Sprintf(runFile, filepath.Join(m.o.suites, "shaped.test"), s.processes, s.clusters)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return sample{}, err
	}
	command := exec.Command(m.o.multibeam, "run", "-f", file, "--plain",
		"--results", filepath.Join(dir, "results"), fmt.Sprintf("--seed=%d", seed))
	command.Dir = dir
	command.Env = append(os.Environ(), m.o.environment(s, trace)...)
	command.Env = append(command.Env, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	return measure(command, trace, watchMemory)
}

func (o options) environment(s scenario, trace string) []string {
	return []string{
		"MULTIBEAM_TRACE=" + trace,
		fmt.Sprintf("SHAPED_SCALE=%d", o.scale),
		fmt.Sprintf("SHAPED_EXTRA=%d", s.extra),
	}
}

// measure runs a command to its end and reads the trace that its suite processes left.
func measure(command *exec.Cmd, trace string, watch func(pid int, done <-chan struct{}) memory) (sample, error) {
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	begin := time.Now()
	if err := command.Start(); err != nil {
		return sample{}, err
	}
	var taken sample
	done, seen := make(chan struct{}), make(chan memory, 1)
	if watch != nil {
		go func() { seen <- watch(command.Process.Pid, done) }()
	} else {
		seen <- memory{}
	}
	err := command.Wait()
	taken.wall = time.Since(begin)
	close(done)
	taken.memory = <-seen
	if err != nil {
		return taken, fmt.Errorf("%w\n%s", err, tail(output.String()))
	}
	taken.gaps, err = readTrace(trace)
	if err == nil && taken.gaps.specs != selected {
		err = fmt.Errorf("expected %d specs in its trace, found %d", selected, taken.gaps.specs)
	}
	return taken, err
}

func tail(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if len(lines) > 15 {
		lines = lines[len(lines)-15:]
	}
	return strings.Join(lines, "\n")
}
