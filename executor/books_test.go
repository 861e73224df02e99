package executor

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

// ledger is a database with receipts and one thing that is counted. Its commits
// may get lost, or their answers.
type ledger struct {
	Session
	token    int64
	receipts map[int64]bool
	counted  int

	// commits say what happens to each, in order; more go well.
	commits []string
	late    []*ledgerTx // have been sent, and will come through
}

var errTaken = errors.New("duplicate key")

func (l *ledger) Classify(err error) Class {
	switch {
	case errors.Is(err, driver.ErrBadConn):
		return Disconnected
	case errors.Is(err, errTaken):
		return BadRow
	}
	return Other
}

func (l *ledger) Redact(err error) error                       { return err }
func (l *ledger) Connect(context.Context) (driver.Conn, error) { return &ledgerConn{l: l}, nil }
func (l *ledger) Driver() driver.Driver                        { return nil }

type ledgerTx struct {
	l       *ledger
	number  int64
	counted int
}

func (tx *ledgerTx) Rollback() error { return nil }

func (tx *ledgerTx) Commit() error {
	l := tx.l
	what := "goes well"
	if len(l.commits) > 0 {
		what, l.commits = l.commits[0], l.commits[1:]
	}
	switch what {
	case "is lost":
		return driver.ErrBadConn
	case "comes through late":
		l.late = append(l.late, tx)
		return driver.ErrBadConn
	}
	tx.apply()
	if what == "answer is lost" {
		return driver.ErrBadConn
	}
	return nil
}

func (tx *ledgerTx) apply() {
	tx.l.receipts[tx.number] = true
	tx.l.counted += tx.counted
}

type ledgerConn struct {
	driver.Conn
	l  *ledger
	tx *ledgerTx
}

func (c *ledgerConn) Close() error { return nil }

func (c *ledgerConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	c.tx = &ledgerTx{l: c.l}
	return c.tx, nil
}

func (c *ledgerConn) ExecContext(_ context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if !strings.Contains(query, "INSERT INTO receipts") {
		c.tx.counted++
		return driver.RowsAffected(1), nil
	}
	c.tx.number, _ = args[1].Value.(int64)
	for _, tx := range c.l.late { // who inserts the same key waits for its end
		tx.apply()
	}
	c.l.late = nil
	if c.l.receipts[c.tx.number] {
		return nil, errTaken
	}
	return driver.RowsAffected(1), nil
}

func (c *ledgerConn) QueryContext(_ context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	number, there := int64(0), true
	if n := len(args); n > 1 {
		number, _ = args[n-1].Value.(int64)
		there = c.l.receipts[number]
	}
	if n := len(args); n > 0 && args[0].Value != c.l.token {
		there = false
	}
	if strings.Contains(query, "FROM receipts") && !strings.Contains(query, "EXISTS") {
		return &ledgerRow{value: number, over: !there}, nil
	}
	return &ledgerRow{value: c.l.token, over: !there}, nil
}

type ledgerRow struct {
	value int64
	over  bool
}

func (r *ledgerRow) Columns() []string { return []string{"value"} }
func (r *ledgerRow) Close() error      { return nil }

func (r *ledgerRow) Next(dest []driver.Value) error {
	if r.over {
		return io.EOF
	}
	r.over = true
	dest[0] = r.value
	return nil
}

// books makes what inTx needs.
func books(l *ledger) (*Executor, *lease) {
	layout := Layout{Table: func(name string) string { return name }, Placeholder: func(int) string { return "?" }}
	st := &store{db: sql.OpenDB(l), l: layout}
	return &Executor{s: l, st: st}, &lease{st: st, token: l.token, cancel: func(error) {}}
}

func count(ctx context.Context, e *Executor, l *lease) error {
	return e.inTx(ctx, l, func(tx *sql.Tx) error {
		_, err := e.st.exec(ctx, tx, "UPDATE counted")
		return err
	})
}

// What is done in a transaction is done once, whatever becomes of its commit.
func TestBookkeepingHappensOnce(t *testing.T) {
	t.Parallel()
	for _, commits := range [][]string{
		{},
		{"is lost"},
		{"answer is lost"},
		{"comes through late"},
		{"is lost", "is lost", "answer is lost"},
		{"is lost", "comes through late"},
	} {
		t.Run(strings.Join(commits, ", "), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := &ledger{token: 7, receipts: map[int64]bool{}, commits: commits}
				e, lease := books(l)
				defer e.st.db.Close() //nolint:errcheck // there is nothing behind it
				for want := 1; want <= 2; want++ {
					if err := count(t.Context(), e, lease); err != nil {
						t.Fatal(err)
					}
					if l.counted != want {
						t.Errorf("%d transactions have happened %d times", want, l.counted)
					}
				}
			})
		})
	}
}

// A server that stays away is not waited for without end.
func TestBookkeepingGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{token: 7, receipts: map[int64]bool{}}
		for range 100 {
			l.commits = append(l.commits, "is lost")
		}
		e, lease := books(l)
		defer e.st.db.Close() //nolint:errcheck // there is nothing behind it
		if err := count(t.Context(), e, lease); !errors.Is(err, driver.ErrBadConn) || l.counted != 0 {
			t.Errorf("it ends with %v, done %d times", err, l.counted)
		}
	})
}

// A database that has lost what it had acknowledged is not written to, and a run
// that starts over from what is there goes on.
func TestBookkeepingNoticesThatItWentBack(t *testing.T) {
	t.Parallel()
	l := &ledger{token: 7, receipts: map[int64]bool{}}
	e, lease := books(l)
	defer e.st.db.Close() //nolint:errcheck // there is nothing behind it
	for range 2 {
		if err := count(t.Context(), e, lease); err != nil {
			t.Fatal(err)
		}
	}
	delete(l.receipts, 2)
	if err := count(t.Context(), e, lease); !errors.Is(err, ErrRewound) || l.counted != 2 {
		t.Errorf("without the last receipt, it ends with %v, done %d times", err, l.counted)
	}
	if err := lease.still(t.Context()); !errors.Is(err, ErrRewound) {
		t.Errorf("without the last receipt, the lease is checked with %v", err)
	}
	lease.receipts.acknowledged = 1 // what rewind finds
	if err := count(t.Context(), e, lease); err != nil || l.counted != 3 {
		t.Errorf("from what is there, it ends with %v, done %d times", err, l.counted)
	}
	l.token = 8
	if err := count(t.Context(), e, lease); !errors.Is(err, ErrLeaseLost) || l.counted != 3 {
		t.Errorf("under another's lease, it ends with %v, done %d times", err, l.counted)
	}
}
