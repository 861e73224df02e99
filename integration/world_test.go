// Package integration proves the product as its users meet it: on real
// PostgreSQL, MySQL and MariaDB, under traffic, cut off at any point, beside
// other sessions that hold locks (docs: DESIGN section 11). There is nothing in
// it but tests.
package integration

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/dialects/all"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// world is a database of a test's own, and a connection of the test's to it.
type world struct {
	*servers.Database
	engine dialects.Engine
	db     *sql.DB
	target servers.Target // zero: the engine's default
}

func newWorld(t *testing.T, d *servers.Database) *world {
	t.Helper()
	engine := all.Engines().ByName(d.Engine)
	if engine == nil {
		t.Fatalf("no engine is called %s", d.Engine)
	}
	return &world{Database: d, engine: engine, db: d.Open(t)}
}

// worldOn makes a database on a target of the matrix.
func worldOn(t *testing.T, target servers.Target) *world {
	t.Helper()
	w := newWorld(t, servers.On(t, target))
	w.target = target
	return w
}

// version is the server's, as a number that compares (planner.Schema).
func (w *world) version(t *testing.T) int {
	t.Helper()
	s, err := w.migrate(t, executor.Options{}).session.Inspect(t.Context(), planner.References{})
	if err != nil {
		t.Fatal(err)
	}
	return s.VersionNum
}

// fresh is another database on the same server.
func (w *world) fresh(t *testing.T) *world {
	t.Helper()
	if w.target == (servers.Target{}) {
		return newWorld(t, servers.Fresh(t, w.Engine))
	}
	return worldOn(t, w.target)
}

// postgres reports whether the engine is PostgreSQL; the other two share a dialect.
func (w *world) postgres() bool { return w.Engine == servers.Postgres }

// either picks the text of the engine's dialect.
func (w *world) either(postgres, mysql string) string {
	if w.postgres() {
		return postgres
	}
	return mysql
}

// quote writes an identifier.
func (w *world) quote(name string) string {
	if w.postgres() {
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// literal writes a string.
func (w *world) literal(text string) string {
	text = strings.ReplaceAll(text, "'", "''")
	if !w.postgres() {
		text = strings.ReplaceAll(text, `\`, `\\`)
	}
	return "'" + text + "'"
}

// own names one of migrate's own tables.
func (w *world) own(table string) string { return w.either("migrate.", "migrate_") + table }

// exec runs statements as psql or mysql would.
func (w *world) exec(t *testing.T, text string) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

// number asks for one number; no row is 0.
func (w *world) number(t *testing.T, query string) int64 {
	t.Helper()
	var n sql.NullInt64
	err := w.db.QueryRowContext(t.Context(), query).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		t.Fatalf("%v\n%s", err, query)
	}
	return n.Int64
}

// strings asks for the first column of all rows.
func (w *world) strings(t *testing.T, query string) []string {
	t.Helper()
	rows, err := w.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%v\n%s", err, query)
	}
	defer func() { _ = rows.Close() }()
	var out []string
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// hand is migrate at work within the test's process.
type hand struct {
	*executor.Executor
	world   *world
	session dialects.Session
}

// at lets migrate work on the database, through url, which may go through a proxy.
func (w *world) at(ctx context.Context, url string, o executor.Options) (*hand, error) {
	s, err := w.engine.Open(ctx, url, dialects.Options{Application: "migrate"})
	if err != nil {
		return nil, err
	}
	if o.Wait == 0 {
		o.Wait = time.Minute // a cut-off executor's lock ends when the server notices
	}
	return &hand{Executor: executor.New(s, o), world: w, session: s}, nil
}

// migrate is at, for the test's length.
func (w *world) migrate(t *testing.T, o executor.Options) *hand {
	t.Helper()
	h, err := w.at(t.Context(), w.URL, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.session.Close(); err != nil {
			t.Errorf("closing the session: %v", err)
		}
	})
	return h
}

// file makes a migration file that lies nowhere.
func file(name, src string) planner.File {
	return planner.File{Name: name, Path: "migrations/" + name + ".sql", Src: src}
}

// noWait are defaults for tests: nothing soaks, nothing is kept.
var noWait = planner.Defaults{}

// planner plans as cmd/migrate does.
func (h *hand) planner(f planner.File) executor.Planner {
	return func(ctx context.Context) (*plan.Plan, error) {
		unfinished, err := h.Unfinished(ctx)
		if err != nil {
			return nil, err
		}
		var open []planner.OpenMigration
		for _, o := range unfinished {
			open = append(open, planner.OpenMigration(o))
		}
		return dialects.Plan(ctx, h.world.engine, h.session, f, noWait, open)
	}
}

// expand brings a migration to open, or to done if there is nothing to contract.
func (h *hand) expand(ctx context.Context, f planner.File) (executor.State, error) {
	return h.Expand(ctx, f.Name, h.planner(f))
}

// contract turns the flag full and contracts.
func (h *hand) contract(ctx context.Context, f planner.File, grace time.Duration) (executor.State, error) {
	if err := h.flag(ctx, f, flags.Full()); err != nil {
		return "", err
	}
	return h.Contract(ctx, f.Name, &grace)
}

// flag sets the flag that an expanded migration is tied to.
func (h *hand) flag(ctx context.Context, f planner.File, to flags.Rollout) error {
	known, _, err := h.Known(ctx)
	if err != nil {
		return err
	}
	m, ok := known[f.Name]
	if !ok {
		return fmt.Errorf("%s has not been expanded", f.Name)
	}
	return flags.NewTable(h.session.DB(), h.session.Layout().Flags).Set(ctx, m.Flag, to)
}

// through takes a migration all the way.
func (h *hand) through(ctx context.Context, f planner.File) error {
	state, err := h.expand(ctx, f)
	if err != nil || state == executor.Done {
		return err
	}
	state, err = h.contract(ctx, f, 0)
	if err == nil && state != executor.Done {
		err = fmt.Errorf("contract ended in state %s", state)
	}
	return err
}

// reaches fails unless a step of the way got through to a state.
func reaches(t *testing.T, want executor.State, got executor.State, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if got != want {
		t.Fatalf("ended in state %s, want %s", got, want)
	}
}

// eventually waits for a condition of the world outside, such as a row that
// another process writes.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func sorted(s []string) []string {
	slices.Sort(s)
	return s
}
