package mysql

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	driver "github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

func TestParseURL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, want string }{
		{"mysql://u:p%40%2F@h/db", "u:p@/@tcp(h:3306)/db"},
		{"mysql://u@h:33/db?tls=skip-verify", "u@tcp(h:33)/db tls=skip-verify"},
		{"mysql://u:p@/db?socket=/run/my.sock", "u:p@unix(/run/my.sock)/db"},
		{"mysql://u:p@[::1]:3306/db", "u:p@tcp([::1]:3306)/db"},
		{"mysql://u:hunter2@h/", "names no database"},
		{"mysql://u:hunter2@h/db?tls=yes", "tls is none of"},
		{"mysql://u:hunter2@h/db?multiStatements=true", `unknown parameter "multiStatements"`},
		{"mysql://u:hunter2@h/db?timeout=x", "no duration"},
		{"mysql://u:hunter2 %zz@h/db", "cannot be read"},
		{"mariadb://u:hunter2@h/db", "starts with mariadb://"},
	} {
		cfg, err := parseURL(c.url, "mysql")
		var got string
		if err != nil {
			got = err.Error()
		} else {
			got = cfg.User + ":" + cfg.Passwd + "@" + cfg.Net + "(" + cfg.Addr + ")/" + cfg.DBName
			got = strings.Replace(got, ":@", "@", 1)
			if cfg.TLSConfig != "" {
				got += " tls=" + cfg.TLSConfig
			}
		}
		if !strings.Contains(got, c.want) || strings.Contains(got, "hunter2") {
			t.Errorf("%s gives %s, not %s", c.url, got, c.want)
		}
	}
}

func TestOpenTellsTheServersApart(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		other, scheme := NewMariaDB(), "mariadb"
		if b.d.maria {
			other, scheme = NewMySQL(), "mysql"
		}
		_, rest, _ := strings.Cut(b.url, "://")
		_, err := other.Open(t.Context(), scheme+"://"+rest, dialects.Options{})
		if err == nil || !strings.Contains(err.Error(), "write the URL with "+b.d.Engine()+"://") {
			t.Errorf("opening with the wrong scheme: %v", err)
		}
		cfg, err := parseURL(b.url, b.d.Engine())
		if err != nil {
			t.Fatal(err)
		}
		bad := b.d.Engine() + "://" + cfg.User + ":hunter2@" + cfg.Addr + "/" + cfg.DBName
		if _, err := b.s.engine.Open(t.Context(), bad, dialects.Options{}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("opening with a wrong password: %v", err)
		}
	})
}

// held is a table with a row that another session has locked.
func (b *bench) held() (release func()) {
	b.t.Helper()
	b.exec("CREATE TABLE t (id int PRIMARY KEY, a int)", "INSERT INTO t VALUES (1, 1), (2, 2)")
	tx, err := b.db.BeginTx(b.t.Context(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := tx.ExecContext(b.t.Context(), "UPDATE t SET a = 5 WHERE id = 1"); err != nil {
		b.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			b.t.Error(err)
		}
	}
}

// A chunk that meets a locked row gives up in time, and its connection goes on.
func TestRowLockWaitIsBounded(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		release := b.held()
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		update := func(id int) error {
			tx, err := b.s.Begin(t.Context(), conn, executor.Bounds{Lock: 300 * time.Millisecond, Bypass: true})
			if err != nil {
				return err
			}
			defer tx.Rollback() //nolint:errcheck // done if committed
			if _, err := tx.ExecContext(t.Context(), "UPDATE t SET a = a + 1 WHERE id = ?", id); err != nil {
				return err
			}
			return tx.Commit()
		}
		begun := time.Now()
		err = update(1)
		// Ended by us, not by the server's own timeout of two seconds.
		if took := time.Since(begun); !errors.Is(err, errLockTimeout) || b.s.Classify(err) != executor.LockTimeout || took < 250*time.Millisecond {
			t.Errorf("after %s: %v", took, err)
		}
		if err := update(2); err != nil {
			t.Errorf("the next transaction: %v", err)
		}
		release()
		if err := update(1); err != nil {
			t.Errorf("after the lock is gone: %v", err)
		}
		if got := b.text("SELECT GROUP_CONCAT(a ORDER BY id) FROM t"); got != "2,3" {
			t.Errorf("the rows are %s", got)
		}
	})
}

// A statement that works is not ended for working long.
func TestWorkIsNotTakenForWaiting(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		if err := b.s.Exec(t.Context(), conn, executor.Bounds{Lock: 100 * time.Millisecond}, "DO SLEEP(1)"); err != nil {
			t.Error(err)
		}
	})
}

