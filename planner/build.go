package planner

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
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
	notes  []string
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

// build emits the operations of every table, then the opaque statements.
func (b *builder) build() {
	for _, t := range b.tables {
		if t.created != nil {
			b.createTable(t)
		}
	}
	b.createdParts()
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
	b.inserts()
	b.placeDirects()
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

func (b *builder) createTable(t *tableShape) {
	op := OpCreateTable{Change: *t.created}
	for _, part := range b.tables { // a partition gets rows of the table that it is of
		if part == t || part.created != nil && part.created.Table == t.created.Of {
			for _, in := range part.inserts {
				op.Seeds = append(op.Seeds, b.seedName(part, in))
			}
		}
	}
	b.add(stageExpand, t.at, op)
}

// createdParts adds to tables that the migration makes what the file adds to
// them, in its order, when all of them are there: they may refer to each other.
func (b *builder) createdParts() {
	first := len(b.ops[stageExpand])
	for _, t := range b.tables {
		if t.created == nil {
			continue
		}
		virtual := t.virtual()
		for _, ix := range t.indexes {
			b.add(stageExpand, ix.at, OpCreateIndex{Table: virtual, Change: ix.it})
		}
		for i, ck := range t.checks {
			op := OpAddCheck{Table: virtual, Change: ck.it}
			for _, e := range t.checks[:i] {
				op.Earlier = append(op.Earlier, e.it)
			}
			b.add(stageExpand, ck.at, op)
		}
		for i := range t.constraints {
			b.addConstraint(t, virtual, i, stageExpand)
		}
	}
	slices.SortStableFunc(b.ops[stageExpand][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// virtual is a table that the migration makes, as far as the planner knows it.
func (t *tableShape) virtual() *Table { return &Table{Ref: t.created.Table, Kind: "table"} }

// deletes emits what goes in contract, in the file's order, before anything is
// asked of the rows that stay.
func (b *builder) deletes() {
	first := len(b.ops[stageContract])
	for _, t := range b.tables {
		for _, del := range t.deletes {
			b.add(stageContract, del.at, OpDeleteRows{Table: t.t, Where: del.it.Where})
		}
	}
	slices.SortStableFunc(b.ops[stageContract][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// inserts emits the seed rows of all tables in the file's order, for one may
// refer to another.
func (b *builder) inserts() {
	first := len(b.ops[stageExpand])
	for _, t := range b.tables {
		on := t.t
		if t.created != nil {
			on = t.virtual()
		}
		for _, in := range t.inserts {
			b.add(stageExpand, in.at, OpInsertRows{Table: on, Change: in.it, Name: b.seedName(t, in)})
		}
	}
	slices.SortStableFunc(b.ops[stageExpand][first:], func(x, y placedOp) int { return x.stmt - y.stmt })
}

// seedName names an INSERT for good: by its migration, its table and its place.
func (b *builder) seedName(t *tableShape, in located[InsertRows]) string {
	return digest(b.ps.file.Name, t.ref.String(), "insert", strconv.Itoa(in.stmt))
}

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
	downs := b.downs(t)
	b.expand(t, downs)
	gs := groups(t, downs)
	open := b.sync(t, "open", gs)
	if cp := b.copies(t, true).deferrable(true); len(cp.Names) > 0 {
		b.add(stageExpand, cp.at, cp.OpCopyIndexes)
	}
	if open != nil && b.dir.shadow == plan.ShadowDB {
		b.blocked(t, t.at, targets(gs), WishSync)
		b.add(stageExpand, t.at, OpInstallShadow{Sync: open})
	}
	b.backfill(t, open)
	b.contract(t, open)
	b.checkExprs(t, downs)
	b.askRows(t, downs)
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
			c.Name, c.Type, c.NotNull, c.Default, c.Generated = n.Name, n.Type, false, Expr{}, ""
		}
		s.Columns = append(s.Columns, c)
	}
	return s
}

// newColumns are the columns that expand adds, bare where NOT NULL or a default
// must wait.
func (b *builder) newColumns(t *tableShape) []NewColumn {
	var out []NewColumn
	for _, c := range t.columns {
		switch {
		case c.orig == nil && !c.dropped:
			n := NewColumn{ColumnDef: ColumnDef{
				Name: c.name, Type: c.typ, Comment: c.comment, Rest: c.rest, Generated: c.generated, GeneratedAs: c.generatedAs, Sequence: c.sequence,
			}}
			if c.unfilled() {
				n.Guarded = true
			} else if c.up.IsZero() && !c.early().Volatile {
				n.NotNull, n.Default, n.Guarded = c.notNull, c.early(), c.generatedAs.IsZero()
			}
			out = append(out, n)
		case c.shadow() != "":
			out = append(out, NewColumn{
				ColumnDef: ColumnDef{Name: c.shadow(), Type: c.shadowType()}, Like: c.orig, After: c.orig.Name,
			})
		}
	}
	return out
}

func (c *columnShape) shadowType() string {
	if c.retyped() {
		return c.retype.Canonical
	}
	return c.orig.Type
}

func (b *builder) expand(t *tableShape, downs []down) {
	if added := b.newColumns(t); len(added) > 0 {
		b.add(stageExpand, firstAdded(t), OpAddColumns{Table: t.t, Columns: added})
	}
	for _, c := range t.columns {
		if c.orig == nil {
			b.addedColumn(t, c)
		} else {
			b.widened(t, c, downs)
		}
	}
	b.omit(t, downs)
	for _, ix := range t.indexes {
		if b.indexStage(t, ix) == stageExpand {
			b.add(stageExpand, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
}

func firstAdded(t *tableShape) at {
	for _, c := range t.columns {
		if c.orig == nil && !c.dropped || c.shadow() != "" {
			return c.at
		}
	}
	return t.at
}

// addedColumn decides about one new column: its default, and what fills it.
func (b *builder) addedColumn(t *tableShape, c *columnShape) {
	if c.up.IsZero() && c.early().IsZero() && c.notNull && c.generated == "" {
		b.ps.at(c.at.pos, "not-null-without-default",
			fmt.Sprintf("give it a DEFAULT, or say where its values come from: -- migrate:up %s.%s = …", t.ref.Name, c.name),
			"column %s.%s is NOT NULL and has no default: old versions that do not know it could not insert rows, and existing rows have no value",
			t.label, c.name)
		return
	}
	if c.unfilled() || c.up.IsZero() && c.early().Volatile {
		b.add(stageExpand, c.at, OpSetDefault{Table: t.t, Column: c.bare(), Default: c.early()})
	}
}

// early is the default that a column has until contract. One that the file gives
// to an added column and takes away again, as frameworks do to fill existing
// rows, serves old versions as long as they run.
func (c *columnShape) early() Expr {
	if c.orig == nil && !c.lent.IsZero() {
		return c.lent
	}
	return c.def
}

// bare is an added column, or a shadow, as expand makes it.
func (c *columnShape) bare() Column {
	return Column{Name: c.name, Type: c.typ, Comment: c.comment, Rest: c.rest}
}

// widened emits what expand does to a column of the old shape.
func (b *builder) widened(t *tableShape, c *columnShape, downs []down) {
	if c.retype != nil && c.renamed() {
		b.ps.at(c.at.pos, "", "use two migrations", "column %s.%s is renamed and changes its type at once", t.label, c.orig.Name)
		return
	}
	if c.retype != nil && c.retype.Kind == TypeFree {
		b.add(stageExpand, c.at, OpWidenType{Table: t.t, Column: *c.orig, Type: c.retype.Canonical})
	}
	switch {
	case c.dropped:
		b.blocked(t, c.at, []string{c.orig.Name}, WishDrop)
		b.omissible(t, c, downs)
	case c.renamed():
		b.blocked(t, c.at, []string{c.orig.Name}, WishRename)
	case c.retyped():
		b.blocked(t, c.at, []string{c.orig.Name}, WishReplace)
	}
	if c.dropped {
		return
	}
	if c.orig.NotNull && !c.notNull {
		b.add(stageExpand, c.at, OpDropNotNull{Table: t.t, Column: c.wide()})
		b.warn(c.at, "null-for-old-readers", plan.Info, "make sure that running versions can read a NULL there",
			"from expand on, new versions may write NULL into %s.%s, which old versions then read", t.label, c.orig.Name)
	}
	if c.orig.Default.IsZero() && !c.def.IsZero() && !c.retyped() {
		b.add(stageExpand, c.at, OpSetDefault{Table: t.t, Column: c.now(), Default: c.def})
	}
	if c.commented() {
		col, _, _ := b.waiting(c)
		before := col
		before.Comment = c.orig.Comment
		b.add(stageExpand, c.at, OpRestate{Table: t.t, Column: before, To: col})
	}
}

// now is a column of the old shape as it is after expand's DROP NOT NULL.
func (c *columnShape) now() Column {
	col := c.wide()
	col.NotNull = c.orig.NotNull && c.notNull
	if c.commented() {
		col.Comment = c.comment
	}
	return col
}

// wide is a column of the old shape as it is when expand has widened its type.
func (c *columnShape) wide() Column {
	col := *c.orig
	if c.retype != nil && c.retype.Kind == TypeFree {
		col.Type = c.retype.Canonical
	}
	return col
}

// restated reports whether the column says something else than it did, besides
// its type, NULL and default.
func (c *columnShape) restated() bool {
	return c.orig != nil && !c.dropped && (c.comment != c.orig.Comment || c.rest != c.orig.Rest)
}

// commented reports whether all that it says else is a comment, which nobody
// relies on: then it can say so at once.
func (c *columnShape) commented() bool {
	return c.restated() && c.rest == c.orig.Rest && c.shadow() == ""
}

// omissible makes sure that new versions can leave out a column that they no
// longer know.
func (b *builder) omissible(t *tableShape, c *columnShape, downs []down) {
	i := slices.IndexFunc(downs, func(d down) bool { return d.column == c.orig.Name })
	if i < 0 {
		b.warn(c.at, "missing-down", plan.Warning,
			fmt.Sprintf("-- migrate:down %s.%s = … says what old versions shall read", t.ref.Name, c.orig.Name),
			"rows that new versions write have no value of their own in %s.%s, which old versions still read", t.label, c.orig.Name)
		if c.orig.NotNull && c.orig.Default.IsZero() {
			b.relax(t, c)
		}
		b.sameDefaults(t, c)
		return
	}
	supplied := b.dir.shadow == plan.ShadowDB && downs[i].expr.NeverNull(t.neverNull)
	if c.orig.NotNull && !supplied && (b.dir.shadow == plan.ShadowDB || c.orig.Default.IsZero()) {
		b.warn(c.at, "null-for-old-readers", plan.Warning, "wrap the parts of migrate:down that can be NULL in COALESCE(…, '')",
			"migrate:down of %s.%s can be NULL for rows that new versions write, so expand lets the column be NULL; old versions must be able to read that",
			t.label, c.orig.Name)
		b.relax(t, c)
	}
}

// sameDefaults refuses a column of which new versions, who leave it out, would
// write the same value into every row, where a unique index forbids that.
func (b *builder) sameDefaults(t *tableShape, c *columnShape) {
	if c.orig.Default.IsZero() || c.orig.Default.Volatile || c.orig.Generated != "" {
		return
	}
	for _, ix := range t.t.Indexes {
		left := func(name string) bool { o := t.original(name); return o != nil && o.dropped }
		early := func(d located[Index]) bool { return d.it.Name == ix.Name && b.dir.placed[d.stmt].phase == plan.Expand }
		if !ix.Unique || slices.ContainsFunc(t.dropIndexes, early) || !slices.Contains(ix.Columns, c.orig.Name) || slices.ContainsFunc(ix.Columns, func(n string) bool { return !left(n) }) {
			continue
		}
		b.ps.at(c.at.pos, "", fmt.Sprintf("-- migrate:down %s.%s = … with another value for each row, or drop the index with -- migrate:phase expand before", t.ref.Name, c.orig.Name),
			"until contract, new versions leave %s.%s out, its default would be the same in each of their rows, and unique index %s refuses the second",
			t.label, c.orig.Name, ix.Name)
	}
}

// omit has the dialect look at what the rows of new versions could break.
func (b *builder) omit(t *tableShape, downs []down) {
	op := OpOmit{Table: t.t}
	var where at
	for _, c := range t.columns {
		if c.orig == nil || !c.dropped {
			continue
		}
		left := Omitted{Column: *c.orig}
		if i := slices.IndexFunc(downs, func(d down) bool { return d.column == c.orig.Name }); i >= 0 {
			left.Down = downs[i].expr
		}
		op.Columns, where = append(op.Columns, left), c.at
	}
	about := func(columns []string) bool {
		return slices.ContainsFunc(op.Columns, func(o Omitted) bool { return slices.Contains(columns, o.Column.Name) })
	}
	for _, k := range t.t.Constraints {
		if about(k.Columns) && !b.dropsConstraint(t, k.Name) {
			op.Constraints = append(op.Constraints, k)
		}
	}
	early := func(d located[Index]) bool { return b.dir.placed[d.stmt].phase == plan.Expand }
	for _, ix := range t.t.Indexes {
		dropped := slices.ContainsFunc(t.dropIndexes, func(d located[Index]) bool { return d.it.Name == ix.Name && early(d) })
		if about(ix.Columns) && !dropped && !b.dropsConstraint(t, ix.Constraint) {
			op.Indexes = append(op.Indexes, ix)
		}
	}
	if len(op.Constraints)+len(op.Indexes) > 0 {
		b.add(stageExpand, where, op)
	}
}

// relax lets a column that goes be NULL while new versions, which leave it out,
// write beside old ones.
func (b *builder) relax(t *tableShape, c *columnShape) {
	b.add(stageExpand, c.at, OpDropNotNull{Table: t.t, Column: *c.orig})
}

// neverNull reports whether new versions always write a value into a column.
func (t *tableShape) neverNull(name string) bool {
	if c := t.column(name); c != nil {
		return c.notNull
	}
	o := t.t.Column(name)
	return o != nil && o.NotNull
}

func (b *builder) backfill(t *tableShape, open *Sync) {
	op := OpBackfill{Table: t.t}
	if open != nil && slices.ContainsFunc(open.Groups, func(g Group) bool { return len(g.Up) > 0 }) {
		op.Sync = open
		b.syncs = append(b.syncs, open)
	}
	for _, c := range t.columns {
		if c.orig == nil && c.up.IsZero() && c.early().Volatile && !c.unfilled() {
			op.Fills = append(op.Fills, Assign{Column: c.name, Expr: c.early()})
		}
	}
	for _, r := range t.repairs {
		op.Repairs = append(op.Repairs, r.it)
	}
	if op.Sync != nil || len(op.Fills) > 0 || len(op.Repairs) > 0 {
		b.add(stageBackfill, t.at, op)
	}
	for _, retyped := range []bool{false, true} {
		cp := b.copies(t, retyped)
		if retyped {
			cp = cp.deferrable(false)
		}
		if len(cp.Names) > 0 {
			b.add(stageBackfill, cp.at, cp.OpCopyIndexes)
		}
	}
	for _, ix := range t.indexes {
		if b.indexStage(t, ix) == stageBackfill {
			b.add(stageBackfill, ix.at, OpCreateIndex{Table: t.t, Change: ix.it})
		}
	}
}

// indexCopies is an OpCopyIndexes, and the place that asks for it.
type indexCopies struct {
	at
	OpCopyIndexes
}

// copies lists the copies of the indexes that mention a column with a shadow,
// each over all of these shadows at once. Those over the shadows of renamed
// columns serve the new shape while both live, and go with them. Those over the
// shadows of retyped columns take the original's place in the switch, in which
// renamed columns only change their name. An index may need both.
func (b *builder) copies(t *tableShape, retyped bool) indexCopies {
	out := indexCopies{OpCopyIndexes: OpCopyIndexes{Table: t.t, Columns: map[string]string{}, Names: map[string]string{}, Replaces: retyped}}
	for _, c := range t.columns {
		if c.shadow() != "" && c.retyped() == retyped {
			out.at = c.at
			out.Columns[c.orig.Name] = c.shadow()
		}
	}
	for _, ix := range t.t.Indexes {
		if b.dropsIndex(t, ix.Name) || !slices.ContainsFunc(ix.Columns, func(c string) bool { return out.Columns[c] != "" }) {
			continue
		}
		if out.Names[ix.Name] = b.hiddenName(t, ix.Name); !retyped {
			out.Names[ix.Name] = b.openName(t, ix.Name)
		}
	}
	return out
}

// deferrable picks the copies of indexes whose constraints are deferrable, or
// of the others. Until it is made a constraint's, an index of the former forbids
// duplicates at once, which writers of the original need not heed: so it is
// built while the shadow is still empty.
func (c indexCopies) deferrable(yes bool) indexCopies {
	all := c.Names
	c.Names = map[string]string{}
	for _, ix := range c.Table.Indexes {
		if name, ok := all[ix.Name]; ok && ix.Deferrable == yes {
			c.Names[ix.Name] = name
		}
	}
	return c
}

func (b *builder) dropsIndex(t *tableShape, name string) bool {
	return b.dropsConstraint(t, name) || slices.ContainsFunc(t.dropIndexes, func(d located[Index]) bool { return d.it.Name == name })
}

func (b *builder) dropsConstraint(t *tableShape, name string) bool {
	return slices.ContainsFunc(t.dropKeys, func(d located[Constraint]) bool { return d.it.Name == name })
}

// indexStage says when an index is built: for fast queries as early as its
// columns allow; a unique one when old versions, which may write duplicates,
// are gone; one on a column with a shadow when that has its final name.
func (b *builder) indexStage(t *tableShape, ix located[CreateIndex]) stage {
	switch b.dir.placed[ix.stmt].phase {
	case plan.Contract:
		return stageContract
	case plan.Expand:
		if ix.it.Unique {
			b.warnOnce(ix.at, "narrowing-before-contract", "leave migrate:phase out: the index is then built in contract",
				"unique index %s is built while old versions still run, and fails their duplicates", ix.it.Name)
		}
	case plan.Backfill:
	default:
		if ix.it.Unique {
			return stageContract
		}
	}
	st := stageExpand
	for _, name := range ix.it.Columns {
		c := t.column(name)
		switch {
		case c == nil:
		case c.shadow() != "":
			return stageContract
		case c.orig == nil:
			st = stageBackfill
		}
	}
	return st
}

func (b *builder) warnOnce(a at, rule, instead, format string, args ...any) {
	if !slices.ContainsFunc(b.hazard, func(h located[plan.Hazard]) bool { return h.it.Rule == rule && h.at == a }) {
		b.warn(a, rule, plan.Error, instead, format, args...)
	}
}

// blocked reports what the engine finds in the way of a wish.
func (b *builder) blocked(t *tableShape, a at, columns []string, w Wish) {
	for _, bl := range b.d.Blockers(b.s, t.t, columns, w) {
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

// lower turns the ops of a stage into steps.
func (b *builder) lower(s stage) []plan.Step {
	var out []plan.Step
	for _, o := range b.ops[s] {
		l, err := b.d.Lower(b.s, o.op)
		var un *Unsupported
		switch {
		case errors.As(err, &un):
			b.ps.at(o.pos, "", un.Instead, "%s: %s", un.What, un.Reason)
			continue
		case err != nil:
			b.ps.at(o.pos, "", "", "%v", err)
			continue
		}
		l.Steps = slices.DeleteFunc(l.Steps, func(st plan.Step) bool {
			if s != stagePurge && st.AfterGrace {
				b.purges = append(b.purges, st)
			}
			return s != stagePurge && st.AfterGrace
		})
		for i := range l.Steps {
			l.Steps[i].AfterGrace = s == stagePurge
			estimate(o.op, &l.Steps[i])
		}
		if t := ends(o.op); t != nil && len(l.Steps) > 0 {
			l.Steps[len(l.Steps)-1].Ends = b.s.Display(t.Ref)
		}
		out = append(out, l.Steps...)
		for _, h := range l.Hazards {
			h.Pos = o.pos
			b.hazard = append(b.hazard, located[plan.Hazard]{o.at, h})
		}
		for _, n := range l.Notes {
			if !slices.Contains(b.notes, n) {
				b.notes = append(b.notes, n)
			}
		}
	}
	return out
}

// ends returns the table whose open state an op ends, if it does.
func ends(op Op) *Table {
	switch op := op.(type) {
	case OpSwitch:
		return op.Table
	case OpDropShadow:
		return op.Sync.Table
	default:
		return nil
	}
}
