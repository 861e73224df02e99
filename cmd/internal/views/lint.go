package views

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// Lint is what lint found.
type Lint struct {
	// Engine and Version are what was assumed.
	Engine, Version string
	// Files are those that were looked at, Sources their text.
	Files   []string
	Sources map[string]string
	// Findings are ordered by file and place.
	Findings []plan.Hazard
	// Tool is this program.
	Tool Build
}

// Blocking counts the errors that nobody has allowed.
func (l *Lint) Blocking() int {
	n := 0
	for _, h := range l.Findings {
		if h.Severity == plan.Error && !h.Allowed {
			n++
		}
	}
	return n
}

// count counts the findings of a severity that nobody has allowed.
func (l *Lint) count(s plan.Severity) int {
	n := 0
	for _, h := range l.Findings {
		if h.Severity == s && !h.Allowed {
			n++
		}
	}
	return n
}

// Linter writes what lint found.
type Linter interface {
	Lint(l *Lint) error
}

// NewLint makes the view of a format. Verbose text shows the place of every
// finding, not only of errors and warnings.
func NewLint(s *streams.Streams, f Format, verbose bool) Linter {
	switch f {
	case JSON:
		return lintJSON{s}
	case SARIF:
		return lintSARIF{s}
	case GitHub:
		return lintGitHub{s}
	case Text, Markdown, SQL:
		return lintText{s, verbose}
	default:
		return lintText{s, verbose}
	}
}

// lintText writes findings for people: as compilers do, so that editors find the
// place.
type lintText struct {
	s       *streams.Streams
	verbose bool
}

// Lint implements Linter.
func (v lintText) Lint(l *Lint) error {
	p := newPage(v.s)
	for _, h := range l.Findings {
		v.finding(p, l, h)
	}
	if len(l.Findings) > 0 {
		p.line()
	}
	p.wrapped("", lintSummary(l), p.Strong)
	return p.flush(v.s.Out)
}

func (v lintText) finding(p *page, l *Lint, h plan.Hazard) {
	verdict := string(h.Severity)
	switch {
	case h.Allowed:
		verdict = "allowed"
	case h.Severity == plan.Info:
		verdict = "note"
	}
	head := p.Strong.Render(clean(h.Pos.String())+":") + " " + p.severity(h).Render(verdict+":") + " " + p.Strong.Render(clean(h.Rule))
	p.line(head)
	p.wrapped("    ", h.Message, lipgloss.NewStyle())
	if h.Allowed {
		p.wrapped("    because: ", h.Reason, p.Faint)
		return
	}
	if h.Severity == plan.Info && !v.verbose {
		return
	}
	p.place("    ", l.Sources[h.File], h.Pos, p.severity(h))
	if h.Instead != "" {
		p.wrapped("    instead: ", h.Instead, lipgloss.NewStyle())
	}
}

// lintSummary says how much was found.
func lintSummary(l *Lint) string {
	where := fmt.Sprintf("in %s, for %s %s", Plural(len(l.Files), "file"), clean(l.Engine), clean(l.Version))
	if len(l.Findings) == 0 {
		return "Nothing found " + where + "."
	}
	var parts []string
	for _, c := range []struct {
		n    int
		noun string
	}{{l.count(plan.Error), "error"}, {l.count(plan.Warning), "warning"}, {l.count(plan.Info), "note"}} {
		if c.n > 0 {
			parts = append(parts, Plural(c.n, c.noun))
		}
	}
	allowed := 0
	for _, h := range l.Findings {
		if h.Allowed {
			allowed++
		}
	}
	if allowed > 0 {
		parts = append(parts, fmt.Sprintf("%d allowed", allowed))
	}
	return strings.Join(parts, ", ") + " " + where + ". migrate explain RULE tells more."
}

// lintJSON writes one document.
type lintJSON struct{ s *streams.Streams }

// Lint implements Linter.
func (v lintJSON) Lint(l *Lint) error {
	findings := l.Findings
	if findings == nil {
		findings = []plan.Hazard{}
	}
	return writeJSON(v.s.Out, struct {
		FormatVersion string        `json:"format_version"`
		Engine        string        `json:"engine"`
		Version       string        `json:"version"`
		Files         []string      `json:"files"`
		Findings      []plan.Hazard `json:"findings"`
		Errors        int           `json:"errors"`
		Warnings      int           `json:"warnings"`
		Infos         int           `json:"infos"`
	}{plan.FormatVersion, l.Engine, l.Version, l.Files, findings, l.count(plan.Error), l.count(plan.Warning), l.count(plan.Info)})
}
