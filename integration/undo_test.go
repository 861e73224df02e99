package integration

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/executor"
)

// TestHalfRolledBackIsNotOpened: a rollback that is cut off has undone steps that a migration needs, from wherever
// it began. Expand does them again.
func TestHalfRolledBackIsNotOpened(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		bigTable(t, w, 100)
		f := file("0007_double", addB)
		cutAt := func(at func(executor.Event) bool) (*hand, context.Context) {
			ctx, cancel := context.WithCancel(t.Context())
			return w.migrate(t, executor.Options{Reporter: reporter(func(e executor.Event) {
				if at(e) {
					cancel()
				}
			})}), ctx
		}
		h, ctx := cutAt(func(e executor.Event) bool {
			s, ok := e.(executor.StateChanged)
			return ok && s.To == executor.Backfilling
		})
		if state, err := h.expand(ctx, f); err == nil {
			t.Fatalf("expand was not cut off: %s", state)
		}
		h, ctx = cutAt(func(e executor.Event) bool {
			s, ok := e.(executor.StepDone)
			return ok && s.Undo && s.Step.ID == "expand-2"
		})
		if state, err := h.Rollback(ctx, f.Name); err == nil {
			t.Fatalf("rollback was not cut off: %s", state)
		}
		state, err := w.migrate(t, executor.Options{}).expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		w.exec(t, "UPDATE t SET a = 1000 WHERE id = 1")
		w.exec(t, "UPDATE t SET b = 5000 WHERE id = 2")
		if a, b := w.number(t, "SELECT a FROM t WHERE id = 2"), w.number(t, "SELECT b FROM t WHERE id = 1"); a != 2500 || b != 2000 {
			t.Errorf("writes of one shape are not carried to the other: a = %d, b = %d; want 2500, 2000", a, b)
		}
	})
}

// TestGuardHearsWhoWasWaitedFor: what a transaction commits that an undo has waited for may be what it would lose.
func TestGuardHearsWhoWasWaitedFor(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ migration, write, left string }{
		"column": {"ALTER TABLE t ADD COLUMN nick varchar(20);", "UPDATE t SET nick = 'only here' WHERE id = 1", "SELECT count(*) FROM t WHERE nick = 'only here'"},
		"table":  {"CREATE TABLE fresh (id bigint PRIMARY KEY);", "INSERT INTO fresh (id) VALUES (1)", "SELECT count(*) FROM fresh"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, w *world) {
				bigTable(t, w, 10)
				f := file("0007_"+name, c.migration)
				state, err := w.migrate(t, executor.Options{}).expand(t.Context(), f)
				reaches(t, executor.Done, state, err)
				tx, err := w.db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.ExecContext(t.Context(), c.write); err != nil {
					t.Fatal(err)
				}
				// It is told of between two attempts, when nobody queues.
				var once sync.Once
				committed := make(chan error, 1)
				h := w.migrate(t, executor.Options{Reporter: reporter(func(e executor.Event) {
					if _, ok := e.(executor.LockWait); ok {
						once.Do(func() { committed <- tx.Commit() })
					}
				})})
				_, err = h.Rollback(t.Context(), f.Name)
				var loss *executor.LossError
				if !errors.As(err, &loss) {
					t.Fatalf("rollback ends with %v", err)
				}
				if err := <-committed; err != nil {
					t.Fatal(err)
				}
				if n := w.number(t, c.left); n != 1 {
					t.Errorf("%d rows are left of the one that was committed", n)
				}
			})
		})
	}
}

// TestGuardIsAskedOfABegunUndo: a rollback that did not get its lock has to ask again when it is tried again.
func TestGuardIsAskedOfABegunUndo(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		bigTable(t, w, 10)
		f := file("0007_nick", "ALTER TABLE t ADD COLUMN nick varchar(20);")
		h := w.migrate(t, executor.Options{LockDeadline: time.Second})
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Done, state, err)
		tx, _ := block(t, w, "SELECT count(*) FROM t")
		if state, err := h.Rollback(t.Context(), f.Name); err == nil {
			t.Fatalf("nothing was in rollback's way: %s", state)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		w.exec(t, "UPDATE t SET nick = 'only here' WHERE id = 1")
		_, err = h.Rollback(t.Context(), f.Name)
		var loss *executor.LossError
		if !errors.As(err, &loss) {
			t.Fatalf("rollback ends with %v", err)
		}
		if n := w.number(t, "SELECT count(*) FROM t WHERE nick = 'only here'"); n != 1 {
			t.Errorf("%d rows are left of the one that was written", n)
		}
	})
}

// refusing is a server that refuses one statement.
type refusing struct {
	executor.Session

	what string
	did  atomic.Bool
}

func (s *refusing) Exec(ctx context.Context, conn *sql.Conn, b executor.Bounds, statements ...string) error {
	for i, st := range statements {
		if strings.Contains(st, s.what) && s.did.CompareAndSwap(false, true) {
			if err := s.Session.Exec(ctx, conn, b, statements[:i]...); err != nil {
				return err
			}
			return &mysql.MySQLError{Number: 1845, Message: "ALGORITHM=INSTANT is not supported for this operation. Try ALGORITHM=COPY."}
		}
	}
	return s.Session.Exec(ctx, conn, b, statements...)
}

// TestRefusedSwitchIsTakenBack: where the server refuses what it was thought to do, shadow writes go on.
func TestRefusedSwitchIsTakenBack(t *testing.T) {
	t.Parallel()
	eachButPostgres(t, func(t *testing.T, w *world) {
		bigTable(t, w, 100)
		h := w.migrate(t, executor.Options{})
		f := file("0007_double", addB)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		s := &refusing{Session: h.session, what: "RENAME COLUMN"}
		o := executor.Options{Overrides: map[string]string{"flag-full": "test", "soaked": "test"}}
		_, err = executor.New(s, o).Contract(t.Context(), f.Name, nil)
		if step := (*executor.StepError)(nil); !errors.As(err, &step) || !s.did.Load() {
			t.Fatalf("the contract ends with %v", err)
		}
		w.exec(t, "UPDATE t SET a = 1000 WHERE id = 1")
		w.exec(t, "UPDATE t SET b = 5000 WHERE id = 2")
		if a, b := w.number(t, "SELECT a FROM t WHERE id = 2"), w.number(t, "SELECT b FROM t WHERE id = 1"); a != 2500 || b != 2000 {
			t.Errorf("writes of one shape are not carried to the other: a = %d, b = %d; want 2500, 2000", a, b)
		}
		state, err = executor.New(h.session, o).Contract(t.Context(), f.Name, nil)
		reaches(t, executor.Done, state, err)
	})
}

// TestContractWantsTheWholeExpand: also where a plan has nothing to contract, so that no gate asks.
func TestContractWantsTheWholeExpand(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		bigTable(t, w, 10)
		h := w.migrate(t, executor.Options{LockDeadline: time.Second})
		f := file("0007_nick", "ALTER TABLE t ADD COLUMN nick varchar(20);")
		tx, _ := block(t, w, "SELECT count(*) FROM t")
		if state, err := h.expand(t.Context(), f); err == nil {
			t.Fatalf("nothing was in expand's way: %s", state)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		var usage *executor.UsageError
		if state, err := h.Contract(t.Context(), f.Name, nil); !errors.As(err, &usage) {
			t.Errorf("contract of half an expand: %s, %v", state, err)
		}
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Done, state, err)
		if n := w.number(t, "SELECT count(*) FROM t WHERE nick IS NULL"); n != 10 {
			t.Errorf("%d rows have the column, want 10", n)
		}
	})
}
