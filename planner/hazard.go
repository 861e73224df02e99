package planner

import (
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// hazard.go finds in a file's statements, and in what is known of the schema at
// each, what a reviewer should know on any engine. What only one engine can tell
// is its dialect's to find.

// finder goes through a script.
type finder struct {
	d      Dialect
	m      *Memory
	script *Script
	dir    *directives
	stmt   int
	out    []Finding

	// filled are the columns that some UPDATE or directive of the file fills,
	// downs those that a migrate:down does, added and dropped those of the file.
	filled, downs, added, dropped map[string]bool
	// outgoing are the dropped columns of known tables, incoming the added ones
	// that nothing fills.
	outgoing, incoming []moving
}

// moving is a column that comes or goes.
type moving struct {
	table Ref
	col   Column
	stmt  int
}

// findings are those of all engines and of this one.
func findings(d Dialect, s *Schema, script *Script, dir *directives) []Finding {
	f := &finder{
		d: d, m: Remember(d, s), script: script, dir: dir,
		filled: map[string]bool{}, downs: map[string]bool{}, added: map[string]bool{}, dropped: map[string]bool{},
	}
	f.survey()
	for i, st := range script.Statements {
		f.stmt = i
		for _, c := range st.Changes {
			f.change(c)
		}
		f.m.Apply(st)
	}
	f.movedByHand()
	// The dialect, which sees more of a statement, is heard first.
	out := d.Lint(s, script)
	known := len(out)
	for _, h := range f.out {
		if !slices.ContainsFunc(out[:known], func(o Finding) bool { return o.Rule == h.Rule && o.Statement == h.Statement }) {
			out = append(out, h)
		}
	}
	return out
}

// survey reads ahead: what fills a column may stand behind what needs it.
func (f *finder) survey() {
	for _, st := range f.script.Statements {
		for _, c := range st.Changes {
			switch c := c.(type) {
			case AddColumn:
				f.added[f.key(c.Table, c.Column.Name)] = true
			case DropColumn:
				f.dropped[f.key(c.Table, c.Column)] = true
			case UpdateRows:
				for _, a := range c.Set {
					f.filled[f.key(c.Table, a.Column)] = true
				}
			}
		}
	}
	for _, u := range f.dir.ups {
		f.filled[f.key(u.table, u.Column)] = true
	}
	for _, d := range f.dir.downs {
		f.downs[f.key(d.table, d.Column)] = true
	}
}

// key names a column across spellings of its table's name.
func (f *finder) key(r Ref, column string) string {
	if r.Schema == "" && len(f.m.Path) > 0 {
		r.Schema = f.m.Default
	}
	return r.String() + "." + column
}

func (f *finder) find(rule string, sev plan.Severity, instead, format string, args ...any) {
	f.out = append(f.out, Finding{
		Rule: rule, Severity: sev, Statement: f.stmt, Message: fmt.Sprintf(format, args...), Instead: instead,
	})
}

// label is a table as people read it.
func (f *finder) label(r Ref) string { return f.m.Display(r) }

// found makes hazards of findings, leaving out what planning found itself: it
// knows more.
func (b *builder) found(script *Script, all []Finding) {
	for _, h := range all {
		a := at{stmt: h.Statement, pos: b.ps.file.Pos(0)}
		if h.Statement >= 0 && h.Statement < len(script.Statements) {
			a.pos = b.ps.file.Pos(script.Statements[h.Statement].Start)
		}
		if b.foundAt(h.Rule, a) {
			continue
		}
		if h.Offset > 0 {
			a.pos = b.ps.file.Pos(h.Offset)
		}
		sev := h.Severity
		if sev == "" {
			sev = rules.Severity(h.Rule)
		}
		b.linted = append(b.linted, located[plan.Hazard]{a, plan.Hazard{Rule: h.Rule, Severity: sev, Pos: a.pos, Message: h.Message, Instead: h.Instead}})
	}
}

// foundAt reports whether a rule is known to hit a statement already, as a
// hazard or as an error.
func (b *builder) foundAt(rule string, a at) bool {
	return slices.ContainsFunc(b.hazard, func(h located[plan.Hazard]) bool { return h.it.Rule == rule && h.stmt == a.stmt }) ||
		slices.ContainsFunc(b.ps.errs, func(e *Error) bool { return e.Rule == rule && e.Pos == a.pos })
}
