package executor

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// slowTable is a table whose rows take some time each to be written. It is its
// own session, walker and database.
type slowTable struct {
	Session
	Walker
	db     *sql.DB
	rows   int
	perRow func(row int) time.Duration
	trip   time.Duration // to the server and back, for each statement

	bound   time.Duration
	longest time.Duration // a statement has run
	given   int           // statements ended by their bound
	written []bool
	twice   int
	sizes   []int
}

func (s *slowTable) DB() *sql.DB                                       { return s.db }
func (s *slowTable) Walk(context.Context, plan.Chunks) (Walker, error) { return s, nil }
func (s *slowTable) Classify(error) Class                              { return Other }
func (s *slowTable) Redact(err error) error                            { return err }
func (s *slowTable) UndoCost() float64                                 { return 0 }
func (s *slowTable) Generation(context.Context) (string, error)        { return "", nil }
func (s *slowTable) Estimate(context.Context) (int64, error)           { return int64(s.rows), nil }
func (s *slowTable) Spans(context.Context, int) ([]Span, error)        { return []Span{{From: "0"}}, nil }

func (s *slowTable) Connect(context.Context) (driver.Conn, error) { return slowConn{s: s}, nil }
func (s *slowTable) Driver() driver.Driver                        { return nil }

func (s *slowTable) Begin(ctx context.Context, c *sql.Conn, b Bounds) (*sql.Tx, error) {
	s.bound = b.Statement
	return c.BeginTx(ctx, nil)
}

func (s *slowTable) Next(_ context.Context, _ Span, at string, size int64) (Piece, bool, error) {
	from, err := strconv.Atoi(at)
	if err != nil || from >= s.rows {
		return Piece{}, true, err
	}
	to := min(s.rows, from+int(size))
	return Piece{From: at, To: strconv.Itoa(to), Args: []any{int64(from), int64(to)}, Rows: int64(to - from)}, false, nil
}

type slowConn struct {
	driver.Conn
	s *slowTable
}

func (c slowConn) Close() error { return nil }
func (c slowConn) BeginTx(context.Context, driver.TxOptions) (driver.Tx, error) {
	time.Sleep(c.s.trip)
	return c, nil
}

func (c slowConn) Commit() error {
	time.Sleep(c.s.trip)
	return nil
}
func (c slowConn) Rollback() error { return nil }

func (c slowConn) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	time.Sleep(c.s.trip)
	return &token{}, nil
}

func (c slowConn) ExecContext(_ context.Context, _ string, args []driver.NamedValue) (driver.Result, error) {
	s := c.s
	time.Sleep(s.trip)
	from, _ := args[0].Value.(int64)
	to, _ := args[1].Value.(int64)
	var took time.Duration
	for row := from; row < to; row++ {
		took += s.perRow(int(row))
	}
	s.sizes = append(s.sizes, int(to-from))
	s.longest = max(s.longest, min(took, s.bound))
	if took > s.bound {
		time.Sleep(s.bound)
		s.given++
		return nil, errors.New("canceling statement due to statement timeout")
	}
	time.Sleep(took)
	for row := from; row < to; row++ {
		if s.written[row] {
			s.twice++
		}
		s.written[row] = true
	}
	return driver.RowsAffected(to - from), nil
}

// token is the lease's, for the fence.
type token struct{ read bool }

func (r *token) Columns() []string { return []string{"token"} }
func (r *token) Close() error      { return nil }

func (r *token) Next(dest []driver.Value) error {
	if r.read {
		return io.EOF
	}
	r.read = true
	dest[0] = int64(1)
	return nil
}

func TestChunksFollowTheServer(t *testing.T) {
	t.Parallel()
	const target = 50 * time.Millisecond
	for _, c := range []struct {
		name   string
		rows   int
		perRow func(row int) time.Duration
		trip   time.Duration
		// The longest that a statement may take, how many may be given up, and how
		// many there may be.
		longest      time.Duration
		given, count int
	}{
		{"fast", 1_000_000, func(int) time.Duration { return time.Microsecond }, 0, 100 * time.Millisecond, 0, 30},
		{"slow from the beginning", 3000, func(int) time.Duration { return 10 * time.Millisecond }, 0, mostHeld, 4, 400},
		{"slow rows in the middle", 300_000, func(row int) time.Duration {
			if row > 200_000 && row < 200_500 {
				return 50 * time.Millisecond
			}
			return 10 * time.Microsecond
		}, 0, time.Second, 6, 120}, // 20 rows are the fewest
		{"a piece that can be cut no smaller", 100, func(int) time.Duration { return 100 * time.Millisecond }, 0, 2 * time.Second, 3, 10},
		{"far away", 300_000, func(int) time.Duration { return 10 * time.Microsecond }, 150 * time.Millisecond, mostHeld, 0, 45},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				table := &slowTable{rows: c.rows, perRow: c.perRow, trip: c.trip, written: make([]bool, c.rows)}
				s := newSteered(Options{})
				s.obey(orders{workers: 1, target: target})
				table.db = sql.OpenDB(table)
				s.e.s, s.e.st = table, &store{db: table.db, l: testLayout()}
				w := someWalk()
				w.mutates = true
				w.run = &run{Executor: s.e, rec: &record{Name: "m"}, lease: &lease{st: s.e.st, token: 1}, steer: s.steering}
				if err := w.all(t.Context()); err != nil {
					t.Fatal(err)
				}
				for row, ok := range table.written {
					if !ok {
						t.Fatalf("row %d is left out", row)
					}
				}
				if table.twice > 0 || int(w.changed.Load()) != c.rows {
					t.Errorf("%d of %d rows are written, %d of them twice", w.changed.Load(), c.rows, table.twice)
				}
				if table.longest > c.longest || table.given > c.given || len(table.sizes) > c.count {
					t.Errorf("the longest of %d statements took %s, and %d were given up; want at most %d, %s, %d: %v",
						len(table.sizes), table.longest, table.given, c.count, c.longest, c.given, table.sizes)
				}
				if err := s.e.st.db.Close(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Beside others on few processors, a worker rests as long as it works, and no longer:
// what it waited for before it could work does not count.
func TestWorkersRestAsLongAsTheyWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rows = 100_000
		table := &slowTable{rows: rows, perRow: func(int) time.Duration { return 10 * time.Microsecond }, written: make([]bool, rows)}
		s := newSteered(Options{})
		s.company = &company{known: true, atWork: true, cores: 4}
		s.obey(orders{workers: 1, target: defaultTarget})
		table.db = sql.OpenDB(table)
		s.e.s, s.e.st = table, &store{db: table.db, l: testLayout()}
		w := someWalk()
		w.mutates = true
		w.run = &run{Executor: s.e, rec: &record{Name: "m"}, lease: &lease{st: s.e.st, token: 1}, steer: s.steering}
		begun := time.Now()
		if err := w.all(t.Context()); err != nil {
			t.Fatal(err)
		}
		const work = rows * 10 * time.Microsecond
		if took := time.Since(begun); took < 2*work-work/100 || took > 2*work+work/10 {
			t.Errorf("%s of work took %s, want twice as long", work, took)
		}
		if err := s.e.st.db.Close(); err != nil {
			t.Error(err)
		}
	})
}
