package postgres

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// parse_object.go reads the statements that change no table's shape into
// planner.Direct: each with the object it is about, what it mentions, and
// whether it widens or narrows. The way back is not here but in lowering, where
// the object as it is before is known.

// The kinds of planner.ObjectRef, besides those of dependants.
const (
	kindFunction     = "function"
	kindType         = "type"
	kindDomain       = "domain"
	kindExtension    = "extension"
	kindSchema       = "schema"
	kindCollation    = "collation"
	kindIndex        = "index option"
	kindComment      = "comment"
	kindPrivileges   = "grant"
	kindDefaults     = "default privileges"
	kindTableSetting = "table setting"
	kindColumn       = "column option"
	kindMaintenance  = "maintenance"
)

// object reads a statement that is about anything but a table's shape.
func (r reader) object(n *pg.Node) []planner.Change {
	switch x := nodeOf(n).(type) {
	case *pg.CommentStmt:
		return r.comment(x)
	case *pg.ViewStmt:
		return r.view(x)
	case *pg.CreateTableAsStmt:
		return r.createAs(n, x)
	case *pg.RefreshMatViewStmt:
		return r.refresh(x)
	case *pg.CreateFunctionStmt:
		return r.function(x)
	case *pg.AlterFunctionStmt:
		return r.alterFunction(x)
	case *pg.CreateTrigStmt:
		return r.trigger(x)
	case *pg.CreatePolicyStmt:
		return r.policy(x)
	case *pg.AlterPolicyStmt:
		on := refOf(x.Table)
		return r.one(planner.Direct{
			What: "ALTER POLICY " + x.PolicyName + " ON " + on.String(), Object: planner.ObjectRef{Kind: kindPolicy, Ref: planner.Ref{Name: x.PolicyName}, On: on},
			Needs: append(needsOf(on, x.Qual), needsOf(on, x.WithCheck)...), Effect: planner.Narrows,
		})
	case *pg.GrantStmt:
		return r.grant(x)
	case *pg.AlterDefaultPrivilegesStmt:
		return r.defaultPrivileges(x)
	case *pg.AlterOwnerStmt:
		return r.owner(x)
	case *pg.AlterObjectSchemaStmt:
		if out := r.setSchema(x); out != nil {
			return out
		}
	}
	if out := r.definition(n); out != nil {
		return out
	}
	if out := r.administration(n); out != nil {
		return out
	}
	return r.opaque(statementName(n), statementReason(n))
}

// definition reads the statements that define types, sequences and the like.
func (r reader) definition(n *pg.Node) []planner.Change {
	switch x := nodeOf(n).(type) {
	case *pg.CreateEnumStmt:
		return r.creates("CREATE TYPE", kindType, nameRef(x.TypeName))
	case *pg.CompositeTypeStmt:
		return r.creates("CREATE TYPE", kindType, refOf(x.Typevar))
	case *pg.CreateRangeStmt:
		return r.creates("CREATE TYPE", kindType, nameRef(x.TypeName))
	case *pg.AlterEnumStmt:
		return r.alterEnum(x)
	case *pg.CreateDomainStmt:
		return r.creates("CREATE DOMAIN", kindDomain, nameRef(x.Domainname))
	case *pg.AlterDomainStmt:
		return r.alterDomain(x)
	case *pg.CreateSeqStmt:
		return r.createSequence(x)
	case *pg.AlterSeqStmt:
		return r.alterSequence(x)
	case *pg.CreateExtensionStmt:
		return r.creates("CREATE EXTENSION", kindExtension, planner.Ref{Name: x.Extname})
	case *pg.CreateSchemaStmt:
		return r.createSchema(x)
	case *pg.DefineStmt:
		return r.define(x)
	case *pg.CreateStatsStmt:
		return r.statistics(x)
	case *pg.AlterStatsStmt:
		ref := nameRef(x.Defnames)
		return r.one(planner.Direct{
			What: "ALTER STATISTICS " + ref.String(), Object: planner.ObjectRef{Kind: kindStatistics, Ref: ref}, Effect: planner.Widens,
		})
	case *pg.CreatePublicationStmt:
		d := r.publication("CREATE PUBLICATION", x.Pubname, x.Pubobjects)
		return r.one(d)
	case *pg.AlterPublicationStmt:
		return r.alterPublication(x)
	}
	return nil
}

