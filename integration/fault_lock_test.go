package integration

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestLostAdvisoryLock: the session that has the executor's lock does nothing else, and servers end such sessions; whoever
// comes then is refused still, and the run goes on.
func TestLostAdvisoryLock(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 20_000)
		watch, wait := w.expanding(t, executor.Options{RowsPerSecond: 2000}, addB)
		eventually(t, "the backfill", func() bool {
			all, _ := watch.backfills(time.Time{})
			return len(all) > 0
		})
		const holder = "SELECT COALESCE(MAX(pid), 0) FROM pg_locks WHERE locktype = 'advisory' AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
		holding := func() int64 {
			return w.number(t, w.either(holder, "SELECT COALESCE(IS_USED_LOCK(CONCAT('migrate:', DATABASE())), 0)"))
		}
		was := holding()
		if was == 0 {
			t.Fatal("nobody has the lock")
		}
		w.exec(t, fmt.Sprintf(w.either("SELECT pg_terminate_backend(%d)", "KILL %d"), was))
		eventually(t, "the lock to be taken again", func() bool { n := holding(); return n != 0 && n != was })
		second := w.migrate(t, executor.Options{Wait: time.Millisecond})
		held := (*executor.LeaseHeldError)(nil)
		if state, err := second.expand(t.Context(), file("0007_double", addB)); !errors.As(err, &held) {
			t.Errorf("a second run ends with %v in state %s", err, state)
		}
		state, err := wait()
		reaches(t, executor.Open, state, err)
	})
}
