package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
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

// conflictPairs are the rows (wanted, held) of conflicts, as SQL.
var conflictPairs = func() string {
	var rows []string
	for _, want := range lockModes {
		for _, held := range conflicting(want.name) {
			rows = append(rows, "('"+want.held+"', '"+held+"')")
		}
	}
	return strings.Join(rows, ", ")
}()

// waitedFor is whom statements of ours wait for, of all those in the way: who has
// been granted what they want. The others wait for it themselves, before us; so
// does whoever has a tuple's lock, the place of the first in the queue for a row.
// CREATE INDEX CONCURRENTLY waits for transactions (virtualxid).
var waitedFor = `SELECT h.pid FROM pg_locks w
	JOIN pg_stat_activity us ON us.pid = w.pid AND us.application_name = $1 AND $1 <> '' AND us.datname = current_database()
	JOIN pg_locks h ON h.granted AND h.locktype = w.locktype AND h.pid <> w.pid AND (w.mode, h.mode) IN (` + conflictPairs + `)
	AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid)
		IS NOT DISTINCT FROM (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
	WHERE NOT w.granted AND w.locktype <> 'tuple'`

// blockerColumns show a session of pg_stat_activity a.
const blockerColumns = `a.pid, coalesce(a.query, ''), coalesce(a.usename, ''), coalesce(host(a.client_addr), ''),
	extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start, a.backend_start))::float8`

// Blockers lists who holds a conflicting lock, whom a statement of ours waits
// for, and who waits before us.
func (s *session) Blockers(ctx context.Context, lock plan.Lock) ([]executor.Blocker, error) {
	if lock.Object == "" {
		return nil, nil
	}
	out, err := s.blockers(ctx, `
		WITH target AS (
			SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname || '.' || c.relname = $2 OR c.relname = $2 AND pg_table_is_visible(c.oid)
		), has AS (
			SELECT pid, bool_and(mode = 'ShareUpdateExclusiveLock') AS maintains FROM pg_locks
			WHERE locktype = 'relation' AND granted AND mode = ANY ($3) AND relation IN (SELECT oid FROM target)
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
			GROUP BY pid
		), holding AS (
			SELECT pid FROM has
			UNION `+waitedFor+`
		), blocking AS (
			SELECT pid FROM holding
			UNION
			SELECT unnest(pg_blocking_pids(pid)) FROM pg_stat_activity
			WHERE application_name = $1 AND $1 <> '' AND datname = current_database() AND wait_event_type = 'Lock'
		)
		SELECT `+blockerColumns+`, NOT EXISTS (SELECT 1 FROM holding h WHERE h.pid = a.pid), EXISTS (SELECT 1 FROM has h WHERE h.pid = a.pid AND h.maintains)
		FROM pg_stat_activity a JOIN blocking USING (pid)
		WHERE a.pid <> pg_backend_pid() AND (a.application_name <> $1 OR $1 = '')
		ORDER BY 5 DESC NULLS LAST, a.pid`, s.application, lock.Object, conflicting(lock.Mode))
	if err != nil {
		return nil, fmt.Errorf("looking for who holds %s: %w", lock.Object, err)
	}
	return out, nil
}

// Clear implements executor.Clearer: a VACUUM or ANALYZE, also the server's own, keeps a table in SHARE UPDATE
// EXCLUSIVE for as long as it takes. Behind us, if we waited for it with the lock that a step needs, everybody would
// wait. So this lock comes first, unless it is all that the step wants: nobody who reads or writes queues behind
// it, an autovacuum gives way to who waits for it (after deadlock_timeout, unless it is against wraparound), and
// while we have it no other begins. PostgreSQL docs, Explicit Locking and Routine Vacuuming.
func (s *session) Clear(ctx context.Context, tx *sql.Tx, locks []plan.Lock) error {
	var objects []string
	for _, l := range locks {
		if l.Object != "" && l.Mode != lockShareUpdateExclusive && slices.Contains(conflicting(l.Mode), "ShareUpdateExclusiveLock") {
			objects = append(objects, l.Object)
		}
	}
	if len(objects) == 0 {
		return nil
	}
	// Partitions are vacuumed one by one. In the order of their numbers servers lock them, too.
	var tables sql.NullString
	var timeout string
	err := tx.QueryRowContext(ctx, `
		WITH RECURSIVE named AS (
			SELECT coalesce(i.indrelid, c.oid) AS oid
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
			WHERE n.nspname || '.' || c.relname = ANY ($1) OR c.relname = ANY ($1) AND pg_table_is_visible(c.oid)
		), target AS (
			SELECT oid FROM named
			UNION
			SELECT i.inhrelid FROM pg_inherits i JOIN target t ON t.oid = i.inhparent
		)
		SELECT string_agg(format('ONLY %I.%I', n.nspname, c.relname), ', ' ORDER BY c.oid), current_setting('lock_timeout')
		FROM target t JOIN pg_class c ON c.oid = t.oid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p') AND has_table_privilege(c.oid, 'UPDATE, DELETE, TRUNCATE')`, objects).Scan(&tables, &timeout)
	if err != nil {
		return fmt.Errorf("looking for the tables to keep maintenance from: %w", err)
	}
	if !tables.Valid {
		return nil
	}
	return s.ExecTx(ctx, tx, fmt.Sprintf("SET LOCAL lock_timeout = %d", patientLockTimeoutMS),
		"LOCK TABLE "+tables.String+" IN SHARE UPDATE EXCLUSIVE MODE", fmt.Sprintf("SET LOCAL lock_timeout = '%s'", timeout))
}

// Waits implements executor.Session.
func (s *session) Waits(ctx context.Context) ([]executor.Blocker, error) {
	out, err := s.blockers(ctx, `SELECT `+blockerColumns+`, false, false FROM pg_stat_activity a
		WHERE a.pid IN (`+waitedFor+`) AND (a.application_name <> $1 OR $1 = '')
		ORDER BY 5 DESC NULLS LAST, a.pid`, s.application)
	if err != nil {
		return nil, fmt.Errorf("asking whom we wait for: %w", err)
	}
	return out, nil
}

func (s *session) blockers(ctx context.Context, query string, args ...any) ([]executor.Blocker, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // its error is the one of rows.Err
	var out []executor.Blocker
	for rows.Next() {
		var b executor.Blocker
		var age *float64
		if err := rows.Scan(&b.PID, &b.Query, &b.User, &b.Client, &age, &b.Suspected, &b.Maintains); err != nil {
			return nil, err
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
	if b.Suspected {
		return errors.New("it only waits for the lock before us, or may not be seen to hold it")
	}
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
