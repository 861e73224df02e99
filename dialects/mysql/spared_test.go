package mysql

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// A MariaDB server says of an UPDATE that it ended in its optimizer that no row
// matched. What we end ourselves has failed, whatever the server says of it.
func TestUpdateThatWasEndedIsNotBelieved(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)", "INSERT INTO t VALUES (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)")
		b.s.opens = 0 // t has no triggers that could be torn
		conn := b.pinned()
		usual := 200 * time.Microsecond
		ended := 0
		for i := range 4000 {
			tx, err := b.s.Begin(t.Context(), conn, executor.Bounds{Statement: 1 + usual*time.Duration(i%100)/66})
			if err != nil {
				t.Fatal(err)
			}
			begun := time.Now()
			res, err := tx.ExecContext(t.Context(), "UPDATE t SET n = n + 1 WHERE id > CAST(? AS SIGNED) AND id <= CAST(? AS SIGNED)", 0, 5)
			switch {
			case errors.Is(err, errStatementTimeout):
				ended++
			case err != nil:
				t.Fatal(err)
			default:
				usual = (7*usual + time.Since(begun)) / 8
				if n, err := res.RowsAffected(); err != nil || n != 5 {
					t.Fatalf("the UPDATE succeeded with %d rows of 5 (%v)", n, err)
				}
			}
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
		if ended < 100 || ended > 3900 {
			t.Fatalf("%d of 4000 statements were ended: that shows nothing", ended)
		}
	})
}

// pinned is a connection of the session's.
func (b *bench) pinned() *sql.Conn {
	b.t.Helper()
	conn, err := b.s.db.Conn(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Whenever people end the installing and removing of triggers, the app's writes go
// on, and the next run finds all as it should be.
func TestTriggersSurviveBeingEnded(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, n int NOT NULL, m int)")
		schema := b.schema("t")
		tied := &planner.Sync{Table: schema.Tables[0], Name: "t", State: "open", Columns: schema.Tables[0].Columns, Groups: []planner.Group{{
			Old: []string{"n"}, New: []string{"m"}, Hidden: true, Up: []planner.Assign{{Column: "m", Expr: planner.ColumnExpr("n")}},
		}}}
		lower := func(op planner.Op) []plan.Statement {
			low, err := b.d.Lower(schema, op)
			if err != nil {
				t.Fatal(err)
			}
			return low.Steps[0].Statements
		}
		install := lower(planner.OpInstallShadow{Sync: tied})
		removes := [][]plan.Statement{
			lower(planner.OpDropShadow{Sync: tied}), lower(planner.OpPurge{Table: tied.Table, Sync: tied}),
		}

		stop := make(chan struct{})
		var app sync.WaitGroup
		defer app.Wait()
		defer close(stop)
		// Those who look at the definition, and those who write.
		for _, query := range []string{"SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()", "UPDATE t SET n = n + 1 WHERE id = 0"} {
			app.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(time.Millisecond):
					}
					if _, err := b.db.ExecContext(context.WithoutCancel(t.Context()), query); err != nil {
						t.Errorf("%s: %v", query, err)
						return
					}
				}
			})
		}
		conn := b.pinned()
		usual := 20 * time.Millisecond
		ended := 0
		for i := range 600 {
			ss, want := install, "1"
			if i%2 == 1 {
				ss, want = removes[i/2%len(removes)], ""
			}
			b.exec("FLUSH TABLES t") // else nobody reads the triggers
			ctx, cancel := context.WithTimeout(t.Context(), usual*time.Duration(i%50)/40)
			err := b.carriedOut(ctx, conn, ss)
			cancel()
			if err != nil {
				ended++
				if err := b.s.Reset(t.Context(), conn); err != nil {
					if conn = b.pinned(); !errors.Is(err, sql.ErrConnDone) && b.s.Classify(err) != executor.Disconnected {
						t.Fatal(err)
					}
				}
				begun := time.Now()
				if err := b.carriedOut(t.Context(), conn, ss); err != nil {
					t.Fatalf("again: %v", err)
				}
				usual = (3*usual + time.Since(begun)) / 4
			}
			b.exec("INSERT INTO t (n) VALUES (1)")
			if got := b.text("SELECT m FROM t ORDER BY id DESC LIMIT 1"); got != want {
				t.Fatalf("round %d: the trigger makes %q, want %q", i, got, want)
			}
		}
		if ended < 20 {
			t.Errorf("%d of 600 rounds were ended: that shows nothing", ended)
		}
	})
}

// On MariaDB, whatever creates or drops triggers does so while the table is locked.
func TestTriggersChangeUnderLock(t *testing.T) {
	t.Parallel()
	d := &dialect{maria: true}
	s := fixture(d, &datadriven.TestData{})
	for _, op := range []string{"install-shadow", "drop-shadow", "switch", "purge"} {
		low, err := d.Lower(s, fixtureOp(t, d, s.Tables[0], op))
		if err != nil {
			t.Fatal(err)
		}
		changes := 0
		for _, ss := range [][]plan.Statement{low.Steps[0].Statements, low.Steps[0].UndoStatements} {
			locked := false
			for _, st := range ss {
				locked = (locked || st.Locks) && !st.Unlocks
				if !strings.HasPrefix(st.SQL, "CREATE TRIGGER") && !strings.HasPrefix(st.SQL, "DROP TRIGGER") {
					continue
				}
				changes++
				if !locked {
					t.Errorf("%s runs without a lock: %s", op, st.SQL)
				}
			}
		}
		if changes == 0 {
			t.Errorf("%s changes no trigger: that shows nothing", op)
		}
	}
}

// carriedOut runs statements as the executor does, for as long as locks are in the way.
func (b *bench) carriedOut(ctx context.Context, conn *sql.Conn, ss []plan.Statement) error {
	for try := 0; ; try++ {
		err := b.carriedOutOnce(ctx, conn, ss)
		if try == 50 || b.s.Classify(err) != executor.LockTimeout {
			return err
		}
		if err := b.s.Reset(ctx, conn); err != nil {
			return err
		}
	}
}

func (b *bench) carriedOutOnce(ctx context.Context, conn *sql.Conn, ss []plan.Statement) error {
	for _, s := range ss {
		if s.Probe != "" {
			var there bool
			if err := conn.QueryRowContext(context.WithoutCancel(ctx), s.Probe).Scan(&there); err != nil {
				return err
			}
			if there {
				continue
			}
		}
		if err := b.s.Exec(ctx, conn, executor.Bounds{Lock: 300 * time.Millisecond}, s.SQL); err != nil {
			return err
		}
	}
	return nil
}
