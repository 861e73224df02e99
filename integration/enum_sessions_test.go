package integration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
)

// enum_sessions_test.go: what sessions have prepared before an enum is made anew
// goes on, until the old type goes for good.

// The app has a role of its own, which may execute no function unless it is told so,
// and finds the type on its search_path only.
const (
	sessionsBefore = `CREATE SCHEMA "The App";
		SET search_path = "The App";
		ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
		CREATE TYPE "Mood 100%" AS ENUM ('sad', 'ok', 'happy');
		CREATE TABLE people (id bigint PRIMARY KEY, m "Mood 100%" NOT NULL DEFAULT 'ok', moods "Mood 100%"[]);
		CREATE TABLE pets (id bigint PRIMARY KEY, m "Mood 100%");
		CREATE INDEX people_m ON people (m);
		INSERT INTO people SELECT i, 'sad' FROM generate_series(1, 5) i;
		GRANT USAGE ON SCHEMA "The App" TO pg_monitor;
		GRANT ALL ON ALL TABLES IN SCHEMA "The App" TO pg_monitor;
		RESET search_path`
	sessionsMigration = `ALTER TYPE "The App"."Mood 100%" RENAME TO "old mood";
		-- migrate:allow enum-value-removed "the sad are ok"
		CREATE TYPE "The App"."Mood 100%" AS ENUM ('ok', 'happy', 'great');
		ALTER TABLE "The App".people ALTER COLUMN m DROP DEFAULT,
			ALTER COLUMN m TYPE "The App"."Mood 100%" USING (CASE m WHEN 'sad' THEN 'ok' ELSE m::text END)::"The App"."Mood 100%",
			ALTER COLUMN m SET DEFAULT 'ok',
			ALTER COLUMN moods TYPE "The App"."Mood 100%"[] USING moods::text[]::"The App"."Mood 100%"[];
		ALTER TABLE "The App".pets ALTER COLUMN m TYPE "The App"."Mood 100%" USING m::text::"The App"."Mood 100%";
		DROP TYPE "The App"."old mood";`
)

// appStatement is one of a round: $1 is the session's row, $2 the round's value (or
// an array of it alone), $3 the other value. Its answer is a count of rows.
type appStatement struct {
	name, sql string
	array     bool
	args      int
	want      int64
}

func appStatements() []appStatement {
	out := []appStatement{
		{"upsert", "INSERT INTO people (id, m) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET m = excluded.m", false, 2, 1},
		{"set_array", "UPDATE people SET moods = $2 WHERE id = $1", true, 2, 1},
		{"update", "UPDATE people SET m = $2 WHERE id = $1 AND m IN ($2, $3)", false, 3, 1},
		{"coalesce", "UPDATE people SET m = COALESCE($2, m) WHERE id = $1", false, 2, 1},
		{"from_values", `UPDATE people SET m = v.m FROM (VALUES ($2::"Mood 100%")) AS v (m) WHERE id = $1`, false, 2, 1},
		{"pet", "INSERT INTO pets (id, m) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET m = $2 WHERE pets.m <> $2 OR pets.m = $2", false, 2, 1},
	}
	for i, c := range []struct {
		where string
		args  int
		array bool
		want  int64
	}{
		{"m = $2", 2, false, 1},
		{"$2 = m", 2, false, 1},
		{"m = $3 AND m = $2", 3, false, 0},
		{"m <> $2", 2, false, 0},
		{"m >= $2 AND m <= $2 AND $2 >= m AND $2 <= m", 2, false, 1},
		{"m > $2 OR m < $2 OR $2 < m OR $2 > m OR $2 <> m", 2, false, 0},
		{"m BETWEEN $2 AND $2 AND greatest(m, $2) = least(m, $2)", 2, false, 1},
		{"m IN ($2, $3)", 3, false, 1},
		{"m IN ($2, 'ok', 'happy')", 2, false, 1},
		{"m NOT IN ($2, 'ok')", 2, false, 0},
		{"m = ANY ($2)", 2, true, 1},
		{`m = ANY ($2::"Mood 100%"[])`, 2, true, 1},
		{"m <> ALL ($2)", 2, true, 0},
		{"m IS NOT DISTINCT FROM $2", 2, false, 1},
		{"NULLIF(m, $2) IS NULL", 2, false, 1},
		{"CASE m WHEN $2 THEN true ELSE false END", 2, false, 1},
		{`$2::"Mood 100%" IS NULL OR m = $2`, 2, false, 1},
		{`$2::"Mood 100%" = 'ok' OR $2 = 'happy'`, 2, false, 1},
		{`$2::"Mood 100%" = ANY (moods)`, 2, false, 1},
		{"moods = $2 AND moods @> $2 AND moods <@ $2 AND moods && $2", 2, true, 1},
		{"moods <> $2", 2, true, 0},
		{`EXISTS (SELECT FROM unnest($2::"Mood 100%"[]) AS u WHERE u = m)`, 2, true, 1},
		{"$2 IN (SELECT p.m FROM people p WHERE p.id = $1)", 2, false, 1},
		// Without parameters of the type, nothing is as if there were no second type.
		{"(m = 'ok' OR 'happy' = m) AND m IN ('ok', 'happy') AND m = ANY ('{ok,happy}')", 1, false, 1},
		{"m = (SELECT p.m FROM pets p WHERE p.id = $1) AND (m, id) >= ('ok', 1)", 1, false, 1},
		{"moods <@ '{ok,happy}' AND m <= 'happy' AND 'a' = 'a' AND '{1}' = ARRAY[1]", 1, false, 1},
	} {
		out = append(out, appStatement{fmt.Sprintf("where_%d", i), "SELECT count(*) FROM people WHERE id = $1 AND (" + c.where + ")", c.array, c.args, c.want})
	}
	return out
}

