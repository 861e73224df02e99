package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	s := &session{}
	for code, want := range map[string]executor.Class{
		"55P03": executor.LockTimeout, "40001": executor.Transient, "40P01": executor.Transient,
		"22P02": executor.BadRow, "23505": executor.BadRow, "P0001": executor.BadRow,
		"08006": executor.Disconnected, "57P01": executor.Disconnected,
		"42P07": executor.Exists, "42701": executor.Exists, "42710": executor.Exists,
		"57014": executor.Other, "42601": executor.Other, "": executor.Other,
	} {
		err := fmt.Errorf("running: %w", &pgconn.PgError{Code: code})
		if got := s.Classify(err); got != want {
			t.Errorf("%s is class %d, want %d", code, got, want)
		}
	}
	for err, want := range map[error]executor.Class{
		driver.ErrBadConn: executor.Disconnected, io.ErrUnexpectedEOF: executor.Disconnected,
		context.Canceled: executor.Other, context.DeadlineExceeded: executor.Other, errors.New("else"): executor.Other,
	} {
		if got := s.Classify(fmt.Errorf("running: %w", err)); got != want {
			t.Errorf("%v is class %d, want %d", err, got, want)
		}
	}
	if got := s.Classify(nil); got != executor.Other {
		t.Errorf("no error is class %d", got)
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	s := &session{}
	for _, tc := range []struct {
		err  pgconn.PgError
		want string
	}{
		{pgconn.PgError{Code: "22P02", Message: `invalid input syntax for type integer: "hun"ter2"`}, "ERROR: invalid input syntax for type integer (SQLSTATE 22P02)"},
		{pgconn.PgError{Code: "22003", Message: `value "99999999999" is out of range for type integer`}, "ERROR: value … is out of range for type integer (SQLSTATE 22003)"},
		{pgconn.PgError{Code: "22001", Message: "value too long for type character varying(3)"}, "ERROR: value too long for type character varying(3) (SQLSTATE 22001)"},
		{pgconn.PgError{Code: "23505", Message: `duplicate key value violates unique constraint "users_mail"`, Detail: "Key (mail)=(hunter2) already exists.", ConstraintName: "users_mail", TableName: "users"}, `ERROR: duplicate key value violates unique constraint "users_mail" (SQLSTATE 23505)`},
		{pgconn.PgError{Code: "23502", Message: `null value in column "a" of relation "t" violates not-null constraint`, ColumnName: "a", TableName: "t"}, `ERROR: null value in column "a" of relation "t" violates not-null constraint (SQLSTATE 23502)`},
		{pgconn.PgError{Code: "23514", Message: `new row for relation "t" violates check constraint "c"`, ConstraintName: "c", TableName: "t"}, `ERROR: new row for relation "t" violates check constraint "c" (SQLSTATE 23514)`},
		{pgconn.PgError{Code: "22P02", Message: "Syntaxe en entrée invalide pour le type integer : « hunter2 »", ColumnName: "n"}, "ERROR: Syntaxe en entrée invalide pour le type integer, column n (SQLSTATE 22P02)"},
		{pgconn.PgError{Code: "22007", Message: "ungültige Eingabesyntax für Typ date „hunter2“"}, "ERROR: ungültige Eingabesyntax für Typ date … (SQLSTATE 22007)"},
		{pgconn.PgError{Code: "P0001", Message: "no such customer: hunter2"}, "ERROR: a function of the database raised an exception (SQLSTATE P0001)"},
		{pgconn.PgError{Code: "42703", Message: `column "frist" does not exist`}, `ERROR: column "frist" does not exist (SQLSTATE 42703)`},
	} {
		tc.err.Severity = "ERROR"
		got := s.Redact(fmt.Errorf("running: %w", &tc.err))
		if got.Error() != "running: "+tc.want {
			t.Errorf("%s\nbecomes %q\nwant    %q", tc.err.Message, got, "running: "+tc.want)
		}
		if s.Classify(got) != classOf(tc.err.Code) {
			t.Errorf("%s: the class is lost", tc.err.Code)
		}
	}
}

