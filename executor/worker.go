package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
)

// worker walks spans on a connection of its own, with a chunk size of its own.
type worker struct {
	*walk
	conn      *sql.Conn
	size      int64
	lastPause time.Time
}

func (w *worker) close() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

func (w *worker) walkSpan(ctx context.Context, p position) error {
	for {
		if err := w.pauseIfAsked(ctx); err != nil {
			return err
		}
		piece, done, err := w.walker.Next(ctx, p.span, p.at, w.size)
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return fmt.Errorf("finding the next piece of %s: %w", w.chunks.Label, w.s.Redact(err))
		}
		if done {
			return w.finish(ctx, p)
		}
		begun := time.Now()
		if err := w.persist(ctx, p, piece); err != nil {
			return err
		}
		w.adapt(time.Since(begun))
		w.done.Add(piece.Rows)
		p.at = piece.To
	}
}

// finish marks a span as walked to its end.
func (w *worker) finish(ctx context.Context, p position) error {
	if !w.durable {
		return nil
	}
	return w.inTx(ctx, w.lease, func(tx *sql.Tx) error {
		_, err := w.st.exec(ctx, tx, `UPDATE {checkpoints} SET finished = 1 WHERE migration = ? AND step = ? AND span = ?`, w.rec.Name, w.step, p.n)
		return err
	})
}

// adapt steers the chunk size to the target time, and shrinks at once when a
// chunk took five times as long: somebody else needs the server.
func (w *worker) adapt(took time.Duration) {
	target := w.o.ChunkTarget
	factor := 2.0
	if took > 0 {
		factor = float64(target) / float64(took)
	}
	if took > 5*target {
		factor = min(factor, 0.25)
	}
	w.size = int64(float64(w.size) * max(0.25, min(2, factor)))
	w.size = max(minChunk, min(maxChunk, w.size))
}

// persist does one piece, trying again for as long as what fails may pass.
func (w *worker) persist(ctx context.Context, p position, piece Piece) error {
	begun := time.Now()
	lost := 0
	for n := 1; ; n++ {
		err := w.piece(ctx, p, piece)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch w.s.Classify(err) {
		case LockTimeout:
			w.tellLocked(n, begun)
			w.size = max(minChunk, w.size/2)
		case Transient:
			w.size = max(minChunk, w.size/2)
		case Disconnected:
			if lost++; lost > 10 {
				return w.s.Redact(err)
			}
			// The commit's outcome is unknown, and does not matter: what a
			// piece has done it will not find to do again.
			w.close()
			w.conn = nil
		case BadRow:
			return w.pinpoint(ctx, piece, err)
		case Other, Exists:
			return w.s.Redact(err)
		}
		if waited := time.Since(begun); waited > w.o.LockDeadline {
			return &BlockedError{Object: w.chunks.Label, Waited: waited, Err: w.s.Redact(err)}
		}
		if err := sleep(ctx, jitter(n)); err != nil {
			return err
		}
	}
}

