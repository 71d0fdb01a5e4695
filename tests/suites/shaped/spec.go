// Package shaped is a suite with the shape of Kubernetes conformance: names,
// durations and Serial marks of one real v1.30 run, and nothing to test.
package shaped

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// durationsFile is the name that code locations show: a spec is located at its row.
const durationsFile = "shaped/durations.csv"

//go:embed durations.csv
var durationsCSV string

// spec is one row of durations.csv.
type spec struct {
	// text is the full text.
	text string
	// serial says whether it has the Serial decorator.
	serial bool
	// duration is what it took in the real run.
	duration time.Duration
	// line is where its row begins, from 1.
	line int
}

var specs = parse(durationsCSV)

// parse reads the table; it is part of the program, so a mistake panics.
func parse(text string) []spec {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord = 3
	rows, err := reader.ReadAll()
	if err != nil {
		panic(err)
	}
	var parsed []spec
	for i, row := range rows[1:] {
		seconds, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			panic(fmt.Sprintf("%s: %v", durationsFile, err))
		}
		parsed = append(parsed, spec{
			text:     row[0],
			serial:   row[1] == "1",
			duration: time.Duration(seconds * float64(time.Second)),
			line:     i + 2,
		})
	}
	return parsed
}

// split cuts a full text into the texts of container and leaf, which Ginkgo
// joins again with one blank: "[sig-x]" and the rest.
func (s spec) split() (container, leaf string) {
	container, leaf, _ = strings.Cut(s.text, " ")
	return container, leaf
}
