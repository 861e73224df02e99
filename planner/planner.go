package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// Input is all that a plan is made from.
type Input struct {
	Dialect Dialect
	// Schema holds at least the tables that References names.
	Schema   *Schema
	File     File
	Defaults Defaults
	// Open are the migrations that are between expand and done.
	Open []OpenMigration
}

// OpenMigration is a migration whose two shapes are live, with what it touches.
type OpenMigration struct {
	Name    string
	Touches []string
}

// Plan makes the plan of one migration. Its error is Errors: every problem that
// was found, each with its place.
func Plan(in Input) (*plan.Plan, error) {
	ps := &problems{file: in.File}
	script, err := parse(in.Dialect, in.File)
	if err != nil {
		return nil, err
	}
	dir := readDirectives(in.Dialect, script, ps, in.Defaults)
	sh := &shape{d: in.Dialect, s: in.Schema, ps: ps, dir: &dir, mem: Remember(in.Dialect, in.Schema)}
	sh.evolve(script)
	if len(ps.errs) == 0 {
		sh.directiveUps()
	}
	for _, d := range dir.downs {
		sh.cur = at{pos: d.pos, stmt: -1}
		sh.directiveTable(d.table)
	}
	if len(ps.errs) > 0 {
		return nil, ps.sorted()
	}
	b := &builder{shape: sh, ops: map[stage][]placedOp{}}
	b.build()
	p := b.plan(in, script)
	b.overlaps(in.Open, p.Touches)
	if len(ps.errs) > 0 {
		return nil, ps.sorted()
	}
	return p, nil
}

func (p *problems) sorted() error {
	slices.SortStableFunc(p.errs, func(a, b *Error) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return p.errs
}

func parse(d Dialect, f File) (*Script, error) {
	script, err := d.Parse(f.Src)
	var syntax *SyntaxError
	if errors.As(err, &syntax) && syntax.Rule != "" {
		return nil, Errors{{Pos: f.Pos(syntax.Offset), Rule: syntax.Rule, Message: syntax.Message, Instead: syntax.Instead}}
	}
	if errors.As(err, &syntax) {
		return nil, Errors{{
			Pos: f.Pos(syntax.Offset), Rule: "opaque-statement", Message: syntax.Message,
			Instead: "correct the SQL; what the grammar of " + d.Engine() + " cannot read is never run",
		}}
	}
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", f.Path, err)
	}
	return script, nil
}

// plan lowers everything and puts the plan together.
func (b *builder) plan(in Input, script *Script) *plan.Plan {
	p := &plan.Plan{
		FormatVersion: plan.FormatVersion,
		Migration:     in.File.Name,
		Engine:        in.Schema.Engine,
		ServerVersion: in.Schema.Version,
		Flag:          b.dir.flag,
		Soak:          plan.Duration(b.dir.soak),
		Grace:         plan.Duration(b.dir.grace),
		Shadow:        b.dir.shadow,
		Checksum:      in.File.Checksum(),
		Touches:       b.touches(),
		Hazards:       []plan.Hazard{},
	}
	expand, fill := b.lower(stageExpand), b.lower(stageBackfill)
	contract, purge := b.lower(stageContract), b.lower(stagePurge)
	contract = slices.Concat(contract, b.purges, purge)
	p.Phases = []plan.Phase{
		{Phase: plan.Expand, Gates: []string{}, Steps: number(plan.Expand, expand)},
		{Phase: plan.Backfill, Gates: []string{}, Steps: number(plan.Backfill, fill)},
		{Phase: plan.Contract, Gates: []string{}, Steps: number(plan.Contract, contract)},
	}
	if len(fill) > 0 {
		p.Phases[0].Gates = []string{GateFlagOff}
		p.Phases[1].Gates = []string{GateFlagOff}
	}
	if len(contract) > 0 {
		p.Phases[2].Gates = []string{GateFlagFull, GateSoaked, GateBackfilled, GateVerified}
	}
	if b.verifies() {
		for _, s := range b.syncs {
			v, err := b.d.Verify(b.s, s)
			if err != nil {
				b.ps.at(in.File.Pos(0), "", "", "%v", err)
				continue
			}
			// The label ties a verification to the step that ends it.
			v.Counts.Label = b.s.Display(s.Table.Ref)
			p.Verify = append(p.Verify, v)
		}
	}
	for _, c := range b.exprs {
		p.Checks = append(p.Checks, b.d.Checks(b.s, c.t, c.exprs)...)
	}
	b.found(script, findings(in.Dialect, in.Schema, script, b.dir))
	b.allow(p, false)
	p.Notes = b.notes
	p.Fingerprint = b.fingerprint()
	return p
}

// The gates that this planner asks for, by the names of DESIGN section 7.
const (
	GateFlagOff    = "flag-off"
	GateFlagFull   = "flag-full"
	GateSoaked     = "soaked"
	GateBackfilled = "backfilled"
	GateVerified   = "verified"
)

func number(phase plan.PhaseName, steps []plan.Step) []plan.Step {
	out := make([]plan.Step, len(steps))
	for i, s := range steps {
		s.ID = fmt.Sprintf("%s-%d", phase, i+1)
		out[i] = s
	}
	return out
}

