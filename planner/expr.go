package planner

import "strings"

// Expr is a scalar SQL expression, cut at its column references so that the
// same expression can be written over a table's row, over a trigger's NEW or
// OLD, or over renamed columns, without touching its text. Dialects make it
// from the syntax tree. The zero Expr is "no expression".
type Expr struct {
	// Parts are pieces of SQL and column references, in order.
	Parts []Part
	// Volatile: evaluating it twice may give two values (random, a sequence,
	// the clock that moves within a transaction).
	Volatile bool
	// Stable: not volatile, but differs between transactions (now()).
	Stable bool
	// MaybeNull: it may be NULL even when all its inputs are not.
	MaybeNull bool
	// NullInputs are the columns that make it NULL when they are NULL.
	NullInputs []string
	// Subquery: it contains a SELECT.
	Subquery bool
}

// Part is a piece of SQL text or one column's name, unquoted; never both.
type Part struct {
	Text   string
	Column string
}

// IsZero reports whether there is no expression.
func (e Expr) IsZero() bool { return len(e.Parts) == 0 }

// SQL writes the expression; column writes a reference to a column.
func (e Expr) SQL(column func(name string) string) string {
	var b strings.Builder
	for _, p := range e.Parts {
		if p.Column != "" {
			b.WriteString(column(p.Column))
			continue
		}
		b.WriteString(p.Text)
	}
	return b.String()
}

// Columns returns the columns it refers to, each once, in order of appearance.
func (e Expr) Columns() []string {
	var out []string
	seen := map[string]bool{}
	for _, p := range e.Parts {
		if p.Column != "" && !seen[p.Column] {
			seen[p.Column] = true
			out = append(out, p.Column)
		}
	}
	return out
}

// isNull: the expression is the constant NULL, maybe with a cast (PostgreSQL).
func (e Expr) isNull() bool {
	if len(e.Parts) != 1 {
		return false
	}
	constant, _, _ := strings.Cut(e.Parts[0].Text, "::")
	return strings.EqualFold(strings.TrimSpace(constant), "NULL")
}

// NeverNull reports whether it has a value in every row in which the columns
// that notNull accepts are not NULL.
func (e Expr) NeverNull(notNull func(column string) bool) bool {
	if e.MaybeNull {
		return false
	}
	for _, c := range e.NullInputs {
		if !notNull(c) {
			return false
		}
	}
	return true
}

// ColumnExpr is the expression that is just a column.
func ColumnExpr(name string) Expr {
	return Expr{Parts: []Part{{Column: name}}, NullInputs: []string{name}}
}
