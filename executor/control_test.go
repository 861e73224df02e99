package executor

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

func TestBucketKeepsTheRate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate  float64
		piece int64
	}{{1000, 250}, {1000, 1}, {5000, 20_000}, {10, 291}} {
		b := &bucket{}
		start := time.Now()
		now := start
		b.setRate(now, c.rate)
		rows := int64(0)
		for now.Sub(start) < time.Minute {
			wait, ok := b.take(now, c.piece)
			if ok {
				rows += c.piece
				continue
			}
			if wait <= 0 {
				t.Fatalf("%v: no wait is told", c)
			}
			now = now.Add(wait)
		}
		want := c.rate * 60
		if got := float64(rows); got < want*0.99 || got > want+c.rate*burst+float64(c.piece)+1 {
			t.Errorf("at %g rows/s in pieces of %d, %d rows passed in a minute", c.rate, c.piece, rows)
		}
	}
}

func TestBucketRestAndChange(t *testing.T) {
	t.Parallel()
	now := time.Now()
	b := &bucket{}
	if _, ok := b.take(now, 1_000_000); !ok || b.chunk() != maxChunk {
		t.Error("without a rate something is held")
	}
	b.setRate(now, 1000)
	if b.chunk() != 250 {
		t.Errorf("at 1000 rows/s a chunk may have %d rows", b.chunk())
	}
	// A rest saves up a tenth of a second's rows, not an hour's.
	now = now.Add(time.Hour)
	if _, ok := b.take(now, 100); !ok {
		t.Error("after a rest nothing passes")
	}
	b.take(now, 1)
	if wait, ok := b.take(now, 1); ok || wait > 2*time.Millisecond {
		t.Errorf("after a rest too much passes, or too little: %s", wait)
	}
	// The debt of a fast time is not paid at a slow rate.
	b.setRate(now, 1_000_000)
	b.take(now.Add(time.Second), 250_000)
	b.setRate(now.Add(time.Second), 10)
	if wait, ok := b.take(now.Add(time.Second), 1); ok || wait > 251*time.Millisecond {
		t.Errorf("after a change to 10 rows/s the first is to wait %s", wait)
	}
	// From slow to fast at once.
	b.setRate(now.Add(time.Second), 0)
	if _, ok := b.take(now.Add(time.Second), 1); !ok {
		t.Error("without a rate again something is held")
	}
}

// Pausing, resuming and changing the rate reach those who wait already.
func TestWaitersHearOfChanges(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSteered(Options{Throttle: Throttle{Every: time.Second}})
		order := orders{workers: 1, target: time.Second, rate: 0.001}
		s.obey(order)
		ctx, cancel := context.WithCancel(t.Context())
		var passed atomic.Int64
		go func() {
			for s.take(ctx, 1, 1) == nil {
				passed.Add(1)
				time.Sleep(100 * time.Millisecond)
			}
		}()
		during := func(d time.Duration) int64 {
			before := passed.Load()
			time.Sleep(d)
			synctest.Wait()
			return passed.Load() - before
		}
		synctest.Wait()
		if n := during(5 * time.Second); n != 0 {
			t.Errorf("at one row in 1000 s %d passed", n)
		}
		order.rate = 5
		s.obey(order)
		if n := during(10 * time.Second); n < 48 || n > 52 {
			t.Errorf("at 5 rows/s %d passed in 10 s", n)
		}
		order.paused = true
		s.obey(order)
		if n := during(time.Minute); n != 0 {
			t.Errorf("while paused %d passed", n)
		}
		s.measured(ctx, hold{reason: "load 11 > 10"}, true)
		order.paused = false
		s.obey(order)
		if n := during(time.Minute); n != 0 {
			t.Errorf("while held %d passed", n)
		}
		order.paused = true
		s.obey(order) // in mid-hold
		s.measured(ctx, hold{}, true)
		if n := during(time.Minute); n != 0 {
			t.Errorf("paused in mid-hold, %d passed", n)
		}
		order.paused = false
		s.obey(order)
		if n := during(2 * time.Second); n < 9 {
			t.Errorf("resumed, only %d passed in 2 s", n)
		}
		cancel()
		time.Sleep(time.Second)
	})
}

// A piece that was cut for a fast rate does not pass at a slow one.
func TestPiecesOfAFastTimeAreCutAnew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSteered(Options{})
		s.obey(orders{workers: 1, target: time.Second, rate: 8000, paused: true})
		result := make(chan error)
		go func() { result <- s.take(t.Context(), 2000, 2000) }()
		synctest.Wait()
		s.obey(orders{workers: 1, target: time.Second, rate: 100})
		if err := <-result; !errors.Is(err, errTooLarge) {
			t.Errorf("2000 rows pass at 100 rows/s: %v", err)
		}
	})
}