// one makes a change of a Direct that is the whole statement.
func (r reader) one(d planner.Direct) []planner.Change {
	d.SQL = r.sql
	return []planner.Change{d}
}

// creates is a statement that makes something that was not there before.
func (r reader) creates(verb, kind string, ref planner.Ref) []planner.Change {
	return r.one(planner.Direct{
		What: verb + " " + ref.String(), Object: planner.ObjectRef{Kind: kind, Ref: ref}, Effect: planner.Widens,
	})
}

// nameRef reads a name that may have a schema; of longer names the last two parts.
func nameRef(nodes []*pg.Node) planner.Ref {
	parts, ok := names(nodes)
	if !ok || len(parts) == 0 {
		return planner.Ref{}
	}
	out := planner.Ref{Name: parts[len(parts)-1]}
	if len(parts) > 1 {
		out.Schema = parts[len(parts)-2]
	}
	return out
}

// partRef reads TABLE.PART, where the table may have a schema.
func partRef(nodes []*pg.Node) (table planner.Ref, part string) {
	if len(nodes) < 2 {
		return planner.Ref{}, ""
	}
	parts, ok := names(nodes)
	if !ok {
		return planner.Ref{}, ""
	}
	return nameRef(nodes[:len(nodes)-1]), parts[len(parts)-1]
}

func typeRef(t *pg.TypeName) planner.Ref { return nameRef(t.GetNames()) }

// relationKinds are the kinds of relations that are objects of their own.
var relationKinds = map[pg.ObjectType]string{
	pg.ObjectType_OBJECT_VIEW: kindView, pg.ObjectType_OBJECT_MATVIEW: kindMatview, pg.ObjectType_OBJECT_SEQUENCE: kindSequence,
	pg.ObjectType_OBJECT_STATISTIC_EXT: kindStatistics, pg.ObjectType_OBJECT_COLLATION: kindCollation,
}

// tablePartKinds are the kinds of objects that a table has, named within it.
var tablePartKinds = map[pg.ObjectType]string{
	pg.ObjectType_OBJECT_TRIGGER: kindTrigger, pg.ObjectType_OBJECT_POLICY: kindPolicy, pg.ObjectType_OBJECT_RULE: kindRule,
}

// plainKinds are the kinds that have a name and no schema.
var plainKinds = map[pg.ObjectType]string{
	pg.ObjectType_OBJECT_SCHEMA: kindSchema, pg.ObjectType_OBJECT_EXTENSION: kindExtension, pg.ObjectType_OBJECT_PUBLICATION: kindPublication,
}

var functionTypes = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_FUNCTION: true, pg.ObjectType_OBJECT_PROCEDURE: true, pg.ObjectType_OBJECT_ROUTINE: true, pg.ObjectType_OBJECT_AGGREGATE: true,
}

// objectNamed reads what a statement on any kind of object is about. It fails for
// tables and their columns, which are not objects in this sense, and for kinds
// that nobody changes in a migration.
func objectNamed(t pg.ObjectType, n *pg.Node) (planner.ObjectRef, bool) {
	list := n.GetList().GetItems()
	switch {
	case relationKinds[t] != "":
		return planner.ObjectRef{Kind: relationKinds[t], Ref: nameRef(list)}, true
	case tablePartKinds[t] != "":
		on, part := partRef(list)
		return planner.ObjectRef{Kind: tablePartKinds[t], Ref: planner.Ref{Name: part}, On: on}, part != ""
	case plainKinds[t] != "":
		return planner.ObjectRef{Kind: plainKinds[t], Ref: planner.Ref{Name: n.GetString_().GetSval()}}, true
	case functionTypes[t]:
		return functionRef(n.GetObjectWithArgs())
	case t == pg.ObjectType_OBJECT_TYPE:
		return planner.ObjectRef{Kind: kindType, Ref: typeRef(n.GetTypeName())}, true
	case t == pg.ObjectType_OBJECT_DOMAIN:
		return planner.ObjectRef{Kind: kindDomain, Ref: typeRef(n.GetTypeName())}, true
	}
	return planner.ObjectRef{}, false
}

