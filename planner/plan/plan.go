// Package plan holds the types of a plan: what migrate will do to a database,
// step by step, in three phases. A plan is data. The planner writes it, people
// review it, the executor runs its SQL to the letter. The package depends on
// nothing but the standard library, so that anything may import it.
package plan

import "time"

// FormatVersion is the version of the JSON that plan and status print.
const FormatVersion = "1"

// PhaseName names one of the three phases of a plan.
type PhaseName string

// The phases, in the order in which they run.
const (
	Expand   PhaseName = "expand"
	Backfill PhaseName = "backfill"
	Contract PhaseName = "contract"
)

// Plan is everything that will happen for one migration on one database.
type Plan struct {
	FormatVersion string `json:"format_version"`
	// Migration is the migration's name: its file's base name without ".sql".
	Migration string `json:"migration"`
	// Engine is "postgres", "mysql" or "mariadb".
	Engine string `json:"engine"`
	// ServerVersion is the version the server reported when the plan was made.
	ServerVersion string `json:"server_version"`
	// Flag is the feature flag that the migration is tied to.
	Flag string `json:"flag"`
	// Soak is how long the flag must have been full before contract.
	Soak Duration `json:"soak"`
	// Grace is how long contracted objects stay restorable.
	Grace Duration `json:"grace"`
	// Shadow tells who does the shadow writes.
	Shadow Shadow `json:"shadow"`
	// Checksum is the SHA-256 of the migration's file, in hex.
	Checksum string `json:"checksum"`
	// Fingerprint identifies the schema of the touched tables that the plan was
	// made for. A plan whose fingerprint no longer matches is stale.
	Fingerprint string `json:"fingerprint"`
	// Touches lists what the migration reads or changes, as "table" (renamed,
	// created or dropped) or "table.column", to find overlaps between open migrations.
	// What ends in "?" it merely relies on (Reading).
	Touches []string `json:"touches"`
	Phases  []Phase  `json:"phases"`
	// Verify holds, per synchronised table, how to count inconsistent rows.
	Verify []Verification `json:"verify,omitempty"`
	// Checks are read-only questions that the planner wants the server to answer
	// before anybody trusts the plan.
	Checks []Check `json:"checks,omitempty"`
	// Questions are what to ask of the rows.
	Questions []Question `json:"questions,omitempty"`
	Hazards   []Hazard   `json:"hazards"`
	// Notes tell a reviewer what is worth knowing and is not a hazard.
	Notes []string `json:"notes,omitempty"`
}

// Shadow tells who carries a write from one shape to the other.
type Shadow string

// Who does shadow writes: a trigger, the app itself, or nobody.
const (
	ShadowDB  Shadow = "db"
	ShadowApp Shadow = "app"
	ShadowOff Shadow = "off"
)

// Phase is one phase of a plan: its gates and its steps, in order.
type Phase struct {
	Phase PhaseName `json:"phase"`
	// Gates must all pass before the phase's first step.
	Gates []string `json:"gates"`
	Steps []Step   `json:"steps"`
}

// Work classifies what a step costs the server.
type Work string

// What a step does to the table's data.
const (
	Metadata Work = "metadata" // catalog only, independent of the table's size
	Scan     Work = "scan"     // reads the whole table
	Rewrite  Work = "rewrite"  // writes a new copy of the table, online
	Build    Work = "build"    // builds an index
	ChunkRun Work = "chunks"   // many short transactions
)

// Mode tells how a step's statements are run.
type Mode string

const (
	// InTx runs all statements and the journal entry in one transaction: the
	// journal alone tells whether the step happened.
	InTx Mode = "tx"
	// Each runs the statements one by one on one pinned connection, because the
	// engine commits after each (MySQL) or refuses a transaction (CONCURRENTLY):
	// every statement's probe tells whether it happened.
	Each Mode = "each"
	// Chunked walks a table in short transactions, each with its checkpoint.
	Chunked Mode = "chunks"
)

// Statement is one SQL statement of a step.
type Statement struct {
	SQL string `json:"sql"`
	// Probe is a query whose first column of its first row is true (1) when the
	// statement's effect is already there, so that it must not run again, or nothing
	// is left for it to be of use to, as a lock to what is there already. Empty:
	// the statement may be repeated without harm. Used in mode Each only.
	Probe string `json:"probe,omitempty"`
	// Locks: it locks a table until the statement that Unlocks it. What is between
	// them goes to the server in one message, as far as it has no probes to ask first.
	// A probe of this statement that is true speaks for all of them.
	Locks   bool `json:"locks,omitempty"`
	Unlocks bool `json:"unlocks,omitempty"`
	// Holds: that lock makes one instant of what follows in the step. Where it is
	// cut off, the step is undone before it is tried again.
	Holds bool `json:"holds,omitempty"`
	// Ahead: right before the lock, the probe says what it says in its place.
	Ahead bool `json:"ahead,omitempty"`
}

