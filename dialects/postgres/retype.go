package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// retype.go: what PostgreSQL, and the clients that read and write a column, make
// of another type under the same name. The facts are those that the tests
// observe on every version.

// retyping is a change of type, collations aside.
type retyping struct {
	s              *planner.Schema
	column         string
	from, to       *pg.TypeName
	old, canonical string // the types as the server writes them
}

func (r retyping) verdict() planner.TypeChange {
	out := planner.TypeChange{Canonical: r.canonical}
	if r.old == r.canonical {
		out.Kind, out.Why = planner.TypeSame, "the type stays "+r.canonical
		return out
	}
	if d, ok := checkedDomain(r.s, r.canonical); ok {
		return incompatible(r.canonical, "the domain "+d+" has constraints, for which PostgreSQL writes the table anew; use its base type and a CHECK on the column")
	}
	from, to := r.base(r.from, r.old), r.base(r.to, r.canonical)
	if domain := from != r.from || to != r.to; domain && sameType(from, to) {
		out.Kind, out.Why = planner.TypeFree, "a domain is stored as its base type"
		return out
	}
	if len(from.ArrayBounds) > 0 || len(to.ArrayBounds) > 0 {
		return incompatible(r.canonical, "arrays are written anew")
	}
	if why, ok := freeChange(from, to); ok {
		out.Kind, out.Why = planner.TypeFree, why
		out.Up, out.Down, out.Fit = r.textual(from, to)
		return out
	}
	if up, down, fit, ok := compatibleChange(r.column, plainTypeName(from), plainTypeName(to)); ok {
		out.Kind, out.Up, out.Down, out.Fit, out.Using = planner.TypeCompatible, up, down, fit, up
		out.Why = fmt.Sprintf("every %s is a %s, but PostgreSQL stores it in another width and would rewrite the table", r.old, r.canonical)
		return out
	}
	if r.finer(from, to, &out) || r.narrow(from, to, &out) || r.document(from, to, &out) {
		return out
	}
	return incompatible(r.canonical, r.breaks(from, to))
}

// base is the type that a domain is stored as, or the type itself.
func (r retyping) base(t *pg.TypeName, text string) *pg.TypeName {
	for line := range strings.SplitSeq(r.s.Facts[factBases], "; ") {
		if domain, base, ok := strings.Cut(line, "="); ok && domain == text {
			if b, err := readType(base); err == nil {
				return b
			}
		}
	}
	return t
}

func sameType(a, b *pg.TypeName) bool {
	x, errX := typeText(a)
	y, errY := typeText(b)
	return errX == nil && errY == nil && x == y
}

// freeChange reports changes that touch the catalog alone.
func freeChange(from, to *pg.TypeName) (why string, ok bool) {
	a, b := plainTypeName(from), plainTypeName(to)
	m, n := modsOf(from), modsOf(to)
	grows := len(n) == 0 || len(m) == 1 && len(n) == 1 && m[0] <= n[0]
	switch {
	case (a == "varchar" || a == "text") && b == "text", a == "text" && b == "varchar" && len(n) == 0:
		return a + " and " + b + " are stored alike", true
	case a == b && (a == "varchar" || a == "varbit") && grows:
		return "a longer limit rejects nothing that is stored", true
	case a == "numeric" && b == "numeric" && (len(n) == 0 || len(m) == 2 && len(n) == 2 && m[1] == n[1] && m[0] <= n[0]):
		return "more digits before the point reject nothing that is stored", true
	case a == b && strings.HasPrefix(a, "time") && grows:
		return "a higher precision keeps what is stored", true
	case a == "interval" && b == "interval" && (len(n) == 0 || len(m) == 2 && len(n) == 2 && m[0] == n[0] && m[1] <= n[1]):
		return "a higher precision keeps what is stored", true
	case a == "cidr" && b == "inet":
		return "every cidr is an inet and stored alike", true
	}
	return "", false
}

func (r retyping) col() planner.Part { return planner.Part{Column: r.column} }

func (r retyping) expr(parts ...planner.Part) planner.Expr { return exprOf(r.column, parts...) }

func sqlText(s string) planner.Part { return planner.Part{Text: s} }

