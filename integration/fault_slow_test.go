package integration

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestNoLockWhileTheServerIsSlow: a table is not locked for several changes of it while
// the server takes long for such changes, be it for a contract or for taking one back.
// It is when that is over, or when it may be.
func TestNoLockWhileTheServerIsSlow(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		const slow = "the server is too slow at present"
		c.run(t, 0, "expand")
		c.run(t, 0, "flag", "set", "0007_split_name", "full")
		if w.postgres() { // it takes no such locks
			c.run(t, 0, "contract", "0007_split_name", "--override", "soaked=test", "--lock-hold", "1ms")
			return
		}
		shape := func() []string {
			return append(w.columns(t, "users"), w.strings(t, "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1")...)
		}
		for _, command := range [][]string{{"contract", "0007_split_name", "--override", "soaked=test"}, {"rollback", "0007_split_name"}} {
			before := shape()
			p := c.run(t, 1, append(command, "--lock-hold", "1ms", "--lock-deadline", "1s")...)
			contains(t, p.stderr.String(), "users was not locked within", "changes of its definition", "--lock-hold", slow)
			sameLines(t, strings.Join(command, " ")+", not locked, the shape", before, shape())
			// So it looks when a change takes as long as somebody likes.
			tx, _ := block(t, w, "SELECT count(*) FROM "+w.own("observations"))
			p = c.start(t, command...)
			eventually(t, "the rehearsal to be slow", func() bool { return strings.Contains(p.stderr.String(), slow) || !p.running() })
			if err := tx.Rollback(); err != nil {
				t.Fatal(err)
			}
			if code := p.wait(); code != 0 {
				t.Fatalf("migrate %s exits %d\n%s", strings.Join(command, " "), code, p.said())
			}
			contains(t, p.stderr.String(), slow)
		}
		if s := c.status(t, "0007_split_name"); s.State != executor.Open {
			t.Errorf("the end is %s, want open", s.State)
		}
	})
}

// fading is a session of a server that becomes slow, and loses a connection, at the end of
// a switch: behind its UNLOCK TABLES, before that is in the journal.
type fading struct {
	executor.Session
	kill  *sql.DB
	faded atomic.Bool
}

// Exec implements executor.Session.
func (f *fading) Exec(ctx context.Context, conn *sql.Conn, b executor.Bounds, statements ...string) error {
	var id string
	switches := slices.ContainsFunc(statements, func(st string) bool { return strings.Contains(st, "RENAME COLUMN") })
	if switches && slices.Contains(statements, "UNLOCK TABLES") && !f.faded.Load() {
		if err := conn.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			return err
		}
	}
	err := f.Session.Exec(ctx, conn, b, statements...)
	if id == "" || err != nil {
		return err
	}
	f.faded.Store(true)
	_, err = f.kill.ExecContext(ctx, "KILL "+id)
	return err
}

// Rehearse implements executor.Session.
func (f *fading) Rehearse(ctx context.Context, n int, most time.Duration) (time.Duration, error) {
	if f.faded.Load() {
		return time.Minute, nil
	}
	return f.Session.Rehearse(ctx, n, most)
}

// onlooker notes what is run under the first lock of a table, and how much was rehearsed before it.
type onlooker struct {
	executor.Session
	rehearsed    int
	locked, over bool
	messages     [][]string
}

// Exec implements executor.Session.
func (o *onlooker) Exec(ctx context.Context, conn *sql.Conn, b executor.Bounds, statements ...string) error {
	if o.locked && !o.over {
		o.messages = append(o.messages, statements)
	}
	unlocks := slices.Contains(statements, "UNLOCK TABLES")
	o.over = o.over || o.locked && unlocks
	o.locked = (o.locked || strings.HasPrefix(statements[0], "LOCK")) && !unlocks
	return o.Session.Exec(ctx, conn, b, statements...)
}

// Rehearse implements executor.Session.
func (o *onlooker) Rehearse(ctx context.Context, n int, most time.Duration) (time.Duration, error) {
	if !o.over {
		o.rehearsed = n
	}
	return o.Session.Rehearse(ctx, n, most)
}

