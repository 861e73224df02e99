package mysql

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// keyset.go says how a table is walked by its key. A piece is a range of keys,
// open below and closed above. The statement of a chunk has the same number of
// parameters for every piece: a flag that says "no lower bound", the lower key,
// a flag that says "no upper bound", the upper key. Both servers fold the flags
// away before they look for a range on the index.

// keyColumn is one column of the key by which a table is walked.
type keyColumn struct {
	name string
	typ  colType
}

type key []keyColumn

// keyOf is the key of a table, or an *Unsupported.
func (d *dialect) keyOf(t *planner.Table) (key, error) {
	if len(t.Key) == 0 {
		return nil, d.unsupported("table "+t.Ref.Name, "it has neither a primary key nor a unique index over NOT NULL columns, so it cannot be walked in pieces",
			"add a primary key")
	}
	var k key
	for _, name := range t.Key {
		c := t.Column(name)
		if c == nil {
			return nil, fmt.Errorf("the key of table %s names an unknown column %s", t.Ref.Name, name)
		}
		kc := keyColumn{name: name, typ: parseType(c.Type)}
		if !kc.walkable() {
			return nil, d.unsupported(fmt.Sprintf("table %s", t.Ref.Name),
				fmt.Sprintf("its key column %s is a %s, which has no order that a walk could rely on", name, c.Type), "add a primary key of integers or strings")
		}
		k = append(k, kc)
	}
	return k, nil
}

// walkable: the order of the index is the order of comparing with a parameter.
// An enum sorts by number and compares by text; a float compares inexactly.
func (c keyColumn) walkable() bool {
	switch c.typ.class() {
	case classInt, classDecimal, classString, classBinary:
		return true
	case classTemporal:
		return c.typ.name != "year"
	case classOther:
		return c.typ.name == "uuid" || c.typ.name == "inet6" || c.typ.name == "inet4"
	case classFloat, classEnum, classJSON, classBit:
	}
	return false
}

// param is the placeholder for a value of the column.
func (c keyColumn) param() string {
	switch c.typ.class() {
	case classDecimal:
		return fmt.Sprintf("CAST(? AS DECIMAL(%d,%d))", c.typ.length, c.typ.scale)
	case classBinary:
		return "UNHEX(?)"
	default:
		return "?"
	}
}

// text reads the column so that arg can make a parameter of it.
func (c keyColumn) text() string { return c.textOf(quoteName(c.name)) }

func (c keyColumn) textOf(expression string) string {
	switch c.typ.class() {
	case classBinary:
		return "HEX(" + expression + ")"
	default:
		return "CAST(" + expression + " AS CHAR)"
	}
}

// arg makes a parameter of what text read.
func (c keyColumn) arg(text string) (any, error) {
	if c.typ.class() != classInt {
		return text, nil
	}
	if c.typ.unsigned {
		v, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("reading a position in the key: %w", err)
		}
		return v, nil
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("reading a position in the key: %w", err)
	}
	return v, nil
}

// bounds is the condition for a piece.
func (k key) bounds() string {
	return fmt.Sprintf("(? OR %s) AND (? OR %s)", k.side(">", ">", ">="), k.side("<", "<=", "<="))
}

// side compares the key with a bound, column by column. The first column is
// also compared alone, from which the servers see a range at once.
func (k key) side(strict, last, loose string) string {
	cond := k.from(0, strict, last)
	if len(k) == 1 {
		return cond
	}
	return fmt.Sprintf("(%s %s %s AND %s)", quoteName(k[0].name), loose, k[0].param(), cond)
}

func (k key) from(i int, strict, last string) string {
	name, param := quoteName(k[i].name), k[i].param()
	if i == len(k)-1 {
		return fmt.Sprintf("%s %s %s", name, last, param)
	}
	return fmt.Sprintf("(%s %s %s OR (%s = %s AND %s))", name, strict, param, name, param, k.from(i+1, strict, last))
}