// appSession is a session of the app that prepares each statement once.
type appSession struct {
	name       string
	conn       *pgx.Conn
	row        int64
	inSQL      bool // with PREPARE and EXECUTE
	statements []appStatement
	rounds     chan struct{}
}

func (w *world) appSession(t *testing.T, name string, row int64, inSQL bool) *appSession {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	s := &appSession{name: name, conn: conn, row: row, inSQL: inSQL, statements: appStatements(), rounds: make(chan struct{})}
	// That plans are made without regard to the parameters is when they outlive the most.
	begin := []string{"SET ROLE pg_monitor", `SET search_path = "The App"`}
	if inSQL {
		begin = append(begin, "SET plan_cache_mode = force_generic_plan")
		for _, st := range s.statements {
			begin = append(begin, "PREPARE "+st.name+" AS "+st.sql)
		}
	}
	for _, sql := range begin {
		if _, err := conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, sql)
		}
	}
	if err := s.round(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	return s
}

// round runs every statement once.
func (s *appSession) round(ctx context.Context, n int) error {
	values := []string{"ok", "happy"}
	value, other := values[n%2], values[1-n%2]
	for _, st := range s.statements {
		v := value
		if st.array {
			v = "{" + value + "}"
		}
		got, err := s.run(ctx, st, []any{s.row, v, other}[:st.args])
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", s.name, err, st.sql)
		}
		if got != st.want {
			return fmt.Errorf("%s: %d rows, want %d\n%s", s.name, got, st.want, st.sql)
		}
	}
	return nil
}

func (s *appSession) run(ctx context.Context, st appStatement, args []any) (int64, error) {
	sql := st.sql
	if s.inSQL {
		var texts []string
		for _, a := range args {
			texts = append(texts, "'"+fmt.Sprint(a)+"'")
		}
		sql, args = "EXECUTE "+st.name+"("+strings.Join(texts, ", ")+")", []any{pgx.QueryExecModeSimpleProtocol}
	}
	if !strings.HasPrefix(st.sql, "SELECT") {
		tag, err := s.conn.Exec(ctx, sql, args...)
		return tag.RowsAffected(), err
	}
	var n int64
	err := s.conn.QueryRow(ctx, sql, args...).Scan(&n)
	return n, err
}

// appTraffic is sessions that go on, each in its own goroutine.
type appTraffic struct {
	sessions []*appSession
	mu       sync.Mutex
	failed   error
	cancel   context.CancelFunc
	ctx      context.Context //nolint:containedctx // the traffic's, which more sessions join later
	done     sync.WaitGroup
}

