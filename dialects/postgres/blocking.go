package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// lockModes are the table locks in order of strength, as pg_locks spells them
// and as people do.
var lockModes = []struct{ held, name string }{
	{"AccessShareLock", "ACCESS SHARE"},
	{"RowShareLock", "ROW SHARE"},
	{"RowExclusiveLock", "ROW EXCLUSIVE"},
	{"ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"},
	{"ShareLock", "SHARE"},
	{"ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"},
	{"ExclusiveLock", "EXCLUSIVE"},
	{"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
}

// conflicts is the matrix of PostgreSQL's docs, Explicit Locking, table 13.2:
// per requested mode, which held modes (x) make it wait.
var conflicts = map[string]string{
	"ACCESS SHARE":           ".......x",
	"ROW SHARE":              "......xx",
	"ROW EXCLUSIVE":          "....xxxx",
	"SHARE UPDATE EXCLUSIVE": "...xxxxx",
	"SHARE":                  "..xx.xxx",
	"SHARE ROW EXCLUSIVE":    "..xxxxxx",
	"EXCLUSIVE":              ".xxxxxxx",
	"ACCESS EXCLUSIVE":       "xxxxxxxx",
}

// conflicting lists the held modes that make a mode wait; nil for no mode.
func conflicting(mode string) []string {
	var out []string
	for i, c := range conflicts[mode] {
		if c == 'x' {
			out = append(out, lockModes[i].held)
		}
	}
	return out
}

// Blockers lists who holds a conflicting lock, and whom a statement of ours
// waits for: CREATE INDEX CONCURRENTLY waits for transactions rather than locks.
func (s *session) Blockers(ctx context.Context, lock plan.Lock) ([]executor.Blocker, error) {
	if lock.Object == "" {
		return nil, nil
	}
	rows, err := s.db.QueryContext(ctx, `
		WITH target AS (
			SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname || '.' || c.relname = $1 OR c.relname = $1 AND pg_table_is_visible(c.oid)
		), blocking AS (
			SELECT pid FROM pg_locks
			WHERE locktype = 'relation' AND granted AND mode = ANY ($2) AND relation IN (SELECT oid FROM target)
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			UNION
			SELECT unnest(pg_blocking_pids(pid)) FROM pg_stat_activity
			WHERE application_name = $3 AND $3 <> '' AND datname = current_database() AND wait_event_type = 'Lock'
		)
		SELECT a.pid, coalesce(a.query, ''), coalesce(a.usename, ''), coalesce(host(a.client_addr), ''),
			extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start))::float8
		FROM pg_stat_activity a JOIN blocking USING (pid)
		WHERE a.pid <> pg_backend_pid() AND (a.application_name <> $3 OR $3 = '')
		ORDER BY 5 DESC NULLS LAST, a.pid`, lock.Object, conflicting(lock.Mode), s.application)
	if err != nil {
		return nil, fmt.Errorf("looking for who holds %s: %w", lock.Object, err)
	}
	defer func() { _ = rows.Close() }() // its error is the one of rows.Err
	var out []executor.Blocker
	for rows.Next() {
		var b executor.Blocker
		var age *float64
		if err := rows.Scan(&b.PID, &b.Query, &b.User, &b.Client, &age); err != nil {
			return nil, fmt.Errorf("looking for who holds %s: %w", lock.Object, err)
		}
		b.Query = withoutLiterals(b.Query)
		if age != nil {
			b.Age = time.Duration(*age * float64(time.Second))
		}
		out = append(out, b)
	}
	return out, rows.Err()
}

// EndBlocker ends a session in the statement that looks whose it is: a process
// number may be another session's by the time that a second one is sent.
func (s *session) EndBlocker(ctx context.Context, b executor.Blocker) error {
	var spared string
	err := s.db.QueryRowContext(ctx, `
		SELECT CASE
			WHEN a.backend_type IS DISTINCT FROM 'client backend' THEN coalesce('it is the server''s own: ' || a.backend_type, 'this role may not see what it is')
			WHEN a.application_name = $2 AND $2 <> '' THEN 'it is one of migrate''s own'
			WHEN r.oid IS NULL THEN 'its role is not known'
			WHEN r.rolsuper THEN 'it is a superuser''s'
			WHEN r.rolreplication THEN 'its role replicates'
			WHEN clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start) < $3 * interval '1 second' THEN 'its transaction has just ended'
			WHEN NOT pg_terminate_backend(a.pid) THEN 'it has just ended'
			ELSE '' END
		FROM pg_stat_activity a LEFT JOIN pg_roles r ON r.oid = a.usesysid WHERE a.pid = $1`,
		b.PID, s.application, b.Age.Seconds()).Scan(&spared)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return errors.New("it has just ended")
	case err != nil:
		return fmt.Errorf("ending session %d: %w", b.PID, err)
	case spared != "":
		return errors.New(spared)
	}
	return nil
}

// withoutLiterals shows a statement without its constants and comments. One
// that cannot be read (the server cuts long ones) shows its first word only.
func withoutLiterals(query string) string {
	if strings.HasPrefix(query, "autovacuum: ") {
		return query
	}
	tokens, err := scanSQL(query)
	if err != nil {
		return firstWord(query)
	}
	var b strings.Builder
	last := int32(0)
	for _, t := range tokens {
		text := query[t.Start:t.End]
		switch t.Token {
		case pg.Token_SQL_COMMENT, pg.Token_C_COMMENT:
			continue
		case pg.Token_SCONST, pg.Token_USCONST, pg.Token_BCONST, pg.Token_XCONST, pg.Token_ICONST, pg.Token_FCONST:
			text = "?"
		}
		if b.Len() > 0 && t.Start > last {
			b.WriteByte(' ')
		}
		b.WriteString(text)
		last = t.End
	}
	return b.String()
}

// firstWord shows a statement's first word, if it is one of SQL's.
func firstWord(query string) string {
	word, _, _ := strings.Cut(strings.TrimSpace(query), " ")
	if tokens, err := pg.Scan(word); err == nil && len(tokens.Tokens) == 1 && tokens.Tokens[0].KeywordKind != pg.KeywordKind_NO_KEYWORD {
		return word + " …"
	}
	return "a statement that cannot be shown"
}
