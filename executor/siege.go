package executor

import (
	"context"
	"database/sql"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// siege.go ends sessions that stay in the way of a step's lock, for who has
// asked for that. It never happens otherwise.

// siege is since when each session has been seen in the way of one step's lock.
type siege map[int64]*sighting

type sighting struct {
	first time.Time
	tried bool
}

// grain is how exactly a server may tell a transaction's age.
const grain = 2 * time.Second

// lift ends the sessions that have been in the way, with the same transaction,
// for as long as the user grants them.
func (r *run) lift(ctx context.Context, s plan.Step, found []Blocker, seen siege) {
	if r.o.KillBlockersAfter <= 0 {
		return
	}
	now := time.Now()
	there := siege{}
	for _, b := range found {
		at := seen[b.PID]
		if at == nil || b.Age+grain < now.Sub(at.first) {
			at = &sighting{first: now} // it is new here, or at another transaction
		}
		there[b.PID] = at
		if now.Sub(at.first) >= r.o.KillBlockersAfter && !at.tried {
			at.tried = true
			r.end(ctx, s, b)
		}
	}
	clear(seen)
	for pid, at := range there {
		seen[pid] = at
	}
}

// end ends one session. The journal has it before it happens.
func (r *run) end(ctx context.Context, s plan.Step, b Blocker) {
	err := r.noteKill(ctx, s, eventIntent, b.String())
	if err == nil {
		err = r.s.EndBlocker(ctx, b)
		event, detail := eventDone, b.String()
		if err != nil {
			event, detail = eventFailed, b.String()+": "+r.s.Redact(err).Error()
		}
		// That it cannot be noted twice does not undo it; the intent is there.
		_ = r.noteKill(ctx, s, event, detail)
	}
	if err != nil {
		err = r.s.Redact(err)
	}
	r.r.Report(BlockerEnded{Migration: r.rec.Name, Step: s.ID, Object: s.Lock.Object, Blocker: b, Err: err})
}

func (r *run) noteKill(ctx context.Context, s plan.Step, event, detail string) error {
	return r.inTx(ctx, r.lease, func(tx *sql.Tx) error { return r.st.journal(ctx, tx, r.entry(s, actionKill, event, detail)) })
}
