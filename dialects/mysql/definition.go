package mysql

import (
	"math/big"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// definition writes a column in full, as ADD and MODIFY want it.
func (d *dialect) definition(c planner.Column) string {
	t := parseType(c.Type)
	if t.isText() && t.charset == "" && t.collate == "" && c.Collation != "" {
		t.charset, t.collate = c.Charset, c.Collation
	}
	out := []string{quoteName(c.Name), t.full()}
	// NULL is written out: a timestamp without it may mean NOT NULL.
	if c.NotNull {
		out = append(out, "NOT NULL")
	} else {
		out = append(out, "NULL")
	}
	if c.Generated == "auto_increment" {
		out = append(out, "AUTO_INCREMENT")
	}
	if !c.Default.IsZero() {
		out = append(out, "DEFAULT "+d.defaultSQL(t, c.Default))
	}
	if c.Rest != "" {
		out = append(out, c.Rest)
	}
	if c.Comment != "" {
		out = append(out, "COMMENT "+quoteString(c.Comment))
	}
	return strings.Join(out, " ")
}

// defaultSQL writes what stands behind DEFAULT: literals and the current time
// plainly, everything else in parentheses.
func (d *dialect) defaultSQL(t colType, e planner.Expr) string {
	text := e.SQL(quoteName)
	switch {
	case isNull(e), isNow(text) && (t.name == "datetime" || t.name == "timestamp"):
		return text
	case isLiteral(text) && !d.onlyExpressions(t):
		return text
	}
	return "(" + text + ")"
}

// onlyExpressions reports whether a default of the type must be an expression.
func (d *dialect) onlyExpressions(t colType) bool { return !d.maria && t.isLOB() }

// isSimpleDefault reports whether a default is filled into existing rows without
// copying the table, which MySQL does with literals and the current time.
func (d *dialect) isSimpleDefault(t colType, e planner.Expr) bool {
	if d.maria || e.IsZero() || isNull(e) {
		return true
	}
	text := e.SQL(quoteName)
	return !d.onlyExpressions(t) && isLiteral(text) || isNow(text)
}

func isNull(e planner.Expr) bool {
	return len(e.Parts) == 1 && strings.EqualFold(e.Parts[0].Text, "NULL")
}

func tokens(text string) []token {
	pieces, _, err := split(text)
	if err != nil || len(pieces) != 1 {
		return nil
	}
	return pieces[0].tokens
}

// isLiteral reports whether the text is one literal, maybe with a sign or a
// character set.
func isLiteral(text string) bool {
	ts := tokens(text)
	switch len(ts) {
	case 1:
		w := piece{ts}.word(0)
		return ts[0].kind == tokString || ts[0].kind == tokNumber || w == "TRUE" || w == "FALSE"
	case 2:
		if ts[0].text == "-" {
			return ts[1].kind == tokNumber
		}
		w := piece{ts}.word(0)
		return ts[1].kind == tokString && ts[0].end == ts[1].start && (w == "X" || w == "B" || strings.HasPrefix(w, "_"))
	}
	return false
}

var nowNames = words("now current_timestamp localtime localtimestamp")

// isNow reports whether the text is the current time, in any of its spellings.
func isNow(text string) bool {
	return strings.HasPrefix(canonicalCall(text), "now(")
}

// canonicalCall writes a call of a clock function in one way, "now(6)"; other
// text yields "".
func canonicalCall(text string) string {
	ts := tokens(text)
	if len(ts) == 0 || ts[0].kind != tokWord {
		return ""
	}
	name := strings.ToLower(ts[0].text)
	switch {
	case nowNames[name]:
		name = "now"
	case name == "current_date":
		name = "curdate"
	case name == "current_time":
		name = "curtime"
	case name != "curdate" && name != "curtime":
		return ""
	}
	arg := ""
	switch {
	case len(ts) == 1, len(ts) == 3 && ts[1].text == "(" && ts[2].text == ")":
	case len(ts) == 4 && ts[1].text == "(" && ts[2].kind == tokNumber && ts[3].text == ")":
		arg = strings.TrimLeft(ts[2].text, "0")
	default:
		return ""
	}
	return name + "(" + arg + ")"
}

// SameDefault implements planner.Dialect.
func (d *dialect) SameDefault(a, b planner.Expr) bool {
	if a.IsZero() || isNull(a) || b.IsZero() || isNull(b) {
		return (a.IsZero() || isNull(a)) == (b.IsZero() || isNull(b))
	}
	x, y := canonicalDefault(a), canonicalDefault(b)
	if x.text == y.text {
		return true
	}
	// A number is the same default with quotes and without.
	if x.number != nil && y.number != nil && (x.bare || y.bare) {
		return x.number.Cmp(y.number) == 0
	}
	return false
}

type canonical struct {
	text   string
	number *big.Rat
	bare   bool // written without quotes
}

func canonicalDefault(e planner.Expr) canonical {
	text := e.SQL(quoteName)
	if call := canonicalCall(text); call != "" {
		return canonical{text: call}
	}
	ts := tokens(text)
	var b strings.Builder
	for i, t := range ts {
		switch t.kind {
		case tokString:
			b.WriteString(quoteString(t.text))
		case tokWord:
			b.WriteString(strings.ToLower(t.text))
		default:
			b.WriteString(text[t.start:t.end])
		}
		if i < len(ts)-1 {
			b.WriteByte(' ')
		}
	}
	c := canonical{text: b.String()}
	if !isLiteral(text) {
		return c
	}
	value := text
	switch w := strings.ToUpper(text); {
	case w == "TRUE":
		value = "1"
	case w == "FALSE":
		value = "0"
	case len(ts) == 1 && ts[0].kind == tokString:
		value = ts[0].text
	}
	if n, ok := new(big.Rat).SetString(strings.ReplaceAll(value, " ", "")); ok && !strings.Contains(value, "/") {
		c.number, c.bare = n, len(ts) == 2 || ts[0].kind != tokString
	}
	return c
}

// onUpdate writes the attribute ON UPDATE in one way.
func onUpdate(text string) string {
	call := canonicalCall(text)
	if !strings.HasPrefix(call, "now(") {
		return "ON UPDATE " + text
	}
	return "ON UPDATE CURRENT_TIMESTAMP" + strings.TrimSuffix(strings.TrimPrefix(call, "now"), "()")
}
