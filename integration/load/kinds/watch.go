package main

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// mark begins every statement of the app, so that the server's lists tell them from migrate's.
const mark = "/* app */ "

// Statements of the app that wait for a lock which migrate holds, or waits for before them: what tells one wait
// from another, and the milliseconds waited, 0 where the server does not say since when. On MySQL and MariaDB
// %s are the app's sessions, and any other one is migrate's.
const (
	blockedPostgres = `WITH RECURSIVE w AS (SELECT pid, waitstart, pg_blocking_pids(pid) AS by FROM pg_locks WHERE NOT granted AND waitstart IS NOT NULL),
  ours AS (SELECT array_agg(pid) AS pids FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'migrate%'),
  behind(pid) AS (SELECT pid FROM w, ours WHERE by && pids UNION SELECT w.pid FROM w JOIN behind b ON b.pid = ANY (w.by))
SELECT concat(w.pid, ' ', waitstart), (extract(epoch FROM clock_timestamp() - waitstart) * 1000)::float8 FROM w JOIN behind USING (pid)
WHERE w.pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE '/* app */%')`

	blockedMySQL = `SELECT CONCAT('table ', t.thread_id, ' ', e.event_id), 0.0
  FROM performance_schema.threads t JOIN performance_schema.events_statements_current e ON e.thread_id = t.thread_id
  WHERE t.processlist_state LIKE 'Waiting for table%%' AND t.processlist_id IN (%[1]s)
UNION SELECT CONCAT('row ', w.requesting_engine_transaction_id), 0.0 FROM performance_schema.data_lock_waits w
  JOIN performance_schema.threads r ON r.thread_id = w.requesting_thread_id JOIN performance_schema.threads b ON b.thread_id = w.blocking_thread_id
  WHERE r.processlist_id IN (%[1]s) AND b.processlist_id NOT IN (%[1]s)`

	blockedMariaDB = `SELECT CONCAT('table ', query_id), time_ms FROM information_schema.processlist WHERE state LIKE 'Waiting for table%%' AND id IN (%[1]s)`

	rowBlockedMariaDB = `SELECT CONCAT('row ', p.query_id), p.time_ms FROM information_schema.innodb_lock_waits w
  JOIN information_schema.innodb_trx r ON r.trx_id = w.requesting_trx_id JOIN information_schema.innodb_trx b ON b.trx_id = w.blocking_trx_id
  JOIN information_schema.processlist p ON p.id = r.trx_mysql_thread_id
  WHERE p.id IN (%[1]s) AND p.info IS NOT NULL AND b.trx_mysql_thread_id NOT IN (%[1]s)`
)

// question is asked again and again: a wait is known as exactly as that.
type question struct {
	query string
	every time.Duration
}

// glance is how often the server is asked who waits, where it is up to us: MariaDB lets its list of row locks
// grow old for as long as it is asked more often than each 100 ms.
const (
	glance         = 10 * time.Millisecond
	glanceAtCostly = 25 * time.Millisecond // MySQL puts its lists together each time
	glanceAtCached = 120 * time.Millisecond
)

// questions ask who waits of the sessions of the app.
func questions(engine string, app []string) []question {
	of := func(query string) string { return fmt.Sprintf(query, strings.Join(app, ", ")) }
	switch engine {
	case throwaway.Postgres:
		return []question{{blockedPostgres, glance}}
	case throwaway.MySQL:
		return []question{{of(blockedMySQL), glanceAtCostly}}
	default:
		return []question{{of(blockedMariaDB), glance}, {of(rowBlockedMariaDB), glanceAtCached}}
	}
}

// sessionsOf opens all connections of a pool that keeps them, and numbers them as the server does.
func sessionsOf(ctx context.Context, engine string, db *sql.DB, n int) ([]string, error) {
	if engine == throwaway.Postgres {
		return nil, nil // there they have names
	}
	conns := make([]*sql.Conn, 0, n)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	var ids []string
	for range n {
		c, err := db.Conn(ctx)
		if err != nil {
			return nil, fmt.Errorf("opening the app's sessions: %w", err)
		}
		conns = append(conns, c)
		var id string
		if err := c.QueryRowContext(ctx, "SELECT CONNECTION_ID()").Scan(&id); err != nil {
			return nil, fmt.Errorf("opening the app's sessions: %w", err)
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// watcher sees on the server how long statements of the app wait behind migrate. What else the machine does
// to them does not count.
type watcher struct {
	stop context.CancelFunc
	done sync.WaitGroup

	mu      sync.Mutex
	longest []time.Duration // by phase
	err     error
}

// watch begins to look, in a first phase.
func watch(ctx context.Context, db *sql.DB, engine string, app []string) *watcher {
	ctx, stop := context.WithCancel(ctx)
	w := &watcher{stop: stop, longest: []time.Duration{0}}
	for _, q := range questions(engine, app) {
		w.done.Go(func() {
			if err := w.look(ctx, db, q); err != nil && ctx.Err() == nil {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.err = fmt.Errorf("watching who waits: %w", err)
			}
		})
	}
	return w
}

func (w *watcher) look(ctx context.Context, db *sql.DB, q question) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	tick := time.NewTicker(q.every)
	defer tick.Stop()
	since := map[string]time.Time{}
	for {
		waiting, err := blocked(ctx, conn, q.query)
		if err != nil {
			return err
		}
		since = w.count(since, waiting, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// count notes how long those wait that do now, and returns since when.
func (w *watcher) count(since map[string]time.Time, waiting map[string]time.Duration, now time.Time) map[string]time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	next := make(map[string]time.Time, len(waiting))
	for id, waited := range waiting {
		from, seen := since[id]
		switch {
		case waited > 0:
			from = now.Add(-waited)
		case !seen:
			from = now
		}
		next[id] = from
		last := len(w.longest) - 1
		w.longest[last] = max(w.longest[last], now.Sub(from))
	}
	return next
}

func blocked(ctx context.Context, conn *sql.Conn, query string) (map[string]time.Duration, error) {
	rows, err := conn.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[string]time.Duration{}
	for rows.Next() {
		var id string
		var ms float64
		if err := rows.Scan(&id, &ms); err != nil {
			return nil, err
		}
		out[id] = max(out[id], time.Duration(ms*float64(time.Millisecond)))
	}
	return out, rows.Err()
}

// phase begins another phase.
func (w *watcher) phase() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = append(w.longest, 0)
}

// end returns the longest wait of each phase.
func (w *watcher) end() ([]time.Duration, error) {
	w.stop()
	w.done.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.longest, w.err
}
