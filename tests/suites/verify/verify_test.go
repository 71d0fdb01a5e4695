package verify

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/onsi/ginkgo/v2/types"

	"multibeam/suites/trace"
)

// binVariable names the directory that the build script filled, ../bin unless set.
const binVariable = "SUITES_BIN"

// fast makes every spec of the shaped suite as good as free.
const fast = "SHAPED_SCALE=1000000"

func TestZooAlone(t *testing.T) {
	for _, dir := range versions(t, "zoo.test") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ran := run(t, 1, filepath.Join(dir, "zoo.test"), "--ginkgo.json-report=REPORT")
			checkZoo(t, ran)
		})
	}
}

func TestZooInParallel(t *testing.T) {
	for _, dir := range versions(t, "ginkgo") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ran := run(t, 1, filepath.Join(dir, "ginkgo"), "--procs=3", "--randomize-all",
				"--json-report=report.json", "--output-dir=OUT", filepath.Join(dir, "zoo.test"))
			checkZoo(t, ran)
		})
	}
}

func TestZooWithoutRedPasses(t *testing.T) {
	for _, dir := range versions(t, "zoo.test") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			run(t, 0, filepath.Join(dir, "zoo.test"), "--ginkgo.label-filter=!red", "--ginkgo.json-report=REPORT")
		})
	}
}

func TestZooDryRunListsEverySpec(t *testing.T) {
	expected := readExpected(t)
	for _, dir := range versions(t, "zoo.test") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ran := run(t, 0, filepath.Join(dir, "zoo.test"), "--ginkgo.dry-run", "--ginkgo.json-report=REPORT")
			var want, got []string
			for _, spec := range expected {
				want = append(want, spec.Text)
			}
			for _, spec := range Specs(ran.report(t)) {
				got = append(got, FullText(spec))
			}
			same(t, "specs", want, got)
			for _, line := range ran.trace {
				if line.Event == trace.EventStart {
					t.Errorf("a dry run started %q", line.Text)
				}
			}
		})
	}
}

func TestZooFocusedRunsOneSpec(t *testing.T) {
	for _, dir := range versions(t, "zoo-focused.test") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			const programmaticFocus = 197
			ran := run(t, programmaticFocus, filepath.Join(dir, "zoo-focused.test"), "--ginkgo.json-report=REPORT")
			executions := ran.executions(t)
			if len(executions) != 1 || executions[0].Start.Text != "[sig-zoo] Focused is the only one that runs" {
				t.Errorf("ran %v", executions)
			}
		})
	}
}

func TestShapedAlone(t *testing.T) {
	for _, dir := range versions(t, "shaped.test") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ran := run(t, 0, filepath.Join(dir, "shaped.test"), "--provider=skeleton", "--ginkgo.json-report=REPORT")
			checkShaped(t, ran)
		})
	}
}

func TestShapedInParallel(t *testing.T) {
	for _, dir := range versions(t, "ginkgo") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			ran := run(t, 0, filepath.Join(dir, "ginkgo"), "--procs=3", "--json-report=report.json",
				"--output-dir=OUT", filepath.Join(dir, "shaped.test"))
			checkShaped(t, ran)
		})
	}
}

func TestShapedAnswersLikeE2eTest(t *testing.T) {
	rows := readRows(t)
	for _, dir := range versions(t, "shaped.test") {
		binary := filepath.Join(dir, "shaped.test")
		version := exec.Command(binary, "--version")
		version.Env = append(os.Environ(), "SHAPED_VERSION=v1.99.1")
		out, err := version.Output()
		if err != nil || string(out) != "v1.99.1\n" {
			t.Errorf("%s --version: %q, %v", binary, out, err)
		}
		out, err = exec.Command(binary, "--list-conformance-tests").Output()
		if err != nil {
			t.Errorf("%s --list-conformance-tests: %v", binary, err)
		}
		for _, row := range rows {
			codename := "\n  codename: '" + strings.ReplaceAll(row[0], "'", "''") + "'\n"
			if !bytes.Contains(out, []byte(codename)) {
				t.Errorf("%s does not list %s", binary, row[0])
			}
		}
	}
}

