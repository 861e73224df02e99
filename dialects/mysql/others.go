package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// others.go tells how much the server does for others: the statements that it
// has been sent by anybody, less those that this session has sent. So all of ours
// are counted, as the server counts them (MySQL docs, Server Status Variables,
// Questions: statements of clients, those prepared as they run, without what
// triggers run).

// tally counts our statements: those sent, and those of them that were answered.
// What the server has counted lies between.
type tally struct{ sent, answered atomic.Int64 }

// count counts n statements, as they are sent with run.
func (t *tally) count(n int64, run func() error) error {
	t.sent.Add(n)
	defer t.answered.Add(n)
	return run()
}

// connecting is how many statements the driver sends while it connects, at most.
const connecting = 2

// countedConn counts the statements of a connection.
type countedConn struct {
	fullConn
	tally *tally
}

// ExecContext implements driver.ExecerContext.
func (c *countedConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (res driver.Result, err error) {
	n, several := ctx.Value(inMessage{}).(int)
	if !several {
		n = 1
	}
	err = c.tally.count(int64(n), func() error {
		res, err = c.fullConn.ExecContext(ctx, query, args)
		return err
	})
	return res, err
}

// QueryContext implements driver.QueryerContext.
func (c *countedConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.tally.count(1, func() error {
		rows, err = c.fullConn.QueryContext(ctx, query, args)
		return err
	})
	return rows, err
}

// BeginTx implements driver.ConnBeginTx. An isolation level is a statement of its own.
func (c *countedConn) BeginTx(ctx context.Context, o driver.TxOptions) (tx driver.Tx, err error) {
	n := int64(1)
	if o.Isolation != 0 {
		n = 2
	}
	err = c.tally.count(n, func() error {
		tx, err = c.fullConn.BeginTx(ctx, o)
		return err
	})
	return tx, err
}

// PrepareContext implements driver.ConnPrepareContext. To prepare a statement is
// not to run it.
func (c *countedConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	st, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := st.(fullStmt)
	if !ok {
		return nil, errors.Join(errLacking, st.Close())
	}
	return &countedStmt{fullStmt: full, tally: c.tally}, nil
}

// countedStmt counts how often a prepared statement runs.
type countedStmt struct {
	fullStmt
	tally *tally
}

// ExecContext implements driver.StmtExecContext.
func (s *countedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (res driver.Result, err error) {
	err = s.tally.count(1, func() error {
		res, err = s.fullStmt.ExecContext(ctx, args)
		return err
	})
	return res, err
}

// QueryContext implements driver.StmtQueryContext.
func (s *countedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.tally.count(1, func() error {
		rows, err = s.fullStmt.QueryContext(ctx, args)
		return err
	})
	return rows, err
}

// How long the first look takes, which compares two readings, and for how long a
// reading is compared with the next.
const (
	firstLook = 100 * time.Millisecond
	lastLook  = 2 * time.Second
)

// others remembers the last served.
type others struct {
	mu   sync.Mutex
	last served
}

// served is how many statements others have run since the server was started: the
// true number lies between.
type served struct {
	at          time.Time
	least, most float64
}

// otherStatements is how many statements others have run each second since the
// last look. It is too low by those of ours that are under way meanwhile, never
// too high: what we do ourselves is nobody's.
func (s *session) otherStatements(ctx context.Context) (float64, error) {
	s.others.mu.Lock()
	defer s.others.mu.Unlock()
	last := s.others.last
	if time.Since(last.at) > lastLook {
		var err error
		if last, err = s.read(ctx); err != nil {
			return 0, err
		}
		select {
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		case <-time.After(firstLook):
		}
	}
	now, err := s.read(ctx)
	if err != nil {
		return 0, err
	}
	s.others.last = now
	// The counter begins anew when the server is started again, or told to.
	return max(0, now.least-last.most) / now.at.Sub(last.at).Seconds(), nil
}

func (s *session) read(ctx context.Context) (now served, err error) {
	answered := s.tally.answered.Load()
	all, err := s.statusVariable(ctx, []string{"Questions"})
	if err != nil {
		return served{}, err
	}
	return served{at: time.Now(), least: all - float64(s.tally.sent.Load()), most: all - float64(answered)}, nil
}
