package planner

// Ref names a table. Schema is empty where the statement did not say one, and
// always empty on MySQL and MariaDB, whose database is the connection's.
type Ref struct{ Schema, Name string }

// String writes the name as people do, unquoted.
func (r Ref) String() string {
	if r.Schema == "" {
		return r.Name
	}
	return r.Schema + "." + r.Name
}

// Change is one schema operation read from a migration. The set is closed:
// everything a dialect's parser cannot say with these is Opaque.
type Change interface{ change() }

// ColumnDef is a column as a CREATE, ADD or MODIFY clause defines it.
type ColumnDef struct {
	Name string
	// Type is the full type, with length, sign, character set and collation,
	// written as the engine's parser writes it.
	Type    string
	NotNull bool
	// Default is the zero Expr when there is none (or DEFAULT NULL).
	Default Expr
	// Comment is set by MySQL's COMMENT attribute.
	Comment string
	// Rest holds further attributes that may stand in an ADD COLUMN as they
	// are and change nothing of its classification, such as "FIRST" or
	// "AFTER `x`" or "INVISIBLE".
	Rest string
}

// The kinds of change. Field Pos-less on purpose: a change's place is that of
// its Located wrapper.
type (
	// CreateTable creates a table; SQL is the statement.
	CreateTable struct {
		Table       Ref
		IfNotExists bool
		SQL         string
	}
	// DropTable drops a table.
	DropTable struct {
		Table    Ref
		IfExists bool
	}
	// AddColumn adds a column.
	AddColumn struct {
		Table       Ref
		Column      ColumnDef
		IfNotExists bool
	}
	// DropColumn drops a column.
	DropColumn struct {
		Table    Ref
		Column   string
		IfExists bool
	}
	// RenameColumn renames a column.
	RenameColumn struct {
		Table    Ref
		From, To string
	}
	// ChangeType changes a column's type under the same name. Using converts
	// the values; zero for the engine's assignment cast.
	ChangeType struct {
		Table  Ref
		Column string
		Type   string
		Using  Expr
	}
	// RedefineColumn is MySQL's MODIFY and CHANGE: From becomes Column in full.
	// The planner resolves it into the other kinds by comparing with the schema.
	RedefineColumn struct {
		Table  Ref
		From   string
		Column ColumnDef
	}
	// SetNotNull forbids NULL.
	SetNotNull struct {
		Table  Ref
		Column string
	}
	// DropNotNull allows NULL.
	DropNotNull struct {
		Table  Ref
		Column string
	}
	// SetDefault sets a column's default.
	SetDefault struct {
		Table   Ref
		Column  string
		Default Expr
	}
	// DropDefault removes it.
	DropDefault struct {
		Table  Ref
		Column string
	}
	// UpdateRows is an UPDATE of one table without joins.
	UpdateRows struct {
		Table Ref
		Set   []Assign
		Where Expr
	}
	// CreateIndex creates an index. SQL is the statement as the parser writes
	// it; dialects re-read it to lower it. Columns are those it mentions.
	CreateIndex struct {
		Table       Ref
		Name        string
		Unique      bool
		IfNotExists bool
		Columns     []string
		SQL         string
	}
	// DropIndex drops an index. Table is empty on PostgreSQL until resolved.
	DropIndex struct {
		Table    Ref
		Schema   string
		Name     string
		IfExists bool
	}
	// AddCheck adds a CHECK constraint. Name is empty if the engine chooses.
	AddCheck struct {
		Table Ref
		Name  string
		Check Expr
	}
	// Opaque is a statement (or clause) that the planner does not know.
	Opaque struct {
		// What names it: "ALTER TABLE ... SET STORAGE".
		What string
		// Reason says why it is refused and what to do instead, if known.
		Reason string
		SQL    string
	}
)

// Assign gives a column the value of an expression.
type Assign struct {
	Column string
	Expr   Expr
}

func (CreateTable) change()    {}
func (DropTable) change()      {}
func (AddColumn) change()      {}
func (DropColumn) change()     {}
func (RenameColumn) change()   {}
func (ChangeType) change()     {}
func (RedefineColumn) change() {}
func (SetNotNull) change()     {}
func (DropNotNull) change()    {}
func (SetDefault) change()     {}
func (DropDefault) change()    {}
func (UpdateRows) change()     {}
func (CreateIndex) change()    {}
func (DropIndex) change()      {}
func (AddCheck) change()       {}
func (Opaque) change()         {}
