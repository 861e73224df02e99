package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// A walk over a table: spans, each with its checkpoint, taken up by workers.

const (
	firstChunk = 1000
	minChunk   = 20
	maxChunk   = 200_000
	// spansPerWorker keeps workers busy to the end: a finished one takes another span.
	spansPerWorker = 4
	// maxPasses bounds how often a table is walked again because rows appeared
	// behind the walk; each pass leaves far fewer.
	maxPasses = 10
)

// walk is one walk in progress.
type walk struct {
	*run
	step    string
	what    string
	chunks  plan.Chunks
	walker  Walker
	mutates bool
	durable bool // has checkpoints in the database

	total         int64
	done, changed atomic.Int64
	found, seen   atomic.Int64 // what a counting walk adds up
	paused        atomic.Bool
	started       time.Time
	startRows     int64
	mu            sync.Mutex
	sample        []string
}

// position is a span with its checkpoint.
type position struct {
	n    int
	span Span
	at   string
}

// chunked runs a backfill step, pass after pass, until nothing is left.
func (r *run) chunked(ctx context.Context, s plan.Step) (int64, error) {
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error { return r.st.journal(ctx, tx, r.entry(s, actionDo, eventIntent, "")) })
	if err != nil {
		return 0, err
	}
	r.known[s.ID] = stepState{actionDo, eventIntent}
	var changed int64
	for pass := 1; ; pass++ {
		w := &walk{run: r, step: s.ID, what: "backfill", chunks: *s.Chunks, mutates: true, durable: true}
		if err := w.all(ctx); err != nil {
			return changed, err
		}
		changed += w.changed.Load()
		left, err := r.left(ctx, *s.Chunks)
		if err != nil {
			return changed, err
		}
		if !left {
			break
		}
		if pass == maxPasses {
			return changed, fmt.Errorf("rows that need the backfill keep appearing in %s after %d passes; are the shadow writes off?", s.Chunks.Label, pass)
		}
		if err := w.forget(ctx); err != nil {
			return changed, err
		}
	}
	return changed, r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		if _, err := r.st.exec(ctx, tx, `UPDATE {walks} SET finished = 1, updated_at = {now} WHERE migration = ? AND step = ?`, r.rec.Name, s.ID); err != nil {
			return err
		}
		return r.st.journal(ctx, tx, r.entry(s, actionDo, eventDone, fmt.Sprintf("%d rows changed", changed)))
	})
}

// left asks whether any row is left to do.
func (r *run) left(ctx context.Context, c plan.Chunks) (bool, error) {
	if c.Left == "" {
		return false, nil
	}
	var left bool
	if err := r.st.db.QueryRowContext(ctx, c.Left).Scan(&left); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("looking for rows left in %s: %w", c.Label, r.s.Redact(err))
	}
	return left, nil
}

// walkOnce makes one pass without checkpoints, to repair.
func (r *run) walkOnce(ctx context.Context, step, what string, c plan.Chunks) error {
	w := &walk{run: r, step: step, what: what, chunks: c, mutates: true}
	return w.all(ctx)
}

// all walks the whole table, from the checkpoints if there are valid ones.
func (w *walk) all(ctx context.Context) error {
	var err error
	if w.walker, err = w.s.Walk(ctx, w.chunks); err != nil {
		return fmt.Errorf("preparing to walk %s: %w", w.chunks.Label, err)
	}
	positions, err := w.positions(ctx)
	if err != nil {
		return err
	}
	w.started, w.startRows = time.Now(), w.done.Load()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stopTelling := w.tell(ctx)
	queue := make(chan position, len(positions))
	for _, p := range positions {
		queue <- p
	}
	close(queue)
	var wg sync.WaitGroup
	for range min(w.o.Workers, max(1, len(positions))) {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if err := w.work(ctx, queue); err != nil {
				cancel(err)
			}
		}()
	}
	wg.Wait()
	err = context.Cause(ctx)
	stopTelling(err == nil)
	if err != nil && w.durable {
		w.saveRate(ctx)
	}
	return err
}

