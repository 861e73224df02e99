package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// mostLost is how often in a row a worker may lose its connection and try again.
const mostLost = 10

// worker walks spans on a connection of its own, with a chunk size of its own.
type worker struct {
	*walk
	conn *sql.Conn
	size int64
	// care is how often the target is halved: pieces have been too slow lately.
	care float64
	// worked is how long the pieces done took of what their size decides, rest how
	// much longer their rows were held.
	worked, rest time.Duration
	updated      int64 // rows of the piece done
}

func (w *worker) close() {
	if w.conn != nil {
		_ = w.conn.Close()
	}
}

// connect sees to it that there is a connection.
func (w *worker) connect(ctx context.Context) (err error) {
	if w.conn == nil {
		w.conn, err = w.source().DB().Conn(ctx)
	}
	return err
}

// errTooSlow says that a piece took so long that it was given up, to be cut smaller.
var errTooSlow = errors.New("the piece took too long")

// next finds the next piece. Where the server goes away meanwhile, it is asked
// again, as for a piece that was under way.
func (w *worker) next(ctx context.Context, p position) (piece Piece, done bool, err error) {
	for n := 1; ; n++ {
		piece, done, err = w.walker.Next(ctx, p.span, p.at, w.size)
		switch {
		case err == nil:
			return piece, done, nil
		case ctx.Err() != nil:
			return Piece{}, false, context.Cause(ctx)
		case w.s.Classify(err) != Disconnected || n > mostLost:
			return Piece{}, false, fmt.Errorf("finding the next piece of %s: %w", w.chunks.Label, w.s.Redact(err))
		}
		if err := sleep(ctx, jitter(n)); err != nil {
			return Piece{}, false, err
		}
	}
}

// walkSpan walks a span to its end, or for as long as this worker is wanted:
// then p says how far it has come.
func (w *worker) walkSpan(ctx context.Context, p *position) (finished bool, err error) {
	for {
		if err := w.steer.pass(ctx); err != nil {
			return false, err
		}
		if w.retire(*p) {
			return false, nil
		}
		pace := w.steer.pace()
		w.size = min(w.size, pace.most)
		piece, done, err := w.next(ctx, *p)
		if err != nil {
			return false, err
		}
		if done {
			err := w.finish(ctx, *p)
			if moved := (*elsewhereError)(nil); errors.As(err, &moved) {
				p.at = moved.at
				continue
			}
			return true, err
		}
		err = w.steer.take(ctx, piece.Rows, w.size)
		if errors.Is(err, errTooLarge) {
			continue
		}
		if err != nil {
			return false, err
		}
		begun := time.Now()
		bound := pieceBound(w.size, pace.target, w.s.UndoCost())
		w.worked, w.rest, w.updated = 0, 0, 0
		err = w.persist(ctx, *p, piece, bound)
		took := w.worked
		if err != nil {
			took = time.Since(begun)
		}
		if err == nil {
			w.cost.learn(took, piece.Rows, w.updated)
		}
		w.adapt(took, w.aim(pace.target))
		w.beware(took >= bound)
		if moved := (*elsewhereError)(nil); errors.As(err, &moved) {
			p.at = moved.at
			continue
		}
		if errors.Is(err, errTooSlow) {
			continue
		}
		if err != nil {
			return false, err
		}
		w.done.Add(piece.Rows)
		p.at = piece.To
		if pace.idle > 0 {
			// What it waited for locks was rest enough.
			if err := sleep(ctx, time.Duration(pace.idle*float64(w.worked+w.rest))); err != nil {
				return false, err
			}
		}
	}
}

// slow is how many times the target a piece must take for its size to be cut
// further than in proportion.
const slow = 5

// The longest that a piece's statement may take if it can be cut no smaller, and
// how long it may take otherwise, with its being taken back: it holds its rows'
// locks meanwhile, and whoever wants one of them waits. Only a target that people
// set higher counts for more.
const (
	longest  = 30 * time.Second
	mostHeld = 300 * time.Millisecond
)

// pieceBound is how long the statement of a piece of so many rows may take, where
// taking it back costs undo times as much. One that can still be cut smaller is
// given up when it is too slow.
func pieceBound(size int64, target time.Duration, undo float64) time.Duration {
	if size <= minChunk {
		return longest
	}
	held := time.Duration(float64(mostHeld) / (1 + undo))
	return min(longest, max(held, target*3/2))
}

// worthATrip is how much work a piece is cut for, whatever the target, where it
// holds its rows for longer than that anyway, because the server is far away.
const worthATrip = 100 * time.Millisecond

// aim is how long the work of the next piece is to take, of which its size decides:
// the target without the rest, as the last piece showed it. At least half of the
// target is for the work, and half as much as the rest: of a second that goes by in
// round trips, 25 ms of work would make little use. All is less after pieces that
// came to their bound. What is given up is done twice, and on a busy server times
// vary, so that only a distance keeps most of them within it.
func (w *worker) aim(target time.Duration) time.Duration {
	less := func(d time.Duration) time.Duration { return time.Duration(float64(d) * math.Exp2(-w.care)) }
	return max(less(target)-w.rest, less(target)/2, min(w.rest/2, less(worthATrip)))
}

