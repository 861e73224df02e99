package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// look.go answers a plan's questions about the rows, reading only and within a
// bound of time. A table that is too large to be read in that time is sampled:
// pieces are taken from all over it.

const (
	// lookSpans is over how many places of a table a look is spread.
	lookSpans = 16
	// lookPiece is how many rows are read at a time.
	lookPiece = 20_000
	// lookFailures is how many rows that fail are sought out one by one.
	lookFailures = 5
	// lookKeys is how many keys are named.
	lookKeys = 5
)

// Looked is what the rows say to a plan.Question.
type Looked struct {
	// Rows are in question, of Seen that were looked at.
	Rows, Seen int64
	// Complete: the whole table was looked at. Otherwise there may be more.
	Complete bool
	// AtLeast: the search for failing rows was given up after a few.
	AtLeast bool
	// Keys name a few of them.
	Keys []string
	// Err is what the server said to the first row that failed, without its value.
	Err error
	// TimedOut: there was no time for an answer at all.
	TimedOut bool
}

// Doubter is a Session whose engine answers with a warning where a write would
// fail. Doubt tells of the last statement's warnings, as an error of class BadRow.
type Doubter interface {
	Doubt(ctx context.Context, tx *sql.Tx) error
}

// Look answers a question within about the given time. It needs no lease and
// writes nothing.
func Look(ctx context.Context, s Session, q plan.Question, within time.Duration) (Looked, error) {
	conn, err := s.DB().Conn(ctx)
	if err != nil {
		return Looked{}, fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close() }()
	l := &look{s: s, q: q, conn: conn, until: time.Now().Add(within)}
	if q.Walk == nil {
		err = l.count(ctx)
	} else {
		err = l.walk(ctx)
	}
	if err != nil {
		return Looked{}, fmt.Errorf("looking at the rows of %s: %w", q.Table, s.Redact(err))
	}
	return l.answer, nil
}

type look struct {
	s      Session
	q      plan.Question
	conn   *sql.Conn
	until  time.Time
	walker Walker
	answer Looked
}

// tx runs one read in a transaction that is rolled back and ends in time.
func (l *look) tx(ctx context.Context, read func(tx *sql.Tx) error) (late bool, err error) {
	left := time.Until(l.until)
	if left <= 0 {
		return true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	tx, err := l.s.Begin(ctx, l.conn, Bounds{Lock: time.Second, Statement: left, Bypass: true})
	if err == nil {
		err = read(tx)
		if end := tx.Rollback(); err == nil && !errors.Is(end, sql.ErrTxDone) {
			err = end
		}
	}
	if l.outOfTime(err) {
		return true, l.renew(context.WithoutCancel(ctx))
	}
	return false, err
}

// lookSlack is how much earlier than ours the server's clock may end a statement.
const lookSlack = 100 * time.Millisecond

// lookSteps bounds the walker's own queries, which read no more than a page or
// an entry of an index, but wait for a table that somebody has locked.
const lookSteps = 5 * time.Second

// outOfTime reports an error that only says that there was no time: ours is up,
// or somebody has the table locked. What is asked is not worth waiting for.
func (l *look) outOfTime(err error) bool {
	return err != nil && (time.Until(l.until) <= lookSlack || l.s.Classify(err) == LockTimeout || errors.Is(err, context.DeadlineExceeded))
}

// renew replaces the connection, which a cancelled statement may have cost.
func (l *look) renew(ctx context.Context) error {
	_ = l.conn.Close()
	conn, err := l.s.DB().Conn(ctx)
	if err == nil {
		l.conn = conn
	}
	return err
}

// count asks a query about the whole table.
func (l *look) count(ctx context.Context) error {
	late, err := l.tx(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, l.q.Count).Scan(&l.answer.Rows, &l.answer.Seen)
	})
	l.answer.TimedOut, l.answer.Complete = late, !late
	return err
}

// walk takes a piece of each part of the table in turn.
func (l *look) walk(ctx context.Context) error {
	err := l.pieces(ctx)
	if l.outOfTime(err) {
		err = ctx.Err()
	}
	l.answer.TimedOut = err == nil && l.answer.Seen == 0 && !l.answer.Complete
	return err
}

// step is a query of the walker's.
func (l *look) step(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, max(0, min(lookSteps, time.Until(l.until))))
	defer cancel()
	return ask(ctx)
}

func (l *look) pieces(ctx context.Context) error {
	var spans []Span
	if err := l.step(ctx, func(ctx context.Context) (err error) {
		if l.walker, err = l.s.Walk(ctx, *l.q.Walk); err == nil {
			spans, err = l.walker.Spans(ctx, lookSpans)
		}
		return err
	}); err != nil {
		return err
	}
	var open []position
	for _, sp := range spans {
		open = append(open, position{span: sp, at: sp.From})
	}
	for len(open) > 0 {
		var next []position
		for _, p := range open {
			var piece Piece
			var done bool
			if err := l.step(ctx, func(ctx context.Context) (err error) {
				piece, done, err = l.walker.Next(ctx, p.span, p.at, lookPiece)
				return err
			}); err != nil {
				return err
			}
			if done {
				continue
			}
			late, err := l.piece(ctx, piece)
			if late || err != nil {
				return err
			}
			if l.answer.AtLeast {
				return nil
			}
			p.at = piece.To
			next = append(next, p)
		}
		open = next
	}
	l.answer.Complete = true
	return nil
}

// piece counts the rows in question in one piece. A piece that fails is halved
// until one row is left, which is one of them.
func (l *look) piece(ctx context.Context, p Piece) (late bool, err error) {
	var n, all int64
	late, err = l.tx(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, l.q.Walk.SQL, p.Args...).Scan(&n, &all); err != nil {
			return err
		}
		if d, ok := l.s.(Doubter); ok && l.q.Sample != "" {
			return d.Doubt(ctx, tx)
		}
		return nil
	})
	switch {
	case late:
		return true, err
	case err != nil && l.s.Classify(err) == BadRow:
		return l.halve(ctx, p, err)
	case err != nil:
		return false, err
	}
	l.answer.Seen += all
	l.answer.Rows += n
	if n > 0 {
		return l.name(ctx, l.q.Walk.Sample, p)
	}
	return false, nil
}

func (l *look) halve(ctx context.Context, p Piece, cause error) (late bool, err error) {
	a, b, ok, err := l.walker.Split(ctx, p)
	if err != nil {
		return false, err
	}
	if !ok {
		l.answer.Rows++
		l.answer.Seen++
		if l.answer.Err == nil {
			l.answer.Err = l.s.Redact(cause)
		}
		l.answer.AtLeast = l.answer.Rows >= lookFailures
		return l.name(ctx, l.q.Sample, p)
	}
	for _, half := range []Piece{a, b} {
		if late, err = l.piece(ctx, half); late || err != nil || l.answer.AtLeast {
			return late, err
		}
	}
	return false, nil
}

// name adds the keys of a few rows of a piece.
func (l *look) name(ctx context.Context, query string, p Piece) (late bool, err error) {
	if query == "" || len(l.answer.Keys) >= lookKeys {
		return false, nil
	}
	var rows []Sampled
	late, err = l.tx(ctx, func(tx *sql.Tx) (err error) {
		rows, err = samplesOf(ctx, tx, query, p.Args, l.q.Walk.Key, nil)
		return err
	})
	for _, k := range keysOf(rows) {
		if len(l.answer.Keys) < lookKeys && !slices.Contains(l.answer.Keys, k) {
			l.answer.Keys = append(l.answer.Keys, k)
		}
	}
	return late, err
}
