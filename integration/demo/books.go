package demo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/examples/shop"
	"github.com/expandcontract/migrate/examples/shop/database"
)

// The show keeps its own books, in SQL that shares nothing with migrate's: what the shop's tables must hold,
// in either shape.

// names that the shop's first customers have, by turns. Some have no blank, some more than one.
var (
	seedFirst = []string{"Ada", "Grace", "Alan", "Zoë", "Edsger", "Barbara", "Søren", "Margaret", "Niklaus", "Radia", "Ken"}
	seedLast  = []string{"Lovelace", "Hopper", "Turing", "O'Brien", "van der Berg", "Liskov", "Núñez", "Hamilton", "Wirth", "Perlman", "李", "Smith", "Thompson"}
)

// dialect is what differs between the engines in the books' statements.
type dialect struct {
	pick    func(n string, choices []string) string // one of the choices, by turns with n
	numbers string                                  // a row n for each number from 1 to ?
	first   string                                  // up: the first name in name
	last    string                                  // up: the last name in name
	bytes   func(expr string) string                // compares as bytes, not as text
}

func dialectOf(engine string) dialect {
	if engine == database.Postgres {
		return dialect{
			pick: func(n string, choices []string) string {
				return fmt.Sprintf("(ARRAY[%s])[1 + %s %% %d]", literals(choices), n, len(choices))
			},
			numbers: "SELECT n FROM generate_series(1, ?) AS n",
			first:   "split_part(name, ' ', 1)",
			last:    "substr(name, length(split_part(name, ' ', 1)) + 2)",
			bytes:   func(expr string) string { return "convert_to(" + expr + ", 'UTF8')" },
		}
	}
	digits := "SELECT 0 AS d" + strings.Repeat(" UNION ALL SELECT %d", 9)
	digits = fmt.Sprintf(digits, 1, 2, 3, 4, 5, 6, 7, 8, 9)
	return dialect{
		pick: func(n string, choices []string) string {
			return fmt.Sprintf("ELT(1 + %s %% %d, %s)", n, len(choices), literals(choices))
		},
		// Seven digits, so that ten million customers can be had; recursion is limited by settings.
		numbers: "WITH digit AS (" + digits + ") SELECT n FROM (SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d +" +
			" 10000 * f.d + 100000 * g.d + 1000000 * h.d AS n" +
			" FROM digit h, digit g, digit f, digit e, digit c, digit b, digit a) AS numbers WHERE n <= ?",
		first: "substring_index(name, ' ', 1)",
		last:  "substring(name, char_length(substring_index(name, ' ', 1)) + 2)",
		bytes: func(expr string) string { return "CAST(" + expr + " AS BINARY)" },
	}
}

func literals(choices []string) string {
	quoted := make([]string, len(choices))
	for i, choice := range choices {
		quoted[i] = "'" + strings.ReplaceAll(choice, "'", "''") + "'"
	}
	return strings.Join(quoted, ", ")
}

// seedName is the name of the customer numbered by the expression n.
func (d dialect) seedName(n string) string {
	first, last := d.pick(n, seedFirst), d.pick(n, seedLast)
	return fmt.Sprintf("CASE WHEN %[1]s %% 97 = 0 THEN %[2]s WHEN %[1]s %% 31 = 0 THEN concat('Mary Ann ', %[3]s)"+
		" ELSE concat(%[2]s, ' ', %[3]s) END", n, first, last)
}

// joined is down: the full name in first_name and last_name.
const joined = "concat(first_name, CASE WHEN last_name = '' THEN '' ELSE concat(' ', last_name) END)"

// openShop creates the tables and the customers of the shop, ids 1 to customers.
func openShop(ctx context.Context, db *database.DB, customers int64) error {
	schema, err := shop.Migration(db.Engine(), shop.BaseSchema)
	if err != nil {
		return err
	}
	if err := db.Script(ctx, schema); err != nil {
		return fmt.Errorf("creating the shop's tables: %w", err)
	}
	d := dialectOf(db.Engine())
	_, err = db.Exec(ctx, "INSERT INTO customers (id, name, email) SELECT n, "+d.seedName("n")+
		", concat('customer-', n, '@shop.example') FROM ("+d.numbers+") AS ids", customers)
	if err != nil {
		return fmt.Errorf("creating customers: %w", err)
	}
	after := []string{"ANALYZE TABLE customers"}
	if db.Engine() == database.Postgres {
		after = []string{"SELECT setval(pg_get_serial_sequence('customers', 'id'), max(id)) FROM customers", "VACUUM ANALYZE customers"}
	}
	for _, statement := range after {
		if err := db.Script(ctx, statement); err != nil {
			return fmt.Errorf("preparing the shop's tables: %w", err)
		}
	}
	return nil
}

// countInconsistent counts rows of which neither shape follows from the other.
func countInconsistent(ctx context.Context, db *database.DB) (int64, error) {
	d := dialectOf(db.Engine())
	query := fmt.Sprintf("SELECT count(*) FROM customers WHERE ((%s = %s AND %s = %s) OR %s = %s) IS NOT TRUE",
		d.bytes("first_name"), d.bytes(d.first), d.bytes("last_name"), d.bytes(d.last), d.bytes("name"), d.bytes(joined))
	return count(ctx, db, query)
}

// facts are numbers that must come out of the tables after the show.
type facts struct {
	customers int64 // that exist
	renames   int64 // that were counted in the rows
	unnamed   int64 // customers without a name
	changed   int64 // names that nobody changed and that are not what they were
}

