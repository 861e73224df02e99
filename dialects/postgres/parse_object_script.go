package postgres

import (
	"slices"

	"github.com/expandcontract/migrate/planner"
)

// parse_object_script.go looks at the statements of a file together: what one
// calls a table another may have made as a view.

// adopt gives a statement the object that others in the file show it to be
// about: a GRANT on a view that the file makes belongs to that view, and so runs
// after it, and not where it would act on the one before.
func adopt(stmts []planner.Statement) {
	made := map[planner.Ref]planner.ObjectRef{}
	functions := map[planner.Ref][]planner.ObjectRef{}
	indexes := map[string]planner.Ref{}
	each(stmts, func(c planner.Change) planner.Change {
		switch c := c.(type) {
		case planner.Direct:
			switch c.Object.Kind {
			case kindView, kindMatview:
				made[c.Object.Ref] = c.Object
			case kindFunction:
				if c.Object.Detail != "" && !slices.Contains(functions[c.Object.Ref], c.Object) {
					functions[c.Object.Ref] = append(functions[c.Object.Ref], c.Object)
				}
			}
		case planner.CreateIndex:
			indexes[c.Name] = c.Table
		default:
		}
		return c
	})
	each(stmts, func(c planner.Change) planner.Change {
		switch c := c.(type) {
		case planner.Direct:
			if view, ok := made[c.Object.On]; ok {
				c.Object, c.Needs = view, nil
			}
			if of := functions[c.Object.Ref]; c.Object.Kind == kindFunction && c.Object.Detail == "" && len(of) == 1 {
				c.Object = of[0]
			}
			if table, ok := indexes[c.Object.Ref.Name]; ok && c.Object.Kind == kindIndex {
				c.Needs = append(c.Needs, planner.Need{Table: table, Parts: []string{c.Object.Ref.Name}})
			}
			return c
		case planner.CreateIndex:
			if view, ok := made[c.Table]; ok && view.Kind == kindMatview {
				return planner.Direct{What: "CREATE INDEX " + c.Name + " ON " + c.Table.String(), Object: view, Effect: planner.Widens, SQL: c.SQL}
			}
		default:
		}
		return c
	})
}

func each(stmts []planner.Statement, f func(planner.Change) planner.Change) {
	for i := range stmts {
		for j, c := range stmts[i].Changes {
			stmts[i].Changes[j] = f(c)
		}
	}
}
