package mysql

import (
	"errors"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// A rebuild waits for its last lock while nobody waits behind it, and ends when
// somebody does.
func TestRebuildWaitsWhileNobodyElseDoes(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		const rebuild = "ALTER TABLE t FORCE, ALGORITHM=INPLACE, LOCK=NONE"
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int)", "INSERT INTO t VALUES (1, 1)")
		for _, behind := range []bool{true, false} {
			reader, err := b.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			var n int
			if err := reader.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil {
				t.Fatal(err)
			}
			conn, err := b.s.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var id int64
			if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			begun, others := time.Now(), false
			go func() { done <- b.s.Exec(t.Context(), conn, executor.Bounds{Lock: 300 * time.Millisecond}, rebuild) }()
			b.until("the rebuild waits", func() bool { w, _ := b.s.waits(t.Context(), id); return w != nothing })
			if behind {
				if _, err := b.db.ExecContext(t.Context(), "UPDATE t SET a = a + 1"); err != nil {
					t.Error(err)
				}
				if err := <-done; !errors.Is(err, errLockTimeout) {
					t.Errorf("with a writer behind it: %v", err)
				}
			}
			if !behind {
				b.until("it has waited for long", func() bool {
					others = others || b.s.queued(t.Context(), id)
					return len(done) > 0 || time.Since(begun) > 900*time.Millisecond
				})
			}
			if err := reader.Rollback(); err != nil {
				t.Fatal(err)
			}
			if !behind {
				// Those of other tests on this server count, too.
				if err := <-done; err != nil && (!others || !errors.Is(err, errLockTimeout)) {
					t.Errorf("with nobody behind it: %v", err)
				}
			}
			if err := b.s.Reset(t.Context(), conn); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
