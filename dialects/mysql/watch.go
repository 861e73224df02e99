package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/dialects"
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

// connector makes watched connections.
type connector struct {
	inner driver.Connector
	s     *session
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialects.ConnectTimeout)
	defer cancel()
	conn, err := c.inner.Connect(ctx)
	if err != nil {
		return nil, unanswered(err)
	}
	full, ok := conn.(fullConn)
	if !ok {
		return nil, errors.Join(errors.New("the driver lacks what this package needs of it"), conn.Close())
	}
	w := &watchedConn{fullConn: full, s: c.s}
	if w.id, err = w.number(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	if !c.s.engine.maria {
		// Estimates that are as fresh as the server can make them. That a MariaDB
		// server does not know this is told later, in better words.
		_, err := full.ExecContext(ctx, "SET SESSION information_schema_stats_expiry = 0", nil)
		if err != nil && number(err) != errUnknownVariable {
			return nil, errors.Join(err, conn.Close())
		}
	}
	c.s.mu.Lock()
	c.s.own[w.id] = true
	c.s.mu.Unlock()
	return w, nil
}

// Driver implements driver.Connector.
func (c *connector) Driver() driver.Driver { return c.inner.Driver() }

// fullConn is what the driver's connections can do.
type fullConn interface {
	driver.Conn
	driver.Pinger
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.NamedValueChecker
	driver.SessionResetter
	driver.Validator
}

// watchedConn is a connection whose statements obey bounds, if it has any. It
// is used by one goroutine at a time.
type watchedConn struct {
	fullConn
	s      *session
	id     int64
	bounds *executor.Bounds
	// release ends the context of the last query, whose rows may be read still.
	release context.CancelFunc
	// impatient: the server waits for seconds only; locked: it has LOCK TABLES.
	impatient, locked bool
	// broken: it could not be told that a transaction is over.
	broken bool
	// patient: the statement may wait while nobody waits behind it.
	patient bool
}

// onConn hands over the connection beneath a *sql.Conn.
func onConn(conn *sql.Conn, do func(*watchedConn) error) error {
	return conn.Raw(func(c any) error {
		w, ok := c.(*watchedConn)
		if !ok {
			return errors.New("the connection is not of this session")
		}
		return do(w)
	})
}

// number asks the server for the connection's id.
func (c *watchedConn) number(ctx context.Context) (int64, error) {
	rows, err := c.fullConn.QueryContext(ctx, "SELECT CONNECTION_ID()", nil)
	if err != nil {
		return 0, err
	}
	row := make([]driver.Value, 1)
	err = rows.Next(row)
	if closed := rows.Close(); err != nil || closed != nil {
		return 0, errors.Join(err, closed)
	}
	var id sql.NullInt64
	return id.Int64, func() error { err := id.Scan(row[0]); return err }()
}

// begin prepares a transaction: its bounds, and the wish to be left alone by
// the triggers.
func (c *watchedConn) begin(ctx context.Context, b executor.Bounds) error {
	seconds := 50
	if b.Lock > 0 {
		// A net below the watcher, not to cut in before it.
		seconds = int(b.Lock/time.Second) + 2
	}
	value := "NULL"
	if b.Bypass {
		value = "1"
	}
	if _, err := c.fullConn.ExecContext(ctx, fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d, %s = %s, %s", seconds, bypass, value, impatient), nil); err != nil {
		return err
	}
	c.bounds, c.impatient = &b, true
	return nil
}

// While we hold locks the server gives us up after seconds of silence: the app
// would wait for the locks of a frozen process until it wakes.
const (
	impatient = "wait_timeout = 5"
	patient   = "wait_timeout = DEFAULT"
)

// end takes back what begin did.
func (c *watchedConn) end() error {
	c.bounds = nil
	if !c.impatient || c.locked {
		return nil
	}
	c.impatient = false
	// Not with the caller's context: the wish must end whatever happened.
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	if _, err := c.fullConn.ExecContext(ctx, "SET "+bypass+" = NULL, "+patient, nil); err != nil {
		c.broken = true
		return err
	}
	return nil
}

// holds remembers whether a statement that got through leaves tables locked.
func (c *watchedConn) holds(statement string) {
	switch {
	case strings.HasPrefix(statement, "LOCK TABLES"):
		c.locked = true
	case strings.HasPrefix(statement, "UNLOCK TABLES"):
		c.locked = false
	}
}

