package views

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// lintGitHub writes findings as commands that GitHub Actions turns into
// annotations of a pull request (GitHub docs, Workflow commands).
type lintGitHub struct{ s *streams.Streams }

// Lint implements Linter.
func (v lintGitHub) Lint(l *Lint) error {
	p := newPage(v.s)
	for _, h := range l.Findings {
		message := h.Message
		switch {
		case h.Allowed:
			message += "\nallowed: " + h.Reason
		case h.Instead != "":
			message += "\ninstead: " + h.Instead
		}
		properties := []string{
			"file=" + commandProperty(filepath.ToSlash(h.File)), "line=" + strconv.Itoa(h.Line), "col=" + strconv.Itoa(h.Column), "title=" + commandProperty(h.Rule),
		}
		p.line("::", annotation(h), " ", strings.Join(properties, ","), "::", commandData(message))
	}
	return p.flush(v.s.Out)
}

func annotation(h plan.Hazard) string {
	switch {
	case h.Allowed, h.Severity == plan.Info:
		return "notice"
	case h.Severity == plan.Warning:
		return "warning"
	default:
		return "error"
	}
}

var (
	dataEscaper     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	propertyEscaper = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// commandData and commandProperty escape what would end a command or a property
// of it.
func commandData(text string) string     { return dataEscaper.Replace(text) }
func commandProperty(text string) string { return propertyEscaper.Replace(text) }
