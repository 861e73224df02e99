package executor

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// crowd is a server at whose table there are transactions, told by their ages.
type crowd struct {
	Session
	ages func() []time.Duration
}

func (c *crowd) Blockers(context.Context, plan.Lock) ([]Blocker, error) {
	out := []Blocker{{PID: -1, Age: time.Hour, Maintains: true}} // who is never waited for here
	for i, age := range c.ages() {
		out = append(out, Blocker{PID: int64(i), Age: age})
	}
	return out, nil
}

// waits are the LockWaits that were reported.
type waits []LockWait

func (w *waits) Report(e Event) {
	if l, ok := e.(LockWait); ok {
		*w = append(*w, l)
	}
}

// TestNobodyQueuesBehindAnOldTransaction: it is waited for without queueing, for the longer the older it is and
// the earlier the attempt.
func TestNobodyQueuesBehindAnOldTransaction(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	since := func(age, until time.Duration) func(time.Duration) []time.Duration { // it began before, and ends later
		return func(now time.Duration) []time.Duration {
			if now >= until {
				return nil
			}
			return []time.Duration{age + now}
		}
	}
	always := func(ages ...time.Duration) func(time.Duration) []time.Duration {
		return func(time.Duration) []time.Duration { return ages }
	}
	for name, c := range map[string]struct {
		ages         func(now time.Duration) []time.Duration
		attempt      int
		atLeast, max time.Duration
		told         int
	}{
		"nobody":                                {always(), 1, 0, 0, 0},
		"those that have just begun":            {always(0, 3*ms, 24*ms), 1, 0, 0, 0},
		"one that ends soon":                    {since(40*ms, 400*ms), 1, 400 * ms, 450 * ms, 0},
		"some one always":                       {always(40*ms, ms), 1, 500 * ms, 550 * ms, 0},
		"some one always, by the next attempt":  {always(40*ms, ms), 2, 0, 0, 0},
		"half a second, after many attempts":    {always(500 * ms), 7, 0, 0, 0},
		"a long one, after many attempts":       {since(time.Minute, 3*time.Second), 12, 3 * time.Second, 3300 * ms, 1},
		"a long one that does not end":          {always(time.Minute), 1, 10 * time.Second, 10300 * ms, 1},
		"one that gets long while it is looked": {since(500*ms, 5*time.Second), 1, 5 * time.Second, 5300 * ms, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			begun := time.Now()
			server := &crowd{ages: func() []time.Duration { return c.ages(time.Since(begun)) }}
			told := &waits{}
			r := &run{Executor: &Executor{s: server, r: &serialReporter{to: told}, o: Options{LockDeadline: time.Hour}}, rec: &record{Name: "m"}}
			s := plan.Step{ID: "expand-1", Lock: plan.Lock{Mode: "X", Object: "t"}, LockTimeoutMS: 300}
			r.waitForLong(t.Context(), s, c.attempt, begun, r.siege(s.ID, "t"))
			if took := time.Since(begun); took < c.atLeast || took > c.max {
				t.Errorf("%s: waited %s, want %s to %s", name, took, c.atLeast, c.max)
			}
			if len(*told) != c.told {
				t.Errorf("%s: told %d times, want %d", name, len(*told), c.told)
			}
		})
	}
}

// TestAttemptsQueueLongerEachTime: up to the step's bound; one that is not for others' sake holds at once.
func TestAttemptsQueueLongerEachTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		timeoutMS int
		want      [4]time.Duration
	}{
		{300, [4]time.Duration{75 * time.Millisecond, 150 * time.Millisecond, 300 * time.Millisecond, 300 * time.Millisecond}},
		{50, [4]time.Duration{50 * time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond, 50 * time.Millisecond}},
		{2000, [4]time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}},
		{0, [4]time.Duration{}},
	} {
		for i, want := range c.want {
			if b := boundsAt(plan.Step{LockTimeoutMS: c.timeoutMS, StatementTimeoutMS: 10_000}, i+1); b.Lock != want || b.Statement != 10*time.Second {
				t.Errorf("attempt %d of %d ms: %+v, want %s", i+1, c.timeoutMS, b, want)
			}
		}
	}
	if b := boundsAt(plan.Step{LockTimeoutMS: 300}, 1000); b.Lock != 300*time.Millisecond || tooOld(1000) != longWait {
		t.Errorf("after a thousand attempts: %+v, behind what is not older than %s", b, tooOld(1000))
	}
}
