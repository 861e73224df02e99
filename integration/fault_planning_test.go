package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestPlanningWaitsForALock: a lock that keeps expand from looking at a table is
// waited for, and is no reason to fail.
func TestPlanningWaitsForALock(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		h := w.migrate(t, executor.Options{})
		if err := h.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		conn, err := w.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		for _, s := range strings.Split(w.either("BEGIN;LOCK TABLE users", "LOCK TABLES users WRITE"), ";") {
			if _, err := conn.ExecContext(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		released := time.AfterFunc(3*time.Second, func() { // longer than MySQL's one second
			_, _ = conn.ExecContext(t.Context(), w.either("ROLLBACK", "UNLOCK TABLES"))
		})
		defer released.Stop()
		state, err := h.expand(t.Context(), file("0007_split_name", splitName(w)))
		reaches(t, executor.Open, state, err)
	})
}
