package planner

// Op is one engine-neutral operation of a plan. The planner decides which ops
// there are and in which phase and order; a dialect lowers each into steps.
// The set is closed.
type Op interface{ op() }

// The operations. A *Table is the table as it is before the migration.
type (
	// OpCreateTable runs the user's CREATE TABLE. Undo drops the table, guarded:
	// not while it has rows other than those that OpBuildTable keeps in mind
	// under the names of Seeds.
	OpCreateTable struct {
		Change CreateTable
		Seeds  []string
		// Moves: the migration gives it another name afterwards, where the guard
		// then is, or drops it again.
		Moves bool
		// Unchecked is as in BuildStatement.
		Unchecked bool
		// Made are all tables that the migration makes, by the names of their
		// CREATE TABLE. They may refer to each other.
		Made []Ref
	}

	// OpBuildTable runs, to the letter and in the file's order, what a migration
	// says of a table that it has made itself: nobody uses it yet. Undo is the
	// CREATE TABLE's; only what the table is called is taken back.
	OpBuildTable struct {
		Table      *Table // as it is called afterwards
		Statements []BuildStatement
		// InUse: it is a partition of a table that was there before, whose writers
		// may be after it already.
		InUse bool
		// Keep, if set, is the name under which the rows that the table has then
		// are kept in mind as the migration's own.
		Keep string
		// Guards say, where tables have their last names, which rows rolling back
		// may lose.
		Guards []BuildGuard
	}

	// OpAddColumns adds columns exactly as given, in one statement (the planner
	// has already removed what must wait: NOT NULL, defaults). After, if set,
	// places a column behind another where the engine can.
	// Undo drops them; Guarded names those whose values exist nowhere else once
	// new versions write, so that undo must refuse while any row has one.
	OpAddColumns struct {
		Table   *Table
		Columns []NewColumn
	}

	// OpSetDefault sets (or, with a zero Default, drops) the default of a column.
	// Before is the default to restore on undo (zero: none).
	OpSetDefault struct {
		Table   *Table
		Column  Column // as it is at that moment, for engines that restate it
		Default Expr
		Before  Expr
	}

	// OpDropNotNull allows NULL in a column; undo forbids it again, guarded by a
	// check that no NULL is there.
	OpDropNotNull struct {
		Table  *Table
		Column Column
	}

	// OpOmit takes back, in expand, what would refuse the rows of new versions,
	// who leave out columns that the migration drops: constraints that those
	// columns' values in such rows could break. Constraints and Indexes are those
	// that mention such a column, and that the migration does not drop by itself.
	// Undo brings them back.
	OpOmit struct {
		Table       *Table
		Columns     []Omitted
		Constraints []Constraint
		Indexes     []Index
	}

	// OpWidenType changes a type in place that the dialect called Free.
	// Undo restores it, guarded by a check that every value still fits.
	OpWidenType struct {
		Table  *Table
		Column Column
		Type   string
	}

	// OpRestate changes what a column says besides its type, NULL and default:
	// its comment and MySQL's further attributes. Column is as it is at that
	// moment, To as it becomes; undo is the reverse.
	OpRestate struct {
		Table      *Table
		Column, To Column
	}

	// OpCreateIndex builds an index without blocking writes.
	OpCreateIndex struct {
		Table  *Table
		Change CreateIndex
	}

	// OpCopyIndexes builds, online, a copy of each index that mentions a key of
	// Columns, over the mapped column instead, under the name that Names maps
	// the original's to. While both shapes live, both need fast queries. Replaces
	// tells those that take the original's place in the switch, its constraint
	// included, from those that go then.
	OpCopyIndexes struct {
		Table    *Table
		Columns  map[string]string
		Names    map[string]string
		Replaces bool
	}

	// OpInstallShadow installs the shadow-write trigger(s) of the open state.
	OpInstallShadow struct{ Sync *Sync }

	// OpBackfill brings every row up to date in one chunked pass: for each group
	// of Sync whose new columns are all NULL, new := up(row); for each Fill,
	// the column where it is NULL; for each Repair, its UPDATE.
	OpBackfill struct {
		Table   *Table
		Sync    *Sync // nil when there is nothing to synchronise
		Fills   []Assign
		Repairs []Repair
		// Verified: before the migration opens, all rows are compared, so that nobody
		// need look through the table for rows that Sync has missed.
		Verified bool
		// Shadowed: Sync's triggers are installed.
		Shadowed bool
	}

	// OpSetNotNull proves online that columns have no NULL and forbids it. It
	// runs while old versions are gone. Undo allows NULL again. All columns of a
	// table that need it come together, so that an engine which rebuilds the
	// table for it does so once.
	OpSetNotNull struct {
		Table   *Table
		Columns []Column // as they are at that moment
	}

	// OpAddCheck adds a check constraint, proved without blocking writes where
	// the engine can.
	OpAddCheck struct {
		Table  *Table
		Change AddCheck
		// Earlier are the checks that the migration adds to the table before this
		// one: a name that the engine chooses is none of theirs.
		Earlier []AddCheck
	}

	// OpDropIndex drops an index without blocking writes; undo builds it again.
	OpDropIndex struct {
		Table *Table
		Index Index
	}

	// OpSwitch is the moment of contract for one table, atomic to the app:
	// columns take their final names, the old shape's become tombstones, and
	// the open state's trigger (of Open) makes way for the grace state's, which keeps the
	// tombstones current (Grace). Either may be nil: no trigger before or after.
	// Undo is the exact reverse.
	OpSwitch struct {
		Table   *Table
		Columns []Rename // in an order in which no two columns ever share a name
		Indexes []Rename // indexes that take over the name of the one they replace
		// Rebuilt are the columns whose place another one takes. Whatever else
		// depends on them (checks, foreign keys, statistics, …) must be made for
		// those anew, and bear its name after the switch.
		Rebuilt []Rebuilt
		// Hidden and Tombs map the names of the table's constraints and other
		// dependants to those of their copies before the switch, and to their own
		// after it.
		Hidden, Tombs map[string]string
		// With are the statements that drop what would have been in the way of the
		// columns that are rebuilt, and make it anew: they belong to the moment,
		// and on the way back come after everything else.
		With  []OpDirect
		Open  *Sync
		Grace *Sync
		// Types get other names in the same moment, before anything else.
		Types []TypeRename
		// Bridges are crossed in the same moment: from here on it is the old types
		// that need one, and on the way back the new ones.
		Bridges []Bridge
		// And are the switches of further tables that belong to the same moment.
		And []OpSwitch
	}

	// OpFenceTable renames a table to its tombstone; undo renames it back.
	OpFenceTable struct {
		Table *Table
		Name  string // the tombstone's
	}

	// OpPurge ends the grace of a table's columns: it drops the grace trigger,
	// the listed indexes that would outlive their columns in another form, and
	// the tombstone columns. There is no undo.
	OpPurge struct {
		Table   *Table
		Columns []string // tombstones, as they are called by then
		Indexes []string // as they are called by then
		// Indexed are those of Columns that are still in an index which stays.
		Indexed []string
		// Dropped are what those of Columns that the migration drops were called.
		Dropped []string
		Sync    *Sync // whose triggers go; nil: none
		// Bridges have nobody left to carry.
		Bridges []Bridge
	}

	// OpBridge makes ready, while nobody waits for it, what the switch of types
	// needs for its bridges. It changes nothing that anybody sees.
	OpBridge struct {
		Bridges []Bridge
	}

	// OpPurgeTable drops a table's tombstone. There is no undo.
	OpPurgeTable struct {
		Table *Table
		Name  string
	}

	// OpDropShadow removes the open state's trigger in a contract that has no
	// column to switch. Undo installs it again.
	OpDropShadow struct{ Sync *Sync }

	// OpAddConstraint adds a unique, primary key, foreign key or exclusion
	// constraint, proved without blocking writes where the engine can. Refers is
	// the table that a foreign key points to. Undo drops it.
	OpAddConstraint struct {
		Table      *Table
		Constraint ConstraintDef
		Refers     *Table
		// Columns are the constraint's columns as they are at that moment.
		Columns []Column
		// Replaces is the primary key that gives way to this one, in one instant, or
		// the constraint of the same name; then it is called Hidden until that.
		Replaces *Constraint
		Hidden   string
		// Earlier are the constraints that the migration adds to the table before
		// this one: a name that the engine chooses is none of theirs.
		Earlier []ConstraintDef
		// Indexes are those that the migration adds to the table.
		Indexes []CreateIndex
	}
	// OpDropConstraint drops a constraint; undo adds it again (on PostgreSQL not
	// validated first, so that it cannot fail on the rows that came since).
	OpDropConstraint struct {
		Table      *Table
		Constraint Constraint
		// Replaced: the next operation names it as what it replaces. An engine
		// that does both in one instant does nothing here.
		Replaced bool
		// Until, if set, takes its place in the same instant.
		Until *Interim
	}
	// OpDropInterim ends what stood in for a check; undo brings it back.
	OpDropInterim struct{ Interim Interim }
	// OpAliasTable makes a table usable under a second name, for reads and
	// writes (an updatable view). Undo drops the second name.
	OpAliasTable struct {
		Table *Table
		Name  string
	}
	// OpSwapTable is the moment of a renaming: the alias goes, the table takes
	// its name, and the old name becomes an alias for the grace. Undo is the
	// exact reverse.
	OpSwapTable struct {
		Table *Table
		To    string
	}
	// OpDropAlias ends the grace of a renaming: the old name goes.
	OpDropAlias struct {
		Table *Table
		To    string // the table's name by then
	}
	// OpInsertRows runs an INSERT of seed rows once, with its journal entry. Undo
	// deletes the rows that it added.
	OpInsertRows struct {
		Table  *Table // only its name and kind, if this migration creates it
		Change InsertRows
		// Name tells the INSERT from those of all other migrations.
		Name string
	}
	// OpDeleteRows deletes rows in chunks.
	OpDeleteRows struct {
		Table *Table
		Where Expr
	}
	// OpSetIdentity makes an added column, filled and NOT NULL, count by itself
	// from where it is; until then its default drew from a sequence of migrate's.
	OpSetIdentity struct {
		Table  *Table
		Column Column
		// Generated and Sequence are as in ColumnDef.
		Generated, Sequence string
	}
	// OpDirect runs the statements on one object that the dialect knows in full,
	// together. Before is the object as it was inspected; nil: not there, or
	// nothing to know. Undo restores that.
	OpDirect struct {
		Changes []Direct
		Before  *Object
		// Grace: it runs in contract, where names move. What it drops must be
		// able to come back as it was, until the grace is over.
		Grace bool
		// Was maps the names of columns that the migration renames to those that
		// Before knows them by.
		Was map[string]string
	}
	// OpOpaque runs a statement of the user's as it is, where migrate:phase put
	// it; Undo is from migrate:undo.
	OpOpaque struct {
		SQL, Undo string
	}
)