func (a *appTraffic) join(s *appSession) {
	a.sessions = append(a.sessions, s)
	a.done.Go(func() {
		for n := 1; a.ctx.Err() == nil; n++ {
			if err := s.round(context.WithoutCancel(a.ctx), n); err != nil {
				a.mu.Lock()
				if a.failed == nil {
					a.failed = err
				}
				a.mu.Unlock()
				a.cancel()
				return
			}
			select {
			case s.rounds <- struct{}{}:
			default:
			}
		}
	})
}

// more waits until each session has gone through rounds of its own since.
func (a *appTraffic) more(t *testing.T, where string) {
	t.Helper()
	for _, s := range a.sessions {
		for range 3 {
			select {
			case <-s.rounds:
			case <-a.ctx.Done():
				a.mu.Lock()
				defer a.mu.Unlock()
				t.Fatalf("%s: %v", where, a.failed)
			}
		}
	}
}

func (a *appTraffic) end() {
	a.cancel()
	a.done.Wait()
}

// TestRemadeEnumSessions: sessions that prepared before expand, in the open state and
// in the grace go on there and back without one error, and look their rows up by index.
func TestRemadeEnumSessions(t *testing.T) {
	t.Parallel()
	for _, target := range enumServers() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, target)
			w.exec(t, sessionsBefore)
			ours := w.bridges(t)
			h := w.migrate(t, executor.Options{})
			f := file("0007_enum", sessionsMigration)
			ctx, cancel := context.WithCancel(t.Context())
			app := &appTraffic{ctx: ctx, cancel: cancel}
			t.Cleanup(app.end)
			born := func(when string) {
				for _, inSQL := range []bool{false, true} {
					row := int64(100 + len(app.sessions))
					app.join(w.appSession(t, fmt.Sprintf("born %s, PREPARE %t", when, inSQL), row, inSQL))
				}
			}
			still := w.appSession(t, "still", 99, true)
			still.prepareLookups(t)
			born("before expand")
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)
			app.more(t, "open")
			born("in the open state")
			state, err = h.contract(t.Context(), f, time.Hour)
			reaches(t, executor.Grace, state, err)
			app.more(t, "in the grace")
			born("in the grace")
			still.usesIndex(t)
			still.mapsValues(t)
			state, err = h.Rollback(t.Context(), f.Name)
			reaches(t, executor.Open, state, err)
			app.more(t, "back in the open state")
			born("back in the open state")
			state, err = h.contract(t.Context(), f, time.Hour)
			reaches(t, executor.Grace, state, err)
			app.more(t, "in the grace again")
			app.end()
			if app.failed != nil {
				t.Fatal(app.failed)
			}
			state, err = h.contract(t.Context(), f, 0)
			reaches(t, executor.Done, state, err)
			sameLines(t, "done, what casts and compares", ours, w.bridges(t))
		})
	}
}

// Rolled back from the grace and then for good, nothing is left either.
func TestRemadeEnumSessionsRolledBack(t *testing.T) {
	t.Parallel()
	for _, target := range enumServers() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, target)
			w.exec(t, sessionsBefore)
			ours := w.bridges(t)
			h := w.migrate(t, executor.Options{})
			f := file("0007_enum", sessionsMigration)
			s := w.appSession(t, "born before expand", 100, true)
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)
			for range 2 {
				state, err = h.contract(t.Context(), f, time.Hour)
				reaches(t, executor.Grace, state, err)
				state, err = h.Rollback(t.Context(), f.Name)
				reaches(t, executor.Open, state, err)
			}
			if err := h.flag(t.Context(), f, flags.Off()); err != nil {
				t.Fatal(err)
			}
			state, err = h.Rollback(t.Context(), f.Name)
			reaches(t, executor.RolledBack, state, err)
			sameLines(t, "rolled back, what casts and compares", ours, w.bridges(t))
			if err := s.round(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
}

// bridges lists the casts, operators and functions that are not the server's.
func (w *world) bridges(t *testing.T) []string {
	t.Helper()
	return w.strings(t, `SELECT 'cast from ' || castsource::regtype FROM pg_cast WHERE oid >= 16384
		UNION ALL SELECT 'operator ' || oid::regoperator FROM pg_operator WHERE oid >= 16384
		UNION ALL SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE oid >= 16384 AND pronamespace <> COALESCE(to_regnamespace('migrate'), 0) ORDER BY 1`)
}

