package dialecttest

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// testShadowModel runs random statements of old and new app versions, with
// backfill pieces between them, and compares all rows with the model after
// each.
func testShadowModel(t *testing.T, open func(t *testing.T) Harness) {
	for name, v := range map[string]variant{
		"no defaults":             {},
		"defaults on both shapes": {name: "Some One", mail: "nobody", firstName: "Anon"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, open(t))
			b.create(v)
			sync := b.openSync(v)
			for _, step := range b.lower(planner.OpInstallShadow{Sync: sync}) {
				b.do(step)
			}
			fill := b.lower(planner.OpBackfill{Table: sync.Table, Sync: sync})
			verify, err := b.Engine.Verify(b.schema(), sync)
			if err != nil {
				t.Fatalf("building the verification: %v", err)
			}
			ops := 0
			rapid.Check(t, func(rt *rapid.T) {
				b.exec(rt, "DELETE FROM people")
				g := &game{bench: b, rt: rt, model: modelOf(v), fill: *fill[0].Chunks}
				for range rapid.IntRange(5, 30).Draw(rt, "length") {
					g.play()
					ops++
				}
				g.settle(verify)
			})
			t.Logf("%d random operations agree with the model", ops)
		})
	}
}

// game is one random sequence.
type game struct {
	*bench
	rt    *rapid.T
	model *model
	fill  plan.Chunks
	log   []string
}

// pools of values: alike but for case or trailing blanks, for collations to
// stumble over; empty; NULL.
var pools = map[string][]string{
	"name":       {"NULL", "", "Ada Lovelace", "ada lovelace", "Ada Lovelace ", "Plato", "Mary Ann Lee", "Some One", "O'Hara Zoë"},
	"first_name": {"NULL", "", "Ada", "ada", "Ada ", "Grace", "Anon"},
	"last_name":  {"NULL", "", "Lovelace", "LOVELACE", "Hopper"},
	"mail":       {"NULL", "", "a@x", "A@x", "a@x ", "nobody"},
	"email":      {"NULL", "", "a@x", "A@x", "a@x ", "nobody"},
	"quantity":   {"NULL", "0", "1", "-3"},
	"price":      {"NULL", "0", "7", "2000000000"},
	"total":      {"NULL", "0", "7", "99"},
	"note":       {"NULL", "x", "y"},
}

func (g *game) value(column string) *string {
	v := rapid.SampledFrom(pools[column]).Draw(g.rt, column)
	if v == "NULL" {
		return nil
	}
	return ptr(v)
}

// cells draws values for some of the columns.
func (g *game) cells(columns []string, atLeast int) []Cell {
	n := rapid.IntRange(atLeast, len(columns)).Draw(g.rt, "columns")
	chosen := rapid.Permutation(columns).Draw(g.rt, "which")[:n]
	slices.Sort(chosen)
	out := make([]Cell, n)
	for i, c := range chosen {
		out[i] = Cell{Column: c, Value: g.value(c)}
	}
	return out
}

// shape draws who writes: an old version, a new one, or one that writes both.
func (g *game) shape() []string {
	return rapid.SampledFrom([][]string{
		slices.Concat(oldColumns, sharedColumns),
		slices.Concat(newColumns, sharedColumns),
		slices.Concat(oldColumns, sharedColumns, newColumns),
		{"last_name"},
		{"note"},
	}).Draw(g.rt, "shape")
}

func (g *game) id() string {
	return rapid.SampledFrom([]string{"1", "2", "3", "4"}).Draw(g.rt, "id")
}

func (g *game) run(statement string) {
	g.rt.Helper()
	g.log = append(g.log, statement)
	g.exec(g.rt, statement)
}

