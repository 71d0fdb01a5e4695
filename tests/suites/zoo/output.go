package zoo

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

const (
	// hostile is what XML, terminals and careless quoting choke on.
	hostile = "<tag attr=\"x\"> & 'quotes' ]]> <![CDATA[ \x01\x07\x1b[31mred\x1b[0m \x7f \\ \t tab \u2028 \ufffe \U0001F400"
	// brokenUTF8 has a lone continuation byte, a cut-off sequence, an overlong
	// one, a surrogate, and a zero byte.
	brokenUTF8 = "lone \x80, cut \xe2\x82, overlong \xc0\xaf, surrogate \xed\xa0\x80, zero \x00, end\n"
	megabyte   = 1 << 20
)

var _ = Describe("[sig-zoo] Names", func() {
	It("in Unicode: Grüße, 世界, Ωμέγα, 🐙🦑, e\u0301, \u202eright to left\u202c", func() {})
	It("hostile to XML: "+hostile, func() {})
	It("with a line\nbreak and a\ttab", func() {})
	It(" with blanks at both ends ", func() {})
	It("with {{red}}format{{/}} words and %s %d %[1]v", func() {})
	It("very long: "+strings.Repeat("long ", 400)+"end", func() {})
	It("hostile and failing: <b>&amp;</b> ]]>", red, func() { Fail("message: " + hostile) })
	It("hostile and panicking", red, func() { panic(hostile) })
})

var _ = Describe("[sig-zoo] Output", func() {
	It("says everything everywhere", func() {
		fmt.Fprintln(GinkgoWriter, "to the writer")
		GinkgoWriter.Printf("to the writer, %s\n", "formatted")
		fmt.Println("to standard output")
		fmt.Fprintln(os.Stderr, "to standard error")
		GinkgoLogr.Info("to the logger", "key", "value")
	})

	It("is hostile to XML", func() {
		fmt.Fprintln(GinkgoWriter, hostile)
		fmt.Println(hostile)
	})

	It("is hostile to XML and fails", red, func() {
		fmt.Fprintln(GinkgoWriter, hostile)
		fmt.Println(hostile)
		Fail("failed after hostile output")
	})

	It("is not valid UTF-8", func() {
		fmt.Fprint(GinkgoWriter, brokenUTF8)
		fmt.Print(brokenUTF8)
	})

	It("is not valid UTF-8 and fails", red, func() {
		fmt.Fprint(GinkgoWriter, brokenUTF8)
		Fail("not valid either: " + brokenUTF8)
	})

	It("is a megabyte on standard output", func() {
		fmt.Print(bulk(megabyte))
	})

	It("is a megabyte in the writer", func() {
		if size, err := strconv.Atoi(os.Getenv(switchNoise)); err == nil {
			fmt.Fprint(GinkgoWriter, noise(size))
			return
		}
		fmt.Fprint(GinkgoWriter, bulk(megabyte))
	})

	It("is a single line of a megabyte, and fails", red, func() {
		fmt.Fprint(GinkgoWriter, strings.Repeat("x", megabyte))
		Fail("failed after a very long line")
	})

	It("does not end its last line", func() {
		fmt.Fprint(GinkgoWriter, "no line end in the writer")
		fmt.Print("no line end on standard output")
	})

	It("looks like a report", func() {
		fmt.Fprintln(GinkgoWriter, "Ran 1 of 1 Specs in 0.001 seconds")
		fmt.Fprintln(GinkgoWriter, "SUCCESS! -- 1 Passed | 0 Failed | 0 Pending | 0 Skipped")
		fmt.Println("</system-out></testcase></testsuite></testsuites>")
	})
})

// point is a report entry's value with a text of its own.
type point struct{ X, Y int }

func (p point) String() string { return fmt.Sprintf("(%d <%d>)", p.X, p.Y) }

// coloured is a report entry's value with colours of its own.
type coloured struct{ Text string }

func (c coloured) ColorableString() string { return "{{red}}" + c.Text + "{{/}}" }

var _ = Describe("[sig-zoo] Entries", func() {
	It("shows report entries", func() {
		AddReportEntry("always", "shown always", ReportEntryVisibilityAlways)
		AddReportEntry("on failure or when verbose", 42, ReportEntryVisibilityFailureOrVerbose)
		AddReportEntry("never", "shown never", ReportEntryVisibilityNever)
		AddReportEntry("without a value")
		AddReportEntry("a value that prints itself", point{1, 2})
		AddReportEntry("a coloured value", coloured{"warm"})
		AddReportEntry("a structure", map[string]any{"list": []int{1, 2, 3}, "text": "<&>"})
		AddReportEntry("hostile "+hostile, hostile)
	})

	It("shows report entries and fails", red, func() {
		AddReportEntry("on failure or when verbose", "shown now", ReportEntryVisibilityFailureOrVerbose)
		AddReportEntry("never", "not even now", ReportEntryVisibilityNever)
		Fail("failed after its entries")
	})

	It("adds entries while cleaning up", func() {
		DeferCleanup(func() {
			AddReportEntry("from the cleanup", time.Duration(0))
		})
	})

	It("goes by steps", func() {
		By("taking the first step")
		By("taking a step that lasts", func() { time.Sleep(slow()) })
		DeferCleanup(func() { By("stepping back") })
	})

	It("fails in a step", red, func() {
		By("taking the last step", func() { Fail("stumbled") })
	})

	It("cleans up in reverse order", func() {
		for i := 1; i <= 3; i++ {
			DeferCleanup(func(n int) { fmt.Fprintf(GinkgoWriter, "cleanup %d\n", n) }, i)
		}
	})

	It("carries labels", Label("blue", "green", "Feature: <odd> co"), func() {})
})

// bulk gives that many bytes in numbered lines.
func bulk(size int) string {
	var out strings.Builder
	for line := 1; out.Len() < size; line++ {
		fmt.Fprintf(&out, "%07d the quick brown fox jumps over the lazy dog\n", line)
	}
	return out.String()[:size]
}

// noise gives that many bytes in lines of random hexadecimal digits, the same
// ones every time: xorshift64 from 1 on.
func noise(size int) string {
	var out strings.Builder
	for x := uint64(1); out.Len() < size; {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		fmt.Fprintf(&out, "%016x\n", x)
	}
	return out.String()[:size]
}
