package shaped

import (
	"flag"
	"os"
)

// Flags of e2e.test. Those that only matter to a real cluster are accepted and
// not looked at.
var (
	printVersion    = flag.Bool("version", false, "Displays version information.")
	listConformance = flag.Bool("list-conformance-tests", false, "If true, will show list of conformance tests.")
	reportDir       = flag.String("report-dir", "", "Path to the directory where the JUnit XML report is saved.")

	_ = flag.String("provider", "", "The name of the Kubernetes provider (not used).")
	_ = flag.String("kubeconfig", os.Getenv("KUBECONFIG"), "Path to kubeconfig (not used).")
	_ = flag.String("kube-context", "", "kubeconfig context to use (not used).")
	_ = flag.Int("num-nodes", -1, "Number of nodes in the cluster (not used).")
)

// version is set by the linker: the Kubernetes version that uses the Ginkgo
// version of this build.
var version = "v1.30.0"

// suiteVersion is what --version prints; SHAPED_VERSION overrides the built-in one.
func suiteVersion() string {
	return fromEnvironment("SHAPED_VERSION", version)
}

// serverVersion is what the API server claims to be: SHAPED_SERVER_VERSION, or
// the suite's own version.
func serverVersion() string {
	return fromEnvironment("SHAPED_SERVER_VERSION", suiteVersion())
}

func fromEnvironment(name, otherwise string) string {
	if value, ok := os.LookupEnv(name); ok && value != "" {
		return value
	}
	return otherwise
}
