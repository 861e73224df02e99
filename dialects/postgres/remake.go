package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
)

// remake.go finds the statements with which a file makes an enum anew under its
// name, because PostgreSQL takes no value from one. People and frameworks write
// them in several orders: the old type is moved aside or dropped first, or the new
// one is made under another name and moved into its place; columns go from one to
// the other at once, or by way of a text. What counts is which type is called what
// at each point, and in the end.

// enumLife is one type on its way through a file.
type enumLife struct {
	was, now planner.Ref // was is empty for one that the file makes
	made     int         // the statement that does
	labels   []string
	dropped  bool
	about    []int // the statements that are about the type and nothing else
	columns  []enumColumn
}

// enumColumn is a column that changes to a type.
type enumColumn struct {
	stmt  int
	table planner.Ref
	cmd   *pg.AlterTableCmd
}

// lives follows the names of types through a file.
type lives []*enumLife

// find is the type that a name means, if the file has been about it.
func (l lives) find(r planner.Ref) *enumLife {
	for _, e := range l {
		if !e.dropped && sameName(e.now, r) {
			return e
		}
	}
	return nil
}

// sameName compares names of which one may lack its schema.
func sameName(a, b planner.Ref) bool {
	return a.Name == b.Name && (a.Schema == b.Schema || a.Schema == "" || b.Schema == "")
}

// found is the type that a name means; one that was there before, if need be.
func (l *lives) found(r planner.Ref) *enumLife {
	e := l.find(r)
	if e == nil {
		e = &enumLife{was: r, now: r}
		*l = append(*l, e)
	}
	return e
}

func followTypes(nodes []*pg.Node) lives {
	var out lives
	for i, n := range nodes {
		switch x := nodeOf(n).(type) {
		case *pg.CreateEnumStmt:
			labels, _ := names(x.Vals)
			out = append(out, &enumLife{now: nameRef(x.TypeName), made: i, labels: labels, about: []int{i}})
		case *pg.RenameStmt:
			if ref := nameRef(x.Object.GetList().GetItems()); x.RenameType == pg.ObjectType_OBJECT_TYPE && ref.Name != "" {
				e := out.found(ref)
				e.now.Name, e.about = x.Newname, append(e.about, i)
			}
		case *pg.DropStmt:
			if x.RemoveType == pg.ObjectType_OBJECT_TYPE && len(x.Objects) == 1 && x.Behavior == pg.DropBehavior_DROP_RESTRICT {
				e := out.found(typeRef(x.Objects[0].GetTypeName()))
				e.dropped, e.about = true, append(e.about, i)
			}
		case *pg.AlterTableStmt:
			for _, c := range x.Cmds {
				cmd := c.GetAlterTableCmd()
				if e := out.find(typeRef(cmd.GetDef().GetColumnDef().GetTypeName())); cmd.Subtype == pg.AlterTableType_AT_AlterColumnType && e != nil && e.was.Name == "" {
					e.columns = append(e.columns, enumColumn{stmt: i, table: refOf(x.Relation), cmd: cmd})
				}
			}
		}
	}
	return out
}

// remakes reads the enums that a file makes anew. What does not fit is left as it
// was read.
func remakes(stmts []planner.Statement, nodes []*pg.Node) {
	all := followTypes(nodes)
	for _, e := range all {
		if e.was.Name != "" || len(e.columns) == 0 || e.dropped || len(e.labels) == 0 {
			continue
		}
		i := slices.IndexFunc(all, func(o *enumLife) bool {
			return o.was.Name != "" && sameName(o.was, e.now) && (o.dropped || !sameName(o.now, o.was))
		})
		if i < 0 {
			continue
		}
		r := remaking{stmts: stmts, nodes: nodes, old: all[i], new: e}
		if r.names(); r.apply() {
			r.betweenTransactions()
		}
	}
}

// remaking writes the changes of one enum that takes the place of another.
type remaking struct {
	stmts    []planner.Statement
	nodes    []*pg.Node
	old, new *enumLife
	// final is the name of both; hidden is the new one's until contract, and tomb
	// the old one's from then on.
	final, hidden, tomb planner.Ref
}

