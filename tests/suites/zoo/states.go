package zoo

import (
	"errors"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

var _ = Describe("[sig-zoo] States", func() {
	It("passes [Conformance]", func() {})

	It("fails", red, func() {
		Fail("this one fails on purpose")
	})

	It("fails with a message of several lines", red, func() {
		Fail("first line\n\n\tthird line, indented\nlast line without end")
	})

	It("fails in a helper that is not to blame", red, func() {
		failWithOffset()
	})

	It("fails in a helper that says it is one", red, func() {
		failAsHelper()
	})

	It("panics", red, func() {
		panic("boom")
	})

	It("panics with an error", red, func() {
		panic(errors.New("boom as an error"))
	})

	It("panics in the runtime", red, func() {
		var counts map[string]int
		counts["nobody made this map"]++
	})

	It("skips itself", func() {
		Skip("nothing to see today")
	})

	It("skips itself with hostile words", func() {
		Skip("<skipped> & \"quoted\" 'twice' ]]>")
	})

	PIt("is pending", func() {
		Fail("a pending spec ran")
	})

	It("is pending by decorator", Pending, func() {
		Fail("a pending spec ran")
	})

	PIt("has no body yet")

	// Long enough to get to the body on a busy machine: what begins after its
	// timeout gets the grace period, and another message.
	It("times out", red, SpecTimeout(time.Second), func(ctx SpecContext) {
		<-ctx.Done()
	})

	It("times out and fails on its way out", red, SpecTimeout(time.Second), func(ctx SpecContext) {
		<-ctx.Done()
		Fail("interrupted while waiting")
	})

	It("ends before its timeout", SpecTimeout(time.Minute), func(ctx SpecContext) {
		if err := ctx.Err(); err != nil {
			Fail(err.Error())
		}
	})

	It("is slow enough to report progress", PollProgressAfter(20*time.Millisecond), PollProgressInterval(40*time.Millisecond), func(ctx SpecContext) {
		fmt.Fprintln(GinkgoWriter, "before the progress report")
		By("sleeping through a progress report")
		time.Sleep(100 * time.Millisecond)
	})
})

var _ = Describe("[sig-zoo] Attempts", func() {
	It("passes at the second of three attempts [Flaky]", FlakeAttempts(3), func() {
		fmt.Fprintf(GinkgoWriter, "attempt %d\n", CurrentSpecReport().NumAttempts)
		if CurrentSpecReport().NumAttempts < 2 {
			Fail("not yet")
		}
	})

	It("fails at each of two attempts [Flaky]", red, FlakeAttempts(2), func() {
		fmt.Printf("attempt %d\n", CurrentSpecReport().NumAttempts)
		Fail(fmt.Sprintf("never, attempt %d", CurrentSpecReport().NumAttempts))
	})

	It("passes three times in a row", MustPassRepeatedly(3), func() {
		fmt.Fprintf(GinkgoWriter, "pass %d\n", CurrentSpecReport().NumAttempts)
	})

	It("passes once and then no more", red, MustPassRepeatedly(3), func() {
		if CurrentSpecReport().NumAttempts > 1 {
			Fail("once was enough")
		}
	})
})

var _ = Describe("[sig-zoo] Multiple failures", func() {
	AfterEach(func() {
		if CurrentSpecReport().Failed() {
			Fail("the AfterEach fails too")
		}
	})

	It("fails, and its AfterEach as well", red, func() {
		DeferCleanup(func() {
			Fail("the DeferCleanup is the third to fail")
		})
		Fail("the It fails first")
	})

	It("panics, and its AfterEach fails", red, func() {
		panic("boom before the AfterEach")
	})

	It("passes, and so does its AfterEach", func() {})
})

var _ = Describe("[sig-zoo] Failing setup", func() {
	Context("with a BeforeEach that fails", func() {
		BeforeEach(func() {
			Fail("the BeforeEach fails")
		})
		It("never gets to its body", red, func() {})
	})

	Context("with a BeforeEach that skips", func() {
		BeforeEach(func() {
			Skip("the BeforeEach skips")
		})
		It("is skipped before its body", func() {})
	})

	Context("with a JustBeforeEach that panics", func() {
		JustBeforeEach(func() {
			panic("the JustBeforeEach panics")
		})
		It("never gets to its body either", red, func() {})
	})

	Context("with an AfterEach that fails", func() {
		AfterEach(func() {
			Fail("only the AfterEach fails")
		})
		It("passes until it is cleaned up", red, func() {})
	})
})

func failWithOffset() {
	Fail("the caller is to blame", 1)
}

func failAsHelper() {
	GinkgoHelper()
	Fail("whoever called the helper is to blame")
}
