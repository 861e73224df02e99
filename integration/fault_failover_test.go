package integration

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// fault_failover_test.go: PostgreSQL's primary is killed in mid-backfill, and its
// streaming replica takes over, with less than the primary had acknowledged.

// failover is a pair, and migrate on it by a URL that names both.
type failover struct {
	*pair
	c        *cli
	replicas *world // the replica's view of the database
}

const failoverRows = 20_000

func newFailover(t *testing.T) *failover {
	t.Helper()
	f := &failover{pair: newPair(t, servers.Postgres)}
	f.replicas = newWorld(t, &servers.Database{Engine: servers.Postgres, URL: f.replicaURL, AdminURL: f.replicaURL, Name: "shop"})
	for _, w := range []*world{f.world, f.replicas} {
		w.db.SetMaxIdleConns(0) // none is kept that ends with the server
	}
	bigTable(t, f.world, failoverRows)
	f.c = f.world.cli(t, map[string]string{"0007_double": addB})
	one, err := url.Parse(f.URL)
	if err != nil {
		t.Fatal("the primary's URL cannot be parsed")
	}
	other, err := url.Parse(f.replicaURL)
	if err != nil {
		t.Fatal("the replica's URL cannot be parsed")
	}
	one.Host += "," + other.Host
	one.RawQuery = "target_session_attrs=read-write"
	f.c.url = one.String()
	eventually(t, "the replica to have the table", func() bool {
		return f.replicas.number(t, "SELECT count(*) FROM pg_class WHERE relname = 't'") == 1 && f.replicas.number(t, "SELECT count(*) FROM t") == failoverRows
	})
	return f
}

// cutOff ends the replication; what the replica has, it keeps.
func (f *failover) cutOff(t *testing.T) {
	t.Helper()
	f.replicas.exec(t, "ALTER SYSTEM SET primary_conninfo = ''")
	f.replicas.exec(t, "SELECT pg_reload_conf()")
	eventually(t, "the replica to receive nothing more", func() bool {
		return f.replicas.number(t, "SELECT count(*) FROM pg_stat_wal_receiver") == 0 &&
			// What came last may be half a record.
			f.replicas.number(t, "SELECT coalesce(pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn(), 0)::bigint") < 32<<10
	})
}

// takeOver kills the primary and makes the replica one.
func (f *failover) takeOver(t *testing.T) {
	t.Helper()
	docker(t, "kill", "--signal", "KILL", f.primary)
	f.replicas.exec(t, "SELECT pg_promote()")
}

// under waits for a command's backfill to have walked over rows.
func (f *failover) under(t *testing.T, p *process, rows int64) {
	t.Helper()
	eventually(t, "the backfill to be under way", func() bool {
		if !p.running() {
			t.Fatalf("expand ended (exit %d) before it could be cut off:\n%s", p.wait(), p.said())
		}
		return f.state(t) == string(executor.Backfilling) && f.progress(t).done > rows
	})
}

// ends runs the command to its end, itself or by another run of it, and compares
// with an undisturbed run on the new primary.
func (f *failover) ends(t *testing.T, p *process) {
	t.Helper()
	switch code := p.wait(); code {
	case 0:
		t.Log("it went on by itself")
	case 1: // the new primary took longer than a lease lives
		contains(t, p.stderr.String(), "has not answered")
		t.Log("it had given up, and was run again")
		f.c.run(t, 0, "expand", "--wait", "1m")
	default:
		t.Fatalf("expand exits %d\n%s", code, p.said())
	}
	w := f.replicas
	if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> a * 2"); n != 0 {
		t.Errorf("%d rows are wrong", n)
	}
	// The shadow writes that keep both shapes equal are there, too.
	w.exec(t, "UPDATE t SET a = 77 WHERE id = 1")
	if b := w.number(t, "SELECT b FROM t WHERE id = 1"); b != 154 {
		t.Errorf("an old version's write is carried over as %d, want 154", b)
	}
	w.exec(t, "UPDATE t SET a = 1 WHERE id = 1")
	f.c.run(t, 0, "flag", "set", "0007_double", "full")
	f.c.run(t, 0, "contract", "0007_double", "--grace", "0s")

	w.exec(t, "CREATE DATABASE quiet")
	u, err := url.Parse(f.replicaURL)
	if err != nil {
		t.Fatal("the replica's URL cannot be parsed")
	}
	u.Path = "/quiet"
	quiet := newWorld(t, &servers.Database{Engine: servers.Postgres, URL: u.String(), AdminURL: f.replicaURL, Name: "quiet"})
	bigTable(t, quiet, failoverRows)
	c := quiet.cli(t, map[string]string{"0007_double": addB})
	c.run(t, 0, "expand")
	c.run(t, 0, "flag", "set", "0007_double", "full")
	c.run(t, 0, "contract", "0007_double", "--grace", "0s")
	if diff := cmp.Diff(quiet.end(t), w.end(t)); diff != "" {
		t.Errorf("the end differs (-undisturbed +failed over):\n%s", diff)
	}
}

