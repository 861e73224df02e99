package integration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schema_test.go describes a database's schema and rows, to compare two of them.

// picture is what is in a database.
type picture struct {
	// Schema is one line for each thing, without the order of columns.
	Schema []string
	// Order is each table's columns in order.
	Order []string
	// Rows holds every row of every table.
	Rows []string
}

// look describes the user's part of the database. Columns of unsteady, named
// "table.column", hold values that differ from run to run: of them only whether
// there is a value counts.
func (w *world) look(t *testing.T, unsteady ...string) picture {
	t.Helper()
	var p picture
	if w.postgres() {
		for _, q := range slices.Concat(postgresCatalog, postgresObjects) {
			p.Schema = append(p.Schema, w.strings(t, q)...)
		}
	} else {
		p.Schema = w.mysqlSchema(t)
	}
	slices.Sort(p.Schema)
	for _, table := range w.tables(t) {
		columns := w.columns(t, table)
		p.Order = append(p.Order, table+": "+strings.Join(columns, ", "))
		p.Rows = append(p.Rows, w.rows(t, table, columns, unsteady)...)
	}
	return p
}

// notOurs leaves out the system's schemas; migrate's own is looked at apart.
const notOurs = `n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate') AND n.nspname NOT LIKE 'pg\_%'`

// postgresCatalog are queries that yield a line for each thing. Our own tables
// in schema migrate may stay; a function of ours may not.
var postgresCatalog = []string{
	`SELECT format('table %I.%I kind %s persistence %s rls %s/%s acl %s options %s comment %L', n.nspname, c.relname, c.relkind, c.relpersistence,
		c.relrowsecurity, c.relforcerowsecurity, ` + aclOf("c.relacl", "CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\"", "c.relowner") + `,
		ARRAY(SELECT unnest(c.reloptions) ORDER BY 1), obj_description(c.oid, 'pg_class'))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND ` + notOurs,
	`SELECT format('column %I.%I.%I %s notnull %s default %s identity %L generated %L collation %s comment %L acl %s storage %s statistics %s options %s',
		n.nspname, c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity,
		a.attgenerated, (SELECT collname FROM pg_collation l WHERE l.oid = a.attcollation), col_description(c.oid, a.attnum), a.attacl,
		a.attstorage, coalesce(a.attstattarget, -1), (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE o NOT LIKE 'pg\_attver%'))
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm') AND ` + notOurs,
	`SELECT format('index %s valid %s ready %s cluster %s replident %s comment %L', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready,
		i.indisclustered, i.indisreplident, obj_description(i.indexrelid, 'pg_class'))
		FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE ` + notOurs,
	// NOT NULL is told with the column; since PostgreSQL 18 it is a constraint, too, with a name that nobody chose.
	`SELECT format('constraint %I.%I %I %s validated %s comment %L', n.nspname, c.relname, k.conname, pg_get_constraintdef(k.oid), k.convalidated,
		obj_description(k.oid, 'pg_constraint'))
		FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype <> 'n' AND ` + notOurs,
	`SELECT format('trigger %s enabled %s', pg_get_triggerdef(g.oid), g.tgenabled) FROM pg_trigger g WHERE NOT g.tgisinternal`,
	`SELECT format('function %I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid))
		FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE ` + notOurs + ` OR n.nspname = 'migrate'`,
	`SELECT format('view %I.%I %s', n.nspname, c.relname, pg_get_viewdef(c.oid))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('v', 'm') AND ` + notOurs,
	`SELECT format('sequence %I.%I %s of %s', n.nspname, c.relname, (SELECT (s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmax, s.seqmin, s.seqcycle)
		FROM pg_sequence s WHERE s.seqrelid = c.oid), (SELECT d.refobjid::regclass || '.' || (SELECT attname FROM pg_attribute x
		WHERE x.attrelid = d.refobjid AND x.attnum = d.refobjsubid) FROM pg_depend d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i') LIMIT 1))
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'S' AND ` + notOurs,
	`SELECT format('type %I.%I %s', n.nspname, t.typname, (SELECT array_agg(enumlabel ORDER BY enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
		FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE t.typtype IN ('e', 'd') AND ` + notOurs,
	`SELECT format('statistics %s of %s comment %L', pg_get_statisticsobjdef(oid), stxowner::regrole, obj_description(oid, 'pg_statistic_ext')) FROM pg_statistic_ext`,
	`SELECT format('policy %s on %s', p.polname, p.polrelid::regclass) FROM pg_policy p`,
}

