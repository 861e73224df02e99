package executor

import (
	"maps"
	"slices"
)

// State is where a migration stands (DESIGN section 2). States have names and a
// transition table; they have no order.
type State string

// The states of a migration.
const (
	Planned     State = "planned"
	Expanding   State = "expanding"
	Backfilling State = "backfilling"
	Verifying   State = "verifying"
	Open        State = "open"
	Contracting State = "contracting"
	Grace       State = "grace"
	Done        State = "done"
	RolledBack  State = "rolled_back"
	Failed      State = "failed"
)

// transitions says which state may follow which. A failed migration goes on
// from the state in which it failed, or is rolled back.
var transitions = map[State][]State{
	Planned:   {Expanding, Done},
	Expanding: {Backfilling, Failed, RolledBack},
	// A rollback takes a state back before it touches anything, so that nobody
	// takes a half undone migration for an open one, or for one that has all that
	// a backfill needs: from there expand, or contract, can also go forward again.
	Backfilling: {Verifying, Failed, Expanding},
	Verifying:   {Open, Done, Failed, Expanding},
	Open:        {Contracting, Expanding, RolledBack, Failed},
	Contracting: {Grace, Done, Open, Failed},
	Grace:       {Done, Contracting, Open, Failed},
	Done:        {Expanding}, // only what merely widened can be taken back
	RolledBack:  {Expanding},
	Failed:      {Expanding, Backfilling, Verifying, Contracting, Grace, Open, RolledBack},
}

// States are all states, sorted by name.
func States() []State { return slices.Sorted(maps.Keys(transitions)) }

func (s State) mayBecome(next State) bool {
	return s == next || slices.Contains(transitions[s], next)
}
