package postgres

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
)

// view reads CREATE VIEW. One that is made anew in place keeps its columns,
// since the server insists on it: what was valid on it stays valid.
func (r reader) view(x *pg.ViewStmt) []planner.Change {
	ref := refOf(x.View)
	what := "CREATE VIEW "
	if x.Replace {
		what = "CREATE OR REPLACE VIEW "
	}
	if x.View.GetRelpersistence() == "t" {
		return r.opaque("CREATE TEMPORARY VIEW "+ref.String(), "a temporary view ends with the session that made it")
	}
	return r.one(planner.Direct{
		What: what + ref.String(), Object: planner.ObjectRef{Kind: kindView, Ref: ref},
		Needs: queryNeeds(x.Query), Effect: planner.Widens, Replaces: x.Replace,
	})
}

// createAs reads CREATE MATERIALIZED VIEW; a table made of a query is opaque.
func (r reader) createAs(n *pg.Node, x *pg.CreateTableAsStmt) []planner.Change {
	if x.Objtype != pg.ObjectType_OBJECT_MATVIEW {
		return r.opaque(statementName(n)+" "+refOf(x.Into.GetRel()).String(), statementReason(n))
	}
	ref := refOf(x.Into.GetRel())
	return r.one(planner.Direct{
		What: "CREATE MATERIALIZED VIEW " + ref.String(), Object: planner.ObjectRef{Kind: kindMatview, Ref: ref},
		Needs: queryNeeds(x.Query), Effect: planner.Widens,
	})
}

func (r reader) refresh(x *pg.RefreshMatViewStmt) []planner.Change {
	ref := refOf(x.Relation)
	return r.one(planner.Direct{
		What: "REFRESH MATERIALIZED VIEW " + ref.String(), Object: planner.ObjectRef{Kind: kindMatview, Ref: ref}, Effect: planner.Widens,
	})
}

// queryNeeds lists the tables and columns that a query mentions. Which table an
// unqualified column is of cannot be read from the text: it is noted with all
// of them, and whoever asks looks for it where there is one of that name.
func queryNeeds(n proto.Message) []planner.Need {
	var with []string
	var out []planner.Need
	aliases := map[string][]int{}
	walk(n, func(m proto.Message) bool {
		if c, ok := m.(*pg.CommonTableExpr); ok {
			with = append(with, c.Ctename)
		}
		return true
	})
	walk(n, func(m proto.Message) bool {
		t, ok := m.(*pg.RangeVar)
		if !ok || t.Schemaname == "" && slices.Contains(with, t.Relname) {
			return true
		}
		ref := refOf(t)
		i := slices.IndexFunc(out, func(n planner.Need) bool { return n.Table == ref })
		if i < 0 {
			i = len(out)
			out = append(out, planner.Need{Table: ref})
		}
		name := t.GetAlias().GetAliasname()
		if name == "" {
			name = t.Relname
		}
		aliases[name] = append(aliases[name], i)
		return true
	})
	walk(n, func(m proto.Message) bool {
		c, ok := m.(*pg.ColumnRef)
		if !ok {
			return true
		}
		fields := c.Fields
		star := len(fields) > 0 && fields[len(fields)-1].GetAStar() != nil
		if star {
			fields = fields[:len(fields)-1]
		}
		parts, plain := names(fields)
		if !plain {
			return true
		}
		if star {
			parts = append(parts, "*")
		}
		column := parts[len(parts)-1]
		for i := range out {
			qualified := len(parts) > 1
			if qualified && !slices.Contains(aliases[parts[len(parts)-2]], i) || slices.Contains(out[i].Columns, column) {
				continue
			}
			out[i].Columns = append(out[i].Columns, column)
		}
		return true
	})
	return out
}

// needsOf lists what an expression over a row of a table mentions: its columns,
// and what its subqueries read.
func needsOf(table planner.Ref, n *pg.Node) []planner.Need {
	own := planner.Need{Table: table}
	if n == nil {
		return []planner.Need{own}
	}
	walk(n, func(m proto.Message) bool {
		if c, ok := m.(*pg.ColumnRef); ok {
			if _, plain := names(c.Fields); plain && !slices.Contains(own.Columns, columnName(c)) {
				own.Columns = append(own.Columns, columnName(c))
			}
		}
		return true
	})
	return append([]planner.Need{own}, queryNeeds(n)...)
}
