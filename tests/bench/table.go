package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

func print(o options, scenarios []scenario, work work, results map[string]map[string][]sample, took time.Duration) {
	fmt.Printf("Medians of %d runs each, in turns; durations of the real run divided by %d; %s; whole bench %.0f s.\n\n",
		o.rounds, o.scale, machine(), took.Seconds())
	fmt.Println("| on one cluster, or on each | runner | whole command | ratio | first spec to last | ratio | ÷ limit | between two specs: median | p90 | serial: median |")
	fmt.Println("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, s := range scenarios {
		limit := work.limit(s.clusters, s.processes) / time.Duration(o.scale)
		reference := summarize(results[s.reference]["ginkgo -p"])
		for _, name := range []string{"ginkgo -p", "multibeam"} {
			samples := results[s.name][name]
			if len(samples) == 0 {
				continue
			}
			row := summarize(samples)
			fmt.Printf("| %s | %s | %.2f s | %s | %.2f s | %s | %s | %s | %s | %s |\n", s.name, name,
				row.wall.Seconds(), ratio(row.wall, reference.wall),
				row.span.Seconds(), ratio(row.span, reference.span), ratio(row.span, limit),
				milliseconds(median(row.parallel)), milliseconds(quantile(row.parallel, 0.9)),
				milliseconds(median(row.serial)))
		}
	}
	printMemory(scenarios, results)
}

// summary is what several runs gave together.
type summary struct {
	// wall and span are medians.
	wall, span       time.Duration
	parallel, serial []time.Duration
}

func summarize(samples []sample) summary {
	var s summary
	var walls, spans []time.Duration
	for _, taken := range samples {
		walls = append(walls, taken.wall)
		spans = append(spans, taken.gaps.span)
		s.parallel = append(s.parallel, taken.gaps.parallel...)
		s.serial = append(s.serial, taken.gaps.serial...)
	}
	s.wall, s.span = median(walls), median(spans)
	return s
}

// printMemory says what multibeam's own processes take while all suite processes are attached: in each
// scenario the most that a round has seen.
func printMemory(scenarios []scenario, results map[string]map[string][]sample) {
	fmt.Println("\n| on one cluster, or on each | suite processes attached | multibeam, resident | its guards, what is their own | together |")
	fmt.Println("|---|---:|---:|---:|---:|")
	for _, s := range scenarios {
		var most memory
		for _, taken := range results[s.name]["multibeam"] {
			if taken.memory.exceeds(most) {
				most = taken.memory
			}
		}
		if most.guards > 0 {
			fmt.Printf("| %s | %d | %.1f MB | %.1f MB | %.1f MB |\n", s.name, most.guards, megabytes(most.main),
				megabytes(most.guardsPrivate), megabytes(most.main+most.guardsPrivate))
		}
	}
}

func ratio(value, reference time.Duration) string {
	if reference == 0 {
		return "?"
	}
	return fmt.Sprintf("%.2f", value.Seconds()/reference.Seconds())
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000)
}

func megabytes(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// machine says in one line what this was measured on.
func machine() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return fmt.Sprintf("%d cores", runtime.NumCPU())
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == "model name" {
			return fmt.Sprintf("%d cores of %s", runtime.NumCPU(), strings.TrimSpace(value))
		}
	}
	return fmt.Sprintf("%d cores", runtime.NumCPU())
}