func (r *remaking) names() {
	var all strings.Builder
	for _, i := range slices.Concat(r.old.about, r.new.about) {
		all.WriteString(r.stmts[i].SQL + ";")
	}
	sum := sha256.Sum256([]byte(all.String()))
	tag := hex.EncodeToString(sum[:4])
	r.final = r.new.now
	r.hidden = planner.Ref{Schema: r.final.Schema, Name: clip("_migrate_new_"+tag+"_"+r.final.Name, maxIdentifier)}
	r.tomb = planner.Ref{Schema: r.final.Schema, Name: clip("_migrate_old_"+tag+"_"+r.final.Name, maxIdentifier)}
	if !r.old.dropped {
		r.tomb.Name = r.old.now.Name
	}
}

// apply rewrites the changes; false if one of the columns cannot be read.
func (r *remaking) apply() bool {
	changes := map[int]map[string]*planner.ChangeType{}
	for _, c := range r.new.columns {
		remade, err := r.column(c)
		if err != nil {
			return false
		}
		if changes[c.stmt] == nil {
			changes[c.stmt] = map[string]*planner.ChangeType{}
		}
		changes[c.stmt][c.cmd.Name] = &planner.ChangeType{Table: c.table, Column: c.cmd.Name, Type: remade.Change.Canonical, Remade: remade}
	}
	for i := range r.stmts {
		for j, ch := range r.stmts[i].Changes {
			switch ch := ch.(type) {
			case planner.ChangeType:
				if to := changes[i][ch.Column]; to != nil {
					r.stmts[i].Changes[j] = *to
				} else if r.passing(i, ch) {
					r.stmts[i].Changes[j] = planner.Ignored{
						What: "ALTER COLUMN " + ch.Column + " TYPE " + ch.Type, Rule: "type-change-rewrites",
						Reason: "the values go from the old type to the new one at once",
					}
				}
			case planner.SetDefault:
				r.stmts[i].Changes[j] = r.setDefault(i, ch)
			default:
			}
		}
	}
	for _, i := range slices.Concat(r.old.about, r.new.about) {
		r.stmts[i].Changes = nil
	}
	r.stmts[r.new.made].Changes = r.create()
	if r.old.dropped {
		i := r.old.about[len(r.old.about)-1]
		r.stmts[i].Changes = append(r.stmts[i].Changes, r.drop())
	}
	return true
}

// passing reports a change to a type that is only on the way to the new one.
func (r *remaking) passing(stmt int, c planner.ChangeType) bool {
	return slices.ContainsFunc(r.new.columns, func(e enumColumn) bool {
		return e.stmt > stmt && e.table == c.Table && e.cmd.Name == c.Column
	})
}

// setDefault writes a column's default in the names of the open state: it is set
// before the types change theirs.
func (r *remaking) setDefault(stmt int, c planner.SetDefault) planner.Change {
	mine := slices.ContainsFunc(r.new.columns, func(e enumColumn) bool { return e.stmt <= stmt && e.table == c.Table && e.cmd.Name == c.Column })
	for _, cmd := range r.nodes[stmt].GetAlterTableStmt().GetCmds() {
		x := cmd.GetAlterTableCmd()
		if !mine || x.Subtype != pg.AlterTableType_AT_ColumnDefault || x.Name != c.Column {
			continue
		}
		def := clone(x.Def)
		r.retype(def, func(t *pg.TypeName) { t.Names = nameNodes(r.hidden) })
		if e, err := (scope{table: c.Table, wary: true}).expression(def); err == nil {
			c.Default = e
		}
	}
	return c
}

// retype changes the casts to the new type, whatever it is called.
func (r *remaking) retype(m proto.Message, f func(*pg.TypeName)) {
	walk(m, func(m proto.Message) bool {
		if cast, ok := m.(*pg.TypeCast); ok {
			if ref := typeRef(cast.TypeName); r.called(ref) {
				f(cast.TypeName)
			}
		}
		return true
	})
}

// called reports whether the new type has a name at some point of the file.
func (r *remaking) called(ref planner.Ref) bool {
	if sameName(ref, r.new.now) {
		return true
	}
	x := r.nodes[r.new.made].GetCreateEnumStmt()
	return sameName(ref, nameRef(x.TypeName))
}

func nameNodes(r planner.Ref) []*pg.Node {
	if r.Schema == "" {
		return []*pg.Node{pg.MakeStrNode(r.Name)}
	}
	return []*pg.Node{pg.MakeStrNode(r.Schema), pg.MakeStrNode(r.Name)}
}