// positions loads the checkpoints, or cuts the table and writes first ones.
func (w *walk) positions(ctx context.Context) ([]position, error) {
	generation, err := w.walker.Generation(ctx)
	if err != nil {
		return nil, fmt.Errorf("identifying the heap of %s: %w", w.chunks.Label, err)
	}
	if w.durable {
		saved, found, err := w.load(ctx, generation)
		if err != nil || found {
			return saved, err
		}
	}
	if w.total, err = w.walker.Estimate(ctx); err != nil {
		return nil, fmt.Errorf("estimating the rows of %s: %w", w.chunks.Label, err)
	}
	spans, err := w.walker.Spans(ctx, w.o.Workers*spansPerWorker)
	if err != nil {
		return nil, fmt.Errorf("cutting %s into spans: %w", w.chunks.Label, err)
	}
	out := make([]position, len(spans))
	for i, sp := range spans {
		out[i] = position{n: i, span: sp, at: sp.From}
	}
	if !w.durable {
		return out, nil
	}
	return out, w.inTx(ctx, w.lease, func(tx *sql.Tx) error { return w.create(ctx, tx, generation, out) })
}

// create writes the first checkpoints of a walk.
func (w *walk) create(ctx context.Context, tx *sql.Tx, generation string, ps []position) error {
	if err := w.st.forget(ctx, tx, w.rec.Name, w.step); err != nil {
		return err
	}
	_, err := w.st.exec(ctx, tx, `INSERT INTO {walks} (migration, step, label, generation, pass, rows_total, started_at, updated_at)
		VALUES (?, ?, ?, ?, 1, ?, {now}, {now})`, w.rec.Name, w.step, w.chunks.Label, generation, w.total)
	if err != nil {
		return err
	}
	for _, p := range ps {
		_, err := w.st.exec(ctx, tx, `INSERT INTO {checkpoints} (migration, step, span, span_from, span_to, position) VALUES (?, ?, ?, ?, ?, ?)`,
			w.rec.Name, w.step, p.n, p.span.From, p.span.To, p.at)
		if err != nil {
			return err
		}
	}
	return nil
}

// load reads the checkpoints of an earlier run, if they are about this heap.
func (w *walk) load(ctx context.Context, generation string) ([]position, bool, error) {
	var saved string
	err := w.st.db.QueryRowContext(ctx, w.st.l.sqlText(`SELECT generation, rows_total FROM {walks} WHERE migration = ? AND step = ?`),
		w.rec.Name, w.step).Scan(&saved, &w.total)
	if errors.Is(err, sql.ErrNoRows) || err == nil && saved != generation {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("reading the checkpoints: %w", err)
	}
	rows, err := w.st.db.QueryContext(ctx, w.st.l.sqlText(`SELECT span, span_from, span_to, position, finished, rows_done FROM {checkpoints}
		WHERE migration = ? AND step = ? ORDER BY span`), w.rec.Name, w.step)
	if err != nil {
		return nil, false, fmt.Errorf("reading the checkpoints: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []position
	for rows.Next() {
		var p position
		var finished int
		var done int64
		if err := rows.Scan(&p.n, &p.span.From, &p.span.To, &p.at, &finished, &done); err != nil {
			return nil, false, fmt.Errorf("reading the checkpoints: %w", err)
		}
		w.done.Add(done)
		if finished == 0 {
			out = append(out, p)
		}
	}
	return out, true, rows.Err()
}

// forget drops the checkpoints, so that the next pass begins anew.
func (w *walk) forget(ctx context.Context) error {
	return w.inTx(ctx, w.lease, func(tx *sql.Tx) error { return w.st.forget(ctx, tx, w.rec.Name, w.step) })
}

func (s *store) forget(ctx context.Context, tx *sql.Tx, migration, step string) error {
	for _, t := range []string{"{walks}", "{checkpoints}"} {
		if _, err := s.exec(ctx, tx, `DELETE FROM `+t+` WHERE migration = ? AND step = ?`, migration, step); err != nil {
			return fmt.Errorf("dropping the checkpoints: %w", err)
		}
	}
	return nil
}

// work takes spans from the queue and walks each to its end.
func (w *walk) work(ctx context.Context, queue <-chan position) error {
	wk := &worker{walk: w, size: firstChunk}
	defer wk.close()
	for p := range queue {
		if err := wk.walkSpan(ctx, p); err != nil {
			return err
		}
	}
	return nil
}
