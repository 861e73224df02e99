package integration

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// fault_network_test.go: a network that goes silent, and an executor that was
// frozen for longer than its lease.

// silentFor is how long migrate may take to notice that nobody answers: the
// lease's time, a heartbeat, and the end of what was under way.
const silentFor = 60 * time.Second

// TestSilentNetwork: the connections stay, and nothing comes through any more.
func TestSilentNetwork(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		rows := int64(bigRows(w)) / 4
		bigTable(t, w, int(rows))
		p, through := newProxy(t, w.URL, 0, nil)
		c := w.cli(t, map[string]string{"0007_double": addB})
		c.url = through
		e := c.start(t, "expand", "--chunk-target", "10ms", "--workers", "1")
		w.walking(t, e)
		p.swallow()
		began := time.Now()
		select {
		case <-e.done:
		case <-time.After(silentFor):
			t.Fatalf("expand has not noticed within %s that nobody answers", silentFor)
		}
		if e.wait() != 1 {
			t.Errorf("expand exits %d, want 1\n%s", e.wait(), e.said())
		}
		contains(t, e.stderr.String(), "the database has not answered for 15s")
		t.Logf("%s: noticed after %s", d.Engine, time.Since(began).Round(time.Second))

		// Who connects to such a network is told so, too.
		began = time.Now()
		s := c.run(t, 1, "status")
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("status took %s to say that nobody answers:\n%s", took, s.said())
		}

		c.url = w.URL
		c.run(t, 0, "expand", "--wait", "1m")
		if s := c.status(t, "0007_double"); s.State != executor.Open {
			t.Errorf("the end is %s, want open", s.State)
		}
		if end := w.progress(t); end.changed != rows {
			t.Errorf("both runs together changed %d rows, want each of %d once", end.changed, rows)
		}
	})
}

// TestFrozenHolder: who was frozen for longer than the lease writes nothing
// more when it wakes, be it in the middle of a backfill or before a statement.
func TestFrozenHolder(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		t.Run("in a backfill", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers.Fresh(t, d.Engine))
			rows := int64(bigRows(w)) / 4
			bigTable(t, w, int(rows))
			c := w.cli(t, map[string]string{"0007_double": addB})
			frozen := c.start(t, "expand", "--chunk-target", "10ms", "--workers", "1")
			w.walking(t, frozen)
			wakes(t, w, frozen, func() { c.run(t, 0, "expand", "--wait", "1m") })
			if end := w.progress(t); end.changed != rows {
				t.Errorf("both changed %d rows, want each of %d once", end.changed, rows)
			}
		})
		t.Run("before a statement", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers.Fresh(t, d.Engine))
			fillUsers(t, w, 10)
			c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
			tx, _ := block(t, w, "UPDATE users SET email = 'y' WHERE id = 1")
			frozen := c.start(t, "expand", "-v")
			eventually(t, "expand to wait for the lock", func() bool {
				if !frozen.running() {
					t.Fatalf("expand ended (exit %d):\n%s", frozen.wait(), frozen.said())
				}
				return strings.Contains(frozen.stderr.String(), "waiting for a lock")
			})
			wakes(t, w, frozen, func() {
				if err := tx.Commit(); err != nil {
					t.Fatal(err)
				}
				c.run(t, 0, "expand", "--wait", "1m")
			})
		})
	})
}

// wakes freezes an executor, lets another do all the work once the lease is over,
// and wakes the first, which must end without having changed anything.
func wakes(t *testing.T, w *world, frozen *process, other func()) {
	t.Helper()
	frozen.signal(t, syscall.SIGSTOP)
	other()
	after, journal := w.look(t), w.number(t, "SELECT count(*) FROM "+w.own("journal"))
	frozen.signal(t, syscall.SIGCONT)
	if code := frozen.wait(); code != 1 {
		t.Errorf("the frozen expand exits %d when it wakes, want 1\n%s", code, frozen.said())
	}
	contains(t, frozen.stderr.String(), "another executor has taken over the lease")
	same(t, "when the frozen one has woken, the state", after, w.look(t))
	if now := w.number(t, "SELECT count(*) FROM "+w.own("journal")); now != journal {
		t.Errorf("the frozen one wrote %d entries in the journal when it woke", now-journal)
	}
	if s := w.state(t); s != string(executor.Open) {
		t.Errorf("the end is %s, want open", s)
	}
}
