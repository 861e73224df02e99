package planner

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// build.go reads off, from the difference between the old shape and the new,
// which operations there are, in which phase and order.

// builder gathers the operations of one migration.
type builder struct {
	*shape
	ops    map[stage][]placedOp
	syncs  []*Sync // of the open state, in order
	exprs  []checkedExprs
	hazard []located[plan.Hazard]
	// linted are the hazards found in the statements alone.
	linted []located[plan.Hazard]
	// entangled is what goes along with a switch.
	entangled []entanglement
	asked     []located[plan.Question]
	// purges are what operations before the grace leave for its end, where they
	// come before all else: they may depend on what goes then.
	purges []plan.Step
}

// entanglement is an object that the migration itself takes out of the way of a
// column that is rebuilt.
type entanglement struct {
	object ObjectRef
	table  *Table
}

// stage is a phase, with contract cut at its grace.
type stage string

const (
	stageExpand   stage = "expand"
	stageBackfill stage = "backfill"
	stageContract stage = "contract"
	stagePurge    stage = "purge"
)

// checkedExprs are expressions that the server must understand over a table.
type checkedExprs struct {
	t     *Table
	exprs []TypedExpr
}

func (b *builder) add(s stage, a at, op Op) {
	b.ops[s] = append(b.ops[s], placedOp{at: a, op: op})
}

func (b *builder) warn(a at, rule string, sev plan.Severity, instead, format string, args ...any) {
	b.hazard = append(b.hazard, located[plan.Hazard]{a, plan.Hazard{
		Rule: rule, Severity: sev, Pos: a.pos, Message: fmt.Sprintf(format, args...), Instead: instead,
	}})
}

func (b *builder) warnOnce(a at, rule, instead, format string, args ...any) {
	if !slices.ContainsFunc(b.hazard, func(h located[plan.Hazard]) bool { return h.it.Rule == rule && h.at == a }) {
		b.warn(a, rule, plan.Error, instead, format, args...)
	}
}

// build emits the operations of every table, then the opaque statements.
func (b *builder) build() {
	b.buildMade(false)
	b.dropConstraints(true)
	b.dropConstraints(false)
	b.deletes()
	for _, t := range b.tables {
		switch {
		case t.created != nil:
		case t.dropped:
			b.droppedTable(t)
		case t.to != "":
			b.renamedTable(t)
		default:
			b.changedTable(t)
		}
	}
	b.lateKeys()
	b.inserts()
	b.readsChanged()
	b.placeDirects()
	b.mergeSwitches()
	b.bridges()
	for _, i := range b.ignored {
		b.warn(i.at, i.it.Rule, plan.Info, "leave it out", "%s is left out: %s", i.it.What, i.it.Reason)
	}
	for _, o := range b.steps {
		st := stageExpand
		if o.phase == plan.Contract {
			st = stageContract
		}
		b.ops[st] = append(b.ops[st], o)
	}
}

// verifies reports whether all rows of what is synchronised are compared.
func (b *builder) verifies() bool { return b.dir.shadow != plan.ShadowOff }

func (b *builder) droppedTable(t *tableShape) {
	name := b.tombstone(t, t.ref.Name)
	b.blocked(t, t.droppedAt, nil, WishDrop)
	b.add(stageContract, t.droppedAt, OpFenceTable{Table: t.t, Name: name})
	b.add(stagePurge, t.droppedAt, OpPurgeTable{Table: t.t, Name: name})
	b.warn(t.droppedAt, "data-loss-drop-table", plan.Info, "keep a backup if anybody may ask for the rows later",
		"table %s is gone for good when its grace ends", t.label)
}

// changedTable emits one table's operations; the order is the heart of it.
func (b *builder) changedTable(t *tableShape) {
	b.unwritten(t)
	downs := b.downs(t)
	b.expand(t, downs)
	gs := groups(t, downs)
	open := b.sync(t, "open", gs)
	if cp := b.copies(t, true).deferrable(true); len(cp.Names) > 0 {
		b.add(stageExpand, cp.at, cp.OpCopyIndexes)
	}
	if open != nil && b.dir.shadow == plan.ShadowDB {
		b.blocked(t, t.at, targets(gs), WishSync)
		b.blocked(t, t.at, sources(gs), WishRead)
		b.add(stageExpand, t.at, OpInstallShadow{Sync: open})
		b.nulls(t, gs)
	}
	b.backfill(t, open)
	b.contract(t, open)
	b.checkExprs(t, downs)
	b.askRows(t, downs)
}