func TestWithoutLiterals(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"SELECT * FROM t WHERE a = 'hunter2' AND b=42":         "SELECT * FROM t WHERE a = ? AND b=?",
		"UPDATE t SET a = $$hunter2$$ -- hunter2\nWHERE b = 1": "UPDATE t SET a = ? WHERE b = ?",
		"/* hunter2 */ SELECT E'hunter2', X'1F', B'1', 1.5e3":  "SELECT ?, ?, ?, ?",
		"ALTER ROLE me PASSWORD 'hunter2'":                     "ALTER ROLE me PASSWORD ?",
		"INSERT INTO t VALUES ('hunter2, and cut in the mid":   "INSERT …",
		"SELECT $1":                   "SELECT $1",
		"autovacuum: VACUUM public.t": "autovacuum: VACUUM public.t",
		"":                            "",
		"'hunter2":                    "a statement that cannot be shown",
		"\xff hunter2":                "a statement that cannot be shown",
	} {
		if got := withoutLiterals(query); got != want {
			t.Errorf("%q is shown as %q, want %q", query, got, want)
		}
	}
}

// TestConflicts holds the matrix against PostgreSQL's own: of each two modes,
// the server is asked whether the second waits for the first.
func TestConflicts(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	pool := db.Open(t)
	run(t, pool, "CREATE TABLE t (a int)")
	for _, held := range lockModes {
		holder, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := holder.ExecContext(t.Context(), "LOCK TABLE t IN "+held.name+" MODE"); err != nil {
			t.Fatal(err)
		}
		for _, wanted := range lockModes {
			waiter, err := pool.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = waiter.ExecContext(t.Context(), "LOCK TABLE t IN "+wanted.name+" MODE NOWAIT")
			waits := false
			for _, m := range conflicting(wanted.name) {
				waits = waits || m == held.held
			}
			if waits != (err != nil) {
				t.Errorf("%s against %s: the server says %v, we that it waits: %t", wanted.name, held.name, err, waits)
			}
			if err := waiter.Rollback(); err != nil {
				t.Fatal(err)
			}
		}
		if err := holder.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
	if conflicting("METADATA") != nil {
		t.Error("an unknown mode conflicts")
	}
}

// TestBlockersOfABuild: CREATE INDEX CONCURRENTLY waits for old transactions
// that hold no lock on its table.
func TestBlockersOfABuild(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	s := open(t, db.URL)
	run(t, s.DB(), "CREATE TABLE t (a int); CREATE TABLE other (a int); INSERT INTO other VALUES (1)")
	old, err := app(t, db.URL).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "SELECT a FROM other WHERE a = 4711"} {
		if _, err := old.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	built := make(chan error, 1)
	go func() {
		_, err := s.DB().ExecContext(t.Context(), "CREATE INDEX CONCURRENTLY i ON t (a)")
		built <- err
	}()
	lock := plan.Lock{Mode: lockShareUpdateExclusive, Object: "t"}
	for {
		found, err := s.Blockers(t.Context(), lock)
		if err != nil {
			t.Fatal(err)
		}
		if len(found) == 0 {
			continue // the build has not got there yet; the test's own deadline bounds this
		}
		if len(found) != 1 || strings.Contains(found[0].Query, "4711") || !strings.Contains(found[0].Query, "SELECT a FROM other") {
			t.Errorf("the build waits for %+v", found)
		}
		break
	}
	if err := old.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-built; err != nil {
		t.Error(err)
	}
	if found, err := s.Blockers(t.Context(), plan.Lock{Mode: lockAccessExclusive}); err != nil || found != nil {
		t.Errorf("no object is held by %v, %v", found, err)
	}
}

func TestSplitPieces(t *testing.T) {
	t.Parallel()
	w := &walker{density: 10}
	whole := w.piece(tid{}, tid{page: 3})
	rows := map[string]bool{}
	var cut func(p executor.Piece, depth int)
	cut = func(p executor.Piece, depth int) {
		a, b, ok, err := w.Split(t.Context(), p)
		if err != nil || depth > 20 {
			t.Fatalf("splitting %+v: %v", p, err)
		}
		if !ok {
			if rows[p.From] {
				t.Errorf("the piece at %s comes twice", p.From)
			}
			rows[p.From] = true
			return
		}
		if a.From != p.From || a.To != b.From || b.To != p.To || a.Args[1] != b.Args[0] {
			t.Errorf("%+v is cut into %+v and %+v", p, a, b)
		}
		cut(a, depth+1)
		cut(b, depth+1)
	}
	cut(whole, 0)
	if len(rows) != 3*(maxLines+1) {
		t.Errorf("three pages are cut into %d rows", len(rows))
	}
	for _, bad := range []string{"x", "1:x", "-"} {
		if _, _, _, err := w.Split(t.Context(), executor.Piece{From: bad, To: "1"}); err == nil {
			t.Errorf("the cursor %q is read", bad)
		}
	}
}

func TestLayout(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	s := open(t, db.URL)
	l := s.Layout()
	exists := "SELECT count(*) FROM (" + l.Exists + ") AS x"
	if text(t, s.DB(), exists) != "0" {
		t.Error("an empty database has our tables")
	}
	for _, q := range l.Prelude {
		run(t, s.DB(), q)
		run(t, s.DB(), q)
	}
	run(t, s.DB(), fmt.Sprintf("CREATE TABLE %s (id %s, k %s, a %s, b %s, c %s)", l.Table("migrations"), l.Types.SerialPK, l.Types.Key, l.Types.Text, l.Types.Time, l.Types.Double))
	if text(t, s.DB(), exists) != "1" {
		t.Error("our tables are not found")
	}
	run(t, s.DB(), fmt.Sprintf("INSERT INTO %s (k, a, b) VALUES ('k', 'a', %s)", l.Table("migrations"), l.AddSeconds(l.Now, "-90")))
	age := text(t, s.DB(), fmt.Sprintf("SELECT %s BETWEEN 89 AND 120 FROM %s %s", l.SecondsSince("b"), l.Table("migrations"), l.ForShare))
	if age != "true" || l.Placeholder(2) != "$2" {
		t.Errorf("90 seconds ago is not: %s, placeholder %s", age, l.Placeholder(2))
	}
}

// TestBounds: they hold within the transaction, and for one statement outside.
func TestBounds(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	s := open(t, db.URL)
	conn, err := s.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() }) // it only gives the connection back
	const show = "SELECT current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') || ' ' || coalesce(current_setting('migrate.bypass', true), '')"
	ask := func() string {
		t.Helper()
		var v string
		if err := conn.QueryRowContext(t.Context(), show).Scan(&v); err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(v)
	}
	bounds := executor.Bounds{Lock: 300e6, Statement: 1500e6, Bypass: true}
	tx, err := s.Begin(t.Context(), conn, bounds)
	if err != nil {
		t.Fatal(err)
	}
	var inside string
	if err := tx.QueryRowContext(t.Context(), show).Scan(&inside); err != nil || inside != "300ms 1500ms on" {
		t.Errorf("inside the transaction: %q, %v", inside, err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	if after := ask(); after != "0 0" {
		t.Errorf("after the transaction: %q", after)
	}
	if err := s.Exec(t.Context(), conn, bounds, "CREATE TABLE kept AS "+show); err != nil {
		t.Fatal(err)
	}
	if got := text(t, s.DB(), "SELECT * FROM kept"); got != "300ms 1500ms on" {
		t.Errorf("during a statement: %q", got)
	}
	if err := s.Exec(t.Context(), conn, executor.Bounds{Statement: 100e6}, "SELECT pg_sleep(60)"); s.Classify(err) != executor.Other || err == nil {
		t.Errorf("a statement that takes too long: %v", err)
	}
	if after := ask(); after != "0 0" {
		t.Errorf("after the statements: %q", after)
	}
	if err := s.Exec(t.Context(), conn, bounds, "CREATE TABLE kept (a int)"); s.Classify(err) != executor.Exists {
		t.Errorf("a table that is there: %v", err)
	}
}

func TestSessionsAreNamed(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	s := open(t, db.URL)
	if got := text(t, s.DB(), "SELECT current_setting('application_name')"); got != "migrate test" {
		t.Errorf("the session is called %q", got)
	}
	if got := text(t, s.DB(), "SELECT current_setting('deadlock_timeout')"); got != "100ms" {
		t.Errorf("an autovacuum makes way after %s only, later than we give up", got)
	}
	few, err := New().Open(t.Context(), db.URL, dialects.Options{MaxConns: 2})
	if err != nil {
		t.Fatal(err)
	}
	if n := few.DB().Stats().MaxOpenConnections; n != 2 {
		t.Errorf("the pool holds %d connections", n)
	}
	if err := few.Close(); err != nil {
		t.Error(err)
	}
}
