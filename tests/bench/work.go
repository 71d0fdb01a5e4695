package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// work is what the selected specs take, undivided.
type work struct {
	// parallel and serial are sums.
	parallel, serial time.Duration
	// longest is the longest of all specs, longestParallel of those that are not serial.
	longest, longestParallel time.Duration
}

// readWork reads the table of real durations: spec, serial (0 or 1), seconds.
func readWork(path string) (work, error) {
	var w work
	file, err := os.Open(path)
	if err != nil {
		return w, err
	}
	defer file.Close()
	reader := csv.NewReader(file)
	reader.FieldsPerRecord = 3
	rows, err := reader.ReadAll()
	if err == nil && len(rows) < 2 {
		err = errors.New("expected a row for each spec below its head")
	}
	if err != nil {
		return w, fmt.Errorf("%s: %w", path, err)
	}
	for i, row := range rows[1:] {
		seconds, err := strconv.ParseFloat(row[2], 64)
		if err != nil {
			return w, fmt.Errorf("%s: expected seconds in row %d: %w", path, i+2, err)
		}
		d := time.Duration(seconds * float64(time.Second))
		w.longest = max(w.longest, d)
		if row[1] == "1" {
			w.serial += d
		} else {
			w.parallel += d
			w.longestParallel = max(w.longestParallel, d)
		}
	}
	return w, nil
}

// limit is what no schedule on so many clusters with so many processes each can beat: parallel specs
// can be anywhere, serial ones have their cluster to themselves, and no spec can be divided.
func (w work) limit(clusters, processes int) time.Duration {
	parallel := w.parallel / time.Duration(processes)
	if clusters == 1 {
		return max(w.longestParallel, parallel) + w.serial
	}
	return max(w.longest, (parallel+w.serial)/time.Duration(clusters))
}
