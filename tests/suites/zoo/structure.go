package zoo

import (
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
)

var _ = Describe("[sig-zoo] Ordered", func() {
	Describe("in good order", Ordered, func() {
		var steps []string
		BeforeAll(func() { steps = append(steps, "before all") })
		AfterAll(func() { fmt.Fprintln(GinkgoWriter, steps) })

		It("first", func() { steps = append(steps, "first") })
		It("second", func() {
			steps = append(steps, "second")
			if len(steps) != 3 {
				Fail(fmt.Sprintf("out of order: %q", steps))
			}
		})
		Context("with a nested container", func() {
			It("third", func() {
				if len(steps) != 3 {
					Fail(fmt.Sprintf("out of order: %q", steps))
				}
			})
		})
	})

	Describe("failing in the middle", Ordered, red, func() {
		BeforeAll(func() { fmt.Fprintln(GinkgoWriter, "before all of them") })
		AfterAll(func() { fmt.Fprintln(GinkgoWriter, "after all of them") })

		It("first passes", func() {})
		It("second fails", func() { Fail("the middle of an Ordered container") })
		It("third is skipped", func() { Fail("ran after a failure") })
		It("fourth is skipped", func() { Fail("ran after a failure") })
	})

	Describe("failing and going on", Ordered, ContinueOnFailure, red, func() {
		It("first fails", func() { Fail("but the others go on") })
		It("second passes", func() {})
	})

	Describe("failing before all", Ordered, red, func() {
		BeforeAll(func() { Fail("the BeforeAll fails") })

		It("first fails with it", func() {})
		It("second is skipped", func() { Fail("ran after a failure") })
	})

	Describe("failing after all", Ordered, red, func() {
		AfterAll(func() { Fail("the AfterAll fails") })

		It("first passes", func() {})
		It("last fails with it", func() {})
	})

	Describe("skipping in the middle", Ordered, func() {
		It("first passes", func() {})
		It("second skips itself", func() { Skip("not today") })
		It("third passes", func() {})
		PIt("fourth is pending", func() {})
	})
})

var _ = Describe("[sig-zoo] Serial", func() {
	It("takes its time alone [Serial]", Serial, func() { time.Sleep(slow()) })
	It("takes its time alone again [Serial] [Slow]", Serial, func() { time.Sleep(slow()) })
	It("disrupts everything [Serial] [Disruptive] [Conformance]", Serial, func() { time.Sleep(slow()) })
	It("is so by decorator only", Serial, func() { time.Sleep(slow()) })
	It("claims [Serial] in its text only", func() { time.Sleep(slow()) })
	It("fails alone [Serial]", Serial, red, func() { Fail("nobody else was there") })
	It("skips itself alone [Serial]", Serial, func() { Skip("nobody would have seen it") })
	It("is pending alone [Serial]", Serial, Pending, func() {})
	It(`has every (regular) [expression] in {its} name: .*+?^$|\d "quoted", 'twice' [Serial]`, Serial, func() {})

	Describe("ordered [Serial]", Serial, Ordered, func() {
		BeforeAll(func() { fmt.Fprintln(GinkgoWriter, "before all, alone") })

		It("first", func() { time.Sleep(slow()) })
		It("second", func() { time.Sleep(slow()) })
		It("third", func() { time.Sleep(slow()) })
	})

	Describe("ordered, failing in the middle [Serial]", Serial, Ordered, red, func() {
		It("first passes", func() {})
		It("second fails", func() { Fail("the middle of a Serial container") })
		It("third is skipped", func() { Fail("ran after a failure") })
	})

	Describe("by container [Serial]", Serial, func() {
		It("one", func() { time.Sleep(slow()) })
		It("other", func() { time.Sleep(slow()) })
	})

	// Equal texts: who narrows a serial list by name hits both.
	It("is there twice [Serial]", Serial, func() {})
	It("is there twice [Serial]", Serial, func() {})
})

// One text ends like another: a pattern without its beginning hits both.
var _ = It("tail of another [Serial]", Serial, func() {})

var _ = Describe("[sig-zoo]", func() {
	It("tail of another [Serial]", Serial, func() {})
})

var _ = Describe("[sig-zoo] Nested", func() {
	Describe("one", func() {
		Context("two", func() {
			When("three", func() {
				BeforeEach(func() { By("setting up at depth three") })
				It("has one container within the other [Feature:Nesting]", Label("deep", "nested"), func() {
					By("running at depth four", func() {
						By("stepping within a step")
					})
				})
			})
		})
	})
})

var _ = Describe("[sig-zoo] Empty text", func() {
	Describe("", func() {
		It("has a container without a text", func() {})
	})
})

var _ = DescribeTable("[sig-zoo] Table", func(a, b, sum int) {
	if a+b != sum {
		Fail(fmt.Sprintf("%d + %d is not %d", a, b, sum))
	}
},
	Entry("adds up", 1, 2, 3),
	Entry("does not add up", red, 1, 2, 4),
	Entry(nil, 2, 3, 5),
	Entry(func(a, b, sum int) string { return fmt.Sprintf("names itself %d + %d = %d", a, b, sum) }, 3, 4, 7),
	PEntry("is a pending entry", 0, 0, 1),
	Entry("adds up alone [Serial]", Serial, 4, 5, 9),
)

var _ = Describe("[sig-zoo] Duplicates", func() {
	for i := 0; i < 3; i++ {
		It("have the same text and the same place", func() { time.Sleep(slow()) })
	}
	It("have the same text", func() {})
	It("have the same text", func() {})
	It("have the same text and differ in state", func() {})
	It("have the same text and differ in state", red, func() { Fail("the second of two twins") })
})

var _ = Describe("[sig-zoo] Slow", func() {
	for i := 1; i <= 8; i++ {
		It(fmt.Sprintf("sleeps a little, number %d [Slow]", i), func(ctx SpecContext) {
			select {
			case <-ctx.Done():
				Fail("interrupted")
			case <-time.After(slow()):
			}
		})
	}
})
