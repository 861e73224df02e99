package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// newer is syntax of servers that are newer than the grammar we read with.
type newer struct{ what, instead string }

var (
	virtualColumn = newer{"a virtual generated column", "a STORED column, or a plain one with -- migrate:up, or compute it in a view"}
	namedNotNull  = newer{"NOT NULL as a constraint of the table", "ALTER TABLE … ALTER COLUMN … SET NOT NULL: it is proved online, and PostgreSQL names it table_column_not_null"}
	notEnforced   = newer{"a constraint that is NOT ENFORCED", "add it without, or NOT VALID: then it holds for new rows"}
	temporal      = newer{"a key over a period", "EXCLUDE USING gist (… WITH =, … WITH &&) says the same"}
)

// withNewer explains a syntax error that a newer server would not have.
func withNewer(src string, se *planner.SyntaxError) *planner.SyntaxError {
	scan, err := pg.Scan(src)
	if err != nil {
		return se
	}
	tokens := slices.DeleteFunc(scan.Tokens, func(t *pg.ScanToken) bool {
		return t.Token == pg.Token_SQL_COMMENT || t.Token == pg.Token_C_COMMENT
	})
	at := slices.IndexFunc(tokens, func(t *pg.ScanToken) bool { return int(t.Start) >= se.Offset })
	if at < 0 {
		at = len(tokens)
	}
	word := func(i int) string {
		if i < 0 || i >= len(tokens) {
			return ""
		}
		return strings.ToUpper(src[tokens[i].Start:tokens[i].End])
	}
	n, ok := newerAt(word, at)
	if !ok {
		return se
	}
	return &planner.SyntaxError{
		Offset: se.Offset, Rule: "opaque-statement", Instead: n.instead,
		Message: fmt.Sprintf("%s is of PostgreSQL 18, and migrate reads with PostgreSQL 17's grammar: %s", n.what, se.Message),
	}
}

func newerAt(word func(int) string, at int) (newer, bool) {
	switch {
	case word(at) == "VIRTUAL", endsExpression(word, at-1):
		return virtualColumn, true
	case word(at) == "ENFORCED":
		return notEnforced, true
	case word(at) == "WITHOUT" && word(at+1) == "OVERLAPS", word(at) == "PERIOD", word(at-1) == "PERIOD":
		return temporal, true
	case word(at) == "NOT" && word(at+1) == "NULL" && (word(at-1) == "ADD" || word(at-2) == "CONSTRAINT"):
		return namedNotNull, true
	}
	return newer{}, false
}

// endsExpression reports whether a bracket closes GENERATED ALWAYS AS (…, behind
// which older servers want STORED.
func endsExpression(word func(int) string, at int) bool {
	if word(at) != ")" {
		return false
	}
	for depth := 0; at >= 0; at-- {
		switch word(at) {
		case ")":
			depth++
		case "(":
			if depth--; depth == 0 {
				return word(at-1) == "AS" && word(at-2) == "ALWAYS"
			}
		}
	}
	return false
}
