package mysql

import (
	"fmt"
	"strings"

	"github.com/pingcap/tidb/pkg/parser"
	"github.com/pingcap/tidb/pkg/parser/ast"
	tmysql "github.com/pingcap/tidb/pkg/parser/mysql"
	"github.com/pingcap/tidb/pkg/parser/types"
)

// colType is a column type, taken apart.
type colType struct {
	name     string // "int", "varchar", …; for a type that the grammar does not know, its whole text
	length   int    // characters, digits, or fractional seconds; -1 if not given
	scale    int    // digits behind the point; -1 if not given
	unsigned bool
	zerofill bool
	elems    []string // of enum and set
	charset  string   // only as written
	collate  string   // only as written
	known    bool     // the grammar reads it
}

// typeClass says how values of a type are compared and carried.
type typeClass int

const (
	classOther typeClass = iota
	classInt
	classDecimal
	classFloat
	classString
	classBinary
	classTemporal
	classEnum
	classJSON
	classBit
)

func (t colType) class() typeClass {
	switch t.name {
	case "tinyint", "smallint", "mediumint", "int", "bigint":
		return classInt
	case "decimal":
		return classDecimal
	case "float", "double":
		return classFloat
	case "char", "varchar", "tinytext", "text", "mediumtext", "longtext":
		return classString
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		return classBinary
	case "date", "datetime", "timestamp", "time", "year":
		return classTemporal
	case "enum", "set":
		return classEnum
	case "json":
		return classJSON
	case "bit":
		return classBit
	}
	return classOther
}

// isText reports whether the type has a character set.
func (t colType) isText() bool { return t.class() == classString || t.class() == classEnum }

// isLOB reports whether a literal default needs parentheses on MySQL.
func (t colType) isLOB() bool {
	return strings.HasSuffix(t.name, "text") || strings.HasSuffix(t.name, "blob") || t.name == "json" || t.class() == classOther
}

// parseType reads a column type, as people or servers write it.
func parseType(text string) colType {
	def, err := parseColumn(text)
	if err != nil || len(def.Options) > 1 {
		return colType{name: strings.ToLower(strings.TrimSpace(text)), length: -1, scale: -1}
	}
	t, err := fromFieldType(def.Tp)
	if err != nil {
		return colType{name: strings.ToLower(strings.TrimSpace(text)), length: -1, scale: -1}
	}
	for _, o := range def.Options {
		if o.StrValue == "" {
			return colType{name: strings.ToLower(strings.TrimSpace(text)), length: -1, scale: -1}
		}
		t.collate = o.StrValue
	}
	return t
}

var intNames = map[byte]string{
	tmysql.TypeTiny: "tinyint", tmysql.TypeShort: "smallint", tmysql.TypeInt24: "mediumint",
	tmysql.TypeLong: "int", tmysql.TypeLonglong: "bigint",
}

var lobNames = map[byte]string{
	tmysql.TypeTinyBlob: "tiny", tmysql.TypeBlob: "", tmysql.TypeMediumBlob: "medium", tmysql.TypeLongBlob: "long",
}

var plainNames = map[byte]string{
	tmysql.TypeFloat: "float", tmysql.TypeDouble: "double", tmysql.TypeNewDecimal: "decimal",
	tmysql.TypeTimestamp: "timestamp", tmysql.TypeDatetime: "datetime", tmysql.TypeDuration: "time",
	tmysql.TypeDate: "date", tmysql.TypeYear: "year", tmysql.TypeBit: "bit", tmysql.TypeJSON: "json",
	tmysql.TypeEnum: "enum", tmysql.TypeSet: "set",
}

