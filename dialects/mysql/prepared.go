package mysql

import (
	"context"
	"errors"
	"slices"
)

// prepared.go keeps the statements that a connection runs again and again
// prepared on the server. The driver alone would prepare, run and close each anew
// for every chunk.

// mostPrepared bounds how many statements a connection keeps, more than a worker
// goes to and fro between. What was not used for longest goes first.
const mostPrepared = 16

// preparedStmt is a statement that stays prepared.
type preparedStmt struct {
	fullStmt
	query string
}

// prepared finds a statement, or prepares it.
func (c *watchedConn) prepared(ctx context.Context, query string) (*preparedStmt, error) {
	if i := slices.IndexFunc(c.stmts, func(st *preparedStmt) bool { return st.query == query }); i >= 0 {
		st := c.stmts[i]
		c.stmts = append(slices.Delete(c.stmts, i, i+1), st)
		return st, nil
	}
	inner, err := c.fullConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	full, ok := inner.(fullStmt)
	if !ok {
		return nil, errors.Join(errLacking, inner.Close())
	}
	if len(c.stmts) == mostPrepared {
		if err := c.unprepare(c.stmts[0]); err != nil {
			return nil, errors.Join(err, inner.Close())
		}
	}
	st := &preparedStmt{fullStmt: full, query: query}
	c.stmts = append(c.stmts, st)
	return st, nil
}

// unprepare closes a statement and forgets it.
func (c *watchedConn) unprepare(st *preparedStmt) error {
	c.stmts = slices.DeleteFunc(c.stmts, func(other *preparedStmt) bool { return other == st })
	return st.Close()
}

// withPrepared runs a statement that has arguments. One that the server wants to
// have prepared anew, because its tables change too fast, has not run: that is done once.
func (c *watchedConn) withPrepared(ctx context.Context, query string, run func(fullStmt) error) error {
	for again := false; ; again = true {
		st, err := c.prepared(ctx, query)
		if err != nil {
			return err
		}
		err = run(st)
		if number(err) != errNeedReprepare || again {
			return err
		}
		if err := c.unprepare(st); err != nil {
			return err
		}
	}
}
