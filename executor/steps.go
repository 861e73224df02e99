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

// do runs a step unless the journal says that it has been done. After a crash
// the journal has an intent without a result: in mode InTx that means the step
// did not happen (the result is in its transaction), in mode Each the probes
// tell statement by statement, in mode Chunked the checkpoints do.
func (r *run) do(ctx context.Context, s plan.Step) error {
	if r.known[s.ID].done() {
		r.r.Report(StepDone{Migration: r.rec.Name, Step: s, Already: true})
		return nil
	}
	r.r.Report(StepStarted{Migration: r.rec.Name, Step: s})
	begun := time.Now()
	var rows int64
	var err error
	if s.Mode == plan.Chunked {
		rows, err = r.chunked(ctx, s)
	} else {
		err = r.statements(ctx, s, s.Mode, s.Statements, actionDo)
	}
	if err != nil {
		return &StepError{Migration: r.rec.Name, Step: s.ID, Title: s.Title, Err: err}
	}
	r.known[s.ID] = stepState{actionDo, eventDone}
	r.r.Report(StepDone{Migration: r.rec.Name, Step: s, Took: time.Since(begun), Rows: rows})
	return r.rest(ctx, s)
}

// undo reverses a step, unless it never happened or has been undone.
func (r *run) undo(ctx context.Context, s plan.Step) error {
	if r.known[s.ID].undone() {
		return nil
	}
	r.cut[s.ID] = r.cut[s.ID] || r.known[s.ID].partial()
	r.r.Report(StepStarted{Migration: r.rec.Name, Step: s, Undo: true})
	begun := time.Now()
	if err := r.undoStatements(ctx, s); err != nil {
		var loss *LossError
		if errors.As(err, &loss) {
			return err
		}
		return &StepError{Migration: r.rec.Name, Step: s.ID, Title: s.Title, Undo: true, Err: err}
	}
	r.known[s.ID] = stepState{actionUndo, eventDone}
	r.r.Report(StepDone{Migration: r.rec.Name, Step: s, Undo: true, Took: time.Since(begun)})
	return r.rest(ctx, s)
}

func (r *run) undoStatements(ctx context.Context, s plan.Step) error {
	if s.UndoFirst != nil && r.known[s.ID].done() {
		if _, err := r.walkOnce(ctx, s.ID, "repair", *s.UndoFirst); err != nil {
			return err
		}
		for _, also := range s.UndoFirstAlso {
			if _, err := r.walkOnce(ctx, s.ID, "repair", also); err != nil {
				return err
			}
		}
	}
	if err := r.mayLose(ctx, s); err != nil {
		return err
	}
	r.guarded = time.Now()
	if s.Mode == plan.Chunked {
		return r.forgetWalk(ctx, s)
	}
	mode := s.UndoMode
	if mode == "" {
		mode = s.Mode
	}
	return r.statements(ctx, s, mode, s.UndoStatements, actionUndo)
}

// forgetWalk undoes a backfill: what it filled goes with its columns, and should
// it ever run again, it begins at the beginning.
func (r *run) forgetWalk(ctx context.Context, s plan.Step) error {
	return r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		if err := r.st.forget(ctx, tx, r.rec.Name, s.ID); err != nil {
			return err
		}
		return r.st.journal(ctx, tx, r.entry(s, actionUndo, eventDone, ""))
	})
}

// mayLose asks the step's guard.
func (r *run) mayLose(ctx context.Context, s plan.Step) error {
	known := r.known[s.ID]
	if s.UndoLoses == nil || r.o.DiscardData || known.undone() {
		return nil
	}
	if known.partial() { // begun, or half undone: what was written since counts as well
		gone, err := r.someGone(ctx, s)
		if err != nil || gone {
			return err
		}
	}
	var loses bool
	err := r.ask(ctx, func() error { return r.st.db.QueryRowContext(ctx, s.UndoLoses.SQL).Scan(&loses) })
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("asking whether undoing loses rows: %w", r.s.Redact(err))
	}
	if loses {
		return &LossError{Migration: r.rec.Name, Step: s.ID, Message: s.UndoLoses.Message}
	}
	return nil
}

// staleGuard is for how long the word of a step's guard is taken.
const staleGuard = 50 * time.Millisecond

// stillMayLose asks the guard again for an attempt that has waited for others: what they
// have committed since counts. What is committed while the attempt itself waits for its
// lock does not, nor what is written while the guard looks through a large table.
func (r *run) stillMayLose(ctx context.Context, s plan.Step, action string) error {
	if action != actionUndo || s.UndoLoses == nil || time.Since(r.guarded) < staleGuard {
		return nil
	}
	err := r.mayLose(ctx, s)
	r.guarded = time.Now()
	return err
}

// someGone reports whether some of what a step's guard looks at is not there, or no more.
func (r *run) someGone(ctx context.Context, s plan.Step) (bool, error) {
	for _, st := range s.UndoStatements {
		if there, err := r.there(ctx, st); err != nil || there {
			return there, err
		}
	}
	return false, nil
}