// TestOneMessageUnderALock: what a table is locked for is rehearsed, and sent, as one; also
// where the plan was stored by a program that did not yet mark where a lock ends.
func TestOneMessageUnderALock(t *testing.T) {
	t.Parallel()
	eachButPostgres(t, func(t *testing.T, w *world) {
		for _, stored := range []string{"as it is now", "as it was"} {
			w.exec(t, "DROP TABLE IF EXISTS users")
			fillUsers(t, w, 10)
			h := w.migrate(t, executor.Options{})
			f := file("0007_split_name_"+strings.ReplaceAll(stored, " ", "_"), splitName(w))
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)
			if stored == "as it was" {
				w.exec(t, `UPDATE migrate_migrations SET plan = REPLACE(REPLACE(plan, ',"locks":true', ''), ',"unlocks":true', '')`)
				if n := w.number(t, `SELECT COUNT(*) FROM migrate_migrations WHERE name = '`+f.Name+`' AND plan LIKE '%"holds":true%' AND plan NOT LIKE '%locks":true%'`); n != 1 {
					t.Fatal("the stored plan is not as it was")
				}
			}
			look := &onlooker{Session: h.session}
			o := executor.Options{Overrides: map[string]string{"flag-full": "test", "soaked": "test"}}
			state, err = executor.New(look, o).Contract(t.Context(), f.Name, nil)
			reaches(t, executor.Done, state, err)
			if len(look.messages) != 1 || look.rehearsed != len(look.messages[0])-1 || look.rehearsed < 4 {
				t.Errorf("%s: %d changes rehearsed, under the lock %d messages: %q", stored, look.rehearsed, len(look.messages), look.messages)
			}
		}
	})
}

// TestSlowServerBehindASwitch: a switch that is over, but not in the journal, is not taken
// for one that never had its lock because the server is slow when it is tried again.
func TestSlowServerBehindASwitch(t *testing.T) {
	t.Parallel()
	eachButPostgres(t, slowBehindASwitch)
}

// eachButPostgres runs a test where a switch and its journal entry are not one transaction.
func eachButPostgres(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	eachEngine(t, func(target servers.Target) bool { return target.Engine != servers.Postgres }, test)
}

func each(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	eachEngine(t, func(servers.Target) bool { return true }, test)
}

func eachEngine(t *testing.T, of func(servers.Target) bool, test func(t *testing.T, w *world)) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	for _, target := range servers.Matrix() {
		if !of(target) {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			test(t, worldOn(t, target))
		})
	}
}

func slowBehindASwitch(t *testing.T, w *world) {
	fillUsers(t, w, 10)
	h := w.migrate(t, executor.Options{})
	f := file("0007_split_name", splitName(w))
	state, err := h.expand(t.Context(), f)
	reaches(t, executor.Open, state, err)

	slow := &fading{Session: h.session, kill: w.Open(t)}
	o := executor.Options{LockDeadline: time.Second, Overrides: map[string]string{"flag-full": "test", "soaked": "test"}}
	_, err = executor.New(slow, o).Contract(t.Context(), f.Name, nil)
	if late := (*executor.SlowError)(nil); !errors.As(err, &late) || !slow.faded.Load() {
		t.Fatalf("the contract ends with %v", err)
	}
	done := "SELECT CONCAT(action, ' ', event) FROM migrate_journal WHERE step = 'contract-2' ORDER BY id DESC LIMIT 1"
	if last := w.strings(t, done); len(last) != 1 || last[0] != "do intent" {
		t.Errorf("the journal's last word of the switch is %q", last)
	}
	o.LockDeadline = time.Minute
	state, err = executor.New(h.session, o).Contract(t.Context(), f.Name, nil)
	reaches(t, executor.Done, state, err)
	w.exec(t, "INSERT INTO users (id, first_name, last_name, email) VALUES (100, 'Ada', 'Lovelace', 'ada@example.org')")
}
