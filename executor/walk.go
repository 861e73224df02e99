package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/expandcontract/migrate/planner/plan"
)

// A walk over a table: spans, each with its checkpoint, taken up by workers.

const (
	firstChunk = 1000
	minChunk   = 20
	maxChunk   = 200_000
	// spansPerWorker keeps workers busy to the end: a finished one takes another span.
	spansPerWorker = 4
	// leastSpans lets workers be added while a table is walked.
	leastSpans = 16
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
	heap    string // what the walker's cursors referred to in the beginning
	mutates bool
	durable bool // has checkpoints in the database

	total         int64
	done, changed atomic.Int64
	found, seen   atomic.Int64 // what a counting walk adds up
	failed        atomic.Int64 // rows set aside
	mu            sync.Mutex
	sample        []Sampled
	from          Session    // where a counting walk reads; nil: where everything else is
	pending       []position // spans that nobody works on
	crew          int        // workers at work
	recent        []reached  // how far the walk was lately
	cost          rowCost
}

// position is a span with its checkpoint.
type position struct {
	n    int
	span Span
	at   string
}

// chunked runs a backfill step, pass after pass, until nothing is left.
func (r *run) chunked(ctx context.Context, s plan.Step) (int64, error) {
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		if err := r.retry(ctx, tx, s); err != nil {
			return err
		}
		return r.st.journal(ctx, tx, r.entry(s, actionDo, eventIntent, ""))
	})
	if err != nil {
		return 0, err
	}
	r.known[s.ID] = stepState{actionDo, eventIntent}
	var changed int64
	for pass := 1; ; pass++ {
		chunks, err := r.quickest(ctx, *s.Chunks)
		if err != nil {
			return changed, err
		}
		w := &walk{run: r, step: s.ID, what: "backfill", chunks: chunks, mutates: true, durable: true}
		err = w.all(ctx)
		changed += w.changed.Load()
		if err == nil && w.failed.Load() > 0 || errors.Is(err, errTooManyFailures) {
			err = r.failures(ctx, s)
		}
		if err != nil {
			return changed, err
		}
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
	err = r.inTx(ctx, r.lease, func(tx *sql.Tx) error { return r.finished(ctx, tx, s, fmt.Sprintf("%d rows changed", changed)) })
	if err == nil {
		r.known[s.ID] = stepState{actionDo, eventDone}
	}
	return changed, err
}

// quickest are the chunks with the statement that is to be run now. The plan may have
// been stored a while ago.
func (r *run) quickest(ctx context.Context, c plan.Chunks) (plan.Chunks, error) {
	if c.Quicker == nil {
		return c, nil
	}
	var fits bool
	err := r.ask(ctx, func() error { return r.st.db.QueryRowContext(ctx, c.Quicker.When).Scan(&fits) })
	if err != nil {
		return c, fmt.Errorf("asking how to walk %s: %w", c.Label, r.s.Redact(err))
	}
	if fits {
		c.SQL = c.Quicker.SQL
	}
	return c, nil
}

// finished records that a backfill has come to its end.
func (r *run) finished(ctx context.Context, tx *sql.Tx, s plan.Step, detail string) error {
	if _, err := r.st.exec(ctx, tx, `UPDATE {walks} SET finished = 1, updated_at = {now} WHERE migration = ? AND step = ?`, r.rec.Name, s.ID); err != nil {
		return err
	}
	return r.st.journal(ctx, tx, r.entry(s, actionDo, eventDone, detail))
}

// left asks whether any row is left to do.
func (r *run) left(ctx context.Context, c plan.Chunks) (bool, error) {
	if c.Left == "" {
		return false, nil
	}
	var left bool
	err := r.ask(ctx, func() error { return r.st.db.QueryRowContext(ctx, c.Left).Scan(&left) })
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("looking for rows left in %s: %w", c.Label, r.s.Redact(err))
	}
	return left, nil
}

// walkOnce makes one pass without checkpoints, and says how many rows it changed.
func (r *run) walkOnce(ctx context.Context, step, what string, c plan.Chunks) (changed int64, err error) {
	w := &walk{run: r, step: step, what: what, chunks: c, mutates: true}
	err = w.all(ctx)
	return w.changed.Load(), err
}