// functionRef names a function with the types of its arguments, where the
// statement says them.
func functionRef(f *pg.ObjectWithArgs) (planner.ObjectRef, bool) {
	out := planner.ObjectRef{Kind: kindFunction, Ref: nameRef(f.GetObjname())}
	if out.Ref.Name == "" {
		return out, false
	}
	if f.ArgsUnspecified {
		return out, true
	}
	var types []string
	for _, a := range f.Objargs {
		if a.GetTypeName() == nil { // an aggregate's *
			continue
		}
		t, err := argumentType(a.GetTypeName())
		if err != nil {
			return out, false
		}
		types = append(types, t)
	}
	out.Detail = "(" + strings.Join(types, ", ") + ")"
	return out, true
}

// argumentType is the type of an argument, of which the server keeps no length.
func argumentType(t *pg.TypeName) (string, error) {
	t = clone(t)
	t.Typmods = nil
	return typeText(t)
}

// comment reads COMMENT ON.
func (r reader) comment(x *pg.CommentStmt) []planner.Change {
	what := "COMMENT ON " + objectName(x.Objtype)
	list := x.Object.GetList().GetItems()
	d := planner.Direct{Effect: planner.Widens}
	switch x.Objtype {
	case pg.ObjectType_OBJECT_TABLE:
		on := nameRef(list)
		d.Object = planner.ObjectRef{Kind: kindComment, On: on}
		d.Needs = []planner.Need{{Table: on}}
		d.What = what + " " + on.String()
	case pg.ObjectType_OBJECT_COLUMN:
		on, column := partRef(list)
		d.Object = planner.ObjectRef{Kind: kindComment, On: on, Detail: "column " + column}
		d.Needs = []planner.Need{{Table: on, Columns: []string{column}}}
		d.What = what + " " + on.String() + "." + column
	case pg.ObjectType_OBJECT_TABCONSTRAINT:
		on, name := partRef(list)
		d.Object = planner.ObjectRef{Kind: kindComment, On: on, Detail: "constraint " + name}
		d.Needs = []planner.Need{{Table: on, Parts: []string{name}}}
		d.What = what + " " + name + " ON " + on.String()
	case pg.ObjectType_OBJECT_INDEX:
		d.Object = planner.ObjectRef{Kind: kindIndex, Ref: nameRef(list)}
		d.What = what + " " + d.Object.Ref.String()
	default:
		o, ok := objectNamed(x.Objtype, x.Object)
		if !ok || o.Ref.Name == "" {
			return r.opaque(what, "only comments on tables and their parts, views, functions, types, sequences, schemas and extensions are handled")
		}
		d.Object, d.What = o, what+" "+o.Ref.String()
		if o.On.Name != "" {
			d.Needs = []planner.Need{{Table: o.On}}
		}
	}
	return r.one(d)
}

// dropObject reads a DROP of anything but tables and indexes.
func (r reader) dropObject(x *pg.DropStmt) []planner.Change {
	what := "DROP " + objectName(x.RemoveType)
	if x.Behavior == pg.DropBehavior_DROP_CASCADE {
		return r.opaque(what+" … CASCADE", "it drops whatever depends on it: drop those objects by name first")
	}
	var out []planner.Change
	for _, n := range x.Objects {
		o, ok := objectNamed(x.RemoveType, n)
		if !ok || o.Ref.Name == "" {
			return r.opaque(what, "")
		}
		one := clone(x)
		one.Objects = []*pg.Node{n}
		sql, err := deparse(&pg.Node{Node: &pg.Node_DropStmt{DropStmt: one}})
		if err != nil {
			return r.opaque(what, reasonOf(err))
		}
		d := planner.Direct{What: what + " " + o.Ref.String(), Object: o, Effect: dropEffect(o.Kind), IfExists: x.MissingOk, SQL: sql}
		if o.On.Name != "" {
			d.What += " ON " + o.On.String()
			d.Needs = []planner.Need{{Table: o.On}}
		}
		if x.RemoveType == pg.ObjectType_OBJECT_AGGREGATE {
			d.Effect = planner.Destroys
		}
		d.Late = d.Effect == planner.Destroys || o.Kind == kindFunction
		out = append(out, d)
	}
	return out
}

// dropEffect: what tables are made of goes when nothing is left that is made of
// it, and so has no way back of its own; DROP fails while something is.
func dropEffect(kind string) planner.Effect {
	switch kind {
	case kindType, kindDomain, kindSequence, kindExtension, kindSchema, kindCollation:
		return planner.Destroys
	}
	return planner.Narrows
}
