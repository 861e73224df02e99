package views

import (
	"time"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// Verified is what a verification found.
type Verified struct {
	FormatVersion string         `json:"format_version"`
	Migrations    []Verification `json:"migrations"`
}

// Verification is what it found in the tables of one migration.
type Verification struct {
	Name       string          `json:"name"`
	Mismatches int64           `json:"mismatches"`
	Repaired   int64           `json:"repaired,omitempty"`
	Tables     []VerifiedTable `json:"tables"`
}

// VerifiedTable counts the inconsistent rows of a table.
type VerifiedTable struct {
	Table      string `json:"table"`
	Rows       int64  `json:"rows"`
	Mismatches int64  `json:"mismatches"`
	// Keys name some of them, as the table's key columns do.
	Keys []string `json:"keys,omitempty"`
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

// Results writes the results of commands that need no view of their own.
type Results interface {
	Verified(v Verified) error
	Flags(f Flags) error
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
func (v resultsJSON) Verified(r Verified) error {
	r.FormatVersion = plan.FormatVersion
	if r.Migrations == nil {
		r.Migrations = []Verification{}
	}
	for i := range r.Migrations {
		if r.Migrations[i].Tables == nil {
			r.Migrations[i].Tables = []VerifiedTable{}
		}
	}
	return writeJSON(v.s.Out, r)
}

// Flags implements Results.
func (v resultsJSON) Flags(f Flags) error {
	f.FormatVersion = plan.FormatVersion
	if f.Flags == nil {
		f.Flags = []Flag{}
	}
	return writeJSON(v.s.Out, f)
}

// Done implements Results.
func (v resultsJSON) Done(d Done) error {
	d.FormatVersion = plan.FormatVersion
	return writeJSON(v.s.Out, d)
}

type resultsText struct{ s *streams.Streams }

// Verified implements Results.
func (v resultsText) Verified(r Verified) error {
	p := newPage(v.s)
	for _, m := range r.Migrations {
		style, verdict := p.Good, "no inconsistent row"
		if m.Mismatches > 0 {
			style, verdict = p.Bad, Plural(int(m.Mismatches), "inconsistent row")
		}
		line := p.Strong.Render(clean(m.Name)) + "  " + style.Render(verdict)
		if m.Repaired > 0 {
			line += ", " + Count(m.Repaired) + " repaired"
		}
		p.line(line)
		for _, t := range m.Tables {
			p.line("  ", clean(t.Table), "  ", Count(t.Mismatches), " of ", Plural(int(t.Rows), "row"))
			for _, key := range t.Keys {
				p.wrapped("    ", key, p.Faint)
			}
		}
	}
	if len(r.Migrations) == 0 {
		p.line("Nothing to verify: no migration has two shapes live.")
	}
	return p.flush(v.s.Out)
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
