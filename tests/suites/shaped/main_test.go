package shaped

import (
	"flag"
	"fmt"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
)

// TestMain answers the questions that e2e.test answers without running specs.
func TestMain(m *testing.M) {
	flag.Parse()
	switch {
	case *printVersion:
		fmt.Println(suiteVersion())
		os.Exit(0)
	case *listConformance:
		fmt.Print(conformanceYAML(specs))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestE2E(t *testing.T) {
	suite, reporter := GinkgoConfiguration()
	// What e2e.test sets by itself: a random order, and without any filter the
	// specs left out that no cluster passes by default. A runner that adds a
	// filter of its own cancels the latter.
	suite.RandomizeAllSpecs = true
	if len(suite.FocusStrings) == 0 && len(suite.SkipStrings) == 0 && suite.LabelFilter == "" {
		suite.SkipStrings = []string{`\[Flaky\]|\[Feature:.+\]`}
	}
	RunSpecs(t, "Kubernetes e2e suite", suite, reporter)
}
