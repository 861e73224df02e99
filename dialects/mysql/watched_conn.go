package mysql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	sqldriver "github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
)

// watched_conn.go wraps the driver's connections, so that every statement on one
// of them runs within the bounds that were set for it (watch.go).

var errLacking = errors.New("the driver lacks what this package needs of it")

// connector makes watched connections.
type connector struct {
	inner driver.Connector
	s     *session
}

// Connect implements driver.Connector.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialects.ConnectTimeout)
	defer cancel()
	var conn driver.Conn
	err := c.s.tally.count(connecting, func() (err error) {
		conn, err = c.inner.Connect(ctx)
		return err
	})
	if err != nil {
		return nil, unanswered(err)
	}
	full, ok := conn.(fullConn)
	if !ok {
		return nil, errors.Join(errLacking, conn.Close())
	}
	full = &countedConn{fullConn: full, tally: &c.s.tally}
	w := &watchedConn{fullConn: full, s: c.s, trip: time.Hour}
	if err := w.timed(func() error { w.id, err = w.number(ctx); return err }); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	// That a server does not know a variable, because it is another than the URL
	// says, is told later, in better words.
	if _, err := full.ExecContext(ctx, limitless(c.s.engine.maria), nil); err != nil && number(err) != errUnknownVariable {
		return nil, errors.Join(err, conn.Close())
	}
	c.s.mu.Lock()
	c.s.own[w.id] = true
	c.s.mu.Unlock()
	return w, nil
}

// limitless gives a connection time without limit for one statement: what a server
// or user is limited to is for the app's, and by it no large table could be
// rebuilt, nor counted. Estimates are as fresh as MySQL can make them.
func limitless(maria bool) string {
	if maria {
		return "SET SESSION max_statement_time = 0"
	}
	return "SET SESSION max_execution_time = 0, information_schema_stats_expiry = 0"
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
	// trip is the shortest time that a message and its answer have taken.
	trip time.Duration
	// release ends the context of the last query, whose rows may be read still.
	release context.CancelFunc
	// impatient: the server waits for seconds only; locked: it has LOCK TABLES.
	impatient, locked bool
	// inTx: a transaction has begun, and not ended.
	inTx bool
	// broken: a transaction on it, or what was set for one, may not be over.
	broken bool
	// patient: the statement may wait while nobody waits behind it.
	patient bool
	// set is what begin has set and nobody has taken back; empty: nothing.
	set   string
	stmts []*preparedStmt // the one used last is the last
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

// timed sends a message for which the server has nothing to do.
func (c *watchedConn) timed(send func() error) error {
	begun := time.Now()
	err := send()
	c.trip = min(c.trip, time.Since(begun))
	return err
}

// begin prepares a transaction: its bounds, and the wish to be left alone by
// the triggers.
func (c *watchedConn) begin(ctx context.Context, b executor.Bounds) error {
	seconds := 50
	if b.Lock > 0 {
		// A net below the watcher, not to cut in before it.
		seconds = int(b.Lock/time.Second) + 2
	}
	value, of := "NULL", "NULL"
	if b.Bypass {
		value = "1"
	}
	if b.Quiet != "" {
		of = quoteString(b.Quiet)
	}
	set := fmt.Sprintf("SET SESSION innodb_lock_wait_timeout = %d, %s = %s, %s = %s, %s", seconds, bypass, value, quiet, of, impatient)
	if set != c.set { // of statements under LOCK TABLES only the first has to
		c.set = ""
		if err := c.timed(func() error { _, err := c.fullConn.ExecContext(ctx, set, nil); return err }); err != nil {
			return err
		}
	}
	c.bounds, c.impatient, c.set = &b, true, set
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
	c.impatient, c.set = false, ""
	// Not with the caller's context: the wish must end whatever happened.
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	if _, err := c.fullConn.ExecContext(ctx, "SET "+bypass+" = NULL, "+quiet+" = NULL, "+patient, nil); err != nil {
		c.broken = true
		return err
	}
	return nil
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
	c.inTx = true
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
//
// A transaction of which it is not known that it is over must not be gone on with
// by whoever uses the connection next: beginning another one would commit it. A
// MariaDB server lets even a ROLLBACK fail, at the KILL QUERY of a statement that
// ended just before. The connection is not used again, and the server takes back
// what is open on it.
func (c *watchedConn) finish(how string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerWithin)
	defer cancel()
	_, err := c.fullConn.ExecContext(ctx, how, nil)
	c.inTx = false
	if err != nil {
		c.broken = true
	}
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
		if len(args) == 0 {
			res, err = c.fullConn.ExecContext(ctx, query, nil)
			return err
		}
		return c.withPrepared(ctx, query, func(st fullStmt) error {
			res, err = st.ExecContext(ctx, args)
			return err
		})
	})
	return res, err
}

// QueryContext implements driver.QueryerContext.
func (c *watchedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.guard(ctx, func(ctx context.Context) error {
		if len(args) == 0 {
			rows, err = c.fullConn.QueryContext(ctx, query, nil)
			return err
		}
		return c.withPrepared(ctx, query, func(st fullStmt) error {
			rows, err = st.QueryContext(ctx, args)
			return err
		})
	})
	if err != nil && rows != nil {
		return nil, errors.Join(err, rows.Close())
	}
	return rows, err
}

// PrepareContext implements driver.ConnPrepareContext. Nobody needs it: a statement
// with arguments is prepared as it runs, within the same bounds.
func (c *watchedConn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	return nil, errors.New("statements are prepared as they run: pass them with their arguments")
}

type fullStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// guard runs a statement within the connection's bounds. The driver would give
// up the connection when the context ends, and leave the server working; here
// the statement is ended instead, and what became of it known.
//
// Of one that was ended a MariaDB server may say that it came to its end, while it
// has not touched a row: hit in its optimizer, an UPDATE reports none that match.
// In a transaction, which is taken back then, that is not believed.
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
	w := &watch{s: c.s, id: c.id, bounds: *c.bounds, trip: c.trip, patient: c.patient, spared: c.locked && c.s.engine.maria, giveUp: cancel, done: make(chan struct{}), ended: make(chan struct{})}
	go w.loop(ctx)
	err := run(inner)
	if cause := w.stop(); cause != nil && (err != nil || c.inTx) {
		return &stoppedError{cause: cause, err: err}
	}
	return err
}