// statements runs a step's statements, or its undo's, until they get through.
func (r *run) statements(ctx context.Context, s plan.Step, mode plan.Mode, stmts []plan.Statement, action string) error {
	if mode == plan.InTx {
		once := -r.lease.receipts.next() // below zero: it is of no place in the order of commits
		err := r.patiently(ctx, s, func(b Bounds) error {
			if err := r.stillMayLose(ctx, s, action); err != nil {
				return err
			}
			return r.txOnce(ctx, s, b, stmts, action, once)
		})
		if err != nil {
			return err
		}
		return r.harden(ctx)
	}
	before := r.known[s.ID]
	if err := r.intend(ctx, s, action); err != nil {
		return err
	}
	err := r.patiently(ctx, s, func(b Bounds) error {
		if err := r.stillMayLose(ctx, s, action); err != nil {
			return err
		}
		if action == actionDo && r.cut[s.ID] {
			if err := r.restore(ctx, s); err != nil {
				return err
			}
		}
		return r.eachOnce(ctx, s, b, stmts, action)
	})
	if err != nil && !before.partial() && !r.locked[s.ID] && slices.ContainsFunc(stmts, func(st plan.Statement) bool { return st.Holds }) {
		r.withdraw(ctx, s, action)
	}
	return err
}

// withdraw takes back the intent of a step that has never had its lock, so that the
// next run does not take it for one that was cut off. Where that fails, it does.
func (r *run) withdraw(ctx context.Context, s plan.Step, action string) {
	back := actionUndo
	if action == actionUndo {
		back = actionDo
	}
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		return r.st.journal(ctx, tx, r.entry(s, back, eventDone, "the table was never locked"))
	})
	if err == nil {
		r.known[s.ID] = stepState{back, eventDone}
	}
}

// intend says that from here on the probes must be asked.
func (r *run) intend(ctx context.Context, s plan.Step, action string) error {
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error { return r.st.journal(ctx, tx, r.entry(s, action, eventIntent, "")) })
	if err != nil {
		return err
	}
	r.known[s.ID] = stepState{action, eventIntent}
	return nil
}

// restore takes back what was to be one instant and lost its lock on the way, so
// that it can be tried anew.
func (r *run) restore(ctx context.Context, s plan.Step) error {
	if err := r.eachOnce(ctx, s, bounds(s), s.UndoStatements, actionUndo); err != nil {
		return err
	}
	delete(r.cut, s.ID)
	return r.intend(ctx, s, actionDo)
}

// txOnce runs the statements and the journal's entry in one transaction. What they
// lock is locked while the lease is asked for and the commit is under way, and no
// longer: the journal is written before, and the server's own work sent away, and what
// makes the commit safe comes behind it (harden).
//
// once is a receipt that all tries leave, first of all: a try whose commit is still under way,
// though its connection is lost, is waited for, and where it gets through no other does.
func (r *run) txOnce(ctx context.Context, s plan.Step, b Bounds, stmts []plan.Statement, action string, once int64) error {
	b.Late = true
	tx, err := r.s.Begin(ctx, r.conn, b)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := r.st.leaveReceipt(ctx, tx, r.lease.token, once); err != nil {
		if c := r.s.Classify(err); c == BadRow || c == Exists {
			return r.lease.catchUp(ctx) // an earlier try has come through just now
		}
		return err
	}
	if err := r.st.journal(ctx, tx, r.entry(s, action, eventDone, "")); err != nil {
		return err
	}
	if c, ok := r.s.(Clearer); ok && s.LockTimeoutMS > 0 {
		if err := c.Clear(ctx, tx, append([]plan.Lock{s.Lock}, s.AlsoLocks...)); err != nil {
			return err
		}
	}
	defer r.holding(time.Now())
	if err := r.s.ExecTx(ctx, tx, texts(stmts)...); err != nil {
		return err
	}
	r.lease.receipts.mu.Lock()
	defer r.lease.receipts.mu.Unlock()
	return r.commit(ctx, tx, s.ID+", ")
}

// harden waits until all that was committed before is safe. A server that has lost
// some of it since has lost its receipt, too, which the lease's fence looks for.
func (r *run) harden(ctx context.Context) error {
	return r.inTx(ctx, r.lease, func(*sql.Tx) error { return nil })
}

func texts(stmts []plan.Statement) []string {
	out := make([]string, len(stmts))
	for i, st := range stmts {
		out[i] = st.SQL
	}
	return out
}

// eachOnce runs the statements one by one, leaving out those whose probe says
// that their effect is there. b bounds those that are not under a lock, and the wait for that.
func (r *run) eachOnce(ctx context.Context, s plan.Step, b Bounds, stmts []plan.Statement, action string) (err error) {
	holds := false
	defer func() { r.cut[s.ID] = r.cut[s.ID] || holds && err != nil }()
	for len(stmts) > 0 {
		st := stmts[0]
		stmts = stmts[1:]
		var under []plan.Statement
		locks := st.Locks || st.Holds
		if locks {
			under, stmts = untilUnlocked(stmts)
		}
		there, err := r.there(ctx, st)
		switch {
		case err != nil || there:
		case locks:
			err = r.locking(ctx, s, b, st, under, action, &holds)
		default:
			if err = r.lease.still(ctx); err == nil {
				begun := time.Now()
				err = r.oneMessage(ctx, s, b, st)
				r.holding(begun)
			}
		}
		if err != nil {
			return err
		}
	}
	holds = false
	if action == actionUndo && s.UndoAfter != nil && r.cut[s.ID] {
		if _, err := r.walkOnce(ctx, s.ID, "repair", *s.UndoAfter); err != nil {
			return err
		}
	}
	return r.record(ctx, func(tx *sql.Tx) error { return r.st.journal(ctx, tx, r.entry(s, action, eventDone, "")) })
}

