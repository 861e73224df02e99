package postgres

import (
	"database/sql"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// TestMaintenanceIsKeptAway: from what a step is to lock in a way that it would be in the way of, and from nothing else.
func TestMaintenanceIsKeptAway(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, d *servers.Database) {
		s := open(t, d.URL)
		db := app(t, d.URL)
		run(t, db, `
			CREATE SCHEMA "other side";
			CREATE TABLE "other side"."T" (id int PRIMARY KEY);
			CREATE TABLE plain (id int PRIMARY KEY, n int);
			CREATE INDEX plain_n ON plain (n);
			CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
			CREATE TABLE low PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (id);
			CREATE TABLE lowest PARTITION OF low DEFAULT;
			CREATE VIEW seen AS SELECT id FROM plain`)
		exclusive := func(object string) plan.Lock { return plan.Lock{Mode: lockAccessExclusive, Object: object} }
		for name, c := range map[string]struct {
			locks  []plan.Lock
			before string
			want   string
		}{
			"a table":           {[]plan.Lock{exclusive("plain")}, "", "plain"},
			"an index's table":  {[]plan.Lock{exclusive("plain_n")}, "", "plain"},
			"all partitions":    {[]plan.Lock{{Mode: lockShareRowExclusive, Object: "parted"}}, "", "low lowest parted"},
			"of two tables":     {[]plan.Lock{exclusive("other side.T"), {Mode: lockRowShare, Object: "parted"}, exclusive("plain")}, "", "T plain"},
			"one of its own":    {[]plan.Lock{{Mode: lockShareUpdateExclusive, Object: "parted"}}, "", ""},
			"a weak lock":       {[]plan.Lock{{Mode: lockRowExclusive, Object: "plain"}}, "", ""},
			"no object":         {[]plan.Lock{{}}, "", ""},
			"what is not there": {[]plan.Lock{exclusive("nowhere")}, "", ""},
			"a view":            {[]plan.Lock{exclusive("seen")}, "", ""},
			"without a right":   {[]plan.Lock{exclusive("plain")}, "SET LOCAL ROLE pg_monitor", ""},
		} {
			tx, end := begun(t, s, executor.Bounds{Lock: 300 * time.Millisecond})
			if c.before != "" {
				if _, err := tx.ExecContext(t.Context(), c.before); err != nil {
					t.Fatal(err)
				}
			}
			if err := clears(t, s).Clear(t.Context(), tx, c.locks); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			const held = `SELECT coalesce(string_agg(relation::regclass::text, ' ' ORDER BY relation::regclass::text), '') FROM pg_locks
				WHERE pid = pg_backend_pid() AND mode = 'ShareUpdateExclusiveLock'`
			var got, timeout string
			if err := tx.QueryRowContext(t.Context(), "SELECT replace(replace(("+held+`), '"other side".', ''), '"', ''), current_setting('lock_timeout')`).Scan(&got, &timeout); err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("%s: %q is locked, want %q", name, got, c.want)
			}
			if timeout != "300ms" {
				t.Errorf("%s: the lock timeout is %s behind it", name, timeout)
			}
			end()
		}

		// Who has it for longer than we wait is told apart from who has more than that.
		vacuum, _ := begun(t, s, executor.Bounds{})
		if _, err := vacuum.ExecContext(t.Context(), "SET LOCAL application_name = 'vacuum'; LOCK TABLE plain IN SHARE UPDATE EXCLUSIVE MODE"); err != nil {
			t.Fatal(err)
		}
		maintains := func() bool {
			t.Helper()
			found, err := s.Blockers(t.Context(), exclusive("plain"))
			if err != nil || len(found) != 1 {
				t.Fatalf("%+v are in the way, %v", found, err)
			}
			return found[0].Maintains
		}
		if !maintains() {
			t.Error("who only maintains a table is not known as such")
		}
		tx, _ := begun(t, s, executor.Bounds{Lock: 300 * time.Millisecond})
		if err := clears(t, s).Clear(t.Context(), tx, []plan.Lock{exclusive("plain")}); err == nil || s.Classify(err) != executor.LockTimeout {
			t.Errorf("behind maintenance that does not end: %v", err)
		}
		if _, err := vacuum.ExecContext(t.Context(), "SELECT FROM plain"); err != nil {
			t.Fatal(err)
		}
		if maintains() {
			t.Error("who reads a table, too, is taken for one who only maintains it")
		}
	})
}

func clears(t *testing.T, s executor.Session) executor.Clearer {
	t.Helper()
	c, ok := s.(executor.Clearer)
	if !ok {
		t.Fatal("the session keeps no maintenance away")
	}
	return c
}

// begun is a transaction on a connection of its own, which is rolled back in the end, or before.
func begun(t *testing.T, s executor.Session, b executor.Bounds) (tx *sql.Tx, end func()) {
	t.Helper()
	conn, err := s.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if tx, err = s.Begin(t.Context(), conn, b); err != nil {
		t.Fatal(err)
	}
	end = func() {
		_ = tx.Rollback()
		_ = conn.Close()
	}
	t.Cleanup(end)
	return tx, end
}

// TestSessionsReadWhatIsCommitted: whatever a database or a role says that transactions are to see.
func TestSessionsReadWhatIsCommitted(t *testing.T) {
	t.Parallel()
	d := servers.Fresh(t, servers.Postgres)
	run(t, app(t, d.URL), "ALTER DATABASE "+d.Name+" SET default_transaction_isolation = 'repeatable read'")
	if got := text(t, open(t, d.URL).DB(), "SHOW transaction_isolation"); got != "read committed" {
		t.Errorf("a session's transactions are %s", got)
	}
}
