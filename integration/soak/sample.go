package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// sample is what there is when a migration is over and migrate does nothing.
type sample struct {
	inProcess bool
	took      time.Duration
	peak      int64 // the program's largest memory, in bytes (drive.Program.Peak); 0 if it ran in this process
	heap      int64 // of this process after a collection, in bytes
	routines  int   // of this process
	book      int64 // rows of migrate's own tables
	sessions  int   // on the server, that are not the soak's
	temporary int   // files that the program, or on a server of our own the server, has left
}

// queries are what an engine is asked.
type queries struct {
	catalog  string // everything that has a name, one a row
	tables   string // migrate's own tables
	sessions string // in this database
	// temporary files, or tables that a change has left half-built; of the server, or of this database.
	temporary, halfBuilt string
	// columns are how many a table has ever had, where the server counts those that were dropped.
	columns string
}

func queriesFor(engine string) queries {
	if engine == throwaway.Postgres {
		return queries{
			catalog: `WITH s AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')
SELECT 'schema ' || nspname FROM s
UNION ALL SELECT 'relation ' || c.relkind::text || ' ' || nspname || '.' || relname FROM pg_class c JOIN s ON s.oid = relnamespace
UNION ALL SELECT 'column ' || nspname || '.' || relname || '.' || attname FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN s ON s.oid = relnamespace WHERE attnum > 0 AND NOT attisdropped
UNION ALL SELECT 'function ' || nspname || '.' || proname FROM pg_proc p JOIN s ON s.oid = pronamespace
UNION ALL SELECT 'trigger ' || relname || '.' || tgname FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal
UNION ALL SELECT 'constraint ' || conname FROM pg_constraint k JOIN s ON s.oid = connamespace
UNION ALL SELECT 'type ' || typname FROM pg_type t JOIN s ON s.oid = typnamespace WHERE typtype <> 'c' AND typelem = 0
UNION ALL SELECT 'invalid index ' || indexrelid::regclass FROM pg_index WHERE NOT indisvalid
UNION ALL SELECT 'lock ' || locktype FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
UNION ALL SELECT 'prepared ' || gid FROM pg_prepared_xacts WHERE database = current_database()`,
			tables:    `SELECT 'migrate.' || tablename FROM pg_tables WHERE schemaname = 'migrate'`,
			sessions:  `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'`,
			temporary: `SELECT count(*) FROM pg_ls_tmpdir()`,
			columns:   `SELECT max(attnum) FROM pg_attribute WHERE attrelid = 'people'::regclass`,
		}
	}
	innodb := "innodb_tables"
	if engine == throwaway.MariaDB {
		innodb = "innodb_sys_tables"
	}
	return queries{
		catalog: `SELECT CONCAT('table ', table_type, ' ', table_name) FROM information_schema.tables WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT('column ', table_name, '.', column_name) FROM information_schema.columns WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT('index ', table_name, '.', index_name, ' ', column_name) FROM information_schema.statistics WHERE table_schema = DATABASE()
UNION ALL SELECT CONCAT('trigger ', trigger_name) FROM information_schema.triggers WHERE trigger_schema = DATABASE()
UNION ALL SELECT CONCAT('routine ', routine_name) FROM information_schema.routines WHERE routine_schema = DATABASE()
UNION ALL SELECT CONCAT('event ', event_name) FROM information_schema.events WHERE event_schema = DATABASE()
UNION ALL SELECT CONCAT('constraint ', table_name, '.', constraint_name) FROM information_schema.table_constraints WHERE constraint_schema = DATABASE()`,
		tables:    `SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name LIKE 'migrate\_%'`,
		sessions:  `SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE()`,
		halfBuilt: `SELECT count(*) FROM information_schema.` + innodb + ` WHERE name LIKE CONCAT(DATABASE(), '/#sql%')`,
	}
}

