package dialecttest

import "strings"

// row is one row of the model: column → value, nil for NULL.
type row map[string]*string

func (r row) clone() row {
	out := make(row, len(r))
	for c, v := range r {
		out[c] = v
	}
	return out
}

// modelGroup is planner.Group in Go: what DESIGN §5 says, spelled out.
type modelGroup struct {
	old, new []string
	up, down map[string]func(row) *string
	// Defaults of columns, constant.
	newDefaults, oldDefaults map[string]string
}

// model is the table as DESIGN §5 wants it.
type model struct {
	groups []modelGroup
	rows   map[string]row // by id
}

// insert is what an INSERT of the cells must leave behind.
func (m *model) insert(columns []string, cells []Cell) {
	r := m.fresh(columns, cells)
	for _, g := range m.groups {
		g.inserted(r)
	}
	m.rows[*r["id"]] = r
}

// fresh is a row with its defaults and the given values.
func (m *model) fresh(columns []string, cells []Cell) row {
	r := row{}
	for _, c := range columns {
		r[c] = nil
	}
	for _, g := range m.groups {
		for c, d := range g.oldDefaults {
			r[c] = ptr(d)
		}
	}
	for _, c := range cells {
		r[c.Column] = c.Value
	}
	return r
}

// insertBefore is what an INSERT leaves behind where no trigger is.
func (m *model) insertBefore(columns []string, cells []Cell) {
	r := m.fresh(columns, cells)
	m.rows[*r["id"]] = r
}

// update is what an UPDATE of one row must leave behind.
func (m *model) update(id string, cells []Cell) {
	before, ok := m.rows[id]
	if !ok {
		return
	}
	after := before.clone()
	for _, c := range cells {
		after[c.Column] = c.Value
	}
	for _, g := range m.groups {
		g.updated(before, after)
	}
	m.rows[id] = after
}

// backfill is what the backfill must leave behind in a row.
func (m *model) backfill(id string) {
	r, ok := m.rows[id]
	if !ok {
		return
	}
	for _, g := range m.groups {
		if g.unfilled(r) {
			g.apply(g.up, r)
		}
	}
}

func (g modelGroup) inserted(r row) {
	present := !g.unfilled(r)
	if !present && len(g.newDefaults) > 0 && g.oldAbsent(r) {
		for c, d := range g.newDefaults {
			r[c] = ptr(d)
		}
		present = true
	}
	switch {
	case !present:
		g.apply(g.filling(), r)
	case g.oldAbsent(r):
		g.apply(g.down, r)
	}
}

func (g modelGroup) updated(before, after row) {
	oldCh, newCh := changed(g.old, before, after), changed(g.new, before, after)
	// A new shape that is NULL because a new version wrote that is what down made the old one of.
	unfilled := g.unfilled(before) && (len(g.down) == 0 || !same(g.down, before))
	if newCh && unfilled {
		in := after.clone()
		for c, f := range g.filling() {
			if after[c] == nil {
				after[c] = f(in)
			}
		}
	}
	switch {
	case oldCh && newCh:
	case oldCh:
		g.apply(g.up, after)
	case newCh:
		g.apply(g.down, after)
	case unfilled:
		g.apply(g.filling(), after)
	}
}

// filling is what makes the new shape of a row: up, and the defaults of new
// columns that nothing leads to.
func (g modelGroup) filling() map[string]func(row) *string {
	out := make(map[string]func(row) *string, len(g.up))
	for c, d := range g.newDefaults {
		out[c] = func(row) *string { return ptr(d) }
	}
	for c, f := range g.up {
		out[c] = f
	}
	return out
}

func (g modelGroup) apply(assigns map[string]func(row) *string, r row) {
	in := r.clone()
	for c, f := range assigns {
		r[c] = f(in)
	}
}

// unfilled: the row has not been brought to the new shape yet.
func (g modelGroup) unfilled(r row) bool {
	for c := range g.filling() {
		if r[c] != nil {
			return false
		}
	}
	return len(g.up)+len(g.newDefaults) > 0
}

// oldAbsent: an INSERT said nothing of the old shape. Where nothing leads back
// to it, that is asked of the columns it is made of.
func (g modelGroup) oldAbsent(r row) bool {
	columns := g.old
	if len(g.down) > 0 {
		columns = nil
		for c := range g.down {
			columns = append(columns, c)
		}
	}
	for _, c := range columns {
		if d, ok := g.oldDefaults[c]; r[c] != nil && (!ok || *r[c] != d) {
			return false
		}
	}
	return true
}

// consistent is DESIGN §5: new = up(old) or old = down(new); without a way
// down, a row that has any new value.
func (g modelGroup) consistent(r row) bool {
	if same(g.up, r) {
		return true
	}
	if len(g.down) == 0 {
		return !g.unfilled(r) // and up gives a value, for they are not the same
	}
	return same(g.down, r)
}

func same(assigns map[string]func(row) *string, r row) bool {
	for c, f := range assigns {
		if !equal(r[c], f(r)) {
			return false
		}
	}
	return true
}

func changed(columns []string, before, after row) bool {
	for _, c := range columns {
		if !equal(before[c], after[c]) {
			return true
		}
	}
	return false
}

func equal(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func ptr(s string) *string { return &s }

// firstWord and otherWords are Expressions.FirstName and LastName.
func firstWord(s string) string {
	first, _, _ := strings.Cut(s, " ")
	return first
}

func otherWords(s string) string {
	_, rest, _ := strings.Cut(s, " ")
	return rest
}