// BuildStatement is one statement of an OpBuildTable.
type BuildStatement struct {
	SQL     string
	Changes []Change
	// What it does, in a few words.
	What []string
	// Refers are tables that were there before, to which its foreign keys point.
	Refers []*Table
	// Copies are tables that were there before, whose rows it reads.
	Copies []*Table
	// After is the table as it is after it, as far as that is known.
	After *Table
	// Rows: it writes rows.
	Rows bool
	// Unchecked: the file turned the checks of foreign keys off before it, as
	// dumps do, for what it points to comes later.
	Unchecked bool
	// Renames are the tables that get another name, Drops says that one goes.
	Renames []Rename
	Drops   bool
}

// BuildGuard guards the rollback of a table under its last name: rows that are
// not among those of Seeds would be lost.
type BuildGuard struct {
	Table Ref
	Seeds []string
}

// NewColumn is a column to add in expand.
type NewColumn struct {
	ColumnDef
	// Guarded: the column's values exist nowhere else, so that undo asks first.
	Guarded bool
	// After is the column to stand behind, where the engine can place columns.
	After string
	// Like, if set, is the column whose type, character set, collation and
	// comment this one shares (ColumnDef then has a name and a type, which wins
	// when it is not Like's own, and with a placeholder NOT NULL and a default).
	Like *Column
}