// mostCare is reached after two slow pieces, and forgotten after some forty others.
const (
	mostCare = 2
	lessCare = 0.05
)

// beware notes whether a piece came to its bound.
func (w *worker) beware(slow bool) {
	if slow {
		w.care = min(mostCare, w.care+1)
		return
	}
	w.care = max(0, w.care-lessCare)
}

// finish marks a span as walked to its end, unless the server has lost some of it since.
func (w *worker) finish(ctx context.Context, p position) error {
	if !w.durable {
		return nil
	}
	return w.inTx(ctx, w.lease, func(tx *sql.Tx) error {
		n, err := w.st.exec(ctx, tx, `UPDATE {checkpoints} SET finished = 1 WHERE migration = ? AND step = ? AND span = ? AND position = ?`,
			w.rec.Name, w.step, p.n, p.at)
		if err != nil || n > 0 {
			return err
		}
		return w.elsewhere(ctx, tx, p)
	})
}

// adapt steers the chunk size to the time that its work is to take, and shrinks it
// further than in proportion when it took five times as long: somebody else needs
// the server.
func (w *worker) adapt(took, target time.Duration) {
	factor := 2.0
	if took > 0 {
		factor = min(factor, float64(target)/float64(took))
	}
	if took >= slow*target {
		factor /= 2
	} else {
		factor = max(0.25, factor)
	}
	most := int64(maxChunk)
	if w.mutates {
		most = min(most, w.cost.most(target))
	}
	w.size = max(minChunk, min(most, int64(float64(w.size)*factor)))
}

// persist does one piece, trying again for as long as what fails may pass.
func (w *worker) persist(ctx context.Context, p position, piece Piece, bound time.Duration) error {
	begun := time.Now()
	lost := 0
	var seen *siege
	for n := 1; ; n++ {
		tried := time.Now()
		blockers, err := w.watchedPiece(ctx, p, piece, bound, seen)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if moved := (*elsewhereError)(nil); errors.As(err, &moved) {
			return err
		}
		if w.mutates && bound < longest && time.Since(tried) >= bound && w.s.Classify(err) != Disconnected && w.s.Classify(err) != BadRow {
			return errTooSlow
		}
		switch w.s.Classify(err) {
		case LockTimeout:
			seen = w.tellLocked(n, begun, blockers, seen)
			w.size = max(minChunk, w.size/2)
		case Transient:
			w.size = max(minChunk, w.size/2)
		case Disconnected:
			if lost++; lost > mostLost {
				return w.s.Redact(err)
			}
			// The commit's outcome is unknown: the next try finds the checkpoint
			// where the piece begins, or elsewhere.
			w.close()
			w.conn = nil
		case BadRow:
			switch {
			case w.collects():
				return w.isolate(ctx, p, piece, err)
			case !w.mutates && w.chunks.Whole != "":
				return w.incomparable(ctx, p, piece, err)
			}
			return w.pinpoint(ctx, piece, err)
		case Other, Exists:
			return w.s.Redact(err)
		}
		if waited := time.Since(begun); waited > w.o.LockDeadline {
			return &BlockedError{Object: w.chunks.Label, Waited: waited, Blockers: blockers, Err: w.s.Redact(err)}
		}
		if err := sleep(ctx, jitter(n)); err != nil {
			return err
		}
	}
}

// watchedPiece does one piece. From its second try on (seen is set then), who
// holds the rows that it waits for is looked at.
func (w *worker) watchedPiece(ctx context.Context, p position, piece Piece, bound time.Duration, seen *siege) ([]Blocker, error) {
	if seen == nil {
		return nil, w.piece(ctx, p, piece, bound)
	}
	stop := seen.vigil(ctx, rowsEvery, nil)
	err := w.piece(ctx, p, piece, bound)
	return stop(), err
}

// piece does one piece: in one transaction with its checkpoint, and with the
// lease's fence, if it writes.
func (w *worker) piece(ctx context.Context, p position, piece Piece, bound time.Duration) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	begun := time.Now()
	if !w.mutates {
		err := w.count(ctx, piece)
		w.worked += time.Since(begun)
		return err
	}
	tx, err := w.s.Begin(ctx, w.conn, Bounds{Lock: 300 * time.Millisecond, Statement: bound, Bypass: true, Quiet: w.chunks.Quiet})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	held := time.Now()
	res, err := tx.ExecContext(ctx, w.chunks.SQL, piece.Args...)
	if err != nil {
		return err
	}
	changed, err := res.RowsAffected()
	if err != nil {
		return err
	}
	wrote := time.Since(held)
	begun = time.Now()
	if w.durable {
		err = w.checkpoint(ctx, tx, p, piece, changed)
	} else {
		err = w.lease.fence(ctx, tx)
	}
	if err != nil {
		return err
	}
	trip := time.Since(begun)
	crashpoint(w.step + ", before the commit")
	begun = time.Now()
	if err := tx.Commit(); err != nil {
		return err
	}
	sized := sizable(wrote, time.Since(begun), trip)
	w.worked += sized
	w.rest += time.Since(held) - sized
	crashpoint(w.step + ", after the commit")
	w.changed.Add(changed)
	w.updated += changed
	return nil
}