// Lock is the strongest lock that a step takes on an object of the user's.
type Lock struct {
	// Mode is the engine's own name of the lock, such as "ACCESS EXCLUSIVE".
	Mode string `json:"mode"`
	// Object is the table it is taken on; empty when none is.
	Object string `json:"object"`
}

// Step is one SQL action with its lock, timeouts, probes and undo.
type Step struct {
	// ID is unique within the plan: phase and number, "expand-1".
	ID string `json:"id"`
	// Title says what the step does, in a few words: "add column users.first_name".
	Title string `json:"title"`
	// Why says why the step is where it is.
	Why  string `json:"why,omitempty"`
	Mode Mode   `json:"mode"`
	// SQL is the script a reader sees: the statements, joined.
	SQL        string      `json:"sql"`
	Statements []Statement `json:"statements,omitempty"`
	// Chunks is set in mode Chunked.
	Chunks *Chunks `json:"chunks,omitempty"`
	Lock   Lock    `json:"lock"`
	// AlsoLocks are the locks on further tables, such as the one that a foreign
	// key refers to.
	AlsoLocks []Lock `json:"also_locks,omitempty"`
	Work      Work   `json:"work"`
	// LockTimeoutMS bounds the wait for each lock, in milliseconds; 0: no bound
	// (the engine cannot, and the step blocks nobody while it waits).
	LockTimeoutMS int `json:"lock_timeout_ms"`
	// StatementTimeoutMS bounds each statement, in milliseconds; 0: no bound.
	StatementTimeoutMS int `json:"statement_timeout_ms"`
	// Rows estimates how many rows the step reads or writes; 0 for metadata.
	Rows int64 `json:"rows,omitempty"`
	// Bytes estimates the size of the table that the step reads or writes; 0 for
	// metadata, and where the server does not tell.
	Bytes int64 `json:"bytes,omitempty"`
	// Undo is the script a reader sees; UndoStatements are what is run.
	Undo           string      `json:"undo"`
	UndoStatements []Statement `json:"undo_statements,omitempty"`
	// UndoMode is how UndoStatements run; empty means as Mode.
	UndoMode Mode `json:"undo_mode,omitempty"`
	// UndoLoses guards the undo: when its query returns true, undoing would
	// lose rows that exist nowhere else, and the executor refuses.
	UndoLoses *Check `json:"undo_loses,omitempty"`
	// UndoFirst, if set, is run to its end before the undo (and only then): it
	// brings the columns that the undo restores up to date. After a cut (see
	// Statement.Holds) it runs right before the lock, unless the query
	// UndoFirstUnless says that the columns have been restored.
	UndoFirst *Chunks `json:"undo_first,omitempty"`
	// UndoFirstAlso are the same for further tables.
	UndoFirstAlso   []Chunks `json:"undo_first_also,omitempty"`
	UndoFirstUnless string   `json:"undo_first_unless,omitempty"`
	// UndoAfter, if set, ends the undo of a step that was cut off under a lock
	// that it holds: it carries over what was written when that lock was gone.
	UndoAfter *Chunks `json:"undo_after,omitempty"`
	// Ends names the table (as Chunks.Label does) whose open state this step
	// ends: from here on there are no two shapes to compare.
	Ends string `json:"ends,omitempty"`
	// AlsoEnds names further tables of which that is so.
	AlsoEnds []string `json:"also_ends,omitempty"`
	// AfterGrace marks the purge steps of the contract phase.
	AfterGrace bool `json:"after_grace,omitempty"`
}

