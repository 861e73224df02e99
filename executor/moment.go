package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// moment.go finds the moment for a lock that is held over several statements
// (plan.Statement.Holds). Whoever comes to the table waits for all of them, and how
// long each takes is up to the server: on one whose disk is busy, fifty times as long
// as at rest. Once begun, they cannot be given up without a loss. So the step is
// rehearsed where nobody waits, and begins when that was quick enough (Options.LockHold).
// What the rehearsal took, the wait for the lock may not take.

// SlowError says that the server takes so long to change a table's definition at
// present that a table was not locked for it.
type SlowError struct {
	Object string
	// Statements is how many changes the table would have been locked for, Took how
	// long as many of them have taken, or, above Most, some of them.
	Statements int
	Took, Most time.Duration
	// Waited is for how long there was no better moment.
	Waited time.Duration
}

func (e *SlowError) Error() string {
	s := e.Object + " was not locked"
	if e.Waited >= time.Second {
		s += " within " + e.Waited.Round(time.Second).String()
	}
	return fmt.Sprintf("%s: it would be for %d changes of its definition, and the server takes more than %s for them at present",
		s, e.Statements, e.Took.Round(time.Millisecond))
}

// moment rehearses a lock over n statements, and checks the lease, as is done under the
// lock again. Of the bounds for taking it, it returns what is left, or a SlowError. What was cut off is
// taken back without delay: there the app writes what nobody carries over.
func (r *run) moment(ctx context.Context, s plan.Step, b Bounds, n int) (Bounds, error) {
	begun := time.Now()
	if err := r.lease.still(ctx); err != nil {
		return b, err
	}
	trip := time.Since(begun)
	if b.Lock == 0 || r.cut[s.ID] {
		return b, nil
	}
	most := r.o.LockHold
	took, err := r.s.Rehearse(ctx, n, most)
	if err != nil {
		return b, fmt.Errorf("rehearsing what %s is locked for: %w", s.Lock.Object, err)
	}
	if took > most {
		return b, &SlowError{Object: s.Lock.Object, Statements: n, Took: took, Most: most}
	}
	b.Lock = max(b.Lock-took-trip, b.Lock/2)
	return b, nil
}