// all walks the whole table, from the checkpoints if there are valid ones.
func (w *walk) all(ctx context.Context) error {
	positions, err := w.prepare(ctx)
	if err != nil {
		return err
	}
	steer := w.steer
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	steer.begin(ctx, w)
	defer steer.end(ctx)
	stopTelling := w.tell(ctx)
	w.pending = positions
	w.employ(ctx, cancel)
	err = context.Cause(ctx)
	stopTelling(err == nil)
	if err != nil && w.durable {
		w.saveRate(ctx)
	}
	return err
}

// prepare finds out where to walk. It changes nothing but checkpoints.
func (w *walk) prepare(ctx context.Context) (positions []position, err error) {
	err = w.ask(ctx, func() (err error) {
		if w.walker, err = w.source().Walk(ctx, w.chunks); err != nil {
			return fmt.Errorf("preparing to walk %s: %w", w.chunks.Label, err)
		}
		if _, err = w.steering(ctx); err != nil {
			return err
		}
		w.done.Store(0)
		positions, err = w.positions(ctx)
		return err
	})
	return positions, err
}

// rewritten reports whether the table was written anew while it was walked: then there may
// be rows that have moved from where the walk had yet to come to where it had been.
func (w *walk) rewritten(ctx context.Context) (bool, error) {
	var now string
	err := w.ask(ctx, func() (err error) {
		now, err = w.walker.Generation(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("identifying the heap of %s: %w", w.chunks.Label, err)
	}
	return now != w.heap, nil
}

// source is where a walk reads.
func (w *walk) source() Session {
	if w.from != nil {
		return w.from
	}
	return w.s
}

// employ keeps as many workers at work as people want, until there is nothing
// left to do or one has failed.
func (w *walk) employ(ctx context.Context, fail context.CancelCauseFunc) {
	left := make(chan struct{})
	for running := 0; ; {
		pace := w.steer.pace()
		for ctx.Err() == nil {
			p, ok := w.hire(pace.workers)
			if !ok {
				break
			}
			running++
			go func() {
				if err := w.work(ctx, p); err != nil {
					fail(err)
				}
				left <- struct{}{}
			}()
		}
		if running == 0 {
			return
		}
		select {
		case <-left:
			running--
		case <-pace.changed:
		}
	}
}

// hire takes a span for another worker, if one is wanted and there is work.
func (w *walk) hire(want int) (position, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crew >= want || len(w.pending) == 0 {
		return position{}, false
	}
	p := w.pending[0]
	w.pending = w.pending[1:]
	w.crew++
	return p, true
}

// positions loads the checkpoints, or cuts the table and writes first ones.
func (w *walk) positions(ctx context.Context) ([]position, error) {
	generation, err := w.walker.Generation(ctx)
	if err != nil {
		return nil, fmt.Errorf("identifying the heap of %s: %w", w.chunks.Label, err)
	}
	w.heap = generation
	if w.durable {
		saved, found, err := w.load(ctx, generation)
		if err != nil || found {
			return saved, err
		}
	}
	if w.total, err = w.walker.Estimate(ctx); err != nil {
		return nil, fmt.Errorf("estimating the rows of %s: %w", w.chunks.Label, err)
	}
	spans, err := w.walker.Spans(ctx, max(leastSpans, w.steer.most()*spansPerWorker))
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
	for _, t := range []string{"{walks}", "{checkpoints}", "{failures}"} {
		if _, err := s.exec(ctx, tx, `DELETE FROM `+t+` WHERE migration = ? AND step = ?`, migration, step); err != nil {
			return fmt.Errorf("dropping the checkpoints: %w", err)
		}
	}
	return nil
}

// work walks a span to its end, and then others, for as long as the worker is wanted.
func (w *walk) work(ctx context.Context, p position) error {
	wk := &worker{walk: w, size: firstChunk}
	defer wk.close()
	for {
		finished, err := wk.walkSpan(ctx, &p)
		if err == nil && !finished {
			return nil // retired; the span is with the others again
		}
		w.mu.Lock()
		if err != nil || len(w.pending) == 0 {
			w.crew--
			w.mu.Unlock()
			return err
		}
		p = w.pending[0]
		w.pending = w.pending[1:]
		w.mu.Unlock()
	}
}

// retire ends a worker that is one too many: its span is left to others.
func (w *walk) retire(p position) bool {
	want := w.steer.pace().workers
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crew <= want {
		return false
	}
	w.crew--
	w.pending = append([]position{p}, w.pending...)
	return true
}
