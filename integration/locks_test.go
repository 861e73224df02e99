package integration

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// locks_test.go holds a lock on the table while expand wants a stronger one.
// Whoever else uses the table must not notice: a strong lock that waits makes
// everybody behind it wait, so that ours may wait for a moment only.

const (
	// held is how long a transaction is in the way.
	held = 20 * time.Second
	// noticed is the wait that the app must never see because of us.
	noticed = 500 * time.Millisecond
)

// prober sends a tiny statement every few milliseconds, and remembers when one
// took long.
type prober struct {
	longest time.Duration
	slow    []span
	count   int
	err     error
	stop    context.CancelFunc
	done    sync.WaitGroup
}

type span struct{ from, to time.Time }

func (s span) String() string {
	return fmt.Sprintf("%s from %s", s.to.Sub(s.from).Round(time.Millisecond), s.from.Format("15:04:05.000"))
}

// shared is how long two spans lasted at the same time.
func (s span) shared(o span) time.Duration {
	from, to := s.from, s.to
	if o.from.After(from) {
		from = o.from
	}
	if o.to.Before(to) {
		to = o.to
	}
	return max(0, to.Sub(from))
}

// slow is how long a statement takes that is worth remembering.
const slow = noticed / 20

func probe(t *testing.T, w *world, statement string) *prober {
	t.Helper()
	db := w.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	p := &prober{stop: cancel}
	p.done.Add(1)
	go p.run(ctx, db, statement)
	t.Cleanup(p.end)
	return p
}

func (p *prober) run(ctx context.Context, db *sql.DB, statement string) {
	defer p.done.Done()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		s := span{from: time.Now()}
		_, err := db.ExecContext(ctx, statement)
		s.to = time.Now()
		if ctx.Err() != nil {
			return
		}
		p.count++
		if err != nil {
			p.err = err
			return
		}
		took := s.to.Sub(s.from)
		p.longest = max(p.longest, took)
		if took > slow {
			p.slow = append(p.slow, s)
		}
	}
}

func (p *prober) end() {
	p.stop()
	p.done.Wait()
}

// blocked are the waits that were too long because of us. What the control, on a
// table that is in nobody's way, waited at the same time is the machine's doing
// and does not count.
func (p *prober) blocked(control *prober) []span {
	var out []span
	for _, s := range p.slow {
		ours := s.to.Sub(s.from)
		for _, c := range control.slow {
			ours -= s.shared(c)
		}
		if ours > noticed {
			out = append(out, s)
		}
	}
	return out
}

func TestBlockerIsWaitedForWithoutQueueing(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 1000)
		w.exec(t, "CREATE TABLE elsewhere (id bigint PRIMARY KEY, n bigint NOT NULL)")
		w.exec(t, "INSERT INTO elsewhere (id, n) VALUES (1, 0)")
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		c.run(t, 0, "plan", "0007_split_name") // what is slow the first time is behind us

		const secret = "kept-from-the-log@example.com"
		tx, pid := block(t, w, "UPDATE users SET email = '"+secret+"' WHERE id = 1")
		users := probe(t, w, "UPDATE users SET email = 'y' WHERE id = 500")
		control := probe(t, w, "UPDATE elsewhere SET n = n + 1 WHERE id = 1")
		began := time.Now()
		expand := c.start(t, "expand", "-v")
		select { // the twenty seconds, unless expand is so wrong as to end before
		case <-time.After(held):
		case <-expand.done:
			t.Fatalf("expand ended (exit %d) while the table was locked:\n%s", expand.wait(), expand.said())
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		if code := expand.wait(); code != 0 {
			t.Fatalf("expand exits %d when the lock is gone:\n%s", code, expand.said())
		}
		took := time.Since(began)
		users.end()
		control.end()

		if users.err != nil || control.err != nil {
			t.Fatalf("a probe failed: %v, %v", users.err, control.err)
		}
		if blocked := users.blocked(control); len(blocked) > 0 {
			t.Errorf("statements on the table waited longer than %s: %v (the control: %v)", noticed, blocked, control.slow)
		}
		if users.count < 500 {
			t.Errorf("only %d probes in %s", users.count, took)
		}
		contains(t, expand.stderr.String(), fmt.Sprintf("pid %d", pid), "users")
		hides(t, expand.said(), secret)
		if s := c.status(t, "0007_split_name"); s.State != executor.Open {
			t.Errorf("the end is %s, want open", s.State)
		}
		t.Logf("%s %s: %d probes, the longest took %s; of the control %s; expand took %s", d.Engine, d.Version, users.count,
			users.longest.Round(time.Millisecond), control.longest.Round(time.Millisecond), took.Round(time.Second))
	})
}

// block runs a statement in a transaction that stays open, and says in which session.
func block(t *testing.T, w *world, statement string) (tx *sql.Tx, pid int64) {
	t.Helper()
	tx, err := w.Open(t).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRowContext(t.Context(), w.either("SELECT pg_backend_pid()", "SELECT CONNECTION_ID()")).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	return tx, pid
}

// TestLockDeadline: who waits in vain says for whom, and leaves nothing behind.
func TestLockDeadline(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		before := w.look(t)
		tx, pid := block(t, w, "UPDATE users SET email = 'y' WHERE id = 1")
		contains(t, c.run(t, 1, "expand", "--lock-deadline", "1s").stderr.String(), fmt.Sprintf("blocked by pid %d", pid), "users")
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		same(t, "not expanded, the state", before, w.look(t))
		c.run(t, 0, "expand")
	})
}