// checkpoint moves a span's checkpoint behind a piece, and is the lease's fence, in one
// message: the piece's rows are locked for so long.
func (w *worker) checkpoint(ctx context.Context, tx *sql.Tx, p position, piece Piece, changed int64) error {
	held, args := w.lease.held()
	args = append([]any{piece.To, piece.Rows, changed, w.rec.Name, w.step, p.n, p.at}, args...)
	n, err := w.st.exec(ctx, tx, `UPDATE {checkpoints} SET position = ?, rows_done = rows_done + ?, rows_changed = rows_changed + ?
		WHERE migration = ? AND step = ? AND span = ? AND position = ? AND EXISTS (SELECT 1 `+held+` {share})`, args...)
	if err != nil || n > 0 {
		return err
	}
	if err := w.lease.fence(ctx, tx); err != nil {
		return err
	}
	return w.elsewhere(ctx, tx, p)
}

// sizable is what the size of a piece decides of the time that it took: that of
// its statement and of the commit, without the way to the server and back, as the
// statement between them shows it, which is the same for every piece. Were that
// counted, pieces of a server that is far away or very busy would be cut smaller
// and smaller, and get no faster by it.
func sizable(wrote, committed, trip time.Duration) time.Duration {
	return max(0, wrote-trip) + max(0, committed-trip)
}

// elsewhereError says that a span's checkpoint is not where the worker believed:
// the answer to a commit was lost, or with a server what it had committed last.
type elsewhereError struct{ at string }

func (e *elsewhereError) Error() string { return "the checkpoint is at " + e.at }

// elsewhere reads where a checkpoint is.
func (w *worker) elsewhere(ctx context.Context, tx *sql.Tx, p position) error {
	e := &elsewhereError{}
	err := tx.QueryRowContext(ctx, w.st.l.sqlText(`SELECT position FROM {checkpoints} WHERE migration = ? AND step = ? AND span = ?`),
		w.rec.Name, w.step, p.n).Scan(&e.at)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return ErrRewound
	case err != nil:
		return err
	case e.at == p.at:
		return nil // some servers do not count a row that stays as it was
	}
	return e
}

// count adds up what a counting statement says of a piece, and keeps a few keys.
func (w *worker) count(ctx context.Context, piece Piece) error {
	var n, all int64
	if err := w.conn.QueryRowContext(ctx, w.chunks.SQL, piece.Args...).Scan(&n, &all); err != nil {
		return err
	}
	var keys []Sampled
	if n > 0 {
		var err error
		if keys, err = w.samples(ctx, piece); err != nil {
			return err // and is tried again: nothing of the piece is counted yet
		}
	}
	w.tally(n, all, keys)
	return nil
}

// tally adds up how many rows a piece has, and how many are in question.
func (w *walk) tally(n, all int64, rows []Sampled) {
	w.seen.Add(all)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found.Add(n)
	if room := 10 - len(w.sample); room > 0 {
		w.sample = append(w.sample, rows[:min(room, len(rows))]...)
	}
}

// samples lists a few rows of a piece.
func (w *worker) samples(ctx context.Context, piece Piece) ([]Sampled, error) {
	if w.chunks.Sample == "" {
		return nil, nil
	}
	return w.list(ctx, w.chunks.Sample, piece)
}

func (w *worker) list(ctx context.Context, query string, piece Piece) ([]Sampled, error) {
	return samplesOf(ctx, w.conn, query, piece.Args, w.chunks.Key, w.chunks.Shows)
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
	rows, err := w.samples(ctx, piece)
	if err != nil {
		return errors.Join(w.s.Redact(cause), fmt.Errorf("naming the row: %w", w.s.Redact(err)))
	}
	return &BadRowError{Table: w.chunks.Label, Key: strings.Join(keysOf(rows), " or "), Err: w.s.Redact(cause)}
}

// dryRun runs a piece's statement and takes it back.
func (w *worker) dryRun(ctx context.Context, piece Piece) error {
	tx, err := w.s.Begin(ctx, w.conn, Bounds{Lock: 300 * time.Millisecond, Statement: longest, Bypass: true, Quiet: w.chunks.Quiet})
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, w.chunks.SQL, piece.Args...)
	return errors.Join(err, tx.Rollback())
}

// tellLocked says that rows are locked, but for those that the app is just writing.
func (w *worker) tellLocked(n int, begun time.Time, blockers []Blocker, seen *siege) *siege {
	if n >= 3 {
		w.r.Report(LockWait{Migration: w.rec.Name, Step: w.step, Object: w.chunks.Label, Attempt: n, Waited: time.Since(begun), Blockers: blockers})
	}
	if seen == nil {
		seen = w.siege(w.step, w.chunks.Label)
	}
	return seen
}