// What ends a statement from outside leaves the connection usable, and says why.
func TestStatementsAreEnded(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		var id, after int64
		if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		// The server reports a killed SLEEP as its value, so something is needed that fails.
		b.exec("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
		const long = "UPDATE t SET id = id + SLEEP(20)"
		begun := time.Now()
		err = b.s.Exec(t.Context(), conn, executor.Bounds{Statement: 200 * time.Millisecond}, long)
		if !errors.Is(err, errStatementTimeout) || b.s.Classify(err) != executor.Transient {
			t.Errorf("after its time: %v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		if err := b.s.Exec(ctx, conn, executor.Bounds{Lock: time.Second}, long); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after its context's end: %v", err)
		}
		if took := time.Since(begun); took > 10*time.Second {
			t.Errorf("it took %s", took)
		}
		// On MariaDB one that may still be opening its tables is not, whatever its bounds.
		err = b.s.Exec(t.Context(), conn, executor.Bounds{Statement: time.Millisecond}, "UPDATE t SET id = id + SLEEP(0.02)")
		if spared := err == nil; spared != b.d.maria || !spared && !errors.Is(err, errStatementTimeout) {
			t.Errorf("with a bound of a millisecond: %v", err)
		}
		if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&after); err != nil || after != id {
			t.Errorf("the connection is another: %d, %d, %v", id, after, err)
		}
	})
}

// Under a table lock, where the app waits for whatever we do, bounds are set once; others
// are set at once, and those of before are not believed when the lock is gone.
func TestBoundsUnderALock(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY)")
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		exec := func(lock time.Duration, statement string) {
			t.Helper()
			if err := b.s.Exec(t.Context(), conn, executor.Bounds{Lock: lock}, statement); err != nil {
				t.Fatal(err)
			}
		}
		within := func(want int) {
			t.Helper()
			var got int
			if err := conn.QueryRowContext(t.Context(), "SELECT @@innodb_lock_wait_timeout").Scan(&got); err != nil || got != want {
				t.Errorf("the bound is %d s, want %d (%v)", got, want, err)
			}
		}
		settings := func() (n int) {
			t.Helper()
			var name string
			if err := conn.QueryRowContext(t.Context(), "SHOW SESSION STATUS LIKE 'Com_set_option'").Scan(&name, &n); err != nil {
				t.Fatal(err)
			}
			return n
		}
		exec(300*time.Millisecond, lockTables("t"))
		before := settings()
		exec(300*time.Millisecond, "DO 1")
		exec(300*time.Millisecond, "DO 2")
		if n := settings() - before; n != 0 {
			t.Errorf("two statements under the lock have set something %d times", n)
		}
		within(2)
		exec(3*time.Second, "DO 3")
		within(5)
		exec(3*time.Second, unlockTables)
		if _, err := conn.ExecContext(t.Context(), "SET SESSION innodb_lock_wait_timeout = 9"); err != nil {
			t.Fatal(err)
		}
		exec(3*time.Second, "DO 4")
		within(5)
	})
}

// The wish to be left alone by the triggers ends with the transaction.
func TestBypassEnds(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		conn, err := b.s.DB().Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		wish := func() string {
			var v any
			if err := conn.QueryRowContext(t.Context(), "SELECT "+bypass).Scan(&v); err != nil {
				t.Fatal(err)
			}
			if v == nil {
				return "none"
			}
			return "there"
		}
		for _, end := range []string{"commit", "rollback"} {
			tx, err := b.s.Begin(t.Context(), conn, executor.Bounds{Bypass: true})
			if err != nil {
				t.Fatal(err)
			}
			var v int
			if err := tx.QueryRowContext(t.Context(), "SELECT "+bypass).Scan(&v); err != nil || v != 1 {
				t.Errorf("within: %d, %v", v, err)
			}
			err = tx.Rollback()
			if end == "commit" {
				if tx, err = b.s.Begin(t.Context(), conn, executor.Bounds{Bypass: true}); err == nil {
					err = tx.Commit()
				}
			}
			if err != nil || wish() != "none" {
				t.Errorf("after %s: %s, %v", end, wish(), err)
			}
		}
	})
}

