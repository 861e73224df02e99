package dialecttest

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// bench is a harness at work: it runs steps as the executor does, without its
// bookkeeping.
type bench struct {
	Harness
	t    *testing.T
	ctx  context.Context
	conn *sql.Conn
}

func newBench(t *testing.T, h Harness) *bench {
	t.Helper()
	ctx := t.Context()
	conn, err := h.Session.DB().Conn(ctx)
	if err != nil {
		t.Fatalf("taking a connection: %v", err)
	}
	b := &bench{Harness: h, t: t, ctx: ctx, conn: conn}
	t.Cleanup(func() {
		if err := b.conn.Close(); err != nil {
			t.Errorf("giving the connection back: %v", err)
		}
	})
	for _, sql := range h.Session.Layout().Prelude {
		b.exec(t, sql)
	}
	return b
}

// exec runs a statement as an application does.
func (b *bench) exec(t rapid.TB, statement string) {
	t.Helper()
	if _, err := b.App.ExecContext(b.ctx, statement); err != nil {
		t.Fatalf("running %s: %v", statement, err)
	}
}

// bypassing runs a statement that the triggers leave alone.
func (b *bench) bypassing(t rapid.TB, statement string, args ...any) {
	t.Helper()
	if err := b.inTx(executor.Bounds{Bypass: true}, plan.Statement{SQL: statement}, args...); err != nil {
		t.Fatalf("running %s: %v", statement, err)
	}
}

func (b *bench) inTx(bounds executor.Bounds, st plan.Statement, args ...any) error {
	return b.inTxDo(bounds, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(b.ctx, st.SQL, args...)
		return err
	})
}

