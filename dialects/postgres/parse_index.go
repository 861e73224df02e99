package postgres

import (
	"slices"
	"strings"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
)

// index reads CREATE INDEX. The kept statement is without CONCURRENTLY, which
// says how and not what.
func (r reader) index(x *pg.IndexStmt) []planner.Change {
	ref := refOf(x.Relation)
	what := "CREATE INDEX ON " + ref.String()
	if x.Idxname == "" {
		name, ok := indexDefaultName(x)
		if !ok {
			return r.opaque(what, "an index over an expression needs a name: CREATE INDEX name ON …")
		}
		x.Idxname = name
	} else {
		what = "CREATE INDEX " + x.Idxname
	}
	if !x.Relation.Inh {
		return r.opaque(what+" ON ONLY", "partitioned tables are not handled yet")
	}
	plain := clone(x)
	plain.Concurrent = false
	sql, err := deparse(indexNode(plain))
	if err != nil {
		return r.opaque(what, reasonOf(err))
	}
	return []planner.Change{planner.CreateIndex{
		Table: ref, Name: x.Idxname, Unique: x.Unique, IfNotExists: x.IfNotExists,
		Columns: indexColumns(x), SQL: sql,
	}}
}

func indexNode(x *pg.IndexStmt) *pg.Node {
	return &pg.Node{Node: &pg.Node_IndexStmt{IndexStmt: x}}
}

// indexColumns are all columns that an index mentions, in order: keys, INCLUDE,
// expressions and predicate.
func indexColumns(x *pg.IndexStmt) []string {
	var out []string
	add := func(name string) {
		if name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	walk(x, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.IndexElem:
			add(n.Name)
		case *pg.ColumnRef:
			if _, ok := names(n.Fields); ok {
				add(columnName(n))
			}
		}
		return true
	})
	return out
}

// indexDefaultName is the name that PostgreSQL gives to an unnamed index over
// plain columns: table_column_column_idx (ChooseIndexName in indexcmds.c).
func indexDefaultName(x *pg.IndexStmt) (string, bool) {
	var columns []string
	for _, n := range slices.Concat(x.IndexParams, x.IndexIncludingParams) {
		name := n.GetIndexElem().GetName()
		if name == "" {
			return "", false
		}
		columns = append(columns, name)
	}
	return objectNameOf(x.Relation.GetRelname(), strings.Join(columns, "_"), "idx"), true
}

// objectNameOf is PostgreSQL's makeObjectName: name1_name2_label, the longer of
// the two names cut until it fits.
func objectNameOf(name1, name2, label string) string {
	room := maxIdentifier - len(label) - 1
	if name2 != "" {
		room--
	}
	l1, l2 := len(name1), len(name2)
	for l1+l2 > room {
		if l1 > l2 {
			l1--
		} else {
			l2--
		}
	}
	out := clip(name1, l1)
	if name2 != "" {
		out += "_" + clip(name2, l2)
	}
	return out + "_" + label
}

// clip cuts a name to at most n bytes, never within a character.
func clip(s string, n int) string {
	for n < len(s) && n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:min(n, len(s))]
}
