package planner

import (
	"slices"
	"strings"
)

// Memory is a schema that moves along with the statements of a file: what each
// of them is linted against, and, for a folder of migrations and no database,
// all that is known. It never changes the tables that it was given.
type Memory struct {
	*Schema
	d Dialect
	// own are the tables that may be changed in place, fresh the names of those
	// that the file itself created.
	own   map[*Table]bool
	fresh map[Ref]bool
}

// Remember begins a file over a schema.
func Remember(d Dialect, s *Schema) *Memory {
	c := *s
	c.Tables, c.Objects = slices.Clone(s.Tables), slices.Clone(s.Objects)
	return &Memory{Schema: &c, d: d, own: map[*Table]bool{}, fresh: map[Ref]bool{}}
}

// Fresh reports whether the file itself created a table: nobody uses it yet, and
// it has no rows but the file's.
func (m *Memory) Fresh(r Ref) bool {
	if t := m.Table(r); t != nil {
		r = t.Ref
	}
	return m.fresh[r] || r.Schema == "" && m.fresh[Ref{Schema: m.Default, Name: r.Name}]
}

// Apply plays a statement.
func (m *Memory) Apply(st Statement) {
	for _, c := range st.Changes {
		m.change(c, st.SQL)
	}
}

func (m *Memory) change(c Change, sql string) {
	switch c := c.(type) {
	case CreateTable:
		m.createTable(c.Table, sql)
	case Opaque:
		if t := m.d.AssumeTable(m.Schema, c.SQL); t != nil {
			m.createTable(t.Ref, c.SQL)
		}
	case DropTable:
		if t := m.Table(c.Table); t != nil {
			m.Tables = slices.DeleteFunc(m.Tables, func(o *Table) bool { return o == t })
			delete(m.fresh, t.Ref)
		}
	case RenameTable:
		if t := m.edit(c.Table); t != nil {
			m.fresh[Ref{Schema: t.Ref.Schema, Name: c.To}] = m.fresh[t.Ref]
			t.Ref.Name = c.To
		}
	case CreateIndex:
		if t := m.edit(c.Table); t != nil && t.Index(c.Name) == nil {
			t.Indexes = append(t.Indexes, Index{Name: c.Name, Columns: c.Columns, Unique: c.Unique, Simple: true, Definition: c.SQL})
		}
	case DropIndex:
		if t := m.indexed(c); t != nil {
			t = m.edit(t.Ref)
			t.Indexes = slices.DeleteFunc(t.Indexes, func(ix Index) bool { return ix.Name == c.Name })
		}
	case Direct:
		m.direct(c)
	default:
		m.changeColumn(c)
		m.changeConstraint(c)
	}
}

// edit is a table that may be changed; nil if it is not known.
func (m *Memory) edit(r Ref) *Table {
	t := m.Table(r)
	if t == nil || m.own[t] {
		return t
	}
	c := *t
	c.Columns, c.Indexes = slices.Clone(t.Columns), slices.Clone(t.Indexes)
	c.Constraints, c.Dependents = slices.Clone(t.Constraints), slices.Clone(t.Dependents)
	m.Tables[slices.Index(m.Tables, t)] = &c
	m.own[&c] = true
	return &c
}

func (m *Memory) createTable(r Ref, sql string) {
	if m.Table(r) != nil {
		return
	}
	full := r
	if full.Schema == "" {
		full.Schema = m.Default
	}
	if len(m.Path) == 0 {
		full.Schema = ""
	}
	m.fresh[full] = true
	if t := m.d.AssumeTable(m.Schema, sql); t != nil {
		m.own[t] = true
		m.Tables = append(m.Tables, t)
	}
}

// indexed is the table of an index.
func (m *Memory) indexed(c DropIndex) *Table {
	if c.Table != (Ref{}) {
		return m.Table(c.Table)
	}
	for _, t := range m.Tables {
		if t.Index(c.Name) != nil && (c.Schema == "" || c.Schema == t.Ref.Schema) {
			return t
		}
	}
	return nil
}

// column is a column that may be changed, and its table; nil if not known.
func (m *Memory) column(r Ref, name string) (*Table, *Column) {
	t := m.edit(r)
	if t == nil {
		return nil, nil
	}
	return t, t.Column(name)
}

func (m *Memory) changeColumn(c Change) {
	switch c := c.(type) {
	case AddColumn:
		if t := m.edit(c.Table); t != nil && t.Column(c.Column.Name) == nil {
			t.Columns = append(t.Columns, columnOf(c.Column))
		}
	case DropColumn:
		if t, col := m.column(c.Table, c.Column); col != nil {
			mentions := func(columns []string) bool { return slices.Contains(columns, c.Column) }
			t.Columns = slices.DeleteFunc(t.Columns, func(o Column) bool { return o.Name == c.Column })
			t.Indexes = slices.DeleteFunc(t.Indexes, func(ix Index) bool { return mentions(ix.Columns) })
			t.Constraints = slices.DeleteFunc(t.Constraints, func(k Constraint) bool { return mentions(k.Columns) })
		}
	case RenameColumn:
		m.renameColumn(c.Table, c.From, c.To)
	case RedefineColumn:
		if _, col := m.column(c.Table, c.From); col != nil {
			name := col.Name
			*col = columnOf(c.Column)
			col.Name = name
			m.renameColumn(c.Table, c.From, c.Column.Name)
		}
	case ChangeType:
		if c.Remade != nil {
			m.remadeType(c.Remade)
		} else if _, col := m.column(c.Table, c.Column); col != nil {
			col.Type = m.d.Compare(m.Schema, *col, c.Type).Canonical
		}
	case SetNotNull:
		if _, col := m.column(c.Table, c.Column); col != nil {
			col.NotNull = true
		}
	case DropNotNull:
		if _, col := m.column(c.Table, c.Column); col != nil {
			col.NotNull = false
		}
	case SetDefault:
		if _, col := m.column(c.Table, c.Column); col != nil {
			col.Default = c.Default
		}
	case DropDefault:
		if _, col := m.column(c.Table, c.Column); col != nil {
			col.Default = Expr{}
		}
	}
}

