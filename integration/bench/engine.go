package main

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// tableName is the table that is changed: its column a, an integer, becomes a bigint.
const tableName = "bench"

// engine is the SQL that differs, and how a server's counters are read.
type engine struct {
	name string
	// create makes and fills the table, and brings the server to rest.
	create func(s scenario) []string
	// The change as people write it in a file for migrate, as one UPDATE of a
	// column beside, and as the ALTER that blocks.
	change, column, update, alter string
	// journal yields, for a migration's name, the seconds from the backfill's
	// first entry to its last.
	journal string
	// id writes the key of row n.
	id map[string]func(n int) string
	// counters reads how much log was written so far.
	counters func(ctx context.Context, db *sql.DB) (logged, error)
	// size yields the bytes of the table with its indexes; kind the type of column a.
	size, kind string
	// drop drops a database; version says which server it is.
	drop, version string
	// urlOptions has statements sent as text: no plan of theirs can be outdated by the change.
	urlOptions string
}

// logged are bytes written since some instant; below 0: the server does not tell.
type logged struct{ redo, binlog int64 }

func (l logged) since(before logged) logged {
	l.redo -= before.redo
	if l.binlog >= 0 {
		l.binlog -= before.binlog
	}
	return l
}

func engineOf(name string) engine {
	switch name {
	case throwaway.MySQL:
		return innodb(name, "information_schema.innodb_tablespaces", "Innodb_redo_log_current_lsn")
	case throwaway.MariaDB:
		return innodb(name, "information_schema.innodb_sys_tablespaces", "Innodb_lsn_current")
	default:
		return postgres()
	}
}

// uuidOf is a key without any order, which the servers compute alike: half of the
// hash of the row's number.
func uuidOf(n int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return hex.EncodeToString(sum[:16])
}

// columns are those of the table behind its key, with their types and values in
// terms of the row's number n. text is the type of strings, of a length.
func columns(s scenario, integer string, text func(length int) string) (definitions, values []string) {
	add := func(definition, value string) {
		definitions, values = append(definitions, definition+" NOT NULL"), append(values, value)
	}
	add("a "+integer, "n")
	for i := range maxIndexes {
		// Spread, so that neighbours in the table are none in the index.
		add(fmt.Sprintf("c%d %s", i+1, integer), fmt.Sprintf("(n * %d) %% 1000003", 7919+2*i))
	}
	add("pad "+text(60), "repeat('x', 60)")
	if s.width == wide {
		for i := range 9 {
			add(fmt.Sprintf("w%d %s", i+1, text(100)), fmt.Sprintf("concat(n + %d, repeat('w', 90))", i))
		}
	}
	return definitions, values
}

func postgres() engine {
	e := engine{
		name:   throwaway.Postgres,
		change: "ALTER TABLE bench ALTER COLUMN a TYPE bigint;\n",
		column: "ALTER TABLE bench ADD COLUMN b bigint",
		update: "UPDATE bench SET b = a",
		alter:  "ALTER TABLE bench ALTER COLUMN a TYPE bigint USING a::bigint",
		journal: `SELECT extract(epoch FROM max(happened_at) - min(happened_at))::float8 FROM migrate.journal
			WHERE migration = $1 AND step = 'backfill-1' AND action = 'do'`,
		id: map[string]func(int) string{
			keyBigint: strconv.Itoa,
			keyUUID:   func(n int) string { return "'" + uuidOf(n) + "'" },
		},
		size:       "SELECT pg_total_relation_size('bench')",
		kind:       "SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'bench'::regclass AND attname = 'a'",
		drop:       "DROP DATABASE IF EXISTS %s WITH (FORCE)",
		version:    "SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1)",
		urlOptions: "default_query_exec_mode=simple_protocol",
		counters: func(ctx context.Context, db *sql.DB) (logged, error) {
			l := logged{binlog: -1}
			return l, db.QueryRowContext(ctx, "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint").Scan(&l.redo)
		},
	}
	e.create = func(s scenario) []string {
		definitions, values := columns(s, "integer", func(int) string { return "text" })
		id := map[string]string{keyBigint: "n", keyUUID: "left(encode(sha256(n::text::bytea), 'hex'), 32)::uuid"}[s.key]
		out := []string{
			fmt.Sprintf("CREATE TABLE bench (id %s NOT NULL, %s)", s.key, strings.Join(definitions, ", ")),
			fmt.Sprintf("INSERT INTO bench SELECT %s, %s FROM generate_series(1, %d::bigint) n", id, strings.Join(values, ", "), s.rows),
			"ALTER TABLE bench ADD PRIMARY KEY (id)",
		}
		for i := range s.indexes {
			out = append(out, fmt.Sprintf("CREATE INDEX ON bench (c%d)", i+1))
		}
		return append(out, "VACUUM ANALYZE bench", "CHECKPOINT")
	}
	return e
}

