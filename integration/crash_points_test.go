package integration

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// crash_points_test.go kills migrate at every write of its own: each journal
// entry, checkpoint, state, verification, each taking and giving back of the
// lease, before its commit and after it, and each statement that no transaction
// holds. Another program on another host then finishes, and what it leaves is
// compared with what a run leaves that nobody disturbed, while versions of the
// app write all the time.

// crashes are the kinds of change, with what the app's old and new version do.
// They change a row to and fro: one write that is not carried over shows.
var crashes = []struct {
	kind     string
	old, new []string
	// tidy takes the rows away that the app has added, so that what is left is
	// the same however long it wrote.
	tidy    string
	discard bool // a rollback is told that values may go
}{
	{
		kind: "split", tidy: "DELETE FROM users WHERE id > 1000",
		old: []string{
			"INSERT INTO users (id, name, email) VALUES (%d, 'Old Shape', 'o@example.com')", "UPDATE users SET name = 'Older Shape' WHERE id = %d",
			"UPDATE users SET name = 'Ada King' WHERE id = 1", "UPDATE users SET name = 'Ada Byron' WHERE id = 1",
		},
		new: []string{
			"INSERT INTO users (id, first_name, last_name, email) VALUES (%d, 'New', 'Shape', 'n@example.com')", "UPDATE users SET last_name = 'Ship' WHERE id = %d",
			"UPDATE users SET last_name = 'Brewster' WHERE id = 2", "UPDATE users SET last_name = 'Murray' WHERE id = 2",
		},
	},
	{
		kind: "merge", tidy: "DELETE FROM addresses WHERE id > 1000",
		old: []string{
			"INSERT INTO addresses (id, street, house_number) VALUES (%d, 'Old Road', '1')", "UPDATE addresses SET house_number = '2' WHERE id = %d",
			"UPDATE addresses SET house_number = '13' WHERE id = 1", "UPDATE addresses SET house_number = '14' WHERE id = 1",
		},
		new: []string{
			"INSERT INTO addresses (id, line) VALUES (%d, 'New Road, 1')", "UPDATE addresses SET line = 'New Road, 2' WHERE id = %d",
			"UPDATE addresses SET line = 'Nebengasse, 7' WHERE id = 2", "UPDATE addresses SET line = 'Untergasse, 7' WHERE id = 2",
		},
	},
	{
		kind: "rename-column", tidy: "DELETE FROM customers WHERE id > 1000",
		old: []string{
			"INSERT INTO customers (id, mail) VALUES (%d, 'o@example.com')", "UPDATE customers SET mail = 'p@example.com' WHERE id = %d",
			"UPDATE customers SET mail = 'king@example.com' WHERE id = 1", "UPDATE customers SET mail = 'byron@example.com' WHERE id = 1",
		},
		new: []string{
			"INSERT INTO customers (id, email) VALUES (%d, 'n@example.com')", "UPDATE customers SET email = 'm@example.com' WHERE id = %d",
			"UPDATE customers SET email = 'brewster@example.com' WHERE id = 2", "UPDATE customers SET email = 'murray@example.com' WHERE id = 2",
		},
	},
	{
		kind: "int-to-bigint", tidy: "DELETE FROM pages WHERE id > 1000",
		old: []string{
			"INSERT INTO pages (id, hits) VALUES (%d, 5)", "UPDATE pages SET hits = 6 WHERE id = %d",
			"UPDATE pages SET hits = 40 WHERE id = 1", "UPDATE pages SET hits = 41 WHERE id = 1",
		},
		new: []string{
			"INSERT INTO pages (id, hits) VALUES (%d, 5)", "UPDATE pages SET hits = 6 WHERE id = %d",
			"UPDATE pages SET hits = 42 WHERE id = 2", "UPDATE pages SET hits = 43 WHERE id = 2",
		},
	},
	{
		kind: "create-unique-index", tidy: "DELETE FROM customers WHERE id > 1000",
		old: []string{"INSERT INTO customers (id, email) VALUES (%[1]d, '%[1]d@example.com')", "UPDATE customers SET email = NULL WHERE id = %d"},
		new: []string{"UPDATE customers SET email = 'n@example.com' WHERE id = 4", "INSERT INTO customers (id, email) VALUES (%[1]d, '%[1]d@example.com')"},
	},
	{
		kind: "drop-table", tidy: "DELETE FROM customers WHERE id > 1000",
		old: []string{
			"INSERT INTO newsletter (email, subscribed_at) VALUES ('o@example.com', NULL)", "SELECT email FROM newsletter",
			"DELETE FROM newsletter WHERE email = 'o@example.com'",
		},
		new: []string{"UPDATE customers SET name = 'Ada Byron'", "INSERT INTO customers (id, name) VALUES (%d, 'x')"},
	},
	{
		kind: "set-not-null", tidy: "DELETE FROM customers WHERE id > 1000",
		old: []string{"INSERT INTO customers (id, email) VALUES (%d, 'o@example.com')"},
		new: []string{"INSERT INTO customers (id, email) VALUES (%d, 'n@example.com')"},
	},
	{
		kind: "add-check", tidy: "DELETE FROM products WHERE id > 1000",
		old: []string{"INSERT INTO products (id, price_cents) VALUES (%d, 5)"},
		new: []string{"INSERT INTO products (id, price_cents) VALUES (%d, 5)", "UPDATE products SET price_cents = 7 WHERE id = 1"},
	},
	{
		kind: "add-column-volatile-default", tidy: "DELETE FROM sessions WHERE id > 1000", discard: true,
		old: []string{"INSERT INTO sessions (id, customer_id) VALUES (%d, 5)"},
		new: []string{"INSERT INTO sessions (id, customer_id) VALUES (%d, 5)"},
	},
}

