package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
)

// books.go: bookkeeping survives a server that goes away, and notices one that
// comes back with less than it had committed.
//
// Each transaction of the bookkeeping, and of steps, leaves a receipt: a number of
// this lease's. When the answer to a commit is lost, the receipt tells whether the
// commit happened; two that carry one number cannot both. And every transaction of
// ours looks for the last receipt that was acknowledged: where it is gone, so is
// what was done before it, and whoever went on would build on nothing. That is a
// failover to a replica that was behind, a server that had promised too much, or
// one that died right behind a commit that was late (Bounds.Late).

// ErrRewound says that the database is not where it was.
var ErrRewound = errors.New("the database has lost what it had committed, as after a crash, or a failover to a replica that was behind; the next run goes on from what is there")

// mostRewinds is how often one command goes on after that.
const mostRewinds = 3

// receipts are those of one lease.
type receipts struct {
	// mu makes the order of numbers that of commits.
	mu sync.Mutex

	numbers      sync.Mutex
	last         int64 // given out
	acknowledged int64
}

func (r *receipts) next() int64 {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	r.last++
	return r.last
}

func (r *receipts) acknowledge(n int64) {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	r.acknowledged = max(r.acknowledged, n)
}

func (r *receipts) known() int64 {
	r.numbers.Lock()
	defer r.numbers.Unlock()
	return r.acknowledged
}

// inTx does bookkeeping in a transaction that only commits while the lease is
// ours. It happens once, even where the connection is lost at its commit.
func (e *Executor) inTx(ctx context.Context, l *lease, do func(tx *sql.Tx) error) error {
	l.receipts.mu.Lock()
	defer l.receipts.mu.Unlock()
	number := l.receipts.next()
	lost := false
	for try := 1; ; try++ {
		err := e.onceInTx(ctx, l, number, lost, do)
		if err == nil {
			l.receipts.acknowledge(number)
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		switch c := e.s.Classify(err); {
		case try > mostLost:
			return err
		case c == Disconnected:
			lost = true
		case c == Transient:
		case lost && (c == BadRow || c == Exists): // the one whose answer was lost has come through just now
		default:
			return err
		}
		if err := sleep(ctx, jitter(try)); err != nil {
			return err
		}
	}
}

// onceInTx tries once. lost says that an earlier try may have come through.
func (e *Executor) onceInTx(ctx context.Context, l *lease, number int64, lost bool, do func(tx *sql.Tx) error) error {
	if lost {
		there, err := e.st.receipt(ctx, e.st.db, l.token, number)
		if err != nil || there {
			return err
		}
	}
	return e.oneTx(ctx, l, func(tx *sql.Tx) error {
		if err := e.st.leaveReceipt(ctx, tx, l.token, number); err != nil {
			return err
		}
		return do(tx)
	})
}

// record does bookkeeping on the connection that has done the work, once: where
// that is lost, nobody knows whether the work is. See patiently, which finds out.
func (r *run) record(ctx context.Context, do func(tx *sql.Tx) error) error {
	r.lease.receipts.mu.Lock()
	defer r.lease.receipts.mu.Unlock()
	tx, err := r.conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := do(tx); err != nil {
		return err
	}
	return r.commit(ctx, tx, "")
}

// commit ends a transaction that leaves a receipt. The caller holds the receipts' mutex.
func (r *run) commit(ctx context.Context, tx *sql.Tx, point string) error {
	number := r.lease.receipts.next()
	if err := r.lease.seal(ctx, tx, number); err != nil {
		return err
	}
	crashpoint(point + "before the commit")
	if err := tx.Commit(); err != nil {
		return err
	}
	crashpoint(point + "after the commit")
	r.lease.receipts.acknowledge(number)
	return nil
}

func (s *store) leaveReceipt(ctx context.Context, tx *sql.Tx, token, number int64) error {
	if _, err := s.exec(ctx, tx, `INSERT INTO {receipts} (token, number) VALUES (?, ?)`, token, number); err != nil {
		return fmt.Errorf("leaving a receipt: %w", err)
	}
	return nil
}

func (s *store) receipt(ctx context.Context, from runner, token, number int64) (bool, error) {
	var n int64
	err := from.QueryRowContext(ctx, s.l.sqlText(`SELECT number FROM {receipts} WHERE token = ? AND number = ?`), token, number).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking for a receipt: %w", err)
	}
	return true, nil
}

// ask repeats a question for as long as the server is away, within bounds.
func (e *Executor) ask(ctx context.Context, question func() error) error {
	for try := 1; ; try++ {
		err := question()
		if err == nil || e.s.Classify(err) != Disconnected || try > mostLost {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := sleep(ctx, jitter(try)); err != nil {
			return err
		}
	}
}

// despiteRewinds does a command's work, again from what the database has when it
// turns out to have gone back.
func (e *Executor) despiteRewinds(ctx context.Context, l *lease, work func() error) error {
	for n := 1; ; n++ {
		err := work()
		if !errors.Is(err, ErrRewound) || n > mostRewinds || ctx.Err() != nil {
			return err
		}
		if again := e.ask(ctx, func() error { return l.rewind(ctx) }); again != nil {
			return errors.Join(err, again)
		}
		e.r.Report(Rewound{})
	}
}

// catchUp acknowledges the receipt of a commit whose answer was lost, and which is there.
func (l *lease) catchUp(ctx context.Context) error {
	var last int64
	err := l.st.db.QueryRowContext(ctx, l.st.l.sqlText(`SELECT COALESCE(MAX(number), 0) FROM {receipts} WHERE token = ?`), l.token).Scan(&last)
	if err != nil {
		return fmt.Errorf("looking for the last receipt: %w", err)
	}
	l.receipts.acknowledge(last)
	return nil
}

// rewind takes over which receipts are there. The lease must be ours there, too.
func (l *lease) rewind(ctx context.Context) error {
	var token, last int64
	err := l.st.db.QueryRowContext(ctx, l.st.l.sqlText(`SELECT token, COALESCE((SELECT MAX(r.number) FROM {receipts} r WHERE r.token = l.token), 0)
		FROM {lease} l WHERE l.id = 1`)).Scan(&token, &last)
	if err != nil {
		return fmt.Errorf("reading the lease: %w", err)
	}
	if token != l.token {
		return errors.New("this run's lease is among what is lost")
	}
	l.receipts.numbers.Lock()
	defer l.receipts.numbers.Unlock()
	l.receipts.acknowledged = last
	return nil
}
