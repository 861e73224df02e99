package integration

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// crash_walk_test.go cuts migrate off around every entry of its journal, as a
// crash of its host would, lets another executor finish, and compares the end
// with that of a run that nobody disturbed.

// crashes are the kinds of change that are cut off, with statements of the old
// and of the new shape that must work at the instant of the crash: the old
// until contract begins, the new from open on. They have
// most steps in common, so that a part of the instants will do for each; with
// MIGRATE_TEST_MATRIX=1 it is all.
var crashes = []struct {
	kind     string
	most     int // instants
	old, new string
}{
	{
		"split", 16,
		"INSERT INTO users (id, name, email) VALUES (1001, 'Old Shape', 'o@example.com')",
		"INSERT INTO users (id, first_name, last_name, email) VALUES (1002, 'New', 'Shape', 'n@example.com')",
	},
	{
		"rename-column", 6,
		"UPDATE customers SET mail = 'o@example.com' WHERE id = 1",
		"UPDATE customers SET email = 'n@example.com' WHERE id = 1",
	},
	{
		"int-to-bigint", 8,
		"UPDATE pages SET hits = hits - 1 WHERE id = 2",
		"UPDATE pages SET hits = hits - 1 WHERE id = 2",
	},
	{
		"create-unique-index", 4,
		"UPDATE customers SET email = 'o@example.com' WHERE id = 1",
		"UPDATE customers SET email = 'n@example.com' WHERE id = 1",
	},
	{"drop-table", 4, "DELETE FROM newsletter", "UPDATE customers SET name = 'x'"},
}

func TestCrashWalk(t *testing.T) {
	t.Parallel()
	for _, engine := range servers.Engines() {
		all, err := changes.All(engine)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range crashes {
			i := slices.IndexFunc(all, func(a changes.Change) bool { return a.Name == c.kind })
			if i < 0 {
				t.Fatalf("there is no example %s", c.kind)
			}
			t.Run(engine+"/"+c.kind, func(t *testing.T) {
				t.Parallel()
				walkCrashes(t, newWorld(t, servers.Fresh(t, engine)), all[i], c.old, c.new, c.most)
			})
		}
	}
}

func walkCrashes(t *testing.T, w *world, c changes.Change, oldShape, newShape string, most int) {
	t.Helper()
	f := file("0007_change", c.Migration)
	w.exec(t, c.Before)
	r := &recorder{t: t, w: w}
	_, through := newProxy(t, w.URL, 0, r.note)
	if err := work(t.Context(), w, through, f); err != nil {
		t.Fatal(err)
	}
	want := w.look(t, unsteady...)
	points := r.points(most)
	t.Logf("%d instants of %d messages", len(points), len(r.seen))
	if len(points) < most {
		t.Fatalf("only %d instants to crash at: %d", len(points), points)
	}
	for _, n := range points {
		again := w.fresh(t)
		again.exec(t, c.Before)
		crash(t, again, f, n)
		stillWritable(t, again, n, oldShape, newShape)
		if err := work(t.Context(), again, again.URL, f); err != nil {
			t.Errorf("after a crash at message %d: %v", n, err)
			continue
		}
		if diff := cmp.Diff(want, again.look(t, unsteady...)); diff != "" {
			t.Errorf("crashed at message %d and finished, the end is another (-undisturbed +crashed):\n%s", n, diff)
		}
	}
}

// work takes a migration to its end through url, from wherever it stands.
func work(ctx context.Context, w *world, url string, f planner.File) error {
	h, err := w.at(ctx, url, executor.Options{Workers: 1})
	if err != nil {
		return fmt.Errorf("opening: %w", err)
	}
	err = h.through(ctx, f)
	_ = h.session.Close()
	return err
}

// crash runs the migration and cuts it off at message n.
func crash(t *testing.T, w *world, f planner.File, n int) {
	t.Helper()
	p, through := newProxy(t, w.URL, n, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		select {
		case <-p.dead:
			cancel()
		case <-ctx.Done():
		}
	}()
	// Connections are made in another order at times: then a run may need a
	// few messages less, and get to its end before the crash.
	_ = work(ctx, w, through, f)
}

// stillWritable checks that the app's statements work at the instant of the crash.
func stillWritable(t *testing.T, w *world, n int, oldShape, newShape string) {
	t.Helper()
	state := w.state(t)
	wants := map[string]string{}
	switch executor.State(state) {
	case executor.Open:
		wants["old"], wants["new"] = oldShape, newShape
	case executor.Contracting, executor.Grace, executor.Done:
		wants["new"] = newShape
	default:
		wants["old"] = oldShape
	}
	for shape, statement := range wants {
		tx, err := w.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Errorf("crashed at message %d, in state %q, the %s shape's statement fails: %v\n%s", n, state, shape, err, statement)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// state is the migration's; "" before there is one.
func (w *world) state(t *testing.T) string {
	t.Helper()
	if w.number(t, w.either(
		`SELECT count(*) FROM pg_tables WHERE schemaname = 'migrate' AND tablename = 'migrations'`,
		`SELECT count(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migrate_migrations'`)) == 0 {
		return ""
	}
	return strings.Join(w.strings(t, "SELECT state FROM "+w.own("migrations")), " ")
}

// recorder notes, for each message of an undisturbed run, what the database
// remembers by then.
type recorder struct {
	t *testing.T
	w *world

	mu   sync.Mutex
	seen []string // by message
}

// ask asks for one value; there is none before the tables are there.
func (r *recorder) ask(query string) string {
	var value string
	_ = r.w.db.QueryRowContext(r.t.Context(), query).Scan(&value)
	return value
}

func (r *recorder) note(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	said := r.ask("SELECT state FROM "+r.w.own("migrations")) + " " + r.ask("SELECT count(*) FROM "+r.w.own("journal"))
	for len(r.seen) <= n {
		r.seen = append(r.seen, "")
	}
	r.seen[n] = said
}

// points are the messages right before and right after the journal or the state
// changed, and one half-way to the next change where there is much between,
// evenly thinned out to at most so many.
func (r *recorder) points(most int) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []int
	last := 0
	for n := 1; n < len(r.seen); n++ {
		if r.seen[n] == r.seen[n-1] {
			continue
		}
		if n-last > 8 {
			out = append(out, last+(n-last)/2)
		}
		out = append(out, n-1, n)
		last = n
	}
	slices.Sort(out)
	out = slices.DeleteFunc(slices.Compact(out), func(n int) bool { return n < 1 })
	if len(out) <= most || os.Getenv("MIGRATE_TEST_MATRIX") == "1" {
		return out
	}
	thin := make([]int, most)
	for i := range thin {
		thin[i] = out[(2*i+1)*len(out)/(2*most)]
	}
	return thin
}