const rewound = "has lost what it had committed"

func TestFailover(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	slow := []string{"expand", "--rows-per-second", "4000", "--chunk-target", "10ms"}

	// Pieces of the backfill are lost, each together with its checkpoint.
	t.Run("pieces lost", func(t *testing.T) {
		t.Parallel()
		f := newFailover(t)
		p := f.c.start(t, slow...)
		f.under(t, p, 0)
		f.cutOff(t)
		const both = "SELECT concat((SELECT count(b) FROM t), ' ', (SELECT sum(rows_changed) FROM migrate.checkpoints))"
		has := f.replicas.progress(t)
		f.under(t, p, has.done+failoverRows/10)
		lost, kept := f.progress(t), f.replicas.strings(t, both)
		if filled, said, _ := strings.Cut(kept[0], " "); filled != said || has.changed >= lost.changed {
			t.Errorf("the replica has %s rows filled, and checkpoints that say %s; the primary says %+v", filled, said, lost)
		}
		f.takeOver(t)
		f.ends(t, p)
		if end := f.replicas.strings(t, "SELECT event FROM migrate.journal WHERE step = 'backfill-1' AND event = 'done'"); len(end) != 1 {
			t.Errorf("the backfill's end is in the journal %d times", len(end))
		}
	})

	// Steps are lost that the client knows were done: the columns and triggers that
	// it builds on are not there any more.
	t.Run("steps lost", func(t *testing.T) {
		t.Parallel()
		f := newFailover(t)
		tx, _ := block(t, f.world, "UPDATE t SET label = label WHERE id = 1")
		p := f.c.start(t, slow...)
		eventually(t, "the first step to wait", func() bool {
			return strings.Contains(p.stderr.String(), "waiting for a lock") && f.replicas.state(t) == string(executor.Expanding)
		})
		f.cutOff(t)
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		f.under(t, p, failoverRows/10)
		if n := f.replicas.number(t, "SELECT count(*) FROM information_schema.columns WHERE table_name = 't' AND column_name = 'b'"); n != 0 {
			t.Error("the replica has the column that it should not have")
		}
		f.takeOver(t)
		f.ends(t, p)
		if p.wait() == 0 {
			contains(t, p.stderr.String(), rewound)
		}
	})

	// Nothing that was waited for is lost with synchronous replication.
	t.Run("synchronous", func(t *testing.T) {
		t.Parallel()
		if os.Getenv("MIGRATE_TEST_MATRIX") == "" {
			t.Skip("the same path as the other, with less to lose: only with MIGRATE_TEST_MATRIX=1")
		}
		f := newFailover(t)
		f.exec(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
		f.exec(t, "SELECT pg_reload_conf()")
		p := f.c.start(t, slow...)
		f.under(t, p, failoverRows/10)
		f.takeOver(t)
		f.replicas.exec(t, "ALTER SYSTEM RESET synchronous_standby_names")
		f.ends(t, p)
		hides(t, p.said(), rewound)
	})
}
