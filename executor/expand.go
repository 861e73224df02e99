package executor

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Planner makes the plan of a migration for the schema as it is now. It is
// called under the lease, so that nobody changes the schema through migrate
// meanwhile. It returns a StaleError if a plan made earlier no longer fits.
type Planner func(ctx context.Context) (*plan.Plan, error)

// Expand takes a migration from planned to open (or done, when there is nothing
// to contract). A migration that an earlier run left half-way goes on from there,
// with the plan that was stored then. It returns the state reached.
func (e *Executor) Expand(ctx context.Context, name string, planner Planner) (State, error) {
	var reached State
	err := e.underLease(ctx, func(ctx context.Context, l *lease) error {
		return e.despiteRewinds(ctx, l, func() (err error) {
			reached, err = e.expandOnce(ctx, l, name, planner)
			return err
		})
	})
	return reached, err
}

func (e *Executor) expandOnce(ctx context.Context, l *lease, name string, planner Planner) (State, error) {
	rec, err := e.recall(ctx, name)
	if err != nil {
		return "", err
	}
	if rec == nil || rec.State == RolledBack {
		if rec, err = e.begin(ctx, l, name, planner); err != nil {
			return "", err
		}
	}
	switch rec.resumeState() {
	case Open, Contracting, Grace, Done:
		return rec.State, nil // nothing to do: it is open already, or beyond
	case Planned, Expanding, Backfilling, Verifying, RolledBack, Failed:
	}
	r, err := e.start(ctx, l, rec)
	if err != nil {
		return rec.State, err
	}
	defer r.close()
	err = r.fail(ctx, r.expand(ctx))
	return rec.State, err
}

// recall reads a migration's record; nil when there is none.
func (e *Executor) recall(ctx context.Context, name string) (rec *record, err error) {
	err = e.ask(ctx, func() (err error) {
		rec, err = e.st.migration(ctx, name)
		return err
	})
	return rec, err
}

// begin plans the migration and records it. The plan is refused while hazards
// stand that nobody has allowed, and while its gates do not pass.
func (e *Executor) begin(ctx context.Context, l *lease, name string, planner Planner) (*record, error) {
	p, err := e.patientPlan(ctx, planner)
	if err != nil {
		return nil, err
	}
	if p.Migration != name {
		return nil, &UsageError{Message: fmt.Sprintf("the plan is of %s, not of %s", p.Migration, name)}
	}
	if b := p.Blocking(); len(b) > 0 {
		return nil, &HazardError{Migration: name, Hazards: b}
	}
	probe := &run{Executor: e, lease: l, rec: &record{Name: name, State: Planned, Flag: p.Flag, Plan: p}}
	if err := probe.gates(ctx, p.Gates(plan.Expand)); err != nil {
		return nil, err
	}
	if err := e.inTx(ctx, l, func(tx *sql.Tx) error { return e.st.begin(ctx, tx, p, Expanding) }); err != nil {
		return nil, err
	}
	e.r.Report(StateChanged{Migration: name, From: Planned, To: Expanding})
	return e.recall(ctx, name)
}

// patientPlan plans again for as long as somebody's lock, which passes, keeps it
// from looking at the tables. MySQL waits a second for it at most.
func (e *Executor) patientPlan(ctx context.Context, planner Planner) (*plan.Plan, error) {
	begun := time.Now()
	for try := 1; ; try++ {
		p, err := planner(ctx)
		if c := e.s.Classify(err); err == nil || c != LockTimeout && c != Transient || time.Since(begun) > e.o.LockDeadline {
			return p, err
		}
		if err := sleep(ctx, jitter(try)); err != nil {
			return nil, err
		}
	}
}

// expand goes through the states up to open, from whichever it is in.
func (r *run) expand(ctx context.Context) error {
	p := r.rec.Plan
	if r.rec.State == Failed {
		if err := r.become(ctx, r.rec.Resume, 0); err != nil {
			return err
		}
	}
	undone := func(s plan.Step) bool { return !r.known[s.ID].done() }
	if (r.rec.State == Backfilling || r.rec.State == Verifying) && slices.ContainsFunc(p.Steps(plan.Expand), undone) {
		// A rollback of an earlier version of migrate was cut off.
		if err := r.become(ctx, Expanding, 0); err != nil {
			return err
		}
	}
	if r.rec.State == Expanding {
		if err := r.all(ctx, p.Steps(plan.Expand)); err != nil {
			return err
		}
		if err := r.become(ctx, Backfilling, 0); err != nil {
			return err
		}
	}
	if r.rec.State == Backfilling {
		if err := r.gates(ctx, p.Gates(plan.Backfill)); err != nil {
			return err
		}
		if err := r.all(ctx, p.Steps(plan.Backfill)); err != nil {
			return err
		}
		if err := r.become(ctx, Verifying, 0); err != nil {
			return err
		}
	}
	if err := r.verified(ctx); err != nil {
		return err
	}
	if len(p.Steps(plan.Contract)) == 0 {
		return r.become(ctx, Done, 0)
	}
	return r.become(ctx, Open, 0)
}

