package executor

import (
	"context"
	"fmt"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Rests: while others use the server, tables are let alone after each lock. Whoever
// came meanwhile has to be served, too, and what queues up in an application behind one
// lock is not gone when the next is taken: a phase of twenty short locks in a row would
// cost it as much as one of their length together. So locks take a hundredth of the
// time: that many requests meet one, at most, and an application's p99 does not show it.
// (Behind a lock of more than a hundredth of the longest rest that does not hold.)

const (
	// UsualRest is the longest rest that the command line lets tables have (Options.LockRest).
	UsualRest = 3 * time.Second
	// restFor is how many times as long as a lock took the rest behind it is.
	restFor = 100
	// leastRest is the shortest one worth taking.
	leastRest = 20 * time.Millisecond
)

// holding counts the time since then as time that others may have waited for the step.
func (r *run) holding(since time.Time) { r.held += time.Since(since) }

// rest lets a step's table alone for a while, if others are at work. What was done is
// in the journal; a run that ends meanwhile has lost nothing.
func (r *run) rest(ctx context.Context, s plan.Step) error {
	held := r.held
	r.held = 0
	most := min(held*restFor, r.o.LockRest)
	if s.Lock.Object == "" || s.LockTimeoutMS == 0 || most < leastRest {
		return nil
	}
	begun := time.Now()
	why := r.othersAtWork(ctx)
	if why == "" {
		return nil
	}
	r.r.Report(Rests{Migration: r.rec.Name, Step: s.ID, Object: s.Lock.Object, Held: held, Rest: most, Why: why})
	return sleep(ctx, most-time.Since(begun))
}

// othersAtWork says what others are doing on the server at this moment; empty: hardly
// anything. Where it cannot be measured they are taken to be at work.
func (r *run) othersAtWork(ctx context.Context) string {
	m, ok := r.s.(Meter)
	if !ok || !m.Measures(OthersStatements) {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, 2*lookEvery)
	defer cancel()
	rate, _, err := m.Measure(ctx, OthersStatements, "")
	switch {
	case err != nil:
		return unmeasured(r.s.Redact(err))
	case rate > SomeWork:
		return atWork(rate)
	}
	return ""
}

// unmeasured and atWork say why way is given to others.
func unmeasured(err error) string {
	return "it cannot be measured whether others are at work: " + oneLine(err)
}

func atWork(rate float64) string { return fmt.Sprintf("others run about %.0f statements/s", rate) }
