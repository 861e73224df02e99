package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// mdl is the instrument that knows who holds locks on tables' metadata. It is on
// by default on MySQL; MariaDB (from 10.5) has it, and leaves it off.
const mdl = "wait/lock/metadata/sql/mdl"

// Blockers implements executor.Session. Who holds a lock on the table is known
// from performance_schema with its instrument for metadata locks, or from
// MariaDB's plugin metadata_lock_info. Without both, the open transactions and
// the statements that mention the table are named as suspects.
func (s *session) Blockers(ctx context.Context, lock plan.Lock) ([]executor.Blocker, error) {
	if lock.Object == "" {
		return nil, nil
	}
	out, known, err := s.holders(ctx, lock)
	if err == nil && !known {
		out, err = s.suspects(ctx, lock)
	}
	if err != nil {
		return nil, fmt.Errorf("asking who holds %s: %w", lock.Object, s.Redact(err))
	}
	return out, nil
}

// instrumented reports whether the server watches locks on tables' metadata.
func (s *session) instrumented(ctx context.Context) (bool, error) {
	if !s.perf {
		return false, nil
	}
	var enabled string
	err := s.db.QueryRowContext(ctx, "SELECT enabled FROM performance_schema.setup_instruments WHERE name = ?", mdl).Scan(&enabled)
	if errors.Is(err, sql.ErrNoRows) || forbidden(err) {
		return false, nil
	}
	return enabled == "YES", err
}

// forbidden reports an error that means that we may not look there.
func forbidden(err error) bool {
	n := number(err)
	return n == errTableAccess || n == errSpecificAccess
}

// instrumentHolders lists who has been granted a lock on a table's metadata, which
// every transaction that has used the table keeps to its end.
const instrumentHolders = `SELECT t.processlist_id, COALESCE(t.processlist_user, ''), COALESCE(t.processlist_host, ''),
		COALESCE(s.sql_text, t.processlist_info, ''), COALESCE(MAX(x.timer_wait) / 1e12, t.processlist_time, 0)
	FROM performance_schema.metadata_locks m
	JOIN performance_schema.threads t ON t.thread_id = m.owner_thread_id
	LEFT JOIN performance_schema.events_statements_current s ON s.thread_id = t.thread_id AND COALESCE(s.nesting_event_type, '') <> 'STATEMENT'
	LEFT JOIN performance_schema.events_transactions_current x ON x.thread_id = t.thread_id AND x.state = 'ACTIVE'
	LEFT JOIN performance_schema.session_account_connect_attrs o ON o.processlist_id = t.processlist_id AND o.attr_name = 'program_name'
	LEFT JOIN performance_schema.session_connect_attrs a ON a.processlist_id = t.processlist_id AND a.attr_name = 'program_name'
	WHERE m.object_type = 'TABLE' AND m.object_schema = DATABASE() AND m.object_name = ? AND m.lock_status = 'GRANTED'
		AND t.processlist_id IS NOT NULL AND COALESCE(a.attr_value, o.attr_value, '') <> ?
	GROUP BY t.processlist_id, t.processlist_user, t.processlist_host, s.sql_text, t.processlist_info, t.processlist_time`

// pluginHolders leaves out who waits for a lock: it may hold none yet.
const pluginHolders = `SELECT p.id, p.user, p.host, COALESCE(p.info, ''), MAX(p.time_ms) / 1000
	FROM information_schema.metadata_lock_info m JOIN information_schema.processlist p ON p.id = m.thread_id
	WHERE m.table_schema = DATABASE() AND m.table_name = ? AND COALESCE(p.state, '') NOT LIKE 'Waiting for %lock%'
	GROUP BY p.id, p.user, p.host, p.info`

const anySession = `SELECT id, COALESCE(user, ''), COALESCE(host, ''), COALESCE(info, ''), time FROM information_schema.processlist
	WHERE db = DATABASE() AND command <> 'Daemon' AND COALESCE(state, '') NOT LIKE 'Waiting for %lock%'`

// suspects are the sessions that may hold a lock on the table.
func (s *session) suspects(ctx context.Context, lock plan.Lock) ([]executor.Blocker, error) {
	all, err := s.query(ctx, anySession)
	if err != nil {
		return nil, err
	}
	open, err := s.openTransactions(ctx)
	if err != nil {
		return nil, err
	}
	var out []executor.Blocker
	for _, b := range all {
		b.Suspected = true
		x, inTrx := open[b.PID]
		switch {
		case inTrx:
			b.Age = x.age
			if b.sql == "" {
				b.Query = "(idle in an open transaction; this server tells neither its statements nor the tables it locks)"
			}
			out = append(out, b.Blocker)
		case mentions(b.sql)[strings.ToLower(lock.Object)]:
			out = append(out, b.Blocker)
		}
	}
	return out, nil
}

// openTransactions are known to who may see them; to others there are none.
func (s *session) openTransactions(ctx context.Context) (map[int64]trx, error) {
	open, _, err := s.trxs.read(ctx, s.db, 0)
	if number(err) == errSpecificAccess {
		return nil, nil
	}
	return open, err
}

// holders are the sessions that hold a lock on the table. known is false where
// the server does not tell.
func (s *session) holders(ctx context.Context, lock plan.Lock) (out []executor.Blocker, known bool, err error) {
	if known, err = s.instrumented(ctx); err != nil {
		return nil, false, err
	}
	var found []suspect
	if known {
		found, err = s.query(ctx, instrumentHolders, lock.Object, s.app)
		known = !forbidden(err)
	}
	if !known && s.engine.maria {
		found, err = s.query(ctx, pluginHolders, lock.Object)
		known = number(err) != errUnknownTable
	}
	if !known || err != nil {
		if !known {
			err = nil
		}
		return nil, known, err
	}
	return s.aged(ctx, found), true, nil
}

// aged tells the age of transactions where the server's monitor knows it better,
// and says of those that do nothing that they do.
func (s *session) aged(ctx context.Context, found []suspect) []executor.Blocker {
	// Who may not see the monitor is left with the time of the last statement.
	open, _ := s.openTransactions(ctx)
	out := make([]executor.Blocker, 0, len(found))
	for _, b := range found {
		if x, ok := open[b.PID]; ok {
			b.Age = max(b.Age, x.age)
		}
		if b.sql == "" {
			b.Query = "(idle; this server does not keep what it ran last)"
		}
		out = append(out, b.Blocker)
	}
	return out
}

type suspect struct {
	executor.Blocker
	sql string
}

// query reads blockers and leaves out our own connections.
func (s *session) query(ctx context.Context, query string, args ...any) ([]suspect, error) {
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var out []suspect
	for rows.Next() {
		b, err := readSuspect(rows)
		if err != nil {
			return nil, err
		}
		if !s.isOwn(b.PID) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b suspect) int { return int(a.PID - b.PID) })
	return out, rows.Err()
}

// readSuspect reads one; before are columns in front of it.
func readSuspect(rows *sql.Rows, before ...any) (b suspect, err error) {
	var age sql.NullFloat64
	err = rows.Scan(append(before, &b.PID, &b.User, &b.Client, &b.sql, &age)...)
	b.Query = masked(b.sql)
	b.Age = time.Duration(age.Float64 * float64(time.Second))
	return b, err
}

func (s *session) isOwn(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own[id]
}
