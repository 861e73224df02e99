package views

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// verified is the JSON of a verification.
type verified struct {
	FormatVersion string              `json:"format_version"`
	Mismatches    int64               `json:"mismatches"`
	Tables        []executor.Verified `json:"tables"`
}

// Flag is a flag as the built-in table, or another source, has it.
type Flag struct {
	Key     string `json:"key"`
	Rollout string `json:"rollout"`
	// Effective is what applications follow: off while the flag is held.
	Effective string     `json:"effective"`
	Held      bool       `json:"held"`
	FullSince *time.Time `json:"full_since,omitempty"`
	Origin    string     `json:"origin"`
	Reason    string     `json:"reason,omitempty"`
}

// Flags are several.
type Flags struct {
	FormatVersion string `json:"format_version"`
	Flags         []Flag `json:"flags"`
}

// Done is the outcome of a command that has nothing to show but what it did.
type Done struct {
	FormatVersion string `json:"format_version"`
	// Message is for people.
	Message string `json:"message"`
	// Files are those that were created.
	Files []string `json:"files,omitempty"`
	// Migrations are those that were concerned.
	Migrations []string `json:"migrations,omitempty"`
	// Version and friends are set by migrate version.
	*Build `json:",omitempty"`
}

// Build describes the program.
type Build struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// Throttle is what migrate throttle has set.
type Throttle struct {
	FormatVersion string `json:"format_version"`
	// Throttle lacks what is not set.
	Throttle executor.Tuning `json:"throttle"`
}

// Results writes the results of commands that need no view of their own.
type Results interface {
	Verified(tables []executor.Verified) error
	Flags(f Flags) error
	Throttle(t executor.Tuning) error
	Done(d Done) error
}

// NewResults makes the view of a format.
func NewResults(s *streams.Streams, f Format) Results {
	if f == JSON {
		return resultsJSON{s}
	}
	return resultsText{s}
}

type resultsJSON struct{ s *streams.Streams }

// Verified implements Results.
func (v resultsJSON) Verified(tables []executor.Verified) error {
	document := verified{FormatVersion: plan.FormatVersion, Tables: []executor.Verified{}}
	for _, t := range tables {
		document.Mismatches += t.Mismatches
		document.Tables = append(document.Tables, t)
	}
	return writeJSON(v.s.Out, document)
}

// Flags implements Results.
func (v resultsJSON) Flags(f Flags) error {
	f.FormatVersion = plan.FormatVersion
	if f.Flags == nil {
		f.Flags = []Flag{}
	}
	return writeJSON(v.s.Out, f)
}

// Throttle implements Results.
func (v resultsJSON) Throttle(t executor.Tuning) error {
	return writeJSON(v.s.Out, Throttle{plan.FormatVersion, t})
}

// Done implements Results.
func (v resultsJSON) Done(d Done) error {
	d.FormatVersion = plan.FormatVersion
	return writeJSON(v.s.Out, d)
}

type resultsText struct{ s *streams.Streams }

// Verified implements Results.
func (v resultsText) Verified(tables []executor.Verified) error {
	p := newPage(v.s)
	if len(tables) == 0 {
		p.line("Nothing to verify: no migration has two shapes live.")
		return p.flush(v.s.Out)
	}
	columns := []column{{"MIGRATION", true}, {"TABLE", true}, {"ROWS", false}, {"INCONSISTENT", false}, {"REPAIRED", false}}
	rows := make([][]string, len(tables))
	for i, t := range tables {
		rows[i] = []string{t.Migration, t.Table, Count(t.Rows), Count(t.Mismatches), Count(t.Repaired)}
	}
	p.grid("", columns, rows, func(row, column int) lipgloss.Style {
		switch {
		case column == 0:
			return p.Strong
		case column == 3 && tables[row].Mismatches > 0:
			return p.Bad
		case column == 3:
			return p.Good
		default:
			return lipgloss.NewStyle()
		}
	})
	for _, t := range tables {
		if t.OnReplica > 0 {
			p.line()
			p.wrapped("", fmt.Sprintf("The replica shows %s in %s that the database itself does not have.", Plural(int(t.OnReplica), "inconsistent row"), t.Table), p.Bad)
		}
		if len(t.Sample) > 0 {
			p.line()
			p.wrapped("", "Inconsistent in "+t.Table+", for example:", lipgloss.NewStyle())
		}
		for i, key := range t.Sample {
			if i < len(t.Differences) {
				key += ": " + values(t.Differences[i].Values)
			}
			p.wrapped("  ", key, lipgloss.NewStyle())
		}
	}
	return p.flush(v.s.Out)
}

// values writes what a row holds: name = "Ada L.", first_name = NULL.
func values(of []executor.Value) string {
	out := make([]string, len(of))
	for i, v := range of {
		out[i] = v.Column + " = NULL"
		if v.Value != nil {
			out[i] = v.Column + " = " + strconv.Quote(*v.Value)
		}
	}
	return strings.Join(out, ", ")
}

// Flags implements Results.
func (v resultsText) Flags(f Flags) error {
	p := newPage(v.s)
	for _, flag := range f.Flags {
		line := p.Strong.Render(clean(flag.Key)) + "  " + flag.Rollout
		if flag.Held && flag.Effective != flag.Rollout {
			line += p.Warn.Render(" (held, in effect " + flag.Effective + ")")
		}
		if flag.FullSince != nil {
			line += p.Faint.Render("  full since " + flag.FullSince.UTC().Format("2006-01-02 15:04:05 UTC"))
		}
		p.line(line)
		if flag.Reason != "" {
			p.wrapped("  ", flag.Reason, p.Faint)
		}
	}
	if len(f.Flags) == 0 {
		p.line("There are no flags.")
	}
	return p.flush(v.s.Out)
}

// Throttle implements Results.
func (v resultsText) Throttle(t executor.Tuning) error {
	p := newPage(v.s)
	words := Tuning(t)
	if words == "" {
		p.line("Nothing is set: walks go as they were started.")
	} else {
		p.wrapped("", "Set by "+t.By+": "+words+".", lipgloss.NewStyle())
	}
	return p.flush(v.s.Out)
}

// Done implements Results.
func (v resultsText) Done(d Done) error {
	p := newPage(v.s)
	if d.Message != "" {
		p.wrapped("", d.Message, lipgloss.NewStyle())
	}
	for _, f := range d.Files {
		p.line("  ", clean(f))
	}
	return p.flush(v.s.Out)
}
