package postgres

import (
	"errors"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// Parse reads a migration with PostgreSQL 17's grammar. A statement that it does
// not know is opaque; an error means that not even its end can be told.
func (Dialect) Parse(src string) (*planner.Script, error) {
	scanned, err := scanSQL(src)
	if err != nil {
		return nil, err
	}
	out := &planner.Script{}
	var tokens []*pg.ScanToken
	for _, t := range scanned {
		switch t.Token {
		case pg.Token_SQL_COMMENT, pg.Token_C_COMMENT:
			out.Comments = append(out.Comments, comment(src, t))
		default:
			tokens = append(tokens, t)
		}
	}
	found, err := pieces(src, tokens)
	if err != nil {
		return nil, err
	}
	var nodes []*pg.Node
	for _, p := range found {
		nodes = append(nodes, p.stmt)
		st := planner.Statement{SQL: src[p.start:p.end], Start: p.start, End: p.end}
		if p.err != nil {
			st.Changes = unread(st.SQL, p.err)
		} else {
			st.Changes, st.IfTable = reader{sql: st.SQL}.statement(p.stmt), ifTable(p.stmt)
		}
		out.Statements = append(out.Statements, st)
	}
	validations(out.Statements)
	adopt(out.Statements)
	identities(out.Statements)
	transactions(out.Statements, nodes)
	remakes(out.Statements, nodes)
	return out, nil
}

// ifTable is the table of a statement that does nothing without it.
func ifTable(n *pg.Node) planner.Ref {
	switch x := nodeOf(n).(type) {
	case *pg.AlterTableStmt:
		if x.MissingOk && x.Objtype == pg.ObjectType_OBJECT_TABLE {
			return refOf(x.Relation)
		}
	case *pg.RenameStmt:
		table := x.RenameType == pg.ObjectType_OBJECT_TABLE || x.RenameType == pg.ObjectType_OBJECT_TABCONSTRAINT ||
			x.RenameType == pg.ObjectType_OBJECT_COLUMN && x.RelationType == pg.ObjectType_OBJECT_TABLE
		if x.MissingOk && table {
			return refOf(x.Relation)
		}
	}
	return planner.Ref{}
}

// extent finds a statement's first and last token: the tree's own bounds take
// in the blanks and comments around it.
func extent(src string, raw *pg.RawStmt, tokens []*pg.ScanToken) (start, end int) {
	from := int(raw.StmtLocation)
	to := len(src)
	if raw.StmtLen > 0 {
		to = from + int(raw.StmtLen)
	}
	start, end = -1, to
	for _, t := range tokens {
		if int(t.Start) < from || int(t.End) > to || t.Token == pg.Token_ASCII_59 && start < 0 {
			continue
		}
		if start < 0 {
			start = int(t.Start)
		}
		if t.Token != pg.Token_ASCII_59 || int(t.End) < to {
			end = int(t.End)
		}
	}
	if start < 0 {
		start = from
	}
	return start, max(start, end)
}

func comment(src string, t *pg.ScanToken) planner.Comment {
	text := src[t.Start:t.End]
	c := planner.Comment{Text: text, Start: int(t.Start), TextStart: int(t.Start)}
	if rest, ok := strings.CutPrefix(text, "--"); ok {
		c.Text = strings.TrimRight(rest, "\r\n")
		c.TextStart += 2
		return c
	}
	if len(text) >= 4 {
		c.Text = text[2 : len(text)-2]
		c.TextStart += 2
	}
	return c
}

// reader turns one statement into changes.
type reader struct{ sql string }

func (r reader) statement(n *pg.Node) []planner.Change {
	switch x := nodeOf(n).(type) {
	case *pg.CreateStmt:
		return r.createTable(x)
	case *pg.AlterTableStmt:
		return r.alterTable(x)
	case *pg.RenameStmt:
		return r.rename(x)
	case *pg.DropStmt:
		return r.drop(x)
	case *pg.UpdateStmt:
		return about(refOf(x.Relation), r.update(x))
	case *pg.IndexStmt:
		return r.index(x)
	case *pg.InsertStmt:
		return r.insert(x)
	case *pg.DeleteStmt:
		return about(refOf(x.Relation), r.deleteRows(x))
	case *pg.TruncateStmt:
		return r.truncate(x)
	case *pg.ConstraintsSetStmt:
		return r.constraintsSet(x)
	}
	return r.object(n)
}

func (r reader) opaque(what, reason string) []planner.Change {
	return []planner.Change{planner.Opaque{What: what, Reason: reason, SQL: r.sql}}
}

func (r reader) createTable(x *pg.CreateStmt) []planner.Change {
	ref := refOf(x.Relation)
	what := "CREATE TABLE " + ref.String()
	switch {
	case x.Relation.GetRelpersistence() == "t":
		return r.opaque("CREATE TEMPORARY TABLE "+ref.String(), "a temporary table ends with the session that made it")
	case len(x.InhRelations) > 0 && x.Partbound == nil:
		return r.opaque(what+" INHERITS", "inheritance is not handled yet")
	case x.OfTypename != nil:
		return r.opaque(what+" OF", "typed tables are not handled yet")
	}
	out := planner.CreateTable{Table: ref, IfNotExists: x.IfNotExists, SQL: r.sql}
	for _, e := range x.TableElts {
		if l := e.GetTableLikeClause(); l != nil {
			out.Like = append(out.Like, refOf(l.Relation))
		}
	}
	if x.Partbound != nil && len(x.InhRelations) == 1 {
		out.Of = refOf(x.InhRelations[0].GetRangeVar())
	}
	return []planner.Change{out}
}

func (r reader) drop(x *pg.DropStmt) []planner.Change {
	if x.RemoveType != pg.ObjectType_OBJECT_TABLE && x.RemoveType != pg.ObjectType_OBJECT_INDEX {
		return r.dropObject(x)
	}
	what := "DROP " + objectName(x.RemoveType)
	var out []planner.Change
	for _, o := range x.Objects {
		parts, ok := names(o.GetList().GetItems())
		if !ok || len(parts) == 0 || len(parts) > 2 {
			return r.opaque(what, "only plain names are understood")
		}
		ref := planner.Ref{Name: parts[len(parts)-1]}
		if len(parts) == 2 {
			ref.Schema = parts[0]
		}
		full := what + " " + ref.String()
		if x.Behavior == pg.DropBehavior_DROP_CASCADE {
			return r.opaque(full+" CASCADE", "it drops whatever depends on it: drop those objects by name first")
		}
		if x.RemoveType == pg.ObjectType_OBJECT_TABLE {
			out = append(out, planner.DropTable{Table: ref, IfExists: x.MissingOk})
		} else {
			out = append(out, planner.DropIndex{Schema: ref.Schema, Name: ref.Name, IfExists: x.MissingOk})
		}
	}
	if len(out) == 0 {
		return r.opaque(what, "")
	}
	return out
}

func (r reader) rename(x *pg.RenameStmt) []planner.Change {
	ref := refOf(x.Relation)
	if x.RenameType == pg.ObjectType_OBJECT_COLUMN && x.RelationType == pg.ObjectType_OBJECT_TABLE {
		return []planner.Change{planner.RenameColumn{Table: ref, From: x.Subname, To: x.Newname}}
	}
	switch x.RenameType {
	case pg.ObjectType_OBJECT_COLUMN:
		return r.renameObject(x)
	default:
		if out, ok := r.renameOf(x); ok {
			return out
		}
		return r.renameObject(x)
	}
}

func (r reader) update(x *pg.UpdateStmt) []planner.Change {
	ref := refOf(x.Relation)
	what := "UPDATE " + ref.String()
	switch {
	case x.WithClause != nil:
		return r.opaque("WITH … "+what, "an UPDATE with a common table expression cannot be cut into chunks")
	case len(x.FromClause) > 0:
		return r.opaque(what+" … FROM", "an UPDATE that reads other tables cannot be cut into chunks or kept up by a trigger")
	case len(x.ReturningList) > 0:
		return r.opaque(what+" … RETURNING", "nobody reads what a migration returns")
	}
	sc := scope{table: ref, alias: x.Relation.GetAlias().GetAliasname()}
	out := planner.UpdateRows{Table: ref}
	for _, t := range x.TargetList {
		target := t.GetResTarget()
		value, err := assigned(target)
		if err == nil {
			var e planner.Expr
			if e, err = sc.expression(value); err == nil {
				out.Set = append(out.Set, planner.Assign{Column: target.Name, Expr: e})
				continue
			}
		}
		return r.opaque(what+" SET "+target.GetName(), reasonOf(err))
	}
	if x.WhereClause != nil {
		where, err := sc.expression(x.WhereClause)
		if err != nil {
			return r.opaque(what+" … WHERE", reasonOf(err))
		}
		out.Where = where
	}
	for _, a := range out.Set {
		if idempotent(a.Expr) {
			out.Settled = append(out.Settled, a.Column)
		}
	}
	return []planner.Change{out}
}

// assigned is the expression that a SET clause gives to its column; SET (a, b)
// = (x, y) is read as two.
func assigned(target *pg.ResTarget) (*pg.Node, error) {
	if len(target.GetIndirection()) > 0 {
		return nil, errors.New("it sets a part of a column")
	}
	m := target.GetVal().GetMultiAssignRef()
	if m == nil {
		return target.GetVal(), nil
	}
	row := m.Source.GetRowExpr()
	if row == nil || int(m.Colno) > len(row.Args) {
		return nil, errors.New("it sets several columns from one expression")
	}
	return row.Args[m.Colno-1], nil
}

func reasonOf(err error) string {
	var se *planner.SyntaxError
	if errors.As(err, &se) {
		return se.Message
	}
	return err.Error()
}
