package mysql

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// questions is how many statements the server has counted of a connection, this
// one included.
func questions(t *testing.T, conn *sql.Conn) int64 {
	t.Helper()
	var name, n string
	if err := conn.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Questions'").Scan(&name, &n); err != nil {
		t.Fatal(err)
	}
	count, err := strconv.ParseInt(n, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// TestOurStatementsAreCountedAsTheServerDoes: whatever a session does, else the
// difference would be taken for somebody else's.
func TestOurStatementsAreCountedAsTheServerDoes(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, n int NOT NULL)", "INSERT INTO orders (n) VALUES (1), (2)")
		conn, err := b.s.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		// A connection's own statements before this session counted them all.
		if all, ours := questions(t, conn), b.s.tally.sent.Load(); ours < all {
			t.Errorf("we counted %d statements until here, the server %d of one connection", ours, all)
		}
		transaction := func(bounds executor.Bounds, end func(*sql.Tx) error) {
			t.Helper()
			tx, err := b.s.Begin(t.Context(), conn, bounds)
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				if _, err := tx.ExecContext(t.Context(), "UPDATE orders SET n = n + ? WHERE id = ?", 1, 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := end(tx); err != nil {
				t.Fatal(err)
			}
		}
		work := func() {
			transaction(executor.Bounds{Lock: time.Second, Statement: time.Minute, Bypass: true}, (*sql.Tx).Commit)
			transaction(executor.Bounds{}, (*sql.Tx).Rollback)
			tx, err := conn.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := tx.Commit(); err != nil {
				t.Fatal(err)
			}
			var n int
			for range 3 {
				if err := conn.QueryRowContext(t.Context(), "SELECT n FROM orders WHERE id > ? ORDER BY id LIMIT 1", 0).Scan(&n); err != nil {
					t.Fatal(err)
				}
			}
			if err := conn.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM orders").Scan(&n); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.ExecContext(t.Context(), "SELECT no_such_column FROM orders"); err == nil {
				t.Fatal("there is such a column")
			}
			if err := b.s.Exec(t.Context(), conn, executor.Bounds{Lock: time.Second}, "ALTER TABLE orders COMMENT 'x'"); err != nil {
				t.Fatal(err)
			}
			for _, message := range [][]string{
				{"LOCK TABLES orders WRITE"},
				{"ALTER TABLE orders COMMENT 'y'", "ALTER TABLE orders COMMENT ''", unlockTables}, // at once
			} {
				if err := b.s.Exec(t.Context(), conn, executor.Bounds{Lock: time.Second}, message...); err != nil {
					t.Fatal(err)
				}
			}
			transaction(executor.Bounds{}, func(tx *sql.Tx) error {
				return errors.Join(b.s.ExecTx(t.Context(), tx, "UPDATE orders SET n = 1", "UPDATE orders SET n = 2", "DELETE FROM orders WHERE id > 100"), tx.Commit())
			})
			if err := b.s.Reset(t.Context(), conn); err != nil {
				t.Fatal(err)
			}
			if err := conn.PingContext(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		// On a busy server statements are watched, over other connections.
		for try := 1; ; try++ {
			all, ours := questions(t, conn), b.s.tally.sent.Load()
			work()
			all, ours = questions(t, conn)-all, b.s.tally.sent.Load()-ours
			if all < 20 || ours < all || ours > all && try == 10 {
				t.Errorf("we counted %d statements, the server %d", ours, all)
			}
			if ours <= all || try == 10 {
				break
			}
		}
		if sent, answered := b.s.tally.sent.Load(), b.s.tally.answered.Load(); sent != answered {
			t.Errorf("%d statements were sent and %d answered", sent, answered)
		}
	})
}

// TestOthersStatementsAreCounted: as many as there are at least; tests that share
// the server may run more.
func TestOthersStatementsAreCounted(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		ctx := context.WithoutCancel(t.Context())
		if _, err := b.s.otherStatements(ctx); err != nil {
			t.Fatal(err)
		}
		before := b.s.others.last
		for range 100 {
			b.exec("DO 1")
		}
		b.s.others.last = before // however long that took
		b.s.others.last.at = time.Now().Add(-time.Second)
		rate, err := b.s.otherStatements(ctx)
		if err != nil || rate < 90 {
			t.Errorf("of 100 statements of others in about a second %g a second are counted, %v", rate, err)
		}
	})
}
