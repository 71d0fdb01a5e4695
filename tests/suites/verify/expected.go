package verify

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/onsi/ginkgo/v2/types"
)

// Expected is what a plain run of the zoo makes of one spec. The list has one
// entry per spec, in the order of declaration; equal texts come several times.
type Expected struct {
	// Text is the full text, container texts that are empty left out.
	Text string `json:"text"`
	// TextBefore is the full text before Ginkgo 2.25.1, where it differs.
	TextBefore string `json:"text_before_2_25_1,omitempty"`
	// State is the final state.
	State string `json:"state"`
	// Serial says whether the spec has the Serial decorator.
	Serial bool `json:"serial"`
	// Group names the Ordered container that makes one execution group with
	// the other members; without it the spec is a group of its own.
	Group string `json:"group,omitempty"`
	// Labels are those of containers and spec, in this order, without Serial.
	Labels []string `json:"labels,omitempty"`
	// Attempts is the number of attempts; a spec with none did not begin.
	Attempts int `json:"attempts"`
	// Message is the failure's message, or that of Skip().
	Message string `json:"message,omitempty"`
	// Panic is what was thrown.
	Panic string `json:"panic,omitempty"`
	// Additional are the messages of further failures.
	Additional []string `json:"additional,omitempty"`
	// Switch is the variable that makes this spec dangerous.
	Switch string `json:"switch,omitempty"`
}

// ReadExpected reads the model.
func ReadExpected(path string) ([]Expected, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var expected []Expected
	if err := json.Unmarshal(text, &expected); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return expected, nil
}

// ReadReport reads a JSON report of one suite.
func ReadReport(path string) (types.Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return types.Report{}, err
	}
	var reports []types.Report
	if err := json.Unmarshal(text, &reports); err != nil {
		return types.Report{}, fmt.Errorf("%s: %w", path, err)
	}
	if len(reports) != 1 {
		return types.Report{}, fmt.Errorf("%s: %d reports, expected one", path, len(reports))
	}
	return reports[0], nil
}

// Specs gives the reports of specs, without those of suite nodes.
func Specs(report types.Report) types.SpecReports {
	return report.SpecReports.WithLeafNodeType(types.NodeTypeIt)
}

// Outcome is the report's part of the model; what a report does not carry
// (Serial, Group, Switch) stays empty.
func Outcome(report types.SpecReport) Expected {
	outcome := Expected{
		Text:     FullText(report),
		State:    report.State.String(),
		Attempts: report.NumAttempts,
		Message:  report.Failure.Message,
		Panic:    report.Failure.ForwardedPanic,
	}
	for _, label := range report.Labels() {
		if label != "Serial" {
			outcome.Labels = append(outcome.Labels, label)
		}
	}
	for _, additional := range report.AdditionalFailures {
		outcome.Additional = append(outcome.Additional, additional.Failure.Message)
	}
	return outcome
}

// FullText joins the texts as Ginkgo does from 2.25.1 on.
func FullText(report types.SpecReport) string {
	var texts []string
	for _, text := range append(append([]string{}, report.ContainerHierarchyTexts...), report.LeafNodeText) {
		if text != "" {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, " ")
}
