// Package zoo keeps a specimen of every state and oddity that a Ginkgo suite
// can show to its runner.
//
// A plain run is safe and ends the same way every time; expected.json says how.
// What would kill or hang a process waits behind a variable (settings.go). The
// set of specs never depends on a variable, so indices stay comparable.
//
// Specs whose final state is a failure carry the label "red", together with the
// Ordered container they are in: a run with --ginkgo.label-filter='!red' passes.
package zoo

// The specs of this suite are watched.
import _ "multibeam/suites/trace"