// look takes a sample, after a while's wait for what goes by itself: a server takes a moment to end a session.
func (s *soak) look(ctx context.Context) (sample, []string, error) {
	var out sample
	var catalog []string
	for deadline := time.Now().Add(10 * time.Second); ; {
		var err error
		if out, catalog, err = s.glance(ctx); err != nil {
			return out, nil, fmt.Errorf("taking a sample: %w", err)
		}
		if out.sessions == 0 && out.temporary == 0 || time.Now().After(deadline) {
			return out, catalog, nil
		}
		select {
		case <-ctx.Done():
			return out, nil, ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (s *soak) glance(ctx context.Context) (out sample, catalog []string, err error) {
	q := queriesFor(s.o.Engine)
	if catalog, err = column(ctx, s.db, q.catalog); err != nil {
		return out, nil, err
	}
	slices.Sort(catalog)
	tables, err := column(ctx, s.db, q.tables)
	if err != nil {
		return out, nil, err
	}
	for _, t := range tables {
		n, err := number(ctx, s.db, "SELECT count(*) FROM "+t)
		if err != nil {
			return out, nil, err
		}
		out.book += n
	}
	for _, query := range []string{q.halfBuilt, q.temporary} {
		if query == "" || query == q.temporary && s.server == nil {
			continue // on a server that others use too, its files may be theirs
		}
		n, err := number(ctx, s.db, query)
		if err != nil {
			return out, nil, err
		}
		out.temporary += int(n)
	}
	left, err := os.ReadDir(s.temp)
	if err != nil {
		return out, nil, err
	}
	out.temporary += len(left)
	all, err := number(ctx, s.db, q.sessions)
	if err != nil {
		return out, nil, err
	}
	out.sessions = max(0, int(all)-s.db.Stats().OpenConnections)
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	out.heap, out.routines = int64(m.HeapAlloc), runtime.NumGoroutine() //nolint:gosec // it fits
	return out, catalog, nil
}

func column(ctx context.Context, db *sql.DB, query string) (out []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

func number(ctx context.Context, db *sql.DB, query string) (n int64, err error) {
	err = db.QueryRowContext(ctx, query).Scan(&n)
	return n, err
}

// leftovers are the things that are there and were not when the shape was first seen, and the other way
// round.
func leftovers(was, is []string) []string {
	var out []string
	for _, name := range is {
		if !slices.Contains(was, name) {
			out = append(out, "+"+name)
		}
	}
	for _, name := range was {
		if !slices.Contains(is, name) {
			out = append(out, "-"+name)
		}
	}
	return out
}

// A measure of growth: what a sample says, how much it may be more at the end than at the beginning, and
// whom it counts for.
type growth struct {
	what   string
	of     func(sample) float64
	factor float64
	slack  float64
	unit   float64
	counts func(sample) bool
}

const mib = 1 << 20

var growths = []growth{
	{"peak memory of migrate, MiB", func(s sample) float64 { return float64(s.peak) }, 1.25, mib, mib, func(s sample) bool { return !s.inProcess && s.peak > 0 }},
	{"heap with migrate in this process, MiB", func(s sample) float64 { return float64(s.heap) }, 1.25, 2 * mib, mib, func(sample) bool { return true }},
	{"goroutines with migrate in this process", func(s sample) float64 { return float64(s.routines) }, 1, 3, 1, func(sample) bool { return true }},
	{"rows that a migration leaves in migrate's tables", func(s sample) float64 { return float64(s.book) }, 1.5, 10, 1, func(sample) bool { return true }},
}

// enough samples for a beginning and an end that are not each other's neighbours.
const enough = 8

// grown compares the first quarter of the samples with the last, and says for each measure what it was, what
// it is, and whether that is more than may be. A beginning that is still warming up is left out.
func grown(samples []sample) (lines []string, failed bool) {
	for _, g := range growths {
		var values []float64
		for _, s := range samples {
			if g.counts(s) {
				values = append(values, g.of(s)/g.unit)
			}
		}
		if strings.HasPrefix(g.what, "rows ") {
			values = differences(values)
		}
		if len(values) < enough {
			continue
		}
		values = values[1:]
		quarter := len(values) / 4
		first, last := mean(values[:quarter]), mean(values[len(values)-quarter:])
		line := fmt.Sprintf("%s: %.1f at the beginning, %.1f at the end", g.what, first, last)
		if last > first*g.factor+g.slack/g.unit {
			failed = true
			line += ": IT GROWS"
		}
		lines = append(lines, line)
	}
	return lines, failed
}

func differences(values []float64) []float64 {
	var out []float64
	for i := 1; i < len(values); i++ {
		out = append(out, values[i]-values[i-1])
	}
	return out
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}
