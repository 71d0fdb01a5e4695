package zoo

import (
	"os"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

// Switches. Unset, the spec behind each does nothing and passes.
const (
	// switchExit: os.Exit in a spec, with 7 or the number given.
	switchExit = "ZOO_EXIT"
	// switchKill: SIGKILL to the own process in a spec, as the OOM killer does.
	switchKill = "ZOO_KILL"
	// switchGoPanic: a panic in a goroutine that nobody recovers.
	switchGoPanic = "ZOO_GOPANIC"
	// switchHang: a spec sleeps for ever and ignores its context.
	switchHang = "ZOO_HANG"
	// switchHangPolite: a spec waits for its context to end, then cleans up.
	switchHangPolite = "ZOO_HANG_POLITE"
	// switchGrandchild: a spec starts a child in a session of its own that
	// ignores SIGTERM, writes its pid to the file named, and waits for it.
	switchGrandchild = "ZOO_GRANDCHILD"
	// switchCrashOnce: os.Exit unless the file named exists; it is made first.
	switchCrashOnce = "ZOO_CRASH_ONCE"
	// switchOrderedCrashOnce: likewise, in the middle of an Ordered container.
	switchOrderedCrashOnce = "ZOO_ORDERED_CRASH_ONCE"
	// switchSerialCrashOnce: likewise, in a Serial spec.
	switchSerialCrashOnce = "ZOO_SERIAL_EXIT_ONCE"
	// switchAbort: a spec calls AbortSuite.
	switchAbort = "ZOO_ABORT"
	// switchBeforeSuiteFail: the before-suite fails; "all" in the part of every
	// process, else in the part of process 1.
	switchBeforeSuiteFail = "ZOO_BEFORESUITE_FAIL"
	// switchBeforeSuiteSkip: the before-suite calls Skip.
	switchBeforeSuiteSkip = "ZOO_BEFORESUITE_SKIP"
	// switchBeforeSuiteCrashOnce: process 1 exits in its before-suite unless
	// the file named exists; it is made first.
	switchBeforeSuiteCrashOnce = "ZOO_BEFORESUITE_EXIT_ONCE"
	// switchAfterSuiteFail: process 1's part of the after-suite fails.
	switchAfterSuiteFail = "ZOO_AFTERSUITE_FAIL"
	// switchSlow: milliseconds that a slow spec sleeps, 20 unless given.
	switchSlow = "ZOO_SLOW_MS"
	// switchNoise: so many bytes that hardly compress, instead of a megabyte
	// that does, in the spec that fills the writer.
	switchNoise = "ZOO_NOISE_BYTES"
)

const (
	defaultSlow     = 20 * time.Millisecond
	defaultExitCode = 7
)

// red labels every spec that does not pass in a plain run, and whole Ordered
// containers: their members have no life of their own.
var red = Label("red")

// on says whether a switch is set.
func on(name string) bool {
	return os.Getenv(name) != ""
}

// slow is the time that specs take which have to take some.
func slow() time.Duration {
	if ms, err := strconv.Atoi(os.Getenv(switchSlow)); err == nil {
		return time.Duration(ms) * time.Millisecond
	}
	return defaultSlow
}

// exitCode is what the process leaves when it is told to exit.
func exitCode() int {
	if code, err := strconv.Atoi(os.Getenv(switchExit)); err == nil && code > 1 {
		return code
	}
	return defaultExitCode
}

// crashOnce ends the process, except when the file that the switch names is
// there: so the second attempt passes.
func crashOnce(name string) {
	path := os.Getenv(name)
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o644)
	if os.IsExist(err) {
		return
	}
	if err != nil {
		Fail(err.Error())
	}
	file.Close()
	os.Exit(exitCode())
}