// readFacts reads them in the new shape.
func readFacts(ctx context.Context, db *database.DB, seeded int64) (facts, error) {
	d := dialectOf(db.Engine())
	var f facts
	var err error
	if f.customers, err = count(ctx, db, "SELECT count(*) FROM customers"); err != nil {
		return f, err
	}
	if f.renames, err = count(ctx, db, "SELECT coalesce(sum(revision), 0) FROM customers"); err != nil {
		return f, err
	}
	if f.unnamed, err = count(ctx, db, "SELECT count(*) FROM customers WHERE (first_name <> '') IS NOT TRUE OR last_name IS NULL"); err != nil {
		return f, err
	}
	f.changed, err = count(ctx, db, fmt.Sprintf("SELECT count(*) FROM customers WHERE id <= ? AND revision = 0 AND (%s = %s) IS NOT TRUE",
		d.bytes(joined), d.bytes(d.seedName("id"))), seeded)
	return f, err
}

func count(ctx context.Context, db *database.DB, query string, args ...any) (int64, error) {
	var n int64
	if err := db.Row(ctx, query, args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting rows: %w", err)
	}
	return n, nil
}

// migrateNaively does to a database what the example migration says, as if the world stood still.
func migrateNaively(ctx context.Context, db *database.DB) error {
	for _, name := range []string{shop.BaseSchema, shop.SplitName} {
		text, err := shop.Migration(db.Engine(), name)
		if err != nil {
			return err
		}
		if err := db.Script(ctx, text); err != nil {
			return fmt.Errorf("running %s naively: %w", name, err)
		}
	}
	return nil
}

// describeShop lists everything the shop's schema consists of, one line each.
func describeShop(ctx context.Context, db *database.DB) ([]string, error) {
	queries := mysqlSchema
	if db.Engine() == database.Postgres {
		queries = postgresSchema
	}
	var all []string
	for _, query := range queries {
		some, err := readLines(ctx, db, query)
		if err != nil {
			return nil, fmt.Errorf("describing the schema: %w", err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// Every query gives one text per row, in a stable order. Names of NOT NULL constraints are left out: PostgreSQL
// 18 makes them up.
var postgresSchema = []string{
	`SELECT 'table ' || relname || ' kind ' || relkind::text FROM pg_class
	 WHERE relnamespace = 'public'::regnamespace AND relkind <> 'i' ORDER BY 1`,
	`SELECT 'column ' || attrelid::regclass || '.' || attname || ' ' || format_type(atttypid, atttypmod)
	   || CASE WHEN attnotnull THEN ' not null' ELSE '' END || ' identity=' || attidentity::text
	   || coalesce(' default ' || pg_get_expr(adbin, adrelid), '')
	 FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
	 LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
	 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0 AND NOT attisdropped
	 ORDER BY relname, attnum`,
	`SELECT 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
	 FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1`,
	`SELECT 'index ' || indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1`,
	`SELECT 'trigger ' || tgrelid::regclass || ' ' || tgname FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
	 WHERE relnamespace = 'public'::regnamespace AND NOT tgisinternal ORDER BY 1`,
	`SELECT 'function ' || proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1`,
}

// migrate's own tables stay; every other object counts.
var mysqlSchema = []string{
	`SELECT concat('table ', table_name, ' ', engine, ' ', table_collation) FROM information_schema.tables
	 WHERE table_schema = database() AND table_name NOT LIKE 'migrate\_%' ORDER BY table_name`,
	`SELECT concat('column ', table_name, '.', column_name, ' ', column_type, ' nullable=', is_nullable,
	   ' default=', coalesce(column_default, '(none)'), ' ', extra, ' ', coalesce(collation_name, ''))
	 FROM information_schema.columns WHERE table_schema = database() AND table_name NOT LIKE 'migrate\_%'
	 ORDER BY table_name, ordinal_position`,
	`SELECT concat('constraint ', table_name, ' ', constraint_name, ' ', constraint_type) FROM information_schema.table_constraints
	 WHERE table_schema = database() AND table_name NOT LIKE 'migrate\_%' ORDER BY table_name, constraint_name`,
	`SELECT concat('index ', table_name, ' ', index_name, ' unique=', 1 - non_unique, ' ',
	   group_concat(column_name ORDER BY seq_in_index))
	 FROM information_schema.statistics WHERE table_schema = database() AND table_name NOT LIKE 'migrate\_%'
	 GROUP BY table_name, index_name, non_unique ORDER BY table_name, index_name`,
	`SELECT concat('trigger ', event_object_table, ' ', trigger_name) FROM information_schema.triggers
	 WHERE trigger_schema = database() AND event_object_table NOT LIKE 'migrate\_%' ORDER BY trigger_name`,
	`SELECT concat('routine ', routine_name) FROM information_schema.routines
	 WHERE routine_schema = database() ORDER BY routine_name`,
}

func readLines(ctx context.Context, db *database.DB, query string) (all []string, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return nil, err
		}
		all = append(all, line)
	}
	return all, rows.Err()
}

// difference tells how the schema got differs from the one wanted; empty when it does not.
func difference(got, want []string) []string {
	var lines []string
	for _, line := range want {
		if !slices.Contains(got, line) {
			lines = append(lines, "missing: "+line)
		}
	}
	for _, line := range got {
		if !slices.Contains(want, line) {
			lines = append(lines, "extra: "+line)
		}
	}
	if len(lines) == 0 && !slices.Equal(got, want) {
		lines = append(lines, "the same parts in another order")
	}
	return lines
}
