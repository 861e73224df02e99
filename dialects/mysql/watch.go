package mysql

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// watch.go bounds how long our statements wait for locks. The servers' timeouts
// are whole seconds (and lock_wait_timeout counts each lock anew), so while a
// bounded statement runs, another connection looks whether it waits, and ends it
// once it has waited for too long. A statement that works is left alone.
//
// To end a statement on MariaDB is not harmless (docs/FAULTS.md, "KILL QUERY on
// MariaDB"), so three things are done for its sake: one that waits for a table is
// ended by the server only if it still waits for it, nothing is ended while it
// opens its tables, and nothing at all while we have tables locked.

// How often a running statement is looked at, from when on, how long one has to
// open its tables, and how long a killed one may take to end before its connection
// is given up.
const (
	watchEvery  = 25 * time.Millisecond
	watchFrom   = 50 * time.Millisecond
	opensWithin = 50 * time.Millisecond
	killGrace   = 10 * time.Second
)

// answerWithin is how long the end of a transaction may take, and askWithin a
// question of a watcher's, before the connection counts as dead.
const (
	answerWithin = 30 * time.Second
	askWithin    = 5 * time.Second
)

// The reasons for which we end our own statements.
var (
	errLockTimeout      = errors.New("gave up waiting for a lock")
	errStatementTimeout = errors.New("the statement took too long")
)

// stoppedError is the failure of a statement that we ended; err is nil where the
// server says that it came to its end.
type stoppedError struct{ cause, err error }

func (e *stoppedError) Error() string {
	if errors.Is(e.cause, context.Canceled) || errors.Is(e.cause, context.DeadlineExceeded) {
		return e.cause.Error()
	}
	if e.err == nil {
		return e.cause.Error()
	}
	return fmt.Sprintf("%v: %v", e.cause, e.err)
}

func (e *stoppedError) Unwrap() error { return e.cause }

// watch is one statement being watched.
type watch struct {
	s      *session
	id     int64
	bounds executor.Bounds
	// trip is how long a message and its answer take where the server has nothing to do.
	trip time.Duration
	// patient: it may wait while nobody waits behind it.
	patient bool
	// spared: it must not be ended; should it hang, its connection is given up.
	spared bool
	giveUp context.CancelFunc
	done   chan struct{} // closed when the statement is over
	ended  chan struct{} // closed when the watcher is

	mu    sync.Mutex
	over  bool
	cause error
}

// stop ends the watch and says why the statement was ended, if it was.
func (w *watch) stop() error {
	w.mu.Lock()
	w.over = true
	close(w.done)
	w.mu.Unlock()
	<-w.ended
	return w.cause
}

func (w *watch) loop(ctx context.Context) {
	defer close(w.ended)
	// Queries of the watcher's own outlive the statement's context, but not the statement.
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	go func() {
		select {
		case <-w.done:
			cancel()
		case <-own.Done():
		}
	}()
	var expired <-chan time.Time
	if w.bounds.Statement > 0 {
		// It is prepared, and then run.
		t := time.NewTimer(w.bounds.Statement + 2*w.trip)
		defer t.Stop()
		expired = t.C
	}
	look := time.NewTimer(watchFrom)
	defer look.Stop()
	begun := time.Now()
	free := begun // when it was last known not to wait
	for {
		select {
		case <-w.done:
			return
		case <-ctx.Done():
			w.untilOpened(begun)
			w.end(own, context.Cause(ctx))
			return
		case <-expired:
			w.untilOpened(begun)
			w.end(own, errStatementTimeout)
			return
		case <-look.C:
		}
		if w.spared || w.bounds.Lock <= 0 || w.bounds.Statement > 0 && w.bounds.Statement <= w.bounds.Lock {
			continue // it must not be ended, or is before it can have waited for too long
		}
		look.Reset(watchEvery)
		waits, seen := w.s.waits(own, w.id)
		switch {
		case waits == nothing, w.patient && !w.s.queued(own, w.id):
			free = seen
		case time.Since(free) < w.bounds.Lock:
		case waits == aTable && w.s.engine.maria && !w.endWait(own, errLockTimeout):
			free = seen // it has the lock now
		default:
			w.end(own, errLockTimeout)
			return
		}
	}
}

// untilOpened waits until a statement that does not wait for locks has its tables
// open.
func (w *watch) untilOpened(begun time.Time) {
	t := time.NewTimer(time.Until(begun.Add(w.s.opens)))
	defer t.Stop()
	select {
	case <-w.done:
	case <-t.C:
	}
}

// end ends the statement, again and again until it is over. A connection whose
// statement does not end is given up.
func (w *watch) end(ctx context.Context, cause error) {
	last := time.NewTimer(killGrace)
	defer last.Stop()
	again := time.NewTicker(250 * time.Millisecond)
	defer again.Stop()
	for {
		w.kill(ctx, cause)
		select {
		case <-w.done:
			return
		case <-last.C:
			w.giveUp()
			return
		case <-again.C:
		}
	}
}

// kill ends the statement unless it is over: never a later one of the connection.
func (w *watch) kill(ctx context.Context, cause error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over || w.spared {
		return
	}
	w.cause = cause
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	// An error means that the connection is gone, or comes again at the next try.
	_, _ = w.s.control.ExecContext(ctx, fmt.Sprintf("KILL QUERY %d", w.id))
}

// endWait ends the statement on MariaDB if it still waits for a table. The server
// looks and ends it at once: on the way of a second question it could get the
// lock, and be hit while it opens the table.
func (w *watch) endWait(ctx context.Context, cause error) (ended bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.over {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var hit int
	err := w.s.control.QueryRowContext(ctx, fmt.Sprintf(`BEGIN NOT ATOMIC DECLARE hit INT DEFAULT 0;
		IF EXISTS (SELECT 1 FROM information_schema.processlist WHERE id = %[1]d AND %[2]s) THEN KILL QUERY %[1]d; SET hit = 1; END IF;
		SELECT hit; END`, w.id, waitState("state"))).Scan(&hit)
	if err == nil && hit == 0 {
		return false
	}
	w.cause = cause
	return true
}

// awaited is what a statement waits for.
type awaited int

const (
	nothing awaited = iota
	aTable          // its metadata
	aRow
)

// waits asks what lock a connection's statement waits for. seen is when that was so.
// Servers of which one question asks for both do not tell a row from a table.
func (s *session) waits(ctx context.Context, id int64) (what awaited, seen time.Time) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	seen = time.Now()
	var n int
	if s.perf && !s.engine.maria {
		err := s.control.QueryRowContext(ctx, `SELECT COUNT(*) FROM performance_schema.threads t WHERE t.processlist_id = ? AND (`+
			waitState("t.processlist_state")+` OR EXISTS (SELECT 1 FROM performance_schema.data_lock_waits w WHERE w.requesting_thread_id = t.thread_id))`,
			id).Scan(&n)
		if number(err) != errTableAccess {
			if err == nil && n > 0 {
				return aTable, seen
			}
			return nothing, seen
		}
	}
	// Everybody may see their own sessions here.
	err := s.control.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND "+waitState("state"), id).Scan(&n)
	if err == nil && n > 0 {
		return aTable, seen
	}
	open, seen, err := s.trxs.read(ctx, s.control, monitorEvery)
	if err == nil && open[id].waits {
		return aRow, seen
	}
	return nothing, seen
}

func waitState(column string) string {
	return fmt.Sprintf("(%[1]s LIKE 'Waiting for %%lock%%' OR %[1]s = 'Waiting for table flush')", column)
}
