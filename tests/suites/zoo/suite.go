package zoo

import (
	"bytes"
	"fmt"
	"os"

	. "github.com/onsi/ginkgo/v2"

	"multibeam/suites/trace"
)

// suiteData is what process 1 hands to every process: all byte values, because
// it has to come through unchanged.
var suiteData = func() []byte {
	data := []byte("zoo\n")
	for i := 0; i < 256; i++ {
		data = append(data, byte(i))
	}
	return data
}()

// received is what this process got from process 1.
var received []byte

var _ = SynchronizedBeforeSuite(func() []byte {
	trace.Node("SynchronizedBeforeSuite, process 1")
	fmt.Fprintln(GinkgoWriter, "e2e test version: v1.36.2")
	fmt.Fprintln(GinkgoWriter, "kube-apiserver version: v1.36.2")
	fmt.Println("process 1 speaks on standard output: <before-suite> & more")
	fmt.Fprintln(os.Stderr, "process 1 speaks on standard error")
	crashOnce(switchBeforeSuiteCrashOnce)
	if on(switchBeforeSuiteSkip) {
		Skip("the before-suite skips the suite")
	}
	if on(switchBeforeSuiteFail) && os.Getenv(switchBeforeSuiteFail) != "all" {
		Fail("the before-suite of process 1 fails")
	}
	DeferCleanup(func() {
		trace.Node("DeferCleanup (Suite), process 1")
		fmt.Fprintln(GinkgoWriter, "process 1 cleans up after the suite")
	})
	return suiteData
}, func(data []byte) {
	trace.Node("SynchronizedBeforeSuite, every process")
	received = data
	fmt.Fprintf(GinkgoWriter, "process %d got %d bytes\n", GinkgoParallelProcess(), len(data))
	if os.Getenv(switchBeforeSuiteFail) == "all" {
		Fail("the before-suite of every process fails")
	}
	DeferCleanup(func() {
		trace.Node("DeferCleanup (Suite), every process")
		fmt.Fprintln(GinkgoWriter, "every process cleans up after the suite")
	})
})

var _ = SynchronizedAfterSuite(func() {
	trace.Node("SynchronizedAfterSuite, every process")
	fmt.Fprintf(GinkgoWriter, "process %d is done\n", GinkgoParallelProcess())
}, func() {
	trace.Node("SynchronizedAfterSuite, process 1")
	fmt.Println("process 1 is the last one")
	if on(switchAfterSuiteFail) {
		Fail("the after-suite of process 1 fails")
	}
})

var _ = ReportBeforeSuite(func(report Report) {
	trace.Node("ReportBeforeSuite")
	fmt.Fprintf(GinkgoWriter, "%d specs are about to run\n", report.PreRunStats.SpecsThatWillRun)
})

var _ = ReportAfterSuite("Zoo report", func(report Report) {
	trace.Node("ReportAfterSuite")
	fmt.Fprintf(GinkgoWriter, "%d reports came in\n", len(report.SpecReports))
})

// reported counts what ReportAfterEach saw, skipped specs included.
var reported int

var _ = ReportAfterEach(func(SpecReport) {
	reported++
})

var _ = Describe("[sig-zoo] Suite", func() {
	It("receives the data of process 1 unchanged", func() {
		if !bytes.Equal(received, suiteData) {
			Fail(fmt.Sprintf("got %q", received))
		}
	})

	It("has a process number", func() {
		config, _ := GinkgoConfiguration()
		if number := GinkgoParallelProcess(); number < 1 || number > config.ParallelTotal {
			Fail(fmt.Sprintf("process %d of %d", number, config.ParallelTotal))
		}
	})
})
