package planner

import "slices"

// Schema is what a dialect's inspector read from a database, and the facts
// about the server that planning depends on. It is the planner's whole
// knowledge of the database.
type Schema struct {
	// Engine is "postgres", "mysql" or "mariadb".
	Engine string `json:"engine"`
	// Version is what the server calls itself; VersionNum compares: 170005 for
	// PostgreSQL 17.5, 90700 for MySQL 9.7.0, 110803 for MariaDB 11.8.3.
	Version    string `json:"version"`
	VersionNum int    `json:"version_num"`
	// Default is the schema in which unqualified names are created (PostgreSQL),
	// or the database's name (MySQL, MariaDB).
	Default string `json:"default"`
	// Path is the search path for unqualified names; empty on MySQL, MariaDB.
	Path []string `json:"path,omitempty"`
	// Facts are server settings that decide between plans.
	Facts  map[string]string `json:"facts,omitempty"`
	Tables []*Table          `json:"tables"`
	// Assumed: nobody has asked a database. What is not here may well exist.
	Assumed bool `json:"-"`
	// Objects are the other objects that the migration mentions, as they are.
	Objects []*Object `json:"objects,omitempty"`
}

// Object is an object that is not a table, as it is before the migration: what
// undoing a change of it needs.
type Object struct {
	ObjectRef
	// Definition is the statement that makes it again as it is, or what its
	// dialect wants to know of it.
	Definition string `json:"definition"`
	// Facts are further properties that decide between plans.
	Facts map[string]string `json:"facts,omitempty"`
	// Tables are those that it reads or belongs to.
	Tables []Ref `json:"tables,omitempty"`
}

// Object finds an object; nil if there is none. A name without its schema is
// looked up along the search path.
func (s *Schema) Object(r ObjectRef) *Object {
	schemas := []string{r.Ref.Schema}
	if r.Ref.Schema == "" {
		schemas = append(slices.Clone(s.Path), "")
	}
	for _, schema := range schemas {
		for _, o := range s.Objects {
			if o.Kind == r.Kind && o.Detail == r.Detail && o.Ref == (Ref{Schema: schema, Name: r.Ref.Name}) && (r.On == Ref{} || s.Table(r.On) == s.Table(o.On)) {
				return o
			}
		}
	}
	return nil
}

// Table is one table (or view, which plans must know to avoid).
type Table struct {
	Ref  Ref    `json:"ref"`
	Kind string `json:"kind"` // "table", "partitioned", "view", "other"
	// Rows and Bytes are the server's estimates; not part of the fingerprint.
	Rows        int64        `json:"-"`
	Bytes       int64        `json:"-"`
	Columns     []Column     `json:"columns"`
	Indexes     []Index      `json:"indexes,omitempty"`
	Constraints []Constraint `json:"constraints,omitempty"`
	// Dependents are other objects that mention the table or its columns.
	Dependents []Dependent `json:"dependents,omitempty"`
	// Key is the best way to name a row: the primary key's columns, else those
	// of a unique index over NOT NULL columns; empty if there is none.
	Key []string `json:"key,omitempty"`
	// Facts are properties of the table that decide between plans, such as
	// "row_security" or "row_format".
	Facts map[string]string `json:"facts,omitempty"`
}

// Column is one column as the server describes it.
type Column struct {
	Name string `json:"name"`
	// Type is the full type in the server's own words, without collation.
	Type      string `json:"type"`
	Collation string `json:"collation,omitempty"` // only when not the type's own
	Charset   string `json:"charset,omitempty"`   // MySQL, MariaDB
	NotNull   bool   `json:"not_null,omitempty"`
	// Default is the default as SQL; the zero Expr if there is none.
	Default Expr `json:"default"`
	// Generated is "stored", "virtual", "identity always", "identity by
	// default", "auto_increment" or empty.
	Generated string `json:"generated,omitempty"`
	Comment   string `json:"comment,omitempty"`
	// Rest holds further attributes needed to write the column's full
	// definition again (MySQL: ON UPDATE …, INVISIBLE).
	Rest string `json:"rest,omitempty"`
}

// Index is one index. Definition is the server's CREATE INDEX statement (or
// what the dialect makes of its catalog where the server has none).
type Index struct {
	Name       string   `json:"name"`
	Columns    []string `json:"columns"` // every column that it mentions
	Unique     bool     `json:"unique,omitempty"`
	Primary    bool     `json:"primary,omitempty"`
	Constraint string   `json:"constraint,omitempty"` // the constraint it backs
	Simple     bool     `json:"simple,omitempty"`     // plain columns, no predicate, no expression
	Deferrable bool     `json:"deferrable,omitempty"` // its constraint may be checked as late as at the end of a transaction
	Definition string   `json:"definition"`
	Comment    string   `json:"comment,omitempty"` // PostgreSQL
}

// Constraint is a check, foreign key or exclusion constraint.
type Constraint struct {
	Name       string   `json:"name"`
	Kind       string   `json:"kind"` // "check", "foreign key", "exclusion", "not null", "unique", "primary key"
	Columns    []string `json:"columns"`
	Definition string   `json:"definition"`
	// Cascades: a foreign key whose action changes rows of this table without
	// firing triggers (MySQL, MariaDB).
	Cascades bool   `json:"cascades,omitempty"`
	Comment  string `json:"comment,omitempty"` // PostgreSQL
}

// Dependent is an object outside the table that depends on it.
type Dependent struct {
	Kind    string   `json:"kind"` // "view", "materialized view", "trigger", "rule", "policy", "publication", "foreign key", "generated column", "statistics"
	Name    string   `json:"name"`
	Columns []string `json:"columns,omitempty"` // empty: the table as a whole
	// Definition is the script that makes it anew, where the dialect can.
	Definition string `json:"definition,omitempty"`
}

// Table finds a table by a name that may lack its schema; nil if there is none.
func (s *Schema) Table(r Ref) *Table {
	if r.Schema != "" {
		return s.exact(r)
	}
	for _, p := range s.Path {
		if t := s.exact(Ref{Schema: p, Name: r.Name}); t != nil {
			return t
		}
	}
	return s.exact(Ref{Name: r.Name})
}

// Display writes a table's name as people read it: without the schema when
// that is the default one.
func (s *Schema) Display(r Ref) string {
	if r.Schema == s.Default {
		return r.Name
	}
	return r.String()
}

func (s *Schema) exact(r Ref) *Table {
	for _, t := range s.Tables {
		if t.Ref == r {
			return t
		}
	}
	return nil
}

// Column finds a column; nil if there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Index finds an index; nil if there is none.
func (t *Table) Index(name string) *Index {
	for i := range t.Indexes {
		if t.Indexes[i].Name == name {
			return &t.Indexes[i]
		}
	}
	return nil
}
