package planner

import (
	"fmt"

	"github.com/expandcontract/migrate/planner/foreign"
	"github.com/expandcontract/migrate/planner/plan"
)

// Dialect is what the planner needs of an engine. All of it is pure: text and
// inspected schema in, data out; no context, no connection.
type Dialect interface {
	// Engine is the engine's name: "postgres", "mysql" or "mariadb".
	Engine() string

	// Parse reads a migration with the engine's real grammar. What the grammar
	// cannot read is a *SyntaxError; what it reads but Change cannot say is an
	// Opaque change, so that a directive may still place it.
	Parse(src string) (*Script, error)

	// ParseAssign reads the body of an up or down directive, "table.col = expr".
	// Offsets in errors count from the start of src.
	ParseAssign(src string) (Ref, Assign, error)

	// Compare says what changing a column to a type means on this server.
	Compare(s *Schema, from Column, to string) TypeChange

	// SameDefault reports whether two default expressions mean the same.
	SameDefault(a, b Expr) bool

	// Lower turns an op into steps. It fails with an *Unsupported if the engine
	// cannot do it safely, naming the object in the way.
	Lower(s *Schema, op Op) (Lowered, error)

	// Weigh says what the statements of a migration on one object do together,
	// given the object as it is before (nil: not there). Strongest is the answer
	// where there is nothing more to know.
	Weigh(s *Schema, changes []Direct, before *Object) Effect

	// Verify builds the statements that find and repair inconsistent rows of a
	// synchronised table in the open state.
	Verify(s *Schema, sync *Sync) (plan.Verification, error)

	// Checks builds the statements that the server must accept before a plan is
	// believed: each expression over the table as it is now, with its type.
	Checks(s *Schema, t *Table, exprs []TypedExpr) []plan.Check

	// Supersede says when a constraint can take the place of another of its kind and
	// name, with no moment in which neither holds: Widens, while old versions still
	// run, for it accepts all that they write; Narrows, when they are gone. For a
	// check any of the two means that both can hold as one, joined by OR. Empty: it
	// cannot, or neither may hold while both versions run.
	Supersede(s *Schema, t *Table, old Constraint, by ConstraintDef) Effect

	// Question asks about the rows of a table as they are; ok is false where the
	// engine cannot ask that, or the answer is known.
	Question(s *Schema, t *Table, q RowQuestion) (out plan.Question, ok bool)

	// Lint finds what a reviewer should know about a migration and only this
	// engine can tell. The schema may be partial, or made up by someone who knows
	// the migrations before this one but no database (lint): a table that is not
	// in it is not known not to exist.
	Lint(s *Schema, script *Script) []Finding

	// Assume makes the schema of a server that nobody has asked: of a version
	// such as "16" or "8.4", and without tables.
	Assume(version string) (*Schema, error)

	// AssumeTable reads a CREATE TABLE as the table that it makes; nil if that
	// cannot be told from the statement.
	AssumeTable(s *Schema, sql string) *Table

	// Lexis says how the engine's text is cut into strings and comments.
	Lexis() foreign.Lexis

	// TypedNull writes a NULL of a column type, to stand in a check for a column
	// that does not exist yet: "NULL::text" or "CAST(NULL AS CHAR)".
	TypedNull(columnType string) string

	// MaxIdentifier is the length limit of a name: bytes on PostgreSQL (63),
	// characters on MySQL and MariaDB (64); Length measures a name so.
	MaxIdentifier() int
	Length(name string) int

	// Blockers names what forbids to synchronise these columns of a table by
	// trigger (cascading foreign keys, row security, …), to derive others of them there
	// (values that come only behind triggers), or to rebuild, rename or drop them (views, generated columns, …), given the wish.
	Blockers(s *Schema, t *Table, columns []string, wish Wish) []Blocker
}

// Wish says what is to be done with a column, for Dialect.Blockers.
type Wish string

// What the planner may want of columns.
const (
	WishSync    Wish = "sync"    // write them from a trigger
	WishRead    Wish = "read"    // derive others of them in a trigger
	WishRename  Wish = "rename"  // rename them in contract, dependants following
	WishDrop    Wish = "drop"    // drop them in contract
	WishReplace Wish = "replace" // have another column take their place
)