func TestAccepts(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a varchar(9))")
		for sql, want := range map[string]string{
			"SELECT LEFT(`a`, 3) FROM `t`":               "",
			"SELECT CONCAT(CAST(NULL AS CHAR)) FROM `t`": "",
			"SELECT `b` FROM `t`":                        "Unknown column",
			"SELECT NO_SUCH(`a`) FROM `t`":               "",
		} {
			err := b.s.Accepts(t.Context(), plan.Check{SQL: sql})
			switch {
			case strings.Contains(sql, "NO_SUCH"):
				if err == nil {
					t.Errorf("%s is accepted", sql)
				}
			case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
				t.Errorf("%s: %v", sql, err)
			}
		}
	})
}

func TestRedactedMessages(t *testing.T) {
	t.Parallel()
	s := &session{}
	for _, c := range []struct {
		number    uint16
		msg, want string
	}{
		{1062, "Duplicate entry 'O'Hara' for key 'users.email'", "Duplicate entry '?' for key 'users.email'"},
		{1366, "Incorrect integer value: 'x' for column 'a' at row 1", "Incorrect integer value: '?' for column 'a' at row 1"},
		{1292, "Truncated incorrect INTEGER value: 'it's'", "Truncated incorrect INTEGER value: '?'"},
		{1406, "Data too long for column 'a' at row 1", "Data too long for column 'a' at row 1"},
		{1054, "Unknown column 'a' in 'field list'", "Unknown column 'a' in 'field list'"},
		{1690, "BIGINT value is out of range in '(5 + `a`)'", "BIGINT value is out of range in '?'"},
		{1064, "Error near 'x = 'secret', 7' at line 1", "Error near 'x = ?, ?' at line 1"},
		{3819, "Check constraint 'ck' is violated.", "Check constraint 'ck' is violated."},
		{9999, "Something", "Something"},
	} {
		err := s.Redact(errors.Join(&driver.MySQLError{Number: c.number, Message: c.msg}))
		if !strings.HasSuffix(err.Error(), ": "+c.want) {
			t.Errorf("%s\n  becomes %v", c.msg, err)
		}
		if number(err) != c.number {
			t.Errorf("%s: the number is lost", c.msg)
		}
	}
}

// That the server would refuse our triggers is known before anything is changed.
func TestTriggerRights(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY)")
		if got := b.schema().Facts[factNoTriggers]; got != "" {
			t.Errorf("root may not create triggers: %q", got)
		}
		cfg, err := parseURL(b.url, b.d.Engine())
		if err != nil {
			t.Fatal(err)
		}
		user := "u_" + cfg.DBName[max(0, len(cfg.DBName)-20):]
		b.exec("CREATE USER "+user+" IDENTIFIED BY 'pw'", "GRANT ALL PRIVILEGES ON "+quoteName(cfg.DBName)+".* TO "+user)
		t.Cleanup(func() {
			if _, err := b.s.DB().ExecContext(context.Background(), "DROP USER "+user); err != nil {
				t.Error(err)
			}
		})
		s, err := b.s.engine.Open(t.Context(), b.d.Engine()+"://"+user+":pw@"+cfg.Addr+"/"+cfg.DBName, dialects.Options{})
		if err != nil {
			t.Fatal(err)
		}
		schema, err := s.Inspect(t.Context(), planner.References{})
		if err != nil {
			t.Fatal(err)
		}
		_, refused := s.DB().ExecContext(t.Context(), "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @x = 1")
		if told := schema.Facts[factNoTriggers] != ""; told != (refused != nil) {
			t.Errorf("told that triggers are refused: %t; creating one: %v", told, refused)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestTransactionsOfTheMonitor(t *testing.T) {
	t.Parallel()
	got := transactions(`TRANSACTIONS
LIST OF TRANSACTIONS FOR EACH SESSION:
---TRANSACTION (0x7f1204dc7b80), not started
0 lock struct(s), heap size 1120, 0 row lock(s)
---TRANSACTION 413824, ACTIVE 12 sec starting index read
mysql tables in use 1, locked 1
LOCK WAIT 2 lock struct(s), heap size 1120, 1 row lock(s)
MariaDB thread id 15488, OS thread handle 139714104649408, query id 4660639 172.17.0.1 root Updating
update k1 set n=1 where a=1
------- TRX HAS BEEN WAITING 1062890 us FOR THIS LOCK TO BE GRANTED:
---TRANSACTION 413778, ACTIVE (PREPARED) 1 sec
MySQL thread id 15486, OS thread handle 139714096662208, query id 4660400 172.17.0.1 root
FILE I/O
`)
	if len(got) != 2 || got[15488] != (trx{waits: true, age: 12 * time.Second}) || got[15486] != (trx{}) {
		t.Errorf("read as %+v", got)
	}
}