// sampled is how many databases each kind is killed in when not all points are
// walked: in each, every command is killed once; in the last, in the middle of
// what no transaction holds together.
const sampled = 3

// killed counts what the test did.
type killed struct {
	mu             sync.Mutex
	points, killed int
	kinds, engines []string
}

func TestCrashPoints(t *testing.T) {
	t.Parallel()
	var sum killed
	t.Run("kill", func(t *testing.T) {
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
					walkCrashPoints(t, engine, &mortal{change: all[i], old: c.old, new: c.new, tidy: c.tidy, discard: c.discard}, &sum)
				})
			}
		}
	})
	slices.Sort(sum.kinds)
	slices.Sort(sum.engines)
	kinds, engines := slices.Compact(sum.kinds), slices.Compact(sum.engines)
	t.Logf("%d crash points of %d kinds of change on %d engines; killed at %d", sum.points, len(kinds), len(engines), sum.killed)
}

// mortal is a migration that is killed on its way.
type mortal struct {
	change   changes.Change
	old, new []string
	tidy     string
	discard  bool
}

// leg is one command of the migration's life.
type leg struct {
	name string
	args []string
	// finish does what the command does, from wherever it was left.
	finish func(ctx context.Context, h *hand, f planner.File) (executor.State, error)
	// old: the old version of the app writes meanwhile; otherwise the new one.
	old bool
}

// life is what the migration goes through: there and back, and there again.
func (m *mortal) life() []leg {
	const name = "0007_change"
	expand := func(ctx context.Context, h *hand, f planner.File) (executor.State, error) { return h.expand(ctx, f) }
	back := func(ctx context.Context, h *hand, f planner.File) (executor.State, error) {
		return h.Rollback(ctx, f.Name)
	}
	contract := func(grace time.Duration) func(context.Context, *hand, planner.File) (executor.State, error) {
		return func(ctx context.Context, h *hand, f planner.File) (executor.State, error) {
			return h.contract(ctx, f, grace)
		}
	}
	rollback := []string{"rollback", name}
	if m.discard {
		rollback = append(rollback, "--discard-data")
	}
	return []leg{
		{"expand", []string{"expand"}, expand, true},
		{"rollback", rollback, back, true},
		{"expand again", []string{"expand"}, expand, true},
		{"contract", []string{"contract", name, "--grace", "1h"}, contract(time.Hour), false},
		{"rollback from grace", []string{"rollback", name}, back, false},
		{"contract again", []string{"contract", name, "--grace", "1h"}, contract(time.Hour), false},
		{"purge", []string{"contract", name, "--grace", "0s"}, contract(0), false},
	}
}

// stop is where a leg ended.
type stop struct {
	state  executor.State
	seen   picture
	points []string // crash points on the way, by name
}

// loose are the numbers of the crash points at statements outside transactions.
func (s stop) loose() []int {
	var out []int
	for i, name := range s.points {
		if strings.HasSuffix(name, " a statement") {
			out = append(out, i+1)
		}
	}
	return out
}

// at picks the point of a round.
func (s stop) at(round, rounds int) int {
	n := len(s.points)
	loose := s.loose()
	switch {
	case rounds >= n:
		return 1 + round%n
	case rounds == sampled && round == sampled-1 && len(loose) > 0:
		return loose[len(loose)*3/5]
	}
	return 1 + (2*round+1)*n/(2*rounds)
}

