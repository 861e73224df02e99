package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Lint finds what only PostgreSQL can tell about a migration. Each statement is
// looked at over the schema as it is at that point of the file.
func (d Dialect) Lint(s *planner.Schema, script *planner.Script) []planner.Finding {
	l := &linter{
		before: s, m: planner.Remember(d, s), wrapped: script.InTransaction, notValid: map[string]bool{}, values: map[string]bool{},
		starred: map[planner.Ref]bool{}, added: map[string]bool{}, dropped: map[string]bool{}, readers: map[string]int{},
	}
	l.survey(script)
	for i, st := range script.Statements {
		l.stmt, l.base, l.taken = i, st.Start, len(st.Changes) == 0
		if tree, err := parseSQL(st.SQL); err == nil && len(tree.Stmts) == 1 {
			l.longNames(st.SQL)
			l.statement(tree.Stmts[0].Stmt)
		}
		l.m.Apply(st)
	}
	l.unindexedKeys()
	l.keylessTables()
	return l.out
}

// linter goes through a file.
type linter struct {
	before     *planner.Schema
	m          *planner.Memory
	stmt, base int
	// taken: the statement is part of what another one does.
	taken bool
	out   []planner.Finding
	// wrapped: whoever runs the file puts all of it into one transaction; begun:
	// the file itself did.
	wrapped, begun bool
	// notValid are the constraints that the file adds NOT VALID, values the enum
	// values that it adds.
	notValid, values map[string]bool
	// starred are the tables whose columns are known to change.
	starred map[planner.Ref]bool
	// added and dropped are the columns that the file adds or drops, readers how
	// many assignments read one.
	added, dropped map[string]bool
	readers        map[string]int
	// keys are the foreign keys that need an index.
	keys []foreignKey
	// keyless are the new tables without a primary key so far.
	keyless []foreignKey
}

type foreignKey struct {
	table   planner.Ref
	columns []string
	stmt    int
	offset  int
}

// survey reads ahead which columns come and go.
func (l *linter) survey(script *planner.Script) {
	for _, st := range script.Statements {
		for _, c := range st.Changes {
			switch c := c.(type) {
			case planner.AddColumn:
				l.added[c.Table.Name+"."+c.Column.Name] = true
			case planner.DropColumn:
				l.dropped[c.Table.Name+"."+c.Column] = true
			case planner.UpdateRows:
				for _, a := range c.Set {
					for _, in := range a.Expr.Columns() {
						l.readers[c.Table.Name+"."+in]++
					}
				}
			}
		}
	}
}

// find notes a finding at a place within the statement; an empty severity is the
// rule's own.
func (l *linter) find(rule string, sev plan.Severity, location int32, instead, format string, args ...any) {
	f := planner.Finding{Rule: rule, Severity: sev, Statement: l.stmt, Message: fmt.Sprintf(format, args...), Instead: instead}
	if location > 0 {
		f.Offset = l.base + int(location)
	}
	l.out = append(l.out, f)
}

func (l *linter) label(r planner.Ref) string { return l.m.Display(r) }

// inTransaction reports whether the statement would run inside one if somebody
// other than migrate ran the file.
func (l *linter) inTransaction() bool { return l.wrapped || l.begun }

// unlessWrapped is an error where the file's own tool is going to fail.
func (l *linter) unlessWrapped() plan.Severity {
	if l.wrapped {
		return plan.Error
	}
	return ""
}

func (l *linter) statement(n *pg.Node) {
	switch x := nodeOf(n).(type) {
	case *pg.CreateStmt:
		l.createTable(x)
	case *pg.AlterTableStmt:
		l.alterTable(x)
	case *pg.IndexStmt:
		l.index(x)
	case *pg.DropStmt:
		l.drop(x)
	case *pg.TransactionStmt:
		l.transaction(x)
	case *pg.UpdateStmt:
		l.update(x)
	case *pg.DeleteStmt:
		l.delete(x)
	case *pg.InsertStmt:
		if len(x.Cols) == 0 && x.SelectStmt != nil {
			l.find("insert-without-column-list", "", 0, "name the columns", "the INSERT into %s breaks as soon as the table's columns change", l.label(refOf(x.Relation)))
		}
	default:
		l.object(n)
	}
	l.enumValues(n)
}

