package dialecttest

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// rowsBefore inserts rows of the old shape as if no trigger were there.
func (b *bench) rowsBefore(from, to int) {
	b.t.Helper()
	var values []string
	for i := from; i < to; i++ {
		name := fmt.Sprintf("'First%d Last%d'", i, i)
		if i%10 == 0 {
			name = "NULL"
		}
		values = append(values, fmt.Sprintf("(%d, %s, 'm%d@example.com', %d, 2, '%s')", i, name, i, i, strings.Repeat("n", 90)))
	}
	b.bypassing(b.t, "INSERT INTO people (id, name, mail, quantity, price, note) VALUES "+strings.Join(values, ", "))
}

func (b *bench) verification(open *planner.Sync) plan.Verification {
	b.t.Helper()
	v, err := b.Engine.Verify(b.schema(), open)
	if err != nil {
		b.t.Fatalf("building the verification: %v", err)
	}
	return v
}

func testBackfill(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	b.rowsBefore(1, 2001)
	open := b.openSync(variant{})
	b.exec(t, "UPDATE people SET email = 'kept@x', mail = 'other@x' WHERE id = 77")
	steps := b.lower(planner.OpBackfill{
		Table: open.Table, Sync: open,
		Repairs: []planner.Repair{{Set: []planner.Assign{b.assign("people.note = 'n'")}}},
	})
	if len(steps) != 1 || steps[0].Mode != plan.Chunked {
		t.Fatalf("a backfill is %d steps, not one of chunks", len(steps))
	}
	c := *steps[0].Chunks
	if !b.yes(c.Left) {
		t.Error("before the backfill nothing is left to do")
	}
	if keys := b.sample(c); len(keys) != 10 {
		t.Errorf("the sample lists %d keys, not 10", len(keys))
	}
	if changed := b.walk(c, 100); changed != 2000 {
		t.Errorf("the backfill changed %d rows of 2000", changed)
	}
	if b.yes(c.Left) {
		t.Error("after the backfill something is left to do")
	}
	if changed := b.walk(c, 300); changed != 0 {
		t.Errorf("a second backfill changed %d rows", changed)
	}
	if n := b.walk(b.verification(open).Counts, 500); n != 1 { // row 77
		t.Errorf("%d rows are inconsistent, not 1", n)
	}
	rows := b.rows(t, []string{"id", "first_name", "last_name", "email", "total", "note"})
	for id, want := range map[string]row{
		"5":  {"id": ptr("5"), "first_name": ptr("First5"), "last_name": ptr("Last5"), "email": ptr("m5@example.com"), "total": ptr("10"), "note": ptr("n")},
		"10": {"id": ptr("10"), "first_name": nil, "last_name": nil, "email": ptr("m10@example.com"), "total": ptr("20"), "note": ptr("n")},
		"77": {"id": ptr("77"), "first_name": ptr("First77"), "last_name": ptr("Last77"), "email": ptr("kept@x"), "total": ptr("154"), "note": ptr("n")},
	} {
		if diff := cmp.Diff(want, rows[id]); diff != "" {
			t.Errorf("row %s (-want +got):\n%s", id, diff)
		}
	}
}

// testBadRow cuts a failing piece down as the executor does, to name the row.
func testBadRow(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	b.rowsBefore(1, 400)
	b.bypassing(t, "UPDATE people SET name = '1'")
	b.bypassing(t, "UPDATE people SET name = 'hunter2' WHERE id = 234")
	open := b.openSync(variant{})
	open.Groups = []planner.Group{{Old: []string{"name"}, New: []string{"total"}, Up: []planner.Assign{b.assign("people.total = " + b.BadCast)}}}
	c := *b.lower(planner.OpBackfill{Table: open.Table, Sync: open})[0].Chunks
	w, err := b.Session.Walk(b.ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	piece, done, err := w.Next(b.ctx, executor.Span{}, "", 1_000_000)
	if err != nil || done {
		t.Fatalf("finding the first piece: %v, done %t", err, done)
	}
	fails := func(p executor.Piece) bool {
		err := b.inTx(executor.Bounds{Bypass: true}, plan.Statement{SQL: c.SQL}, p.Args...)
		if err != nil && b.Session.Classify(err) != executor.BadRow {
			t.Fatalf("the piece fails otherwise than by a row: %v", err)
		}
		return err != nil
	}
	if !fails(piece) {
		t.Fatal("the piece with the row does not fail")
	}
	for {
		first, second, ok, err := w.Split(b.ctx, piece)
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			break
		}
		switch inFirst, inSecond := fails(first), fails(second); {
		case inFirst == inSecond:
			t.Fatalf("of two halves, failing: %t and %t", inFirst, inSecond)
		case inFirst:
			piece = first
		default:
			piece = second
		}
	}
	var key string
	if err := b.conn.QueryRowContext(b.ctx, c.Sample, piece.Args...).Scan(&key); err != nil {
		t.Fatalf("naming the row: %v", err)
	}
	if key != "234" {
		t.Errorf("the failing row is said to be %s, not 234", key)
	}
}

