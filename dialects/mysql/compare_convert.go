package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// compare_convert.go knows which types hold all that another one holds, in a way
// that clients of that one can read, and how values get from one to the other.

// conversion is how a value of the new type becomes one of the old. In both, @ is
// the column.
type conversion struct {
	// fits is true for values that the old type holds; empty: all are.
	fits string
	// nearest is the value itself where it fits, and else the nearest that does.
	nearest string
	// orNull: there is no nearest; in a column that allows it, NULL stands for it.
	orNull bool
}

// over writes a template over a column.
func over(column, template string) planner.Expr {
	out := planner.ColumnExpr(column)
	out.Parts = nil
	for i, text := range strings.Split(template, "@") {
		if i > 0 {
			out.Parts = append(out.Parts, planner.Part{Column: column})
		}
		if text != "" {
			out.Parts = append(out.Parts, planner.Part{Text: text})
		}
	}
	return out
}

// down and fit are the conversion as the planner wants it.
func (c conversion) down(from planner.Column) planner.Expr {
	if c.orNull && !from.NotNull {
		return c.fit(from)
	}
	return over(from.Name, c.nearest)
}

// fit keeps what must be unique apart. A column that forbids NULL has the
// nearest only.
func (c conversion) fit(from planner.Column) planner.Expr {
	if c.fits == "" || from.NotNull {
		return planner.Expr{}
	}
	out := over(from.Name, fmt.Sprintf("IF(%s, @, NULL)", c.fits))
	out.MaybeNull = true
	return out
}

