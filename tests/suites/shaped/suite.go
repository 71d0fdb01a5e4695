package shaped

import (
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/reporters"
	"github.com/onsi/ginkgo/v2/types"

	"multibeam/suites/trace"
)

// Process 1 says which versions meet, as reviewers of a certified log want it.
var _ = SynchronizedBeforeSuite(func() []byte {
	trace.Node("SynchronizedBeforeSuite, process 1")
	fmt.Fprintf(GinkgoWriter, "I0101 00:00:00.000000 %7d e2e.go:109] e2e test version: %s\n", 1, suiteVersion())
	fmt.Fprintf(GinkgoWriter, "I0101 00:00:00.000000 %7d e2e.go:118] kube-apiserver version: %s\n", 1, serverVersion())
	return []byte(suiteVersion())
}, func(data []byte) {
	trace.Node("SynchronizedBeforeSuite, every process")
	tellCluster()
	if string(data) != suiteVersion() {
		Fail(fmt.Sprintf("process 1 is %q, this one %q", data, suiteVersion()))
	}
})

var _ = SynchronizedAfterSuite(func() {
	trace.Node("SynchronizedAfterSuite, every process")
}, func() {
	trace.Node("SynchronizedAfterSuite, process 1")
})

// The report that Kubernetes' suite writes for itself: with --report-dir only,
// and from what process 1 was told by the others.
var _ = ReportAfterSuite("Kubernetes e2e JUnit report", func(report Report) {
	if *reportDir == "" {
		return
	}
	if err := os.MkdirAll(*reportDir, 0o755); err != nil {
		Fail(err.Error())
	}
	err := reporters.GenerateJUnitReportWithConfig(report, filepath.Join(*reportDir, "junit_01.xml"), reporters.JunitReportConfig{
		OmitTimelinesForSpecState: types.SpecStatePassed | types.SpecStateSkipped,
		OmitFailureMessageAttr:    true,
		OmitSpecLabels:            true,
	})
	if err != nil {
		Fail(err.Error())
	}
})