// longNames looks at the text: what the grammar hands on is cut already.
func (l *linter) longNames(sql string) {
	tokens, err := scanSQL(sql)
	if err != nil {
		return
	}
	for _, t := range tokens {
		if name := strings.Trim(sql[t.Start:t.End], `"`); t.Token == pg.Token_IDENT && len(name) > maxIdentifier {
			l.find("identifier-too-long", "", t.Start, "choose a shorter name", "PostgreSQL cuts %q to its first %d bytes", name, maxIdentifier)
			return
		}
	}
}

func (l *linter) transaction(x *pg.TransactionStmt) {
	sev := plan.Info // migrate leaves it out
	if l.wrapped {
		sev = plan.Warning
	}
	switch x.Kind {
	case pg.TransactionStmtKind_TRANS_STMT_BEGIN, pg.TransactionStmtKind_TRANS_STMT_START:
		l.begun = true
	case pg.TransactionStmtKind_TRANS_STMT_COMMIT:
		l.begun = false
	default:
		sev = plan.Error
	}
	l.find("transaction-control-in-migration", sev, 0, "leave it out", "whoever runs the file decides what goes into one transaction")
}

// update tells of UPDATEs that cannot be read as a transform, and of transforms
// that lose what they read.
func (l *linter) update(x *pg.UpdateStmt) {
	ref := refOf(x.Relation)
	joined := len(x.FromClause) > 0 || x.WithClause != nil
	for _, t := range x.TargetList {
		target := t.GetResTarget()
		if l.added[ref.Name+"."+target.GetName()] && (joined || hasSubquery(target.GetVal())) {
			l.find("update-without-transform", "", target.GetLocation(), "compute it from the row's own columns, or fill the column from the app and say migrate:shadow app",
				"%s.%s is filled from other rows or tables: what is written after the UPDATE has no value", l.label(ref), target.GetName())
		}
		l.lossy(ref, target)
	}
	l.rowsOf(ref, "UPDATE")
}

func (l *linter) delete(x *pg.DeleteStmt) {
	if ref := refOf(x.Relation); ref.Name == "pg_enum" {
		l.find("enum-value-removed", "", 0, "make a new type with the values that stay, and a new column of it", "deleting from pg_enum leaves rows and indexes that hold the value without one")
		return
	}
	if ref := refOf(x.Relation); !l.m.Fresh(ref) {
		l.find("unbatched-delete", "", 0, "", "deleting from %s in one statement would hold its locks to the end; the plan deletes in chunks, in contract", l.label(ref))
		l.rowsOf(ref, "DELETE")
	}
}

// rowsOf tells what may keep changes of many rows from working.
func (l *linter) rowsOf(ref planner.Ref, what string) {
	t := l.m.Table(ref)
	if t == nil {
		return
	}
	if t.Facts[factRowSecurity] != "" && t.Facts[factBypass] != "yes" {
		l.find("rls-hides-rows", "", 0, "migrate as a role with BYPASSRLS", "the %s of %s leaves out the rows that row security hides from the migrating role", what, l.label(ref))
	}
	published := slices.ContainsFunc(t.Dependents, func(d planner.Dependent) bool { return d.Kind == kindPublication })
	if published && len(t.Key) == 0 && t.Facts[factReplicaIdentity] == "" {
		l.find("replica-identity-missing", plan.Error, 0, "add a primary key, or ALTER TABLE "+ref.Name+" REPLICA IDENTITY FULL",
			"table %s is published and has no key: PostgreSQL refuses the %s", l.label(ref), what)
	}
}

// factReplicaIdentity is set on tables whose statements say what tells their
// rows apart.
const factReplicaIdentity = "replica_identity"

func hasSubquery(n *pg.Node) bool {
	found := false
	walk(n, func(m proto.Message) bool {
		if _, ok := m.(*pg.SubLink); ok {
			found = true
		}
		return !found
	})
	return found
}

// lossyFunctions keep less than they are given.
var lossyFunctions = map[string]bool{
	"lower": true, "upper": true, "initcap": true, "trim": true, "btrim": true, "ltrim": true, "rtrim": true, "left": true, "right": true,
	"substr": true, "substring": true, "split_part": true, "round": true, "floor": true, "ceil": true, "ceiling": true, "trunc": true,
	"date_trunc": true, "date_part": true, "extract": true, "abs": true, "md5": true, "sha256": true, "length": true, "regexp_replace": true,
	"to_char": true, "coalesce": false,
}