// textual is the way between two types of text of which the new one is longer:
// for a column with an index that PostgreSQL would rebuild even so, because it
// has an expression or a predicate.
func (r retyping) textual(from, to *pg.TypeName) (up, down, fit planner.Expr) {
	a, b := plainTypeName(from), plainTypeName(to)
	if a != "varchar" && a != "text" || b != "varchar" && b != "text" {
		return planner.Expr{}, planner.Expr{}, planner.Expr{}
	}
	up, down = planner.ColumnExpr(r.column), planner.ColumnExpr(r.column)
	if m := modsOf(from); len(m) == 1 {
		down = r.expr(r.col(), sqlText(fmt.Sprintf("::character varying(%d)", m[0])))
		fit = r.expr(sqlText("CASE WHEN char_length("), r.col(), sqlText(fmt.Sprintf(") <= %d THEN ", m[0])), r.col(),
			sqlText(fmt.Sprintf("::character varying(%d) END", m[0])))
		fit.MaybeNull = true
	}
	return up, down, fit
}

// finer is the way to a numeric with more decimals, and no fewer digits before
// the point: the same number, stored at another length.
func (r retyping) finer(from, to *pg.TypeName, out *planner.TypeChange) bool {
	m, n := modsOf(from), modsOf(to)
	if plainTypeName(from) != "numeric" || plainTypeName(to) != "numeric" || len(m) != 2 || len(n) != 2 || m[1] < 0 || n[1] <= m[1] || n[0]-n[1] < m[0]-m[1] {
		return false
	}
	c, t := r.col(), sqlText
	limit := fmt.Sprintf("1e%d", m[0]-m[1])
	most := fmt.Sprintf("(%s - 1e-%d)", limit, m[1])
	out.Kind = planner.TypeCompatible
	out.Up = r.expr(c, t("::"+r.canonical))
	out.Using = out.Up
	rounded := []planner.Part{t("round("), c, t(fmt.Sprintf(", %d)", m[1]))}
	out.Down = r.expr(slices.Concat([]planner.Part{t("CASE WHEN "), c, t(" = 'NaN' THEN "), c, t(" ELSE ")}, clamped(rounded, "-"+most, most), []planner.Part{t(" END::" + r.old)})...)
	out.Fit = r.expr(t("CASE WHEN "), c, t(" = 'NaN' OR "), c, t(" = round("), c, t(fmt.Sprintf(", %d) AND abs(", m[1])), c, t(fmt.Sprintf(") < %s THEN ", limit)), c, t("::"+r.old+" END"))
	out.Fit.MaybeNull = true
	out.Why = "the same numbers with more decimals, which PostgreSQL would write anew"
	return true
}

// narrow is the way to a type that holds less of the same: old versions may
// write what does not fit until contract, which begins with the proof that
// nothing is left that does not. Such a value is NULL in the shadow, so that it
// is nobody's duplicate.
func (r retyping) narrow(from, to *pg.TypeName, out *planner.TypeChange) bool {
	a, b := plainTypeName(from), plainTypeName(to)
	m, n := modsOf(from), modsOf(to)
	var fits []planner.Part
	c, t := r.col(), sqlText
	switch limits := intLimits[b]; {
	case (a == "varchar" || a == "text") && b == "varchar" && len(n) == 1:
		// Blanks at the end do not count (character types, in the manual).
		fits = []planner.Part{t("btrim(substr("), c, t(fmt.Sprintf(", %d)) = ''", n[0]+1))}
	case limits != [2]string{} && intLimits[a] != [2]string{}:
		fits = []planner.Part{c, t(" BETWEEN " + limits[0] + " AND " + limits[1])}
	case a == "numeric" && b == "numeric" && len(n) == 2 && n[1] >= 0 && (len(m) != 2 || m[1] >= n[1]):
		// Rounding would lose decimals.
		fits = []planner.Part{t("("), c, t(" = 'NaN' OR "), c, t(" = round("), c, t(fmt.Sprintf(", %d) AND abs(", n[1])), c, t(fmt.Sprintf(") < 1e%d)", n[0]-n[1]))}
	default:
		return false
	}
	out.Kind = planner.TypeCompatible
	out.Must = r.expr(fits...)
	out.Up = r.expr(slices.Concat([]planner.Part{t("CASE WHEN ")}, fits, []planner.Part{t(" THEN "), c, t("::" + r.canonical + " END")})...)
	out.Up.MaybeNull = true
	out.Down = planner.ColumnExpr(r.column)
	out.Why = fmt.Sprintf("what is left to write a %s is no more than a %s holds; contract proves it first", r.old, r.canonical)
	return true
}