// piece does one piece: in one transaction with its checkpoint, and with the
// lease's fence, if it writes.
func (w *worker) piece(ctx context.Context, p position, piece Piece) error {
	if w.conn == nil {
		conn, err := w.st.db.Conn(ctx)
		if err != nil {
			return err
		}
		w.conn = conn
	}
	if !w.mutates {
		return w.count(ctx, piece)
	}
	tx, err := w.s.Begin(ctx, w.conn, Bounds{Lock: 300 * time.Millisecond, Statement: 30 * time.Second, Bypass: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	res, err := tx.ExecContext(ctx, w.chunks.SQL, piece.Args...)
	if err != nil {
		return err
	}
	changed, err := res.RowsAffected()
	if err != nil {
		return err
	}
	if w.durable {
		_, err := w.st.exec(ctx, tx, `UPDATE {checkpoints} SET position = ?, rows_done = rows_done + ?, rows_changed = rows_changed + ?
			WHERE migration = ? AND step = ? AND span = ?`, piece.To, piece.Rows, changed, w.rec.Name, w.step, p.n)
		if err != nil {
			return err
		}
	}
	if err := w.lease.fence(ctx, tx); err != nil {
		return err
	}
	crashpoint(w.step + ", before the commit")
	if err := tx.Commit(); err != nil {
		return err
	}
	crashpoint(w.step + ", after the commit")
	w.changed.Add(changed)
	return nil
}

// count adds up what a counting statement says of a piece, and keeps a few keys.
func (w *worker) count(ctx context.Context, piece Piece) error {
	var n, all int64
	if err := w.conn.QueryRowContext(ctx, w.chunks.SQL, piece.Args...).Scan(&n, &all); err != nil {
		return err
	}
	w.seen.Add(all)
	if n == 0 {
		return nil
	}
	keys, err := w.keys(ctx, piece)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found.Add(n)
	if room := 10 - len(w.sample); room > 0 {
		w.sample = append(w.sample, keys[:min(room, len(keys))]...)
	}
	return nil
}

// keys lists a few rows of a piece: "id=7", "a=1, b=x".
func (w *worker) keys(ctx context.Context, piece Piece) ([]string, error) {
	if w.chunks.Sample == "" {
		return nil, nil
	}
	rows, err := w.conn.QueryContext(ctx, w.chunks.Sample, piece.Args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	// The server may call a column after the expression that makes text of it.
	if len(w.chunks.Key) == len(columns) {
		columns = w.chunks.Key
	}
	var out []string
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		ptrs := make([]any, len(columns))
		for i := range values {
			ptrs[i] = &values[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		parts := make([]string, len(columns))
		for i, c := range columns {
			parts[i] = c + "=" + values[i].String
		}
		out = append(out, strings.Join(parts, ", "))
	}
	return out, rows.Err()
}

// pinpoint halves a failing piece until one row (or what the engine cannot cut
// further) is left, and names it. The halves that do not fail are not kept:
// nothing but the search happens here.
func (w *worker) pinpoint(ctx context.Context, piece Piece, cause error) error {
	for {
		a, b, ok, err := w.walker.Split(ctx, piece)
		if err != nil || !ok {
			break
		}
		errA := w.dryRun(ctx, a)
		if errA != nil && w.s.Classify(errA) == BadRow {
			piece, cause = a, errA
			continue
		}
		errB := w.dryRun(ctx, b)
		if errB == nil || w.s.Classify(errB) != BadRow {
			break // it is gone, or something else is the matter: the piece names the place
		}
		piece, cause = b, errB
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	keys, err := w.keys(ctx, piece)
	if err != nil {
		return errors.Join(w.s.Redact(cause), fmt.Errorf("naming the row: %w", w.s.Redact(err)))
	}
	return &BadRowError{Table: w.chunks.Label, Key: strings.Join(keys, " or "), Err: w.s.Redact(cause)}
}

// dryRun runs a piece's statement and takes it back.
func (w *worker) dryRun(ctx context.Context, piece Piece) error {
	tx, err := w.s.Begin(ctx, w.conn, Bounds{Lock: 300 * time.Millisecond, Statement: 30 * time.Second, Bypass: true})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, w.chunks.SQL, piece.Args...)
	return errors.Join(err, tx.Rollback())
}

func (w *worker) tellLocked(n int, begun time.Time) {
	if n < 3 {
		return // a row that the app is just writing
	}
	w.r.Report(LockWait{Migration: w.rec.Name, Step: w.step, Object: w.chunks.Label, Attempt: n, Waited: time.Since(begun)})
}

// pauseIfAsked looks at most once a second whether somebody said pause, and
// waits until they say resume.
func (w *worker) pauseIfAsked(ctx context.Context) error {
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if time.Since(w.lastPause) < time.Second {
			return nil
		}
		paused, _, err := w.st.paused(ctx)
		if err != nil {
			return w.s.Redact(err)
		}
		w.paused.Store(paused)
		if !paused {
			w.lastPause = time.Now()
			return nil
		}
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return err
		}
	}
}
