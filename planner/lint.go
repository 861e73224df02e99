package planner

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/foreign"
	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// Lint finds, without a database, what a reviewer should know about a migration:
// what the planner cannot make safe by itself, what it refuses, and what it makes
// safe but one should know of. known is what earlier migrations tell of the
// schema (Dialect.Assume to begin with); the schema after this one is returned.
// The file may be written for another tool, whose annotations are understood.
func Lint(d Dialect, known *Schema, f File) ([]plan.Hazard, *Schema) {
	plain, tool := foreign.Read(d.Lexis(), f.Path, f.Src)
	f.Src = plain
	ps := &problems{file: f}
	script, err := parse(d, f)
	if err != nil {
		ps.take(err)
		return reported(ps, foreign.Tool{}, nil), known
	}
	script.InTransaction = tool.Wraps
	dir := readDirectives(d, script, ps, StandardDefaults)
	sh := &shape{d: d, s: known, ps: ps, dir: &dir, mem: Remember(d, known)}
	b := &builder{shape: sh, ops: map[stage][]placedOp{}}
	p := &plan.Plan{}
	// What cannot be followed cannot be built, nor what was not read: then only
	// the statements themselves are looked at.
	if sh.evolve(script); len(ps.errs) == 0 {
		sh.directiveUps()
	}
	if tool.Name != "" {
		sh.ignored = nil // what migrate leaves out, another tool runs
	}
	if len(ps.errs) == 0 {
		b.build()
		for _, st := range []stage{stageExpand, stageBackfill, stageContract, stagePurge} {
			b.lower(st)
		}
	}
	found := findings(d, known, script, &dir)
	switch tool.Name {
	case "":
	case foreign.Dump:
		found = slices.DeleteFunc(found, func(f Finding) bool { return inDumps[f.Rule] })
	default:
		found = unplanned(append(found, unbounded(script)...))
	}
	if tool.Name != "" {
		b.ownUp(script)
	}
	b.found(script, found)
	b.allow(p, true)
	m := Remember(d, known)
	for _, st := range script.Statements {
		m.Apply(st)
	}
	return reported(ps, tool, p.Hazards), m.Schema
}

// merelyNoted are hazards that a note is enough for, whoever runs the file.
var merelyNoted = map[string]bool{
	"select-star-cached-plan": true, "grant-change": true, "extension-change": true, "replica-identity-missing": true,
	"transaction-control-in-migration": true, "trigger-hidden-from-cascade": true,
}

// unplanned makes warnings of notes: what a plan makes safe, another tool does not.
func unplanned(found []Finding) []Finding {
	for i := range found {
		f := &found[i]
		if f.Severity == "" {
			f.Severity = rules.Severity(f.Rule)
		}
		if f.Severity == plan.Info && !merelyNoted[f.Rule] {
			f.Severity = plan.Warning
		}
	}
	return found
}

// inDumps are the hazards of a dump that are none: it fills a database that
// nobody uses yet.
var inDumps = map[string]bool{
	"data-loss-drop-table": true, "insert-without-column-list": true, "lock-not-none": true, "transaction-control-in-migration": true,
	"grant-change": true, "extension-change": true, "rls-hides-rows": true,
}

// ownUp makes hazards of what planning refused: nobody plans the files of another
// tool, so that an allow is enough there.
func (b *builder) ownUp(script *Script) {
	for _, e := range b.ps.errs {
		i := slices.IndexFunc(script.Statements, func(st Statement) bool { return b.ps.file.Pos(st.Start) == e.Pos })
		if e.Rule != "" && e.Rule != "opaque-statement" && i >= 0 {
			b.hazard = append(b.hazard, located[plan.Hazard]{at{e.Pos, i}, plan.Hazard{
				Rule: e.Rule, Severity: plan.Error, Pos: e.Pos, Message: e.Message, Instead: e.Instead,
			}})
		}
	}
	b.ps.errs = slices.DeleteFunc(b.ps.errs, func(e *Error) bool { return e.Rule != "opaque-statement" })
}

// take keeps an error among the problems.
func (p *problems) take(err error) {
	var errs Errors
	if errors.As(err, &errs) {
		p.errs = append(p.errs, errs...)
		return
	}
	p.at(p.file.Pos(0), "", "", "%v", err)
}

// reported joins what planning refused with what was found. In the files of
// another tool, what is merely not understood is not wrong.
func reported(ps *problems, tool foreign.Tool, hazards []plan.Hazard) []plan.Hazard {
	out := []plan.Hazard{}
	for _, e := range ps.errs {
		rule, sev := e.Rule, plan.Error
		switch {
		case tool.Name == foreign.Dump:
			continue
		case tool.Name != "" && rule == "opaque-statement":
			sev = plan.Info
		case rule == "":
			rule = "cannot-be-planned"
		}
		// A hazard that is an error anyway says more than that it is refused.
		same := func(h plan.Hazard) bool {
			return h.Pos == e.Pos && (h.Rule == rule || rule == "cannot-be-planned" && h.Severity == plan.Error && !h.Allowed)
		}
		if !slices.ContainsFunc(out, same) && !slices.ContainsFunc(hazards, same) {
			out = append(out, plan.Hazard{Rule: rule, Severity: sev, Pos: e.Pos, Message: e.Message, Instead: e.Instead})
		}
	}
	out = append(out, hazards...)
	sortHazards(out)
	return out
}

// sortHazards orders hazards by place and name.
func sortHazards(hs []plan.Hazard) {
	slices.SortStableFunc(hs, func(a, b plan.Hazard) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		if a.Column != b.Column {
			return a.Column - b.Column
		}
		return strings.Compare(a.Rule, b.Rule)
	})
}

// lockTimeout is a setting that bounds the wait for locks: innodb_lock_wait_timeout
// does not, it is for rows.
var lockTimeout = regexp.MustCompile(`(?i)\bset\b[^;]*\b(lock_timeout|lock_wait_timeout)\b`)

// unbounded finds the first statement that changes a table without a bound on
// the wait for its lock. What migrate runs has one.
func unbounded(script *Script) []Finding {
	for i, st := range script.Statements {
		if lockTimeout.MatchString(st.SQL) {
			return nil
		}
		for _, c := range st.Changes {
			switch c.(type) {
			case AddColumn, DropColumn, RenameColumn, ChangeType, RedefineColumn, SetNotNull, DropNotNull, SetDefault, DropDefault,
				AddCheck, AddConstraint, DropConstraint, RenameTable, DropTable:
				return []Finding{{
					Rule: "no-lock-timeout", Statement: i,
					Message: "while this waits for its lock, every other statement on the table waits behind it, and nothing bounds the wait",
					Instead: "set a lock timeout of a second or so before it, and run the file again when it fails; or let migrate run it",
				}}
			}
		}
	}
	return nil
}

// unknownRule says of an allow's rule that there is none.
func unknownRule(name string) string {
	if _, ok := rules.Find(name); ok {
		return ""
	}
	out := fmt.Sprintf("there is no rule %q", name)
	if near := rules.Nearest(name); len(near) > 0 {
		out += "; the nearest: " + strings.Join(near, ", ")
	}
	return out
}