// allow matches hazards with the directives that acknowledge them. Of what was
// found in the statements alone, plans leave out what they make safe: their
// steps tell of it.
func (b *builder) allow(p *plan.Plan, all bool) {
	for _, h := range b.hazard {
		b.acknowledge(h.stmt, h.it.Rule, &h.it.Allowed, &h.it.Reason)
		p.Hazards = append(p.Hazards, h.it)
	}
	for _, h := range b.linted {
		b.acknowledge(h.stmt, h.it.Rule, &h.it.Allowed, &h.it.Reason)
		if all || h.it.Allowed || h.it.Severity != plan.Info {
			p.Hazards = append(p.Hazards, h.it)
		}
	}
	for _, q := range b.asked {
		b.acknowledge(q.stmt, q.it.Rule, &q.it.Allowed, &q.it.Reason)
		p.Questions = append(p.Questions, q.it)
	}
	for _, a := range b.dir.allows {
		if a.used {
			continue
		}
		message, instead := unknownRule(a.rule), "remove the directive"
		switch {
		case message != "":
			message, instead = "migrate:allow "+a.rule+" acknowledges nothing: "+message, "name a rule that there is; migrate explain lists them"
		case b.refused(a):
			message = "migrate:allow " + a.rule + " does not help: the planner refuses the statement"
		default:
			message = "migrate:allow " + a.rule + " matches no hazard of the statement"
		}
		p.Hazards = append(p.Hazards, plan.Hazard{Rule: "unused-allow", Severity: rules.Severity("unused-allow"), Pos: a.pos, Message: message, Instead: instead})
	}
	sortHazards(p.Hazards)
	p.Hazards = slices.Compact(p.Hazards) // expand and contract may tell the same
}

// acknowledge marks what a directive before the statement allows.
func (b *builder) acknowledge(stmt int, rule string, allowed *bool, reason *string) {
	for _, a := range b.dir.allows {
		if a.rule == rule && (stmt == a.statement || stmt < 0) {
			a.used = true
			*allowed, *reason = true, a.reason
		}
	}
}

// refused reports whether an error stands where a directive would allow it.
func (b *builder) refused(a *allow) bool {
	return slices.ContainsFunc(b.ps.errs, func(e *Error) bool { return e.Rule == a.rule && e.Line >= a.pos.Line })
}

// fingerprint identifies what the plan was made for: the migration, the server
// and the touched tables as they are. Estimates do not count.
func (b *builder) fingerprint() string {
	f := struct {
		Engine   string
		Version  int
		Checksum string
		Tables   []*Table
		Objects  []*Object `json:",omitempty"`
	}{b.s.Engine, b.s.VersionNum, b.ps.file.Checksum(), nil, b.s.Objects}
	for _, t := range b.tables {
		if t.t != nil {
			f.Tables = append(f.Tables, t.t)
		}
	}
	data, err := json.Marshal(f)
	if err != nil {
		b.ps.at(b.ps.file.Pos(0), "", "", "fingerprinting the schema: %v", err)
		return ""
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// References lists what a migration mentions, so that it can be inspected.
type References struct {
	Tables []Ref
	// Indexes are those that the file names without their table.
	Indexes []DropIndex
	// Objects are the other objects that it creates, changes or drops.
	Objects []ObjectRef
}

// Refer reads which tables and indexes a migration is about. Its error is
// Errors when the file cannot be read.
func Refer(d Dialect, f File) (References, error) {
	script, err := parse(d, f)
	if err != nil {
		return References{}, err
	}
	var out References
	table := func(r Ref) {
		if r.Name != "" && !slices.Contains(out.Tables, r) {
			out.Tables = append(out.Tables, r)
		}
	}
	object := func(o ObjectRef) {
		if !slices.Contains(out.Objects, o) {
			out.Objects = append(out.Objects, o)
		}
	}
	renamed := map[[2]string]string{} // of a table, the new name: the old one
	for _, st := range script.Statements {
		for _, c := range st.Changes {
			if di, ok := c.(DropIndex); ok && di.Table == (Ref{}) {
				out.Indexes = append(out.Indexes, di)
				continue
			}
			table(tableOf(c))
			switch c := c.(type) {
			case CreateTable:
				table(c.Of)
				for _, l := range c.Like {
					table(l)
				}
			case AddConstraint:
				table(c.Refers)
			case InsertRows:
				for _, r := range c.Reads {
					table(r)
				}
			case RenameColumn:
				renamed[[2]string{c.Table.Name, c.To}] = c.From
			case Direct:
				object(c.Object)
				if name, ok := strings.CutPrefix(c.Object.Detail, detailColumn); ok && renamed[[2]string{c.Object.On.Name, name}] != "" {
					was := c.Object
					was.Detail = detailColumn + renamed[[2]string{c.Object.On.Name, name}]
					object(was)
				}
				table(c.Object.On)
				for _, n := range c.Needs {
					table(n.Table)
				}
			default:
			}
		}
	}
	ps := &problems{file: f}
	dir := readDirectives(d, script, ps, StandardDefaults)
	if len(ps.errs) > 0 {
		return References{}, ps.sorted()
	}
	for _, t := range append(dir.ups, dir.downs...) {
		table(t.table)
	}
	return out, nil
}

func tableOf(c Change) Ref {
	switch c := c.(type) {
	case CreateTable:
		return c.Table
	case DropTable:
		return c.Table
	case AddColumn:
		return c.Table
	case DropColumn:
		return c.Table
	case RenameColumn:
		return c.Table
	case ChangeType:
		return c.Table
	case RedefineColumn:
		return c.Table
	case SetNotNull:
		return c.Table
	case DropNotNull:
		return c.Table
	case SetDefault:
		return c.Table
	case DropDefault:
		return c.Table
	case UpdateRows:
		return c.Table
	case CreateIndex:
		return c.Table
	case DropIndex:
		return c.Table
	case AddCheck:
		return c.Table
	case RenameTable:
		return c.Table
	case AddConstraint:
		return c.Table
	case DropConstraint:
		return c.Table
	case InsertRows:
		return c.Table
	case DeleteRows:
		return c.Table
	case Direct, Ignored, Opaque:
	}
	return Ref{}
}
