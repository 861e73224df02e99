package postgres

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"
	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// TestInspect runs SQL and shows what the inspector sees of a table.
func TestInspect(t *testing.T) {
	t.Parallel()
	datadriven.Walk(t, "testdata/inspect", func(t *testing.T, path string) {
		t.Parallel()
		db := servers.Fresh(t, servers.Postgres)
		pool, s := db.Open(t), open(t, db.URL)
		datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
			run(t, pool, d.Input)
			var refs []planner.Ref
			for _, a := range d.CmdArgs {
				refs = append(refs, planner.Ref{Name: strings.ReplaceAll(a.Key, "_", " ")}, planner.Ref{Name: a.Key})
			}
			schema, err := s.Inspect(t.Context(), planner.References{Tables: refs})
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for _, f := range schema.Tables {
				showTable(&b, f)
			}
			for _, k := range slices.Sorted(maps.Keys(schema.Facts)) {
				fmt.Fprintf(&b, "fact %s = %s\n", k, schema.Facts[k])
			}
			return b.String()
		})
	})
}

func showTable(b *strings.Builder, t *planner.Table) {
	fmt.Fprintf(b, "%s %s key %v\n", t.Kind, t.Ref, t.Key)
	for _, c := range t.Columns {
		fmt.Fprintf(b, "  column %s %s", c.Name, c.Type)
		for word, value := range map[string]string{"collate": c.Collation} {
			if value != "" {
				fmt.Fprintf(b, " %s %s", word, value)
			}
		}
		if c.NotNull {
			b.WriteString(" not-null")
		}
		if c.Generated != "" {
			fmt.Fprintf(b, " generated %s", c.Generated)
		}
		if !c.Default.IsZero() {
			fmt.Fprintf(b, " default %s", show(c.Default))
		}
		if c.Comment != "" {
			fmt.Fprintf(b, " comment %q", c.Comment)
		}
		b.WriteString("\n")
	}
	for _, i := range t.Indexes {
		fmt.Fprintf(b, "  index %s columns %v unique=%t primary=%t simple=%t constraint=%q\n    %s\n",
			i.Name, i.Columns, i.Unique, i.Primary, i.Simple, i.Constraint, i.Definition)
	}
	for _, k := range t.Constraints {
		if k.Kind == kindNotNull { // from PostgreSQL 18 on
			continue
		}
		fmt.Fprintf(b, "  %s %s %v %s\n", k.Kind, k.Name, k.Columns, k.Definition)
	}
	for _, d := range t.Dependents {
		fmt.Fprintf(b, "  <- %s %s %v\n", d.Kind, d.Name, d.Columns)
	}
	facts := make([]string, 0, len(t.Facts))
	for k, v := range t.Facts {
		facts = append(facts, "  fact "+k+" = "+v+"\n")
	}
	slices.Sort(facts)
	b.WriteString(strings.Join(facts, ""))
}

// TestInspectOnEveryVersion: the catalog differs between versions, what is read
// of it does not.
func TestInspectOnEveryVersion(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		pool, s := db.Open(t), open(t, db.URL)
		run(t, pool, `
			CREATE TABLE customers (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL DEFAULT 'x', low text GENERATED ALWAYS AS (lower(name)) STORED);
			CREATE TABLE orders (id int, customer bigint REFERENCES customers);
			CREATE VIEW names AS SELECT name FROM customers;
			CREATE PUBLICATION pub FOR TABLE customers;
			INSERT INTO customers (name) SELECT 'n' FROM generate_series(1, 1000)`)
		schema, err := s.Inspect(t.Context(), planner.References{Tables: []planner.Ref{{Name: "customers"}, {Schema: "public", Name: "customers"}, {Name: "absent"}}})
		if err != nil {
			t.Fatal(err)
		}
		if len(schema.Tables) != 1 || schema.VersionNum < 130000 || schema.Default != "public" {
			t.Fatalf("the schema is %+v", schema)
		}
		c := schema.Table(planner.Ref{Name: "customers"})
		if c.Rows < 300 || c.Rows > 3000 || c.Bytes == 0 {
			t.Errorf("1000 rows are estimated as %d, %d bytes", c.Rows, c.Bytes)
		}
		var kinds []string
		for _, d := range c.Dependents {
			kinds = append(kinds, d.Kind)
		}
		want := []string{kindForeignKey, kindGenerated, kindPublication, kindView}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("dependants (-want +got):\n%s", diff)
		}
		again, err := s.Inspect(t.Context(), planner.References{Tables: []planner.Ref{{Name: "customers"}}})
		if err != nil {
			t.Fatal(err)
		}
		a, errA := json.Marshal(schema)
		b, errB := json.Marshal(again)
		if errA != nil || errB != nil || string(a) != string(b) {
			t.Errorf("two inspections differ: %v, %v\n%s\n%s", errA, errB, a, b)
		}
	})
}

// TestInspectNewer: publications of some columns or rows, and statistics on
// expressions, where the server has them.
func TestInspectNewer(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, db *servers.Database) {
		pool, s := db.Open(t), open(t, db.URL)
		run(t, pool, "CREATE TABLE orders (id int PRIMARY KEY, note text, total int NOT NULL)")
		var want []planner.Dependent
		version := text(t, pool, "SELECT current_setting('server_version_num')")
		if version >= "140000" {
			run(t, pool, "CREATE STATISTICS ex ON (lower(note)), total FROM orders")
			want = append(want, planner.Dependent{
				Kind: kindStatistics, Name: "ex", Columns: []string{"note", "total"}, Definition: "CREATE STATISTICS public.ex ON total, lower(note) FROM orders",
			})
		}
		if version >= "150000" {
			run(t, pool, "CREATE PUBLICATION listed FOR TABLE orders (id, note); CREATE PUBLICATION filtered FOR TABLE orders WHERE (id > 5)")
			want = append([]planner.Dependent{
				{Kind: kindPublication, Name: "filtered", Columns: []string{"id"}},
				{Kind: kindPublication, Name: "listed", Columns: []string{"id", "note"}},
			}, want...)
		}
		schema, err := s.Inspect(t.Context(), planner.References{Tables: []planner.Ref{{Name: "orders"}}})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, schema.Tables[0].Dependents); diff != "" {
			t.Errorf("dependants (-want +got):\n%s", diff)
		}
		notNulls := 0
		for _, k := range schema.Tables[0].Constraints {
			if k.Kind == kindNotNull {
				notNulls++
			}
		}
		if named := version >= "180000"; named != (notNulls == 2) || !named && notNulls != 0 {
			t.Errorf("%d NOT NULL constraints have names", notNulls)
		}
	})
}

func TestInspectIndex(t *testing.T) {
	t.Parallel()
	db := servers.Fresh(t, servers.Postgres)
	pool, s := db.Open(t), open(t, db.URL)
	run(t, pool, `CREATE SCHEMA other; CREATE TABLE other."My Table" (a int); CREATE INDEX "My Index" ON other."My Table" (a)`)
	ref, ok, err := s.InspectIndex(t.Context(), "other", "My Index")
	if err != nil || !ok || ref != (planner.Ref{Schema: "other", Name: "My Table"}) {
		t.Errorf("the index is on %v, %t, %v", ref, ok, err)
	}
	if ref, ok, err := s.InspectIndex(t.Context(), "", "My Index"); err != nil || ok {
		t.Errorf("out of the search path it is on %v, %t, %v", ref, ok, err)
	}
}
