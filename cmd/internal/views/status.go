package views

import (
	"fmt"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/executor"
)

// Status writes where migrations stand.
type Status interface {
	Status(s *executor.Status) error
	// Outcome tells where migrations stand that a command has just worked on;
	// none is what to say when there was no such migration.
	Outcome(s *executor.Status, none string) error
}

// NewStatus makes the view of a format.
func NewStatus(s *streams.Streams, f Format) Status {
	if f == JSON {
		return statusJSON{s}
	}
	return statusText{s}
}

type statusJSON struct{ s *streams.Streams }

// Status implements Status. The document's shape is executor.Status's.
func (v statusJSON) Status(s *executor.Status) error { return writeJSON(v.s.Out, s) }

// Outcome implements Status: it is the status of those migrations.
func (v statusJSON) Outcome(s *executor.Status, _ string) error { return v.Status(s) }

type statusText struct{ s *streams.Streams }

// Status implements Status.
func (v statusText) Status(s *executor.Status) error {
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
		rows[i] = []string{m.Name, string(m.State), m.Flag, backfilled(m.Backfill, s.Holder != ""), mismatches}
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
	if s.Holder != "" {
		p.line()
		p.wrapped("At work: ", s.Holder, lipgloss.NewStyle())
	}
	if s.Paused != "" {
		p.line()
		p.wrapped(p.Warn.Render("Paused")+" by ", s.Paused+"; migrate resume goes on", lipgloss.NewStyle())
	}
	if s.Throttled != "" {
		p.line()
		p.wrapped(p.Warn.Render("Throttled")+": ", s.Throttled, lipgloss.NewStyle())
	}
	if s.GivesWay != "" {
		p.line()
		p.wrapped(p.Warn.Render("Gives way")+": ", s.GivesWay+"; migrate throttle --workers 2 --chunk-target 50ms lets it go at full speed", lipgloss.NewStyle())
	}
	if s.Throttle != nil {
		p.line()
		p.wrapped(p.Warn.Render("Set")+" by ", s.Throttle.By+": "+Tuning(*s.Throttle)+"; migrate throttle --off takes it back", lipgloss.NewStyle())
	}
	for _, m := range s.Migrations {
		v.details(p, m, s.Holder != "")
	}
	return p.flush(v.s.Out)
}

// Outcome implements Status: a line per migration, and what comes next.
func (v statusText) Outcome(s *executor.Status, none string) error {
	p := newPage(v.s)
	if len(s.Migrations) == 0 && none != "" {
		p.line(none)
	}
	for _, m := range s.Migrations {
		p.line(p.Strong.Render(clean(m.Name)), " is ", p.state(m.State).Render(string(m.State)), ".")
		if words := next(m); words != "" {
			p.wrapped("  ", words, lipgloss.NewStyle())
		}
	}
	return p.flush(v.s.Out)
}

// next says what a state means to whoever has just brought it about; empty if
// its name says it all.
func next(m executor.MigrationStatus) string {
	switch m.State {
	case executor.Open:
		return "Both shapes are live and equal. Roll the app out, set flag " + m.Flag + " full, then run migrate contract."
	case executor.Grace:
		return "What it replaced can be restored with migrate rollback for another " + About(seconds(m.GraceLeft)) + "; migrate contract purges it then."
	case executor.RolledBack:
		return "The schema is as it was before."
	case executor.Failed:
		return "At step " + m.FailedStep + ": " + m.FailedReason
	case executor.Planned, executor.Expanding, executor.Backfilling, executor.Verifying, executor.Contracting, executor.Done:
		return ""
	default:
		return ""
	}
}

// details says what does not fit the table, if there is any.
func (v statusText) details(p *page, m executor.MigrationStatus, atWork bool) {
	if m.FailedReason == "" && len(m.Gates) == 0 && m.GraceLeft == 0 && len(m.Backfill) < 2 {
		return
	}
	p.line()
	p.line(p.Strong.Render(clean(m.Name)))
	if m.FailedReason != "" {
		prefix := "  " + p.Bad.Render("failed") + "  "
		if m.FailedStep != "" {
			prefix += clean(m.FailedStep) + "  "
		}
		p.wrapped(prefix, m.FailedReason, lipgloss.NewStyle())
	}
	if len(m.Backfill) > 1 {
		for _, b := range m.Backfill {
			p.line("  ", clean(b.Table), "  ", progress(b, atWork))
		}
	}
	v.gates(p, m.Gates)
	if m.GraceLeft > 0 {
		p.line("  what it replaced can be restored for another ", About(seconds(m.GraceLeft)))
	}
}

func (v statusText) gates(p *page, gates []executor.GateResult) {
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
func (p *page) verdict(result executor.Answer) string {
	text := fmt.Sprintf("%-*s", len(executor.Inconclusive), result)
	switch result {
	case executor.Pass:
		return p.Good.Render(text)
	case executor.Block:
		return p.Bad.Render(text)
	case executor.Inconclusive:
		return p.Warn.Render(text)
	default:
		return p.Warn.Render(text)
	}
}

func (p *page) state(state executor.State) lipgloss.Style {
	switch state {
	case executor.Done:
		return p.Good
	case executor.Open, executor.Grace:
		return p.Accent
	case executor.Failed:
		return p.Bad
	case executor.Planned, executor.RolledBack:
		return p.Faint
	case executor.Expanding, executor.Backfilling, executor.Verifying, executor.Contracting:
		return p.Warn
	default:
		return p.Warn
	}
}

// backfilled sums up the tables of a migration.
func backfilled(tables []executor.BackfillStatus, atWork bool) string {
	if len(tables) == 0 {
		return "-"
	}
	var all executor.BackfillStatus
	for _, b := range tables {
		if b.Throttled != "" {
			all.Throttled = b.Throttled
		}
		all.RowsTotal += b.RowsTotal
		all.RowsDone += b.RowsDone
		all.RowsPerSecond += b.RowsPerSecond
		all.ETASeconds = max(all.ETASeconds, b.ETASeconds)
	}
	return progress(all, atWork)
}

// progress says how far a backfill is and, while somebody is at work on it, how
// fast it is and how long it will take.
func progress(b executor.BackfillStatus, atWork bool) string {
	text := Percent(b.RowsDone, b.RowsTotal) + " of " + Count(max(b.RowsTotal, b.RowsDone))
	if atWork && b.Throttled != "" {
		return text + ", throttled"
	}
	if atWork && b.ETASeconds > 0 {
		text += ", " + Rate(b.RowsPerSecond) + ", " + About(seconds(b.ETASeconds)) + " left"
	}
	return text
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// Tuning says how fast walks are told to go.
func Tuning(t executor.Tuning) string {
	var parts []string
	if t.Workers != nil {
		parts = append(parts, Plural(*t.Workers, "worker"))
	}
	if t.RowsPerSecond != nil && *t.RowsPerSecond == 0 {
		parts = append(parts, "as many rows per second as it can")
	} else if t.RowsPerSecond != nil {
		parts = append(parts, "at most "+Count(int64(*t.RowsPerSecond))+" rows per second")
	}
	if t.ChunkTargetMS != nil {
		parts = append(parts, fmt.Sprintf("chunks of %d ms", *t.ChunkTargetMS))
	}
	return strings.Join(parts, ", ")
}
