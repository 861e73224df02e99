package mysql

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// standInSync ties name to first_name and last_name, and full to its new name;
// neither old column has a default, and both must have a value.
func standInSync(t *testing.T, b *bench) *planner.Sync {
	t.Helper()
	expr := func(text string) planner.Expr {
		e, err := b.d.parseExpr(text)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	table := b.table("people")
	return &planner.Sync{
		Migration: "0007_split", Table: table, Name: "0007_split_1a2b3c4d", State: "open", Columns: table.Columns,
		Groups: []planner.Group{
			{
				Old: []string{"name"}, New: []string{"first_name", "last_name"},
				Up: []planner.Assign{
					{Column: "first_name", Expr: expr("substring_index(`name`, ' ', 1)")}, {Column: "last_name", Expr: expr("substring_index(`name`, ' ', -1)")},
				},
				Down:        []planner.Assign{{Column: "name", Expr: expr("concat(`first_name`, ' ', `last_name`)")}},
				NewDefaults: []planner.Assign{{Column: "first_name", Expr: expr("'Anon'")}, {Column: "last_name", Expr: expr("'Ymous'")}},
			},
			{
				Old: []string{"age"}, New: []string{"years"},
				Up: []planner.Assign{{Column: "years", Expr: expr("`age`")}}, Down: []planner.Assign{{Column: "age", Expr: expr("`years`")}},
			},
		},
	}
}

// run runs a step's statements as the executor does.
func (b *bench) run(ss []plan.Statement) {
	b.t.Helper()
	conn, err := b.db.Conn(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	for _, s := range ss {
		if s.Probe != "" {
			var done bool
			if err := conn.QueryRowContext(b.t.Context(), s.Probe).Scan(&done); err != nil {
				b.t.Fatalf("%v\n%s", err, s.Probe)
			}
			if done {
				continue
			}
		}
		if _, err := conn.ExecContext(b.t.Context(), s.SQL); err != nil {
			b.t.Fatalf("%v\n%s", err, s.SQL)
		}
	}
	if _, err := conn.ExecContext(b.t.Context(), "SET SESSION sql_mode = DEFAULT"); err != nil {
		b.t.Fatal(err)
	}
}

const standInTable = `CREATE TABLE people (id int PRIMARY KEY, name varchar(60) NOT NULL, age int NOT NULL,
	first_name varchar(30), last_name varchar(30), years int)`

// Whatever statement an old or a new version inserts a row with, it gets in, and
// the two shapes agree: on MariaDB, too, which looks for values before triggers.
func TestStandIns(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec(standInTable)
		before := b.created("people")
		low, err := b.d.Lower(b.schema("people"), planner.OpInstallShadow{Sync: standInSync(t, b)})
		if err != nil {
			t.Fatal(err)
		}
		if told := strings.Join(low.Notes, " "); strings.Contains(told, "error 1364") != b.d.maria {
			t.Errorf("the notes are %q", told)
		}
		b.run(low.Steps[0].Statements)
		b.run(low.Steps[0].Statements) // cut off at the end, it runs again
		for _, c := range []struct{ insert, want string }{
			{"INTO people (id, first_name, last_name, years) VALUES (1, 'Ada', 'Lee', 36)", "1|Ada Lee|36|Ada|Lee|36"},
			{"INTO people (id, first_name, last_name, years) SELECT 1, 'Ada', 'Lee', 36", "1|Ada Lee|36|Ada|Lee|36"},
			{"INTO people SET id = 1, first_name = 'Ada', last_name = 'Lee', years = 36", "1|Ada Lee|36|Ada|Lee|36"},
			{"INTO people (id, name, age) VALUES (1, 'Mary Ann Lee', 5)", "1|Mary Ann Lee|5|Mary|Lee|5"},
			{"INTO people (id, name, age) SELECT 1, 'Mary Ann Lee', 5", "1|Mary Ann Lee|5|Mary|Lee|5"},
			{"INTO people (id, name, age) SELECT 1, '', 0", "1||0|||0"},
			// Nothing is said of the name: the new shape's defaults.
			{"INTO people (id, years) VALUES (1, 5)", "1|Anon Ymous|5|Anon|Ymous|5"},
			{"INTO people (id, years) SELECT 1, 5", "1|Anon Ymous|5|Anon|Ymous|5"},
			// An old version may mean what those defaults would give.
			{"INTO people (id, name, age) VALUES (1, 'Anon Ymous', 5)", "1|Anon Ymous|5|Anon|Ymous|5"},
			// Who writes both is taken at his word.
			{"INTO people (id, name, first_name, last_name, years, age) SELECT 1, 'x', 'y', 'z', 3, 4", "1|x|4|y|z|3"},
		} {
			for _, verb := range []string{"INSERT ", "INSERT IGNORE ", "REPLACE "} {
				b.exec("DELETE FROM people", verb+c.insert)
				if got := b.text("SELECT CONCAT_WS('|', id, name, age, first_name, last_name, years) FROM people"); got != c.want {
					t.Errorf("%s%s\nmakes %s, not %s", verb, c.insert, got, c.want)
				}
			}
		}
		b.exec("INSERT INTO people (id, years, first_name, last_name) SELECT id, 9, 'a', 'b' FROM people ON DUPLICATE KEY UPDATE years = 10")
		if got := b.text("SELECT age FROM people"); got != "10" {
			t.Errorf("the upsert makes the age %s", got)
		}
		b.run(low.Steps[0].UndoStatements)
		if diff := cmp.Diff(before, b.created("people")); diff != "" {
			t.Errorf("undone, the table is another (-before +after):\n%s", diff)
		}
	})
}

// The switch takes the stand-ins away again, and its undo brings them back.
func TestStandInsAcrossTheSwitch(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec(standInTable)
		sync := standInSync(t, b)
		lower := func(op planner.Op) plan.Step {
			low, err := b.d.Lower(b.schema("people"), op)
			if err != nil {
				t.Fatal(err)
			}
			return low.Steps[0]
		}
		b.run(lower(planner.OpInstallShadow{Sync: sync}).Statements)
		open := b.created("people")
		sw := lower(planner.OpSwitch{Table: sync.Table, Open: sync, Columns: []planner.Rename{
			{From: "name", To: "_old_name"}, {From: "years", To: "_old_years"}, {From: "age", To: "years"},
		}})
		for range 2 { // cut off at the end, each runs again
			b.run(sw.Statements)
		}
		// The tombstone keeps a default of its own, the renamed column has none.
		if got := b.created("people"); !strings.Contains(got, "`years` int NOT NULL,") && !strings.Contains(got, "`years` int(11) NOT NULL,") {
			t.Errorf("after the switch the table is\n%s", got)
		}
		b.exec("INSERT INTO people (id, first_name, last_name, years) SELECT 1, 'a', 'b', 3")
		b.exec("DELETE FROM people")
		for range 2 {
			b.run(sw.UndoStatements)
		}
		if diff := cmp.Diff(open, b.created("people")); diff != "" {
			t.Errorf("undone, the table is another (-open +now):\n%s", diff)
		}
	})
}
