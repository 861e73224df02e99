package views

import (
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	pages "github.com/expandcontract/migrate/docs/rules"
	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// Explain writes what there is to know about rules.
type Explain interface {
	Rules(all []rules.Rule) error
	Rule(r rules.Rule, p *pages.Page) error
}

// NewExplain makes the view of a format.
func NewExplain(s *streams.Streams, f Format) Explain {
	switch f {
	case JSON:
		return explainJSON{s}
	case Markdown:
		return explainMarkdown{s}
	case Text, SQL, SARIF, GitHub:
		return explainText{s}
	default:
		return explainText{s}
	}
}

type explainText struct{ s *streams.Streams }

// Rules lists the rules.
func (v explainText) Rules(all []rules.Rule) error {
	p := newPage(v.s)
	rows := make([][]string, len(all))
	for i, r := range all {
		rows[i] = []string{r.Name, string(r.Severity), r.Summary}
	}
	p.grid("", []column{{"RULE", false}, {"SEVERITY", false}, {"WHAT IS THE MATTER", true}}, rows, func(row, column int) lipgloss.Style {
		switch column {
		case 0:
			return p.Strong
		case 1:
			return p.severity(plan.Hazard{Severity: all[row].Severity})
		default:
			return lipgloss.NewStyle()
		}
	})
	return p.flush(v.s.Out)
}

// Rule explains one.
func (v explainText) Rule(r rules.Rule, page *pages.Page) error {
	p := newPage(v.s)
	p.line(p.Strong.Render(r.Name), "  ", p.severity(plan.Hazard{Severity: r.Severity}).Render(string(r.Severity)), p.Faint.Render("  "+strings.Join(r.Engines, ", ")))
	p.wrapped("", r.Summary, lipgloss.NewStyle())
	for _, s := range []struct{ head, text string }{
		{pages.HeadBreaks, page.Breaks}, {pages.HeadAffected, page.Affected}, {pages.HeadPlanner, page.Planner}, {pages.HeadAllow, page.Allow},
	} {
		p.line()
		p.line(p.Accent.Render(s.head))
		for _, paragraph := range strings.Split(s.text, "\n\n") {
			p.wrapped("  ", strings.ReplaceAll(paragraph, "`", ""), lipgloss.NewStyle())
		}
	}
	for _, e := range page.Examples {
		p.line()
		p.line(p.Accent.Render("Instead of"), p.Faint.Render("  ("+e.Engines+")"))
		v.code(p, e.Bad)
		p.line(p.Accent.Render("write"))
		v.code(p, e.Good)
	}
	return p.flush(v.s.Out)
}

func (v explainText) code(p *page, sql string) {
	for _, l := range strings.Split(sql, "\n") {
		p.line("    ", clean(l))
	}
}

type explainMarkdown struct{ s *streams.Streams }

// Rules lists the rules as a table.
func (v explainMarkdown) Rules(all []rules.Rule) error {
	p := newPage(v.s)
	p.line("| rule | severity | engines | what is the matter |")
	p.line("|---|---|---|---|")
	for _, r := range all {
		p.line("| [", r.Name, "](", r.Name, ".md) | ", string(r.Severity), " | ", strings.Join(r.Engines, ", "), " | ", r.Summary, " |")
	}
	return p.flush(v.s.Out)
}

// Rule writes the page.
func (v explainMarkdown) Rule(_ rules.Rule, page *pages.Page) error {
	p := newPage(v.s)
	p.out.WriteString(page.Markdown)
	return p.flush(v.s.Out)
}

type explainJSON struct{ s *streams.Streams }

// ruleJSON is a rule as JSON has it.
type ruleJSON struct {
	Rule     string        `json:"rule"`
	Severity plan.Severity `json:"severity"`
	Engines  []string      `json:"engines"`
	Summary  string        `json:"summary"`
}

type exampleJSON struct {
	Engines string `json:"engines"`
	Bad     string `json:"bad"`
	Good    string `json:"good"`
}

// Rules lists the rules.
func (v explainJSON) Rules(all []rules.Rule) error {
	out := struct {
		FormatVersion string     `json:"format_version"`
		Rules         []ruleJSON `json:"rules"`
	}{FormatVersion: plan.FormatVersion, Rules: []ruleJSON{}}
	for _, r := range all {
		out.Rules = append(out.Rules, ruleJSON{r.Name, r.Severity, r.Engines, r.Summary})
	}
	return writeJSON(v.s.Out, out)
}

// Rule explains one.
func (v explainJSON) Rule(r rules.Rule, page *pages.Page) error {
	out := struct {
		FormatVersion string `json:"format_version"`
		ruleJSON
		Breaks   string        `json:"breaks"`
		Affected string        `json:"affected"`
		Planner  string        `json:"planner"`
		Allow    string        `json:"allow"`
		Examples []exampleJSON `json:"examples"`
	}{
		FormatVersion: plan.FormatVersion, ruleJSON: ruleJSON{r.Name, r.Severity, r.Engines, r.Summary},
		Breaks: page.Breaks, Affected: page.Affected, Planner: page.Planner, Allow: page.Allow, Examples: []exampleJSON{},
	}
	for _, e := range page.Examples {
		out.Examples = append(out.Examples, exampleJSON(e))
	}
	return writeJSON(v.s.Out, out)
}
