package mysql

import (
	"fmt"
	"strings"
	"testing"
)

// The facts about the servers on which this package stands. When one changes,
// the plans that rely on it are wrong.

// algorithms are tried from the cheapest on.
var algorithms = []string{instant, inplace, copyNone, copyShared}

// cheapest is the first algorithm by which the server alters table t as made by
// setup.
func (b *bench) cheapest(setup, alter string) string {
	b.t.Helper()
	for _, how := range algorithms {
		b.exec("DROP TABLE IF EXISTS child, t", setup)
		if _, err := b.db.ExecContext(b.t.Context(), alter+", "+how); err == nil {
			return how
		}
	}
	return "none"
}

func TestFactAlgorithms(t *testing.T) {
	const plain = `CREATE TABLE t (id int PRIMARY KEY, a int, b varchar(20), c int NOT NULL, v varchar(20) NOT NULL DEFAULT 'x',
		e enum('x','y'), s set('x','y'), d datetime, vb varbinary(100), l varchar(255) CHARACTER SET latin1, KEY kb (b), KEY kc (c))`
	const checked = "CREATE TABLE t (id int PRIMARY KEY, a int, CONSTRAINT ck CHECK (a > 0))"
	const compressed = "CREATE TABLE t (id int PRIMARY KEY, a int) ROW_FORMAT=COMPRESSED"
	const follows = "CREATE TABLE t (id int PRIMARY KEY, a int, c int NOT NULL, b text, CONSTRAINT f FOREIGN KEY (a) REFERENCES parent (id) ON %s)"
	deleted, nulled := strings.Replace(follows, "%s", "DELETE CASCADE", 1), strings.Replace(follows, "%s", "UPDATE SET NULL", 1)
	kept := strings.Replace(follows, "%s", "DELETE RESTRICT", 1)
	const dated = "CREATE TABLE t (id int PRIMARY KEY, a int, c int NOT NULL, s date, e enum('x','y'), CONSTRAINT ck CHECK (%s))"
	timed := strings.Replace(dated, "%s", "s > '2020-01-01'", 1)
	kinds := strings.Replace(dated, "%s", "e = 'x'", 1)
	unasked := strings.Replace(dated, "%s)", "s > '2020-01-01') NOT ENFORCED", 1)
	cases := []struct{ setup, alter, mysql, maria string }{
		{plain, "ADD COLUMN z int AFTER a", instant, instant},
		{plain, "ADD COLUMN z int NOT NULL DEFAULT 5", instant, instant},
		{plain, "ADD COLUMN z datetime(6) DEFAULT CURRENT_TIMESTAMP(6)", instant, instant},
		{plain, "ADD COLUMN z int DEFAULT (1 + 1)", copyShared, instant},
		{compressed, "ADD COLUMN z int", inplace, inplace},
		{compressed, "DROP COLUMN a", inplace, inplace},
		{plain, "ALTER COLUMN a SET DEFAULT 5", instant, instant},
		{plain, "ALTER COLUMN a SET DEFAULT (1 + 1)", instant, instant},
		{plain, "MODIFY COLUMN d datetime NULL DEFAULT CURRENT_TIMESTAMP", instant, instant},
		{plain, "ALTER COLUMN v DROP DEFAULT", instant, instant},
		{plain, "MODIFY COLUMN a int NOT NULL", inplace, inplace},
		{plain, "MODIFY COLUMN c int NULL", inplace, inplace},
		{plain, "RENAME COLUMN a TO b, RENAME COLUMN b TO a", instant, instant},
		{plain, "RENAME COLUMN a TO z, RENAME COLUMN b TO a", instant, instant},
		{plain, "RENAME COLUMN a TO z, RENAME INDEX kb TO kc, RENAME INDEX kc TO kb", inplace, instant},
		{plain, "DROP COLUMN a", instant, instant},
		{plain, "DROP COLUMN b", inplace, inplace},
		{plain, "ADD UNIQUE INDEX ka (a)", inplace, inplace},
		{plain, "DROP INDEX kb", inplace, inplace},
		{checked, "DROP CONSTRAINT ck", instant, instant},
		{plain, "MODIFY COLUMN b varchar(63)", inplace, instant},
		{plain, "MODIFY COLUMN b varchar(64)", copyShared, instant},
		{plain, "MODIFY COLUMN vb varbinary(200)", inplace, instant},
		{plain, "MODIFY COLUMN l varchar(256) CHARACTER SET latin1", copyShared, copyNone},
		{plain, "MODIFY COLUMN e enum('x','y','z')", instant, instant},
		{plain, "MODIFY COLUMN s set('x','y','z')", instant, instant},
		{plain, "MODIFY COLUMN e enum('w','x','y')", copyShared, copyNone},
		{plain, "MODIFY COLUMN a bigint", copyShared, copyNone},
		{plain, "ADD CONSTRAINT ck CHECK (a > 0)", copyShared, copyNone},
		{checked, "RENAME COLUMN a TO z", "none", instant},
		{timed, "RENAME COLUMN a TO z", copyShared, instant},
		{kinds, "RENAME COLUMN a TO z", copyShared, instant},
		{timed, "MODIFY COLUMN a int NOT NULL", copyShared, inplace},
		{timed, "MODIFY COLUMN c int NULL", copyShared, inplace},
		{timed, "MODIFY COLUMN a int COMMENT 'x'", copyShared, instant},
		{timed, "ALTER COLUMN a SET DEFAULT 5", instant, instant},
		{timed, "ADD COLUMN z int AFTER a", instant, instant},
		{timed, "DROP COLUMN a", instant, instant},
		{deleted, "MODIFY COLUMN c bigint NOT NULL", copyShared, copyShared},
		{nulled, "MODIFY COLUMN c bigint NOT NULL", copyShared, copyShared},
		{kept, "MODIFY COLUMN c bigint NOT NULL", copyShared, copyNone},
		{deleted, "MODIFY COLUMN c int NULL", inplace, inplace},
		{unasked, "RENAME COLUMN a TO z", instant, ""}, // MariaDB has no such checks
	}
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE parent (id int PRIMARY KEY)")
		version := versionNum(b.text("SELECT VERSION()"))
		for _, c := range cases {
			want := c.mysql
			if b.d.maria {
				want = c.maria
				if want == copyNone && version < 110200 {
					want = copyShared
				}
			}
			if b.d.maria && c.setup == unasked {
				continue
			}
			if got := b.cheapest(c.setup+" DEFAULT CHARSET=utf8mb4", "ALTER TABLE t "+c.alter); got != want {
				t.Errorf("%s: %s, not %s", c.alter, got, want)
			}
		}
	})
}

