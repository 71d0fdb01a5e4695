// Bench runs the conformance-shaped suite by `ginkgo -p` on one cluster and by multibeam on one and on
// several, with the same number of processes on each, in turns. It prints Markdown tables: medians of
// the times beside the limit that no schedule can beat, and what memory multibeam takes for itself.
//
// What lies between two specs is read from the suite's own trace, not from what a runner says.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// options of one invocation.
type options struct {
	multibeam string
	suites    string
	durations string
	rounds    int
	scale     int
	extra     int
	only      string
}

// scenario is a row of each runner that can do it.
type scenario struct {
	name string
	// clusters are interchangeable, with so many processes on each.
	clusters, processes int
	// reference names the scenario whose `ginkgo -p` the runners are compared with.
	reference string
	// extra counts specs that are not selected, which a runner has to get past.
	extra int
}

// sample is what one run of one runner gave.
type sample struct {
	wall time.Duration
	gaps gaps
	// memory is measured for multibeam only.
	memory memory
}

func main() {
	var o options
	flag.StringVar(&o.multibeam, "multibeam", "", "the multibeam binary")
	flag.StringVar(&o.suites, "suites", "", "the directory with shaped.test and ginkgo")
	flag.StringVar(&o.durations, "durations", "", "the table that shaped.test was built from")
	flag.IntVar(&o.rounds, "rounds", 3, "runs of each runner in each scenario")
	flag.IntVar(&o.scale, "scale", 60, "divides the real durations of the specs")
	flag.IntVar(&o.extra, "extra", 7500, "unselected specs in the scenario that has some")
	flag.StringVar(&o.only, "only", "", "one scenario, by the beginning of its name")
	flag.Parse()
	if o.multibeam == "" || o.suites == "" || o.durations == "" {
		fail(fmt.Errorf("expected -multibeam, -suites, and -durations (hint: use tests/bench/run)"))
	}
	if err := bench(o); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "bench:", err)
	os.Exit(1)
}

func bench(o options) error {
	work, err := readWork(o.durations)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "multibeam-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	scenarios := []scenario{
		alone("4 processes", 4, 0),
		alone("8 processes", 8, 0),
		{name: "2 clusters, 8 processes each", clusters: 2, processes: 8, reference: "8 processes"},
		{name: "3 clusters, 8 processes each", clusters: 3, processes: 8, reference: "8 processes"},
		alone("16 processes", 16, 0),
		alone(fmt.Sprintf("4 processes, %d unselected specs", o.extra), 4, o.extra),
	}
	runners := []runner{ginkgo{o}, multibeam{o}}
	results := map[string]map[string][]sample{}
	begin := time.Now()
	for round := 1; round <= o.rounds; round++ {
		for _, s := range scenarios {
			if !matches(s.name, o.only) {
				continue
			}
			if results[s.name] == nil {
				results[s.name] = map[string][]sample{}
			}
			// Whoever goes first changes every round, so that neither always meets a warm machine.
			for i := range runners {
				r := runners[(i+round)%len(runners)]
				if s.clusters > r.clusters() {
					continue
				}
				dir := filepath.Join(scratch, fmt.Sprintf("%d-%s-%s", round, s.name, r.name()))
				if err := os.Mkdir(dir, 0o755); err != nil {
					return err
				}
				taken, err := r.run(dir, s, round)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", r.name(), s.name, err)
				}
				results[s.name][r.name()] = append(results[s.name][r.name()], taken)
				fmt.Fprintf(os.Stderr, "bench: round %d, %s, %s: %.2f s, %s between specs\n",
					round, s.name, r.name(), taken.wall.Seconds(), milliseconds(median(taken.gaps.parallel)))
			}
		}
	}
	print(o, scenarios, work, results, time.Since(begin))
	return nil
}

// alone is a scenario on one cluster.
func alone(name string, processes, extra int) scenario {
	return scenario{name: name, clusters: 1, processes: processes, reference: name, extra: extra}
}

func matches(name, only string) bool {
	return len(name) >= len(only) && name[:len(only)] == only
}
