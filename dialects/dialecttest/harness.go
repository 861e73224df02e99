// Package dialecttest is the conformance suite that every engine passes: what
// the planner and the executor rely on, told as tests that run on a real
// server. An engine's own test calls Exercise and nothing else:
//
//	func TestConformance(t *testing.T) { dialecttest.Exercise(t, open) }
//
// The suite speaks the SQL that the engines share (varchar, bigint, INSERT with
// a column list, plain lower-case names) and asks the Harness for the rest.
package dialecttest

import (
	"database/sql"
	"testing"

	"github.com/expandcontract/migrate/dialects"
)

// Harness is an engine on a database of its own.
type Harness struct {
	Engine dialects.Engine
	// URL is an empty database that nobody else uses; the Session is open on it.
	// The harness closes the session and drops the database in t.Cleanup.
	URL     string
	Session dialects.Session

	// App is another pool on the database, as an application would have: not
	// under the session's application name.
	App *sql.DB

	// Expressions are the model's transforms in the engine's words.
	Expressions Expressions

	// Upsert writes "insert these cells; if a row with that key is there, update
	// it with those". The key column is id and stands first in insert.
	Upsert func(table string, insert, update []Cell) string

	// IdleUnknown: the server does not tell what an idle session ran last.
	IdleUnknown bool

	// BadCast is an expression over a varchar column called name whose value is
	// no number: it fails, and the server's message shows the value.
	BadCast string
}

// Expressions are bodies of up and down directives over the table people; each
// must yield NULL when any of its inputs is NULL.
type Expressions struct {
	// FirstName: "people.first_name = …": name up to its first space, or all of
	// it. LastName: what follows the first space, '' if there is none.
	FirstName, LastName string
	// FullName: "people.name = …": first_name, one space, last_name.
	FullName string
	// Total: "people.total = …": the product of the integers quantity and price,
	// as a bigint.
	Total string
}

// Cell is a value for a column; a nil Value is NULL. Integers are written as
// decimal text.
type Cell struct {
	Column string
	Value  *string
}

// Exercise runs the suite. open gives each test a fresh database and skips
// nothing: where no server can be had it fails.
func Exercise(t *testing.T, open func(t *testing.T) Harness) {
	t.Helper()
	t.Run("shadow writes agree with the model", func(t *testing.T) {
		t.Parallel()
		testShadowModel(t, open)
	})
	for name, run := range map[string]func(*testing.T, Harness){
		"shadow writes can be installed and undone": testShadowUndo,
		"backfill fills every row and says so":      testBackfill,
		"a row that fails is found":                 testBadRow,
		"verify counts and repairs":                 testVerify,
		"switch and its undo":                       testSwitch,
		"a blocked statement gives up in time":      testLockTimeout,
		"blockers are named without literals":       testBlockers,
		"one executor at a time":                    testTryLock,
		"a connection can be reset":                 testReset,
		"errors show no value":                      testRedact,
		"walkers meet every row once":               testWalker,
		"what others run is seen":                   testOthers,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, open(t))
		})
	}
}
