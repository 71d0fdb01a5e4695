package zoo

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
)

func TestZoo(t *testing.T) {
	RunSpecs(t, "Zoo suite")
}
