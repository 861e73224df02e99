package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// verify_replica.go spares the database the reading: a replica is compared
// instead. What it shows is the truth of an instant that is over, which does for
// rows that agree; where they do not, the database itself is asked.

// catchUpWithin is how long a replica has to show what the database held when
// its verification began.
const catchUpWithin = time.Minute

// comesWithin is how long migrate's own tables may be missing there: a replica that is
// behind has not been told of them yet, and another database never will be.
const comesWithin = 10 * time.Second

// errBehind says that a replica does not show a heartbeat.
var errBehind = fmt.Errorf("it has not shown a heartbeat of this run within %s: it is too far behind, or a replica of another database", catchUpWithin)

// verifyReplica is verifyAll on a replica. A table that agrees there is not
// recorded as verified: no gate takes a replica's word.
func (r *run) verifyReplica(ctx context.Context, _ bool) ([]Verified, error) {
	if err := r.shows(ctx, r.o.VerifyOn); err != nil {
		return nil, fmt.Errorf("verifying on the replica: %w", r.s.Redact(err))
	}
	var out []Verified
	for _, v := range r.rec.Plan.Verify {
		if r.switched(v.Counts.Label) {
			continue
		}
		found, err := r.compare(ctx, v.Counts, r.o.VerifyOn)
		if err != nil {
			return nil, fmt.Errorf("on the replica: %w", err)
		}
		if there := found.Mismatches; there > 0 {
			if found, err = r.verifyTable(ctx, v.Counts); err != nil {
				return nil, err
			}
			found.OnReplica = max(0, there-found.Mismatches)
		}
		out = append(out, found)
	}
	return out, nil
}

// shows waits until a replica shows a heartbeat that is written now. Beats of
// this kind are below zero: those that measure lag count from one.
func (r *run) shows(ctx context.Context, on Session) error {
	beat := -r.marks.Add(1)
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		_, err := r.st.exec(ctx, tx, `UPDATE {pulse} SET token = ?, beat = ?, updated_at = {now} WHERE id = 1`, r.lease.token, beat)
		return err
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, catchUpWithin, errBehind)
	defer cancel()
	begun := time.Now()
	for {
		var token, seen int64
		err := on.DB().QueryRowContext(ctx, r.st.l.sqlText(`SELECT token, beat FROM {pulse} WHERE id = 1`)).Scan(&token, &seen)
		switch {
		case err == nil && token == r.lease.token && seen == beat:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err != nil && !errors.Is(err, sql.ErrNoRows) && on.Classify(err) == Other && time.Since(begun) > comesWithin:
			return fmt.Errorf("looking for a heartbeat for %s (one that is behind may not have migrate's tables yet): %w", comesWithin, err)
		}
		if err := sleep(ctx, 50*time.Millisecond); err != nil {
			return context.Cause(ctx)
		}
	}
}
