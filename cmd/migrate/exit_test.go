package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// gateError is the error of a migration whose gates gave these answers.
func gateError(answers ...executor.Answer) error {
	e := &executor.GateError{Migration: "0007_split_name"}
	for _, a := range answers {
		e.Results = append(e.Results, executor.GateResult{Gate: planner.GateFlagFull, Result: a, Reason: "because"})
	}
	return e
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	stale := &executor.StaleError{Migration: "m", Reason: "the schema has changed"}
	tests := []struct {
		name        string
		err         error
		interrupted bool
		want        int
	}{
		{name: "done", want: 0},
		{name: "done in spite of a signal", interrupted: true, want: 0},
		{name: "error", err: errors.New("disk full"), want: 1},
		{name: "a migration's mistake", err: planner.Errors{{Message: "no such column"}}, want: 1},
		{name: "hazards", err: &executor.HazardError{Migration: "m", Hazards: []plan.Hazard{{Rule: "x"}}}, want: 1},
		{name: "lease held", err: &executor.LeaseHeldError{Holder: "host:1"}, want: 1},
		{name: "lock not granted", err: &executor.StepError{Err: &executor.BlockedError{Object: "users"}}, want: 1},
		{name: "changes", err: errChanges, want: 2},
		{name: "gate blocks", err: gateError(executor.Pass, executor.Block), want: 3},
		{name: "gate blocks, another is inconclusive", err: gateError(executor.Inconclusive, executor.Block), want: 3},
		{name: "gate inconclusive", err: gateError(executor.Pass, executor.Inconclusive), want: 4},
		{name: "wrapped gate", err: fmt.Errorf("contracting: %w", gateError(executor.Block)), want: 3},
		{name: "two migrations, one blocked", err: errors.Join(gateError(executor.Inconclusive), gateError(executor.Block)), want: 3},
		{name: "two migrations, none blocked", err: errors.Join(gateError(executor.Inconclusive), gateError(executor.Inconclusive)), want: 4},
		{name: "gate and a failure", err: errors.Join(gateError(executor.Block), errors.New("disk full")), want: 1},
		{name: "stale", err: stale, want: 5},
		{name: "wrapped stale", err: fmt.Errorf("expanding: %w", stale), want: 5},
		{name: "interrupted", err: context.Canceled, interrupted: true, want: 130},
		{name: "interrupted, told in the driver's words", err: errors.New("canceling statement due to user request"), interrupted: true, want: 130},
		{name: "canceled, but not by a signal", err: context.Canceled, want: 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if test.interrupted {
				cancel(errInterrupted)
			}
			if got := exitCode(ctx, test.err); got != test.want {
				t.Errorf("exitCode = %d, want %d", got, test.want)
			}
		})
	}
}
