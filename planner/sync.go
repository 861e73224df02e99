package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// sync.go finds the groups of columns that say the same thing in two shapes.

// down is a transform from the new shape to a column of the old one.
type down struct {
	column string // its name in the old shape
	expr   Expr   // over the names of the open state
	at     at
}

// downs collects a table's migrate:down directives. Expressions are over new
// columns and columns that both shapes have.
func (sh *shape) downs(t *tableShape) []down {
	var out []down
	for _, d := range sh.dir.downs {
		if s := sh.s.Table(d.table); !t.renamed(d.table) && (s == nil || s != t.t) {
			continue
		}
		sh.cur = at{pos: d.pos, stmt: -1}
		if t.t.Column(d.Column) == nil {
			sh.fail("", "use migrate:up for a column that this migration adds", "migrate:down is for columns of the old shape; %q has no column %q", t.label, d.Column)
			continue
		}
		if !sh.knownEver(t, d.Expr.Columns()) || !sh.usable(d.Expr, "migrate:down") {
			continue
		}
		if slices.ContainsFunc(out, func(o down) bool { return o.column == d.Column }) {
			sh.fail("", "keep one", "migrate:down of %q is given twice", d.Column)
			continue
		}
		out = append(out, down{column: d.Column, expr: d.Expr, at: sh.cur})
	}
	return out
}

// groups computes the synchronised groups of the open state.
func groups(t *tableShape, downs []down) []Group {
	var out []Group
	for _, c := range t.columns {
		if g, ok := pair(c); ok {
			out = append(out, g)
		}
	}
	return append(out, transforms(t, downs)...)
}

// pair is the group of a renamed or retyped column: it and its shadow.
func pair(c *columnShape) (Group, bool) {
	if c.orig == nil || c.dropped || c.shadow() == "" {
		return Group{}, false
	}
	up, back := ColumnExpr(c.orig.Name), ColumnExpr(c.shadow())
	if c.retyped() {
		up = c.retype.Up
		back = rename(c.retype.Down, map[string]string{c.orig.Name: c.shadow()})
	}
	g := Group{
		Old: []string{c.orig.Name}, New: []string{c.shadow()},
		Up:   []Assign{{Column: c.shadow(), Expr: up}},
		Down: []Assign{{Column: c.orig.Name, Expr: back}},
		// A renamed column's shadow bears the name that new versions write.
		Hidden: c.retyped() && !c.renamed(),
		Placed: c.placed(),
	}
	if def := c.openDefault(); !def.IsZero() {
		g.OldDefaults = []Assign{{Column: c.orig.Name, Expr: def}}
	}
	return g, true
}

// transforms groups the columns that up and down expressions tie together: a
// down and the added columns that it reads are one group, with the ups of
// those; an up that no down reads is a group of its own.
func transforms(t *tableShape, downs []down) []Group {
	ups := map[string]*columnShape{}
	var order []string
	for _, c := range t.columns {
		if c.orig == nil && !c.up.IsZero() {
			ups[c.name] = c
			order = append(order, c.name)
		}
	}
	parent := newSets()
	for _, d := range downs {
		for _, in := range d.expr.Columns() {
			if ups[in] != nil {
				parent.join("d:"+d.column, "u:"+in)
			}
		}
	}
	for _, u := range order {
		for _, in := range ups[u].up.Columns() {
			if slices.ContainsFunc(downs, func(d down) bool { return d.column == in }) {
				parent.join("d:"+in, "u:"+u)
			}
		}
	}
	var roots []string
	members := map[string]*Group{}
	group := func(node string) *Group {
		r := parent.find(node)
		if members[r] == nil {
			members[r] = &Group{}
			roots = append(roots, r)
		}
		return members[r]
	}
	for _, u := range order {
		g := group("u:" + u)
		g.Up = append(g.Up, Assign{Column: u, Expr: ups[u].up})
		if !ups[u].def.IsZero() {
			g.NewDefaults = append(g.NewDefaults, Assign{Column: u, Expr: ups[u].def})
		}
	}
	for _, d := range downs {
		g := group("d:" + d.column)
		g.Down = append(g.Down, Assign{Column: d.column, Expr: d.expr})
		if def := t.original(d.column).openDefault(); !def.IsZero() {
			g.OldDefaults = append(g.OldDefaults, Assign{Column: d.column, Expr: def})
		}
	}
	out := make([]Group, 0, len(roots))
	for _, r := range roots {
		members[r].fillColumns()
		out = append(out, *members[r])
	}
	return out
}

