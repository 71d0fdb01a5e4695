// Package trace lets a suite watch itself.
//
// Every spec appends one JSON line when it starts and one when it ends to the
// file named by MULTIBEAM_TRACE, and holds a lock on the file named by
// MULTIBEAM_LOCK in between: shared for a parallel spec, exclusive for a Serial
// one. Both files belong to one cluster. What ran, how often and beside what is
// thus known without asking the runner under test.
//
// Importing the package is enough. Without the variables it does nothing.
package trace

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

const (
	// FileVariable names the file that gets the trace lines.
	FileVariable = "MULTIBEAM_TRACE"
	// LockVariable names the file that specs lock.
	LockVariable = "MULTIBEAM_LOCK"
	// ClusterVariable names the cluster that the process works for. It replaces
	// every %c in the names of the two files.
	ClusterVariable = "MULTIBEAM_CLUSTER"
)

// Values of [Line.Event].
const (
	// EventStart: a spec begins its first attempt.
	EventStart = "start"
	// EventAgain: the same process begins a further attempt of a spec
	// (FlakeAttempts, MustPassRepeatedly). It still has one start and one end.
	EventAgain = "again"
	// EventEnd: a spec that started has ended, cleanup included.
	EventEnd = "end"
	// EventNode: a suite node ran; Text says which.
	EventNode = "node"
	// EventNote: a spec wants to tell something; Note says what.
	EventNote = "note"
)

// Line is one line of the trace.
type Line struct {
	// Event is one of the Event constants.
	Event string `json:"event"`
	// Text is the full text of the spec, or the name of the suite node.
	Text string `json:"text"`
	// Location is file:line of the spec's leaf node.
	Location string `json:"location,omitempty"`
	// Pid is the process id of the suite process.
	Pid int `json:"pid"`
	// Process is GinkgoParallelProcess(), from 1.
	Process int `json:"process"`
	// Time is wall time in nanoseconds since 1970.
	Time int64 `json:"time"`
	// Serial says whether the spec has the Serial decorator.
	Serial bool `json:"serial"`
	// Ordered says whether the spec is in an Ordered container.
	Ordered bool `json:"ordered"`
	// State is the final state, in lines of EventEnd only.
	State string `json:"state,omitempty"`
	// Note is free text: what a note says, or why a start failed.
	Note string `json:"note,omitempty"`
}

var (
	// running is the spec whose start line is written and whose end line is not.
	running *Line
	// lockFile stays open: a lock ends with its last open descriptor, hence
	// also when the process dies in a spec.
	lockFile *os.File
)

var _ = BeforeEach(func() {
	begin(CurrentSpecReport())
})

// ReportAfterEach runs whatever ended the spec, after its cleanup, once for all
// of its attempts, and also for specs that never began.
var _ = ReportAfterEach(func(report SpecReport) {
	end(report)
})

// Node writes that a suite node ran.
func Node(name string) {
	write(Line{Event: EventNode, Text: name})
}

// Note writes what the running spec wants to tell.
func Note(note string) {
	line := describe(CurrentSpecReport())
	line.Event, line.Note = EventNote, note
	write(line)
}

func begin(report SpecReport) {
	line := describe(report)
	if running != nil {
		line.Event = EventAgain
		write(line)
		return
	}
	problem := lock(line.Serial)
	line.Event, line.Note = EventStart, problem
	write(line)
	running = &line
	if problem != "" {
		Fail(problem)
	}
}

func end(report SpecReport) {
	if running == nil {
		return
	}
	line := describe(report)
	line.Event, line.State = EventEnd, report.State.String()
	// The line comes before the lock is released, so that trace order and lock
	// order agree.
	write(line)
	unlock()
	running = nil
}

func describe(report SpecReport) Line {
	return Line{
		Text: report.FullText(),
		Location: fmt.Sprintf("%s:%d",
			report.LeafNodeLocation.FileName, report.LeafNodeLocation.LineNumber),
		Serial:  report.IsSerial,
		Ordered: report.IsInOrderedContainer,
	}
}

// fileName gives the file that a variable names, in this process's cluster.
func fileName(variable string) string {
	return strings.ReplaceAll(os.Getenv(variable), "%c", os.Getenv(ClusterVariable))
}

// write appends the line with a single write, which O_APPEND keeps whole among
// the writes of other processes.
func write(line Line) {
	name := fileName(FileVariable)
	if name == "" {
		return
	}
	line.Pid, line.Process, line.Time = os.Getpid(), GinkgoParallelProcess(), time.Now().UnixNano()
	text, err := json.Marshal(line)
	check(err)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	check(err)
	_, err = file.Write(append(text, '\n'))
	check(err)
	check(file.Close())
}

// lock takes the lock without waiting and says what stands in the way.
func lock(serial bool) string {
	name := fileName(LockVariable)
	if name == "" {
		return ""
	}
	if lockFile == nil {
		file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
		check(err)
		lockFile = file
	}
	kind, what := syscall.LOCK_SH, "a Serial spec runs on this cluster beside this parallel one"
	if serial {
		kind, what = syscall.LOCK_EX, "another spec runs on this cluster beside this Serial one"
	}
	for {
		switch err := syscall.Flock(int(lockFile.Fd()), kind|syscall.LOCK_NB); err {
		case nil:
			return ""
		case syscall.EINTR:
		case syscall.EWOULDBLOCK:
			return "overlap: " + what
		default:
			check(err)
		}
	}
}

func unlock() {
	if lockFile != nil {
		check(syscall.Flock(int(lockFile.Fd()), syscall.LOCK_UN))
	}
}

// check panics: a suite that cannot watch itself must not look healthy.
func check(err error) {
	if err != nil {
		panic(fmt.Sprintf("trace: %v", err))
	}
}