// Chunks is work done on a table in many short pieces. How the table is cut is
// the engine's affair; the executor keeps cursors as opaque text.
type Chunks struct {
	// Table is the table, quoted and qualified as the engine wants it.
	Table string `json:"table"`
	// Label is the table as people read it.
	Label string `json:"label"`
	// Key holds the columns that name a row to a person and, where the walk is
	// by key, its order. Unquoted. Empty where a table has no key.
	Key []string `json:"key,omitempty"`
	// SQL is the statement of one piece, with the engine's own parameters for
	// the piece's bounds. It changes rows (UPDATE, DELETE) or counts them: a
	// SELECT of two numbers, the rows in question and all rows of the piece.
	SQL string `json:"sql"`
	// Quicker does what SQL does in less time. Nil: nothing is known that does.
	Quicker *Quicker `json:"quicker,omitempty"`
	// Sample is a query with the same parameters that lists the keys of at most
	// ten rows that the piece concerns, each column as text. Empty: none.
	Sample string `json:"sample,omitempty"`
	// Shows names the columns whose values, as text, stand behind the key in what
	// Sample yields: both shapes of the row.
	Shows []string `json:"shows,omitempty"`
	// Whole is as Sample, of any rows of the piece: where a value makes the server
	// fail on the question of SQL and Sample, that names its row. Empty: none.
	Whole string `json:"whole,omitempty"`
	// Left is a query without parameters that tells (true) whether any row is
	// left to do. Empty: one pass is enough. It is one statement over the whole
	// table, in one snapshot, because rows move: in pieces it would miss what the
	// walk has missed.
	Left string `json:"left,omitempty"`
	// Bounded: the walk ends where the table ended when it began. What comes
	// behind that is not its affair, and it makes such rows itself where the
	// engine writes a new version of a row elsewhere.
	Bounded bool `json:"bounded,omitempty"`
	// Quiet names the synchronisation whose trigger, which fires behind the user's, takes
	// back what these make of the row. What else they do is done. Empty: none does.
	Quiet string `json:"quiet,omitempty"`
	// Rows estimates the table's rows.
	Rows int64 `json:"rows"`
}

// Quicker is a statement that does the same as another for a table that is in a
// certain state.
type Quicker struct {
	SQL string `json:"sql"`
	// When is a query without parameters that is true while the table is in that state.
	When string `json:"when"`
}

// Verification tells how to find the inconsistent rows of one table.
type Verification struct {
	// Counts counts, piece by piece, the rows that are not consistent.
	Counts Chunks `json:"counts"`
	// Strict does so before the new shape has writers, when new = up(old) must
	// hold where there is no down to compare with. Nil: as Counts.
	Strict *Chunks `json:"strict,omitempty"`
	// RepairUp and RepairDown, where they exist, make inconsistent rows
	// consistent from the old shape or from the new one.
	RepairUp   *Chunks `json:"repair_up,omitempty"`
	RepairDown *Chunks `json:"repair_down,omitempty"`
}

// Check is a read-only question with a yes-or-no or a works-or-fails answer.
type Check struct {
	// SQL is the query. For Plan.Checks it must merely be accepted by the
	// server (it is explained, not run); for UndoLoses its first column tells.
	SQL string `json:"sql"`
	// Message says what it means when the check fails.
	Message string `json:"message"`
	Pos
}

// Severity ranks a hazard.
type Severity string

// An error-level hazard stops expand unless it is allowed with a reason.
const (
	Error   Severity = "error"
	Warning Severity = "warning"
	Info    Severity = "info"
)

// Pos is a place in a migration's file; lines and columns count from 1.
type Pos struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

// Hazard is something about the migration that may hurt, and what to do instead.
type Hazard struct {
	// Rule is the hazard's stable name in kebab-case.
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Pos
	Message string `json:"message"`
	Instead string `json:"instead"`
	// Allowed says that a migrate:allow directive acknowledges it, and Reason why.
	Allowed bool   `json:"allowed"`
	Reason  string `json:"reason,omitempty"`
}

// Duration is a time.Duration that JSON shows as text, such as "10m0s".
type Duration time.Duration

// Steps returns the steps of a phase; nil when the plan has none.
func (p *Plan) Steps(name PhaseName) []Step {
	if ph := p.phase(name); ph != nil {
		return ph.Steps
	}
	return nil
}

// Gates returns the gates before a phase.
func (p *Plan) Gates(name PhaseName) []string {
	if ph := p.phase(name); ph != nil {
		return ph.Gates
	}
	return nil
}

func (p *Plan) phase(name PhaseName) *Phase {
	for i := range p.Phases {
		if p.Phases[i].Phase == name {
			return &p.Phases[i]
		}
	}
	return nil
}

// Empty reports whether the plan has no step at all.
func (p *Plan) Empty() bool {
	for _, ph := range p.Phases {
		if len(ph.Steps) > 0 {
			return false
		}
	}
	return true
}

// Blocking returns the error-level hazards that nobody has allowed.
func (p *Plan) Blocking() []Hazard {
	var out []Hazard
	for _, h := range p.Hazards {
		if h.Severity == Error && !h.Allowed {
			out = append(out, h)
		}
	}
	return out
}
