package planner

import (
	"fmt"
	"slices"
)

// evolve.go follows a migration's changes, in order, over the inspected schema,
// to learn the new shape. What must be done is read off afterwards from the
// difference between each column as it was and as it became, so that the order
// and the number of statements on one column do not matter.

// evolve reads all statements.
func (sh *shape) evolve(script *Script) {
	for i, st := range script.Statements {
		sh.cur = at{pos: sh.ps.file.Pos(st.Start), stmt: i}
		if st.IfTable != (Ref{}) && !sh.exists(st.IfTable) {
			continue
		}
		sh.statement(st, sh.dir.placed[i])
	}
}

func (sh *shape) statement(st Statement, p placement) {
	opaque, isOpaque := firstOpaque(st.Changes)
	placed := isOpaque && p.phase != "" && p.undo != ""
	if p.undo != "" && !isOpaque {
		sh.fail("", "remove the directive", "migrate:undo is for statements that the planner does not know; it knows how to undo this one")
	}
	if !placed && sh.onMade(st) {
		return
	}
	if !slices.ContainsFunc(st.Changes, func(c Change) bool { _, left := c.(Ignored); return !left }) {
		defer func(t *tableShape) { sh.making = t }(sh.making)
	}
	sh.making = nil
	if isOpaque {
		sh.opaque(st, opaque, p)
	} else {
		for _, c := range st.Changes {
			sh.apply(c)
		}
	}
	sh.mem.Apply(st)
}

func firstOpaque(changes []Change) (Opaque, bool) {
	for _, c := range changes {
		if o, ok := c.(Opaque); ok {
			return o, true
		}
	}
	return Opaque{}, false
}

func (sh *shape) opaque(st Statement, o Opaque, p placement) {
	if p.phase != "" && p.undo != "" {
		sh.steps = append(sh.steps, placedOp{at: sh.cur, phase: p.phase, op: OpOpaque{SQL: st.SQL, Undo: p.undo}})
		return
	}
	reason := o.Reason
	if reason == "" {
		reason = "the planner does not know it, so it cannot say whether it is safe"
	}
	rule := o.Rule
	if rule == "" {
		rule = "opaque-statement"
	}
	missing := "migrate:phase and migrate:undo"
	switch {
	case p.phase != "":
		missing = "migrate:undo"
	case p.undo != "":
		missing = "migrate:phase"
	}
	instead := "write it another way,"
	if o.Instead != "" {
		instead = o.Instead + ";"
	}
	sh.ps.at(sh.ps.file.Pos(st.Start+o.At), rule, fmt.Sprintf("%s or say with %s before the statement where it belongs and how to reverse it", instead, missing),
		"%s is opaque: %s", o.What, reason)
}

func (sh *shape) apply(c Change) {
	switch c := c.(type) {
	case CreateTable:
		sh.createTable(c)
	case DropTable:
		sh.dropTable(c)
	case CreateIndex:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "an index") {
			sh.createIndex(t, c)
		}
	case DropIndex:
		sh.dropIndex(c)
	case AddCheck:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "a check") && !t.wasThere(c.OfColumn) && sh.known(t, c.Check.Columns()) {
			c.Check = t.asOpen(c.Check)
			t.checks = append(t.checks, located[AddCheck]{sh.cur, c})
		}
	case UpdateRows:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "an UPDATE") {
			sh.update(t, c)
		}
	case RenameTable:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "a new name") {
			sh.renameTable(t, c.To)
		}
	case AddConstraint:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "a constraint") {
			sh.addConstraint(t, c)
		}
	case DropConstraint:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "DROP CONSTRAINT") {
			sh.dropConstraint(t, c)
		}
	case InsertRows:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "an INSERT") && sh.known(t, c.Columns) {
			t.inserts = append(t.inserts, located[InsertRows]{sh.cur, c})
		}
	case DeleteRows:
		if t := sh.table(c.Table); t != nil && sh.existing(t, "a DELETE") && sh.known(t, c.Where.Columns()) {
			c.Where = t.asOpen(c.Where)
			t.deletes = append(t.deletes, located[DeleteRows]{sh.cur, c})
		}
	case Direct:
		sh.direct(c)
	case Ignored:
		sh.ignored = append(sh.ignored, located[Ignored]{sh.cur, c})
		if c.Checks != "" {
			sh.unchecked = c.Checks == "off"
		}
	case Opaque:
		sh.fail("opaque-statement", "", "%s is opaque", c.What)
	default:
		sh.applyColumn(c)
	}
}

// applyColumn handles the changes of one column.
func (sh *shape) applyColumn(c Change) {
	switch c := c.(type) {
	case AddColumn:
		sh.addColumn(c)
	case DropColumn:
		sh.onColumn(c.Table, c.Column, c.IfExists, func(_ *tableShape, col *columnShape) {
			col.dropped = true
			if col.orig == nil {
				sh.fail("", "remove both statements", "column %q is added and dropped in the same migration", c.Column)
			}
		})
	case RenameColumn:
		sh.onColumn(c.Table, c.From, false, func(t *tableShape, col *columnShape) { sh.rename(t, col, c.To) })
	case ChangeType:
		sh.onColumn(c.Table, c.Column, false, func(t *tableShape, col *columnShape) {
			if c.Remade != nil {
				sh.remake(t, col, c.Remade)
				return
			}
			sh.changeType(t, col, c.Type, c.Using)
		})
	case RedefineColumn:
		sh.onColumn(c.Table, c.From, false, func(t *tableShape, col *columnShape) { sh.redefine(t, col, c.Column) })
	case SetNotNull:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.notNull = true })
	case DropNotNull:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.notNull = false })
	case SetDefault:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.setDefault(c.Default) })
	case DropDefault:
		sh.onColumn(c.Table, c.Column, false, func(_ *tableShape, col *columnShape) { col.setDefault(Expr{}) })
	}
}