// play runs one random operation on both sides, then compares them.
func (g *game) play() {
	id := g.id()
	_, exists := g.model.rows[id]
	key := Cell{Column: "id", Value: ptr(id)}
	switch op := rapid.SampledFrom([]string{"insert", "insert", "before", "update", "update", "update", "upsert", "delete", "backfill"}).Draw(g.rt, "op"); {
	case op == "insert" && !exists:
		cells := append([]Cell{key}, g.cells(g.shape(), 0)...)
		g.run(InsertSQL(peopleTable, cells))
		g.model.insert(allColumns(), cells)
	case op == "before" && !exists:
		// A row from before the trigger was there.
		cells := append([]Cell{key}, g.cells(slices.Concat(oldColumns, sharedColumns), 1)...)
		sql := InsertSQL(peopleTable, cells)
		g.log = append(g.log, "-- before the trigger: "+sql)
		g.bypassing(g.rt, sql)
		g.model.insertBefore(allColumns(), cells)
	case op == "update":
		cells := g.cells(g.shape(), 1)
		g.run("UPDATE people SET " + SetSQL(cells) + " WHERE id = " + id)
		g.model.update(id, cells)
	case op == "upsert":
		shape := g.shape()
		insert, update := append([]Cell{key}, g.cells(shape, 0)...), g.cells(shape, 1)
		g.run(g.Upsert(peopleTable, insert, update))
		if exists {
			g.model.update(id, update)
		} else {
			g.model.insert(allColumns(), insert)
		}
	case op == "delete":
		g.run("DELETE FROM people WHERE id = " + id)
		delete(g.model.rows, id)
	default:
		g.backfill()
	}
	g.compare()
}

// backfill runs the whole backfill: the table is small.
func (g *game) backfill() {
	g.log = append(g.log, "-- backfill")
	w, err := g.Session.Walk(g.ctx, g.fill)
	if err != nil {
		g.rt.Fatalf("walking: %v", err)
	}
	for at := ""; ; {
		p, done, err := w.Next(g.ctx, executor.Span{}, at, 2)
		if err != nil {
			g.rt.Fatalf("finding the next piece: %v", err)
		}
		if done {
			break
		}
		g.piece(g.rt, g.fill, p)
		at = p.To
	}
	for id := range g.model.rows {
		g.model.backfill(id)
	}
}

func (g *game) compare() {
	g.rt.Helper()
	got := g.rows(g.rt, allColumns())
	if diff := cmp.Diff(g.model.rows, got); diff != "" {
		g.rt.Fatalf("the table is not what the model says (-model +table):\n%s\nafter\n%s", diff, strings.Join(g.log, "\n"))
	}
}

// settle ends a sequence: the verification counts what the model counts, and
// after a backfill nothing is left to fill.
func (g *game) settle(verify plan.Verification) {
	want := int64(0)
	for _, r := range g.model.rows {
		if slices.ContainsFunc(g.model.groups, func(m modelGroup) bool { return !m.consistent(r) }) {
			want++
		}
	}
	if got := g.walk(verify.Counts, 10); got != want {
		g.rt.Fatalf("the verification counts %d inconsistent rows, the model %d, after\n%s", got, want, strings.Join(g.log, "\n"))
	}
	g.backfill()
	g.compare()
	if g.yes(g.fill.Left) {
		g.rt.Fatalf("the backfill says that rows are left, after\n%s", strings.Join(g.log, "\n"))
	}
}

func testShadowUndo(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	before := b.table()
	steps := b.lower(planner.OpInstallShadow{Sync: b.openSync(variant{})})
	for _, s := range steps {
		b.do(s)
	}
	if diff := cmp.Diff(before, b.table()); diff != "" {
		t.Errorf("our own trigger changes what the inspector sees: the plan would go stale by itself (-before +after):\n%s", diff)
	}
	b.exec(t, "INSERT INTO people (id, name) VALUES (1, 'Ada Lovelace')")
	for _, s := range slices.Backward(steps) {
		b.undo(s)
	}
	b.exec(t, "INSERT INTO people (id, name) VALUES (2, 'Ada Lovelace')")
	got := map[string]*string{}
	for id, r := range b.rows(t, []string{"id", "first_name"}) {
		got[id] = r["first_name"]
	}
	if diff := cmp.Diff(map[string]*string{"1": ptr("Ada"), "2": nil}, got); diff != "" {
		t.Errorf("shadow writes with and without the trigger (-want +got):\n%s", diff)
	}
	for _, s := range steps { // and again: nothing may be left over
		b.do(s)
	}
}

