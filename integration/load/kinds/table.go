package main

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// table is a table as one version of the app sees it.
type table struct {
	name    string
	key     string // the column of the primary key
	textKey bool
	// given says that the server gives new rows their keys.
	given   bool
	columns []field // without the key
	// rows are what the example has: values that make sense together. The app writes no others.
	rows [][]sql.NullString
}

// field is a column that the app writes.
type field struct {
	name   string
	unique bool
}

// dialect is the little SQL that differs.
type dialect struct {
	engine  string
	columns string // of all tables: table, column, in the key, unique by itself, given by the server, text
	text    string // a column as text
	quote   string
	// fill adds rows: its table, key, columns, their values, the first and the last number.
	fill   string
	settle string
}

func dialectFor(engine string) dialect {
	if engine == throwaway.Postgres {
		return dialect{
			engine: engine,
			columns: `SELECT c.relname, a.attname,
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey)),
  EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary AND a.attnum = ANY (i.indkey)),
  a.attidentity <> '', format_type(a.atttypid, NULL) IN ('text', 'character varying')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.relname, a.attnum`,
			text: "%s::text", quote: `"`,
			fill: `INSERT INTO %[1]s (%[3]s)
SELECT %[4]s FROM generate_series(%[5]d, %[6]d) s(n) JOIN (SELECT row_number() OVER (ORDER BY %[2]s) - 1 AS i, t.* FROM %[1]s t) p ON p.i = s.n %% (SELECT count(*) FROM %[1]s)`,
			settle: "VACUUM ANALYZE %s",
		}
	}
	digits := "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	return dialect{
		engine: engine,
		columns: `SELECT c.table_name, c.column_name, c.column_key = 'PRI', c.column_key = 'UNI', c.extra LIKE '%auto_increment%',
  c.data_type IN ('varchar', 'text', 'char')
FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema = DATABASE() AND t.table_type = 'BASE TABLE' ORDER BY c.table_name, c.ordinal_position`,
		text: "CAST(%s AS CHAR)", quote: "`",
		fill: `INSERT INTO %[1]s (%[3]s)
SELECT %[4]s FROM (SELECT a.d + 10*b.d + 100*c.d + 1000*e.d + 10000*f.d + 100000*g.d AS n FROM ` +
			strings.Join([]string{digits + " a", digits + " b", digits + " c", digits + " e", digits + " f", digits + " g"}, ", ") + `) s
JOIN (SELECT row_number() OVER (ORDER BY %[2]s) - 1 AS i, t.* FROM %[1]s t) p ON p.i = s.n %% (SELECT count(*) FROM %[1]s x) WHERE s.n BETWEEN %[5]d AND %[6]d`,
		settle: "ANALYZE TABLE %s",
	}
}

func (d dialect) name(id string) string {
	return d.quote + strings.ReplaceAll(id, d.quote, d.quote+d.quote) + d.quote
}

// placeholder writes the n-th parameter, from 1.
func (d dialect) placeholder(n int) string {
	if d.engine == throwaway.Postgres {
		return fmt.Sprintf("$%d", n)
	}
	return "?"
}

// read lists the tables of a database with the rows that are in them. Migrate's own are left out.
func (d dialect) read(ctx context.Context, db *sql.DB) ([]*table, error) {
	out, err := d.readColumns(ctx, db)
	if err != nil {
		return nil, fmt.Errorf("reading the example's tables: %w", err)
	}
	for _, t := range out {
		if t.rows, err = d.readRows(ctx, db, t); err != nil {
			return nil, fmt.Errorf("reading the rows of %s: %w", t.name, err)
		}
	}
	return out, nil
}

func (d dialect) readColumns(ctx context.Context, db *sql.DB) ([]*table, error) {
	rows, err := db.QueryContext(ctx, d.columns)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []*table
	for rows.Next() {
		var name, column string
		var inKey, unique, given, isText bool
		if err := rows.Scan(&name, &column, &inKey, &unique, &given, &isText); err != nil {
			return nil, err
		}
		if len(out) == 0 || out[len(out)-1].name != name {
			out = append(out, &table{name: name})
		}
		t := out[len(out)-1]
		if inKey {
			t.key, t.textKey, t.given = column, isText, given
			continue
		}
		t.columns = append(t.columns, field{column, unique})
	}
	return out, rows.Err()
}

func (d dialect) readRows(ctx context.Context, db *sql.DB, t *table) ([][]sql.NullString, error) {
	texts := make([]string, len(t.columns))
	for i, c := range t.columns {
		texts[i] = fmt.Sprintf(d.text, d.name(c.name))
	}
	rows, err := db.QueryContext(ctx, fmt.Sprintf("SELECT %s FROM %s ORDER BY %s", strings.Join(texts, ", "), d.name(t.name), d.name(t.key)))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out [][]sql.NullString
	for rows.Next() {
		row := make([]sql.NullString, len(t.columns))
		into := make([]any, len(row))
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// grow fills a table up to a number of rows, with the values of those that it has.
func (d dialect) grow(ctx context.Context, db *sql.DB, t *table, to int) error {
	if len(t.rows) == 0 {
		return nil // the example has none, since the naive statement wants an empty table
	}
	var names, values []string
	switch {
	case t.given: // the server counts on from those that it has given
	case t.textKey:
		names, values = append(names, d.name(t.key)), append(values, "concat('k', s.n)")
	default:
		names, values = append(names, d.name(t.key)), append(values, "s.n")
	}
	for _, c := range t.columns {
		value := "p." + d.name(c.name)
		if c.unique {
			value = "concat(s.n, " + value + ")"
		}
		names, values = append(names, d.name(c.name)), append(values, value)
	}
	for _, q := range []string{
		fmt.Sprintf(d.fill, d.name(t.name), d.name(t.key), strings.Join(names, ", "), strings.Join(values, ", "), len(t.rows)+1, to),
		fmt.Sprintf(d.settle, d.name(t.name)),
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("filling %s: %w", t.name, err)
		}
	}
	return nil
}

// unite marks a column as unique in both shapes if it is in one: an app that is to live with the constraint
// writes no duplicates before it is there.
func unite(one, other []*table) {
	for _, pair := range [][2][]*table{{one, other}, {other, one}} {
		for _, t := range pair[0] {
			for _, u := range pair[1] {
				if t.name != u.name {
					continue
				}
				for i, c := range t.columns {
					t.columns[i].unique = c.unique || slices.Contains(u.columns, field{c.name, true})
				}
			}
		}
	}
}
