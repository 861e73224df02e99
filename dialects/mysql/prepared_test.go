package mysql

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// counter reads one of the connection's own counters.
func counter(t *testing.T, conn *sql.Conn, name string) (n int) {
	t.Helper()
	if err := conn.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE '"+name+"'").Scan(new(string), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A statement that runs again and again is prepared once, and goes on when its
// table has changed; only so many are kept.
func TestStatementsArePreparedOnce(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int)", "INSERT INTO t VALUES (1, 1)")
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		chunk := func(n int) {
			t.Helper()
			tx, err := b.s.Begin(t.Context(), conn, executor.Bounds{Lock: 300 * time.Millisecond, Bypass: true})
			if err != nil {
				t.Fatal(err)
			}
			defer tx.Rollback() //nolint:errcheck // done if committed
			if _, err := tx.ExecContext(t.Context(), "UPDATE t SET a = ? WHERE id = ?", n, 1); err != nil {
				t.Fatal(err)
			}
			var a int
			var b sql.NullString
			if err := tx.QueryRowContext(t.Context(), "SELECT t.*, NULL FROM t WHERE id = ?", 1).Scan(new(int), &a, &b); err != nil || a != n {
				t.Fatalf("%d, %v; want %d", a, err, n)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		for n := range 10 {
			chunk(n)
		}
		if n := counter(t, conn, "Com_stmt_prepare"); n != 2 {
			t.Errorf("two statements that ran ten times were prepared %d times", n)
		}
		b.exec("ALTER TABLE t MODIFY a bigint")
		chunk(11)
		b.exec("ALTER TABLE t ADD COLUMN c varchar(10) DEFAULT 'new'")
		var c string
		if err := conn.QueryRowContext(t.Context(), "SELECT * FROM t WHERE id = ?", 1).Scan(new(int), new(int), &c); err != nil || c != "new" {
			t.Errorf("%q, %v", c, err)
		}
		const others = 3 * mostPrepared
		for n := range others {
			if err := conn.QueryRowContext(t.Context(), fmt.Sprintf("SELECT a + %d FROM t WHERE id = ?", n), 1).Scan(new(int)); err != nil {
				t.Fatal(err)
			}
		}
		if kept := 3 + others - counter(t, conn, "Com_stmt_close"); kept != mostPrepared {
			t.Errorf("%d statements are kept, want %d", kept, mostPrepared)
		}
	})
}

// Preparing needs the table too: that is waited for within the bounds.
func TestPreparingIsBounded(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int)")
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		other, err := b.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close() //nolint:errcheck // it goes back to the pool
		for _, q := range []string{"LOCK TABLES t WRITE", "UNLOCK TABLES"} {
			if _, err := other.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
			tx, err := b.s.Begin(t.Context(), conn, executor.Bounds{Lock: 300 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			_, err = tx.ExecContext(t.Context(), "UPDATE t SET a = ? WHERE id = ?", 1, 1)
			if locked := q == "LOCK TABLES t WRITE"; locked && !errors.Is(err, errLockTimeout) || !locked && err != nil {
				t.Errorf("after %s: %v", q, err)
			}
			if err := tx.Rollback(); err != nil {
				t.Error(err)
			}
		}
	})
}
