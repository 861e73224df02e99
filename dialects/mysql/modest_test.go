package mysql

import (
	"database/sql"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

const rebuild = "ALTER TABLE t FORCE, ALGORITHM=INPLACE, LOCK=NONE"

// TestRebuildsAreModestBesideOthers: the connection that rebuilds a table uses one
// thread while others are at work; MariaDB has no such number.
func TestRebuildsAreModestBesideOthers(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		conn, err := b.s.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		threads := func() string {
			var name string
			var n sql.NullString
			if err := conn.QueryRowContext(t.Context(), "SHOW SESSION VARIABLES LIKE 'innodb_ddl_threads'").Scan(&name, &n); err != nil {
				return "none"
			}
			return n.String
		}
		usual := threads()
		for deadline := time.Now().Add(20 * time.Second); ; {
			for range 100 {
				b.exec("SELECT 1")
			}
			b.s.modest(t.Context(), conn)
			if got := threads(); got == "1" || usual == "none" {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("beside others it uses %s threads", got)
			}
		}
		if b.d.maria != (usual == "none") {
			t.Errorf("the server uses %s threads", usual)
		}
		if b.d.maria {
			return
		}
		// Under a lock others would wait for the look, too.
		b.exec("CREATE TABLE t (id int PRIMARY KEY)")
		others := func() {
			for range 200 {
				b.exec("SELECT 1")
			}
		}
		exec := func(statement string) {
			t.Helper()
			if err := b.s.Exec(t.Context(), conn, executor.Bounds{Lock: time.Second}, statement); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "SET SESSION innodb_ddl_threads = DEFAULT"); err != nil {
			t.Fatal(err)
		}
		others()
		exec(lockTables("t"))
		exec(rebuild)
		if got := threads(); got != usual {
			t.Errorf("under a lock it was looked for others: %s threads", got)
		}
		exec(unlockTables)
		deadline := time.Now().Add(20 * time.Second)
		for threads() != "1" {
			others()
			exec(rebuild)
			if time.Now().After(deadline) {
				t.Fatalf("without the lock it uses %s threads", threads())
			}
		}
	})
}