// verified compares all rows before the migration opens. No new version writes
// yet, so that the strict comparison holds. Rows that the backfill has missed,
// because somebody wrote them without the shadow writes, are filled now: walking
// the table once more costs nothing where there are none.
func (r *run) verified(ctx context.Context) error {
	found, err := r.verifyAll(ctx, true)
	for pass := 2; err == nil && pass <= maxPasses; pass++ {
		var changed int64
		if changed, err = r.refill(ctx, found); err != nil || changed == 0 {
			break
		}
		found, err = r.verifyAll(ctx, true)
	}
	if err != nil {
		return err
	}
	res := r.override(ctx, judge(GateResult{Gate: gateVerified, Result: Pass}, found))
	if res.Result != Pass {
		return &GateError{Migration: r.rec.Name, Results: []GateResult{res}}
	}
	return r.settle(ctx)
}

// settle ends the backfills that were begun again and came to no end, as of rows that
// could not be converted then: the comparison says that nothing is left to do.
func (r *run) settle(ctx context.Context) error {
	for _, s := range r.rec.Plan.Steps(plan.Backfill) {
		if s.Mode != plan.Chunked || !r.known[s.ID].partial() {
			continue
		}
		err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
			if _, err := r.forgetFailures(ctx, tx, s); err != nil {
				return err
			}
			return r.finished(ctx, tx, s, "nothing was left")
		})
		if err != nil {
			return fmt.Errorf("ending a backfill: %w", err)
		}
		r.known[s.ID] = stepState{actionDo, eventDone}
	}
	return nil
}

// refill runs the backfill of tables that have inconsistent rows again, from their
// beginning. Killed in the middle of it, the next run finds what is left by comparing.
func (r *run) refill(ctx context.Context, found []Verified) (changed int64, err error) {
	for _, v := range found {
		if v.Mismatches == 0 {
			continue
		}
		for _, s := range r.rec.Plan.Steps(plan.Backfill) {
			if s.Mode != plan.Chunked || s.Chunks.Label != v.Table {
				continue
			}
			forget := func(tx *sql.Tx) error { return r.st.forget(ctx, tx, r.rec.Name, s.ID) }
			if err := r.inTx(ctx, r.lease, forget); err != nil {
				return changed, fmt.Errorf("beginning a backfill again: %w", err)
			}
			n, err := r.chunked(ctx, s)
			if changed += n; err != nil {
				return changed, &StepError{Migration: r.rec.Name, Step: s.ID, Title: s.Title, Err: err}
			}
		}
	}
	return changed, nil
}

func (r *run) all(ctx context.Context, steps []plan.Step) error {
	for _, s := range steps {
		if err := r.do(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// Baseline records migrations as done on a database that has them already.
func (e *Executor) Baseline(ctx context.Context, migrations []Baselined) error {
	return e.underLease(ctx, func(ctx context.Context, l *lease) error {
		for _, m := range migrations {
			rec, err := e.st.migration(ctx, m.Name)
			if err != nil {
				return err
			}
			if rec != nil {
				if rec.State != Done {
					return &UsageError{Message: fmt.Sprintf("%s is %s here, so it cannot be a baseline", m.Name, rec.State)}
				}
				continue
			}
			err = e.inTx(ctx, l, func(tx *sql.Tx) error {
				_, err := e.st.exec(ctx, tx, `INSERT INTO {migrations} (name, state, flag, checksum, fingerprint, plan, failed_reason, finished_at, updated_at)
					VALUES (?, ?, ?, ?, '', '', '', {now}, {now})`, m.Name, string(Done), m.Name, m.Checksum)
				return err
			})
			if err != nil {
				return fmt.Errorf("recording the baseline %s: %w", m.Name, err)
			}
			e.r.Report(StateChanged{Migration: m.Name, From: Planned, To: Done})
		}
		return nil
	})
}

// Baselined is a migration that the database has already.
type Baselined struct{ Name, Checksum string }

// HazardError says which hazards stand in the way of expand.
type HazardError struct {
	Migration string
	Hazards   []plan.Hazard
}

func (e *HazardError) Error() string {
	s := e.Migration + " has hazards that nobody has allowed:"
	for _, h := range e.Hazards {
		s += fmt.Sprintf("\n%s: %s: %s; instead: %s", h.Pos, h.Rule, h.Message, h.Instead)
	}
	return s
}
