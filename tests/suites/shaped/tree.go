package shaped

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"

	. "github.com/onsi/ginkgo/v2"
	"github.com/onsi/ginkgo/v2/types"

	// The specs of this suite are watched.
	_ "multibeam/suites/trace"
)

const (
	// defaultScale makes 6,096 s of specs about 100 s of sleep.
	defaultScale = 60
	// serialExtras: every so many-th extra spec is Serial, as in the real suite.
	serialExtras = 8
)

var (
	scale  = number("SHAPED_SCALE", defaultScale)
	extras = int(number("SHAPED_EXTRA", 0))
	fails  = pattern("SHAPED_FAIL")
)

func init() {
	for first := 0; first < len(specs); {
		container, _ := specs[first].split()
		last := first
		for last < len(specs) {
			if other, _ := specs[last].split(); other != container {
				break
			}
			last++
		}
		declare(container, specs[first:last])
		first = last
	}
	if extras > 0 {
		declare("[sig-extra]", extraSpecs(extras))
	}
}

// declare makes one container with its specs.
func declare(container string, specs []spec) {
	Describe(container, func() {
		for _, s := range specs {
			s := s
			_, leaf := s.split()
			arguments := []any{
				types.CodeLocation{FileName: durationsFile, LineNumber: s.line},
				func(ctx SpecContext) { run(ctx, s) },
			}
			if s.serial {
				arguments = append(arguments, Serial)
			}
			It(leaf, arguments...)
		}
	})
}

// extraSpecs are specs that nobody selects: a run has to step over them.
func extraSpecs(count int) []spec {
	made := make([]spec, 0, count)
	for i := 1; i <= count; i++ {
		s := spec{text: fmt.Sprintf("[sig-extra] spec %05d is never part of a certified run [Feature:Extra]", i), line: i}
		if i%serialExtras == 0 {
			s.text += " [Serial]"
			s.serial = true
		}
		made = append(made, s)
	}
	return made
}

// run takes the spec's share of time, and ends early when interrupted.
func run(ctx context.Context, s spec) {
	useCluster()
	leaveThings()
	By("waiting as long as the real one takes, scaled down")
	wait := time.Duration(float64(s.duration) / scale)
	fmt.Fprintf(GinkgoWriter, "%s of %s\n", wait, s.duration)
	select {
	case <-ctx.Done():
		Fail("interrupted: " + ctx.Err().Error())
	case <-time.After(wait):
	}
	useCluster()
	if fails != nil && fails.MatchString(s.text) {
		Fail("SHAPED_FAIL asks for a failure here")
	}
}

// number reads a positive number; a suite with wrong settings does not start.
func number(name string, otherwise float64) float64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value < 0 || (value == 0 && otherwise > 0) {
		exit(name, text, "a positive number")
	}
	return value
}

func pattern(name string) *regexp.Regexp {
	text := os.Getenv(name)
	if text == "" {
		return nil
	}
	compiled, err := regexp.Compile(text)
	if err != nil {
		exit(name, text, "a regular expression")
	}
	return compiled
}

func exit(name, got, want string) {
	fmt.Fprintf(os.Stderr, "%s: %q is not %s\n", name, got, want)
	os.Exit(1)
}
