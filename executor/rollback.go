package executor

import (
	"context"
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// Rollback takes a contracted migration that is still in its grace back to
// open, and any earlier one back to the schema before it. It returns the state
// reached. A LossError says what it would lose.
func (e *Executor) Rollback(ctx context.Context, name string) (State, error) {
	var reached State
	err := e.underLease(ctx, func(ctx context.Context, l *lease) error {
		return e.despiteRewinds(ctx, l, func() (err error) {
			reached, err = e.rollbackOnce(ctx, l, name)
			return err
		})
	})
	return reached, err
}

func (e *Executor) rollbackOnce(ctx context.Context, l *lease, name string) (State, error) {
	rec, err := e.recall(ctx, name)
	if err != nil {
		return "", err
	}
	if rec == nil {
		return "", &UsageError{Message: fmt.Sprintf("%s has never been expanded here: there is nothing to roll back", name)}
	}
	switch rec.resumeState() {
	case RolledBack:
		return rec.State, nil
	case Done, Planned:
		if !rec.onlyWidened() {
			return rec.State, &UsageError{
				Message: fmt.Sprintf("%s is %s: what it replaced is gone", name, rec.State),
				Instead: "write a new migration that brings back what you need",
			}
		}
		if err := e.notBuiltUpon(ctx, rec); err != nil {
			return rec.State, err
		}
	case Expanding, Backfilling, Verifying, Open, Contracting, Grace, Failed:
	}
	r, err := e.start(ctx, l, rec)
	if err != nil {
		return rec.State, err
	}
	defer r.close()
	err = r.rollback(ctx)
	return rec.State, err
}

// onlyWidened reports a migration that was done as soon as it had expanded:
// nothing is gone, so that it can be taken back like an open one.
func (rec *record) onlyWidened() bool {
	return rec.State == Done && rec.Plan != nil && len(rec.Plan.Steps(plan.Contract)) == 0
}

// notBuiltUpon refuses to take back what a later migration has found there and
// has touched: its own columns or triggers may need it.
func (e *Executor) notBuiltUpon(ctx context.Context, rec *record) error {
	for other, err := range e.st.later(ctx, rec.Name) {
		if err != nil {
			return err
		}
		if other.Plan == nil {
			continue
		}
		for _, mine := range rec.Plan.Touches {
			if slices.ContainsFunc(other.Plan.Touches, func(its string) bool { return plan.Meet(mine, its) }) {
				return &UsageError{
					Message: fmt.Sprintf("%s is done, and %s, which came later, touches %s, too", rec.Name, other.Name, plan.TouchedName(mine)),
					Instead: "roll back " + other.Name + " first, or write a new migration",
				}
			}
		}
	}
	return nil
}

func (r *run) rollback(ctx context.Context) error {
	p := r.rec.Plan
	switch r.rec.resumeState() {
	case Contracting, Grace:
		steps := p.Steps(plan.Contract)
		if err := r.mayUndo(ctx, steps); err != nil {
			return err
		}
		if err := r.become(ctx, Contracting, 0); err != nil {
			return err
		}
		if err := r.undoAll(ctx, steps); err != nil {
			return err
		}
		return r.become(ctx, Open, 0)
	case Planned, Expanding, Backfilling, Verifying, Open, Done, RolledBack, Failed:
	}
	if r.rec.State == Open && slices.Contains(p.Gates(plan.Backfill), gateFlagOff) {
		if err := r.gates(ctx, []string{gateFlagOff}); err != nil {
			return err
		}
	}
	steps := slices.Concat(p.Steps(plan.Expand), p.Steps(plan.Backfill))
	if err := r.mayUndo(ctx, steps); err != nil {
		return err
	}
	// Also from where expand would go on behind the steps of its first phase: those are
	// about to be undone.
	if err := r.become(ctx, Expanding, 0); err != nil {
		return err
	}
	if err := r.undoAll(ctx, steps); err != nil {
		return err
	}
	return r.become(ctx, RolledBack, 0)
}

// mayUndo refuses, before anything is undone, what cannot be: purged steps have
// no undo, and a guard may say that undoing would lose rows.
func (r *run) mayUndo(ctx context.Context, steps []plan.Step) error {
	for _, s := range steps {
		if s.AfterGrace && !r.known[s.ID].undone() {
			return &UsageError{
				Message: fmt.Sprintf("%s: the purge has begun (step %s): what it replaced is gone", r.rec.Name, s.ID),
				Instead: "run migrate contract to its end, then write a new migration that brings back what you need",
			}
		}
		if s.UndoFirst != nil { // its guard is asked when that has run
			continue
		}
		if err := r.mayLose(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// undoAll undoes steps, last first.
func (r *run) undoAll(ctx context.Context, steps []plan.Step) error {
	for _, s := range slices.Backward(steps) {
		if err := r.undo(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
