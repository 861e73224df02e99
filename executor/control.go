package executor

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Tuning is what people tell running and future walks, from another terminal. A
// nil field leaves the executor's own option as it is.
type Tuning struct {
	Workers *int `json:"workers,omitempty"`
	// RowsPerSecond bounds all workers of a walk together; 0: no bound.
	RowsPerSecond *float64 `json:"rows_per_second,omitempty"`
	// ChunkTargetMS is how long one chunk should take, in milliseconds.
	ChunkTargetMS *int64 `json:"chunk_target_ms,omitempty"`
	// By is who said so last.
	By string `json:"by,omitempty"`
}

// empty reports whether nothing is told.
func (t Tuning) empty() bool {
	return t.Workers == nil && t.RowsPerSecond == nil && t.ChunkTargetMS == nil
}

// Tune changes the fields that are given; the others stay as they were told.
func (e *Executor) Tune(ctx context.Context, change Tuning) error {
	if err := prepare(ctx, e.s); err != nil {
		return err
	}
	_, err := e.st.exec(ctx, e.st.db, `UPDATE {throttle} SET workers = COALESCE(?, workers), rows_per_second = COALESCE(?, rows_per_second),
		chunk_target_ms = COALESCE(?, chunk_target_ms), set_by = ?, updated_at = {now} WHERE id = 1`,
		nullable(change.Workers), nullable(change.RowsPerSecond), nullable(change.ChunkTargetMS), e.o.Holder)
	if err != nil {
		return fmt.Errorf("telling the executor: %w", err)
	}
	return nil
}

// Untune takes back all that was told.
func (e *Executor) Untune(ctx context.Context) error {
	if err := prepare(ctx, e.s); err != nil {
		return err
	}
	_, err := e.st.exec(ctx, e.st.db, `UPDATE {throttle} SET workers = NULL, rows_per_second = NULL, chunk_target_ms = NULL, set_by = ?, updated_at = {now}
		WHERE id = 1`, e.o.Holder)
	if err != nil {
		return fmt.Errorf("telling the executor: %w", err)
	}
	return nil
}

// Tuning tells what is told now. It changes nothing.
func (e *Executor) Tuning(ctx context.Context) (Tuning, error) {
	ok, err := e.Initialized(ctx)
	if err == nil && ok {
		ok, err = upToDate(ctx, e.s)
	}
	if err != nil || !ok {
		return Tuning{}, err
	}
	return e.st.tuning(ctx)
}

// nullable is a pointer's value for a parameter.
func nullable[T any](p *T) any {
	if p == nil {
		return nil
	}
	return *p
}

func (s *store) tuning(ctx context.Context) (Tuning, error) {
	var workers, target sql.NullInt64
	var rate sql.NullFloat64
	var t Tuning
	err := s.db.QueryRowContext(ctx, s.l.sqlText(`SELECT workers, rows_per_second, chunk_target_ms, set_by FROM {throttle} WHERE id = 1`)).
		Scan(&workers, &rate, &target, &t.By)
	if err != nil {
		return Tuning{}, fmt.Errorf("asking how fast to walk: %w", err)
	}
	if workers.Valid {
		n := int(workers.Int64)
		t.Workers = &n
	}
	if rate.Valid {
		t.RowsPerSecond = &rate.Float64
	}
	if target.Valid {
		t.ChunkTargetMS = &target.Int64
	}
	return t, nil
}

// orders are what people say of walks: whether they are to wait, and their pace.
type orders struct {
	paused  bool
	workers int
	rate    float64
	target  time.Duration
	// idle is for how long a worker rests after a chunk, as a multiple of what it took.
	idle float64
	// What people have said of them, rather than left to us.
	saidWorkers, saidTarget bool
}

// defaultTarget is how long a chunk should take where nobody has said it.
const defaultTarget = 50 * time.Millisecond

// orders reads them, over the executor's own options.
func (e *Executor) orders(ctx context.Context, workers int) (orders, error) {
	o := orders{
		workers: workers, rate: e.o.RowsPerSecond, target: cmp.Or(e.o.ChunkTarget, defaultTarget),
		saidWorkers: e.o.Workers > 0, saidTarget: e.o.ChunkTarget > 0,
	}
	var err error
	if o.paused, _, err = e.st.paused(ctx); err != nil {
		return o, err
	}
	t, err := e.st.tuning(ctx)
	if err != nil {
		return o, err
	}
	if t.Workers != nil {
		o.workers, o.saidWorkers = max(1, *t.Workers), true
	}
	if t.RowsPerSecond != nil {
		o.rate = *t.RowsPerSecond
	}
	if t.ChunkTargetMS != nil {
		o.target, o.saidTarget = max(time.Millisecond, time.Duration(*t.ChunkTargetMS)*time.Millisecond), true
	}
	return o, nil
}

// bucket lets rows pass at a rate: who takes more than there is leaves a debt,
// and the next waits until it is paid.
type bucket struct {
	rate   float64 // rows per second; 0: any number
	tokens float64
	at     time.Time
}

// burst is how much of a second's rows may pass at once after a rest.
const burst = 0.1

func (b *bucket) refill(now time.Time) {
	if !b.at.IsZero() {
		b.tokens = min(b.rate*burst, b.tokens+b.rate*now.Sub(b.at).Seconds())
	}
	b.at = now
}

// setRate changes the rate. A debt from a faster time is not held against a
// slower one: at most a quarter of a second of it stays.
func (b *bucket) setRate(now time.Time, rate float64) {
	b.refill(now)
	b.rate = rate
	b.tokens = max(-rate/4, min(b.tokens, rate*burst))
}

// take takes n rows, or says how long to wait before asking again.
func (b *bucket) take(now time.Time, n int64) (wait time.Duration, ok bool) {
	if b.rate <= 0 {
		return 0, true
	}
	b.refill(now)
	if b.tokens < 0 {
		// Rounded up: a moment too early would only mean to ask again.
		return seconds(-b.tokens/b.rate) + time.Millisecond, false
	}
	b.tokens -= float64(n)
	return 0, true
}

// chunk is the most rows that one chunk should have, so that the rate is even.
func (b *bucket) chunk() int64 {
	if b.rate <= 0 {
		return maxChunk
	}
	return max(1, int64(b.rate/4))
}
