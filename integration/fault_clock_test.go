package integration

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
)

// fault_clock_test.go: the server's clock and the machine's are set, forward and
// back. To set a server's without setting that of all tests on it, what migrate
// asks for the time is led to a table that says by how much its clock is wrong.

// setable is a session whose server's clock can be set.
type setable struct {
	dialects.Session
	table string
}

func (s setable) Layout() executor.Layout {
	l := s.Session.Layout()
	off := "(SELECT seconds FROM " + s.table + ")"
	l.Now = l.AddSeconds(l.Now, off)
	since := l.SecondsSince
	l.SecondsSince = func(instant string) string { return "(" + since(instant) + " + " + off + ")" }
	return l
}

// clocks are the server's, and this machine's.
type clocks struct {
	*world
	here atomic.Int64 // seconds
}

func newClocks(t *testing.T, d *servers.Database) *clocks {
	t.Helper()
	c := &clocks{world: newWorld(t, d)}
	c.exec(t, "CREATE TABLE clock_error (seconds int NOT NULL)")
	c.exec(t, "INSERT INTO clock_error (seconds) VALUES (0)")
	return c
}

// set sets both clocks, relative to the true time.
func (c *clocks) set(t *testing.T, server, here time.Duration) {
	t.Helper()
	c.exec(t, fmt.Sprintf("UPDATE clock_error SET seconds = %d", int(server.Seconds())))
	c.here.Store(int64(here.Seconds()))
}

// hand is migrate with these clocks.
func (c *clocks) hand(t *testing.T, o executor.Options) *hand {
	t.Helper()
	h := c.migrate(t, o)
	h.session = setable{Session: h.session, table: c.either("public.clock_error", "clock_error")}
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	o.Clock = func() time.Time { return time.Now().Add(time.Duration(c.here.Load()) * time.Second) }
	h.Executor = executor.New(h.session, o)
	return h
}

// A clock that jumps ends neither a grace nor a soak: both must say that it is over.
func TestClockJumpsEndNothing(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		c := newClocks(t, d)
		bigTable(t, c.world, 10)
		h := c.hand(t, executor.Options{})
		f := file("0007_double", "-- migrate:soak 1h\n"+addB[len("-- migrate:soak 0s\n"):])
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		if err := h.flag(t.Context(), f, flags.Full()); err != nil {
			t.Fatal(err)
		}
		grace := time.Hour
		for _, set := range []struct{ server, here time.Duration }{{2 * time.Hour, 0}, {0, 2 * time.Hour}, {-2 * time.Hour, 2 * time.Hour}} {
			c.set(t, set.server, set.here)
			_, err := h.Contract(t.Context(), f.Name, &grace)
			var gate *executor.GateError
			if !errors.As(err, &gate) {
				t.Fatalf("with the server's clock %s and this one %s ahead, contract ends with %v, want the soak to hold", set.server, set.here, err)
			}
		}
		c.set(t, 2*time.Hour, 2*time.Hour) // time has passed, to both
		state, err = h.Contract(t.Context(), f.Name, &grace)
		reaches(t, executor.Grace, state, err)
		for _, set := range []struct{ server, here time.Duration }{{4 * time.Hour, 2 * time.Hour}, {2 * time.Hour, 4 * time.Hour}, {-24 * time.Hour, 4 * time.Hour}} {
			c.set(t, set.server, set.here)
			state, err = h.Contract(t.Context(), f.Name, nil)
			reaches(t, executor.Grace, state, err)
			if left := h.left(t); left < 30*time.Minute {
				t.Errorf("with the server's clock %s and this one %s ahead, %s of the grace are left", set.server, set.here, left)
			}
		}
		// What contract has renamed is all there, and can be brought back.
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.Open, state, err)
		if n := c.number(t, "SELECT count(*) FROM t WHERE a * 2 = b"); n != 10 {
			t.Errorf("%d of 10 rows are there after the rollback", n)
		}

		c.set(t, 26*time.Hour, 26*time.Hour)
		state, err = h.Contract(t.Context(), f.Name, &grace)
		reaches(t, executor.Grace, state, err)
		c.set(t, 28*time.Hour, 28*time.Hour)
		state, err = h.Contract(t.Context(), f.Name, nil)
		reaches(t, executor.Done, state, err)
	})
}

