package postgres

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// grantable are the kinds of objects on which privileges are given here.
var grantable = map[pg.ObjectType]bool{
	pg.ObjectType_OBJECT_TABLE: true, pg.ObjectType_OBJECT_SEQUENCE: true, pg.ObjectType_OBJECT_FUNCTION: true, pg.ObjectType_OBJECT_PROCEDURE: true,
	pg.ObjectType_OBJECT_ROUTINE: true, pg.ObjectType_OBJECT_SCHEMA: true, pg.ObjectType_OBJECT_TYPE: true, pg.ObjectType_OBJECT_DOMAIN: true,
}

// grant reads GRANT and REVOKE, one change for each object, since each has its
// own way back.
func (r reader) grant(x *pg.GrantStmt) []planner.Change {
	verb := "GRANT"
	if !x.IsGrant {
		verb = "REVOKE"
	}
	verb += " " + privilegeNames(x)
	what := verb + " ON " + objectName(x.Objtype)
	switch {
	case !grantable[x.Objtype]:
		return r.opaque(what, "only privileges on tables, sequences, functions, schemas and types are handled")
	case !x.IsGrant && x.Behavior == pg.DropBehavior_DROP_CASCADE:
		return r.opaque(what+" … CASCADE", "it takes away what others were granted in turn")
	case x.Grantor != nil:
		return r.opaque(what+" … GRANTED BY", "")
	case x.Targtype == pg.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA:
		var out []planner.Change
		for _, n := range x.Objects {
			schema := n.GetString_().GetSval()
			out = append(out, r.grantOn(x, n, verb+" ON ALL "+objectName(x.Objtype)+"S IN SCHEMA "+schema,
				planner.ObjectRef{Kind: kindPrivileges, Ref: planner.Ref{Schema: schema, Name: "*"}, Detail: "all " + strings.ToLower(objectName(x.Objtype))}, nil)...)
		}
		return out
	case x.Targtype != pg.GrantTargetType_ACL_TARGET_OBJECT:
		return r.opaque(what, "")
	}
	var out []planner.Change
	for _, n := range x.Objects {
		o, needs := privilegesOn(x, n)
		if o.Kind == "" {
			return r.opaque(what, "its object cannot be read")
		}
		name := o.Ref
		if o.On.Name != "" {
			name = o.On
		}
		out = append(out, r.grantOn(x, n, what+" "+name.String(), o, needs)...)
	}
	return out
}

// privilegeNames are the privileges as people write them.
func privilegeNames(x *pg.GrantStmt) string {
	var out []string
	for _, p := range x.Privileges {
		if name := p.GetAccessPriv().GetPrivName(); name != "" {
			out = append(out, strings.ToUpper(name))
		}
	}
	if len(out) == 0 {
		return "ALL"
	}
	return strings.Join(out, ", ")
}

// grantOn is a GRANT narrowed down to one of its objects.
func (r reader) grantOn(x *pg.GrantStmt, n *pg.Node, what string, o planner.ObjectRef, needs []planner.Need) []planner.Change {
	one := clone(x)
	one.Objects = []*pg.Node{n}
	sql, err := deparse(&pg.Node{Node: &pg.Node_GrantStmt{GrantStmt: one}})
	if err != nil {
		return r.opaque(what, reasonOf(err))
	}
	d := planner.Direct{What: what, Object: o, Needs: needs, Effect: planner.Widens, SQL: sql}
	if !x.IsGrant {
		d.Effect = planner.Narrows
	}
	return []planner.Change{d}
}

// privilegesOn reads what a GRANT is about. What it calls a table may be a view.
func privilegesOn(x *pg.GrantStmt, n *pg.Node) (planner.ObjectRef, []planner.Need) {
	switch x.Objtype {
	case pg.ObjectType_OBJECT_TABLE:
		need := planner.Need{Table: refOf(n.GetRangeVar())}
		for _, p := range x.Privileges {
			columns, _ := names(p.GetAccessPriv().GetCols())
			need.Columns = append(need.Columns, columns...)
		}
		return planner.ObjectRef{Kind: kindPrivileges, On: need.Table}, []planner.Need{need}
	case pg.ObjectType_OBJECT_SEQUENCE:
		return planner.ObjectRef{Kind: kindSequence, Ref: refOf(n.GetRangeVar())}, nil
	case pg.ObjectType_OBJECT_SCHEMA:
		return planner.ObjectRef{Kind: kindSchema, Ref: planner.Ref{Name: n.GetString_().GetSval()}}, nil
	case pg.ObjectType_OBJECT_TYPE:
		return planner.ObjectRef{Kind: kindType, Ref: nameRef(n.GetList().GetItems())}, nil
	case pg.ObjectType_OBJECT_DOMAIN:
		return planner.ObjectRef{Kind: kindDomain, Ref: nameRef(n.GetList().GetItems())}, nil
	}
	if o, ok := functionRef(n.GetObjectWithArgs()); ok {
		return o, nil
	}
	return planner.ObjectRef{}, nil
}

// defaultPrivileges reads ALTER DEFAULT PRIVILEGES, which is about objects that
// are yet to be made.
func (r reader) defaultPrivileges(x *pg.AlterDefaultPrivilegesStmt) []planner.Change {
	what := "ALTER DEFAULT PRIVILEGES"
	a := x.Action
	var role, schema string
	for _, o := range x.Options {
		items := o.GetDefElem().GetArg().GetList().GetItems()
		if len(items) != 1 {
			return r.opaque(what, "name one role and one schema at a time")
		}
		switch o.GetDefElem().GetDefname() {
		case "roles":
			role = items[0].GetRoleSpec().GetRolename()
		case "schemas":
			schema = items[0].GetString_().GetSval()
		}
	}
	if a.Behavior == pg.DropBehavior_DROP_CASCADE && !a.IsGrant {
		return r.opaque(what+" … CASCADE", "it takes away what others were granted in turn")
	}
	d := planner.Direct{
		What:   what + " ON " + objectName(a.Objtype) + "S",
		Object: planner.ObjectRef{Kind: kindDefaults, Ref: planner.Ref{Schema: schema, Name: strings.ToLower(objectName(a.Objtype))}, Detail: role},
		Effect: planner.Widens,
	}
	if !a.IsGrant {
		d.Effect = planner.Narrows
	}
	return r.one(d)
}