// create makes the new type under its hidden name, and has the old one take the
// values that only the new one has: until contract it is the one in use.
func (r *remaking) create() []planner.Change {
	made := clone(r.nodes[r.new.made])
	made.GetCreateEnumStmt().TypeName = nameNodes(r.hidden)
	sql, err := deparse(made)
	if err != nil { // a list of constants is always written as it was read
		return reader{sql: r.stmts[r.new.made].SQL}.opaque("CREATE TYPE "+r.final.String(), reasonOf(err))
	}
	out := []planner.Change{planner.Direct{
		What: "CREATE TYPE " + r.hidden.String(), Object: planner.ObjectRef{Kind: kindType, Ref: r.hidden}, Effect: planner.Widens, SQL: sql,
	}}
	for _, label := range r.new.labels {
		out = append(out, planner.Direct{
			What: "ALTER TYPE " + r.final.String() + " ADD VALUE " + literal(label), Effect: planner.Widens,
			Object: planner.ObjectRef{Kind: kindType, Ref: r.old.was, Detail: detailValues},
			SQL:    "ALTER TYPE " + quoteRef(r.old.was) + " ADD VALUE IF NOT EXISTS " + literal(label),
		})
	}
	return out
}

// The details of the two groups of statements on a type that is made anew: its
// values, and its end.
const (
	detailValues = "values"
	detailEnd    = "end"
)

func (r *remaking) drop() planner.Change {
	d := planner.Direct{
		What: "DROP TYPE " + r.old.now.String(), Effect: planner.Destroys, Late: true,
		Object: planner.ObjectRef{Kind: kindType, Ref: r.old.was, Detail: detailEnd}, SQL: "DROP TYPE " + quoteRef(r.tomb),
	}
	for _, c := range r.new.columns {
		d.Needs = append(d.Needs, planner.Need{Table: c.table, Columns: []string{c.cmd.Name}})
	}
	return d
}

// column says what becomes of one column: its USING, or its text.
func (r *remaking) column(c enumColumn) (*planner.Remade, error) {
	def := c.cmd.Def.GetColumnDef()
	array := ""
	if len(def.TypeName.ArrayBounds) > 0 {
		array = "[]"
	}
	from := planner.ColumnExpr(c.cmd.Name)
	if def.RawDefault != nil { // the grammar keeps USING there
		using := clone(def.RawDefault)
		r.retype(using, func(t *pg.TypeName) {
			t.Names = []*pg.Node{pg.MakeStrNode("text")}
		})
		e, err := scope{table: c.table}.expression(using)
		if err != nil {
			return nil, err
		}
		from = e
	}
	return r.remade(from, c.cmd.Name, array), nil
}

// remade is the change of a column by way of an expression that gives the text of
// the new value, or what can be cast to it.
func (r *remaking) remade(from planner.Expr, column, array string) *planner.Remade {
	list := literals(r.new.labels)
	text := slices.Concat([]planner.Part{sqlText("(")}, from.Parts, []planner.Part{sqlText(")::text" + array)})
	fits := slices.Concat(text, []planner.Part{sqlText(" IN (" + list + ")")})
	if array != "" {
		fits = slices.Concat([]planner.Part{sqlText("pg_catalog.array_remove(")}, text, []planner.Part{sqlText(", NULL) <@ ARRAY[" + list + "]::text[]")})
	}
	change := func(to, back planner.Ref) planner.TypeChange {
		out := planner.TypeChange{
			Kind: planner.TypeCompatible, Canonical: quoteRef(to) + array,
			Why: "old versions go on with the values that they know; contract first proves that none is left which the new type does not have",
		}
		out.Must = planner.Expr{Parts: fits, Volatile: from.Volatile, Stable: from.Stable, Subquery: from.Subquery, NullInputs: from.NullInputs}
		out.Up = planner.Expr{
			Parts:    slices.Concat([]planner.Part{sqlText("CASE WHEN ")}, fits, []planner.Part{sqlText(" THEN ")}, text, []planner.Part{sqlText("::" + quoteRef(to) + array + " END")}),
			Volatile: from.Volatile, Stable: from.Stable, Subquery: from.Subquery, MaybeNull: true, NullInputs: from.NullInputs,
		}
		out.Down = exprOf(column, sqlText("("), planner.Part{Column: column}, sqlText(")::text"+array+"::"+quoteRef(back)+array))
		return out
	}
	definition, err := deparse(&pg.Node{Node: &pg.Node_CreateEnumStmt{CreateEnumStmt: &pg.CreateEnumStmt{
		TypeName: nameNodes(r.final), Vals: r.nodes[r.new.made].GetCreateEnumStmt().Vals,
	}}})
	if err != nil {
		definition = ""
	}
	return &planner.Remade{
		Was: quoteRef(r.old.was) + array, WasThen: quoteRef(r.tomb) + array,
		Change: change(r.hidden, r.old.was), Then: change(r.final, r.tomb),
		Types: []planner.TypeRename{{From: r.old.was, To: r.tomb.Name}, {From: r.hidden, To: r.final.Name}},
		From:  from, Array: array != "",
		Take: func(up planner.Expr) *planner.Remade { return r.remade(up, column, array) },
		Type: r.final, Definition: definition,
	}
}