// What NEW holds in a BEFORE INSERT trigger for columns that the statement
// leaves out.
func TestFactOmittedColumnsInTrigger(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec(`CREATE TABLE t (id int PRIMARY KEY, name varchar(20) NOT NULL, n int NOT NULL, e enum('x') NOT NULL,
			d varchar(9) NOT NULL DEFAULT 'dd', x varchar(9) DEFAULT (concat('a', 'b')), seen varchar(99))`,
			`CREATE TRIGGER t_ins BEFORE INSERT ON t FOR EACH ROW BEGIN
				SET NEW.seen = concat_ws(',', coalesce(NEW.name, '-'), coalesce(NEW.n, '-'), coalesce(NEW.e, '-'), NEW.d, NEW.x);
				SET NEW.name = coalesce(NEW.name, 'made'), NEW.n = coalesce(NEW.n, 7), NEW.e = 'x';
			END`)
		for _, c := range []struct{ mode, insert, want string }{
			{"STRICT_TRANS_TABLES", "INSERT INTO t (id) VALUES (1)", "-,-,-,dd,ab"},
			{"STRICT_TRANS_TABLES", "INSERT INTO t (id, name) VALUES (1, 'q')", "q,-,-,dd,ab"},
			{"STRICT_TRANS_TABLES", "INSERT INTO t (id, name) VALUES (1, NULL) ON DUPLICATE KEY UPDATE name = 'r'", "-,-,-,dd,ab"},
			{"", "INSERT INTO t (id) VALUES (1)", "-,-,-,dd,ab"},
		} {
			conn, err := b.db.Conn(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, sql := range []string{"SET SESSION sql_mode = '" + c.mode + "'", "DELETE FROM t", c.insert} {
				if _, err := conn.ExecContext(t.Context(), sql); err != nil {
					t.Errorf("%v\n%s", err, sql)
				}
			}
			if got := b.text("SELECT seen FROM t"); got != c.want {
				t.Errorf("%s in mode %q: the trigger sees %s, not %s", c.insert, c.mode, got, c.want)
			}
			if _, err := conn.ExecContext(t.Context(), "SET SESSION sql_mode = DEFAULT"); err != nil {
				t.Error(err)
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
		}
		// The one difference: MariaDB looks for missing values before the trigger.
		if b.d.maria {
			if n := b.fails("INSERT INTO t (id) SELECT 2"); n != 1364 {
				t.Errorf("INSERT … SELECT fails with %d", n)
			}
		} else {
			b.exec("INSERT INTO t (id) SELECT 2")
		}
	})
}

// A trigger that mentions a column which is not there makes writes fail.
func TestFactTriggersDoNotFollowColumns(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int, b int)", "CREATE TRIGGER t_ins BEFORE INSERT ON t FOR EACH ROW SET NEW.b = NEW.a",
			"ALTER TABLE t RENAME COLUMN a TO z")
		if n := b.fails("INSERT INTO t (id) VALUES (1)"); n != errBadField {
			t.Errorf("the write fails with %d", n)
		}
	})
}