// args are the parameters of bounds for a piece between two cursors.
func (k key) args(from, to string) ([]any, error) {
	lower, err := k.sideArgs(from)
	if err != nil {
		return nil, err
	}
	upper, err := k.sideArgs(to)
	return append(lower, upper...), err
}

func (k key) sideArgs(cursor string) ([]any, error) {
	values := make([]any, len(k))
	open := cursor == "" || cursor == cursorEnd
	if !open {
		texts, err := readCursor(cursor, len(k))
		if err != nil {
			return nil, err
		}
		for i, c := range k {
			if values[i], err = c.arg(texts[i]); err != nil {
				return nil, err
			}
		}
	}
	out := []any{open}
	if len(k) > 1 {
		out = append(out, values[0])
	}
	for i, v := range values {
		out = append(out, v)
		if i < len(k)-1 {
			out = append(out, v)
		}
	}
	return out, nil
}

// cursorEnd is the position behind the last piece of a walk whose end is open.
const cursorEnd = "end"

// writeCursor and readCursor keep a key as text: a JSON array of strings.
func writeCursor(texts []string) (string, error) {
	b, err := json.Marshal(texts)
	if err != nil {
		return "", fmt.Errorf("writing a position in the key: %w", err)
	}
	return string(b), nil
}

func readCursor(cursor string, n int) ([]string, error) {
	var texts []string
	if err := json.Unmarshal([]byte(cursor), &texts); err != nil {
		return nil, fmt.Errorf("reading a position in the key: %w", err)
	}
	if len(texts) != n {
		return nil, fmt.Errorf("reading a position in the key: it has %d values, not %d", len(texts), n)
	}
	return texts, nil
}

func (k key) names() []string {
	out := make([]string, len(k))
	for i, c := range k {
		out[i] = c.name
	}
	return out
}

func (k key) texts() string {
	out := make([]string, len(k))
	for i, c := range k {
		out[i] = c.text()
	}
	return strings.Join(out, ", ")
}

// chunks makes the work of a walk. sql is what is done in each piece with its
// condition; todo, what tells a row that the piece concerns.
func (k key) chunks(t *planner.Table, sql func(bounds string) string, todo string) *plan.Chunks {
	return &plan.Chunks{
		Table: quoteName(t.Ref.Name), Label: t.Ref.Name, Key: k.names(),
		SQL:    sql(k.bounds()),
		Sample: k.sample(t, todo),
		Rows:   t.Rows,
	}
}

// sample lists the keys of a few rows, and what the given columns hold.
func (k key) sample(t *planner.Table, todo string, shows ...planner.Column) string {
	var chars []string
	for _, c := range k {
		text := "CAST(" + quoteName(c.name) + " AS CHAR)"
		if c.typ.class() == classBinary {
			text = c.text()
		}
		chars = append(chars, text)
	}
	for _, c := range shows {
		text := "CAST(" + quoteName(c.Name) + " AS CHAR)"
		if parseType(c.Type).class() == classBinary {
			text = "HEX(" + quoteName(c.Name) + ")"
		}
		chars = append(chars, text)
	}
	return fmt.Sprintf("SELECT %s FROM %s WHERE %s AND (%s) LIMIT 10", strings.Join(chars, ", "), quoteName(t.Ref.Name), k.bounds(), todo)
}

// updatesItself: the server writes the time into the column when a row changes.
func updatesItself(c planner.Column) bool {
	return strings.Contains(strings.ToLower(c.Rest), "on update")
}

// keepTimes are the assignments that keep the server from moving the columns
// that say when a row was last changed.
func keepTimes(t *planner.Table, qualifier string, assigned []string) []string {
	var out []string
	for _, c := range t.Columns {
		if updatesItself(c) && !slices.Contains(assigned, c.Name) {
			out = append(out, qualifier+quoteName(c.Name)+" = "+qualifier+quoteName(c.Name))
		}
	}
	return out
}
