package mysql

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// probes writes queries that tell whether a statement's effect is there. They
// read information_schema, which may be read under LOCK TABLES, and compare
// names by their bytes: its collation would take "größe" for "grosse".
type probes struct {
	table string
	exact bool // table names keep their case
}

func (d *dialect) probes(s *planner.Schema, table string) probes {
	return probes{table: table, exact: s.Facts[factLowerCase] == "0"}
}

func (p probes) where(column string) string {
	w := fmt.Sprintf("table_schema = DATABASE() AND %s = %s", column, quoteString(p.table))
	if p.exact {
		w += fmt.Sprintf(" AND CAST(%s AS BINARY) = CAST(%s AS BINARY)", column, quoteString(p.table))
	}
	return w
}

// among limits a name's column to some names, exactly.
func among(column string, names []string) string {
	casts := make([]string, len(names))
	for i, n := range names {
		casts[i] = "CAST(" + quoteString(n) + " AS BINARY)"
	}
	return fmt.Sprintf("CAST(%s AS BINARY) IN (%s)", column, strings.Join(casts, ", "))
}

// columns tells how many of the columns there are.
func (p probes) columns(names []string, count int) string {
	return fmt.Sprintf("SELECT COUNT(*) = %d FROM information_schema.columns WHERE %s AND %s",
		count, p.where("table_name"), among("column_name", names))
}

// moved tells whether all of the first columns are there and none of the second.
func (p probes) moved(there, gone []string) string {
	q := fmt.Sprintf("SELECT (SELECT COUNT(*) FROM information_schema.columns WHERE %s AND %s) = %d",
		p.where("table_name"), among("column_name", there), len(there))
	if len(gone) > 0 {
		q += fmt.Sprintf(" AND (SELECT COUNT(*) FROM information_schema.columns WHERE %s AND %s) = 0",
			p.where("table_name"), among("column_name", gone))
	}
	return q
}

// nullable tells whether a column allows NULL, or forbids it.
func (p probes) nullable(column string, yes bool) string {
	want := "NO"
	if yes {
		want = "YES"
	}
	return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.columns WHERE %s AND %s AND is_nullable = '%s'",
		p.where("table_name"), among("column_name", []string{column}), want)
}

// allNullable tells whether all of some columns allow NULL, or forbid it.
func (p probes) allNullable(columns []string, yes bool) string {
	want := "NO"
	if yes {
		want = "YES"
	}
	return fmt.Sprintf("SELECT COUNT(*) = %d FROM information_schema.columns WHERE %s AND %s AND is_nullable = '%s'",
		len(columns), p.where("table_name"), among("column_name", columns), want)
}

// columnType tells whether a column has a type, in the server's words.
func (p probes) columnType(column, shown string) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.columns WHERE %s AND %s AND column_type = %s",
		p.where("table_name"), among("column_name", []string{column}), quoteString(shown))
}

// indexes tells whether so many of the indexes are there.
func (p probes) indexes(names []string, count int) string {
	return fmt.Sprintf("SELECT COUNT(DISTINCT index_name) = %d FROM information_schema.statistics WHERE %s AND %s",
		count, p.where("table_name"), among("index_name", names))
}

// trigger tells whether a trigger is on the table.
func (p probes) trigger(name string) string {
	return "SELECT " + p.triggerThere(name)
}

func (p probes) triggerThere(name string) string {
	return fmt.Sprintf("(SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE() AND event_object_table = %s AND %s) > 0",
		quoteString(p.table), among("trigger_name", []string{name}))
}

// triggersThere tells whether both triggers of a sync are on the table.
func (p probes) triggersThere(t triggers) string {
	return "SELECT " + p.triggerThere(t.update.name) + " AND " + p.triggerThere(t.insert.name)
}

// tables tells whether a table is there.
func (p probes) tables() string {
	return "SELECT COUNT(*) FROM information_schema.tables WHERE " + p.where("table_name")
}

// noTable tells whether it is not.
func (p probes) noTable() string {
	return "SELECT COUNT(*) = 0 FROM information_schema.tables WHERE " + p.where("table_name")
}

// check tells whether a check constraint is on the table.
func (p probes) check(name string) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.table_constraints WHERE %s AND constraint_type = 'CHECK' AND %s",
		p.where("table_name"), among("constraint_name", []string{name}))
}

// noCheck tells whether it is not.
func (p probes) noCheck(name string) string {
	return strings.Replace(p.check(name), "COUNT(*)", "COUNT(*) = 0", 1)
}

// foreignKey tells whether a foreign key is on the table.
func (p probes) foreignKey(name string) string {
	return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.table_constraints WHERE %s AND constraint_type = 'FOREIGN KEY' AND %s",
		p.where("table_name"), among("constraint_name", []string{name}))
}

// noForeignKey tells whether it is not.
func (p probes) noForeignKey(name string) string {
	return strings.Replace(p.foreignKey(name), "COUNT(*)", "COUNT(*) = 0", 1)
}

// behind tells whether a column stands in a place: "FIRST", or "AFTER" another.
func (p probes) behind(column, place string) string {
	order := "1"
	if words := tokens(place); len(words) == 2 {
		order = fmt.Sprintf("(SELECT ordinal_position + 1 FROM information_schema.columns WHERE %s AND %s)",
			p.where("table_name"), among("column_name", []string{words[1].text}))
	}
	return fmt.Sprintf("SELECT COUNT(*) FROM information_schema.columns WHERE %s AND %s AND ordinal_position = %s",
		p.where("table_name"), among("column_name", []string{column}), order)
}

// primary tells whether the primary key consists of the columns, in this order.
func (p probes) primary(columns []string) string {
	return fmt.Sprintf(`SELECT COALESCE(GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR '\n'), '') = %s FROM information_schema.statistics WHERE %s AND index_name = 'PRIMARY'`,
		quoteString(strings.Join(columns, "\n")), p.where("table_name"))
}

// partitions tells whether so many of the partitions are there.
func (p probes) partitions(names []string, count int) string {
	return fmt.Sprintf("SELECT COUNT(DISTINCT partition_name) = %d FROM information_schema.partitions WHERE %s AND %s",
		count, p.where("table_name"), among("partition_name", names))
}