// The trace has to be able to say that something overlapped.
func TestOverlapIsFound(t *testing.T) {
	serial := Execution{trace.Line{Text: "s", Serial: true, Time: 1}, trace.Line{Time: 3}}
	beside := Execution{trace.Line{Text: "p", Time: 2}, trace.Line{Time: 4}}
	after := Execution{trace.Line{Text: "q", Time: 3}, trace.Line{Time: 4}}
	if found := Overlaps([]Execution{serial, beside, after}); len(found) != 1 {
		t.Errorf("found %q", found)
	}
}

// A spec fails when a Serial one of another process runs on the same cluster.
func TestOverlapFailsTheSpec(t *testing.T) {
	for _, dir := range versions(t, "zoo.test") {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			lock := filepath.Join(t.TempDir(), "lock")
			holder := exec.Command("flock", "--exclusive", "--no-fork", lock, "sh", "-c", "echo locked; cat")
			if holder.Err != nil {
				t.Skip("the flock command is missing")
			}
			feed, err := holder.StdinPipe()
			must(t, err)
			out, err := holder.StdoutPipe()
			must(t, err)
			must(t, holder.Start())
			defer holder.Wait()
			defer feed.Close()
			_, err = out.Read(make([]byte, 1))
			must(t, err)

			command := exec.Command(filepath.Join(dir, "zoo.test"), "--ginkgo.focus=passes .Conformance.", "--ginkgo.no-color")
			command.Env = append(os.Environ(), trace.LockVariable+"="+lock)
			text, err := command.Output()
			if err == nil || !strings.Contains(string(text), "overlap: a Serial spec runs on this cluster") {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

func checkZoo(t *testing.T, ran result) {
	t.Helper()
	expected := readExpected(t)
	executions := ran.executions(t)

	var want, got []string
	for _, spec := range expected {
		spec.TextBefore, spec.Serial, spec.Group, spec.Switch = "", false, "", ""
		want = append(want, asJSON(t, spec))
	}
	for _, spec := range Specs(ran.report(t)) {
		got = append(got, asJSON(t, Outcome(spec)))
	}
	same(t, "outcomes", want, got)

	// The same from the trace: text, state, Serial and Ordered of what began.
	type line struct {
		Text, State     string
		Serial, Ordered bool
	}
	empty := map[string]string{}
	want, got = nil, nil
	for _, spec := range expected {
		if spec.Attempts > 0 {
			want = append(want, asJSON(t, line{spec.Text, spec.State, spec.Serial, spec.Group != ""}))
		}
		if spec.TextBefore != "" {
			empty[spec.TextBefore] = spec.Text
		}
	}
	processes := map[string]int{}
	groups := map[string]string{}
	for _, spec := range expected {
		groups[spec.Text] = spec.Group
	}
	for _, execution := range executions {
		text := execution.Start.Text
		if now, ok := empty[text]; ok {
			text = now
		}
		got = append(got, asJSON(t, line{text, execution.End.State, execution.Start.Serial, execution.Start.Ordered}))
		if group := groups[text]; group != "" {
			if pid, ok := processes[group]; ok && pid != execution.Start.Pid {
				t.Errorf("%q ran in processes %d and %d", group, pid, execution.Start.Pid)
			}
			processes[group] = execution.Start.Pid
		}
	}
	same(t, "executions", want, got)
	if overlaps := Overlaps(executions); len(overlaps) > 0 {
		t.Errorf("overlaps: %q", overlaps)
	}
}

func checkShaped(t *testing.T, ran result) {
	t.Helper()
	var want, got []string
	for _, row := range readRows(t) {
		want = append(want, row[0]+" passed "+row[1])
	}
	executions := ran.executions(t)
	for _, execution := range executions {
		serial := map[bool]string{true: "1", false: "0"}[execution.Start.Serial]
		got = append(got, execution.Start.Text+" "+execution.End.State+" "+serial)
	}
	same(t, "executions", want, got)
	if overlaps := Overlaps(executions); len(overlaps) > 0 {
		t.Errorf("overlaps: %q", overlaps)
	}
	text := ""
	for _, report := range ran.report(t).SpecReports {
		text += report.CapturedGinkgoWriterOutput
	}
	for _, line := range []string{"e2e test version: v1.", "kube-apiserver version: v1."} {
		if !strings.Contains(text, line) {
			t.Errorf("no line with %q", line)
		}
	}
}

// result is what a run left.
type result struct {
	dir   string
	trace []trace.Line
}

// run runs the command with a trace, a lock and a report of its own, and checks
// its exit status.
func run(t *testing.T, exit int, name string, arguments ...string) result {
	t.Helper()
	dir := t.TempDir()
	for i, argument := range arguments {
		argument = strings.ReplaceAll(argument, "REPORT", filepath.Join(dir, "report.json"))
		arguments[i] = strings.ReplaceAll(argument, "OUT", dir)
	}
	command := exec.Command(name, arguments...)
	command.Dir = dir
	file := filepath.Join(dir, "trace")
	command.Env = append(os.Environ(), fast,
		trace.FileVariable+"="+file, trace.LockVariable+"="+filepath.Join(dir, "lock"))
	out, err := command.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	if got := command.ProcessState.ExitCode(); got != exit {
		t.Fatalf("exit status %d, expected %d:\n%s", got, exit, tail(out))
	}
	lines, err := ReadTrace(file)
	must(t, err)
	return result{dir: dir, trace: lines}
}

func (r result) executions(t *testing.T) []Execution {
	t.Helper()
	executions, err := Executions(r.trace)
	must(t, err)
	return executions
}

// versions gives the directories that hold the program.
func versions(t *testing.T, program string) []string {
	t.Helper()
	bin := os.Getenv(binVariable)
	if bin == "" {
		bin = filepath.Join("..", "bin")
	}
	bin, err := filepath.Abs(bin)
	must(t, err)
	found, err := filepath.Glob(filepath.Join(bin, "*", program))
	must(t, err)
	var dirs []string
	for _, path := range found {
		dirs = append(dirs, filepath.Dir(path))
	}
	if len(dirs) == 0 {
		t.Fatalf("no %s in %s/* (hint: run the build script first)", program, bin)
	}
	return dirs
}

func readExpected(t *testing.T) []Expected {
	t.Helper()
	expected, err := ReadExpected(filepath.Join("..", "zoo", "expected.json"))
	must(t, err)
	return expected
}

func readRows(t *testing.T) [][]string {
	t.Helper()
	file, err := os.Open(filepath.Join("..", "shaped", "durations.csv"))
	must(t, err)
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	must(t, err)
	return rows[1:]
}

// same compares as multisets, since every run has another order.
func same(t *testing.T, what string, want, got []string) {
	t.Helper()
	counts := map[string]int{}
	for _, text := range want {
		counts[text]++
	}
	for _, text := range got {
		counts[text]--
	}
	var texts []string
	for text := range counts {
		texts = append(texts, text)
	}
	sort.Strings(texts)
	for _, text := range texts {
		if n := counts[text]; n > 0 {
			t.Errorf("%s: %d missing: %.300s", what, n, text)
		} else if n < 0 {
			t.Errorf("%s: %d too many: %.300s", what, -n, text)
		}
	}
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	must(t, err)
	return string(text)
}

func tail(out []byte) []byte {
	const most = 4000
	if len(out) > most {
		out = out[len(out)-most:]
	}
	return out
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r result) report(t *testing.T) types.Report {
	t.Helper()
	report, err := ReadReport(filepath.Join(r.dir, "report.json"))
	must(t, err)
	return report
}