func testVerify(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	b.rowsBefore(1, 101)
	open := b.openSync(variant{})
	b.do(b.lower(planner.OpBackfill{Table: open.Table, Sync: open})[0])
	v := b.verification(open)
	if v.Strict == nil || v.RepairUp == nil || v.RepairDown == nil {
		t.Fatal("the verification lacks Strict, RepairUp or RepairDown")
	}
	if n := b.walk(v.Counts, 30) + b.walk(*v.Strict, 30); n != 0 {
		t.Fatalf("%d rows are inconsistent after the backfill", n)
	}
	b.bypassing(t, "UPDATE people SET first_name = 'first7' WHERE id = 7") // other case only
	b.bypassing(t, "UPDATE people SET email = NULL WHERE id = 8")
	b.bypassing(t, "UPDATE people SET total = 5 WHERE id = 9")
	if n := b.walk(v.Counts, 30); n != 2 {
		t.Errorf("%d rows are inconsistent, not 2", n)
	}
	if diff := cmp.Diff([]string{"7", "8"}, b.sample(v.Counts)); diff != "" {
		t.Errorf("the inconsistent rows (-want +got):\n%s", diff)
	}
	if n := b.walk(*v.Strict, 30); n != 3 {
		t.Errorf("%d rows are strictly inconsistent, not 3", n)
	}
	if n := b.walk(*v.RepairUp, 30); n != 2 {
		t.Errorf("the repair from the old shape changed %d rows, not 2", n)
	}
	if n := b.walk(v.Counts, 30); n != 0 {
		t.Errorf("%d rows are inconsistent after the repair", n)
	}
	b.bypassing(t, "UPDATE people SET first_name = 'Grace' WHERE id = 7")
	if n := b.walk(*v.RepairDown, 30); n != 1 {
		t.Errorf("the repair from the new shape changed %d rows, not 1", n)
	}
	if name := b.rows(t, []string{"id", "name"})["7"]["name"]; !equal(name, ptr("Grace Last7")) {
		t.Errorf("the repaired name is %v", name)
	}
}

// testWalker counts rows piece by piece while others come.
func testWalker(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	b.rowsBefore(1, 3001) // all of them inconsistent: nothing is filled
	c := b.verification(b.openSync(variant{})).Counts
	w, err := b.Session.Walk(b.ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Estimate(b.ctx); err != nil || n < 1000 || n > 9000 {
		t.Errorf("3000 rows are estimated as %d, %v", n, err)
	}
	generation, err := w.Generation(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	spans, err := w.Spans(b.ctx, 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(spans) == 0 || len(spans) > 4 || spans[0].From != "" || spans[len(spans)-1].To != "" {
		t.Fatalf("the spans do not cover the table: %+v", spans)
	}
	stop := b.others()
	total := int64(0)
	for _, span := range spans {
		total += b.countSpan(w, c, span, 3000-total)
	}
	stop()
	if total != 3000 {
		t.Errorf("the walk met %d rows, not 3000", total)
	}
	if again, err := w.Generation(b.ctx); err != nil || again != generation {
		t.Errorf("the generation changed from %q to %q, %v", generation, again, err)
	}
}

// others inserts consistent rows until told to stop: a count of inconsistent
// ones must not see them.
func (b *bench) others() (stop func()) {
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for id := 10_000; b.ctx.Err() == nil; id++ {
			select {
			case <-done:
				return
			default:
			}
			q := fmt.Sprintf("INSERT INTO people (id, name, first_name, last_name) VALUES (%d, 'A B', 'A', 'B')", id)
			if _, err := b.App.ExecContext(b.ctx, q); err != nil && b.ctx.Err() == nil {
				b.t.Errorf("inserting while walking: %v", err)
				return
			}
		}
	})
	return func() {
		close(done)
		writer.Wait()
	}
}

// countSpan counts a span's rows. The open end goes on for as long as rows
// come: there it ends when all that are wanted were met.
func (b *bench) countSpan(w executor.Walker, c plan.Chunks, span executor.Span, wanted int64) int64 {
	b.t.Helper()
	total := int64(0)
	for at := span.From; ; {
		p, done, err := w.Next(b.ctx, span, at, 37)
		if err != nil {
			b.t.Fatal(err)
		}
		if done {
			return total
		}
		if p.From != at && at != "" || p.To == p.From {
			b.t.Fatalf("the piece of %+v after %q is %+v", span, at, p)
		}
		total += b.piece(b.t, c, p)
		at = p.To
		if span.To == "" && total >= wanted {
			return total
		}
	}
}
