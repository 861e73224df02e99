package postgres

import (
	"fmt"
	"strconv"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
)

// spelling maps the grammar's internal type names to those that format_type,
// and so the catalog, uses.
var spelling = map[string]string{
	"int2": "smallint", "int4": "integer", "int8": "bigint", "float4": "real", "float8": "double precision",
	"bool": "boolean", "bpchar": "character", "varchar": "character varying", "varbit": "bit varying",
	"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone",
	"time": "time without time zone", "timetz": "time with time zone", "char": `"char"`,
	// Keywords that format_type does not quote.
	"numeric": "numeric", "bit": "bit", "json": "json",
}

// serials are no types but a column with a sequence of its own.
var serials = map[string]bool{
	"serial": true, "serial2": true, "serial4": true, "serial8": true, "smallserial": true, "bigserial": true,
}

// plainTypeName is a type's internal name ("int4") when it is of pg_catalog or
// unqualified, and "" otherwise.
func plainTypeName(t *pg.TypeName) string {
	parts, ok := names(t.GetNames())
	switch {
	case !ok || len(parts) == 0 || len(parts) > 2:
		return ""
	case len(parts) == 2 && parts[0] != "pg_catalog":
		return ""
	}
	return parts[len(parts)-1]
}

// typeText writes a type in the words of format_type: the same type always
// reads the same, however the user spelt it.
func typeText(t *pg.TypeName) (string, error) {
	if t.GetSetof() || t.GetPctType() {
		return "", fmt.Errorf("SETOF and %%TYPE are no column types")
	}
	parts, ok := names(t.GetNames())
	if !ok || len(parts) == 0 {
		return "", fmt.Errorf("the type has no plain name")
	}
	base, err := baseText(t, parts)
	if err != nil {
		return "", err
	}
	if len(t.ArrayBounds) > 0 {
		base += "[]" // the catalog knows neither dimensions nor bounds
	}
	return base, nil
}

func baseText(t *pg.TypeName, parts []string) (string, error) {
	name := plainTypeName(t)
	if name == "interval" {
		return intervalText(t)
	}
	mods, err := typeMods(t.Typmods)
	if err != nil {
		return "", err
	}
	switch name {
	case "":
		return quoteNames(parts) + mods, nil
	case "bpchar":
		if mods == "" {
			return "bpchar", nil // without a length: a text that ignores trailing blanks
		}
	case "timestamp", "timestamptz", "time", "timetz":
		head, zone, _ := strings.Cut(spelling[name], " ")
		return head + mods + " " + zone, nil
	case "numeric":
		if len(t.Typmods) == 1 {
			mods = strings.TrimSuffix(mods, ")") + ",0)"
		}
	}
	if s, ok := spelling[name]; ok && (name != "char" || len(parts) == 1) {
		return s + mods, nil
	}
	if len(parts) == 2 { // pg_catalog is always visible
		parts = parts[1:]
	}
	return quoteNames(parts) + mods, nil
}

// quoteNames writes a qualified name, quoted only where it must be, as
// quote_identifier does.
func quoteNames(parts []string) string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = p
		if !plainIdentifier(p) {
			out[i] = quote(p)
		}
	}
	return strings.Join(out, ".")
}

// plainIdentifier reports whether a name needs no quotes.
func plainIdentifier(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c == '_' || i > 0 && c >= '0' && c <= '9') {
			return false
		}
	}
	return s != "" && !reserved(s)
}

// reserved asks the grammar whether a name is a keyword of any kind.
func reserved(name string) bool {
	tokens, err := pg.Scan(name)
	if err != nil || len(tokens.Tokens) != 1 {
		return true
	}
	k := tokens.Tokens[0].KeywordKind
	return k != pg.KeywordKind_NO_KEYWORD && k != pg.KeywordKind_UNRESERVED_KEYWORD
}

func typeMods(mods []*pg.Node) (string, error) {
	if len(mods) == 0 {
		return "", nil
	}
	var out []string
	for _, m := range mods {
		i, ok := intConst(m)
		if !ok {
			text, err := deparseScalar(m)
			if err != nil {
				return "", err
			}
			out = append(out, text)
			continue
		}
		out = append(out, strconv.Itoa(i))
	}
	return "(" + strings.Join(out, ",") + ")", nil
}

func intConst(n *pg.Node) (int, bool) {
	c := n.GetAConst()
	if c == nil || c.Isnull || c.GetIval() == nil {
		return 0, false
	}
	return int(c.GetIval().Ival), true
}

// The bits of an interval's field mask (PostgreSQL, utils/timestamp.h).
var intervalFields = map[int]string{
	1 << 2: " year", 1 << 1: " month", 1 << 3: " day", 1 << 10: " hour", 1 << 11: " minute", 1 << 12: " second",
	1<<2 | 1<<1: " year to month", 1<<3 | 1<<10: " day to hour", 1<<3 | 1<<10 | 1<<11: " day to minute",
	1<<3 | 1<<10 | 1<<11 | 1<<12: " day to second", 1<<10 | 1<<11: " hour to minute",
	1<<10 | 1<<11 | 1<<12: " hour to second", 1<<11 | 1<<12: " minute to second",
	0x7FFF: "",
}

func intervalText(t *pg.TypeName) (string, error) {
	text := "interval"
	if len(t.Typmods) > 0 {
		mask, ok := intConst(t.Typmods[0])
		fields, known := intervalFields[mask]
		if !ok || !known {
			return "", fmt.Errorf("the interval's fields are not understood")
		}
		text += fields
	}
	if len(t.Typmods) > 1 {
		p, ok := intConst(t.Typmods[1])
		if !ok {
			return "", fmt.Errorf("the interval's precision is not understood")
		}
		text += "(" + strconv.Itoa(p) + ")"
	}
	return text, nil
}

// readType reads a type as users and the catalog write it.
func readType(text string) (*pg.TypeName, error) {
	n, err := parseScalar("NULL::" + text)
	if err != nil {
		return nil, err
	}
	cast := n.GetTypeCast()
	if cast == nil {
		return nil, fmt.Errorf("%q is no type", text)
	}
	return cast.TypeName, nil
}
