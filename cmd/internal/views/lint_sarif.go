package views

import (
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	pages "github.com/expandcontract/migrate/docs/rules"
	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// lintSARIF writes findings in the Static Analysis Results Interchange Format,
// version 2.1.0, that code scanning services read.
type lintSARIF struct{ s *streams.Streams }

type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool       sarifTool     `json:"tool"`
		ColumnKind string        `json:"columnKind"`
		Results    []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID      string       `json:"id"`
		Short   sarifText    `json:"shortDescription"`
		Help    sarifText    `json:"help"`
		Default sarifDefault `json:"defaultConfiguration"`
	}
	sarifDefault struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		Physical sarifPhysical `json:"physicalLocation"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
)

// Lint implements Linter.
func (v lintSARIF) Lint(l *Lint) error {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "migrate", Version: l.Tool.Version, Rules: []sarifRule{}}},
		ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
	}
	var names []string
	for _, h := range l.Findings {
		if !slices.Contains(names, h.Rule) {
			names = append(names, h.Rule)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		rule, err := sarifRuleOf(name)
		if err != nil {
			return err
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, rule)
	}
	for _, h := range l.Findings {
		message := h.Message
		if h.Instead != "" {
			message += "; instead: " + h.Instead
		}
		result := sarifResult{
			RuleID: h.Rule, RuleIndex: slices.Index(names, h.Rule), Level: sarifLevel(h.Severity), Message: sarifText{Text: message},
			Locations: []sarifLocation{{sarifPhysical{sarifArtifact{fileURI(h.File)}, sarifRegion{max(h.Line, 1), max(h.Column, 1)}}}},
		}
		if h.Allowed {
			result.Suppressions = []sarifSuppression{{"inSource", h.Reason}}
		}
		run.Results = append(run.Results, result)
	}
	return writeJSON(v.s.Out, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func sarifRuleOf(name string) (sarifRule, error) {
	page, err := pages.Read(name)
	if err != nil {
		return sarifRule{}, err
	}
	r, _ := rules.Find(name)
	return sarifRule{
		ID: name, Short: sarifText{Text: r.Summary}, Default: sarifDefault{sarifLevel(r.Severity)},
		Help: sarifText{Text: plainText(page), Markdown: page.Markdown},
	}, nil
}

// plainText is a page without its marks.
func plainText(p *pages.Page) string {
	return strings.ReplaceAll(strings.Join([]string{p.Breaks, p.Affected, p.Planner, p.Allow}, "\n\n"), "`", "")
}

// sarifLevel maps a severity to SARIF's words.
func sarifLevel(s plan.Severity) string {
	if s == plan.Info {
		return "note"
	}
	return string(s)
}

// fileURI writes a path as a URI: relative to the folder where lint was run, so
// that a service finds it in the repository.
func fileURI(file string) string {
	slashed := filepath.ToSlash(file)
	if filepath.IsAbs(file) {
		return (&url.URL{Scheme: "file", Path: path.Clean("/" + slashed)}).String()
	}
	return (&url.URL{Path: slashed}).EscapedPath()
}
