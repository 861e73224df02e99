package views

import (
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
)

// Statuses is where migrations stand, in the order of their names. Its JSON is
// an interface that scripts depend on (DESIGN section 9).
type Statuses struct {
	FormatVersion string      `json:"format_version"`
	Migrations    []Migration `json:"migrations"`
}

// Migration is where one migration stands.
type Migration struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Flag  string `json:"flag"`
	// Gates are those before the migration's next phase.
	Gates    []Gate     `json:"gates"`
	Backfill []Backfill `json:"backfill"`
	// Mismatches counts the inconsistent rows that the last verification found.
	Mismatches int64 `json:"mismatches"`
	// Failure tells where a failed migration stopped, and why.
	Failure *Failure `json:"failure,omitempty"`
	// GraceEnds is when contracted objects may be purged, in state grace.
	GraceEnds *time.Time `json:"grace_ends,omitempty"`
	// Paused says that the backfill waits for migrate resume.
	Paused bool `json:"paused,omitempty"`
}

// Gate is one gate's answer.
type Gate struct {
	Gate   string `json:"gate"`
	Result string `json:"result"` // pass, blocked or inconclusive
	Reason string `json:"reason"`
}

// Backfill is how far the backfill of one table is.
type Backfill struct {
	Table         string  `json:"table"`
	RowsTotal     int64   `json:"rows_total"`
	RowsDone      int64   `json:"rows_done"`
	RowsPerSecond float64 `json:"rows_per_second"`
	// ETASeconds estimates the time left; 0 when done or unknown.
	ETASeconds float64 `json:"eta_seconds"`
}

// Failure is the step that failed.
type Failure struct {
	Step   string `json:"step"`
	Reason string `json:"reason"`
}

// The results of gates.
const (
	pass    = "pass"
	blocked = "blocked"
)

// Status writes where migrations stand.
type Status interface {
	Status(s Statuses) error
}

// NewStatus makes the view of a format.
func NewStatus(s *streams.Streams, f Format) Status {
	if f == JSON {
		return statusJSON{s}
	}
	return statusText{s}
}

type statusJSON struct{ s *streams.Streams }

// Status implements Status. Lists are never null.
func (v statusJSON) Status(s Statuses) error {
	if s.Migrations == nil {
		s.Migrations = []Migration{}
	}
	for i := range s.Migrations {
		if m := &s.Migrations[i]; m.Gates == nil {
			m.Gates = []Gate{}
		}
		if m := &s.Migrations[i]; m.Backfill == nil {
			m.Backfill = []Backfill{}
		}
	}
	return writeJSON(v.s.Out, s)
}

type statusText struct{ s *streams.Streams }

// Status implements Status.
func (v statusText) Status(s Statuses) error {
	p := newPage(v.s)
	if len(s.Migrations) == 0 {
		p.line("There are no migrations.")
		return p.flush(v.s.Out)
	}
	columns := []column{{"MIGRATION", true}, {"STATE", false}, {"FLAG", true}, {"BACKFILL", true}, {"INCONSISTENT", false}}
	rows := make([][]string, len(s.Migrations))
	for i, m := range s.Migrations {
		mismatches := "-"
		if m.Mismatches > 0 || len(m.Backfill) > 0 {
			mismatches = Count(m.Mismatches)
		}
		rows[i] = []string{m.Name, m.State, m.Flag, backfilled(m.Backfill), mismatches}
	}
	p.grid("", columns, rows, func(row, column int) lipgloss.Style {
		switch m := s.Migrations[row]; {
		case column == 0:
			return p.Strong
		case column == 1:
			return p.state(m.State)
		case column == 4 && m.Mismatches > 0:
			return p.Bad
		default:
			return lipgloss.NewStyle()
		}
	})
	for _, m := range s.Migrations {
		v.details(p, m)
	}
	return p.flush(v.s.Out)
}

// details says what does not fit the table, if there is any.
func (v statusText) details(p *page, m Migration) {
	if m.Failure == nil && len(m.Gates) == 0 && m.GraceEnds == nil && !m.Paused && len(m.Backfill) < 2 {
		return
	}
	p.line()
	p.line(p.Strong.Render(clean(m.Name)))
	if m.Failure != nil {
		prefix := "  " + p.Bad.Render("failed") + "  "
		if m.Failure.Step != "" {
			prefix += clean(m.Failure.Step) + "  "
		}
		p.wrapped(prefix, m.Failure.Reason, lipgloss.NewStyle())
	}
	if m.Paused {
		p.line("  ", p.Warn.Render("paused"), "  migrate resume goes on")
	}
	if len(m.Backfill) > 1 {
		for _, b := range m.Backfill {
			p.line("  ", clean(b.Table), "  ", progress(b))
		}
	}
	v.gates(p, m.Gates)
	if m.GraceEnds != nil {
		p.line("  restorable until ", m.GraceEnds.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
}

func (v statusText) gates(p *page, gates []Gate) {
	width := 0
	for _, g := range gates {
		width = max(width, lipgloss.Width(g.Gate))
	}
	for _, g := range gates {
		name := g.Gate + strings.Repeat(" ", width-lipgloss.Width(g.Gate))
		p.wrapped("  "+p.verdict(g.Result)+"  "+clean(name)+"  ", g.Reason, p.Faint)
	}
}

// verdict writes a gate's result in a column of its own width.
func (p *page) verdict(result string) string {
	text := result + strings.Repeat(" ", max(0, len("inconclusive")-len(result)))
	switch result {
	case pass:
		return p.Good.Render(text)
	case blocked:
		return p.Bad.Render(text)
	default:
		return p.Warn.Render(text)
	}
}

func (p *page) state(state string) lipgloss.Style {
	switch state {
	case "done":
		return p.Good
	case "open", "grace":
		return p.Accent
	case "failed":
		return p.Bad
	case "planned", "rolled_back":
		return p.Faint
	default: // at work
		return p.Warn
	}
}

// backfilled sums up the tables of a migration.
func backfilled(tables []Backfill) string {
	if len(tables) == 0 {
		return "-"
	}
	var all Backfill
	for _, b := range tables {
		all.RowsTotal += b.RowsTotal
		all.RowsDone += b.RowsDone
		all.RowsPerSecond += b.RowsPerSecond
		all.ETASeconds = max(all.ETASeconds, b.ETASeconds)
	}
	return progress(all)
}

func progress(b Backfill) string {
	text := Percent(b.RowsDone, b.RowsTotal) + " of " + Count(max(b.RowsTotal, b.RowsDone))
	if b.ETASeconds > 0 {
		text += ", " + Rate(b.RowsPerSecond) + ", " + About(time.Duration(b.ETASeconds*float64(time.Second))) + " left"
	}
	return text
}
