package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Contract takes a migration from open to grace, and from grace, when that is
// over, to done. grace, if not nil, replaces the plan's. It returns the state
// reached; a GateError says what is in the way.
func (e *Executor) Contract(ctx context.Context, name string, grace *time.Duration) (State, error) {
	var reached State
	err := e.underLease(ctx, func(ctx context.Context, l *lease) error {
		return e.despiteRewinds(ctx, l, func() (err error) {
			reached, err = e.contractOnce(ctx, l, name, grace)
			return err
		})
	})
	return reached, err
}

func (e *Executor) contractOnce(ctx context.Context, l *lease, name string, grace *time.Duration) (State, error) {
	rec, err := e.recall(ctx, name)
	if err != nil {
		return "", err
	}
	if rec == nil {
		return "", &UsageError{Message: fmt.Sprintf("%s has never been expanded here", name), Instead: "run migrate expand first"}
	}
	switch rec.resumeState() {
	case Done:
		return rec.State, nil
	case RolledBack:
		return rec.State, &UsageError{Message: name + " was rolled back", Instead: "run migrate expand first"}
	case Planned, Expanding, Backfilling, Verifying, Open, Contracting, Grace, Failed:
	}
	r, err := e.start(ctx, l, rec)
	if err != nil {
		return rec.State, err
	}
	defer r.close()
	err = r.contract(ctx, grace)
	if rec.resumeState() == Contracting || rec.resumeState() == Grace {
		err = r.fail(ctx, err)
	}
	return rec.State, err
}

func (r *run) contract(ctx context.Context, grace *time.Duration) error {
	if r.rec.resumeState() != Grace {
		if err := r.narrow(ctx, grace); err != nil || r.rec.State == Done {
			return err
		}
	}
	left := r.graceLeft(r.rec)
	if grace != nil {
		left = min(left, *grace)
	}
	if left > 0 {
		return nil
	}
	if r.rec.State == Failed {
		if err := r.become(ctx, Grace, 0); err != nil {
			return err
		}
	}
	for _, s := range r.rec.Plan.Steps(plan.Contract) {
		if s.AfterGrace {
			if err := r.do(ctx, s); err != nil {
				return err
			}
		}
	}
	return r.become(ctx, Done, 0)
}

// narrow passes the gates and runs the steps before the grace.
func (r *run) narrow(ctx context.Context, grace *time.Duration) error {
	p := r.rec.Plan
	if err := r.observe(ctx); err != nil {
		return err
	}
	// A switch of names that was cut off in the middle is taken back first: the
	// shadow writes are then whole again, and the gates can speak about all rows.
	if err := r.restoreSwitches(ctx); err != nil {
		return err
	}
	if err := r.gates(ctx, p.Gates(plan.Contract)); err != nil {
		return err
	}
	switch r.rec.resumeState() {
	case Open, Contracting:
	case Planned, Expanding, Backfilling, Verifying, Grace, Done, RolledBack, Failed:
		return &UsageError{Message: r.rec.Name + " has not been expanded to its end", Instead: "run migrate expand first"}
	}
	if err := r.become(ctx, Contracting, 0); err != nil {
		return err
	}
	purges := false
	for _, s := range p.Steps(plan.Contract) {
		if s.AfterGrace {
			purges = true
			continue
		}
		if err := r.do(ctx, s); err != nil {
			return r.takeBack(ctx, err)
		}
	}
	if !purges {
		return r.become(ctx, Done, 0)
	}
	keep := time.Duration(p.Grace)
	if grace != nil {
		keep = *grace
	}
	if err := r.become(ctx, Grace, keep); err != nil {
		return err
	}
	r.rec.GraceLeft = sql.NullFloat64{Float64: keep.Seconds(), Valid: true}
	r.rec.GraceUntil = sql.NullTime{}
	return nil
}

// takeBack has the shadow writes go on where the server has refused a switch in the middle
// of it: nobody knows when the next run comes. Where that fails, too, that run does it.
func (r *run) takeBack(ctx context.Context, cause error) error {
	var blocked *BlockedError
	var slow *SlowError
	switch {
	case ctx.Err() != nil, errors.As(cause, &blocked), errors.As(cause, &slow), errors.Is(cause, ErrLeaseLost), errors.Is(cause, ErrRewound):
		return cause // it may be over, or goes on soon
	}
	if c := r.s.Classify(cause); c != Other && c != BadRow && c != Exists {
		return cause
	}
	return errors.Join(cause, r.restoreSwitches(ctx))
}

func (r *run) restoreSwitches(ctx context.Context) error {
	for _, s := range r.rec.Plan.Steps(plan.Contract) {
		if s.Ends == "" || s.Mode != plan.Each || !r.known[s.ID].partial() {
			continue
		}
		if err := r.undo(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
