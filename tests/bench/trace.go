package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"time"
)

// line is what is needed of a line of the trace (tests/suites/trace).
type line struct {
	Event  string `json:"event"`
	Text   string `json:"text"`
	Pid    int    `json:"pid"`
	Time   int64  `json:"time"`
	Serial bool   `json:"serial"`
}

// gaps are the times between the end of a spec and the start of the next one on the same process.
// The wait of process 1 for the others, between its last parallel and its first serial spec,
// belongs to neither.
type gaps struct {
	parallel, serial []time.Duration
	specs            int
	// span is the time from the first start to the last end.
	span time.Duration
}

func readTrace(path string) (gaps, error) {
	var found gaps
	file, err := os.Open(path)
	if err != nil {
		return found, err
	}
	defer file.Close()
	ended := map[int]line{}
	started := map[string]bool{}
	var first, last int64
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return found, fmt.Errorf("%s: %w", path, err)
		}
		switch l.Event {
		case "start":
			if started[l.Text] {
				return found, fmt.Errorf("ran twice: %s", l.Text)
			}
			started[l.Text] = true
			if first == 0 || l.Time < first {
				first = l.Time
			}
			if before, ok := ended[l.Pid]; ok && before.Serial == l.Serial {
				gap := time.Duration(l.Time - before.Time)
				if l.Serial {
					found.serial = append(found.serial, gap)
				} else {
					found.parallel = append(found.parallel, gap)
				}
			}
		case "end":
			ended[l.Pid] = l
			last = max(last, l.Time)
		}
	}
	found.specs, found.span = len(started), time.Duration(last-first)
	return found, lines.Err()
}

// quantile of some durations: the one at that place of their order.
func quantile(values []time.Duration, q float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := append([]time.Duration(nil), values...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i] < sorted[j] })
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

func median(values []time.Duration) time.Duration { return quantile(values, 0.5) }
