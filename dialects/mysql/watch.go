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

// How often a running statement is looked at, from when on, and how long a
// killed one may take to end before its connection is given up.
const (
	watchEvery = 25 * time.Millisecond
	watchFrom  = 50 * time.Millisecond
	killGrace  = 10 * time.Second
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

// stoppedError is the failure of a statement that we ended.
type stoppedError struct{ cause, err error }

func (e *stoppedError) Error() string {
	if errors.Is(e.cause, context.Canceled) || errors.Is(e.cause, context.DeadlineExceeded) {
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
	// patient: it may wait while nobody waits behind it.
	patient bool
	giveUp  context.CancelFunc
	done    chan struct{} // closed when the statement is over
	ended   chan struct{} // closed when the watcher is

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
		t := time.NewTimer(w.bounds.Statement)
		defer t.Stop()
		expired = t.C
	}
	look := time.NewTimer(watchFrom)
	defer look.Stop()
	free := time.Now() // when it was last known not to wait
	for {
		select {
		case <-w.done:
			return
		case <-ctx.Done():
			w.end(own, context.Cause(ctx))
			return
		case <-expired:
			w.end(own, errStatementTimeout)
			return
		case <-look.C:
		}
		if w.bounds.Lock <= 0 || w.bounds.Statement > 0 && w.bounds.Statement <= w.bounds.Lock {
			continue // it is ended before it can have waited for too long
		}
		look.Reset(watchEvery)
		waits, seen := w.s.waits(own, w.id)
		switch {
		case !waits, w.patient && !w.s.queued(own, w.id):
			free = seen
		case time.Since(free) >= w.bounds.Lock:
			w.end(own, errLockTimeout)
			return
		}
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
	if w.over {
		return
	}
	w.cause = cause
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	// An error means that the connection is gone, or comes again at the next try.
	_, _ = w.s.control.ExecContext(ctx, fmt.Sprintf("KILL QUERY %d", w.id))
}

// waits asks whether a connection's statement waits for a lock: for a table's
// metadata, or for a row. seen is when that was so.
func (s *session) waits(ctx context.Context, id int64) (waits bool, seen time.Time) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	seen = time.Now()
	var n int
	if s.perf && !s.engine.maria {
		err := s.control.QueryRowContext(ctx, `SELECT COUNT(*) FROM performance_schema.threads t WHERE t.processlist_id = ? AND (`+
			waitState("t.processlist_state")+` OR EXISTS (SELECT 1 FROM performance_schema.data_lock_waits w WHERE w.requesting_thread_id = t.thread_id))`,
			id).Scan(&n)
		if number(err) != errTableAccess {
			return err == nil && n > 0, seen
		}
	}
	// Everybody may see their own sessions here.
	err := s.control.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ? AND "+waitState("state"), id).Scan(&n)
	if err == nil && n > 0 {
		return true, seen
	}
	open, seen, err := s.trxs.read(ctx, s.control, monitorEvery)
	return err == nil && open[id].waits, seen
}

func waitState(column string) string {
	return fmt.Sprintf("(%[1]s LIKE 'Waiting for %%lock%%' OR %[1]s = 'Waiting for table flush')", column)
}