// fillColumns derives Old and New from the transforms. A column that both
// directions read belongs to the old side: it is an input, not a shape.
func (g *Group) fillColumns() {
	add := func(list *[]string, c string) {
		if !slices.Contains(*list, c) {
			*list = append(*list, c)
		}
	}
	for _, a := range g.Down {
		add(&g.Old, a.Column)
	}
	for _, a := range g.Up {
		add(&g.New, a.Column)
	}
	for _, a := range g.Up {
		for _, in := range a.Expr.Columns() {
			if !slices.Contains(g.New, in) {
				add(&g.Old, in)
			}
		}
	}
	for _, a := range g.Down {
		for _, in := range a.Expr.Columns() {
			if !slices.Contains(g.Old, in) {
				add(&g.New, in)
			}
		}
	}
}

// sets is a union-find over names.
type sets map[string]string

func newSets() sets { return sets{} }

func (s sets) find(x string) string {
	p, ok := s[x]
	if !ok || p == x {
		s[x] = x
		return x
	}
	r := s.find(p)
	s[x] = r
	return r
}

func (s sets) join(a, b string) { s[s.find(a)] = s.find(b) }

// rename writes an expression over other column names.
func rename(e Expr, names map[string]string) Expr {
	out := e
	out.Parts = slices.Clone(e.Parts)
	for i, p := range out.Parts {
		if n, ok := names[p.Column]; ok && p.Column != "" {
			out.Parts[i].Column = n
		}
	}
	out.NullInputs = slices.Clone(e.NullInputs)
	for i, n := range out.NullInputs {
		if to, ok := names[n]; ok {
			out.NullInputs[i] = to
		}
	}
	return out
}

// retyped reports whether the column needs a shadow of another type.
func (c *columnShape) retyped() bool {
	return c.retype != nil && c.retype.Kind == TypeCompatible
}

// renamed reports whether the column gets a new name.
func (c *columnShape) renamed() bool {
	return c.orig != nil && !c.dropped && c.name != c.orig.Name
}

// openDefault is the default that a column of the old shape has in the open
// state: its own, or the one that expand gave it where it had none.
func (c *columnShape) openDefault() Expr {
	if c.orig.Default.IsZero() && !c.dropped && !c.retyped() {
		return c.def
	}
	return c.orig.Default
}

// original finds a column of the old shape by its old name.
func (t *tableShape) original(name string) *columnShape {
	for _, c := range t.columns {
		if c.orig != nil && c.orig.Name == name {
			return c
		}
	}
	return nil
}

// shadow names the column that stands for this one while both shapes live: the
// new name of a renamed column, a hidden one for a retyped column, else "".
func (c *columnShape) shadow() string {
	switch {
	case c.orig == nil || c.dropped:
		return ""
	case c.renamed():
		return c.name
	case c.retyped():
		return c.hidden
	}
	return ""
}

// digest makes the short, stable part of the names that we give to things.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:4])
}

// cut shortens a name to what the server allows after a prefix.
func (sh *shape) cut(prefix, name string) string {
	r := []rune(name)
	for len(r) > 0 && sh.d.Length(prefix+string(r)) > sh.d.MaxIdentifier() {
		r = r[:len(r)-1]
	}
	return prefix + string(r)
}

// tombstone names what is left of an object after contract.
func (sh *shape) tombstone(t *tableShape, name string) string {
	return sh.cut("_migrate_old_"+digest(sh.ps.file.Name, t.ref.String(), name)+"_", name)
}

// hiddenName names the shadow of a retyped column, or of an index over it.
func (sh *shape) hiddenName(t *tableShape, name string) string {
	return sh.cut("_migrate_new_"+digest(sh.ps.file.Name, t.ref.String(), name)+"_", name)
}

// openName names the copy of an index that goes when the open state ends.
func (sh *shape) openName(t *tableShape, name string) string {
	return sh.cut("_migrate_new_"+digest(sh.ps.file.Name, t.ref.String(), name, "open")+"_", name)
}

// syncName names triggers and functions: readable, ASCII, at most 40 bytes, so
// that prefixes and suffixes fit every engine's limit.
func (sh *shape) syncName(t *tableShape) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, sh.ps.file.Name)
	if len(slug) > 31 {
		slug = slug[:31]
	}
	return slug + "_" + digest(sh.ps.file.Name, t.ref.String())
}
