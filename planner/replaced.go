package planner

import "slices"

// replaced.go: a constraint that a migration drops and adds again under its name,
// saying something else. Between the two, what holds is what either shape accepts:
// a check stays as the two of them joined by OR, and a key waits for its successor
// where the one accepts all that the other does.

// Interim is the check that stands in for one that is replaced, until its
// successor holds.
type Interim struct {
	Table *Table
	Name  string
	Old   Constraint
	New   Expr
}

// successor finds what takes a constraint's place under its name, and says when:
// with Widens in expand, with Narrows in contract. It is empty where nothing does,
// or where both have to be without it meanwhile.
func (b *builder) successor(t *tableShape, k located[Constraint]) (check *located[AddCheck], key *located[AddConstraint], when Effect) {
	if b.dir.placed[k.stmt].phase != "" || !b.plain(t, k.it.Columns) {
		return nil, nil, ""
	}
	free := func(stmt int, columns []string) bool { return b.dir.placed[stmt].phase == "" && b.plain(t, columns) }
	for i := range t.checks {
		ck := &t.checks[i]
		if k.it.Kind == "check" && ck.it.Name == k.it.Name && free(ck.stmt, ck.it.Check.Columns()) {
			return ck, nil, b.d.Supersede(b.s, t.t, k.it, ConstraintDef{Kind: "check", Name: k.it.Name})
		}
	}
	for i := range t.constraints {
		c := &t.constraints[i]
		if c.it.Kind == k.it.Kind && c.it.Name == k.it.Name && free(c.stmt, c.it.Columns) {
			return nil, c, b.d.Supersede(b.s, t.t, k.it, c.it.ConstraintDef)
		}
	}
	return nil, nil, ""
}

// plain reports whether columns are what they were, under their names.
func (b *builder) plain(t *tableShape, columns []string) bool {
	return !slices.ContainsFunc(columns, func(name string) bool {
		c := t.column(name)
		return c == nil || c.orig == nil || c.orig.Name != name || c.shadow() != ""
	})
}

// interim is the check that stands in for one that is replaced; nil if none does.
func (b *builder) interim(t *tableShape, k located[Constraint]) *Interim {
	ck, _, when := b.successor(t, k)
	if ck == nil || when == "" {
		return nil
	}
	return &Interim{Table: t.t, Name: b.hiddenName(t, k.it.Name), Old: k.it, New: ck.it.Check}
}

// endInterim ends what stood in for a check, when its successor holds.
func (b *builder) endInterim(t *tableShape, ck located[AddCheck]) {
	for _, k := range t.dropKeys {
		if in := b.interim(t, k); in != nil && k.it.Name == ck.it.Name {
			b.add(stageContract, ck.at, OpDropInterim{Interim: *in})
		}
	}
}

// superseded is the constraint whose place another takes in one moment, and the
// effect that says when; nil if it takes none.
func (b *builder) superseded(t *tableShape, c located[AddConstraint]) (*Constraint, Effect) {
	for _, k := range t.dropKeys {
		if _, by, when := b.successor(t, k); by != nil && when != "" && by.at == c.at && by.it.Name == c.it.Name {
			return &k.it, when
		}
	}
	return nil, ""
}