// batch is how many rows one INSERT makes on engines that have no generate_series.
const batch = 1_000_000

func innodb(name, tablespaces, redo string) engine {
	e := engine{
		name:   name,
		change: "ALTER TABLE bench MODIFY a bigint NOT NULL;\n",
		column: "ALTER TABLE bench ADD COLUMN b bigint",
		update: "UPDATE bench SET b = a",
		alter:  "ALTER TABLE bench MODIFY a bigint NOT NULL, ALGORITHM=COPY",
		journal: `SELECT TIMESTAMPDIFF(MICROSECOND, min(happened_at), max(happened_at)) / 1e6 FROM migrate_journal
			WHERE migration = ? AND step = 'backfill-1' AND action = 'do'`,
		id: map[string]func(int) string{
			keyBigint: strconv.Itoa,
			keyUUID:   func(n int) string { return "x'" + uuidOf(n) + "'" },
		},
		size:    "SELECT file_size FROM " + tablespaces + " WHERE name = concat(DATABASE(), '/bench')",
		kind:    "SELECT data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'bench' AND column_name = 'a'",
		drop:    "DROP DATABASE IF EXISTS %s",
		version: "SELECT concat(IF(version() LIKE '%MariaDB%', 'MariaDB ', 'MySQL '), substring_index(version(), '-', 1))",
		counters: func(ctx context.Context, db *sql.DB) (logged, error) {
			return innodbCounters(ctx, db, redo)
		},
	}
	e.create = innodbTable
	return e
}

func innodbTable(s scenario) []string {
	definitions, values := columns(s, "int", func(n int) string { return fmt.Sprintf("varchar(%d)", n) })
	idType := map[string]string{keyBigint: "bigint", keyUUID: "binary(16)"}[s.key]
	id := map[string]string{keyBigint: "n", keyUUID: "unhex(left(sha2(n, 256), 32))"}[s.key]
	out := []string{fmt.Sprintf("CREATE TABLE bench (id %s NOT NULL PRIMARY KEY, %s)", idType, strings.Join(definitions, ", "))}
	for from := 0; from < s.rows; from += batch {
		// In the order of the key, which is that of the table.
		out = append(out, fmt.Sprintf("INSERT INTO bench SELECT %s AS id, %s FROM (%s) AS numbers WHERE n <= %d ORDER BY id",
			id, strings.Join(values, ", "), aMillion(from), s.rows))
	}
	for i := range s.indexes {
		out = append(out, fmt.Sprintf("ALTER TABLE bench ADD INDEX (c%d)", i+1))
	}
	// The second writes out what is only in memory.
	return append(out, "ANALYZE TABLE bench", "FLUSH TABLES bench FOR EXPORT; UNLOCK TABLES")
}

// aMillion selects the numbers n from base+1 to base plus a million.
func aMillion(base int) string {
	const digit = "(SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL " +
		"SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	sum, from := strconv.Itoa(base+1), ""
	for i, scale := 0, 1; scale < batch; i, scale = i+1, scale*10 {
		sum += fmt.Sprintf(" + %d * d%d.d", scale, i)
		if i > 0 {
			from += ", "
		}
		from += fmt.Sprintf("%s AS d%d", digit, i)
	}
	return "SELECT " + sum + " AS n FROM " + from
}

func innodbCounters(ctx context.Context, db *sql.DB, redo string) (logged, error) {
	l := logged{binlog: -1}
	var name string
	if err := db.QueryRowContext(ctx, "SHOW GLOBAL STATUS LIKE '"+redo+"'").Scan(&name, &l.redo); err != nil {
		return l, err
	}
	var on bool
	if err := db.QueryRowContext(ctx, "SELECT @@global.log_bin").Scan(&on); err != nil || !on {
		return l, err
	}
	rows, err := db.QueryContext(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return l, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return l, err
	}
	for l.binlog = 0; rows.Next(); {
		var size int64
		dest := make([]any, len(columns))
		for i := range dest {
			dest[i] = new(sql.RawBytes)
		}
		dest[1] = &size
		if err := rows.Scan(dest...); err != nil {
			return l, err
		}
		l.binlog += size
	}
	return l, rows.Err()
}
