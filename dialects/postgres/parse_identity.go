package postgres

import (
	"slices"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
)

// objectPosition is where a sequence is.
const objectPosition = "sequence position"

// selectSetval reads SELECT setval(…), with which people put a sequence behind
// the rows that they inserted with keys of their own. It never goes back: what
// others have drawn meanwhile is theirs.
func (r reader) selectSetval(x *pg.SelectStmt) []planner.Change {
	call := lonelyCall(x)
	if name, builtin := functionName(call); !builtin || name != "setval" || len(call.Args) < 2 {
		return nil
	}
	table, sequence, column := subjectOf(call.Args[0])
	if sequence.Name == "" && column == "" {
		return nil
	}
	seq, err := deparseScalar(call.Args[0])
	if err != nil {
		return nil
	}
	given := clone(x)
	given.TargetList = []*pg.Node{pg.MakeResTargetNodeWithVal(call.Args[1], 0)}
	last, columns, called := "pg_catalog.pg_sequence_last_value("+seq+"::regclass)", "value", "true"
	if len(call.Args) > 2 {
		given.TargetList = append(given.TargetList, pg.MakeResTargetNodeWithVal(call.Args[2], 0))
		columns, called = "value, called", "v.called"
		last = "CASE WHEN v.called THEN " + last + " ELSE " + last + " + 1 END"
	}
	values, err := deparse(&pg.Node{Node: &pg.Node_SelectStmt{SelectStmt: given}})
	if err != nil {
		return nil
	}
	d := planner.Direct{
		What: "SELECT setval(" + seq + ", …)", Effect: planner.Widens,
		Object: planner.ObjectRef{Kind: objectPosition, Ref: sequence, On: table, Detail: column},
		SQL:    "SELECT pg_catalog.setval(" + seq + ", greatest(v.value, " + last + "), " + called + ") FROM (" + values + ") AS v (" + columns + ")",
	}
	if table.Name != "" {
		d.Needs = []planner.Need{{Table: table, Columns: []string{column}}}
	}
	for _, n := range tablesIn(x) {
		d.Needs = append(d.Needs, planner.Need{Table: n})
	}
	return []planner.Change{d}
}

// tablesIn lists the tables that a statement mentions.
func tablesIn(m proto.Message) []planner.Ref {
	var out []planner.Ref
	walk(m, func(m proto.Message) bool {
		if r, ok := m.(*pg.RangeVar); ok && !slices.Contains(out, refOf(r)) {
			out = append(out, refOf(r))
		}
		return true
	})
	return out
}

// lonelyCall is the function call that is all that a SELECT yields, if it is one.
func lonelyCall(x *pg.SelectStmt) *pg.FuncCall {
	if len(x.TargetList) != 1 || x.WithClause != nil || x.Op != pg.SetOperation_SETOP_NONE || x.WhereClause != nil || len(x.GroupClause) > 0 {
		return nil
	}
	return x.TargetList[0].GetResTarget().GetVal().GetFuncCall()
}

// subjectOf reads the first argument of setval: a sequence's name, or
// pg_get_serial_sequence('table', 'column').
func subjectOf(n *pg.Node) (table, sequence planner.Ref, column string) {
	for n.GetTypeCast() != nil {
		n = n.GetTypeCast().Arg
	}
	if c := n.GetAConst(); c != nil {
		if ref, err := regclassRef(c.GetSval().GetSval()); err == nil {
			sequence = ref
		}
		return planner.Ref{}, sequence, ""
	}
	call := n.GetFuncCall()
	if name, builtin := functionName(call); !builtin || name != "pg_get_serial_sequence" || len(call.Args) != 2 {
		return planner.Ref{}, planner.Ref{}, ""
	}
	table, err := regclassRef(call.Args[0].GetAConst().GetSval().GetSval())
	if err != nil {
		return planner.Ref{}, planner.Ref{}, ""
	}
	return table, planner.Ref{}, call.Args[1].GetAConst().GetSval().GetSval()
}

// identities gathers what a file does to turn a serial column into an identity:
// its default goes, its sequence goes, it becomes an identity, and that gets a
// position. Between these, nobody could insert a row: they are one thing.
func identities(statements []planner.Statement) {
	for i := range statements {
		for _, c := range statements[i].Changes {
			if d, ok := c.(planner.Direct); ok && d.Object.Kind == objectIdentity && addsIdentity(d.SQL) {
				for j := range statements {
					gatherIdentity(statements[j].Changes, d.Object, j > i)
				}
			}
		}
	}
}

func addsIdentity(sql string) bool {
	n, err := readStatement(sql)
	if err != nil {
		return false
	}
	cmds := n.GetAlterTableStmt().GetCmds()
	return len(cmds) == 1 && cmds[0].GetAlterTableCmd().GetSubtype() == pg.AlterTableType_AT_AddIdentity
}

// gatherIdentity makes the changes that belong to an identity statements about it.
func gatherIdentity(changes []planner.Change, o planner.ObjectRef, after bool) {
	own := planner.Ref{Schema: o.On.Schema, Name: objectNameOf(o.On.Name, o.Detail, "seq")}
	need := []planner.Need{{Table: o.On, Columns: []string{o.Detail}}}
	for i, c := range changes {
		switch c := c.(type) {
		case planner.DropDefault:
			if c.Table == o.On && c.Column == o.Detail && !after {
				changes[i] = planner.Direct{
					What: "ALTER TABLE " + c.Table.String() + " ALTER COLUMN " + c.Column + " DROP DEFAULT", Object: o, Needs: need, Effect: planner.Narrows,
					SQL: "ALTER TABLE " + quoteRef(c.Table) + " ALTER COLUMN " + quote(c.Column) + " DROP DEFAULT",
				}
			}
		case planner.Direct:
			drops := c.Object.Kind == kindSequence && c.Object.Ref == own && c.Effect != planner.Widens && !after
			places := c.Object.Kind == objectPosition && after && (c.Object.Ref == own || c.Object.On == o.On && c.Object.Detail == o.Detail)
			if drops || places {
				c.Object, c.Needs, c.Effect, c.Late = o, need, planner.Narrows, false
				changes[i] = c
			}
		default:
		}
	}
}