// betweenTransactions leaves out a BEGIN and a COMMIT around nothing but the
// statements of an enum that is made anew, as frameworks write them.
func (r *remaking) betweenTransactions() {
	begun := -1
	for i, n := range r.nodes {
		switch k := n.GetTransactionStmt().GetKind(); {
		case n.GetTransactionStmt() == nil:
		case k == pg.TransactionStmtKind_TRANS_STMT_BEGIN || k == pg.TransactionStmtKind_TRANS_STMT_START:
			begun = i
		case k == pg.TransactionStmtKind_TRANS_STMT_COMMIT && begun >= 0 && begun < r.new.made && r.new.made < i:
			for _, j := range []int{begun, i} {
				r.stmts[j].Changes = reader{sql: r.stmts[j].SQL}.ignored(transactionName(r.nodes[j]), "the type and its columns change in one transaction whatever is written around them")
			}
			begun = -1
		default:
			begun = -1
		}
	}
}

// stillUsed refuses to drop a type that is made anew while something other than
// the columns that change to the new one is of the old one.
func (g *directs) stillUsed(c planner.Direct) error {
	if g.object.Detail != detailEnd {
		return nil
	}
	var users []string
	for _, u := range list(g.before.Facts[factUsers]) {
		parts := strings.Split(u, entrySeparator)
		if len(parts) != 3 {
			users = append(users, u)
			continue
		}
		ref := planner.Ref{Schema: parts[0], Name: parts[1]}
		if !slices.ContainsFunc(c.Needs, func(n planner.Need) bool { return g.full(n.Table) == ref && slices.Contains(n.Columns, parts[2]) }) {
			users = append(users, "column "+g.s.Display(ref)+"."+parts[2])
		}
	}
	if len(users) == 0 {
		return nil
	}
	return &planner.Unsupported{
		What: c.What, Reason: strings.Join(users, ", ") + " would still use the old type, and PostgreSQL refuses",
		Instead: "change or drop that too: columns in this migration, functions and the like in one before",
	}
}

// strangers refuses indexes and checks of a column that mention a value of its
// type, where that is made anew: between two types there is no operator, and
// PostgreSQL does not change the type of a constant.
func strangers(t *planner.Table, o planner.OpSwitch) error {
	for _, c := range o.Rebuilt {
		was, err := readType(c.Column.Type)
		if err != nil {
			return err
		}
		old := typeRef(was)
		mine := func(stmt proto.Message, columns []string) bool {
			found := false
			walk(stmt, func(m proto.Message) bool {
				cast, ok := m.(*pg.TypeCast)
				found = found || ok && sameName(typeRef(cast.TypeName), old)
				return !found
			})
			return found && slices.Contains(columns, c.Column.Name)
		}
		for _, k := range t.Constraints {
			if n, err := definedConstraint(t.Ref, k); err == nil && o.Hidden[k.Name] != "" && k.Kind == kindCheck && mine(n.stmt, k.Columns) {
				return stranger("check "+k.Name, c)
			}
		}
		for _, ix := range t.Indexes {
			taken := slices.ContainsFunc(o.Indexes, func(r planner.Rename) bool { return r.From == ix.Name })
			if n, err := readIndex(ix.Definition); err == nil && taken && mine(n, ix.Columns) {
				return stranger("index "+ix.Name, c)
			}
		}
	}
	return nil
}

func stranger(what string, c planner.Rebuilt) error {
	return &planner.Unsupported{
		What: what, Reason: "it compares " + c.Column.Name + " with a value of the type " + c.Column.Type + ", which PostgreSQL does not take for one of the new type",
		Instead: "drop it before, and create it again after",
	}
}