// document is the way from json to jsonb. Since PostgreSQL 16 the server can say
// whether a text is one without failing; before, a null character in some
// version's document would fail its statement.
func (r retyping) document(from, to *pg.TypeName, out *planner.TypeChange) bool {
	if plainTypeName(from) != "json" || plainTypeName(to) != "jsonb" || r.s.VersionNum < 160000 {
		return false
	}
	c, t := r.col(), sqlText
	valid := []planner.Part{t("pg_input_is_valid("), c, t("::text, 'jsonb')")}
	out.Kind, out.Must = planner.TypeCompatible, r.expr(valid...)
	out.Up = r.expr(slices.Concat([]planner.Part{t("CASE WHEN ")}, valid, []planner.Part{t(" THEN "), c, t("::jsonb END")})...)
	out.Up.MaybeNull = true
	out.Down = r.expr(c, t("::json"))
	out.Using = r.expr(c, t("::jsonb"))
	out.Why = "drivers read both alike; a query must use operators, or functions that take both, until contract"
	return true
}

// breaks says what versions of the app that know one type would notice of the
// other.
func (r retyping) breaks(from, to *pg.TypeName) string {
	a, b := plainTypeName(from), plainTypeName(to)
	whole := a == "int2" || a == "int4" || a == "int8"
	stamps := a == "timestamp" && b == "timestamptz" || a == "timestamptz" && b == "timestamp"
	switch {
	case stamps:
		return "drivers read one with a time zone and the other without, and what a value means would hang on the session's TimeZone"
	case a == "bpchar":
		return "blanks at the end of a character(n) are padding: they are not compared, and gone after the change"
	case b == "bpchar":
		return "a character(n) is padded with blanks that do not count when it is compared"
	case whole && b == "numeric":
		return "a quotient of integers is whole and that of a numeric is not, and drivers read a numeric as another type"
	case a == "float8" && b == "float4", b == "numeric" && a == "numeric", a == b && (strings.HasPrefix(a, "time") || a == "interval"):
		return "values would be rounded"
	case a == "json" && b == "jsonb":
		return "before PostgreSQL 16 the server cannot say which documents are no jsonb (a null character, a number too large) without failing the statement that writes one"
	case a == "jsonb" && b == "json":
		return "a json has no equality and no containment operators"
	case b == "citext" || a == "citext":
		return "with citext, other values are equal than before"
	}
	return fmt.Sprintf("%s and %s are read and stored differently", r.old, r.canonical)
}

// intLimits are the least and the greatest of each type of integers.
var intLimits = map[string][2]string{
	"int2": {"(-32768)", "32767"},
	"int4": {"(-2147483648)", "2147483647"},
	"int8": {"(-9223372036854775808)", "9223372036854775807"},
}

// compatibleChange converts between types of which clients of the old one can
// read the new one. Down clamps: it never fails. Fit is NULL where Down would
// only come near.
func compatibleChange(column, from, to string) (up, down, fit planner.Expr, ok bool) {
	wider := map[string]bool{"int2 int4": true, "int2 int8": true, "int4 int8": true, "float4 float8": true}
	if !wider[from+" "+to] {
		return planner.Expr{}, planner.Expr{}, planner.Expr{}, false
	}
	c := planner.Part{Column: column}
	t := func(s string) planner.Part { return planner.Part{Text: s} }
	up = exprOf(column, c, t("::"+spelling[to]))
	if from == "float4" {
		down = floatDown(column)
		fit = exprOf(column, slices.Concat([]planner.Part{t("CASE WHEN ")}, bracketed(down.Parts), []planner.Part{t("::double precision IS NOT DISTINCT FROM "), c, t(" THEN ")},
			bracketed(down.Parts), []planner.Part{t(" END")})...)
		fit.MaybeNull = true
		return up, down, fit, true
	}
	l := intLimits[from]
	down = exprOf(column, slices.Concat(clamped([]planner.Part{c}, l[0], l[1]), []planner.Part{t("::" + spelling[from])})...)
	fit = exprOf(column, t("CASE WHEN "), c, t(" BETWEEN "+l[0]+" AND "+l[1]+" THEN "), c, t("::"+spelling[from]+" END"))
	fit.MaybeNull = true
	return up, down, fit, true
}
