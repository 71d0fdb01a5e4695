package main

import (
	"bufio"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2/reporters"
	"github.com/onsi/ginkgo/v2/types"
)

// writeJUnit writes the file that Kubernetes' test framework writes: the same configuration and the
// same order. The sort is stable, so that reports which agree in text and start time keep the order
// of the report; the framework leaves their order open.
func writeJUnit(report types.Report, path string) error {
	report.SpecReports = slices.Clone(report.SpecReports)
	slices.SortStableFunc(report.SpecReports, func(a, b types.SpecReport) int {
		if order := strings.Compare(a.FullText(), b.FullText()); order != 0 {
			return order
		}
		return a.StartTime.Compare(b.StartTime)
	})
	return reporters.GenerateJUnitReportWithConfig(report, path, reporters.JunitReportConfig{
		OmitTimelinesForSpecState: types.SpecStatePassed | types.SpecStateSkipped,
		OmitFailureMessageAttr:    true,
		OmitSpecLabels:            true,
	})
}

// writeLog writes what the default reporter prints with -v and without colours when every report
// says that it ran in parallel; otherwise the reporter takes output for already streamed.
func writeLog(report types.Report, path string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	out := bufio.NewWriter(file)
	reporter := reporters.NewDefaultReporter(types.ReporterConfig{Verbose: true, NoColor: true}, out)

	report.SpecReports = slices.Clone(report.SpecReports)
	slices.SortStableFunc(report.SpecReports, compareInLog)
	reporter.SuiteWillBegin(report)
	for _, spec := range report.SpecReports {
		spec.RunningInParallel = true
		reporter.DidRun(spec)
	}
	reporter.SuiteDidEnd(report)
	return out.Flush()
}

// compareInLog puts unselected specs first, as they are, and the others in the order they ended.
func compareInLog(a, b types.SpecReport) int {
	switch {
	case unselected(a) && unselected(b):
		return 0
	case unselected(a):
		return -1
	case unselected(b):
		return 1
	}
	return ended(a).Compare(ended(b))
}

func unselected(spec types.SpecReport) bool {
	return spec.State.Is(types.SpecStatePending) ||
		spec.State.Is(types.SpecStateSkipped) && spec.Failure.Message == ""
}

// ended is the time a report stands at. A spec skipped after a failure in its Ordered container
// has no end.
func ended(spec types.SpecReport) time.Time {
	if spec.EndTime.IsZero() {
		return spec.StartTime
	}
	return spec.EndTime
}
