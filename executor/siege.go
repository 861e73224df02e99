package executor

import (
	"context"
	"database/sql"
	"sync"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// siege.go looks at the sessions in our way, and ends those that stay there, for
// who has asked for that. It never happens otherwise.

// siege is since when each session has been seen in the way of one piece of work.
type siege struct {
	*run
	step, object string

	seen map[int64]*sighting
	// told: it has been said that suspects are left alone.
	told bool
}

type sighting struct {
	first time.Time
	tried bool
}

func (r *run) siege(step, object string) *siege {
	return &siege{run: r, step: step, object: object, seen: map[int64]*sighting{}}
}

// grain is how exactly a server may tell a transaction's age.
const grain = 2 * time.Second

// lift ends the sessions that have been in the way, with the same transaction,
// for as long as the user grants them. found are all who are in the way now.
func (s *siege) lift(ctx context.Context, found []Blocker) {
	there := map[int64]*sighting{}
	for _, b := range found {
		there[b.PID] = s.sight(ctx, b)
	}
	s.seen = there
}

// sight notes a session that is in the way, and ends it if it has been for too long.
func (s *siege) sight(ctx context.Context, b Blocker) *sighting {
	now := time.Now()
	at := s.seen[b.PID]
	if at == nil || b.Age+grain < now.Sub(at.first) {
		at = &sighting{first: now} // it is new here, or at another transaction
		s.seen[b.PID] = at
	}
	after := s.o.KillBlockersAfter
	if after <= 0 || now.Sub(at.first) < after || at.tried || b.Suspected && s.told {
		return at
	}
	at.tried = true
	s.told = s.told || b.Suspected
	s.end(ctx, b)
	return at
}

// end ends one session. The journal has it before it happens. That a suspect is
// left alone is merely told: the engine says what it lacks.
func (s *siege) end(ctx context.Context, b Blocker) {
	if b.Suspected {
		s.r.Report(BlockerEnded{Migration: s.rec.Name, Step: s.step, Object: s.object, Blocker: b, Err: s.s.EndBlocker(ctx, b)})
		return
	}
	err := s.note(ctx, eventIntent, b.String())
	if err == nil {
		err = s.s.EndBlocker(ctx, b)
		event, detail := eventDone, b.String()
		if err != nil {
			event, detail = eventFailed, b.String()+": "+s.s.Redact(err).Error()
		}
		// That it cannot be noted twice does not undo it; the intent is there.
		_ = s.note(ctx, event, detail)
	}
	if err != nil {
		err = s.s.Redact(err)
	}
	s.r.Report(BlockerEnded{Migration: s.rec.Name, Step: s.step, Object: s.object, Blocker: b, Err: err})
}

func (s *siege) note(ctx context.Context, event, detail string) error {
	e := s.entry(plan.Step{ID: s.step}, actionKill, event, detail)
	return s.inTx(ctx, s.lease, func(tx *sql.Tx) error { return s.st.journal(ctx, tx, e) })
}

// How often it is asked whom a statement waits for that is under way, and from
// when on it is told. A wait for a row may be as short as its lock timeout, and is
// looked at in between.
const (
	vigilEvery = time.Second
	rowsEvery  = 125 * time.Millisecond
)

// vigil watches, while work goes on, for whom it waits, until the returned
// function is called: that tells who was seen last.
func (s *siege) vigil(ctx context.Context, every time.Duration, tell func([]Blocker)) (stop func() []Blocker) {
	looking, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var last []Blocker
	wg.Go(func() {
		for sleep(looking, every) == nil {
			found, err := s.s.Waits(looking)
			if err != nil || len(found) == 0 {
				continue // a convenience: what waits is bounded, or blocks nobody
			}
			last = found
			if tell != nil {
				tell(found)
			}
			for _, b := range found {
				s.sight(ctx, b) // to its end: what is begun is recorded
			}
		}
	})
	return func() []Blocker {
		cancel()
		wg.Wait()
		return last
	}
}
