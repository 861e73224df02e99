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
	if a.charset+a.collate != "" { // a column of the migration's own says it in its type
		from.Charset, from.Collation = charsetOf(&planner.Table{}, from), a.collate
	}
	out := planner.TypeChange{Kind: planner.TypeIncompatible, Canonical: d.shown(b, s.VersionNum)}
	if !a.known || !b.known {
		out.Why = fmt.Sprintf("the planner does not know how %s and %s relate", from.Type, to)
		if strings.EqualFold(a.name, b.name) {
			out.Kind, out.Why = planner.TypeSame, "it is the same type"
		}
		return out
	}
	var re *recoding
	if a.isText() && b.isText() {
		var why string
		if re, why = d.recoding(s, from, b); why != "" {
			out.Why = why
			return out
		}
		if re == nil {
			// The column's own character set stays where it is.
			b.charset, b.collate = "", ""
			out.Canonical = d.shown(b, s.VersionNum)
		}
	}
	charBytes := maxBytes(s, from)
	a.charset, a.collate = "", ""
	back, ok := d.conversionOf(a, b, charBytes)
	if re != nil && a.sql() == b.sql() {
		back, ok = conversion{nearest: "@"}, true
	}
	switch {
	case re == nil && a.sql() == b.sql():
		out.Kind, out.Why = planner.TypeSame, "it is the same type"
	case re == nil && d.free(a, b, charBytes):
		out.Kind, out.Why = planner.TypeFree, fmt.Sprintf("%s widens %s to %s without touching a row", d.product(), a.sql(), b.sql())
	case ok && b.isLOB() && indexedWhole(s, from):
		out.Why = fmt.Sprintf("an index over the column needs a length in %s: drop it first", b.sql())
	case ok:
		back = d.back(re, back)
		out.Kind = planner.TypeCompatible
		out.Why = fmt.Sprintf("%s would write the table anew; every %s fits %s", d.product(), a.sql(), b.full())
		out.Up, out.Down, out.Fit = re.up(from), back.down(from), back.fit(from)
		out.Placeholder = d.placeholder(from, b)
	default:
		out.Why = fmt.Sprintf("clients that expect %s would read %s", a.sql(), b.sql())
	}
	return out
}

// recoding finds how a text column's character set or collation changes; nil if
// they do not. why says what forbids it.
func (d *dialect) recoding(s *planner.Schema, from planner.Column, b colType) (re *recoding, why string) {
	has := collations(s, from)
	charset, _, _ := strings.Cut(b.collate, "_")
	switch {
	case b.collate == "" && b.charset == "":
		// Written without, the column gets the table's.
		if from.Collation != "" {
			return nil, fmt.Sprintf("without COLLATE %s it would get the table's character set and collation, which rewrites its values", from.Collation)
		}
		return nil, ""
	case b.collate == "":
		charset = strings.ToLower(b.charset)
		if from.Charset == b.charset || from.Collation == "" && len(has) > 0 && !slices.ContainsFunc(has, func(h string) bool { return !strings.HasPrefix(h, charset+"_") }) {
			return nil, ""
		}
	case slices.Contains(has, strings.ToLower(b.collate)) && len(has) == 1:
		return nil, ""
	}
	if b.charset != "" {
		charset = strings.ToLower(b.charset)
	}
	old := ""
	if len(has) == 1 {
		old, _, _ = strings.Cut(has[0], "_")
	}
	r, ok := d.recode(old, charset)
	switch {
	case !ok:
		return nil, fmt.Sprintf("its character set would change to %s, which does not have all its characters", b.charset+b.collate)
	case indexedBy(s, from, func(ix planner.Index) bool { return ix.Unique }):
		return nil, fmt.Sprintf("its collation would change to %s, under which a unique index takes other values for equal: drop that first", strings.TrimSpace(b.charset+" "+b.collate))
	}
	return &r, ""
}

// indexedBy reports whether an index of some kind mentions the column, and
// indexedWhole whether one does without a length. A column does not know its
// table: every one that has just this column counts.
func indexedBy(s *planner.Schema, c planner.Column, kind func(planner.Index) bool) bool {
	return slices.ContainsFunc(s.Tables, func(t *planner.Table) bool {
		col := t.Column(c.Name)
		return col != nil && col.Type == c.Type && col.Collation == c.Collation && slices.ContainsFunc(t.Indexes, func(ix planner.Index) bool {
			return slices.Contains(ix.Columns, c.Name) && kind(ix)
		})
	})
}

func indexedWhole(s *planner.Schema, c planner.Column) bool {
	return indexedBy(s, c, func(ix planner.Index) bool {
		return indexKind(ix) == "" && !strings.Contains(ix.Definition, quoteName(c.Name)+"(")
	})
}

// collations lists what the column's collation may be: its own, or its table's.
// A column does not know its table, so every table that has just this column counts.
func collations(s *planner.Schema, c planner.Column) []string {
	if c.Collation != "" {
		return []string{strings.ToLower(c.Collation)}
	}
	if c.Charset != "" {
		return []string{strings.ToLower(c.Charset) + "_"} // one of its collations
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