var autoIncrement = regexp.MustCompile(` AUTO_INCREMENT=\d+`)

// mysqlSchema takes SHOW CREATE apart into lines. Keys and constraints have no
// order that anybody could see; columns do.
func (w *world) mysqlSchema(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, table := range w.tables(t) {
		var name, create string
		if err := w.db.QueryRowContext(t.Context(), "SHOW CREATE TABLE "+w.quote(table)).Scan(&name, &create); err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(autoIncrement.ReplaceAllString(create, ""), "\n") {
			out = append(out, fmt.Sprintf("table %s: %s", table, strings.TrimSuffix(strings.TrimSpace(line), ",")))
		}
	}
	out = append(out, w.strings(t, `SELECT CONCAT('trigger ', trigger_name, ' ', action_timing, ' ', event_manipulation, ' on ', event_object_table)
		FROM information_schema.triggers WHERE trigger_schema = DATABASE()`)...)
	out = append(out, w.strings(t, `SELECT CONCAT('routine ', routine_name) FROM information_schema.routines WHERE routine_schema = DATABASE()`)...)
	out = append(out, w.strings(t, `SELECT CONCAT('event ', event_name) FROM information_schema.events WHERE event_schema = DATABASE()`)...)
	return append(out, w.strings(t, `SELECT CONCAT('view ', table_name, ' ', REPLACE(view_definition, CONCAT(CHAR(96), DATABASE(), CHAR(96), '.'), '')) FROM information_schema.views WHERE table_schema = DATABASE()`)...)
}

// ownTables are migrate's, on MySQL and MariaDB beside the user's.
const ownTables = `'migrate_migrations', 'migrate_journal', 'migrate_walks', 'migrate_checkpoints', 'migrate_verifications',
	'migrate_lease', 'migrate_control', 'migrate_flags', 'migrate_observations', 'migrate_throttle', 'migrate_pulse',
	'migrate_failures', 'migrate_seeds', 'migrate_receipts', 'migrate_courtesy'`

// tables lists the user's tables; on PostgreSQL those of schema public.
func (w *world) tables(t *testing.T) []string {
	t.Helper()
	return sorted(w.strings(t, w.either(
		`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`,
		`SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND table_name NOT IN (`+ownTables+`)`)))
}

// columns lists a table's columns in their order.
func (w *world) columns(t *testing.T, table string) []string {
	t.Helper()
	literal := w.literal(table)
	return w.strings(t, `SELECT column_name FROM information_schema.columns WHERE table_schema = `+
		w.either("'public'", "DATABASE()")+` AND table_name = `+literal+` ORDER BY ordinal_position`)
}

// rows writes every row of a table, its cells by the columns' names, sorted.
func (w *world) rows(t *testing.T, table string, columns, unsteady []string) []string {
	t.Helper()
	cells := make([]string, 0, len(columns))
	for _, c := range sorted(slices.Clone(columns)) {
		cell := fmt.Sprintf("COALESCE(CAST(%s AS %s, 'NULL')", w.quote(c), w.either(`text) COLLATE "C"`, "char)"))
		if slices.Contains(unsteady, table+"."+c) {
			cell = fmt.Sprintf("CASE WHEN %s IS NULL THEN 'NULL' ELSE 'a value' END", w.quote(c))
		}
		cells = append(cells, fmt.Sprintf("CONCAT(%s, %s)", w.literal(c+"="), cell))
	}
	rows := w.strings(t, fmt.Sprintf("SELECT CONCAT_WS(' | ', %s) FROM %s", strings.Join(cells, ", "), w.quote(table)))
	for i := range rows {
		rows[i] = table + ": " + rows[i]
	}
	return sorted(rows)
}