var intRank = map[string]int{"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 5}

var intBounds = map[string][3]string{ // lowest, highest, highest unsigned
	"tinyint":   {"-128", "127", "255"},
	"smallint":  {"-32768", "32767", "65535"},
	"mediumint": {"-8388608", "8388607", "16777215"},
	"int":       {"-2147483648", "2147483647", "4294967295"},
}

// isBool: clients take a tinyint(1) for true or false, and no other integer.
func (t colType) isBool() bool { return t.name == "tinyint" && t.length == 1 && !t.zerofill }

// conversionOf finds the way back from a wider type; ok is false where clients of
// the old type could not read the new one, or values would be lost on the way to it.
func (d *dialect) conversionOf(a, b colType, charBytes int) (c conversion, ok bool) {
	switch {
	case a.zerofill || b.zerofill || a.isBool() != b.isBool():
		return c, false
	case a.class() == classInt && b.class() == classInt:
		return wideInt(a, b)
	case a.class() == classDecimal && b.class() == classDecimal:
		return wideDecimal(a, b)
	case a.name == "float" && b.name == "double":
		return conversion{nearest: "LEAST(GREATEST(@, -3.402823466e38), 3.402823466e38)", fits: "ABS(@) <= 3.402823466e38"},
			a.scale < 0 && b.scale < 0 && a.unsigned == b.unsigned
	case a.class() == classEnum:
		return wideEnum(a, b)
	case isString(a) && isString(b):
		return wideString(a, b, charBytes)
	case a.name == b.name && (a.name == "datetime" || a.name == "time"):
		return wideTime(a, b)
	}
	return c, false
}

func wideInt(a, b colType) (conversion, bool) {
	bounds := intBounds[a.name]
	low, high := bounds[0], bounds[1]
	if a.unsigned {
		low, high = "0", bounds[2]
	}
	// A signed type holds what an unsigned one of half its width does.
	holds := intRank[b.name] > intRank[a.name] && (a.unsigned || !b.unsigned)
	return conversion{fits: fmt.Sprintf("@ BETWEEN %s AND %s", low, high), nearest: fmt.Sprintf("LEAST(GREATEST(@, %s), %s)", low, high)}, holds
}

func wideDecimal(a, b colType) (conversion, bool) {
	most := strings.Repeat("9", a.length-a.scale)
	if most == "" {
		most = "0"
	}
	if a.scale > 0 {
		most += "." + strings.Repeat("9", a.scale)
	}
	least := "-" + most
	if a.unsigned {
		least = "0"
	}
	rounded := "@"
	if b.scale > a.scale {
		rounded = fmt.Sprintf("ROUND(@, %d)", a.scale)
	}
	return conversion{
		fits:    fmt.Sprintf("@ BETWEEN %s AND %s AND @ = %s", least, most, rounded),
		nearest: fmt.Sprintf("LEAST(GREATEST(%s, %s), %s)", rounded, least, most),
	}, a.unsigned == b.unsigned && b.scale >= a.scale && b.length-b.scale >= a.length-a.scale && a.sql() != b.sql()
}

// wideEnum: clients read the names of values. Where those stand in another order
// the rows are written anew.
func wideEnum(a, b colType) (conversion, bool) {
	kept := !slices.ContainsFunc(a.elems, func(e string) bool { return !slices.Contains(b.elems, e) })
	switch {
	case a.name == "set":
		parts := make([]string, len(a.elems))
		for i, e := range a.elems {
			parts[i] = fmt.Sprintf("IF(FIND_IN_SET(%[1]s, @), %[1]s, NULL)", quoteString(e))
		}
		nearest := fmt.Sprintf("IF(@ IS NULL, NULL, CONCAT_WS(',', %s))", strings.Join(parts, ", "))
		return conversion{nearest: nearest}, b.name == "set" && kept && plainElems(a) && plainElems(b)
	case b.name == "varchar":
		longest := 0
		for _, e := range a.elems {
			longest = max(longest, len([]rune(e)))
		}
		kept = b.length >= longest
	case b.name != "enum":
		kept = false
	}
	known := fmt.Sprintf("@ IN (%s)", quoteStrings(a.elems))
	return conversion{
		fits: known, orNull: true,
		nearest: fmt.Sprintf("IF(@ IS NULL OR %s, @, %s)", known, quoteString(a.elems[0])),
	}, kept && plainElems(a) && plainElems(b)
}

// plainElems: no value has the sign that templates have for the column.
func plainElems(t colType) bool {
	return !slices.ContainsFunc(t.elems, func(e string) bool { return strings.Contains(e, "@") })
}

// maxLength is how many characters a type holds, or bytes where it counts those.
func (t colType) maxLength() (n int, bytes bool) {
	bytes = t.class() == classBinary || strings.HasSuffix(t.name, "text")
	switch {
	case strings.HasPrefix(t.name, "tiny"):
		return 1<<8 - 1, bytes
	case strings.HasPrefix(t.name, "medium"):
		return 1<<24 - 1, bytes
	case strings.HasPrefix(t.name, "long"):
		return 1<<32 - 1, bytes
	case t.name == "text" || t.name == "blob":
		return 1<<16 - 1, bytes
	}
	return t.length, bytes
}

func isString(t colType) bool { return t.class() == classString || t.class() == classBinary }

// wideString: char gives trailing blanks away, binary fills up with zeros; values
// of the others are what was written.
func wideString(a, b colType, charBytes int) (conversion, bool) {
	if a.class() == classBinary {
		charBytes = 1
	}
	most, bytes := a.maxLength()
	holds, inBytes := b.maxLength()
	needed := most
	if inBytes && !bytes {
		needed = most * charBytes
	}
	kind := a.class() == b.class() && (b.name != "char" || a.name == "char") && a.name != "binary" && b.name != "binary"
	out := conversion{fits: fmt.Sprintf("CHAR_LENGTH(@) <= %d", most), nearest: fmt.Sprintf("LEFT(@, %d)", most)}
	if bytes {
		out.fits = fmt.Sprintf("LENGTH(@) <= %d", most)
		out.nearest = fmt.Sprintf("IF(%s, @, LEFT(@, %d))", out.fits, most/charBytes)
	}
	return out, kind && holds >= needed && (inBytes || !bytes) && a.sql() != b.sql()
}

// wideTime cuts digits behind the second off: to round might lead past the end
// of the type.
func wideTime(a, b colType) (conversion, bool) {
	cut := b.length - max(a.length, 0)
	if a.length <= 0 {
		cut++ // and the point
	}
	near := fmt.Sprintf("LEFT(CAST(@ AS CHAR), CHAR_LENGTH(CAST(@ AS CHAR)) - %d)", cut)
	return conversion{fits: "@ = " + near, nearest: near}, b.length > max(a.length, 0)
}

// recoding is a change of character set or collation, under which every value
// stays readable as it is.
type recoding struct{ from, to string } // character sets

// recode finds it; ok is false where characters would be lost.
func (d *dialect) recode(from, to string) (recoding, bool) {
	from, to = strings.Replace(from+"_", "utf8_", "utf8mb3_", 1), strings.Replace(to+"_", "utf8_", "utf8mb3_", 1)
	from, to = strings.TrimSuffix(from, "_"), strings.TrimSuffix(to, "_")
	switch {
	case from == "", to == "", from == "binary", to == "binary", d.maria && from != to && outside[from] == "":
		return recoding{}, false
	case from == to, to == "utf8mb4", from == "ascii", to == "utf8mb3" && from == "latin1":
		return recoding{from, to}, true
	}
	return recoding{}, false
}

// up and back are the conversions between the two.
func (r *recoding) up(from planner.Column) planner.Expr {
	if r == nil || r.from == r.to {
		return planner.ColumnExpr(from.Name)
	}
	return over(from.Name, "CONVERT(@ USING "+r.to+")")
}

// back writes what the old character set does not have as a question mark.
func (d *dialect) back(r *recoding, c conversion) conversion {
	if r == nil || r.from == r.to {
		return c
	}
	same := fmt.Sprintf("CONVERT(CONVERT(@ USING %s) USING %s) = @", r.from, r.to)
	if d.maria {
		// In strict mode, CONVERT fails there instead.
		same = fmt.Sprintf("@ NOT REGEXP %s", quoteString(outside[r.from]))
		c.nearest = fmt.Sprintf("REGEXP_REPLACE(%s, %s, '?')", c.nearest, quoteString(outside[r.from]))
	}
	c.nearest = "CONVERT(" + c.nearest + " USING " + r.from + ")"
	if c.fits == "" {
		c.fits = same
	} else {
		c.fits += " AND " + same
	}
	return c
}

// outside matches what is surely, or may be, not in a character set.
var outside = map[string]string{
	"ascii": `[^\x{0}-\x{7F}]`, "latin1": `[^\x{0}-\x{7F}\x{A0}-\x{FF}]`, "utf8mb3": `[\x{10000}-\x{10FFFF}]`,
}
