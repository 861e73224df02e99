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
	// Generated is "", or as in Column: "stored", "virtual", "identity always",
	// "identity by default", "auto_increment". GeneratedAs is the expression of
	// a stored or virtual column, Sequence an identity's options as SQL.
	Generated   string
	GeneratedAs Expr
	Sequence    string
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
		// Of is the table of which it is a partition, if it is one.
		Of Ref
		// Like are the tables that it takes its columns from.
		Like []Ref
		SQL  string
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
		// Remade is set where the migration makes the type anew, in the place of the
		// column's: then it says what there is to know.
		Remade *Remade
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
		// Settled are the columns of which a second run would surely change nothing,
		// though they may be computed from themselves: lower(email).
		Settled []string
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
		// NotValid: existing rows are not to be looked at (PostgreSQL's NOT VALID).
		NotValid bool
		// OfColumn is the column that is added with it: where that was there
		// before (IF NOT EXISTS), it is not added either.
		OfColumn string
	}
	// RenameTable renames a table. To has no schema: tables do not move.
	RenameTable struct {
		Table Ref
		To    string
	}
	// AddConstraint adds a constraint other than NOT NULL and CHECK.
	AddConstraint struct {
		Table Ref
		// OfColumn is as in AddCheck.
		OfColumn string
		ConstraintDef
	}
	// DropConstraint drops a constraint of any kind but NOT NULL by its name;
	// Kind is set where the statement says it (MySQL's DROP FOREIGN KEY, DROP
	// PRIMARY KEY, which has no name).
	DropConstraint struct {
		Table    Ref
		Name     string
		Kind     string
		IfExists bool
	}
	// InsertRows writes seed rows: once, in expand.
	InsertRows struct {
		Table   Ref
		Columns []string // those it names; empty: all, in the table's order
		Reads   []Ref    // tables that its SELECT reads
		SQL     string
	}
	// DeleteRows is a DELETE from one table without joins: in contract, in chunks.
	DeleteRows struct {
		Table Ref
		Where Expr
	}
	// Direct is a statement (or clause, then SQL is a whole statement that does
	// the clause alone) that its dialect knows in full and that changes nothing
	// the shapes of tables are made of: a comment, a grant, a view, a function,
	// a type, a storage parameter.
	Direct struct {
		// What names it for people: "COMMENT ON COLUMN users.name".
		What string
		// Object is what it creates, changes or drops. Statements of one
		// migration on the same object stay together, in their order.
		Object ObjectRef
		// Needs are the tables and columns that it mentions, under the names that
		// they have at this point of the file: it runs when those are there.
		Needs  []Need
		Effect Effect
		// Late: it takes away what columns and tables are made of (a type, a
		// function, a sequence), so it waits until those that this migration drops
		// are gone for good.
		Late bool
		// Replaces: it makes the object anew if that is there already (OR REPLACE),
		// so that nothing is left of what the object mentioned before.
		Replaces bool
		// IfExists: it does nothing if the object is not there.
		IfExists bool
		SQL      string
	}
	// Ignored is a statement that migrate has no use for, because it does by
	// itself what the statement is for: BEGIN and COMMIT around a file, SET
	// lock_timeout, LOCK TABLE. It becomes a hazard and nothing else.
	Ignored struct {
		What, Rule, Reason string
		// Checks says whether from here on foreign keys are looked at (MySQL's
		// foreign_key_checks): "off", "on", or "" where it says nothing of it. Of
		// what it asks for, this alone is heeded, and for tables only that the
		// migration itself makes.
		Checks string
	}
	// Opaque is a statement (or clause) that the planner does not know.
	Opaque struct {
		// What names it: "ALTER TABLE ... SET STORAGE".
		What string
		// Rule is the hazard rule that it breaks; empty: opaque-statement.
		Rule string
		// Reason says why it is refused and what to do instead, if known.
		Reason string
		// Instead, if set, is another statement that can be planned.
		Instead string
		// Table is the one that it changes, if that is known and all it changes.
		Table Ref
		// At is the byte of the statement that it is about.
		At  int
		SQL string
	}
)

// ConstraintDef is a UNIQUE, PRIMARY KEY, FOREIGN KEY or EXCLUDE constraint.
type ConstraintDef struct {
	// Kind is as in Constraint: "unique", "primary key", "foreign key", "exclusion".
	Kind string
	// Name is empty if the engine chooses.
	Name string
	// Columns are those of the table that it mentions, in order.
	Columns []string
	// Index names the existing index that it is to be made of (PostgreSQL's
	// USING INDEX); empty: it makes its own.
	Index string
	// Refers and RefColumns are what a foreign key points to; no RefColumns:
	// the primary key.
	Refers     Ref
	RefColumns []string
	// Cascades: its action changes rows of this table (not NO ACTION, RESTRICT).
	Cascades bool
	// NotValid: existing rows are not to be looked at (PostgreSQL's NOT VALID).
	NotValid bool
	// SQL is the clause without "CONSTRAINT name", as the dialect reads it again.
	SQL string
}

// ObjectRef names an object that is not a table or column. Kind is in words:
// "view", "materialized view", "function", "type", "domain", "sequence",
// "extension", "schema", "trigger", "policy", "statistics", "publication",
// "grant", "comment", "table setting", "column setting" … On is the table it
// belongs to, if it is of a table; Detail tells apart what a name alone does
// not (a function's argument types, a column).
type ObjectRef struct {
	Kind   string `json:"kind"`
	Ref    Ref    `json:"ref"`
	On     Ref    `json:"on"`
	Detail string `json:"detail,omitempty"`
}

// Need is a table that a statement mentions, and which columns of it; no
// columns: the table as a whole; "*": all columns there are. Parts are indexes and constraints of the table
// that it mentions by name.
type Need struct {
	Table   Ref
	Columns []string
	Parts   []string
}

// Effect says what a Direct statement does to the versions that run beside it,
// and so where it belongs.
type Effect string

// The effects.
const (
	// Widens: what was valid stays valid. In expand, as soon as what it needs
	// is there.
	Widens Effect = "widens"
	// Narrows: somebody may have relied on what it takes away. In contract.
	Narrows Effect = "narrows"
	// Destroys: it narrows, and nothing brings back what it took (TRUNCATE).
	// After the grace.
	Destroys Effect = "destroys"
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
func (RenameTable) change()    {}
func (AddConstraint) change()  {}
func (DropConstraint) change() {}
func (InsertRows) change()     {}
func (DeleteRows) change()     {}
func (Direct) change()         {}
func (Ignored) change()        {}
func (Opaque) change()         {}
