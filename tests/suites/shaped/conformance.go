package shaped

import (
	"fmt"
	"strings"
)

// conformanceYAML lists the specs in the shape of Kubernetes' conformance.yaml.
func conformanceYAML(specs []spec) string {
	var out strings.Builder
	for _, s := range specs {
		_, leaf := s.split()
		fmt.Fprintf(&out, "- testname: %s\n", quote(strings.TrimSuffix(leaf, " [Conformance]")))
		fmt.Fprintf(&out, "  codename: %s\n", quote(s.text))
		fmt.Fprintf(&out, "  description: %s\n", quote(fmt.Sprintf("Took %s in the run that the table is from.", s.duration)))
		fmt.Fprintf(&out, "  release: v1.30\n")
		fmt.Fprintf(&out, "  file: %s\n", durationsFile)
	}
	return out.String()
}

// quote gives a single-quoted YAML scalar.
func quote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
