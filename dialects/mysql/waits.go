package mysql

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// rowHolders lists who holds the locks on rows that connections wait for. On
// MySQL a lock that is itself waited for is one of somebody in the queue before
// us; so is on MariaDB the one that its transaction has asked for. The lock's
// thread is no help: a lock that was implicit is made by the first who waits for it.
const rowHolders = `SELECT DISTINCT r.processlist_id, t.processlist_id, COALESCE(t.processlist_user, ''), COALESCE(t.processlist_host, ''),
		COALESCE(s.sql_text, t.processlist_info, ''), COALESCE(t.processlist_time, 0)
	FROM performance_schema.data_lock_waits w
	JOIN performance_schema.data_locks l ON l.engine = w.engine AND l.engine_lock_id = w.blocking_engine_lock_id AND l.lock_status = 'GRANTED'
	JOIN performance_schema.threads r ON r.thread_id = w.requesting_thread_id
	JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_engine_transaction_id
	JOIN performance_schema.threads t ON t.processlist_id = b.trx_mysql_thread_id
	LEFT JOIN performance_schema.events_statements_current s ON s.thread_id = t.thread_id AND COALESCE(s.nesting_event_type, '') <> 'STATEMENT'
	WHERE r.processlist_id IS NOT NULL`

const mariaRowHolders = `SELECT DISTINCT r.trx_mysql_thread_id, p.id, p.user, p.host, COALESCE(p.info, ''), p.time_ms / 1000
	FROM information_schema.innodb_lock_waits w
	JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id
	JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id AND COALESCE(b.trx_requested_lock_id, '') <> w.blocking_lock_id
	JOIN information_schema.processlist p ON p.id = b.trx_mysql_thread_id`

// waitTable is who was waited for lately. MariaDB fills the tables anew only when
// nobody has read them for a tenth of a second: many who ask would be told old
// news for ever.
type waitTable struct {
	mu    sync.Mutex
	at    time.Time
	waits []wait
}

// wait is one connection that waits for another.
type wait struct {
	waiting int64
	holder  suspect
}

// waitsEvery is how old the news may be.
const waitsEvery = 120 * time.Millisecond

// Waits implements executor.Session.
func (s *session) Waits(ctx context.Context) ([]executor.Blocker, error) {
	waits, err := s.rowWaits(ctx)
	if err != nil || len(waits) == 0 {
		return nil, err
	}
	// The tables may be old, where others read them, too. The monitor is not.
	open, err := s.openTransactions(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[int64]bool{}
	var out []suspect
	for _, w := range waits {
		if _, still := open[w.holder.PID]; still && open[w.waiting].waits && s.isOwn(w.waiting) && !s.isOwn(w.holder.PID) && !seen[w.holder.PID] {
			seen[w.holder.PID] = true
			out = append(out, w.holder)
		}
	}
	return s.aged(ctx, out), nil
}

func (s *session) rowWaits(ctx context.Context) ([]wait, error) {
	query := rowHolders
	switch {
	case s.engine.maria:
		query = mariaRowHolders
	case !s.perf:
		return nil, nil
	}
	t := &s.waiting
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Since(t.at) < waitsEvery {
		return t.waits, nil
	}
	rows, err := s.db.QueryContext(ctx, query)
	if forbidden(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("asking whom we wait for: %w", s.Redact(err))
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var found []wait
	for rows.Next() {
		var w wait
		if w.holder, err = readSuspect(rows, &w.waiting); err != nil {
			return nil, fmt.Errorf("asking whom we wait for: %w", s.Redact(err))
		}
		found = append(found, w)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("asking whom we wait for: %w", s.Redact(err))
	}
	t.waits, t.at = found, time.Now()
	return found, nil
}