// lossyTypes are those that a cast to may cut values for.
var lossyTypes = map[string]bool{"int2": true, "int4": true, "int8": true, "date": true, "bool": true, "float4": true}

// lossy tells of a value that is made from a column that goes, by what cannot be
// undone. A column that several assignments read is split among them, and what
// one leaves another may keep.
func (l *linter) lossy(ref planner.Ref, target *pg.ResTarget) {
	how := ""
	var source string
	walk(target.GetVal(), func(m proto.Message) bool {
		switch x := m.(type) {
		case *pg.FuncCall:
			if name, builtin := functionName(x); builtin && lossyFunctions[name] {
				how = name + "()"
			}
		case *pg.TypeCast:
			if name := plainTypeName(x.TypeName); lossyTypes[name] && x.Arg.GetAConst() == nil {
				how = "a cast to " + spelled(name)
			}
		case *pg.ColumnRef:
			if _, ok := names(x.Fields); ok && l.dropped[ref.Name+"."+columnName(x)] && l.readers[ref.Name+"."+columnName(x)] < 2 {
				source = columnName(x)
			}
		}
		return true
	})
	if how != "" && source != "" {
		l.find("lossy-transform", "", target.GetLocation(), "keep the old column until nobody asks for what is lost, or carry that over into another column",
			"%s.%s takes over from %s.%s by %s, which does not keep all of it", l.label(ref), target.GetName(), ref.Name, source, how)
	}
}

func spelled(internal string) string {
	if s, ok := spelling[internal]; ok {
		return s
	}
	return internal
}

// enumValues notes the values that a file adds to enums, and finds those that it
// uses.
func (l *linter) enumValues(n *pg.Node) {
	if x := n.GetAlterEnumStmt(); x != nil {
		if x.OldVal == "" {
			l.values[x.NewVal] = true
		}
		return
	}
	if len(l.values) == 0 {
		return
	}
	said := false
	walk(n, func(m proto.Message) bool {
		c, ok := m.(*pg.A_Const)
		if ok && !said && l.values[c.GetSval().GetSval()] {
			said = true
			l.find("enum-value-used-in-same-transaction", l.unlessWrapped(), c.Location, "add the value in a migration of its own, where another tool runs the file",
				"the value '%s' is new: PostgreSQL refuses it in the transaction that adds it", c.GetSval().GetSval())
		}
		return true
	})
}

// unindexedKeys tells of foreign keys that no index serves at the end of the file.
func (l *linter) unindexedKeys() {
	for _, k := range l.keys {
		t := l.m.Table(k.table)
		if t == nil || len(k.columns) == 0 {
			continue
		}
		if slices.ContainsFunc(t.Indexes, func(ix planner.Index) bool { return begins(ix.Columns, k.columns) }) {
			continue
		}
		l.out = append(l.out, planner.Finding{
			Rule: "foreign-key-without-index", Statement: k.stmt, Offset: k.offset,
			Message: fmt.Sprintf("no index of %s begins with %s: each delete or key change in the parent reads all of it", l.label(k.table), strings.Join(k.columns, ", ")),
			Instead: fmt.Sprintf("CREATE INDEX ON %s (%s)", k.table, strings.Join(k.columns, ", ")),
		})
	}
}

// keylessTables tells of new tables that have no key at the end of the file.
func (l *linter) keylessTables() {
	for _, k := range l.keyless {
		if t := l.m.Table(k.table); t == nil || len(t.Key) > 0 {
			continue
		}
		l.out = append(l.out, planner.Finding{
			Rule: "replica-identity-missing", Severity: plan.Info, Statement: k.stmt, Offset: k.offset,
			Message: fmt.Sprintf("table %s has no primary key: its updates and deletes could not be published, and duplicates could not be told apart", l.label(k.table)),
			Instead: "give it a primary key",
		})
	}
}

// begins reports whether an index's first columns are these, in any order.
func begins(index, columns []string) bool {
	if len(index) < len(columns) {
		return false
	}
	for _, c := range columns {
		if !slices.Contains(index[:len(columns)], c) {
			return false
		}
	}
	return true
}
