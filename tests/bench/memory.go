package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory in bytes, at the moment when most guards were there.
type memory struct {
	// main is the resident memory of the multibeam process.
	main int64
	// guards counts the guards, guardsPrivate is what they do not share with anybody.
	guards        int
	guardsPrivate int64
}

// exceeds tells whether more guards were there, or as many with more memory around them.
func (m memory) exceeds(other memory) bool {
	return m.guards > other.guards || (m.guards == other.guards && m.main > other.main)
}

// watchMemory looks at a process and its guards until it ends. Suite processes are not counted.
func watchMemory(pid int, done <-chan struct{}) memory {
	var most memory
	program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid))
	for {
		var now memory
		now.main = kilobytes(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
		for _, child := range children(pid) {
			exe, _ := os.Readlink(filepath.Join("/proc", child, "exe"))
			if exe == "" || exe != program {
				continue
			}
			rollup := filepath.Join("/proc", child, "smaps_rollup")
			now.guards++
			now.guardsPrivate += kilobytes(rollup, "Private_Clean:") + kilobytes(rollup, "Private_Dirty:")
		}
		if now.exceeds(most) {
			most = now
		}
		select {
		case <-done:
			return most
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// children of all threads of a process.
func children(pid int) []string {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var found []string
	for _, file := range files {
		text, _ := os.ReadFile(file)
		found = append(found, strings.Fields(string(text))...)
	}
	return found
}

// kilobytes reads one line of a file below /proc, in bytes.
func kilobytes(path, key string) int64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == key {
			value, _ := strconv.ParseInt(fields[1], 10, 64)
			return value << 10
		}
	}
	return 0
}