// IsValid implements driver.Validator.
func (c *watchedConn) IsValid() bool { return !c.broken && c.fullConn.IsValid() }

// Close implements driver.Conn.
func (c *watchedConn) Close() error {
	c.s.mu.Lock()
	delete(c.s.own, c.id)
	c.s.mu.Unlock()
	if c.release != nil {
		c.release()
	}
	return c.fullConn.Close()
}

// BeginTx implements driver.ConnBeginTx.
func (c *watchedConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if c.broken {
		return nil, driver.ErrBadConn
	}
	if !c.impatient {
		if _, err := c.fullConn.ExecContext(ctx, "SET SESSION "+impatient, nil); err != nil {
			return nil, err
		}
		c.impatient = true
	}
	tx, err := c.fullConn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return &watchedTx{Tx: tx, c: c}, nil
}

// watchedTx ends the bounds with the transaction.
type watchedTx struct {
	driver.Tx
	c *watchedConn
}

// Commit implements driver.Tx. It is not watched: whoever ends a commit does not
// know what became of it. That the bounds could not be taken back is no reason
// to doubt it; the connection is not used again.
func (t *watchedTx) Commit() error {
	err := t.c.finish("COMMIT")
	if ended := t.c.end(); ended != nil {
		t.c.broken = true
	}
	return err
}

// Rollback implements driver.Tx.
func (t *watchedTx) Rollback() error {
	err := t.c.finish("ROLLBACK")
	if ended := t.c.end(); ended != nil {
		t.c.broken = true
	}
	return err
}

// finish ends a transaction. The driver's own way has no context, and would wait
// for ever where the network has gone silent.
func (c *watchedConn) finish(how string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	_, err := c.fullConn.ExecContext(ctx, how, nil)
	return unanswered(err)
}

// unanswered makes of our own impatience with a silent server what it means.
func unanswered(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.Join(sqldriver.ErrInvalidConn, errors.New("the server does not answer"))
	}
	return err
}

// ExecContext implements driver.ExecerContext.
func (c *watchedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	err = c.guard(ctx, func(ctx context.Context) error {
		res, err = c.fullConn.ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

// QueryContext implements driver.QueryerContext.
func (c *watchedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.guard(ctx, func(ctx context.Context) error {
		rows, err = c.fullConn.QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

// PrepareContext implements driver.ConnPrepareContext.
func (c *watchedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	if c.broken {
		return nil, driver.ErrBadConn
	}
	st, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := st.(fullStmt)
	if !ok {
		return nil, errors.Join(errors.New("the driver lacks what this package needs of it"), st.Close())
	}
	return &watchedStmt{fullStmt: full, c: c}, nil
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
	driver.NamedValueChecker
}

type watchedStmt struct {
	fullStmt
	c *watchedConn
}

// ExecContext implements driver.StmtExecContext.
func (t *watchedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = t.c.guard(ctx, func(ctx context.Context) error {
		res, err = t.fullStmt.ExecContext(ctx, args)
		return err
	})
	return res, err
}

// QueryContext implements driver.StmtQueryContext.
func (t *watchedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = t.c.guard(ctx, func(ctx context.Context) error {
		rows, err = t.fullStmt.QueryContext(ctx, args)
		return err
	})
	return rows, err
}

// guard runs a statement within the connection's bounds. The driver would give
// up the connection when the context ends, and leave the server working; here
// the statement is ended instead, and what became of it known.
func (c *watchedConn) guard(ctx context.Context, run func(context.Context) error) error {
	if c.broken {
		return driver.ErrBadConn
	}
	if c.bounds == nil {
		return run(ctx)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.release != nil {
		c.release()
	}
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	c.release = cancel
	w := &watch{s: c.s, id: c.id, bounds: *c.bounds, patient: c.patient, giveUp: cancel, done: make(chan struct{}), ended: make(chan struct{})}
	go w.loop(ctx)
	err := run(inner)
	if cause := w.stop(); err != nil && cause != nil && !errors.Is(err, driver.ErrSkip) {
		return &stoppedError{cause: cause, err: err}
	}
	return err
}

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
		look.Reset(watchEvery)
		if w.bounds.Lock <= 0 {
			continue
		}
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