func (h *hand) left(t *testing.T) time.Duration {
	t.Helper()
	s, err := h.Status(t.Context())
	if err != nil || len(s.Migrations) != 1 {
		t.Fatalf("status says %+v, %v", s, err)
	}
	return time.Duration(s.Migrations[0].GraceLeft * float64(time.Second))
}

// A grace that begins while the server's clock is behind is as long as it should be.
func TestGraceBegunByAClockThatIsBehind(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		c := newClocks(t, d)
		bigTable(t, c.world, 10)
		h := c.hand(t, executor.Options{})
		f := file("0007_double", addB)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		c.set(t, -24*time.Hour, 0)
		state, err = h.contract(t.Context(), f, time.Hour)
		reaches(t, executor.Grace, state, err)
		c.set(t, 0, 0)
		state, err = h.Contract(t.Context(), f.Name, nil)
		reaches(t, executor.Grace, state, err)
		if left := h.left(t); left < 50*time.Minute || left > time.Hour {
			t.Errorf("%s of an hour's grace are left", left)
		}
		c.set(t, 61*time.Minute, 61*time.Minute)
		state, err = h.Contract(t.Context(), f.Name, nil)
		reaches(t, executor.Done, state, err)
	})
}

// A server's clock that jumps takes the lease from nobody who is at work.
func TestClockJumpsLoseNoLease(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		c := newClocks(t, d)
		const rows = 2000
		bigTable(t, c.world, rows)
		f := file("0007_double", addB)
		first := c.hand(t, executor.Options{Holder: "first"})
		if err := first.Pause(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		go func() {
			_, err := first.expand(ctx, f)
			done <- err
		}()
		eventually(t, "the backfill to begin", func() bool {
			select {
			case err := <-done:
				t.Fatalf("expand ended with %v", err)
			default:
			}
			return c.state(t) == string(executor.Backfilling)
		})
		second := c.hand(t, executor.Options{Holder: "second", Wait: time.Millisecond})
		for _, by := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
			c.set(t, by, 0)
			_, err := second.expand(t.Context(), f)
			var held *executor.LeaseHeldError
			if !errors.As(err, &held) || held.Holder != "first" {
				t.Errorf("with the server's clock %s ahead, a second executor ends with %v, want the lease to be held", by, err)
			}
		}
		if err := first.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Errorf("the first executor ends with %v", err)
		}
		if n := c.number(t, "SELECT count(*) FROM t WHERE b = a * 2"); n != rows {
			t.Errorf("%d of %d rows are filled", n, rows)
		}
	})
}

// A holder that is frozen is taken over from after the lease's time, even where
// its last heartbeat was written by a clock that has been set back since.
func TestLeaseExpiresAfterAClockWasSetBack(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		c := newClocks(t, d)
		bigTable(t, c.world, 10)
		f := file("0007_double", addB)
		h := c.hand(t, executor.Options{Holder: "second"})
		if err := h.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		// The frozen one: it has the engine's lock, and does not move.
		frozen, err := h.session.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = frozen.Close() }()
		if ok, _, err := h.session.TryLock(t.Context(), frozen); err != nil || !ok {
			t.Fatalf("taking the lock: %t, %v", ok, err)
		}
		c.exec(t, "UPDATE "+c.own("lease")+" SET holder = 'frozen', token = 1, expires_at = "+
			c.either("clock_timestamp() + interval '1 day'", "UTC_TIMESTAMP(6) + INTERVAL 1 DAY"))
		began := time.Now()
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		if took := time.Since(began); took < 14*time.Second {
			t.Errorf("it was taken over from after %s", took)
		}
	})
}