func walkCrashPoints(t *testing.T, engine string, m *mortal, sum *killed) {
	t.Helper()
	var quiet []stop
	t.Run("undisturbed", func(t *testing.T) { quiet = m.walk(t, engine, nil, nil) })
	if t.Failed() {
		return
	}
	points, most := 0, 0
	for _, s := range quiet {
		points += len(s.points)
		most = max(most, len(s.points))
	}
	rounds := sampled
	if os.Getenv("MIGRATE_TEST_MATRIX") == "1" {
		rounds = most
	}
	times := 0
	for round := range rounds { // each is a test of its own, so that its database goes when it ends
		t.Run(fmt.Sprint(round), func(t *testing.T) { times += killEach(t, engine, m, quiet, round, rounds) })
	}
	t.Logf("%d crash points; killed at %d of them", points, times)
	if least := rounds * len(quiet) * 9 / 10; times < least {
		t.Errorf("only %d commands were killed, want at least %d", times, least)
	}
	sum.mu.Lock()
	defer sum.mu.Unlock()
	sum.points += points
	sum.killed += times
	sum.kinds, sum.engines = append(sum.kinds, m.change.Name), append(sum.engines, engine)
}

// killEach kills every command of a life once, each at the point of this round,
// and says how many that were: with traffic, a run may need fewer writes.
func killEach(t *testing.T, engine string, m *mortal, quiet []stop, round, rounds int) (times int) {
	t.Helper()
	at := func(leg int) int { return quiet[leg].at(round, rounds) }
	died := make([]bool, len(quiet))
	ends := m.walk(t, engine, at, died)
	for i, s := range ends {
		if died[i] {
			times++
		}
		where := fmt.Sprintf("%s, killed at %d of %d and finished", m.life()[i].name, at(i), len(quiet[i].points))
		if s.state != quiet[i].state {
			t.Fatalf("%s, ends in %s, want %s", where, s.state, quiet[i].state)
		}
		if diff := cmp.Diff(quiet[i].seen, s.seen); diff != "" {
			t.Errorf("%s, ends otherwise (-undisturbed +killed):\n%s", where, diff)
		}
	}
	return times
}

// walk leads a migration through its life, in a database of its own. at tells at
// which crash point each command is killed, and died is filled in with whether it
// was; without, the commands run undisturbed and their points are counted.
func (m *mortal) walk(t *testing.T, engine string, at func(leg int) int, died []bool) []stop {
	t.Helper()
	w := newWorld(t, servers.Fresh(t, engine))
	w.exec(t, m.change.Before)
	f := file("0007_change", m.change.Migration)
	h := w.migrate(t, executor.Options{Holder: "elsewhere:1", DiscardData: m.discard})
	old, young := w.traffic(t, "old version", 1_000_000, m.old), w.traffic(t, "new version", 2_000_000, m.new)
	c := w.cli(t, map[string]string{f.Name: f.Src})
	c.program = crashing.with(t, "-tags", "crashpoints")
	var ends []stop
	for i, l := range m.life() {
		app := young
		if l.old {
			app = old
		}
		app.begins(t)
		if !l.old {
			if err := h.flag(t.Context(), f, flags.Full()); err != nil {
				t.Fatal(err)
			}
		}
		log := filepath.Join(t.TempDir(), "points")
		c.env = []string{"MIGRATE_SOAK=0s", "MIGRATE_CRASH_LOG=" + log}
		if at != nil {
			c.env = append(c.env, fmt.Sprintf("MIGRATE_CRASH_AT=%d", at(i)))
		}
		p := c.start(t, append(l.args, "--workers", "1", "--wait", "1m")...)
		switch code := p.wait(); {
		case code == -1 && at != nil:
			died[i] = true
			finish(t, h, f, l)
		case code != 0:
			t.Fatalf("%s exits %d\n%s", l.name, code, p.said())
		}
		s := stop{state: executor.State(w.state(t)), points: strings.Split(strings.TrimSpace(read(t, log)), "\n")}
		if s.state == executor.Open { // any version may run now
			old.begins(t)
			young.begins(t)
		}
		old.ends(t)
		young.ends(t)
		w.exec(t, m.tidy)
		s.seen = w.look(t, unsteady...)
		ends = append(ends, s)
		if t.Failed() {
			t.Fatalf("in %s, after these crash points:\n%s", l.name, read(t, log))
		}
		if s.state == executor.Done {
			break
		}
	}
	return ends
}

// finish does what is left of a command that was killed; a rollback that had
// got through is not to be taken for the beginning of the next.
func finish(t *testing.T, h *hand, f planner.File, l leg) {
	t.Helper()
	if l.name == "rollback from grace" && h.world.state(t) == string(executor.Open) {
		return
	}
	if _, err := l.finish(t.Context(), h, f); err != nil {
		t.Errorf("%s, finished after it was killed: %v", l.name, err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path) //nolint:gosec // the test's own file
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
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
