package mysql

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Question writes what planning asks of the rows. Where an UPDATE in strict mode
// would fail, a SELECT only warns: so a conversion is a cast, whose warnings the
// session takes for errors, and a test whether the column's type holds the result.
func (d *dialect) Question(_ *planner.Schema, t *planner.Table, q planner.RowQuestion) (plan.Question, bool) {
	k, err := d.keyOf(t)
	if err != nil {
		return plan.Question{}, false
	}
	a := asker{d: d, t: t, k: k}
	switch q.Kind {
	case planner.RowsFail:
		return a.failing(q)
	case planner.RowsNull:
		return a.where("(" + q.Exprs[0].SQL(quoteName) + ") IS NULL"), true
	case planner.RowsViolate:
		return a.where("(" + q.Exprs[0].SQL(quoteName) + ") IS FALSE"), true
	case planner.RowsDiffer:
		c := *t.Column(q.Column)
		return a.where(not(d.holds(c, charsetOf(t, c), quoteName(c.Name), q.Exprs[0].SQL(quoteName)))), true
	case planner.RowsRepeat:
		return a.repeated(q)
	case planner.RowsOrphan:
		return a.orphans(q), true
	}
	return plan.Question{}, false
}

type asker struct {
	d *dialect
	t *planner.Table
	k key
}

func (a asker) table() string { return quoteName(a.t.Ref.Name) }

func (a asker) where(cond string) plan.Question {
	return plan.Question{
		Walk: a.k.chunks(a.t, func(bounds string) string { return countOf(a.t, bounds, cond) }, cond),
		All:  fmt.Sprintf("SELECT * FROM %s WHERE %s", a.table(), cond),
	}
}

func (a asker) failing(q planner.RowQuestion) (plan.Question, bool) {
	expr := q.Exprs[0].SQL(quoteName)
	t := parseType(q.Type)
	cond, read := "FALSE", expr
	switch t.class() {
	case classInt:
		low, high := t.bounds()
		read = "CAST((" + expr + ") AS DECIMAL(65,0))"
		cond = fmt.Sprintf("%s NOT BETWEEN %s AND %s", read, low, high)
	case classDecimal:
		read = fmt.Sprintf("CAST((%s) AS DECIMAL(%d,%d))", expr, max(t.length, 1), max(t.scale, 0))
	case classString:
		if t.length >= 0 && (t.name == "varchar" || t.name == "char") {
			cond = fmt.Sprintf("CHAR_LENGTH(TRIM(TRAILING ' ' FROM (%s))) > %d", expr, t.length)
		}
	case classTemporal:
		switch t.name {
		case "date", "time":
			read = "CAST((" + expr + ") AS " + strings.ToUpper(t.name) + ")"
		case "datetime", "timestamp":
			read = "CAST((" + expr + ") AS DATETIME(6))"
		}
	case classEnum, classJSON, classFloat, classBinary, classBit, classOther:
	}
	out := plan.Question{
		Walk: a.k.chunks(a.t, func(bounds string) string {
			return fmt.Sprintf("SELECT COUNT(CASE WHEN %s THEN 1 END), COUNT(*) + 0 * COUNT(%s) FROM %s WHERE %s", cond, read, a.table(), bounds)
		}, cond),
		Key: a.k.names(),
	}
	out.Sample = a.k.chunks(a.t, func(string) string { return "" }, "TRUE").Sample
	if cond != "FALSE" {
		out.All = fmt.Sprintf("SELECT * FROM %s WHERE %s", a.table(), cond)
	}
	return out, true
}

// bounds are the smallest and the greatest value of an integer type.
func (t colType) bounds() (low, high string) {
	bits := map[string]uint{"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}[t.name]
	if bits == 0 {
		bits = 64
	}
	one := big.NewInt(1)
	if t.unsigned {
		return "0", new(big.Int).Sub(new(big.Int).Lsh(one, bits), one).String()
	}
	half := new(big.Int).Lsh(one, bits-1)
	return new(big.Int).Neg(half).String(), new(big.Int).Sub(half, one).String()
}

func (a asker) repeated(q planner.RowQuestion) (plan.Question, bool) {
	if q.Index != nil && strings.Contains(q.Index.SQL, "((") {
		return plan.Question{}, false // a part of it is an expression, which q does not hold
	}
	exprs := make([]string, len(q.Exprs))
	for i, e := range q.Exprs {
		exprs[i] = "(" + e.SQL(quoteName) + ")"
	}
	groups := fmt.Sprintf("SELECT COUNT(*) AS n FROM %s WHERE %s IS NOT NULL GROUP BY %s",
		a.table(), strings.Join(exprs, " IS NOT NULL AND "), strings.Join(exprs, ", "))
	return plan.Question{
		Count: "SELECT COALESCE(SUM(CASE WHEN n > 1 THEN n ELSE 0 END), 0), COALESCE(SUM(n), 0) FROM (" + groups + ") AS g",
		All: fmt.Sprintf("SELECT %s, COUNT(*) AS n FROM %s WHERE %s IS NOT NULL GROUP BY %s HAVING COUNT(*) > 1",
			strings.Join(exprs, ", "), a.table(), strings.Join(exprs, " IS NOT NULL AND "), strings.Join(exprs, ", ")),
	}, true
}

func (a asker) orphans(q planner.RowQuestion) plan.Question {
	own := func(name string) string { return a.table() + "." + quoteName(name) }
	var there, match []string
	for i, e := range q.Exprs {
		there = append(there, "("+e.SQL(own)+") IS NOT NULL")
		match = append(match, "referred."+quoteName(q.RefColumns[i])+" = ("+e.SQL(own)+")")
	}
	return a.where(fmt.Sprintf("%s AND NOT EXISTS (SELECT 1 FROM %s AS referred WHERE %s)",
		strings.Join(there, " AND "), quoteName(q.Refers.Ref.Name), strings.Join(match, " AND ")))
}
