package executor

import (
	"context"
	"errors"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Whoever queues for a strong lock makes everybody behind it wait, too. So nobody queues
// behind a transaction that has been open for a while, as it may be for as long again: it
// is waited for without queueing. How old is too old, and for how long we queue then, is
// little at first, and more with each attempt that was in vain.
const (
	// youngest is from which age a transaction is waited for before the first attempt.
	youngest = 25 * time.Millisecond
	// longWait is from which age it is before any.
	longWait = time.Second
	// shortWait and longestWait are how long we wait for such a moment before we queue all the
	// same: where all transactions together leave no such moment, and where a single
	// one is in the way, since what the server reports of locks may be imprecise.
	shortWait   = 500 * time.Millisecond
	longestWait = 10 * time.Second
	// lookForYoung and lookForLong are how often it is looked for one.
	lookForYoung = 50 * time.Millisecond
	lookForLong  = 200 * time.Millisecond
	// firstQueue is for how long the first attempt queues. A step's own bound of more than
	// noticeable is not for the sake of those behind it, and holds from the beginning.
	firstQueue = 75 * time.Millisecond
	noticeable = 350 * time.Millisecond
)

// tooOld is from which age on a transaction is waited for before attempt n (from 1).
func tooOld(n int) time.Duration { return min(longWait, youngest<<min(n-1, 10)) }

// boundsAt are the bounds of attempt n (from 1).
func boundsAt(s plan.Step, n int) Bounds {
	b := bounds(s)
	if b.Lock <= noticeable {
		b.Lock = min(b.Lock, firstQueue<<min(n-1, 10))
	}
	return b
}

// patiently repeats an attempt for as long as it fails for reasons that pass:
// a lock that somebody holds, a deadlock, a lost connection.
func (r *run) patiently(ctx context.Context, s plan.Step, try func(Bounds) error) error {
	begun := time.Now()
	lost := 0
	var blockers []Blocker
	seen := r.siege(s.ID, s.Lock.Object)
	for n := 1; ; n++ {
		blockers = r.waitForLong(ctx, s, n, begun, seen)
		err := r.watched(ctx, s, n, begun, seen, func() error { return try(boundsAt(s, n)) })
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if slow := new(SlowError); errors.As(err, &slow) {
			if err := r.waitForMoment(ctx, s, n, begun, slow); err != nil {
				return err
			}
			continue
		}
		switch r.s.Classify(err) {
		case LockTimeout:
			r.tellWait(ctx, s, n, begun, &blockers)
		case Transient:
		case Disconnected:
			if lost++; lost > 5 {
				return r.s.Redact(err)
			}
			done, again := r.afterLoss(ctx, s)
			if again != nil {
				return errors.Join(r.s.Redact(err), again)
			}
			if done {
				return nil
			}
		case Other, BadRow, Exists:
			_ = r.s.Reset(context.WithoutCancel(ctx), r.conn)
			return r.s.Redact(err)
		}
		if resetErr := r.s.Reset(ctx, r.conn); resetErr != nil {
			if err := r.reconnect(ctx); err != nil {
				return err
			}
		}
		if waited := time.Since(begun); waited > r.o.LockDeadline {
			return &BlockedError{Object: s.Lock.Object, Waited: waited, Blockers: blockers, Err: r.s.Redact(err)}
		}
		if err := sleep(ctx, jitter(n)); err != nil {
			return err
		}
	}
}

// waitForMoment tells that the server is too slow for a step, and waits. Nothing has
// been locked.
func (r *run) waitForMoment(ctx context.Context, s plan.Step, n int, begun time.Time, slow *SlowError) error {
	slow.Waited = time.Since(begun)
	if slow.Waited > r.o.LockDeadline {
		return slow
	}
	r.r.Report(LockWait{Migration: r.rec.Name, Step: s.ID, Object: s.Lock.Object, Attempt: n, Waited: slow.Waited, Slow: slow})
	return sleep(ctx, jitter(n))
}

// watched makes an attempt. One whose wait for others has no bound, as that of a
// concurrent index build for all transactions that began before, tells for whom.
func (r *run) watched(ctx context.Context, s plan.Step, n int, begun time.Time, seen *siege, try func() error) error {
	if s.LockTimeoutMS > 0 || s.Lock.Object == "" {
		return try()
	}
	stop := seen.vigil(ctx, vigilEvery, func(found []Blocker) {
		r.r.Report(LockWait{Migration: r.rec.Name, Step: s.ID, Object: s.Lock.Object, Attempt: n, Waited: time.Since(begun), Blockers: found})
	})
	defer stop()
	return try()
}

// waitForLong waits, without queueing, while transactions that have been open
// for long hold what the step needs, and for a while for those that have not been open for so long.
func (r *run) waitForLong(ctx context.Context, s plan.Step, n int, begun time.Time, seen *siege) []Blocker {
	if s.Lock.Object == "" || s.LockTimeoutMS == 0 {
		return nil
	}
	var long []Blocker
	looked := time.Now()
	for told := false; ; {
		all, err := r.s.Blockers(ctx, s.Lock)
		if err != nil {
			return nil // a convenience: the attempt itself is bounded
		}
		seen.lift(ctx, all)
		var old bool
		long = long[:0]
		for _, b := range all {
			if b.Maintains {
				continue // it may go on for hours, unless somebody waits for it as Clear does
			}
			old = old || b.Age >= tooOld(n)
			if b.Age >= longWait {
				long = append(long, b)
			}
		}
		every, most := lookForYoung, shortWait
		if len(long) > 0 {
			every, most = lookForLong, longestWait
		}
		if !old || time.Since(looked) >= most {
			return long
		}
		if len(long) > 0 && !told {
			told = true
			r.r.Report(LockWait{Migration: r.rec.Name, Step: s.ID, Object: s.Lock.Object, Attempt: n, Waited: time.Since(begun), Blockers: long})
		}
		if sleep(ctx, every) != nil || time.Since(begun) > r.o.LockDeadline {
			return long
		}
	}
}

func (r *run) tellWait(ctx context.Context, s plan.Step, n int, begun time.Time, blockers *[]Blocker) {
	if found, err := r.s.Blockers(ctx, s.Lock); err == nil && len(found) > 0 {
		*blockers = found
	}
	r.r.Report(LockWait{Migration: r.rec.Name, Step: s.ID, Object: s.Lock.Object, Attempt: n, Waited: time.Since(begun), Blockers: *blockers})
}

// afterLoss connects again after the connection was lost with the outcome
// unknown, and asks the journal whether the step had got through.
func (r *run) afterLoss(ctx context.Context, s plan.Step) (done bool, err error) {
	for try := 1; ; try++ {
		if err = r.reconnect(ctx); err == nil {
			var known map[string]stepState
			if known, err = r.st.steps(ctx, r.rec.Name, r.rec.Run); err == nil {
				before, now := r.known[s.ID], known[s.ID]
				r.known = known
				// What was intended is what must be done: not, say, that it was
				// taken back before it was to be tried again.
				meant := before.event != eventIntent || before.action == now.action
				done := before != now && meant && now.event == eventDone
				if done {
					err = r.lease.catchUp(ctx)
				}
				if err == nil {
					return done, nil
				}
			}
		}
		if try == 10 {
			return false, err
		}
		if err := sleep(ctx, jitter(try)); err != nil {
			return false, err
		}
	}
}
