package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// variant is a way to change the table.
type variant struct {
	name string
	// program must be on PATH, unless it is empty.
	program string
	run     func(ctx context.Context, t *subject) ([]part, error)
}

// part is a line of the result.
type part struct {
	name string
	measurement
}

// measurement is what one run of a part took.
type measurement struct {
	took   time.Duration
	log    logged
	before int64 // bytes of the table with its indexes
	after  int64
	// usage of the tool's process; zero where the server does it alone.
	usage usage
}

// What others are compared with.
const (
	plainUpdate   = "plain UPDATE"
	blockingAlter = "blocking ALTER"
)

func variantsOf(engine string) []variant {
	out := []variant{
		{name: "update", run: runUpdate},
		{name: "alter", run: runAlter},
		{name: "migrate", run: runMigrate},
	}
	if engine == throwaway.Postgres {
		return append(out, variant{name: "pgroll", program: "pgroll", run: runPgroll})
	}
	for _, t := range tools {
		out = append(out, variant{name: t.program, program: t.program, run: t.run})
	}
	return out
}

func variantNames(engine string) []string {
	var out []string
	for _, v := range variantsOf(engine) {
		out = append(out, v.name)
	}
	return out
}

// absent says why a variant cannot be measured; empty: it can.
func (v variant) absent() string {
	if v.program == "" {
		return ""
	}
	if _, err := exec.LookPath(v.program); err != nil {
		return "not on PATH"
	}
	return ""
}

func runUpdate(ctx context.Context, t *subject) ([]part, error) {
	if _, err := t.db.ExecContext(ctx, t.e.column); err != nil {
		return nil, err
	}
	return t.statement(ctx, plainUpdate, t.e.update)
}

func runAlter(ctx context.Context, t *subject) ([]part, error) {
	parts, err := t.statement(ctx, blockingAlter, t.e.alter)
	if err != nil {
		return nil, err
	}
	return parts, t.changed(ctx)
}

// The lines of migrate. The backfill is from the journal's first entry of its
// step to the last: all chunks, checkpoints, and the look for rows left over.
// Expand is the whole command: planning, the new column with a rebuild of the table
// where there is one, triggers, backfill, and until both shapes are open.
const (
	migrateBackfill = "migrate: backfill"
	migrateExpand   = "migrate: expand"
	migrateWhole    = "migrate: expand + contract"
)

// migrationName is the one migration in the database.
const migrationName = "1_bench"

func runMigrate(ctx context.Context, t *subject) ([]part, error) {
	if err := os.WriteFile(filepath.Join(t.dir, migrationName+".sql"), []byte(t.e.change), 0o600); err != nil {
		return nil, err
	}
	t.phase("expand")
	expand, err := t.measure(ctx, migrateExpand, func() (usage, error) {
		return t.migrate(ctx, "expand", "--workers", fmt.Sprint(t.o.workers))
	})
	if err != nil {
		return nil, err
	}
	fill := expand
	fill.name = migrateBackfill
	var seconds float64
	if err := t.db.QueryRowContext(ctx, t.e.journal, migrationName).Scan(&seconds); err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	fill.took = time.Duration(seconds * float64(time.Second))
	t.phase("open")
	if err := t.linger(ctx); err != nil {
		return nil, err
	}
	t.phase("contract")
	contract, err := t.measure(ctx, migrateWhole, func() (usage, error) {
		return t.migrate(ctx, "contract", "--grace", "0s", "--override", "flag-full=a benchmark", "--override", "soaked=a benchmark")
	})
	if err != nil {
		return nil, err
	}
	return []part{fill, expand, both(migrateWhole, expand, contract)}, t.changed(ctx)
}

// both adds up two halves of a change.
func both(name string, a, b part) part {
	return part{name, measurement{
		took: a.took + b.took, before: a.before, after: b.after, usage: a.usage.and(b.usage),
		log: logged{redo: a.log.redo + b.log.redo, binlog: a.log.binlog + max(0, b.log.binlog)},
	}}
}

// migrate runs the program on the database.
func (t *subject) migrate(ctx context.Context, args ...string) (usage, error) {
	return t.program(ctx, t.o.binary, append(args, "--dir", t.dir), "MIGRATE_DATABASE_URL="+t.url)
}

// program runs a program to its end.
func (t *subject) program(ctx context.Context, path string, args []string, env ...string) (usage, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = t.dir
	cmd.Env = append(os.Environ(), env...)
	// One that is interrupted cleans up after itself, if it does so soon.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	out, err := cmd.CombinedOutput()
	if err != nil {
		return usage{}, &programError{program: filepath.Base(path), err: err, output: string(out)}
	}
	return usageOf(cmd.ProcessState), nil
}

// programError says how a program failed.
type programError struct {
	program string
	err     error
	output  string
}

func (e *programError) Error() string {
	return fmt.Sprintf("running %s: %v\n%s", e.program, e.err, strings.TrimSpace(e.output))
}

func (e *programError) Unwrap() error { return e.err }

// Where there is traffic, each phase around the change lasts so long.
const lingering = 8 * time.Second

func (t *subject) linger(ctx context.Context) error {
	if t.o.load == 0 {
		return nil
	}
	return pause(ctx, lingering)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
