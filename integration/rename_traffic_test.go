package integration

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// TestRenameUnderTraffic: while a table changes its name, and changes it back,
// both names can be read and written without one error. The names sort both
// ways, since servers lock names in their order.
func TestRenameUnderTraffic(t *testing.T) {
	t.Parallel()
	for _, target := range servers.Matrix() {
		if target.Engine == servers.Postgres {
			continue // one transaction changes both names
		}
		for _, names := range [][2]string{{"aa_people", "zz_users"}, {"zz_people", "aa_users"}} {
			t.Run(target.String()+"/"+names[0], func(t *testing.T) {
				t.Parallel()
				renameUnderTraffic(t, worldOn(t, target), names[0], names[1])
			})
		}
	}
}

func renameUnderTraffic(t *testing.T, w *world, from, to string) {
	t.Helper()
	w.exec(t, fmt.Sprintf("CREATE TABLE %s (id bigint AUTO_INCREMENT PRIMARY KEY, n int NOT NULL DEFAULT 0)", from))
	w.exec(t, fmt.Sprintf("INSERT INTO %s (n) VALUES (0)", from))
	h := w.migrate(t, executor.Options{})
	f := file("0007_rename", fmt.Sprintf("RENAME TABLE %s TO %s;", from, to))
	state, err := h.expand(t.Context(), f)
	reaches(t, executor.Open, state, err)

	users := w.beginRenameTraffic(t, from, to)
	for range 3 {
		state, err = h.contract(t.Context(), f, time.Hour)
		reaches(t, executor.Grace, state, err)
		users.more(t)
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.Open, state, err)
		users.more(t)
	}
	if err := h.flag(t.Context(), f, flags.Off()); err != nil {
		t.Fatal(err)
	}
	users.end(t)
	var rows, updates int64
	if err := w.db.QueryRowContext(t.Context(), "SELECT COUNT(*) - 1, SUM(n) FROM "+from).Scan(&rows, &updates); err != nil {
		t.Fatal(err)
	}
	if rows != users.inserts || updates != users.updates {
		t.Errorf("%d rows and %d updates are there, %d and %d were acknowledged", rows, updates, users.inserts, users.updates)
	}
}

// renameTraffic is what writes and reads a table under several names.
type renameTraffic struct {
	mu               sync.Mutex
	inserts, updates int64
	failed           error
	rounds           chan struct{}
	cancel           context.CancelFunc
	done             sync.WaitGroup
}

func (w *world) beginRenameTraffic(t *testing.T, names ...string) *renameTraffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	u := &renameTraffic{rounds: make(chan struct{}), cancel: cancel}
	for _, name := range append(names, names...) {
		u.done.Go(func() {
			for ctx.Err() == nil {
				u.round(ctx, w, name)
				select {
				case u.rounds <- struct{}{}:
				default:
				}
			}
		})
	}
	t.Cleanup(func() { cancel(); u.done.Wait() })
	return u
}

// round inserts, updates and reads, each in a transaction of its own. What is
// begun is ended, so that every change is counted.
func (u *renameTraffic) round(ctx context.Context, w *world, name string) {
	ctx = context.WithoutCancel(ctx)
	count := func(err error, what *int64) {
		u.mu.Lock()
		defer u.mu.Unlock()
		if err != nil && u.failed == nil {
			u.failed = fmt.Errorf("over the name %s: %w", name, err)
		}
		if err == nil {
			*what++
		}
	}
	_, err := w.db.ExecContext(ctx, "INSERT INTO "+name+" (id) VALUES (DEFAULT)")
	count(err, &u.inserts)
	_, err = w.db.ExecContext(ctx, "UPDATE "+name+" SET n = n + 1 WHERE id = ?", 1)
	count(err, &u.updates)
	var n, read int64
	err = w.db.QueryRowContext(ctx, "SELECT n FROM "+name+" WHERE id = ?", 1).Scan(&n)
	count(err, &read)
}

// more waits until the traffic has gone on for a while.
func (u *renameTraffic) more(t *testing.T) {
	t.Helper()
	for range 8 {
		select {
		case <-u.rounds:
		case <-time.After(20 * time.Second):
			t.Fatal("nobody gets through any more")
		}
	}
}

func (u *renameTraffic) end(t *testing.T) {
	t.Helper()
	u.cancel()
	u.done.Wait()
	if u.failed != nil {
		t.Error(u.failed)
	}
}

// TestRenameFromAnyPoint: cut off after any statement, a renaming goes on to its
// end, and back to its beginning, by the probes alone.
func TestRenameFromAnyPoint(t *testing.T) {
	t.Parallel()
	for _, target := range servers.Matrix() {
		if target.Engine == servers.Postgres {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, target)
			w.exec(t, "CREATE TABLE people (id bigint PRIMARY KEY, n int)")
			w.exec(t, "INSERT INTO people VALUES (1, 5)")
			h := w.migrate(t, executor.Options{})
			f := file("0007_rename", "RENAME TABLE people TO users;")
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)
			swap := steps(t, h, f.Name)[0]
			open := w.look(t)
			for cut := range len(swap.Statements) + 1 {
				w.probed(t, swap.Statements[:cut])
				w.probed(t, swap.UndoStatements)
				same(t, fmt.Sprintf("cut off after %d statements and undone, the open state", cut), open, w.look(t))
				w.probed(t, swap.Statements[:cut])
				w.probed(t, swap.Statements)
				renamed := w.look(t)
				w.probed(t, swap.UndoStatements[:min(cut, len(swap.UndoStatements))])
				w.probed(t, swap.Statements)
				same(t, fmt.Sprintf("its undo cut off after %d statements, the renamed state", cut), renamed, w.look(t))
				w.probed(t, swap.UndoStatements)
				same(t, "undone, the open state", open, w.look(t))
			}
		})
	}
}

// probed runs the statements whose effect is not there, as the executor does.
func (w *world) probed(t *testing.T, statements []plan.Statement) {
	t.Helper()
	for _, st := range statements {
		if st.Probe != "" {
			var there bool
			if err := w.db.QueryRowContext(t.Context(), st.Probe).Scan(&there); err != nil {
				t.Fatalf("probing: %v\n%s", err, st.Probe)
			}
			if there {
				continue
			}
		}
		w.exec(t, st.SQL)
	}
}
