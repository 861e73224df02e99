package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// move.go: views, functions and types that get another name, or go to another
// schema. Until contract both names work; then the object itself takes the new one,
// with whatever depends on it, and the stand-in goes.

// newName begins the kind of a planner.ObjectRef that is about what stands in for
// an object under its new name.
const newName = "new name of "

// baseKind is the kind of object that a stand-in stands for.
func baseKind(kind string) string { return strings.TrimPrefix(kind, newName) }

// moved reads ALTER … RENAME TO and ALTER … SET SCHEMA of an object; nil for what
// cannot have two names.
func (r reader) moved(t pg.ObjectType, o planner.ObjectRef, what string, ifExists bool) []planner.Change {
	d := planner.Direct{
		What: "ALTER " + objectName(t) + " " + o.Ref.String() + " " + what, Object: o, Effect: planner.Narrows, IfExists: ifExists, SQL: r.sql,
	}
	switch o.Kind {
	case kindSequence:
		return []planner.Change{d}
	case kindView, kindMatview, kindFunction, kindType, kindDomain:
		stand := d
		stand.Object.Kind, stand.Effect = newName+o.Kind, planner.Widens
		stand.What = "GIVE " + objectName(t) + " " + o.Ref.String() + " its second name: " + what
		return []planner.Change{stand, d}
	}
	return nil
}

// setSchema reads ALTER … SET SCHEMA.
func (r reader) setSchema(x *pg.AlterObjectSchemaStmt) []planner.Change {
	var o planner.ObjectRef
	ok := false
	if x.Relation != nil {
		o, ok = planner.ObjectRef{Kind: relationKinds[x.ObjectType], Ref: refOf(x.Relation)}, relationKinds[x.ObjectType] != ""
	} else if o, ok = listedType(x.ObjectType, x.Object); !ok {
		o, ok = objectNamed(x.ObjectType, x.Object)
	}
	if ok && o.Ref.Name != "" {
		return r.moved(x.ObjectType, o, "SET SCHEMA "+x.Newschema, x.MissingOk)
	}
	return nil
}

// listedType reads the name of a type or domain where the grammar keeps it as a list.
func listedType(t pg.ObjectType, n *pg.Node) (planner.ObjectRef, bool) {
	kind := map[pg.ObjectType]string{pg.ObjectType_OBJECT_TYPE: kindType, pg.ObjectType_OBJECT_DOMAIN: kindDomain}[t]
	ref := nameRef(n.GetList().GetItems())
	return planner.ObjectRef{Kind: kind, Ref: ref}, kind != "" && ref.Name != ""
}

// destination is the full name that a statement gives to the object of a group.
func (g *directs) destination(n *pg.Node) planner.Ref {
	to := g.ref()
	if x := n.GetAlterObjectSchemaStmt(); x != nil {
		to.Schema = x.Newschema
	} else {
		to.Name = n.GetRenameStmt().GetNewname()
	}
	return to
}

// moveDeed gives an object its other name, or something that stands in for it.
func (g *directs) moveDeed(c planner.Direct, n *pg.Node) (deed, error) {
	kind := baseKind(g.object.Kind)
	to := g.destination(n)
	if kind == kindSequence {
		d := deed{do: []string{c.SQL}, undo: []string{g.moveBack(n, to)}, why: "defaults draw from it under any name"}
		d.lock = plan.Lock{Mode: lockAccessExclusive, Object: g.s.Display(g.ref())}
		d.hazards = []plan.Hazard{{
			Rule: "rename-breaks-old-app", Severity: plan.Warning, Message: "until contract only " + g.s.Display(g.ref()) + " is a sequence, and only " + g.s.Display(to) + " from then on",
			Instead: "see that no version mentions it by name, as nextval('…') does",
		}}
		return d, nil
	}
	made, err := g.standIn(kind, to)
	if err != nil {
		return deed{}, &planner.Unsupported{What: c.What, Reason: reasonOf(err), Instead: "create it under the new name, and drop the old one, in the same migration"}
	}
	drop := "DROP " + g.standInKind(kind) + " " + quoteRef(to)
	if kind == kindFunction {
		drop += g.parameters()
	}
	if g.object.Kind != kind {
		return deed{do: made, undo: []string{drop}, why: "new versions use the new name from here on, old ones the old one"}, nil
	}
	d := deed{do: []string{drop, c.SQL}, undo: append([]string{g.moveBack(n, to)}, made...), why: "what depends on it goes with it"}
	if kind == kindView || kind == kindMatview {
		d.lock = plan.Lock{Mode: lockAccessExclusive, Object: g.s.Display(g.ref())}
		d.also = []plan.Lock{{Mode: lockAccessExclusive, Object: g.s.Display(to)}}
	}
	d.notes = []string{fmt.Sprintf("%s %s works under both names until contract, and from then on under %s", kind, g.s.Display(g.ref()), g.s.Display(to))}
	return d, nil
}

