// Package v1 is a suite on Ginkgo v1, which no runner of Ginkgo v2 can drive:
// it is here to be refused with a clear message.
package v1

import (
	"testing"

	. "github.com/onsi/ginkgo"
)

func TestV1(t *testing.T) {
	RunSpecs(t, "Ginkgo v1 suite")
}

var _ = Describe("[sig-old]", func() {
	It("passes", func() {})
})
