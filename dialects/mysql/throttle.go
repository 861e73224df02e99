package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/executor"
)

var _ executor.Meter = (*session)(nil)

// Workers is a quarter of the server's cores, but two if it has two, and eight at
// most: the application is to have the greater part. MariaDB sizes its
// thread pool by its cores, and MySQL lists them in its default resource group.
func (s *session) Workers(ctx context.Context) (int, string, error) {
	cores, err := s.Cores(ctx)
	if err != nil {
		return 0, "", err
	}
	if cores == 0 {
		return 2, "the server does not tell how many cores it has", nil
	}
	return max(min(2, cores), min(8, cores/4)), fmt.Sprintf("the server has %d cores", cores), nil
}

// Cores implements executor.Meter.
func (s *session) Cores(ctx context.Context) (int, error) {
	query := "SELECT vcpu_ids FROM information_schema.resource_groups WHERE resource_group_name = 'SYS_default'"
	if s.engine.maria {
		query = "SELECT CONCAT('1-', @@GLOBAL.thread_pool_size)"
	}
	var ids sql.NullString
	err := s.db.QueryRowContext(ctx, query).Scan(&ids)
	switch {
	case errors.Is(err, sql.ErrNoRows), number(err) != 0: // not on this platform, or not for us
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("asking for the server's cores: %w", s.Redact(err))
	}
	return countIDs(ids.String), nil
}

// countIDs counts what a list such as 0-3,8 names; 0 if it cannot be read.
func countIDs(list string) int {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, errA := strconv.Atoi(strings.TrimSpace(from))
		b, errB := strconv.Atoi(strings.TrimSpace(to))
		if errA != nil || errB != nil || b < a {
			return 0
		}
		n += b - a + 1
	}
	return n
}

// Measures implements executor.Meter. What PostgreSQL has slots, dead tuples and
// autovacuum for is here the binary log, which nobody retains, and the purge.
func (s *session) Measures(q executor.Quantity) bool {
	_, ok := s.status(q)
	return ok || q == executor.HistoryLength || q == executor.OthersStatements
}

// status names the status variables of a quantity, the better one first.
func (s *session) status(q executor.Quantity) (names []string, ok bool) {
	switch q {
	case executor.ActiveSessions:
		return []string{"Threads_running"}, true
	case executor.LogBytes:
		// Places in the redo log, in bytes; the last one is known to all versions.
		return []string{"Innodb_redo_log_current_lsn", "Innodb_lsn_current", "Innodb_os_log_written"}, true
	case executor.HistoryLength:
		return []string{"Innodb_history_list_length"}, s.engine.maria
	case executor.SlotBytes, executor.DeadRows, executor.Autovacuum, executor.OthersStatements, executor.StandbyLag:
	}
	return nil, false
}

// Measure implements executor.Meter.
func (s *session) Measure(ctx context.Context, q executor.Quantity, _ string) (value float64, of string, err error) {
	names, ok := s.status(q)
	switch {
	case ok:
		value, err = s.statusVariable(ctx, names)
	case q == executor.OthersStatements:
		value, err = s.otherStatements(ctx)
	case q == executor.HistoryLength:
		err = s.db.QueryRowContext(ctx, "SELECT count FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'").Scan(&value)
	default:
		err = executor.ErrNotMeasured
	}
	if q == executor.ActiveSessions {
		value-- // the one that asks
	}
	return value, "", err
}

// statusVariable reads the first of some global status variables that there is.
func (s *session) statusVariable(ctx context.Context, names []string) (value float64, err error) {
	rows, err := s.db.QueryContext(ctx, "SHOW GLOBAL STATUS WHERE "+among("variable_name", names))
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found := map[string]float64{}
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return 0, err
		}
		if found[name], err = strconv.ParseFloat(text, 64); err != nil {
			return 0, fmt.Errorf("reading the status variable %s: %w", name, err)
		}
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	for _, name := range names {
		if value, ok := found[name]; ok {
			return value, nil
		}
	}
	return 0, fmt.Errorf("the server has no status variable %s", strings.Join(names, ", nor "))
}

// Standbys implements executor.Meter: these servers know that there are replicas,
// and not how far they are.
func (s *session) Standbys(context.Context) (int64, []executor.Standby, error) {
	return 0, nil, executor.ErrNotMeasured
}