func (g *directs) parameters() string {
	if g.object.Detail != "" {
		return g.object.Detail
	}
	return g.fact(factParameters, "")
}

// moveBack is the reverse of a move.
func (g *directs) moveBack(n *pg.Node, to planner.Ref) string {
	kind := strings.ToUpper(g.object.Kind)
	name := quoteRef(to)
	if g.object.Kind == kindFunction {
		kind, name = "ROUTINE", name+g.parameters()
	}
	if n.GetAlterObjectSchemaStmt() != nil {
		return "ALTER " + kind + " " + name + " SET SCHEMA " + quote(g.ref().Schema)
	}
	return "ALTER " + kind + " " + name + " RENAME TO " + quote(g.ref().Name)
}

func (g *directs) standInKind(kind string) string {
	switch kind {
	case kindFunction:
		return "ROUTINE"
	case kindView, kindMatview:
		return "VIEW"
	}
	return "DOMAIN"
}

// standIn is what makes an object usable under another name: a function and a view
// are made a second time, of a materialized view there is a view, and a domain is as
// good as its type.
func (g *directs) standIn(kind string, to planner.Ref) ([]string, error) {
	old := quoteRef(g.ref())
	as := &planner.Object{ObjectRef: planner.ObjectRef{Kind: kind, Ref: to, Detail: g.object.Detail}, Facts: map[string]string{}}
	if g.before != nil {
		for k, v := range g.before.Facts {
			as.Facts[k] = v
		}
	}
	var script string
	switch kind {
	case kindType, kindDomain:
		return []string{"CREATE DOMAIN " + quoteRef(to) + " AS " + old}, nil
	case kindFunction:
		sql, err := functionAs(g.definition(), to)
		if err != nil {
			return nil, err
		}
		script = sql
	case kindMatview:
		as.Kind, script = kindView, "CREATE VIEW "+quoteRef(to)+" AS SELECT * FROM "+old
	default:
		if g.definition() == "" {
			return nil, fmt.Errorf("the server does not tell how the %s is made", kind)
		}
		var again []string
		for _, sql := range list(g.before.Definition) {
			n, err := readStatement(sql)
			if err != nil {
				return nil, err
			}
			renamedTo(n, g.ref(), to)
			out, err := deparse(n)
			if err != nil {
				return nil, err
			}
			again = append(again, out)
		}
		script = strings.Join(again, listSeparator)
	}
	as.Definition = script
	other := &directs{s: g.s, before: as, object: as.ObjectRef}
	return other.restore(), nil
}

func (g *directs) definition() string {
	if g.before == nil {
		return ""
	}
	return g.before.Definition
}

// functionAs writes the statement that makes a function, as the server writes it,
// under another name: CREATE OR REPLACE FUNCTION name, and all that follows.
func functionAs(definition string, to planner.Ref) (string, error) {
	scan, err := pg.Scan(definition)
	if err != nil {
		return "", fmt.Errorf("reading the function: %w", err)
	}
	t := scan.Tokens
	i := slices.IndexFunc(t, func(t *pg.ScanToken) bool { return t.Token == pg.Token_ASCII_40 })
	if i < 5 || t[3].Token != pg.Token_FUNCTION && t[3].Token != pg.Token_PROCEDURE {
		return "", errors.New("the server does not tell how the function is made")
	}
	return "CREATE " + definition[t[3].Start:t[3].End] + " " + quoteRef(to) + definition[t[i].Start:], nil
}

// renamedTo writes another name wherever a statement names a view.
func renamedTo(n *pg.Node, from, to planner.Ref) {
	walk(n, func(m proto.Message) bool {
		switch x := m.(type) {
		case *pg.RangeVar:
			if refOf(x) == from {
				x.Schemaname, x.Relname = to.Schema, to.Name
			}
		case *pg.CommentStmt:
			if table, column := partRef(x.Object.GetList().GetItems()); table == from {
				x.Object.GetList().Items = append(nameNodes(to), pg.MakeStrNode(column))
			}
		}
		return true
	})
}
