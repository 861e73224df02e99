package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// Blockers implements executor.Session. MySQL knows who holds a lock on the
// table. MariaDB knows it with its plugin metadata_lock_info; without, the open
// transactions and the statements that mention the table are named: best effort.
func (s *session) Blockers(ctx context.Context, lock plan.Lock) ([]executor.Blocker, error) {
	if lock.Object == "" {
		return nil, nil
	}
	var out []executor.Blocker
	var err error
	switch {
	case !s.engine.maria && s.perf:
		out, err = s.holders(ctx, lock, mysqlHolders, s.app)
		if n := number(err); n == errTableAccess || n == errSpecificAccess {
			out, err = s.suspects(ctx, lock)
		}
	case s.engine.maria:
		out, err = s.holders(ctx, lock, mariaHolders)
		if number(err) == errUnknownTable {
			out, err = s.suspects(ctx, lock)
		}
	default:
		out, err = s.suspects(ctx, lock)
	}
	if err != nil {
		return nil, fmt.Errorf("asking who holds %s: %w", lock.Object, s.Redact(err))
	}
	return out, nil
}

// mysqlHolders lists who has been granted a lock on a table's metadata, which
// every transaction that has used the table keeps to its end.
const mysqlHolders = `SELECT t.processlist_id, COALESCE(t.processlist_user, ''), COALESCE(t.processlist_host, ''),
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

const mariaHolders = `SELECT p.id, p.user, p.host, COALESCE(p.info, ''), MAX(p.time_ms) / 1000
	FROM information_schema.metadata_lock_info m JOIN information_schema.processlist p ON p.id = m.thread_id
	WHERE m.table_schema = DATABASE() AND m.table_name = ? GROUP BY p.id, p.user, p.host, p.info`

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
		x, inTrx := open[b.PID]
		switch {
		case inTrx:
			b.Age = x.age
			if b.sql == "" {
				b.Query = "(idle in an open transaction; best effort: this server tells neither its statements nor the tables it locks)"
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

func (s *session) holders(ctx context.Context, lock plan.Lock, query string, args ...any) ([]executor.Blocker, error) {
	found, err := s.query(ctx, query, append([]any{lock.Object}, args...)...)
	if err != nil {
		return nil, err
	}
	var open map[int64]trx
	if s.engine.maria {
		if open, err = s.openTransactions(ctx); err != nil {
			return nil, err
		}
	}
	out := make([]executor.Blocker, 0, len(found))
	for _, b := range found {
		if x, ok := open[b.PID]; ok {
			b.Age = x.age
		}
		out = append(out, b.Blocker)
	}
	return out, nil
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
		var b suspect
		var age sql.NullFloat64
		if err := rows.Scan(&b.PID, &b.User, &b.Client, &b.sql, &age); err != nil {
			return nil, err
		}
		b.Query = masked(b.sql)
		b.Age = time.Duration(age.Float64 * float64(time.Second))
		if !s.isOwn(b.PID) {
			out = append(out, b)
		}
	}
	slices.SortFunc(out, func(a, b suspect) int { return int(a.PID - b.PID) })
	return out, rows.Err()
}

func (s *session) isOwn(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own[id]
}
