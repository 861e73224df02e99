package mysql

import (
	"fmt"
	"slices"
	"testing"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// TestPlacedColumnHasRoom: a shadow that forbids NULL is filled without a row growing,
// and one that begins with NULL is not, which shows in how much of its space the
// table uses afterwards.
func TestPlacedColumnHasRoom(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		fill := func(notNull string) (step plan.Step, grown float64) {
			b.exec("DROP TABLE IF EXISTS t",
				"CREATE TABLE t (id bigint NOT NULL PRIMARY KEY, a int "+notNull+", pad varchar(60) NOT NULL)",
				"INSERT INTO t SELECT n, n, REPEAT('x', 60) FROM ("+thousands(40)+") numbers ORDER BY n")
			s := b.schema("t")
			a := *s.Tables[0].Column("a")
			change := b.d.Compare(s, a, "bigint")
			n := planner.NewColumn{ColumnDef: planner.ColumnDef{Name: "b", Type: "bigint"}, Like: &a, After: "a"}
			if notNull != "" {
				n.NotNull, n.Default = true, change.Placeholder
			}
			lowered, err := b.d.Lower(s, planner.OpAddColumns{Table: s.Tables[0], Columns: []planner.NewColumn{n}})
			if err != nil {
				t.Fatal(err)
			}
			// As in the field: a table that is as full as one is whose rows came in order.
			b.exec("ALTER TABLE t ENGINE=InnoDB")
			before := b.tableIDs()
			for _, st := range lowered.Steps[0].Statements {
				b.exec(st.SQL)
			}
			if rebuilt := !slices.Equal(before, b.tableIDs()); rebuilt != (lowered.Steps[0].Work == plan.Rewrite) {
				t.Errorf("the plan says %s; rebuilt: %t", lowered.Steps[0].Work, rebuilt)
			}
			pages := b.pages()
			for from := 0; from < 40_000; from += 1000 {
				b.exec(fmt.Sprintf("UPDATE t SET b = a WHERE id > %d AND id <= %d", from, from+1000))
			}
			return lowered.Steps[0], float64(b.pages()) / float64(pages)
		}
		step, grown := fill("NOT NULL")
		if step.Work != plan.Rewrite || step.Rows == 0 {
			t.Errorf("the step is %s of %d rows, want a rewrite of all", step.Work, step.Rows)
		}
		if grown > 1.02 {
			t.Errorf("the filled table has %.2f times the pages: its rows have grown", grown)
		}
		if _, grown := fill(""); grown < 1.3 {
			t.Errorf("a table whose rows grow has %.2f times the pages: this test cannot tell", grown)
		}
	})
}

// TestPlaceholder holds to the rule which types have one.
func TestPlaceholder(t *testing.T) {
	t.Parallel()
	s := &planner.Schema{VersionNum: 90700}
	for _, c := range []struct {
		from, to string
		nullable bool
		want     string
	}{
		{from: "int", to: "bigint", want: "0"},
		{from: "int", to: "bigint", nullable: true, want: ""},
		{from: "decimal(8,2)", to: "decimal(12,2)", want: "0"},
		{from: "float", to: "double", want: "0"},
		{from: "datetime", to: "datetime(6)", want: "'1970-01-02 00:00:00'"},
		{from: "enum('a','b')", to: "enum('b','a')", want: "'b'"},
		{from: "varchar(40)", to: "varchar(300)", want: "''"},
		{from: "varbinary(40)", to: "varbinary(300)", want: "''"},
		{from: "varchar(40)", to: "varchar(300)", nullable: true, want: ""},
		{from: "varchar(100)", to: "text", want: ""},
		{from: "varbinary(10)", to: "blob", want: ""},
	} {
		change := (&dialect{}).Compare(s, planner.Column{Name: "c", Type: c.from, NotNull: !c.nullable}, c.to)
		if change.Kind != planner.TypeCompatible {
			t.Errorf("%s to %s is %s (%s)", c.from, c.to, change.Kind, change.Why)
		}
		if got := change.Placeholder.SQL(quoteName); got != c.want {
			t.Errorf("%s to %s: the placeholder is %q, want %q", c.from, c.to, got, c.want)
		}
	}
}

// pages is how many pages the table's rows take.
func (b *bench) pages() int {
	b.t.Helper()
	b.exec("ANALYZE TABLE t")
	return atoi(b.text("SELECT clustered_index_size FROM mysql.innodb_table_stats WHERE database_name = DATABASE() AND table_name = 't'"))
}

// thousands selects the numbers n from 1 to some thousand.
func thousands(n int) string {
	const digit = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	return fmt.Sprintf("SELECT 1 + a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d AS n FROM %[1]s a, %[1]s b, %[1]s c, %[1]s d, %[1]s e WHERE a.d + 10*b.d + 100*c.d + 1000*d.d + 10000*e.d < %[2]d", digit, n*1000)
}