// fromFieldType takes the grammar's type apart.
func fromFieldType(ft *types.FieldType) (colType, error) {
	t := colType{length: ft.GetFlen(), scale: -1, known: true}
	binary := ft.GetCharset() == "binary"
	tp := ft.GetType()
	switch {
	case intNames[tp] != "":
		t.name = intNames[tp]
	case tp == tmysql.TypeString || tp == tmysql.TypeVarchar || tp == tmysql.TypeVarString:
		t.name = "char"
		if binary {
			t.name = "binary"
		}
		if tp != tmysql.TypeString {
			t.name = "var" + t.name
		}
	case isLOBType(tp):
		t.name = lobNames[tp] + "text"
		if binary {
			t.name = lobNames[tp] + "blob"
		}
	case plainNames[tp] != "":
		t.name = plainNames[tp]
	default:
		return colType{}, fmt.Errorf("unknown type %s", ft.String())
	}
	t.unsigned = tmysql.HasUnsignedFlag(ft.GetFlag())
	t.zerofill = tmysql.HasZerofillFlag(ft.GetFlag())
	t.elems = ft.GetElems()
	if t.isText() && !binary {
		if tmysql.HasBinaryFlag(ft.GetFlag()) {
			return colType{}, fmt.Errorf("the BINARY attribute")
		}
		t.charset, t.collate = ft.GetCharset(), ft.GetCollate()
	}
	t.measure(ft)
	return t, nil
}

func isLOBType(tp byte) bool {
	_, ok := lobNames[tp]
	return ok
}

// measure keeps of the lengths what means something for the type.
func (t *colType) measure(ft *types.FieldType) {
	switch t.name {
	case "decimal":
		if t.length < 0 {
			t.length = 10
		}
		t.scale = max(ft.GetDecimal(), 0)
	case "float", "double":
		t.scale = ft.GetDecimal()
		if t.scale < 0 {
			t.length = -1
		}
	case "datetime", "timestamp", "time":
		t.length = max(ft.GetDecimal(), 0)
	case "date", "json", "enum", "set", "year",
		"tinytext", "mediumtext", "longtext", "tinyblob", "mediumblob", "longblob":
		t.length = -1
	case "char", "binary", "bit":
		if t.length < 0 {
			t.length = 1
		}
	case "tinyint":
		if t.length != 1 && !t.zerofill || t.unsigned && !t.zerofill {
			t.length = -1
		}
	case "smallint", "mediumint", "int", "bigint":
		if !t.zerofill {
			t.length = -1
		}
	}
}

// sql writes the type as a statement may have it, without character set.
func (t colType) sql() string {
	if !t.known {
		return t.name
	}
	var b strings.Builder
	b.WriteString(t.name)
	switch {
	case len(t.elems) > 0:
		b.WriteString("(" + strings.ReplaceAll(quoteStrings(t.elems), ", ", ",") + ")")
	case t.class() == classTemporal && t.length <= 0:
	case t.length >= 0 && t.scale >= 0:
		fmt.Fprintf(&b, "(%d,%d)", t.length, t.scale)
	case t.length >= 0:
		fmt.Fprintf(&b, "(%d)", t.length)
	}
	if t.unsigned {
		b.WriteString(" unsigned")
	}
	if t.zerofill {
		b.WriteString(" zerofill")
	}
	return b.String()
}

// full is sql with the character set and collation, as far as written.
func (t colType) full() string {
	s := t.sql()
	if t.charset != "" {
		s += " CHARACTER SET " + t.charset
	}
	if t.collate != "" {
		s += " COLLATE " + t.collate
	}
	return s
}

// displayWidths are those that a server which shows them gives integers, signed
// and unsigned.
var displayWidths = map[string][2]int{
	"tinyint": {4, 3}, "smallint": {6, 5}, "mediumint": {9, 8}, "int": {11, 10}, "bigint": {20, 20},
}

// shown is the type in the server's own words, as information_schema has it.
func (d *dialect) shown(t colType, version int) string {
	widths := d.maria || version < 80019
	if w, ok := displayWidths[t.name]; ok && t.length < 0 && (widths || t.zerofill) {
		t.length = w[0]
		if t.unsigned {
			t.length = w[1]
		}
	}
	if t.name == "year" && widths {
		t.length = 4
		return "year(4)"
	}
	return t.full()
}

// parseColumn reads a column's type and attributes with the grammar.
func parseColumn(text string) (*ast.ColumnDef, error) {
	p := parser.New()
	p.SetStrictDoubleTypeCheck(false)
	nodes, _, err := p.ParseSQL("CREATE TABLE `t` (`c` " + text + ")")
	if err != nil {
		return nil, fmt.Errorf("reading the type %s: %w", text, err)
	}
	if len(nodes) == 1 {
		if n, ok := nodes[0].(*ast.CreateTableStmt); ok && len(n.Cols) == 1 && len(n.Constraints) == 0 {
			return n.Cols[0], nil
		}
	}
	return nil, fmt.Errorf("reading the type %s: it is no type", text)
}