// Rebuilt is a column of the old shape whose place another one takes.
type Rebuilt struct {
	Column Column // as it is in the old shape
	// Shadow takes the column's name, and the column is called Tombstone then.
	Shadow, Tombstone string
	// Type, NotNull and Default are those of the new shape, which the shadow has
	// by then.
	Type    string
	NotNull bool
	Default Expr
	// Rest and Comment are those of the new shape, which come with the switch.
	Rest, Comment string
	// Placeholder is the shadow's default until the switch, where Default is zero;
	// zero: it has none.
	Placeholder Expr
}

// Omitted is a column that new versions leave out, and what their rows hold
// there: Down if it is set, else the column's default, else NULL.
type Omitted struct {
	Column Column
	Down   Expr
}

// Rename gives a new name to something.
type Rename struct{ From, To string }

// Repair is an UPDATE of existing columns, run in chunks.
type Repair struct {
	Set   []Assign
	Where Expr
}

// Sync is the synchronisation of the two shapes within one table for one
// migration (DESIGN, section 5). Names in it are the columns' names while it is
// installed.
type Sync struct {
	Migration string
	Table     *Table
	// Name is what triggers and functions are named after: unique for table and
	// migration, short enough for any prefix. The open and the grace variant
	// differ by State.
	Name string
	// State is "open" or "grace".
	State  string
	Groups []Group
	// Columns are all columns of the table while it is installed, with types.
	Columns []Column
}

