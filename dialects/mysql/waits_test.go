package mysql

import (
	"errors"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// Who holds the row that a statement of ours waits for is known, and who only
// waits for it before us is not taken for one who holds it.
func TestWaits(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		release := b.held()
		if found, err := b.s.Waits(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("nobody of ours waits, but: %v, %v", found, err)
		}
		var holder int64
		if err := b.db.QueryRowContext(t.Context(), "SELECT trx_mysql_thread_id FROM information_schema.innodb_trx ORDER BY trx_started LIMIT 1").Scan(&holder); err != nil {
			t.Fatal(err)
		}
		first := make(chan error, 1)
		go func() {
			_, err := b.db.ExecContext(t.Context(), "UPDATE t SET a = 6 WHERE id = 1")
			first <- err
		}()
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		ours := make(chan error, 1)
		go func() {
			ours <- b.s.Exec(t.Context(), conn, executor.Bounds{Lock: 20 * time.Second}, "UPDATE t SET a = 7 WHERE id = 1")
		}()
		var found []executor.Blocker
		for deadline := time.Now().Add(15 * time.Second); len(found) == 0; {
			if found, err = b.s.Waits(t.Context()); err != nil {
				t.Fatal(err)
			}
			if time.Now().After(deadline) {
				t.Fatal("who holds the row was not found")
			}
		}
		if len(found) != 1 || found[0].Suspected {
			t.Errorf("one session holds the row, but: %+v", found)
		}
		release()
		if err := errors.Join(<-first, <-ours); err != nil {
			t.Error(err)
		}
		// The last news may be shown for a moment; the monitor says that it is over.
		if found, err := b.s.Waits(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("nobody waits any more, but: %v, %v", found, err)
		}
	})
}