func (b *bench) inTxDo(bounds executor.Bounds, do func(tx *sql.Tx) error) error {
	tx, err := b.Session.Begin(b.ctx, b.conn, bounds)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

func (b *bench) lower(op planner.Op) []plan.Step {
	b.t.Helper()
	l, err := b.Engine.Lower(b.schema(), op)
	if err != nil {
		b.t.Fatalf("lowering %T: %v", op, err)
	}
	return l.Steps
}

// schema inspects the table that the suite works on.
func (b *bench) schema() *planner.Schema {
	b.t.Helper()
	s, err := b.Session.Inspect(b.ctx, planner.References{Tables: []planner.Ref{{Name: peopleTable}}})
	if err != nil {
		b.t.Fatalf("inspecting: %v", err)
	}
	return s
}

func (b *bench) table() *planner.Table {
	b.t.Helper()
	t := b.schema().Table(planner.Ref{Name: peopleTable})
	if t == nil {
		b.t.Fatalf("the inspector does not find the table %s", peopleTable)
	}
	t.Rows, t.Bytes = 0, 0 // estimates, which move by themselves
	return t
}

// do runs a step, and checks that its probes then say that it was done.
func (b *bench) do(step plan.Step) {
	b.t.Helper()
	if step.Mode == plan.Chunked {
		chunks := *step.Chunks
		if q := chunks.Quicker; q != nil && b.yes(q.When) {
			chunks.SQL = q.SQL
		}
		b.walk(chunks, 50)
		return
	}
	if err := b.run(step, step.Mode, step.Statements); err != nil {
		b.t.Fatalf("step %q: %v\n%s", step.Title, err, step.SQL)
	}
}

// undo reverses a step.
func (b *bench) undo(step plan.Step) {
	b.t.Helper()
	if step.UndoFirst != nil {
		b.walk(*step.UndoFirst, 50)
	}
	for _, also := range step.UndoFirstAlso {
		b.walk(also, 50)
	}
	if step.UndoLoses != nil && b.yes(step.UndoLoses.SQL) {
		b.t.Fatalf("undoing step %q: %s", step.Title, step.UndoLoses.Message)
	}
	mode := step.UndoMode
	if mode == "" {
		mode = step.Mode
	}
	if err := b.run(step, mode, step.UndoStatements); err != nil {
		b.t.Fatalf("undoing step %q: %v\n%s", step.Title, err, step.Undo)
	}
}

func (b *bench) run(step plan.Step, mode plan.Mode, statements []plan.Statement) error {
	b.t.Helper()
	bounds := executor.Bounds{
		Lock:      time.Duration(step.LockTimeoutMS) * time.Millisecond,
		Statement: time.Duration(step.StatementTimeoutMS) * time.Millisecond,
	}
	if mode == plan.InTx {
		bounds.Late = true
		var texts []string
		for _, st := range statements {
			texts = append(texts, st.SQL)
		}
		return b.inTxDo(bounds, func(tx *sql.Tx) error { return b.Session.ExecTx(b.ctx, tx, texts...) })
	}
	if locks(statements, func(st plan.Statement) bool { return st.Locks }) != locks(statements, func(st plan.Statement) bool { return st.Unlocks }) {
		b.t.Errorf("step %q: what is locked is not unlocked", step.Title)
	}
	for _, st := range statements {
		if st.Probe != "" && b.yes(st.Probe) {
			continue
		}
		if err := b.Session.Exec(b.ctx, b.conn, bounds, st.SQL); err != nil {
			return err
		}
		if st.Probe != "" && !b.yes(st.Probe) {
			b.t.Errorf("step %q: the probe does not see that this was done: %s\n%s", step.Title, st.SQL, st.Probe)
		}
	}
	return nil
}

func locks(statements []plan.Statement, is func(plan.Statement) bool) (n int) {
	for _, st := range statements {
		if is(st) {
			n++
		}
	}
	return n
}

// yes asks a yes-or-no question on the pinned connection.
func (b *bench) yes(query string) bool {
	b.t.Helper()
	var yes bool
	if err := b.conn.QueryRowContext(b.ctx, query).Scan(&yes); err != nil {
		b.t.Fatalf("asking %s: %v", query, err)
	}
	return yes
}

// walk runs chunks from beginning to end and returns the sum of the counts, or
// the number of rows changed.
func (b *bench) walk(c plan.Chunks, size int64) int64 {
	b.t.Helper()
	w, err := b.Session.Walk(b.ctx, c)
	if err != nil {
		b.t.Fatalf("walking: %v", err)
	}
	spans, err := w.Spans(b.ctx, 3)
	if err != nil {
		b.t.Fatalf("cutting spans: %v", err)
	}
	var sum int64
	for _, span := range spans {
		at := span.From
		for {
			p, done, err := w.Next(b.ctx, span, at, size)
			if err != nil {
				b.t.Fatalf("finding the next piece: %v", err)
			}
			if done {
				break
			}
			sum += b.piece(b.t, c, p)
			at = p.To
		}
	}
	return sum
}

// piece runs the statement of one piece.
func (b *bench) piece(t rapid.TB, c plan.Chunks, p executor.Piece) int64 {
	t.Helper()
	if strings.HasPrefix(c.SQL, "SELECT") {
		var n, all int64
		if err := b.conn.QueryRowContext(b.ctx, c.SQL, p.Args...).Scan(&n, &all); err != nil {
			t.Fatalf("counting piece %s-%s: %v\n%s", p.From, p.To, err, c.SQL)
		}
		if n > all {
			t.Fatalf("piece %s-%s has %d rows, of which %d are inconsistent", p.From, p.To, all, n)
		}
		return n
	}
	tx, err := b.Session.Begin(b.ctx, b.conn, executor.Bounds{Lock: time.Second, Bypass: true})
	if err != nil {
		t.Fatalf("beginning a piece: %v", err)
	}
	res, err := tx.ExecContext(b.ctx, c.SQL, p.Args...)
	if err != nil {
		t.Fatalf("writing piece %s-%s: %v\n%s", p.From, p.To, errors.Join(err, tx.Rollback()), c.SQL)
	}
	n, err := res.RowsAffected()
	if err != nil {
		t.Fatalf("counting what a piece wrote: %v", err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatalf("committing a piece: %v", err)
	}
	return n
}

// rows reads the whole table.
func (b *bench) rows(t rapid.TB, columns []string) map[string]row {
	t.Helper()
	list := strings.Join(columns, ", ")
	rows, err := b.App.QueryContext(b.ctx, "SELECT "+list+" FROM "+peopleTable)
	if err != nil {
		t.Fatalf("reading the table: %v", err)
	}
	defer func() { _ = rows.Close() }() // its error is the one of rows.Err
	out := map[string]row{}
	for rows.Next() {
		values := make([]*string, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatalf("reading a row: %v", err)
		}
		r := row{}
		for i, c := range columns {
			r[c] = values[i]
		}
		out[*r["id"]] = r
	}
	if err := rows.Err(); err != nil {
		t.Fatalf("reading the table: %v", err)
	}
	return out
}

// sample lists the keys that a chunk's sample gives over the whole table.
func (b *bench) sample(c plan.Chunks) []string {
	b.t.Helper()
	w, err := b.Session.Walk(b.ctx, c)
	if err != nil {
		b.t.Fatalf("walking: %v", err)
	}
	p, done, err := w.Next(b.ctx, executor.Span{}, "", 1_000_000)
	if err != nil || done {
		b.t.Fatalf("finding the first piece: %v, done %t", err, done)
	}
	rows, err := b.conn.QueryContext(b.ctx, c.Sample, p.Args...)
	if err != nil {
		b.t.Fatalf("sampling: %v\n%s", err, c.Sample)
	}
	defer func() { _ = rows.Close() }() // its error is the one of rows.Err
	var keys []string
	for rows.Next() {
		var key string
		into := []any{&key}
		for range c.Shows {
			into = append(into, new(sql.NullString))
		}
		if err := rows.Scan(into...); err != nil {
			b.t.Fatalf("sampling: %v", err)
		}
		keys = append(keys, key)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatalf("sampling: %v", err)
	}
	return keys
}

// hangUp ends a connection to the server rather than giving it back.
func hangUp(t *testing.T, conn *sql.Conn) {
	t.Helper()
	err := conn.Raw(func(any) error { return driver.ErrBadConn })
	if err == nil {
		t.Fatal("the connection did not end")
	}
}
