package dialecttest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// The table people in the middle of a migration: name is split in two, mail is
// renamed, total is derived from two columns that stay.
const peopleTable = "people"

var (
	oldColumns    = []string{"name", "mail"}
	sharedColumns = []string{"quantity", "price", "note"}
	newColumns    = []string{"first_name", "last_name", "email", "total"}
)

func allColumns() []string {
	out := append([]string{"id"}, oldColumns...)
	return append(append(out, sharedColumns...), newColumns...)
}

// variant says which defaults the columns have.
type variant struct{ name, mail, firstName string }

func defaultClause(value string) string {
	if value == "" {
		return ""
	}
	return " DEFAULT '" + value + "'"
}

// create makes the table as expand leaves it, but for the trigger.
func (b *bench) create(v variant) {
	b.t.Helper()
	b.exec(b.t, "CREATE TABLE people (id bigint PRIMARY KEY, name varchar(100)"+defaultClause(v.name)+
		", mail varchar(100)"+defaultClause(v.mail)+", quantity integer, price integer, note varchar(100))")
	t := b.table()
	var add []planner.NewColumn
	for _, c := range newColumns {
		typ := t.Column("name").Type
		if c == "total" {
			typ = t.Column("id").Type
		}
		add = append(add, planner.NewColumn{ColumnDef: planner.ColumnDef{Name: c, Type: typ}})
	}
	for _, step := range b.lower(planner.OpAddColumns{Table: t, Columns: add}) {
		b.do(step)
	}
}

func (b *bench) assign(body string) planner.Assign {
	b.t.Helper()
	_, a, err := b.Engine.ParseAssign(body)
	if err != nil {
		b.t.Fatalf("reading %s: %v", body, err)
	}
	return a
}

// defaults are a group's defaults as the planner has them.
func (b *bench) defaults(column, value string) []planner.Assign {
	b.t.Helper()
	if value == "" {
		return nil
	}
	return []planner.Assign{b.assign("people." + column + " = '" + value + "'")}
}

// openSync is the open state of the table.
func (b *bench) openSync(v variant) *planner.Sync {
	b.t.Helper()
	t := b.table()
	return &planner.Sync{
		Migration: "0007_people", Table: t, Name: "people_0007_1a2b3c4d", State: "open", Columns: t.Columns,
		Groups: []planner.Group{
			{
				Old: []string{"name"}, New: []string{"first_name", "last_name"},
				Up:          []planner.Assign{b.assign(b.Expressions.FirstName), b.assign(b.Expressions.LastName)},
				Down:        []planner.Assign{b.assign(b.Expressions.FullName)},
				OldDefaults: b.defaults("name", v.name), NewDefaults: b.defaults("first_name", v.firstName),
			},
			{
				Old: []string{"mail"}, New: []string{"email"},
				Up:          []planner.Assign{{Column: "email", Expr: planner.ColumnExpr("mail")}},
				Down:        []planner.Assign{{Column: "mail", Expr: planner.ColumnExpr("email")}},
				OldDefaults: b.defaults("mail", v.mail),
			},
			{
				Old: []string{"quantity", "price"}, New: []string{"total"},
				Up: []planner.Assign{b.assign(b.Expressions.Total)},
			},
		},
	}
}

// modelOf is the same as a model.
func modelOf(v variant) *model {
	strict := func(f func(in ...string) string, columns ...string) func(row) *string {
		return func(r row) *string {
			in := make([]string, len(columns))
			for i, c := range columns {
				if r[c] == nil {
					return nil
				}
				in[i] = *r[c]
			}
			return ptr(f(in...))
		}
	}
	same := func(in ...string) string { return in[0] }
	set := func(column, value string) map[string]string {
		if value == "" {
			return nil
		}
		return map[string]string{column: value}
	}
	return &model{rows: map[string]row{}, groups: []modelGroup{
		{
			old: []string{"name"}, new: []string{"first_name", "last_name"},
			up: map[string]func(row) *string{
				"first_name": strict(func(in ...string) string { return firstWord(in[0]) }, "name"),
				"last_name":  strict(func(in ...string) string { return otherWords(in[0]) }, "name"),
			},
			down: map[string]func(row) *string{
				"name": strict(func(in ...string) string { return in[0] + " " + in[1] }, "first_name", "last_name"),
			},
			oldDefaults: set("name", v.name), newDefaults: set("first_name", v.firstName),
		},
		{
			old: []string{"mail"}, new: []string{"email"},
			up:          map[string]func(row) *string{"email": strict(same, "mail")},
			down:        map[string]func(row) *string{"mail": strict(same, "email")},
			oldDefaults: set("mail", v.mail),
		},
		{
			old: []string{"quantity", "price"}, new: []string{"total"},
			up: map[string]func(row) *string{"total": strict(product, "quantity", "price")},
		},
	}}
}

func product(in ...string) string {
	p := int64(1)
	for _, s := range in {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			panic(fmt.Sprintf("the model multiplies %q", s))
		}
		p *= n
	}
	return strconv.FormatInt(p, 10)
}

// literal writes a value so that every engine reads it the same: the suite's
// values hold no backslash.
func (c Cell) literal() string {
	switch {
	case c.Value == nil:
		return "NULL"
	case c.Column == "id" || c.Column == "quantity" || c.Column == "price" || c.Column == "total":
		return *c.Value
	}
	return "'" + strings.ReplaceAll(*c.Value, "'", "''") + "'"
}

// InsertSQL writes a plain INSERT of the cells, for harnesses.
func InsertSQL(table string, cells []Cell) string {
	columns, values := make([]string, len(cells)), make([]string, len(cells))
	for i, c := range cells {
		columns[i], values[i] = c.Column, c.literal()
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", table, strings.Join(columns, ", "), strings.Join(values, ", "))
}

// SetSQL writes the list of a SET clause, for harnesses.
func SetSQL(cells []Cell) string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = c.Column + " = " + c.literal()
	}
	return strings.Join(out, ", ")
}
