// Command oracle renders a merged report with Ginkgo's own reporters package, so that a renderer
// can be held against it byte for byte. It is built once per Ginkgo version.
//
//	oracle [--junit FILE] [--log FILE] report.json   render one report
//	oracle --batch DIR                               render DIR/*.json to .xml and .log beside them
//	oracle --check report.json                       decode strictly, print counts as JSON
//
// Exit status: 0 done, 1 a report could not be read or rendered, 2 wrong arguments.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
)

func main() {
	junit := flag.String("junit", "", "write the JUnit file here")
	log := flag.String("log", "", "write the log here")
	batch := flag.String("batch", "", "render every .json file of this directory")
	check := flag.Bool("check", false, "decode strictly and print counts")
	flag.Parse()

	var err error
	switch {
	case *batch != "" && flag.NArg() == 0:
		err = renderAll(*batch)
	case *batch == "" && flag.NArg() == 1 && *check:
		err = printCounts(flag.Arg(0))
	case *batch == "" && flag.NArg() == 1:
		err = render(flag.Arg(0), *junit, *log)
	default:
		fmt.Fprintln(os.Stderr, "usage: oracle [--junit FILE] [--log FILE] report.json | --batch DIR | --check report.json")
		os.Exit(2)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "oracle:", err)
		os.Exit(1)
	}
}

// read decodes a file with exactly one report. Strict decoding refuses keys this version of Ginkgo
// does not know.
func read(path string, strict bool) (types.Report, error) {
	file, err := os.Open(path)
	if err != nil {
		return types.Report{}, err
	}
	defer file.Close()
	decoder := json.NewDecoder(file)
	if strict {
		decoder.DisallowUnknownFields()
	}
	var reports []types.Report
	if err := decoder.Decode(&reports); err != nil {
		return types.Report{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(reports) != 1 {
		return types.Report{}, fmt.Errorf("%s: expected one report, got %d", path, len(reports))
	}
	return reports[0], nil
}

// render writes the requested files. A panic of the reporter (Ginkgo before 2.27 slices by
// offsets it does not check) is an error that names the report.
func render(path, junit, log string) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%s: the reporter panicked: %v", path, cause)
		}
	}()
	report, err := read(path, false)
	if err != nil {
		return err
	}
	if log != "" {
		if err := writeLog(report, log); err != nil {
			return err
		}
	}
	if junit != "" {
		return writeJUnit(report, junit)
	}
	return nil
}

func renderAll(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s: no .json file", dir)
	}
	var failed []error
	for _, path := range paths {
		base := strings.TrimSuffix(path, ".json")
		failed = append(failed, render(path, base+".xml", base+".log"))
	}
	return errors.Join(failed...)
}

func printCounts(path string) error {
	report, err := read(path, true)
	if err != nil {
		return err
	}
	states, nodes := map[string]int{}, map[string]int{}
	for _, spec := range report.SpecReports {
		states[spec.State.String()]++
		nodes[spec.LeafNodeType.String()]++
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"specs":     len(report.SpecReports),
		"states":    states,
		"nodes":     nodes,
		"succeeded": report.SuiteSucceeded,
	})
}
