package postgres

import (
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// pair is two expressions of one type to compare; column's collation as in the
// catalog.
type pair struct{ a, b, typ, collation string }

// exactTypes are those whose = compares bytes, so that IS DISTINCT FROM, which
// PL/pgSQL evaluates without a query, says the same as a comparison of record
// images. (numeric is not one: 1.0 = 1.00. Nor is jsonb, which holds numerics,
// nor a float, with its two zeros, nor character(n) with its blanks.)
var exactTypes = map[string]bool{
	"bool": true, "int2": true, "int4": true, "int8": true, "text": true, "varchar": true, "bytea": true,
	"uuid": true, "date": true, "timestamp": true, "timestamptz": true, "time": true, "oid": true, "bit": true,
	"varbit": true, "name": true,
}

func exact(typ, collation string) bool {
	if collation != "" { // it may be nondeterministic
		return false
	}
	t, _, err := fullTypeOf(typ)
	return err == nil && len(t.ArrayBounds) == 0 && exactTypes[plainTypeName(t)]
}

// differs writes "any of these pairs differs", comparing bytes: never by
// collation, NULL equal to NULL, types without an equality (json) included.
func differs(pairs []pair) string {
	var left, right, out []string
	for _, p := range pairs {
		if exact(p.typ, p.collation) {
			out = append(out, p.a+" IS DISTINCT FROM "+p.b)
			continue
		}
		left, right = append(left, p.a), append(right, p.b)
	}
	if len(left) > 0 {
		out = append(out, "ROW("+strings.Join(left, ", ")+")::record *<> ROW("+strings.Join(right, ", ")+")::record")
	}
	if len(out) == 0 {
		return "false"
	}
	return strings.Join(out, " OR ")
}

// cast writes an expression as a full type; a collation is no part of a cast's.
func cast(sql, typ string) string {
	plain, _, _ := strings.Cut(typ, " COLLATE ")
	return "CAST((" + sql + ") AS " + plain + ")"
}

// TypedNull writes a NULL of a type.
func (Dialect) TypedNull(columnType string) string { return cast("NULL", columnType) }

// assignable is an assignment with all that is known of its column.
type assignable struct {
	planner.Assign
	typ, collation string
}

// typed looks the targets' types up among the columns.
func typed(columns []planner.Column, assigns []planner.Assign) []assignable {
	out := make([]assignable, len(assigns))
	for i, a := range assigns {
		out[i] = assignable{Assign: a}
		for _, c := range columns {
			if c.Name == a.Column {
				out[i].typ, out[i].collation = c.Type, c.Collation
			}
		}
	}
	return out
}

// sql writes the assigned value, cast to the column's type.
func (a assignable) sql(column func(string) string) string {
	if a.typ == "" {
		return "(" + a.Expr.SQL(column) + ")"
	}
	return cast(a.Expr.SQL(column), a.typ)
}

// offTarget writes "a target does not hold what the assignments give".
func offTarget(assigns []assignable, column func(string) string) string {
	pairs := make([]pair, len(assigns))
	for i, a := range assigns {
		pairs[i] = pair{column(a.Column), a.sql(column), a.typ, a.collation}
	}
	return differs(pairs)
}

// allNull writes "all of these are NULL".
func allNull(columns []string, column func(string) string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = column(c) + " IS NULL"
	}
	return strings.Join(out, " AND ")
}

// targets are the assigned columns.
func targets(assigns []planner.Assign) []string {
	out := make([]string, len(assigns))
	for i, a := range assigns {
		out[i] = a.Column
	}
	return out
}
