package executor

import (
	"context"
	"database/sql"
	"time"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/planner/plan"
)

// Session is what the executor needs of a database, for one URL. Its methods
// are safe for concurrent use; a *sql.Conn is used by one goroutine at a time.
type Session interface {
	// DB is the pool of connections.
	DB() *sql.DB

	// Layout says how the executor's own tables are named and typed.
	Layout() Layout

	// TryLock takes the engine's advisory lock for "the migrate executor of this
	// database" on a pinned connection, without waiting. The engine lets go of
	// it when the connection ends. When another connection holds it, ok is
	// false and holder describes that session (pid, client address).
	TryLock(ctx context.Context, conn *sql.Conn) (ok bool, holder string, err error)

	// Begin starts a transaction on conn whose statements obey the bounds. The
	// bounds (and the bypass) end with the transaction.
	Begin(ctx context.Context, conn *sql.Conn, b Bounds) (*sql.Tx, error)

	// ExecTx runs statements in a transaction that Begin has started, one after the
	// other. They go to the server in one message: what they lock is not kept for the
	// time that the network takes between them.
	ExecTx(ctx context.Context, tx *sql.Tx, statements ...string) error

	// Exec runs statements outside any transaction, one after the other, within the
	// bounds. The first that fails ends that; those before it are done. While conn has
	// a table locked (plan.Statement.Locks) they go to the server in one message. The
	// wait for a lock never exceeds b.Lock, even where the engine's own timeout
	// is coarser: then the implementation ends its own waiting statement. An
	// error for that reason is of class LockTimeout.
	Exec(ctx context.Context, conn *sql.Conn, b Bounds, statements ...string) error

	// Rehearse makes n changes, as steps make them under a lock (plan.Statement.Locks),
	// to a table of ours that nobody uses, and leaves it as it was. It returns how long
	// they took together: more than most also where they were given up.
	Rehearse(ctx context.Context, n int, most time.Duration) (took time.Duration, err error)

	// UndoCost is how long the engine takes to take back an unfinished transaction,
	// whose rows stay locked meanwhile, as a multiple of the time that it ran.
	UndoCost() float64

	// Reset gives up whatever a failed step may have left on the connection:
	// an open transaction, LOCK TABLES, session variables.
	Reset(ctx context.Context, conn *sql.Conn) error

	// Blockers lists the sessions (not our own: those with our application
	// name are left out) whose locks on the object would make a statement that
	// wants the given lock wait. object and mode are a step's plan.Lock.
	Blockers(ctx context.Context, lock plan.Lock) ([]Blocker, error)

	// Waits lists the sessions that hold what statements of ours wait for at this
	// moment, be it a row or, of an index build, a transaction's end. Where the
	// server does not tell, there are none.
	Waits(ctx context.Context) ([]Blocker, error)

	// EndBlocker ends a session that Blockers or Waits has named, if it is an
	// ordinary one, known to hold the lock, and still in the same transaction:
	// never a superuser's, a replication's, one of the server's own or of ours.
	// The error says why it did not; there is always one for who is merely suspected.
	EndBlocker(ctx context.Context, b Blocker) error

	// Classify sorts an error by what the executor should do about it.
	Classify(err error) Class

	// Redact returns an error with the same meaning and class whose text shows
	// no value of the user's data: literals are replaced.
	Redact(err error) error

	// Walk prepares to walk a table in pieces.
	Walk(ctx context.Context, c plan.Chunks) (Walker, error)
}

// Clearer is what a Session implements whose server has work of its own to do at tables,
// which is in a lock's way and gives way to who waits for it.
type Clearer interface {
	// Clear waits until nobody does such work at the tables that are about to be locked, and
	// keeps it away until the transaction ends. Who reads and writes them never waits for that.
	// An error that says that it took too long is of class LockTimeout.
	Clear(ctx context.Context, tx *sql.Tx, locks []plan.Lock) error
}

// Bounds limits what a statement may do to others.
type Bounds struct {
	// Lock bounds the wait for any lock; 0: the engine's default.
	Lock time.Duration
	// Statement bounds each statement's run time; 0: none.
	Statement time.Duration
	// Bypass marks the transaction's writes as our own, which the shadow-write
	// triggers leave alone.
	Bypass bool
	// Quiet, beside Bypass, has one of the triggers take back what the user's have made of
	// the row (plan.Chunks).
	Quiet string
	// Late lets the transaction's commit answer, and its locks go, before what it did
	// is safe on the server's disk and on those replicas that commits wait for. A
	// crash of the server may lose it, then, but never without all that was written
	// after it; a later commit that is not late makes it safe. Where the engine has
	// nothing of the kind it is ignored.
	Late bool
}

