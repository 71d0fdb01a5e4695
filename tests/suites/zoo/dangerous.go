package zoo

import (
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	. "github.com/onsi/ginkgo/v2"

	"multibeam/suites/trace"
)

var _ = Describe("[sig-zoo] Dangerous", func() {
	It("exits the process [Disruptive]", func() {
		if on(switchExit) {
			fmt.Println("last words on standard output")
			os.Exit(exitCode())
		}
	})

	It("is killed [Disruptive]", func() {
		if on(switchKill) {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				Fail(err.Error())
			}
			time.Sleep(time.Hour)
		}
	})

	It("panics in a goroutine of its own [Disruptive]", func() {
		if on(switchGoPanic) {
			go func() { panic("boom in a bare goroutine") }()
			time.Sleep(time.Hour)
		}
	})

	It("hangs and does not listen [Disruptive]", func(ctx SpecContext) {
		for on(switchHang) {
			time.Sleep(time.Hour)
		}
	})

	It("hangs and listens [Disruptive]", func(ctx SpecContext) {
		if on(switchHangPolite) {
			DeferCleanup(func() { trace.Note("cleanup ran") })
			<-ctx.Done()
			trace.Note("context ended")
		}
	})

	It("leaves a grandchild behind [Disruptive]", func() {
		if path := os.Getenv(switchGrandchild); path != "" {
			startGrandchild(path)
			time.Sleep(time.Hour)
		}
	})

	It("crashes once [Disruptive]", func() { crashOnce(switchCrashOnce) })
	It("crashes once, alone [Serial] [Disruptive]", Serial, func() { crashOnce(switchSerialCrashOnce) })

	Describe("in order [Disruptive]", Ordered, func() {
		It("passes first", func() {})
		It("crashes once", func() { crashOnce(switchOrderedCrashOnce) })
		It("passes last", func() {})
	})

	It("aborts the suite [Disruptive]", func() {
		if on(switchAbort) {
			AbortSuite("the suite aborts itself")
		}
	})
})

// startGrandchild starts a child that neither a hangup, nor SIGTERM, nor a
// signal to the suite's process group reaches.
func startGrandchild(path string) {
	child := exec.Command("sh", "-c", "trap '' TERM HUP INT; while :; do sleep 1; done")
	child.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := child.Start(); err != nil {
		Fail(err.Error())
	}
	// Under another name first: whoever waits for the file finds the pid in it.
	unfinished := path + ".new"
	if err := os.WriteFile(unfinished, []byte(fmt.Sprintln(child.Process.Pid)), 0o644); err != nil {
		Fail(err.Error())
	}
	if err := os.Rename(unfinished, path); err != nil {
		Fail(err.Error())
	}
}