func columnOf(d ColumnDef) Column {
	return Column{
		Name: d.Name, Type: d.Type, NotNull: d.NotNull, Default: d.Default, Generated: d.Generated, Comment: d.Comment, Rest: d.Rest,
	}
}

func (m *Memory) renameColumn(r Ref, from, to string) {
	t, col := m.column(r, from)
	if col == nil || from == to {
		return
	}
	col.Name = to
	renamed := func(columns []string) []string {
		out := slices.Clone(columns)
		for i := range out {
			if out[i] == from {
				out[i] = to
			}
		}
		return out
	}
	t.Key = renamed(t.Key)
	for i := range t.Indexes {
		t.Indexes[i].Columns = renamed(t.Indexes[i].Columns)
	}
	for i := range t.Constraints {
		t.Constraints[i].Columns = renamed(t.Constraints[i].Columns)
	}
	for i := range t.Dependents {
		t.Dependents[i].Columns = renamed(t.Dependents[i].Columns)
	}
}

func (m *Memory) changeConstraint(c Change) {
	switch c := c.(type) {
	case AddCheck:
		if t := m.edit(c.Table); t != nil {
			t.Constraints = append(t.Constraints, c.constraint())
		}
	case AddConstraint:
		if t := m.edit(c.Table); t != nil {
			m.addConstraint(t, c.ConstraintDef)
		}
	case DropConstraint:
		if t := m.edit(c.Table); t != nil {
			gone := func(name, kind string) bool {
				return name == c.Name && c.Name != "" || c.Name == "" && kind == c.Kind
			}
			t.Constraints = slices.DeleteFunc(t.Constraints, func(k Constraint) bool { return gone(k.Name, k.Kind) })
			t.Indexes = slices.DeleteFunc(t.Indexes, func(ix Index) bool {
				return ix.Constraint != "" && (ix.Constraint == c.Name || ix.Primary && c.Kind == "primary key")
			})
		}
	}
}

func (m *Memory) addConstraint(t *Table, c ConstraintDef) {
	name := c.Name
	if name == "" {
		name = strings.Join(append([]string{t.Ref.Name}, c.Columns...), "_") // the server's choice differs; nobody here drops it by name
	}
	t.Constraints = append(t.Constraints, Constraint{Name: name, Kind: c.Kind, Columns: c.Columns, Definition: c.SQL, Cascades: c.Cascades})
	if c.Kind != "unique" && c.Kind != "primary key" {
		return
	}
	primary := c.Kind == "primary key"
	t.Indexes = append(t.Indexes, Index{Name: name, Columns: c.Columns, Unique: true, Primary: primary, Constraint: name, Simple: true})
	if primary {
		t.Key = c.Columns
	}
}

// direct remembers objects that are not tables, and on which tables they depend.
func (m *Memory) direct(c Direct) {
	same := func(o *Object) bool { return o.ObjectRef == c.Object }
	word, _, _ := strings.Cut(strings.TrimSpace(c.SQL), " ")
	i := slices.IndexFunc(m.Objects, same)
	switch {
	case strings.EqualFold(word, "DROP"):
		m.Objects = slices.DeleteFunc(m.Objects, same)
		for _, t := range m.Tables {
			if slices.ContainsFunc(t.Dependents, func(d Dependent) bool { return d.Kind == c.Object.Kind && d.Name == c.Object.Ref.Name }) {
				t = m.edit(t.Ref)
				t.Dependents = slices.DeleteFunc(t.Dependents, func(d Dependent) bool { return d.Kind == c.Object.Kind && d.Name == c.Object.Ref.Name })
			}
		}
		return
	case i >= 0:
		o := *m.Objects[i]
		o.Definition += ";\n" + c.SQL
		m.Objects[i] = &o
	default:
		m.Objects = append(m.Objects, &Object{ObjectRef: c.Object, Definition: c.SQL})
	}
	if !strings.EqualFold(word, "CREATE") {
		return
	}
	depend := func(r Ref, columns []string) {
		if t := m.edit(r); t != nil {
			t.Dependents = append(t.Dependents, Dependent{Kind: c.Object.Kind, Name: c.Object.Ref.Name, Columns: columns})
		}
	}
	for _, n := range c.Needs {
		depend(n.Table, n.Columns)
	}
}
