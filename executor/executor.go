package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/planner/plan"
)

// Options tune an executor. The zero value of a field means its default.
type Options struct {
	// Holder names this executor to others: "host:pid".
	Holder string
	// Wait is how long to wait for the lease; 0: not at all.
	Wait time.Duration
	// LockDeadline is how long a step may keep trying to get its lock; default 10m.
	LockDeadline time.Duration
	// LockHold is for how long a table may be locked for several changes of its
	// definition, by what as many take on a table of ours right before; default 150ms.
	LockHold time.Duration
	// LockRest is how long tables are let alone after a lock, at most, while others use
	// the server: a hundred times as long as the lock took; 0: not at all. See rest.go.
	LockRest time.Duration
	// KillBlockersAfter is for how long an ordinary session may be in the way of a
	// step's lock before it is ended; 0: for ever.
	KillBlockersAfter time.Duration
	// Workers walk a table side by side; 0: the engine says how many suit the server, and
	// half of them walk while others are at work there.
	Workers int
	// ChunkTarget is how long one chunk should take; 0: 50ms, and less while others are
	// at work on the server.
	ChunkTarget time.Duration
	// RowsPerSecond bounds all workers of a walk together; 0: no bound.
	RowsPerSecond float64
	// MaxFailures is how many rows a backfill may fail on, and set aside, before it
	// stops; 0: it stops at the first.
	MaxFailures int
	// Throttle says what holds walks back.
	Throttle Throttle
	// VerifyOn is a replica that Verify reads instead of the database itself; nil: none.
	VerifyOn Session
	// Flags is where the rollout of flags is read; default the built-in table.
	Flags flags.Source
	// Overrides are the gates to pass by, each with the reason that is recorded.
	Overrides map[string]string
	// Clock is this machine's; default time.Now. See clocks.go.
	Clock func() time.Time
	// DiscardData lets rollback undo steps although rows would be lost.
	DiscardData bool
	Reporter    Reporter
}

// Executor runs plans on one database.
type Executor struct {
	s  Session
	st *store
	o  Options
	r  Reporter
	// marks counts the heartbeats that a verification has waited for on a replica.
	marks atomic.Int64
}

type silent struct{}

func (silent) Report(Event) {}