// Blocker is an object in the way. Ref names it where a migration might itself
// drop or replace it: then it is not in the way.
type Blocker struct {
	Object, Reason string
	Ref            ObjectRef
}

// Finding is something that Dialect.Lint found.
type Finding struct {
	Rule string
	// Severity is the rule's own where it is empty.
	Severity plan.Severity
	// Statement is the index of the statement; Offset, if not 0, is the byte in
	// the source to point at instead of the statement's beginning.
	Statement, Offset int
	Message, Instead  string
}

// TypedExpr is an expression that must yield a type, for Dialect.Checks.
type TypedExpr struct {
	Expr Expr
	Type string // empty: any (a WHERE)
	Pos  plan.Pos
	What string // "migrate:up users.first_name"
}

// Script is a parsed migration.
type Script struct {
	Statements []Statement
	Comments   []Comment
	// InTransaction: what runs the file puts all of it into one transaction.
	// migrate never does.
	InTransaction bool
}

// Statement is one SQL statement: the changes it makes, in order, and where it
// stands (byte offsets into the source; Start is its first token).
type Statement struct {
	Changes []Change
	// IfTable: the statement does nothing where this table is not there.
	IfTable    Ref
	SQL        string
	Start, End int
}

// Comment is a comment's text without its markers, and where it starts.
type Comment struct {
	Text  string
	Start int
	// Text begins TextStart bytes into the source.
	TextStart int
}

// TypeChange classifies a change of a column's type.
type TypeChange struct {
	Kind TypeKind
	// Why says on which rule the verdict stands, for the plan's reader.
	Why string
	// Canonical is the new type in the server's own words.
	Canonical string
	// Up converts old to new and Down new to old, for Compatible. Down must
	// never fail: a value that the old type cannot hold becomes the nearest one.
	Up, Down Expr
	// Fit is Down, but NULL for a value that the old type cannot hold: what
	// keeps an old column current that is unique. Zero: Down never comes near only.
	Fit Expr
	// Must is what the rows fulfil that the new type can hold, where there may be
	// others: contract begins with the proof. Zero: all do.
	Must Expr
	// Placeholder, for Compatible, is what the new column may hold from the
	// beginning if the old one forbids NULL: then the new one forbids it, too, each
	// row has its place for the value, and contract has nothing to prove. Zero: the
	// new column begins with NULL.
	Placeholder Expr
	// Using is what a USING clause may say that means no more than the change.
	Using Expr
	// Reindexes: a Free change rebuilds every index that mentions the column. With
	// Up and Down, a shadow column takes its place where there is such an index.
	Reindexes bool
}

// TypeKind is the verdict on a change of type.
type TypeKind string

// The verdicts.
const (
	TypeSame         TypeKind = "same"
	TypeFree         TypeKind = "free"         // in place, no rewrite, nobody notices
	TypeCompatible   TypeKind = "compatible"   // clients of the old type can read the new one; needs a shadow column
	TypeIncompatible TypeKind = "incompatible" // clients would notice
)

// Lowered is what an op became.
type Lowered struct {
	Steps   []plan.Step
	Hazards []plan.Hazard // Pos is filled in by the planner
	Notes   []string
}

// SyntaxError is a place that the grammar could not read.
type SyntaxError struct {
	Offset  int // bytes from the start
	Message string
	// Rule is the hazard rule that it breaks, and Instead what to do, where
	// there is more to say than that the grammar cannot read it.
	Rule, Instead string
}

func (e *SyntaxError) Error() string { return e.Message }

// Unsupported says that the engine cannot do an op safely.
type Unsupported struct {
	What    string // the object or operation
	Reason  string
	Instead string
}

func (e *Unsupported) Error() string {
	if e.Instead == "" {
		return fmt.Sprintf("%s: %s", e.What, e.Reason)
	}
	return fmt.Sprintf("%s: %s; instead: %s", e.What, e.Reason, e.Instead)
}
