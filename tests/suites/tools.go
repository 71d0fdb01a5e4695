//go:build tools

// Package suites only pins what the build script compiles besides the suites:
// the ginkgo command, whose dependencies would otherwise miss in the go.sum files.
package suites

import _ "github.com/onsi/ginkgo/v2/ginkgo"
