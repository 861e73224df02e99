package dialecttest

import (
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// secret stands for a user's value that must not be shown.
const secret = "hunter2"

// holding opens a transaction of the app's that has read the table, so that a
// change of schema has to wait for it.
func (b *bench) holding() *sql.Tx {
	b.t.Helper()
	tx, err := b.App.BeginTx(b.ctx, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	var n int
	if err := tx.QueryRowContext(b.ctx, "SELECT count(*) FROM people WHERE name = '"+secret+"'").Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := tx.Rollback(); err != nil && !errors.Is(err, sql.ErrTxDone) {
			b.t.Errorf("ending the app's transaction: %v", err)
		}
	})
	return tx
}

// alter is a step that needs the whole table for a moment.
func (b *bench) alter() plan.Step {
	b.t.Helper()
	t := b.table()
	return b.lower(planner.OpAddColumns{
		Table: t, Columns: []planner.NewColumn{{ColumnDef: planner.ColumnDef{Name: "extra", Type: t.Column("name").Type}}},
	})[0]
}

// testLockTimeout: a statement that cannot have its lock gives up after its
// bound, and those that queued behind it were not held up for longer.
func testLockTimeout(t *testing.T, h Harness) {
	const slack = 700 * time.Millisecond
	b := newBench(t, h)
	b.create(variant{})
	step := b.alter()
	if step.LockTimeoutMS != 300 {
		t.Fatalf("the lock timeout is %d ms, not 300", step.LockTimeoutMS)
	}
	hold := b.holding()
	stop := make(chan struct{})
	var longest time.Duration
	var readers sync.WaitGroup
	readers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			begun := time.Now()
			var n int
			if err := b.App.QueryRowContext(b.ctx, "SELECT count(*) FROM people").Scan(&n); err != nil {
				t.Errorf("reading beside the blocked statement: %v", err)
				return
			}
			longest = max(longest, time.Since(begun))
		}
	})
	begun := time.Now()
	err := b.run(step, step.Mode, step.Statements)
	took := time.Since(begun)
	close(stop)
	readers.Wait()
	if class := b.Session.Classify(err); class != executor.LockTimeout {
		t.Errorf("the blocked statement ends with class %d: %v", class, err)
	}
	if took > 300*time.Millisecond+slack {
		t.Errorf("the blocked statement gave up after %v", took)
	}
	if longest > 500*time.Millisecond {
		t.Errorf("a reader waited %v because of it", longest)
	}
	if err := b.Session.Reset(b.ctx, b.conn); err != nil {
		t.Fatalf("resetting the connection: %v", err)
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	b.do(step)
	b.undo(step)
}

func testBlockers(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	step := b.alter()
	if found, err := b.Session.Blockers(b.ctx, step.Lock); err != nil || len(found) != 0 {
		t.Fatalf("nobody holds the table, but: %v, %v", found, err)
	}
	hold := b.holding()
	var found []executor.Blocker
	deadline := time.Now().Add(5 * time.Second)
	for len(found) == 0 || found[0].Age <= 0 { // MySQL counts in whole seconds
		var err error
		if found, err = b.Session.Blockers(b.ctx, step.Lock); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatalf("the blocker and its age were not found: %+v", found)
		}
	}
	if len(found) != 1 || found[0].PID == 0 {
		t.Errorf("one session holds the table, but: %+v", found)
	}
	if q := found[0].Query; strings.Contains(q, secret) || q == "" || !h.IdleUnknown && !strings.Contains(strings.ToLower(q), "select") {
		t.Errorf("the blocker's statement is shown as %q", q)
	}
	if err := hold.Rollback(); err != nil {
		t.Fatal(err)
	}
	if found, err := b.Session.Blockers(b.ctx, step.Lock); err != nil || len(found) != 0 {
		t.Errorf("after its end the session is still named: %v, %v", found, err)
	}
}

