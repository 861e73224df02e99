package mysql

import (
	"context"
	"strings"
	"time"
)

// patience.go is about statements that work for long and then, at their end, need
// the table for themselves for a moment: rebuilds and builds of indexes. Ended
// there, they begin again from nothing. The bound on waiting for a lock is for
// those who wait behind us; while nobody does, such a statement goes on waiting.

// patientFor is how long that may be, in the servers' whole seconds. Then the
// statement ends after all, so that who is in the way is told, or ended.
const patientFor = time.Minute

// worksLong reports whether a statement of a plan does more than change the
// catalog: how it is done stands in it.
func worksLong(statement string) bool {
	return strings.Contains(statement, "ALGORITHM=INPLACE") || strings.Contains(statement, "ALGORITHM=COPY")
}

// queued reports whether a statement of somebody else waits for a table's lock,
// and may wait for us. Of all that waits anywhere on the server nothing is left
// out, and where we cannot see everybody, somebody counts as waiting: only who
// has the privilege PROCESS, which the monitor needs, too, sees others' sessions.
func (s *session) queued(ctx context.Context, id int64) bool {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	if _, _, err := s.trxs.read(ctx, s.control, monitorEvery); err != nil {
		return true
	}
	var n int
	err := s.control.QueryRowContext(ctx, "SELECT COUNT(*) FROM information_schema.processlist WHERE id <> ? AND "+waitState("state"), id).Scan(&n)
	return err != nil || n > 0
}
