// Package verify holds what the built suites promise against what they do: the
// typed model of the zoo (zoo/expected.json) and the trace of every run.
package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"multibeam/suites/trace"
)

// Execution is one spec that ran, from its start line to its end line.
type Execution struct {
	Start, End trace.Line
}

// ReadTrace gives the lines of a trace file in the order of their writing.
func ReadTrace(path string) ([]trace.Line, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var lines []trace.Line
	for i, row := range bytes.Split(bytes.TrimSuffix(text, []byte("\n")), []byte("\n")) {
		var line trace.Line
		if err := json.Unmarshal(row, &line); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// Executions pairs starts with ends. A process runs one spec at a time, so a
// start is answered by the next end of its process; anything else is an error.
func Executions(lines []trace.Line) ([]Execution, error) {
	open := map[int]trace.Line{}
	var done []Execution
	for _, line := range lines {
		start, running := open[line.Pid]
		switch line.Event {
		case trace.EventStart:
			if running {
				return nil, fmt.Errorf("process %d started %q within %q", line.Pid, line.Text, start.Text)
			}
			open[line.Pid] = line
		case trace.EventAgain:
			if !running || start.Text != line.Text {
				return nil, fmt.Errorf("process %d began another attempt of %q, which was not running", line.Pid, line.Text)
			}
		case trace.EventEnd:
			if !running || start.Text != line.Text || start.Location != line.Location {
				return nil, fmt.Errorf("process %d ended %q, which was not running", line.Pid, line.Text)
			}
			delete(open, line.Pid)
			done = append(done, Execution{Start: start, End: line})
		}
	}
	for pid, line := range open {
		return nil, fmt.Errorf("process %d did not end %q", pid, line.Text)
	}
	return done, nil
}

// Overlaps lists the pairs of a Serial spec and another one that ran beside it.
func Overlaps(executions []Execution) []string {
	var found []string
	for i, a := range executions {
		for j, b := range executions {
			beside := a.Start.Time < b.End.Time && b.Start.Time < a.End.Time
			if i != j && a.Start.Serial && beside {
				found = append(found, fmt.Sprintf("Serial %q beside %q", a.Start.Text, b.Start.Text))
			}
		}
	}
	return found
}