// Group is one set of columns that say the same thing in two shapes.
type Group struct {
	// Old are the columns whose change means that the old shape was written:
	// the inputs of Up and the targets of Down. New likewise: the targets of Up
	// and the inputs of Down.
	Old, New []string
	// Up derives new columns, Down old ones. In the grace state Up is empty.
	Up, Down []Assign
	// NewDefaults and OldDefaults are the defaults of such columns. A column
	// that holds its default counts as absent from an INSERT (for a volatile
	// default: counts as absent whenever the other shape is present).
	// NewDefaults are not set in the schema while both shapes live: the trigger
	// applies them when both shapes are absent.
	NewDefaults, OldDefaults []Assign
	// Led is, in the grace state, the transform that led to the new columns, over
	// the names that all has by then, where that is not Up of the open state.
	Led []Assign
	// Nearest brings Down's columns up to date before they come back from the
	// grace, where Down itself yields NULL for what does not fit; empty: Down does.
	Nearest []Assign
	// Hidden: no version of the app knows the new columns, so that an INSERT
	// never says anything of them, whatever default contract gives them.
	Hidden bool
	// Placed: the new columns forbid NULL and begin with a placeholder, so that
	// only Up tells whether a row has been filled.
	Placed bool
}

func (OpCreateTable) op()    {}
func (OpBuildTable) op()     {}
func (OpAddColumns) op()     {}
func (OpSetDefault) op()     {}
func (OpDropNotNull) op()    {}
func (OpOmit) op()           {}
func (OpWidenType) op()      {}
func (OpRestate) op()        {}
func (OpCreateIndex) op()    {}
func (OpCopyIndexes) op()    {}
func (OpInstallShadow) op()  {}
func (OpBackfill) op()       {}
func (OpSetNotNull) op()     {}
func (OpAddCheck) op()       {}
func (OpDropIndex) op()      {}
func (OpSwitch) op()         {}
func (OpFenceTable) op()     {}
func (OpPurge) op()          {}
func (OpBridge) op()         {}
func (OpPurgeTable) op()     {}
func (OpDropShadow) op()     {}
func (OpAddConstraint) op()  {}
func (OpDropConstraint) op() {}
func (OpDropInterim) op()    {}
func (OpAliasTable) op()     {}
func (OpSwapTable) op()      {}
func (OpDropAlias) op()      {}
func (OpInsertRows) op()     {}
func (OpDeleteRows) op()     {}
func (OpSetIdentity) op()    {}
func (OpDirect) op()         {}
func (OpOpaque) op()         {}
