package postgres

import (
	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// parse_object_type.go reads types, domains, sequences, statistics, schemas and
// publications.

func (r reader) alterEnum(x *pg.AlterEnumStmt) []planner.Change {
	ref := nameRef(x.TypeName)
	if x.OldVal != "" {
		return r.breaks("ALTER TYPE "+ref.String()+" RENAME VALUE", "rename-breaks-old-app",
			"running versions of the app read and write the old value: add the new value, let the app write that, and UPDATE the rows in a later migration; or make the type anew, with USING to say which value takes the place of which (migrate explain enum-value-removed)")
	}
	return r.one(planner.Direct{
		What: "ALTER TYPE " + ref.String() + " ADD VALUE " + literal(x.NewVal), Object: planner.ObjectRef{Kind: kindType, Ref: ref}, Effect: planner.Widens,
	})
}

// alterDomain reads ALTER DOMAIN: what it forbids it forbids in every column of
// the domain.
func (r reader) alterDomain(x *pg.AlterDomainStmt) []planner.Change {
	ref := nameRef(x.TypeName)
	d := planner.Direct{Object: planner.ObjectRef{Kind: kindDomain, Ref: ref}, Effect: planner.Widens}
	what := "ALTER DOMAIN " + ref.String()
	switch x.Subtype {
	case "T":
		d.What, d.Effect = what+" SET DEFAULT", planner.Narrows
		if x.Def == nil {
			d.What = what + " DROP DEFAULT"
		}
	case "N":
		d.What = what + " DROP NOT NULL"
	case "O":
		d.What, d.Effect = what+" SET NOT NULL", planner.Narrows
	case "C":
		k := x.Def.GetConstraint()
		if k.GetConname() == "" {
			return r.opaque(what+" ADD CHECK", "without a name it cannot be validated apart: ADD CONSTRAINT name CHECK …")
		}
		d.What, d.Effect = what+" ADD CONSTRAINT "+k.Conname, planner.Narrows
	case "X":
		if x.Behavior == pg.DropBehavior_DROP_CASCADE {
			return r.opaque(what+" DROP CONSTRAINT … CASCADE", "it drops whatever depends on it")
		}
		d.What = what + " DROP CONSTRAINT " + x.Name
	case "V":
		d.What, d.Effect = what+" VALIDATE CONSTRAINT "+x.Name, planner.Narrows
	default:
		return r.opaque(what, "")
	}
	return r.one(d)
}

func (r reader) createSequence(x *pg.CreateSeqStmt) []planner.Change {
	ref := refOf(x.Sequence)
	if x.Sequence.GetRelpersistence() == "t" {
		return r.opaque("CREATE TEMPORARY SEQUENCE "+ref.String(), "a temporary sequence ends with the session that made it")
	}
	d := planner.Direct{
		What: "CREATE SEQUENCE " + ref.String(), Object: planner.ObjectRef{Kind: kindSequence, Ref: ref},
		Needs: ownedBy(x.Options), Effect: planner.Widens,
	}
	return r.one(d)
}

// alterSequence: numbers that are given out twice are the one thing that a
// sequence must never do, so nothing may set it back.
func (r reader) alterSequence(x *pg.AlterSeqStmt) []planner.Change {
	ref := refOf(x.Sequence)
	what := "ALTER SEQUENCE " + ref.String()
	for _, o := range x.Options {
		if o.GetDefElem().GetDefname() == "restart" {
			return r.opaque(what+" RESTART", "running versions draw numbers from it meanwhile, so that some may be given twice")
		}
	}
	return r.one(planner.Direct{
		What: what, Object: planner.ObjectRef{Kind: kindSequence, Ref: ref}, Needs: ownedBy(x.Options), Effect: planner.Widens, IfExists: x.MissingOk,
	})
}

// ownedBy reads OWNED BY table.column.
func ownedBy(options []*pg.Node) []planner.Need {
	for _, o := range options {
		if o.GetDefElem().GetDefname() != "owned_by" {
			continue
		}
		if table, column := partRef(o.GetDefElem().GetArg().GetList().GetItems()); column != "" {
			return []planner.Need{{Table: table, Columns: []string{column}}}
		}
	}
	return nil
}

func (r reader) createSchema(x *pg.CreateSchemaStmt) []planner.Change {
	name := x.Schemaname
	if name == "" {
		name = x.Authrole.GetRolename()
	}
	if len(x.SchemaElts) > 0 {
		return r.opaque("CREATE SCHEMA "+name, "what is to be in it needs statements of its own")
	}
	return r.creates("CREATE SCHEMA", kindSchema, planner.Ref{Name: name})
}

// define reads CREATE AGGREGATE and CREATE COLLATION; others are for people who
// extend the server.
func (r reader) define(x *pg.DefineStmt) []planner.Change {
	what := "CREATE " + objectName(x.Kind)
	switch x.Kind {
	case pg.ObjectType_OBJECT_COLLATION:
		return r.creates(what, kindCollation, nameRef(x.Defnames))
	case pg.ObjectType_OBJECT_AGGREGATE:
		ref := nameRef(x.Defnames)
		if x.Oldstyle || x.Replace || len(x.Args) == 0 {
			return r.opaque(what+" "+ref.String(), "only CREATE AGGREGATE name (types) (…) is handled")
		}
		args := &pg.ObjectWithArgs{Objname: x.Defnames}
		for _, a := range x.Args[0].GetList().GetItems() {
			args.Objargs = append(args.Objargs, &pg.Node{Node: &pg.Node_TypeName{TypeName: a.GetFunctionParameter().GetArgType()}})
		}
		o, ok := functionRef(args)
		if !ok {
			return r.opaque(what+" "+ref.String(), "the types of its arguments cannot be read")
		}
		return r.one(planner.Direct{What: what + " " + ref.String(), Object: o, Effect: planner.Widens})
	}
	return r.opaque(what, "")
}

func (r reader) statistics(x *pg.CreateStatsStmt) []planner.Change {
	ref := nameRef(x.Defnames)
	if ref.Name == "" || len(x.Relations) != 1 || x.Relations[0].GetRangeVar() == nil {
		return r.opaque("CREATE STATISTICS", "it needs a name, and one table")
	}
	table := refOf(x.Relations[0].GetRangeVar())
	need := planner.Need{Table: table}
	for _, e := range x.Exprs {
		if name := e.GetStatsElem().GetName(); name != "" {
			need.Columns = append(need.Columns, name)
			continue
		}
		need.Columns = append(need.Columns, needsOf(table, e.GetStatsElem().GetExpr())[0].Columns...)
	}
	return r.one(planner.Direct{
		What: "CREATE STATISTICS " + ref.String(), Object: planner.ObjectRef{Kind: kindStatistics, Ref: ref}, Needs: []planner.Need{need}, Effect: planner.Widens,
	})
}

// publication describes a statement on a publication and the tables it names.
func (r reader) publication(verb, name string, objects []*pg.Node) planner.Direct {
	d := planner.Direct{What: verb + " " + name, Object: planner.ObjectRef{Kind: kindPublication, Ref: planner.Ref{Name: name}}, Effect: planner.Widens}
	for _, o := range objects {
		t := o.GetPublicationObjSpec().GetPubtable()
		if t == nil {
			continue
		}
		columns, _ := names(t.Columns)
		need := needsOf(refOf(t.Relation), t.WhereClause)
		need[0].Columns = append(need[0].Columns, columns...)
		d.Needs = append(d.Needs, need...)
	}
	return d
}

func (r reader) alterPublication(x *pg.AlterPublicationStmt) []planner.Change {
	d := r.publication("ALTER PUBLICATION", x.Pubname, x.Pubobjects)
	switch {
	case len(x.Options) > 0:
		d.Effect = planner.Narrows
	case x.Action == pg.AlterPublicationAction_AP_AddObjects:
	default:
		d.Effect = planner.Narrows
	}
	return r.one(d)
}
