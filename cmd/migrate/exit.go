package main

import (
	"context"
	"errors"
	"slices"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
)

// The exit codes, which scripts depend on (DESIGN section 9).
const (
	exitDone         = 0 // also: nothing to do
	exitError        = 1
	exitChanges      = 2 // plan --detailed-exitcode: there are changes
	exitBlocked      = 3 // a gate blocks
	exitInconclusive = 4 // a gate is inconclusive
	exitStale        = 5 // the plan is stale
	exitInterrupted  = 130
)

// errChanges is how plan --detailed-exitcode tells that there are changes. It
// is an answer, not a failure.
var errChanges = errors.New("there are changes")

// exitCode maps the outcome of a command to its exit code. This is the one
// place that does.
func exitCode(ctx context.Context, err error) int {
	var stale *executor.StaleError
	gates, others := sortErrors(err)
	switch {
	case err == nil:
		return exitDone
	case errors.Is(context.Cause(ctx), errInterrupted):
		return exitInterrupted
	case errors.Is(err, errChanges):
		return exitChanges
	case errors.As(err, &stale):
		return exitStale
	case others > 0:
		return exitError
	case slices.ContainsFunc(gates, (*executor.GateError).Blocked):
		return exitBlocked
	default:
		return exitInconclusive
	}
}

// sortErrors finds the gates that did not pass among errors that may be joined,
// and counts the errors that are none.
func sortErrors(err error) (gates []*executor.GateError, others int) {
	for _, one := range leaves(err) {
		var gate *executor.GateError
		if errors.As(one, &gate) {
			gates = append(gates, gate)
			continue
		}
		others++
	}
	return gates, others
}

// leaves takes joined errors apart: each is a failure of its own.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	var places planner.Errors
	if errors.As(err, &places) {
		return places.Unwrap()
	}
	var hazards *executor.HazardError
	if errors.As(err, &hazards) {
		return hazardErrors(hazards)
	}
	joined, ok := err.(interface{ Unwrap() []error }) // only the outermost error is a list of failures
	if !ok {
		return []error{err}
	}
	var out []error
	for _, one := range joined.Unwrap() {
		out = append(out, leaves(one)...)
	}
	return out
}

// hazardErrors shows hazards as what they are to whoever runs expand: errors in
// the migration, each with its place.
func hazardErrors(e *executor.HazardError) []error {
	var out []error
	for _, h := range e.Hazards {
		out = append(out, &planner.Error{
			Pos: h.Pos, Rule: h.Rule, Message: h.Rule + ": " + h.Message,
			Instead: h.Instead + "; or accept it: put -- migrate:allow " + h.Rule + " \"reason\" before the statement",
		})
	}
	return out
}