// nulls tells where the shadow writes cannot know that a new version means NULL.
func (b *builder) nulls(t *tableShape, gs []Group) {
	const rule = "null-taken-for-unwritten"
	for _, c := range t.columns {
		in := func(a Assign) bool { return a.Column == c.name }
		i := slices.IndexFunc(gs, func(g Group) bool { return slices.ContainsFunc(g.Up, in) })
		if c.notNull || i < 0 {
			continue
		}
		switch g := gs[i]; {
		case c.orig == nil && len(g.Down) == 0:
			b.warn(c.at, rule, plan.Warning, "write another value for it until contract; where an old column holds the same, -- migrate:down tells what it is to hold, and NULL stays",
				"where a new version writes NULL into %s.%s, the next UPDATE of the row fills it again, until contract", t.label, c.name)
		case c.renamed() && slices.ContainsFunc(g.OldDefaults, func(a Assign) bool { return !a.Expr.isNull() }):
			b.warn(c.at, rule, plan.Warning, "write NULL by an UPDATE behind the INSERT until contract, or drop the default in a migration before",
				"where a new version inserts NULL into %s.%s, the column's default is stored, until contract: a trigger cannot tell NULL from nothing", t.label, c.name)
		}
	}
}

// unwritten refuses a change of type without triggers: no version of the app knows
// the hidden column that takes the old one's place, so that nobody would write
// there what comes while both are live, and contract would lose it.
func (b *builder) unwritten(t *tableShape) {
	if b.dir.shadow == plan.ShadowDB {
		return
	}
	for _, c := range t.columns {
		if g, ok := pair(c); ok && g.Hidden {
			b.ps.at(c.at.pos, "", "leave migrate:shadow out; what needs it goes into a file of its own",
				"with migrate:shadow %s, nobody would write what %s.%s is to be: only triggers can, since no version of the app knows the column that takes its place",
				b.dir.shadow, t.label, c.orig.Name)
		}
	}
}

func targets(gs []Group) []string {
	var out []string
	for _, g := range gs {
		for _, a := range slices.Concat(g.Up, g.Down) {
			if !slices.Contains(out, a.Column) {
				out = append(out, a.Column)
			}
		}
	}
	return out
}

// sources are the columns that others are derived of, but for those that are written as well.
func sources(gs []Group) []string {
	var out []string
	written := targets(gs)
	for _, g := range gs {
		for _, a := range slices.Concat(g.Up, g.Down) {
			for _, c := range a.Expr.Columns() {
				if !slices.Contains(out, c) && !slices.Contains(written, c) {
					out = append(out, c)
				}
			}
		}
	}
	return out
}

// sync describes the open state's synchronisation; nil when there is none.
func (b *builder) sync(t *tableShape, state string, gs []Group) *Sync {
	if len(gs) == 0 {
		return nil
	}
	s := &Sync{Migration: b.ps.file.Name, Table: t.t, Name: b.syncName(t), State: state, Groups: gs}
	s.Columns = slices.Clone(t.t.Columns)
	for _, n := range b.newColumns(t) {
		c := Column{Name: n.Name, Type: n.Type}
		if n.Like != nil {
			c = *n.Like
			c.Name, c.Type, c.NotNull, c.Default, c.Generated = n.Name, n.Type, n.NotNull, n.Default, ""
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

// blocked reports what the engine finds in the way of a wish.
func (b *builder) blocked(t *tableShape, a at, columns []string, w Wish) {
	on := t.t
	if early := b.earlyChecks(t); len(early) > 0 {
		on = t.checked(slices.Concat(on.Constraints, early))
	}
	for _, bl := range b.d.Blockers(b.s, on, columns, w) {
		if b.yields(bl.Ref) {
			if w == WishReplace {
				b.entangled = append(b.entangled, entanglement{object: bl.Ref, table: t.t})
			}
			continue
		}
		rule := ""
		if strings.HasPrefix(bl.Object, "view ") || strings.HasPrefix(bl.Object, "materialized view ") {
			rule = "view-depends-on-column"
		}
		b.ps.at(a.pos, rule, "", "%s: %s", bl.Object, bl.Reason)
	}
}
