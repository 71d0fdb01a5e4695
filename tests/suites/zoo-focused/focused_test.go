// Package focused is the zoo with one spec focused in its source, as happens
// when a developer's FIt is left behind: everything else is skipped, and a
// passing run exits with 197.
package focused

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"

	_ "multibeam/suites/zoo"
)

func TestFocused(t *testing.T) {
	RunSpecs(t, "Zoo suite")
}

var _ = FDescribe("[sig-zoo] Focused", func() {
	It("is the only one that runs", func() {})
})
