package views_test

import (
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// splitNameSource is the file that splitName was made of, checksum its SHA-256.
const splitNameSource = `-- migrate:flag users.split-name
-- migrate:down users.name = first_name || ' ' || last_name

ALTER TABLE users ADD COLUMN first_name text, ADD COLUMN last_name text;
UPDATE users SET first_name = split_part(name, ' ', 1),
                 last_name  = split_part(name, ' ', 2);
ALTER TABLE users ALTER COLUMN first_name SET NOT NULL;
ALTER TABLE users DROP COLUMN name;
`

var checksum = planner.File{Src: splitNameSource}.Checksum()

// source reads it.
func source(file string) string {
	if file == "migrations/0007_split_name.sql" {
		return splitNameSource
	}
	return ""
}

// splitName is a plan with one of everything that views show.
func splitName() *plan.Plan {
	file := "migrations/0007_split_name.sql"
	return &plan.Plan{
		FormatVersion: plan.FormatVersion, Migration: "0007_split_name", Engine: "postgres", ServerVersion: "17.5",
		Flag: "users.split-name", Soak: plan.Duration(10 * time.Minute), Grace: plan.Duration(24 * time.Hour),
		Shadow: plan.ShadowDB, Checksum: checksum, Fingerprint: "f00d",
		Touches: []string{"users.first_name", "users.name"},
		Phases: []plan.Phase{
			{Phase: plan.Expand, Gates: []string{"flag-off"}, Steps: []plan.Step{{
				ID: "expand-1", Title: "add columns users.first_name, users.last_name", Why: "the new shape needs them, and old writers may leave them out",
				Mode: plan.InTx, SQL: `ALTER TABLE "users" ADD COLUMN "first_name" text, ADD COLUMN "last_name" text`,
				Lock: plan.Lock{Mode: "ACCESS EXCLUSIVE", Object: "users"}, Work: plan.Metadata, LockTimeoutMS: 300, StatementTimeoutMS: 5000,
				Undo: `ALTER TABLE "users" DROP COLUMN "first_name", DROP COLUMN "last_name"`,
			}}},
			{Phase: plan.Backfill, Gates: []string{"flag-off"}, Steps: []plan.Step{{
				ID: "backfill-1", Title: "fill users.first_name, users.last_name", Mode: plan.Chunked,
				SQL: `UPDATE "users" SET "first_name" = split_part("name", ' ', 1) WHERE ctid >= $1 AND ctid < $2`,
				Chunks: &plan.Chunks{
					Table: `"users"`, Label: "users", Key: []string{"id"}, Rows: 1234567,
					SQL: `UPDATE "users" SET "first_name" = split_part("name", ' ', 1) WHERE ctid >= $1 AND ctid < $2`,
				},
				Lock: plan.Lock{Mode: "ROW EXCLUSIVE", Object: "users"}, Work: plan.ChunkRun, LockTimeoutMS: 300,
			}}},
			{Phase: plan.Contract, Gates: []string{"flag-full", "soaked", "backfilled", "verified"}, Steps: []plan.Step{
				{
					ID: "contract-1", Title: "prove that users.first_name has no NULL", Why: "validated online, so that SET NOT NULL need not scan",
					Mode: plan.InTx, SQL: "ALTER TABLE \"users\" VALIDATE CONSTRAINT \"users_first_name_nn\";\nALTER TABLE \"users\" ALTER COLUMN \"first_name\" SET NOT NULL;",
					Lock: plan.Lock{Mode: "SHARE UPDATE EXCLUSIVE", Object: "users"}, Work: plan.Scan, Rows: 1234567, Bytes: 13_200_000_000, LockTimeoutMS: 300,
					Undo: `ALTER TABLE "users" ALTER COLUMN "first_name" DROP NOT NULL`,
				},
				{
					ID: "contract-2", Title: "drop users.name", Mode: plan.InTx, SQL: `ALTER TABLE "users" DROP COLUMN "~name"`,
					Lock: plan.Lock{Mode: "ACCESS EXCLUSIVE", Object: "users"}, Work: plan.Metadata, AfterGrace: true,
				},
			}},
		},
		Hazards: []plan.Hazard{
			{
				Rule: "missing-down", Severity: plan.Error, Pos: plan.Pos{File: file, Line: 8, Column: 19},
				Message: "new versions cannot leave out users.name, which is NOT NULL and has no default",
				Instead: "say with migrate:down what old versions read in it",
			},
			{
				Rule: "insert-without-column-list", Severity: plan.Info, Pos: plan.Pos{File: file, Line: 4, Column: 1},
				Message: "the columns stand at the end of the table", Allowed: true, Reason: "nobody writes INSERT without a column list | @team",
			},
		},
		Verify: []plan.Verification{{Counts: plan.Chunks{Table: `"users"`, Label: "users", SQL: "SELECT 0, 0"}}},
		Notes:  []string{"triggers on users: audit_users also fires for the backfill's writes"},
	}
}

// addNote is a small second plan.
func addNote() *plan.Plan {
	return &plan.Plan{
		FormatVersion: plan.FormatVersion, Migration: "0008_add_note", Engine: "postgres", ServerVersion: "17.5",
		Flag: "0008_add_note", Soak: plan.Duration(90 * time.Minute), Grace: 0, Shadow: plan.ShadowApp,
		Fingerprint: "beef", Touches: []string{"users.note"},
		Phases: []plan.Phase{{Phase: plan.Expand, Gates: []string{}, Steps: []plan.Step{{
			ID: "expand-1", Title: "add column users.note", Mode: plan.InTx, SQL: `ALTER TABLE "users" ADD COLUMN "note" text`,
			Lock: plan.Lock{Mode: "ACCESS EXCLUSIVE", Object: "users"}, Work: plan.Metadata,
		}}}},
		Hazards: []plan.Hazard{},
	}
}

// statuses has a migration in each situation that views tell apart.
func statuses() *executor.Status {
	return &executor.Status{FormatVersion: plan.FormatVersion, Paused: "host-b:77", Holder: "host-a:4711", Migrations: []executor.MigrationStatus{
		migration("0001_shop", executor.Done, "0001_shop"),
		{
			Name: "0007_split_name", State: executor.Open, Flag: "users.split-name",
			Gates: []executor.GateResult{
				{Gate: "flag-full", Result: executor.Block, Reason: "flag users.split-name is at 25%"},
				{Gate: "soaked", Result: executor.Inconclusive, Reason: "the flag's source does not answer"},
				{Gate: "verified", Result: executor.Pass, Reason: "no inconsistent row"},
			},
			Backfill: []executor.BackfillStatus{{Table: "users", RowsTotal: 200_000, RowsDone: 200_000, RowsPerSecond: 41_000}},
		},
		{
			Name: "0008_ids", State: executor.Backfilling, Flag: "0008_ids", Mismatches: 3, Gates: []executor.GateResult{},
			Backfill: []executor.BackfillStatus{
				{Table: "orders", RowsTotal: 1_000_000, RowsDone: 250_000, RowsPerSecond: 10_000, ETASeconds: 75},
				{Table: "order_lines", RowsTotal: 9_000_000, RowsDone: 0},
			},
		},
		failed(),
		inGrace(),
	}}
}

func migration(name string, state executor.State, flag string) executor.MigrationStatus {
	return executor.MigrationStatus{Name: name, State: state, Flag: flag, Gates: []executor.GateResult{}, Backfill: []executor.BackfillStatus{}}
}

func failed() executor.MigrationStatus {
	m := migration("0009_note", executor.Failed, "0009_note")
	m.FailedStep, m.FailedReason = "expand-2", "adding column orders.note: no lock on orders within 10m0s"
	return m
}

func inGrace() executor.MigrationStatus {
	m := migration("0010_old", executor.Grace, "0010_old")
	m.GraceLeft = 3700
	return m
}

// throttled is a backfill that is held, at a pace that somebody has set.
func throttled() *executor.Status {
	const why, others = "replica lag 12.3s > 5.0s (db2:5432)", "others run about 480 statements/s"
	one, rate := 1, 5000.0
	m := migration("0008_ids", executor.Backfilling, "0008_ids")
	m.Backfill = []executor.BackfillStatus{
		{Table: "orders", RowsTotal: 1_000_000, RowsDone: 250_000, RowsPerSecond: 10, ETASeconds: 75_000, Throttled: why, GivesWay: others},
		{Table: "order_lines", RowsTotal: 9_000_000},
	}
	return &executor.Status{
		FormatVersion: plan.FormatVersion, Holder: "host-a:4711", Throttled: why, GivesWay: others,
		Throttle: &executor.Tuning{Workers: &one, RowsPerSecond: &rate, By: "host-b:77"}, Migrations: []executor.MigrationStatus{m},
	}
}
