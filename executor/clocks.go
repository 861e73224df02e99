package executor

import (
	"context"
	"fmt"
	"time"
)

// clocks.go: what outlasts a process is timed by clocks that people and NTP move,
// the server's and this machine's. What is over too early does harm (a grace lets
// go of data, a soak lets contract begin), what is over too late does none. So an
// instant to come is reckoned from the later of both clocks, and it has come, or a
// time has passed, when both say so. One clock that jumps ends nothing. Whatever
// is timed within one process goes by its monotonic clock.

// after is the instant that comes so long after now.
func (e *Executor) after(ctx context.Context, from runner, d time.Duration) (time.Time, error) {
	var now time.Time
	if err := from.QueryRowContext(ctx, e.st.l.sqlText(`SELECT {now}`)).Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("reading the server's clock: %w", err)
	}
	if here := e.o.Clock(); here.After(now) {
		now = here
	}
	return now.Add(d).UTC(), nil
}

// graceLeft is how much of the grace is left, by the clock that says more.
func (e *Executor) graceLeft(rec *record) time.Duration {
	var left time.Duration
	if rec.GraceLeft.Valid {
		left = seconds(rec.GraceLeft.Float64)
	}
	if rec.GraceUntil.Valid {
		left = max(left, rec.GraceUntil.Time.Sub(e.o.Clock()))
	}
	return max(0, left)
}

// passed is how long ago something was, by the clock that says less. age is what
// the server says.
func (e *Executor) passed(since time.Time, age time.Duration) time.Duration {
	return min(age, e.o.Clock().Sub(since))
}