// LOCK TABLES outlives all that the switch does under it: nobody gets in
// between, and a probe may be asked.
func TestFactLockTablesIsKept(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b int, KEY ka (a), KEY kb (b))",
			"CREATE TRIGGER t_ins BEFORE INSERT ON t FOR EACH ROW SET NEW.b = NEW.a")
		conn, err := b.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		for _, sql := range []string{
			"LOCK TABLES t WRITE",
			"DROP TRIGGER IF EXISTS t_ins",
			"DROP TRIGGER IF EXISTS t_other",
			"ALTER TABLE t ALTER COLUMN a SET DEFAULT 0, ALGORITHM=INSTANT",
			"ALTER TABLE t RENAME COLUMN a TO z, RENAME COLUMN b TO a, RENAME INDEX ka TO kz, RENAME INDEX kb TO ka, ALGORITHM=INPLACE, LOCK=NONE",
			"CREATE TRIGGER t_ins BEFORE INSERT ON t FOR EACH ROW SET NEW.z = NEW.a",
			"SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
		} {
			if _, err := conn.ExecContext(t.Context(), sql); err != nil {
				t.Fatalf("%v\n%s", err, sql)
			}
			if !b.inUse("t") {
				t.Fatalf("the lock is gone after %s", sql)
			}
		}
		if _, err := conn.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
			t.Fatal(err)
		}
		b.exec("INSERT INTO t (id, a) VALUES (1, 5)")
		if got := b.text("SELECT z FROM t"); got != "5" {
			t.Errorf("the new trigger wrote %s", got)
		}
	})
}

// A self-join by key with a locking subquery decides on the rows as they are
// now, however the server runs it.
func TestFactLockingSubqueryIsCurrent(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int, b int)", "INSERT INTO t (id) VALUES (1), (2)")
		other, err := b.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := other.ExecContext(t.Context(), "UPDATE t SET a = 7 WHERE id = 1"); err != nil {
			t.Fatal(err)
		}
		conn, err := b.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close() //nolint:errcheck // it goes back to the pool
		if _, err := conn.ExecContext(t.Context(), "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"); err != nil {
			t.Fatal(err)
		}
		var id int64
		if err := conn.QueryRowContext(t.Context(), "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := conn.ExecContext(t.Context(), `UPDATE t JOIN (SELECT id, a IS NULL AS todo FROM t WHERE id > 0 FOR UPDATE) AS d ON d.id = t.id
				SET t.a = IF(d.todo, 1, t.a), t.b = IF(d.todo, 1, t.b)`)
			done <- err
		}()
		b.until("the statement waits for the row", func() bool { w, _ := b.s.waits(t.Context(), id); return w != nothing })
		if err := other.Commit(); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := b.text("SELECT GROUP_CONCAT(CONCAT(a, ' ', COALESCE(b, '-')) ORDER BY id) FROM t"); got != "7 -,1 1" {
			t.Errorf("the rows are %s", got)
		}
	})
}

// MODIFY drops what it does not repeat; ours repeats everything.
func TestFactModifyForgets(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 5 COMMENT 'x')", "ALTER TABLE t MODIFY COLUMN a int")
		if got := b.created("t"); strings.Contains(got, "COMMENT 'x'") || strings.Contains(got, "DEFAULT 5") || strings.Contains(got, "DEFAULT '5'") {
			t.Error(got)
		}
	})
}

// A column that is nullable and has lost its default cannot be left out on MySQL:
// DEFAULT NULL must be set instead of dropped.
func TestFactDropDefaultOfNullable(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE t (id int PRIMARY KEY, a int DEFAULT 5)", "ALTER TABLE t ALTER COLUMN a SET DEFAULT NULL",
			"INSERT INTO t (id) VALUES (1)", "ALTER TABLE t ALTER COLUMN a DROP DEFAULT")
		if b.d.maria {
			b.exec("INSERT INTO t (id) VALUES (2)")
		} else if n := b.fails("INSERT INTO t (id) VALUES (2)"); n != 1364 {
			t.Errorf("left out after DROP DEFAULT: %d", n)
		}
	})
}

// inUse reports whether somebody has a table locked.
func (b *bench) inUse(table string) bool {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), "SHOW OPEN TABLES WHERE `table` = ? AND `database` = DATABASE() AND in_use > 0", table)
	if err != nil {
		b.t.Fatal(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	used := rows.Next()
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return used
}

// until waits for a condition.
func (b *bench) until(what string, ok func() bool) {
	b.t.Helper()
	for range 2000 {
		if ok() {
			return
		}
		if _, err := b.db.ExecContext(b.t.Context(), "DO SLEEP(0.01)"); err != nil {
			b.t.Fatal(err)
		}
	}
	b.t.Fatal("never: " + what + fmt.Sprint())
}
