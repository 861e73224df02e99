package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/executor"
)

var _ executor.Meter = (*session)(nil)

// Workers is two: PostgreSQL tells few how many cores it has, and of two
// walkers one works while the other waits for its commit. Where few connections
// are left, the application needs them more.
func (s *session) Workers(ctx context.Context) (int, string, error) {
	const scarce = 20
	var free int
	err := s.db.QueryRowContext(ctx, `
		SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
		     - (SELECT count(*)::int FROM pg_catalog.pg_stat_activity WHERE backend_type IS NULL OR backend_type = 'client backend')`).Scan(&free)
	if err != nil {
		return 0, "", fmt.Errorf("counting the connections: %w", err)
	}
	if free < scarce {
		return 1, fmt.Sprintf("only %d connections are left", free), nil
	}
	return 2, "one works while the other commits", nil
}

// Cores implements executor.Meter. PostgreSQL does not tell, but whoever may read
// the server's files finds what Linux says of them (kernel docs, CPU hotplug): a
// list such as 0-3,8.
func (s *session) Cores(ctx context.Context) (n int, err error) {
	var may bool
	err = s.db.QueryRowContext(ctx, `SELECT pg_catalog.has_function_privilege('pg_catalog.pg_read_file(text,bigint,bigint,boolean)', 'EXECUTE')
		AND pg_catalog.pg_has_role('pg_read_server_files', 'USAGE')`).Scan(&may)
	if err != nil || !may {
		return 0, err
	}
	err = s.db.QueryRowContext(ctx, `
		SELECT coalesce(sum(1 + coalesce(nullif(split_part(part, '-', 2), '')::int - split_part(part, '-', 1)::int, 0)), 0)
		FROM unnest(string_to_array(btrim(pg_catalog.pg_read_file('/sys/devices/system/cpu/online', 0, 4096, true), E' \n'), ',')) AS part`).Scan(&n)
	if refused := (*pgconn.PgError)(nil); errors.As(err, &refused) {
		return 0, nil // it is another system, or one that keeps even this from its users
	}
	return n, err
}

// measures are the queries for the quantities that PostgreSQL knows. Each yields
// a value, what it is about, and whether our role may see what it needs: others'
// sessions show their state only to members of pg_read_all_stats (PostgreSQL
// docs, Viewing Statistics; pg_monitor is a member).
var measures = map[executor.Quantity]struct {
	query   string
	ofTable bool
}{
	executor.ActiveSessions: {query: `
		SELECT count(*)::float8, '', ` + seesAll + `
		FROM pg_catalog.pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()`},
	executor.LogBytes: {query: `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8, '', true`},
	executor.SlotBytes: {query: `
		SELECT coalesce(max(kept), 0)::float8, coalesce((array_agg(slot_name::text ORDER BY kept DESC))[1], ''), true
		FROM (SELECT slot_name, pg_wal_lsn_diff(pg_current_wal_insert_lsn(), restart_lsn) AS kept
		      FROM pg_catalog.pg_replication_slots WHERE restart_lsn IS NOT NULL) AS slots`},
	// Fewer dead rows than that cost nobody anything, and no autovacuum may come
	// for them: a small table would be waited for in vain.
	executor.DeadRows: {ofTable: true, query: `
		SELECT coalesce(max(CASE WHEN n_dead_tup < 10000 THEN 0 ELSE 100.0 * n_dead_tup / (n_dead_tup + n_live_tup) END), 0)::float8, '', true
		FROM pg_catalog.pg_stat_all_tables WHERE relid = to_regclass($1)`},
	// An autovacuum that works on the table has its lock; one that waits for it, too,
	// has a row in pg_locks.
	executor.Autovacuum: {ofTable: true, query: `
		SELECT count(*)::float8, CASE WHEN bool_or(NOT l.granted) THEN 'it waits for the table' ELSE 'it works on the table' END, ` + seesAll + `
		FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a USING (pid)
		WHERE l.locktype = 'relation' AND l.relation = to_regclass($1) AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
		AND a.backend_type = 'autovacuum worker' AND l.mode IN ('ShareUpdateExclusiveLock', 'AccessExclusiveLock')`},
}

const seesAll = "pg_has_role('pg_read_all_stats', 'USAGE')"

// errMonitor says what the role lacks.
var errMonitor = errors.New("the role may not see other sessions: GRANT pg_monitor TO it")

// Measures implements executor.Meter.
func (s *session) Measures(q executor.Quantity) bool {
	_, ok := measures[q]
	return ok || q == executor.StandbyLag || q == executor.OthersStatements && s.application != ""
}

// Measure implements executor.Meter.
func (s *session) Measure(ctx context.Context, q executor.Quantity, table string) (value float64, of string, err error) {
	if q == executor.OthersStatements && s.application != "" {
		value, err = s.otherStatements(ctx)
		return value, "", err
	}
	m, ok := measures[q]
	if !ok {
		return 0, "", executor.ErrNotMeasured
	}
	var args []any
	if m.ofTable {
		args = append(args, table)
	}
	var sees bool
	if err := s.db.QueryRowContext(ctx, m.query, args...).Scan(&value, &of, &sees); err != nil {
		return 0, "", err
	}
	if !sees {
		return 0, "", errMonitor
	}
	return value, of, nil
}

// Standbys implements executor.Meter: the physical standbys that stream. A
// logical subscriber is no replica that anybody reads from; its slot's retention
// can be limited.
//
// The view's own replay_lag is left aside: it stands still while a standby's
// replay does.
func (s *session) Standbys(ctx context.Context) (now int64, all []executor.Standby, err error) {
	rows, err := s.db.QueryContext(ctx, `
		SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')::int8, coalesce(r.name, ''), coalesce(r.replayed, 0), `+seesAll+`
		FROM (SELECT 1) AS one LEFT JOIN (
			SELECT concat_ws(' at ', nullif(w.application_name, ''), host(w.client_addr)) AS name, pg_wal_lsn_diff(w.replay_lsn, '0/0')::int8 AS replayed
			FROM pg_catalog.pg_stat_replication w
			LEFT JOIN pg_catalog.pg_replication_slots slot ON slot.active_pid = w.pid
			WHERE coalesce(w.state, '') <> 'backup' AND slot.slot_type IS DISTINCT FROM 'logical'
		) AS r ON true`)
	if err != nil {
		return 0, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var standby executor.Standby
		var sees bool
		if err := rows.Scan(&now, &standby.Name, &standby.Replayed, &sees); err != nil {
			return 0, nil, err
		}
		if !sees {
			return 0, nil, errMonitor
		}
		if standby.Name != "" {
			all = append(all, standby)
		}
	}
	return now, all, rows.Err()
}