// Blocker is a session in the way of a lock.
type Blocker struct {
	PID int64
	// Query is its current or last statement with every literal replaced.
	Query string
	// Age is how long its transaction has been open.
	Age time.Duration
	// User and Client tell whose it is; may be empty.
	User, Client string
	// Suspected: it is not known to hold the lock. The server does not tell who
	// does, or the session only waits for it before us.
	Suspected bool
	// Maintains: it holds nothing at the object but what Clear waits for.
	Maintains bool
}

// Class tells what to do about an error.
type Class int

// The classes of errors.
const (
	// Other: stop and report.
	Other Class = iota
	// LockTimeout: we gave up waiting for a lock; wait and try again.
	LockTimeout
	// Transient: deadlock or serialization failure; try again soon.
	Transient
	// BadRow: a row's value made the statement fail; find the row.
	BadRow
	// Disconnected: the connection is gone, the statement's outcome unknown.
	Disconnected
	// Exists: the object to create is there already.
	Exists
)

// Walker cuts a table into pieces for plan.Chunks.SQL.
type Walker interface {
	// Generation identifies the physical table that cursors refer to. When it
	// changes (the heap was rewritten), cursors are void. Empty: never void.
	Generation(ctx context.Context) (string, error)
	// Estimate is the number of rows the walk will cover, roughly.
	Estimate(ctx context.Context) (int64, error)
	// Spans cuts the whole table into at most n disjoint spans that together
	// cover it, including rows that come while walking where the engine's
	// order puts them behind the end.
	Spans(ctx context.Context, n int) ([]Span, error)
	// Next finds the piece of about size rows that starts at position at of the
	// span (its From at first). done is true when nothing is left there.
	Next(ctx context.Context, span Span, at string, size int64) (p Piece, done bool, err error)
	// Split halves a piece, to find a row that fails; ok is false when it
	// cannot be halved further.
	Split(ctx context.Context, p Piece) (a, b Piece, ok bool, err error)
}

// Span is a part of a table between two cursors. Cursors are the walker's own
// text; an empty From is the beginning, an empty To the end.
type Span struct{ From, To string }

// Piece is one piece of a walk.
type Piece struct {
	// From and To are its cursors; the next piece starts at To.
	From, To string
	// Args are the parameters that stand for its bounds in Chunks.SQL and Sample.
	Args []any
	// Rows estimates how many rows it covers.
	Rows int64
}

// Layout says how the executor's own tables are named and typed on an engine,
// so that the executor's bookkeeping can be written once.
type Layout struct {
	// Prelude is run before the tables are created (CREATE SCHEMA …).
	Prelude []string
	// Table gives the full name of one of our tables, quoted as needed:
	// "migrations" → migrate.migrations or migrate_migrations.
	Table func(name string) string
	// Exists is a query, without parameters, that yields 1 when our table
	// migrations is there: it is the last to be made.
	Exists string
	// Placeholder writes the i-th parameter (from 1).
	Placeholder func(i int) string
	// Types names the column types.
	Types Types
	// Now is an expression for the current instant, with microseconds (UTC on
	// engines whose type has no zone), that moves within a transaction.
	Now string
	// AddSeconds writes "instant plus a number of seconds": AddSeconds("x", "5").
	AddSeconds func(instant, seconds string) string
	// SecondsSince writes the seconds from an instant until now, as a float.
	SecondsSince func(instant string) string
	// Flags names the built-in flag table for package flags: it is one of ours.
	Flags flags.Tables
	// ForShare ends a SELECT that keeps its rows from changing until commit.
	ForShare string
	// Late is a condition, true, that makes the statement's own commit late, as
	// Bounds.Late does a transaction's.
	Late string
}

// Types are the column types of the executor's own tables.
type Types struct {
	Key      string // text of up to 191 characters, compared byte by byte
	Text     string // unbounded text
	Time     string // an instant with microseconds
	Double   string
	SerialPK string // a bigint key that the server counts up, with PRIMARY KEY
}
