package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// Compare implements planner.Dialect. What is free was tried on the servers;
// the statement that makes the change carries the ALGORITHM that must do.
func (d *dialect) Compare(s *planner.Schema, from planner.Column, to string) planner.TypeChange {
	a, b := parseType(from.Type), parseType(to)
	out := planner.TypeChange{Kind: planner.TypeIncompatible, Canonical: d.shown(b, s.VersionNum)}
	if !a.known || !b.known {
		out.Why = fmt.Sprintf("the planner does not know how %s and %s relate", from.Type, to)
		if strings.EqualFold(a.name, b.name) {
			out.Kind, out.Why = planner.TypeSame, "it is the same type"
		}
		return out
	}
	if a.isText() && b.isText() {
		if why := d.sameCollation(s, from, &b); why != "" {
			out.Why = why
			return out
		}
		// The column's own character set stays where it is.
		plain := b
		plain.charset, plain.collate = "", ""
		out.Canonical = d.shown(plain, s.VersionNum)
		b = plain
	}
	a.charset, a.collate = "", ""
	switch {
	case a.sql() == b.sql():
		out.Kind, out.Why = planner.TypeSame, "it is the same type"
	case d.free(a, b, maxBytes(s, from)):
		out.Kind, out.Why = planner.TypeFree, fmt.Sprintf("%s widens %s to %s without touching a row", d.product(), a.sql(), b.sql())
	case compatible(a, b):
		out.Kind = planner.TypeCompatible
		out.Why = fmt.Sprintf("%s would copy the table and block writes; every %s fits %s", d.product(), a.sql(), b.sql())
		out.Up = planner.ColumnExpr(from.Name)
		out.Down = clampDown(a, b, from.Name)
	default:
		out.Why = fmt.Sprintf("clients that expect %s would read %s", a.sql(), b.sql())
	}
	return out
}

// sameCollation says why changing a text column to b would change its character
// set or collation; "" if it would not.
func (d *dialect) sameCollation(s *planner.Schema, from planner.Column, b *colType) string {
	has := collations(s, from)
	want := b.collate
	switch {
	case want == "" && b.charset == "":
		// Written without, the column gets the table's.
		if from.Collation != "" {
			return fmt.Sprintf("without COLLATE %s it would get the table's character set and collation, which rewrites its values", from.Collation)
		}
		return ""
	case want == "":
		for _, h := range has {
			if !strings.HasPrefix(h, strings.ToLower(b.charset)+"_") {
				return fmt.Sprintf("its character set would change to %s, which rewrites its values", b.charset)
			}
		}
		if from.Collation == "" && len(has) > 0 || from.Charset == b.charset {
			return ""
		}
	case slices.Contains(has, strings.ToLower(want)) && len(has) == 1:
		return ""
	}
	return fmt.Sprintf("its collation would change to %s, which changes how it sorts and compares", b.charset+" "+b.collate)
}