// untilUnlocked cuts what is done under a lock from what comes behind it. In plans that
// were stored before statements said that they unlock, a lock is held to the step's end.
func untilUnlocked(stmts []plan.Statement) (under, behind []plan.Statement) {
	n := slices.IndexFunc(stmts, func(st plan.Statement) bool { return st.Unlocks }) + 1
	if n == 0 {
		n = len(stmts)
	}
	return stmts[:n], stmts[n:]
}

// locking locks a table and runs what is to be done under that lock. The app waits
// for each message meanwhile, however far away the server is. So probes that can be
// are asked before it (Statement.Ahead); and the lease is checked once, behind it: what
// the step does, nobody else can do before the lock goes, and it goes with the
// connection. Whoever has done some of it since the probes has the lease.
func (r *run) locking(ctx context.Context, s plan.Step, b Bounds, lock plan.Statement, under []plan.Statement, action string, holds *bool) error {
	left, err := r.beforeLock(ctx, s, lock, under, action)
	if err != nil || len(left) == 0 {
		return err
	}
	b, err = r.moment(ctx, s, b, len(left)-1) // it needs not be rehearsed to unlock
	if err != nil {
		return err
	}
	defer r.holding(time.Now())
	if err := r.oneMessage(ctx, s, b, lock); err != nil {
		return err
	}
	if lock.Holds {
		*holds, r.locked[s.ID] = true, true
	}
	if err := r.lease.still(ctx); err != nil {
		return err
	}
	b = bounds(s)
	for len(left) > 0 {
		n := slices.IndexFunc(left[1:], func(st plan.Statement) bool { return st.Probe != "" }) + 1
		if n == 0 {
			n = len(left)
		}
		there, err := r.there(ctx, left[0])
		if err != nil {
			return err
		}
		message := left[:n]
		left = left[n:]
		if there {
			message = message[1:]
		}
		if err := r.oneMessage(ctx, s, b, message...); err != nil {
			return err
		}
	}
	return nil
}

// oneMessage runs statements that go to the server together.
func (r *run) oneMessage(ctx context.Context, s plan.Step, b Bounds, stmts ...plan.Statement) error {
	for _, message := range messages(texts(stmts)) {
		crashpoint(s.ID + ", before a statement")
		if err := r.s.Exec(ctx, r.conn, b, message...); err != nil {
			return err
		}
		crashpoint(s.ID + ", after a statement")
	}
	return nil
}

// beforeLock does what can be done before a lock: it returns the statements under it
// that are left to do, as far as that can be known.
func (r *run) beforeLock(ctx context.Context, s plan.Step, lock plan.Statement, under []plan.Statement, action string) (left []plan.Statement, err error) {
	if lock.Holds && action == actionUndo {
		if err := r.catchUp(ctx, s); err != nil {
			return nil, err
		}
	}
	for _, st := range under {
		if st.Ahead {
			there, err := r.there(ctx, st)
			if err != nil {
				return nil, err
			}
			if there {
				continue
			}
			st.Probe = ""
		}
		left = append(left, st)
	}
	if len(left) == 1 { // to unlock
		return nil, nil
	}
	return left, nil
}

// there asks whether a statement's effect is there.
func (r *run) there(ctx context.Context, st plan.Statement) (bool, error) {
	if st.Probe == "" {
		return false, nil
	}
	return r.probe(ctx, st.Probe)
}

// catchUp does, for a step that was cut off, what an undo does first.
func (r *run) catchUp(ctx context.Context, s plan.Step) error {
	if s.UndoFirst == nil || !r.cut[s.ID] {
		return nil
	}
	restored, err := r.probe(ctx, s.UndoFirstUnless)
	if err != nil || restored {
		return err
	}
	_, err = r.walkOnce(ctx, s.ID, "repair", *s.UndoFirst)
	return err
}

// probe asks on the pinned connection, which sees what it has just done.
func (r *run) probe(ctx context.Context, query string) (bool, error) {
	var there bool
	err := r.conn.QueryRowContext(ctx, query).Scan(&there)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("probing: %w", err)
	}
	return there, nil
}

func bounds(s plan.Step) Bounds {
	return Bounds{
		Lock:      time.Duration(s.LockTimeoutMS) * time.Millisecond,
		Statement: time.Duration(s.StatementTimeoutMS) * time.Millisecond,
	}
}

// reconnect replaces the pinned connection after it was lost.
func (r *run) reconnect(ctx context.Context) error {
	_ = r.conn.Close()
	conn, err := r.st.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting again: %w", err)
	}
	r.conn = conn
	return nil
}