// counter is a database that counts the rows of one piece after the other, each
// when the test lets it.
type counter struct {
	mu    sync.Mutex
	busy  int
	most  int
	seen  []string
	goOn  chan struct{}
	fails error
}

func (c *counter) Connect(context.Context) (driver.Conn, error) { return &counterConn{c: c}, nil }
func (c *counter) Driver() driver.Driver                        { return nil }

type counterConn struct {
	driver.Conn
	c *counter
}

func (c *counterConn) Close() error { return nil }

func (c *counterConn) QueryContext(ctx context.Context, _ string, args []driver.NamedValue) (driver.Rows, error) {
	c.c.mu.Lock()
	c.c.busy++
	c.c.most = max(c.c.most, c.c.busy)
	c.c.seen = append(c.c.seen, fmt.Sprint(args[0].Value))
	c.c.mu.Unlock()
	defer func() {
		c.c.mu.Lock()
		defer c.c.mu.Unlock()
		c.c.busy--
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.c.goOn:
		return &oneRow{}, c.c.fails
	}
}

type oneRow struct{ read bool }

func (r *oneRow) Columns() []string { return []string{"bad", "all"} }
func (r *oneRow) Close() error      { return nil }

func (r *oneRow) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	dest[0], dest[1] = int64(0), int64(1)
	return nil
}

// spans is a table of spans with some pieces each.
type spans struct {
	Walker
	spans, pieces int
}

func (w spans) Generation(context.Context) (string, error) { return "", nil }
func (w spans) Estimate(context.Context) (int64, error)    { return int64(w.spans * w.pieces), nil }

func (w spans) Spans(context.Context, int) ([]Span, error) {
	var out []Span
	for i := range w.spans {
		out = append(out, Span{From: strconv.Itoa(i * w.pieces), To: strconv.Itoa((i + 1) * w.pieces)})
	}
	return out, nil
}

func (w spans) Next(_ context.Context, s Span, at string, _ int64) (Piece, bool, error) {
	n, err := strconv.Atoi(at)
	return Piece{From: at, To: strconv.Itoa(n + 1), Args: []any{at}, Rows: 1}, at == s.To, err
}

type counted struct {
	Session
	w  Walker
	db *sql.DB
}

func (c counted) DB() *sql.DB { return c.db }

func (c counted) Walk(context.Context, plan.Chunks) (Walker, error) { return c.w, nil }

func (c counted) Redact(err error) error { return err }
func (c counted) Classify(error) Class   { return Other }
func (c counted) UndoCost() float64      { return 0 }

func (c *counter) walk(s *steered, w Walker) *walk {
	e := s.e
	db := sql.OpenDB(c)
	e.s = counted{w: w, db: db}
	e.st = &store{db: db, l: testLayout()}
	out := someWalk()
	out.run = &run{Executor: e, rec: &record{Name: "m"}, steer: s.steering}
	return out
}

// Workers come and go while a table is walked, and each piece is walked once.
func TestWorkersComeAndGo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSteered(Options{})
		c := &counter{goOn: make(chan struct{})}
		w := c.walk(s, spans{spans: 6, pieces: 10})
		result := make(chan error)
		go func() { result <- w.all(t.Context()) }()
		busy := func() int {
			synctest.Wait()
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.busy
		}
		each := func(n int) { // n pieces end
			for range n {
				c.goOn <- struct{}{}
			}
		}
		for i, want := range []int{1, 4, 2, 6, 1, 3} {
			before := busy()
			s.obey(orders{workers: want, target: time.Second})
			if want < before {
				each(before) // those who are too many end with their piece
			}
			if got := busy(); got != want {
				t.Fatalf("change %d: %d work, want %d", i, got, want)
			}
		}
		close(c.goOn)
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		slices.Sort(c.seen)
		if len(c.seen) != 60 || len(slices.Compact(c.seen)) != 60 {
			t.Errorf("60 pieces were walked %d times", len(c.seen))
		}
		if done := w.done.Load(); done != 60 {
			t.Errorf("%d rows are done, want 60", done)
		}
		if err := w.st.db.Close(); err != nil {
			t.Error(err)
		}
	})
}

// An error ends all workers, those that wait among them.
func TestAFailureEndsAllWorkers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSteered(Options{})
		s.obey(orders{workers: 4, target: time.Second, rate: 3})
		c := &counter{goOn: make(chan struct{}), fails: errors.New("out of luck")}
		w := c.walk(s, spans{spans: 6, pieces: 10})
		result := make(chan error)
		go func() { result <- w.all(t.Context()) }()
		synctest.Wait()
		c.goOn <- struct{}{}
		if err := <-result; !errors.Is(err, c.fails) {
			t.Errorf("the walk ends with %v", err)
		}
		if err := w.st.db.Close(); err != nil {
			t.Error(err)
		}
	})
}