// collations lists what the column's collation may be: its own, or its table's.
// A column does not know its table, so every table that has just this column counts.
func collations(s *planner.Schema, c planner.Column) []string {
	if c.Collation != "" {
		return []string{strings.ToLower(c.Collation)}
	}
	var out []string
	for _, t := range s.Tables {
		if col := t.Column(c.Name); col != nil && col.Type == c.Type && col.Collation == "" {
			if f := strings.ToLower(t.Facts[factCollation]); f != "" && !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// maxBytes is how many bytes a character of the column may take.
func maxBytes(s *planner.Schema, c planner.Column) int {
	most := 1
	for _, name := range collations(s, c) {
		n := 1
		switch charset, _, _ := strings.Cut(name, "_"); charset {
		case "utf8mb4", "utf16", "utf16le", "utf32", "gb18030", "uca1400":
			n = 4
		case "utf8", "utf8mb3", "eucjpms", "ujis":
			n = 3
		case "ucs2", "big5", "gbk", "sjis", "cp932", "euckr", "gb2312":
			n = 2
		}
		most = max(most, n)
	}
	return most
}

// free reports whether the server changes the type without touching rows.
func (d *dialect) free(a, b colType, charBytes int) bool {
	if a.unsigned != b.unsigned || a.zerofill || b.zerofill {
		return false
	}
	switch {
	case a.name == b.name && (a.name == "varchar" || a.name == "varbinary"):
		if a.name == "varbinary" {
			charBytes = 1
		}
		if b.length < a.length {
			return false
		}
		// A length up to 255 bytes is stored in one byte, beyond in one or two. In
		// between, MariaDB can tell old rows from new ones as long as no old value
		// was longer than 127 bytes; MySQL copies the table.
		from, to := a.length*charBytes, b.length*charBytes
		return from > 255 || to <= 255 || d.maria && from <= 127
	case a.name == b.name && a.class() == classEnum:
		return len(b.elems) > len(a.elems) && slices.Equal(a.elems, b.elems[:len(a.elems)]) && elemBytes(a) == elemBytes(b)
	case a.name == "tinyint" && b.name == "tinyint":
		// tinyint(1) and tinyint differ in what they display.
		return true
	}
	return false
}

// elemBytes is what an enum or set value takes in a row.
func elemBytes(t colType) int {
	n := len(t.elems)
	if t.name == "enum" {
		if n <= 255 {
			return 1
		}
		return 2
	}
	switch b := (n + 7) / 8; {
	case b <= 4:
		return b
	default:
		return 8
	}
}

var intRank = map[string]int{"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 5}

// compatible reports whether clients of the old type can read the new one.
func compatible(a, b colType) bool {
	if a.zerofill || b.zerofill {
		return false
	}
	if a.class() == classInt && b.class() == classInt {
		return a.unsigned == b.unsigned && intRank[b.name] > intRank[a.name]
	}
	if growsString(a, b) {
		return true
	}
	return a.name == "float" && b.name == "double" && a.scale < 0 && b.scale < 0 && a.unsigned == b.unsigned
}

// growsString reports a longer type of the same kind of string: a client that
// reads the short one reads the long one.
func growsString(a, b colType) bool {
	return a.name == b.name && (a.name == "varchar" || a.name == "varbinary") && b.length > a.length
}

var intBounds = map[string][3]string{ // lowest, highest, highest unsigned
	"tinyint":   {"-128", "127", "255"},
	"smallint":  {"-32768", "32767", "65535"},
	"mediumint": {"-8388608", "8388607", "16777215"},
	"int":       {"-2147483648", "2147483647", "4294967295"},
}

// clampDown never fails: a value that the old type cannot hold becomes the
// nearest that it can.
func clampDown(a, b colType, column string) planner.Expr {
	e := planner.ColumnExpr(column)
	if growsString(a, b) {
		e.Parts = []planner.Part{{Text: "LEFT("}, {Column: column}, {Text: fmt.Sprintf(", %d)", a.length)}}
		return e
	}
	low, high := "-3.402823466e38", "3.402823466e38"
	if b, ok := intBounds[a.name]; ok {
		low, high = b[0], b[1]
		if a.unsigned {
			low, high = "0", b[2]
		}
	}
	e.Parts = []planner.Part{{Text: "LEAST(GREATEST("}, {Column: column}, {Text: ", " + low + "), " + high + ")"}}
	return e
}

// TypedNull implements planner.Dialect.
func (d *dialect) TypedNull(columnType string) string {
	t := parseType(columnType)
	switch t.class() {
	case classInt, classBit:
		if t.unsigned {
			return "CAST(NULL AS UNSIGNED)"
		}
		return "CAST(NULL AS SIGNED)"
	case classDecimal:
		return fmt.Sprintf("CAST(NULL AS DECIMAL(%d,%d))", t.length, t.scale)
	case classFloat:
		return "CAST(NULL AS DOUBLE)"
	case classBinary:
		return "CAST(NULL AS BINARY)"
	case classTemporal:
		switch t.name {
		case "date":
			return "CAST(NULL AS DATE)"
		case "time":
			return "CAST(NULL AS TIME)"
		case "year":
			return "CAST(NULL AS SIGNED)"
		}
		return "CAST(NULL AS DATETIME)"
	case classJSON:
		if !d.maria {
			return "CAST(NULL AS JSON)"
		}
	case classString, classEnum, classOther:
	}
	return "CAST(NULL AS CHAR)"
}