func testSwitch(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	open := b.openSync(variant{})
	for _, s := range b.lower(planner.OpInstallShadow{Sync: open}) {
		b.do(s)
	}
	b.exec(t, "INSERT INTO people (id, name, mail) VALUES (1, 'Mary Ann  Lee', 'm@x')")
	before := b.table()
	sw := planner.OpSwitch{
		Table: open.Table,
		Columns: []planner.Rename{
			{From: "name", To: "old_name"},
			{From: "email", To: "old_mail"},
			{From: "mail", To: "email"},
		},
		Open: open, Grace: b.graceSync(open),
	}
	steps := b.lower(sw)
	for _, s := range steps {
		b.do(s)
	}
	b.exec(t, "INSERT INTO people (id, first_name, last_name, email) VALUES (2, 'Grace', 'Hopper', 'g@x')")
	b.exec(t, "UPDATE people SET note = 'seen' WHERE id = 1")
	after := b.rows(t, []string{"id", "old_name", "old_mail", "email"})
	want := map[string]row{
		"1": {"id": ptr("1"), "old_name": ptr("Mary Ann  Lee"), "old_mail": ptr("m@x"), "email": ptr("m@x")},
		"2": {"id": ptr("2"), "old_name": ptr("Grace Hopper"), "old_mail": ptr("g@x"), "email": ptr("g@x")},
	}
	if diff := cmp.Diff(want, after); diff != "" {
		t.Errorf("after the switch (-want +got):\n%s", diff)
	}
	b.bypassing(t, "UPDATE people SET email = 'late@x' WHERE id = 2") // past the grace trigger
	for _, s := range slices.Backward(steps) {
		b.undo(s)
	}
	if diff := cmp.Diff(before, b.table()); diff != "" {
		t.Errorf("the undo leaves another table (-before +after):\n%s", diff)
	}
	b.exec(t, "UPDATE people SET last_name = 'Lee' WHERE id = 1")
	restored := b.rows(t, []string{"id", "name", "mail", "email"})
	want = map[string]row{
		"1": {"id": ptr("1"), "name": ptr("Mary Lee"), "mail": ptr("m@x"), "email": ptr("m@x")},
		"2": {"id": ptr("2"), "name": ptr("Grace Hopper"), "mail": ptr("late@x"), "email": ptr("late@x")},
	}
	if diff := cmp.Diff(want, restored); diff != "" {
		t.Errorf("after the undo (-want +got):\n%s", diff)
	}
}

// graceSync keeps the two tombstones of testSwitch current.
func (b *bench) graceSync(open *planner.Sync) *planner.Sync {
	b.t.Helper()
	full := b.assign(b.Expressions.FullName)
	names := map[string]string{"name": "old_name", "email": "old_mail", "mail": "email"}
	grace := &planner.Sync{
		Migration: open.Migration, Table: open.Table, Name: open.Name, State: "grace", Columns: slices.Clone(open.Columns),
		Groups: []planner.Group{
			{
				Old: []string{"old_name"}, New: []string{"first_name", "last_name"},
				Down: []planner.Assign{{Column: "old_name", Expr: full.Expr}},
			},
			{
				Old: []string{"old_mail"}, New: []string{"email"},
				Down: []planner.Assign{{Column: "old_mail", Expr: planner.ColumnExpr("email")}},
			},
		},
	}
	for i, c := range grace.Columns {
		if n, ok := names[c.Name]; ok {
			grace.Columns[i].Name = n
		}
	}
	return grace
}
