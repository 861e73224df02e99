package postgres

import (
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
)

// parse_object_code.go reads functions, triggers and policies.

// function reads CREATE FUNCTION and CREATE PROCEDURE. What a body mentions is
// not read: it is text to the server, too, until somebody calls it. A body in
// SQL's own syntax (BEGIN ATOMIC) is read.
func (r reader) function(x *pg.CreateFunctionStmt) []planner.Change {
	ref := planner.ObjectRef{Kind: kindFunction, Ref: nameRef(x.Funcname)}
	verb := "CREATE FUNCTION "
	if x.IsProcedure {
		verb = "CREATE PROCEDURE "
	}
	if x.Replace {
		verb = "CREATE OR REPLACE " + strings.TrimPrefix(verb, "CREATE ")
	}
	var types []string
	for _, p := range x.Parameters {
		param := p.GetFunctionParameter()
		switch param.GetMode() {
		case pg.FunctionParameterMode_FUNC_PARAM_OUT, pg.FunctionParameterMode_FUNC_PARAM_TABLE:
			continue
		}
		t, err := argumentType(param.GetArgType())
		if err != nil {
			return r.opaque(verb+ref.Ref.String(), reasonOf(err))
		}
		types = append(types, t)
	}
	ref.Detail = "(" + strings.Join(types, ", ") + ")"
	d := planner.Direct{What: verb + ref.Ref.String(), Object: ref, Effect: planner.Widens, Replaces: x.Replace}
	if x.SqlBody != nil {
		d.Needs = queryNeeds(x.SqlBody)
	}
	return r.one(d)
}

// alterFunction reads ALTER FUNCTION's options (STRICT, SECURITY, SET …).
func (r reader) alterFunction(x *pg.AlterFunctionStmt) []planner.Change {
	ref, ok := functionRef(x.Func)
	what := "ALTER " + objectName(x.Objtype) + " " + ref.Ref.String()
	if !ok {
		return r.opaque(what, "the types of its arguments cannot be read")
	}
	return r.one(planner.Direct{What: what, Object: ref, Effect: planner.Widens})
}

// trigger reads CREATE TRIGGER. From the moment it is there it fires for old
// and new versions alike.
func (r reader) trigger(x *pg.CreateTrigStmt) []planner.Change {
	on := refOf(x.Relation)
	d := planner.Direct{
		What: "CREATE TRIGGER " + x.Trigname + " ON " + on.String(), Object: planner.ObjectRef{Kind: kindTrigger, Ref: planner.Ref{Name: x.Trigname}, On: on},
		Needs: needsOf(on, x.WhenClause), Effect: planner.Widens, Replaces: x.Replace,
	}
	columns, _ := names(x.Columns)
	d.Needs[0].Columns = append(d.Needs[0].Columns, columns...)
	if x.Constrrel != nil {
		d.Needs = append(d.Needs, planner.Need{Table: refOf(x.Constrrel)})
	}
	return r.one(d)
}

// policy reads CREATE POLICY. A permissive one lets more rows be seen, a
// restrictive one fewer.
func (r reader) policy(x *pg.CreatePolicyStmt) []planner.Change {
	on := refOf(x.Table)
	d := planner.Direct{
		What: "CREATE POLICY " + x.PolicyName + " ON " + on.String(), Object: planner.ObjectRef{Kind: kindPolicy, Ref: planner.Ref{Name: x.PolicyName}, On: on},
		Needs: append(needsOf(on, x.Qual), needsOf(on, x.WithCheck)...), Effect: planner.Widens,
	}
	if !x.Permissive {
		d.Effect = planner.Narrows
	}
	return r.one(d)
}

// owner reads ALTER … OWNER TO: the old owner may be the one that old versions
// connect as.
func (r reader) owner(x *pg.AlterOwnerStmt) []planner.Change {
	what := "ALTER " + objectName(x.ObjectType) + " … OWNER TO"
	o, ok := objectNamed(x.ObjectType, x.Object)
	if !ok || o.Ref.Name == "" {
		return r.opaque(what, "")
	}
	return r.one(planner.Direct{What: "ALTER " + objectName(x.ObjectType) + " " + o.Ref.String() + " OWNER TO", Object: o, Effect: planner.Narrows})
}

// renameObject reads ALTER … RENAME of what is neither a table nor a part of
// one. Names that statements of the app mention stay; the others are
// free.
func (r reader) renameObject(x *pg.RenameStmt) []planner.Change {
	ref := refOf(x.Relation)
	kind := objectName(x.RenameType)
	switch x.RenameType {
	case pg.ObjectType_OBJECT_TRIGGER, pg.ObjectType_OBJECT_POLICY:
		return r.one(planner.Direct{
			What:   "ALTER " + kind + " " + x.Subname + " ON " + ref.String() + " RENAME TO " + x.Newname,
			Object: planner.ObjectRef{Kind: tablePartKinds[x.RenameType], Ref: planner.Ref{Name: x.Subname}, On: ref},
			Needs:  []planner.Need{{Table: ref}}, Effect: planner.Widens,
		})
	}
	if ref.Name == "" {
		if o, ok := objectNamed(x.RenameType, x.Object); ok && o.Ref.Name != "" {
			ref = o.Ref
		} else {
			ref = nameRef(x.Object.GetList().GetItems())
		}
	}
	what := "ALTER " + kind + " " + ref.String() + " RENAME"
	if o, ok := renamedObject(x); ok {
		if out := r.moved(x.RenameType, o, "RENAME TO "+x.Newname, x.MissingOk); out != nil {
			return out
		}
	}
	if x.RenameType == pg.ObjectType_OBJECT_COLUMN {
		what = "ALTER " + objectName(x.RelationType) + " " + ref.String() + " RENAME COLUMN"
	}
	return r.breaks(what, "rename-breaks-old-app", "running versions of the app use the old name, and there is no moment at which all of them change: create it under the new name beside the old one, and drop the old one in the same migration, which puts that off to contract")
}

// renamedObject is what a statement renames, if it is an object of its own.
func renamedObject(x *pg.RenameStmt) (planner.ObjectRef, bool) {
	switch {
	case x.RenameType == pg.ObjectType_OBJECT_COLUMN:
		return planner.ObjectRef{}, false
	case x.Relation != nil:
		return planner.ObjectRef{Kind: relationKinds[x.RenameType], Ref: refOf(x.Relation)}, relationKinds[x.RenameType] != ""
	}
	if o, ok := listedType(x.RenameType, x.Object); ok {
		return o, true
	}
	o, ok := objectNamed(x.RenameType, x.Object)
	return o, ok && o.Ref.Name != ""
}

// breaks refuses a statement under a rule.
func (r reader) breaks(what, rule, reason string) []planner.Change {
	return []planner.Change{planner.Opaque{What: what, Rule: rule, Reason: reason, SQL: r.sql}}
}
