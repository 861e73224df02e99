package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// PostgreSQL's names of the locks that steps take (docs, Explicit Locking).
const (
	lockAccessShare          = "ACCESS SHARE"
	lockShareUpdateExclusive = "SHARE UPDATE EXCLUSIVE"
	lockRowExclusive         = "ROW EXCLUSIVE"
	lockShareRowExclusive    = "SHARE ROW EXCLUSIVE"
	lockShare                = "SHARE"
	lockExclusive            = "EXCLUSIVE"
	lockAccessExclusive      = "ACCESS EXCLUSIVE"
)

const (
	// lockTimeoutMS bounds the wait for a lock that others would queue behind.
	lockTimeoutMS = 300
	// patientLockTimeoutMS bounds the wait for SHARE UPDATE EXCLUSIVE, behind
	// which neither readers nor writers queue. It is longer than the server's
	// usual deadlock_timeout of 1 s, after which an autovacuum makes way.
	patientLockTimeoutMS = 2000
	// metadataTimeoutMS bounds a statement that only touches the catalog: if it
	// takes longer than this, it is not what we thought.
	metadataTimeoutMS = 10_000
)

// script is what a reader of the plan sees of statements.
func script(statements []plan.Statement) string {
	out := make([]string, len(statements))
	for i, st := range statements {
		out[i] = st.SQL
	}
	return strings.Join(out, ";\n")
}

// plain makes statements without probes, for transactions.
func plain(sqls ...string) []plan.Statement {
	out := make([]plan.Statement, 0, len(sqls))
	for _, sql := range sqls {
		out = append(out, plan.Statement{SQL: sql})
	}
	return out
}

// seal fills in a step's scripts from its statements.
func seal(step plan.Step) plan.Step {
	switch c := step.Chunks; {
	case c == nil:
		step.SQL = script(step.Statements)
	case c.Quicker != nil:
		step.SQL = c.Quicker.SQL
	default:
		step.SQL = c.SQL
	}
	step.Undo = script(step.UndoStatements)
	return step
}

// catalogStep is a step that only touches the catalog, in one transaction.
func catalogStep(title, why string, lock plan.Lock, do, undo []string) plan.Step {
	return seal(plan.Step{
		Title: title, Why: why, Mode: plan.InTx, Lock: lock, Work: plan.Metadata,
		Statements: plain(do...), UndoStatements: plain(undo...),
		LockTimeoutMS: lockTimeoutMS, StatementTimeoutMS: metadataTimeoutMS,
	})
}

// ourName builds a name for an object of ours that is unique for its parts and
// never too long.
func ourName(kind string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	tail := "_" + hex.EncodeToString(sum[:4])
	head := "migrate_" + kind + "_" + strings.Join(parts, "_")
	return clip(head, maxIdentifier-len(tail)) + tail
}

// bareColumn writes a column of the table at hand.
func bareColumn(name string) string { return quote(name) }

// recordColumn writes a column of a trigger's record (NEW or OLD).
func recordColumn(record string) func(string) string {
	return func(name string) string { return record + "." + quote(name) }
}
