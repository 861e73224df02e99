package mysql

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// equal.go writes comparisons that are never NULL and look at bytes, not at
// what a collation takes for equal.

// sameBytes compares two values of one column type.
func (d *dialect) sameBytes(t colType, a, b string) string {
	bytes := func(x string) string { return "CAST(" + x + " AS BINARY)" }
	switch t.class() {
	case classJSON:
		if !d.maria {
			bytes = func(x string) string { return "CAST(CAST(" + x + " AS CHAR) AS BINARY)" }
		}
	case classInt, classDecimal, classFloat, classTemporal, classBit:
		return a + " <=> " + b
	case classString, classBinary, classEnum, classOther:
	}
	return bytes(a) + " <=> " + bytes(b)
}

// holds compares a column with what an expression would become if it were
// stored there.
func (d *dialect) holds(c planner.Column, charset, column, expr string) string {
	t := parseType(c.Type)
	switch t.class() {
	case classInt:
		sign := "SIGNED"
		if t.unsigned {
			sign = "UNSIGNED"
		}
		return fmt.Sprintf("%s <=> CAST(%s AS %s)", column, expr, sign)
	case classDecimal:
		return fmt.Sprintf("%s <=> CAST(%s AS DECIMAL(%d,%d))", column, expr, t.length, t.scale)
	case classFloat:
		if t.name == "float" {
			// A float keeps about seven digits of what it is given.
			return fmt.Sprintf("COALESCE(%[1]s <=> %[2]s OR ABS(%[1]s - %[2]s) <= ABS(%[1]s) * 1e-6, FALSE)", column, paren(expr))
		}
	case classTemporal:
		if as := temporalCast(t); as != "" {
			return fmt.Sprintf("%s <=> CAST(%s AS %s)", column, expr, as)
		}
	case classString:
		return d.holdsText(t, charset, column, expr)
	case classBinary:
		as := "BINARY"
		if t.name == "binary" {
			as = fmt.Sprintf("BINARY(%d)", t.length)
		}
		return fmt.Sprintf("CAST(%s AS BINARY) <=> CAST(%s AS %s)", column, expr, as)
	case classJSON:
		if d.maria {
			return d.holdsText(t, "utf8mb4", column, expr)
		}
		return d.sameBytes(t, column, "CAST("+expr+" AS JSON)")
	case classEnum:
		// An enum's values differ under its own collation; a set's may be named in any order.
		if t.name == "set" {
			return holdsSet(t, column, expr)
		}
	case classBit, classOther:
	}
	return column + " <=> " + paren(expr)
}

func (d *dialect) holdsText(t colType, charset, column, expr string) string {
	if charset == "" {
		charset = "utf8mb4"
	}
	x := fmt.Sprintf("CONVERT(%s USING %s)", expr, charset)
	if t.name == "char" {
		// A char column gives its trailing spaces away.
		x = "TRIM(TRAILING ' ' FROM " + x + ")"
	}
	return fmt.Sprintf("CAST(%s AS BINARY) <=> CAST(%s AS BINARY)", column, x)
}

func holdsSet(t colType, column, expr string) string {
	bits := make([]string, len(t.elems))
	for i, e := range t.elems {
		bits[i] = fmt.Sprintf("(FIND_IN_SET(%s, %s) > 0) * %d", quoteString(e), expr, uint64(1)<<i)
	}
	return fmt.Sprintf("%s + 0 <=> %s", column, strings.Join(bits, " + "))
}

func temporalCast(t colType) string {
	name := map[string]string{"datetime": "DATETIME", "timestamp": "DATETIME", "date": "DATE", "time": "TIME"}[t.name]
	if name != "" && t.length > 0 {
		name += fmt.Sprintf("(%d)", t.length)
	}
	return name
}

// paren brackets an expression that is more than one word.
func paren(expr string) string {
	if strings.ContainsAny(expr, " (") {
		return "(" + expr + ")"
	}
	return expr
}

func not(cond string) string { return "NOT (" + cond + ")" }

// anyOf and allOf join conditions; of none they are FALSE and TRUE.
func anyOf(conds []string) string { return joined(conds, " OR ", "FALSE") }

func allOf(conds []string) string { return joined(conds, " AND ", "TRUE") }

func joined(conds []string, op, empty string) string {
	switch len(conds) {
	case 0:
		return empty
	case 1:
		return conds[0]
	}
	return "(" + strings.Join(conds, ")"+op+"(") + ")"
}
