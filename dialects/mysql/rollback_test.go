package mysql

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// A statement that we end may be over by the time: then what comes next is hit, and
// that may be the ROLLBACK. What was to be taken back must not be there afterwards,
// whatever the connection does next.
func TestRollbackThatIsHitTakesBack(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, n int NOT NULL)", "INSERT INTO t VALUES (1, 0)")
		failed := 0
		for i := range 300 {
			conn, err := b.s.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var id int64
			if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			tx, err := b.s.Begin(t.Context(), conn, executor.Bounds{Lock: time.Second})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), "UPDATE t SET n = n + 1 WHERE id = ?", 1); err != nil {
				t.Fatal(err)
			}
			var kill sync.WaitGroup
			kill.Go(func() {
				if i%2 == 0 {
					time.Sleep(time.Duration(i) * time.Microsecond) // nobody can be asked where in the ROLLBACK it is
				}
				if _, err := b.db.ExecContext(t.Context(), fmt.Sprintf("KILL QUERY %d", id)); err != nil {
					t.Error(err)
				}
			})
			if i%3 == 0 {
				kill.Wait()
			}
			if err := tx.Rollback(); err != nil {
				failed++
			}
			kill.Wait()
			if again, err := b.s.Begin(t.Context(), conn, executor.Bounds{}); err == nil {
				if err := again.Rollback(); err != nil {
					t.Logf("rolling back again: %v", err)
				}
			}
			_ = conn.Close()
		}
		t.Logf("%d rollbacks were hit", failed)
		if n := b.text("SELECT n FROM t"); n != "0" {
			t.Errorf("%s updates are there that were taken back", n)
		}
	})
}
