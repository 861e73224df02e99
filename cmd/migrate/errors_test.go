package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// printed is what printError writes.
func printed(ctx context.Context, err error) string {
	var out bytes.Buffer
	printError(ctx, streams.Buffers(io.Discard, &out), err)
	return out.String()
}

func TestErrorsAreShownWithWhatHelps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"plain", errors.New("disk full"), "error: disk full\n"},
		{"no database", config.ErrNoDatabase, "error: no database was given\nhint: give it with --database-url, MIGRATE_DATABASE_URL or --database-url-file: postgres://USER@HOST/DATABASE, mysql://… or mariadb://…\n"},
		{"usage", &executor.UsageError{Message: "m is done", Instead: "write a new migration"}, "error: m is done\nhint: write a new migration\n"},
		{"wrapped usage", fmt.Errorf("rolling back: %w", &executor.UsageError{Message: "m is done", Instead: "write a new migration"}), "error: rolling back: m is done\nhint: write a new migration\n"},
		{"stale", &executor.StaleError{Migration: "m", Reason: "the file has changed"}, "error: the plan of m is stale: the file has changed\nhint: make the plan anew with migrate plan --out FILE, review it, and expand that\n"},
		{"lease", &executor.LeaseHeldError{Holder: "host:1", Since: time.Unix(0, 0), Waited: time.Second}, "error: another executor holds the lease: host:1, since 1970-01-01T00:00:00Z (waited 1s)\nhint: migrate status shows how far it is; --wait 10m waits for it\n"},
		{"loss", &executor.LossError{Migration: "m", Step: "expand-1", Message: "rows have a note"}, "error: m: rolling back step expand-1 would lose data: rows have a note\nhint: --discard-data rolls back all the same; what it says is then lost\n"},
		{"two", errors.Join(errors.New("one"), errors.New("two")), "error: one\nerror: two\n"},
		{"changes are an answer", errChanges, ""},
		{"password", errors.New("connecting to postgres://a:s3cret@db/shop"), "error: connecting to postgres://a:xxxxx@db/shop\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, printed(t.Context(), test.err)); diff != "" {
				t.Errorf("the error is shown differently (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryGateHasAHint(t *testing.T) {
	t.Parallel()
	for _, gate := range []string{planner.GateFlagOff, planner.GateFlagFull, planner.GateSoaked, planner.GateBackfilled, planner.GateVerified, "healthy"} {
		err := &executor.GateError{Migration: "m", Results: []executor.GateResult{
			{Gate: "passing", Result: executor.Pass}, {Gate: gate, Result: executor.Block, Reason: "because"},
		}}
		got := printed(t.Context(), err)
		if !strings.Contains(got, gate+" is blocked: because") || !strings.Contains(got, "\nhint: ") {
			t.Errorf("gate %s is shown as\n%s", gate, got)
		}
	}
}

func TestHintIsAboutTheGateThatComesFirst(t *testing.T) {
	t.Parallel()
	err := &executor.GateError{Migration: "m", Results: []executor.GateResult{
		{Gate: planner.GateFlagFull, Result: executor.Block, Reason: "it is off"},
		{Gate: planner.GateBackfilled, Result: executor.Block, Reason: "it is backfilling"},
	}}
	want := `error: m: gate flag-full is blocked: it is off;
       gate backfilled is blocked: it is backfilling
hint: run migrate expand m to its end first
`
	if diff := cmp.Diff(want, printed(t.Context(), err)); diff != "" {
		t.Errorf("the gates are shown differently (-want +got):\n%s", diff)
	}
}

func TestInterruptionIsShownAsSuch(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errInterrupted)
	if got, want := printed(ctx, errors.New("canceling statement due to user request")), "error: interrupted; it is safe to run the same command again\n"; got != want {
		t.Errorf("shown as %q, want %q", got, want)
	}
}

func TestPlacesAreShownWithACaret(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "0001_wide.sql")
	if err := os.WriteFile(path, []byte("-- 名前\n\tALTER TABLE 顧客 DROP COLUMN name;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := func(line, column int) plan.Pos { return plan.Pos{File: path, Line: line, Column: column} }
	err := planner.Errors{
		{Pos: at(2, 17), Message: "no such column", Instead: "name one that exists"},
		{Pos: at(9, 1), Message: "beyond the end"},
		{Pos: plan.Pos{File: "gone.sql", Line: 1, Column: 1}, Message: "no file"},
	}
	want := strings.ReplaceAll(`error: FILE:2:17: no such column
  2 | 	ALTER TABLE 顧客 DROP COLUMN name;
    | 	                 ^
hint: name one that exists
error: FILE:9:1: beyond the end
error: gone.sql:1:1: no file
`, "FILE", path)
	if diff := cmp.Diff(want, printed(t.Context(), err)); diff != "" {
		t.Errorf("the places are shown differently (-want +got):\n%s", diff)
	}
}

func TestHazardsAreShownWithTheirPlaces(t *testing.T) {
	t.Parallel()
	err := &executor.HazardError{Migration: "m", Hazards: []plan.Hazard{{
		Rule: "drop-column-not-null", Pos: plan.Pos{File: "gone.sql", Line: 3, Column: 4},
		Message: "new versions cannot leave it out", Instead: "give it a default",
	}}}
	want := `error: gone.sql:3:4: drop-column-not-null: new versions cannot leave it out
hint: give it a default; or accept it: put -- migrate:allow drop-column-not-null "reason" before the statement
`
	if diff := cmp.Diff(want, printed(t.Context(), err)); diff != "" {
		t.Errorf("the hazard is shown differently (-want +got):\n%s", diff)
	}
}
