package executor

import (
	"slices"
	"testing"
)

func TestTransitions(t *testing.T) {
	t.Parallel()
	all := []State{Planned, Expanding, Backfilling, Verifying, Open, Contracting, Grace, Done, RolledBack, Failed}
	forbidden := map[State][]State{
		Planned:     {Open, Contracting, Grace, Backfilling, Verifying, Failed},
		Expanding:   {Open, Done, Contracting, Grace, Verifying, Planned},
		Backfilling: {Open, Done, Contracting, RolledBack},
		Verifying:   {Contracting, Grace, RolledBack},
		Open:        {Done, Grace, Backfilling},
		Contracting: {RolledBack, Expanding},
		Grace:       {RolledBack, Expanding},
		Done:        {Planned, Backfilling, Verifying, Open, Contracting, Grace, RolledBack, Failed},
		RolledBack:  {Open, Done, Contracting, Failed},
		Failed:      {Done, Planned},
	}
	for from, tos := range forbidden {
		for _, to := range tos {
			if from != to && from.mayBecome(to) {
				t.Errorf("%s may become %s", from, to)
			}
		}
	}
	for i := 1; i < len(all)-2; i++ { // the straight way
		if all[i-1] == Planned || all[i] == Grace {
			continue
		}
		if !all[i-1].mayBecome(all[i]) {
			t.Errorf("%s may not become %s", all[i-1], all[i])
		}
	}
	for _, s := range all {
		if _, ok := transitions[s]; !ok {
			t.Errorf("state %s has no row in the table of transitions", s)
		}
	}
	if got := States(); len(got) != len(all) || !slices.IsSorted(got) {
		t.Errorf("all states are %v", got)
	}
}