// New makes an executor. It does not touch the database.
func New(s Session, o Options) *Executor {
	if o.LockDeadline == 0 {
		o.LockDeadline = 10 * time.Minute
	}
	if o.LockHold == 0 {
		o.LockHold = 150 * time.Millisecond
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Reporter == nil {
		o.Reporter = silent{}
	}
	if o.Flags == nil {
		o.Flags = flags.NewTable(s.DB(), s.Layout().Flags)
	}
	if o.Holder == "" {
		o.Holder = "unknown"
	}
	if r := []rune(o.Holder); len(r) > 191 {
		o.Holder = string(r[:191])
	}
	return &Executor{s: s, st: &store{db: s.DB(), l: s.Layout()}, o: o, r: &serialReporter{to: o.Reporter}}
}

// Init creates migrate's own tables; it may be repeated.
func (e *Executor) Init(ctx context.Context) error { return bootstrap(ctx, e.s) }

// Initialized reports whether migrate's own tables are there.
func (e *Executor) Initialized(ctx context.Context) (bool, error) {
	return bootstrapped(ctx, e.st.db, e.st.l)
}

// run is the work of one executor, under its lease, on one migration.
type run struct {
	*Executor
	lease *lease
	rec   *record
	conn  *sql.Conn // pinned, for steps
	known map[string]stepState
	steer *steering // of the walks; nil before the first
	// cut are the steps that failed in the middle of what was to be one instant.
	cut map[string]bool
	// locked are the steps that have had a lock for more than one statement.
	locked map[string]bool
	// guarded is when the guard of the step that is being undone was asked last.
	guarded time.Time
	held    time.Duration // since the last rest, for which others may have waited for steps
}

// underLease prepares the tables, takes the lease, and does the work.
func (e *Executor) underLease(ctx context.Context, work func(ctx context.Context, l *lease) error) error {
	if err := e.throttleUsable(); err != nil {
		return err
	}
	if err := prepare(ctx, e.s); err != nil {
		return err
	}
	l, leased, err := acquire(ctx, e.s, e.st, e.o.Holder, e.o.Wait, e.r)
	if err != nil {
		return err
	}
	defer l.release(ctx)
	err = work(leased, l)
	// Whatever failed because the lease was lost failed for that reason.
	if cause := context.Cause(leased); err != nil && (errors.Is(cause, ErrLeaseLost) || errors.Is(cause, ErrUnreachable)) {
		return cause
	}
	return err
}

// start loads a migration's record and journal, and pins a connection.
func (e *Executor) start(ctx context.Context, l *lease, rec *record) (*run, error) {
	var conn *sql.Conn
	err := e.ask(ctx, func() (err error) {
		if conn, err = e.st.db.Conn(ctx); err != nil {
			return fmt.Errorf("connecting: %w", err)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var known map[string]stepState
	err = e.ask(ctx, func() (err error) {
		known, err = e.st.steps(ctx, rec.Name, rec.Run)
		return err
	})
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &run{Executor: e, lease: l, rec: rec, conn: conn, known: known, cut: map[string]bool{}, locked: map[string]bool{}}, nil
}

func (r *run) close() {
	r.steer.close()
	_ = r.conn.Close()
}

// oneTx tries bookkeeping once, without a receipt.
func (e *Executor) oneTx(ctx context.Context, l *lease, do func(tx *sql.Tx) error) error {
	tx, err := e.st.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := do(tx); err != nil {
		return err
	}
	if err := l.fence(ctx, tx); err != nil {
		return err
	}
	crashpoint("before the commit")
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	crashpoint("after the commit")
	return nil
}

// become moves the migration to another state.
func (r *run) become(ctx context.Context, to State, grace time.Duration) error {
	from := r.rec.State
	if !from.mayBecome(to) {
		return fmt.Errorf("%s cannot go from state %s to %s", r.rec.Name, from, to)
	}
	if from == to {
		return nil
	}
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		graceUntil, err := r.after(ctx, tx, grace)
		if err != nil {
			return err
		}
		return r.st.setState(ctx, tx, r.rec.Name, to, graceUntil)
	})
	if err != nil {
		return err
	}
	r.rec.State = to
	r.r.Report(StateChanged{Migration: r.rec.Name, From: from, To: to})
	return nil
}

// fail records why the migration stopped, unless we were merely interrupted:
// then the state stays what it is, and the next run goes on from there.
func (r *run) fail(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil || errors.Is(err, ErrLeaseLost) || errors.Is(err, ErrUnreachable) || errors.Is(err, ErrRewound) {
		return err
	}
	var gate *GateError
	if errors.As(err, &gate) {
		return err
	}
	step := ""
	var se *StepError
	if errors.As(err, &se) {
		step = se.Step
	}
	// What has failed before it went on where it had failed is to go on from there still.
	recorded := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		return r.st.setFailed(ctx, tx, r.rec.Name, r.rec.resumeState(), step, err.Error())
	})
	if recorded == nil {
		r.r.Report(StateChanged{Migration: r.rec.Name, From: r.rec.State, To: Failed})
	}
	return errors.Join(err, recorded)
}

// resumeState is the state from which work goes on.
func (rec *record) resumeState() State {
	if rec.State == Failed {
		return rec.Resume
	}
	return rec.State
}

func (r *run) entry(s plan.Step, action, event, detail string) entry {
	return entry{
		Migration: r.rec.Name, Run: r.rec.Run, Step: s.ID, Action: action, Event: event, Detail: detail,
		Holder: r.o.Holder, Token: r.lease.token,
	}
}