// lookups find rows by the index on m, with a parameter of the type.
var lookups = []string{"m = $1", "$1 = m", "m IN ($1, 'happy')", "m >= $1", `m = ANY (ARRAY[$1]::"Mood 100%"[])`}

// prepareLookups is for a session of PREPARE and EXECUTE.
func (s *appSession) prepareLookups(t *testing.T) {
	t.Helper()
	for i, where := range lookups {
		s.lines(t, fmt.Sprintf(`PREPARE lookup_%d ("Mood 100%%") AS SELECT id FROM people WHERE %s`, i, where))
	}
}

// usesIndex checks how a session that prepared before the switch finds its rows, and
// that what is prepared now is of the new type.
func (s *appSession) usesIndex(t *testing.T) {
	t.Helper()
	s.lines(t, "SET enable_seqscan = off")
	look := func(what, explain string) {
		if p := strings.Join(s.lines(t, "EXPLAIN (COSTS off) "+explain), "\n"); !strings.Contains(p, "Index Cond: (m ") {
			t.Errorf("%s looks nothing up in the index on m:\n%s", what, p)
		}
	}
	for _, mode := range []string{"force_generic_plan", "force_custom_plan"} {
		s.lines(t, "SET plan_cache_mode = "+mode)
		for i, where := range lookups {
			look(where+" with "+mode, fmt.Sprintf("EXECUTE lookup_%d('ok')", i))
		}
	}
	for _, where := range []string{"m = 'happy'", "'happy' < m", "m IN ('happy', 'great')", "m = ANY ('{ok}')"} {
		look(where, "SELECT id FROM people WHERE "+where)
	}
	s.lines(t, "PREPARE fresh AS SELECT id FROM people WHERE m = $1 AND m = ANY ($2) AND $3 < m AND moods @> $4")
	got := s.lines(t, "SELECT unnest(parameter_types)::text FROM pg_prepared_statements WHERE name = 'fresh'")
	sameLines(t, "the types of parameters that are prepared in the grace", []string{`"Mood 100%"`, `"Mood 100%"[]`, `"Mood 100%"`, `"Mood 100%"[]`}, got)
}

// mapsValues checks what becomes of a value that the new type does not have.
func (s *appSession) mapsValues(t *testing.T) {
	t.Helper()
	found := s.lines(t, "EXECUTE lookup_0('sad')")
	for _, was := range []string{"1", "2", "3", "4", "5"} {
		if !slices.Contains(found, was) {
			t.Errorf("row %s was sad and is ok now; who looks for the sad finds only %q", was, found)
		}
	}
}

func sameLines(t *testing.T, what string, want, got []string) {
	t.Helper()
	if !slices.Equal(want, got) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func (s *appSession) lines(t *testing.T, sql string) []string {
	t.Helper()
	results, err := s.conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	var out []string
	for _, row := range results[0].Rows {
		out = append(out, string(row[0]))
	}
	return out
}

// TestRemadeEnumSessionUnmapped: a value that is gone, and of which the change says
// nothing, is the error that it is as text.
func TestRemadeEnumSessionUnmapped(t *testing.T) {
	t.Parallel()
	for _, target := range enumServers() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, target)
			w.exec(t, strings.Replace(sessionsBefore, "'sad' FROM", "'ok' FROM", 1))
			h := w.migrate(t, executor.Options{})
			f := file("0007_enum", strings.Replace(sessionsMigration, "(CASE m WHEN 'sad' THEN 'ok' ELSE m::text END)", "m::text", 1))
			s := w.appSession(t, "born before expand", 100, true)
			s.prepareLookups(t)
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)
			state, err = h.contract(t.Context(), f, time.Hour)
			reaches(t, executor.Grace, state, err)
			for _, sql := range []string{"EXECUTE lookup_0('sad')", "EXECUTE update(100, 'sad', 'ok')", "EXECUTE upsert(77, 'sad')"} {
				_, err := s.conn.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
				var e *pgconn.PgError
				if !errors.As(err, &e) || e.Code != "22P02" || !strings.Contains(e.Message, `"sad"`) {
					t.Errorf("%s gives %v, want invalid_text_representation and the value", sql, err)
				}
			}
			if err := s.round(t.Context(), 1); err != nil {
				t.Error(err)
			}
		})
	}
}