func testTryLock(t *testing.T, h Harness) {
	b := newBench(t, h)
	first, err := h.Session.DB().Conn(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Session.TryLock(b.ctx, first); err != nil || !ok {
		t.Fatalf("the first executor does not get the lock: %t, %v", ok, err)
	}
	ok, holder, err := h.Session.TryLock(b.ctx, b.conn)
	if err != nil || ok {
		t.Fatalf("a second executor gets the lock: %t, %v", ok, err)
	}
	if holder == "" {
		t.Error("it is not said who holds the lock")
	}
	hangUp(t, first)
	deadline := time.Now().Add(10 * time.Second)
	for !ok { // the server notices the end of a connection in its own time
		if ok, _, err = h.Session.TryLock(b.ctx, b.conn); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(deadline) {
			t.Fatal("the lock outlives its connection")
		}
	}
	if err := b.Session.Reset(b.ctx, b.conn); err != nil {
		t.Fatal(err)
	}
	third, err := h.Session.DB().Conn(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, err := h.Session.TryLock(b.ctx, third); err != nil || ok {
		t.Errorf("a reset gives up the lock: %t, %v", ok, err)
	}
	if err := third.Close(); err != nil {
		t.Error(err)
	}
}

// testReset: what a failed step leaves on a connection goes, the bypass most of
// all.
func testReset(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	for _, s := range b.lower(planner.OpInstallShadow{Sync: b.openSync(variant{})}) {
		b.do(s)
	}
	for _, statement := range []string{"BEGIN", "INSERT INTO people (id, name) VALUES (1, 'Ada Lovelace')"} {
		if _, err := b.conn.ExecContext(b.ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Session.Reset(b.ctx, b.conn); err != nil {
		t.Fatal(err)
	}
	if _, err := b.conn.ExecContext(b.ctx, "INSERT INTO people (id, name) VALUES (2, 'Ada Lovelace')"); err != nil {
		t.Fatal(err)
	}
	bounds := executor.Bounds{Lock: time.Second, Statement: time.Second, Bypass: true}
	if err := b.Session.Exec(b.ctx, b.conn, bounds, "INSERT INTO people (id, name) VALUES (3, 'Ada Lovelace')"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.conn.ExecContext(b.ctx, "INSERT INTO people (id, name) VALUES (4, 'Ada Lovelace')"); err != nil {
		t.Fatal(err)
	}
	rows := b.rows(t, []string{"id", "first_name"})
	for id, want := range map[string]*string{"2": ptr("Ada"), "3": nil, "4": ptr("Ada")} {
		if got := rows[id]["first_name"]; !equal(got, want) {
			t.Errorf("row %s: first_name is %v", id, got)
		}
	}
	if rows["1"] != nil {
		t.Error("the reset has kept an open transaction's row")
	}
}

func testRedact(t *testing.T, h Harness) {
	b := newBench(t, h)
	b.create(variant{})
	b.exec(t, "CREATE UNIQUE INDEX people_name ON people (name)")
	b.exec(t, "INSERT INTO people (id, name) VALUES (1, '"+secret+"')")
	for what, statement := range map[string]string{
		"a duplicate": "INSERT INTO people (id, name) VALUES (2, '" + secret + "')",
		"a bad value": "UPDATE people SET total = " + b.BadCast,
	} {
		err := b.inTx(executor.Bounds{}, plan.Statement{SQL: statement})
		if err == nil {
			t.Errorf("%s is accepted", what)
			continue
		}
		clean := b.Session.Redact(err)
		if strings.Contains(clean.Error(), secret) || clean.Error() == "" {
			t.Errorf("%s: the error shows the value, or nothing at all: %v", what, clean)
		}
		if c := b.Session.Classify(err); c != executor.BadRow || b.Session.Classify(clean) != c {
			t.Errorf("%s: the class is %d, redacted %d", what, c, b.Session.Classify(clean))
		}
	}
	if err := b.Session.Redact(nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
}
