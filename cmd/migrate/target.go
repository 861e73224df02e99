package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/progress"
	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// target is the database that a command works on.
type target struct {
	*factory
	engine   dialects.Engine
	session  dialects.Session
	reporter *progress.Reporter
	throttle executor.Throttle
}

// connect opens the database that the configuration names.
func (f *factory) connect(ctx context.Context) (*target, error) {
	url, err := f.config.URL()
	if err != nil {
		return nil, err
	}
	engine, err := f.engines.ForURL(url)
	if err != nil {
		return nil, err
	}
	throttle, err := f.throttle(engine)
	if err != nil {
		return nil, err
	}
	// Beside the workers: the lease, its heartbeat, the steps, the bookkeeping and
	// what is measured. The executor asks for more where there are more workers.
	const others = 10
	session, err := engine.Open(ctx, url, dialects.Options{Application: "migrate", MaxConns: f.config.Workers + others})
	if err != nil {
		return nil, err
	}
	return &target{f, engine, session, progress.New(f.streams, f.log, f.now), throttle}, nil
}

// close lets go of the database and of the terminal's last line.
func (t *target) close() {
	t.reporter.Close()
	if err := t.session.Close(); err != nil {
		t.log.Debug("closing the connections", "error", err)
	}
}

// runOptions are what a command can tell the executor beyond the configuration.
type runOptions struct {
	overrides   map[string]string
	discardData bool
	verifyOn    executor.Session // a replica; nil: none
}

// executor makes the executor of this run.
func (t *target) executor(o runOptions) *executor.Executor {
	return executor.New(t.session, executor.Options{
		Holder: holder(), Wait: t.config.LeaseWait, LockDeadline: t.config.LockDeadline, LockHold: t.config.LockHold, LockRest: t.config.LockRest,
		KillBlockersAfter: t.config.KillBlockersAfter,
		Workers:           t.config.Workers, ChunkTarget: t.config.ChunkTarget, RowsPerSecond: float64(t.config.RowsPerSecond), MaxFailures: t.config.MaxFailures,
		Throttle: t.throttle, VerifyOn: o.verifyOn, Flags: t.flags(),
		Overrides: o.overrides, DiscardData: o.discardData, Reporter: t.hearers(),
	})
}

// flags is where flags are kept.
func (t *target) flags() flags.Source {
	switch t.config.FlagSource {
	case config.FlagsInEnv:
		return flags.Env{Lookup: t.lookup}
	case config.FlagsInFlagd:
		return flags.NewFlagdFile(t.config.FlagdFile)
	default:
		return t.flagTable()
	}
}

// flagTable is the built-in table of flags.
func (t *target) flagTable() *flags.Table {
	return flags.NewTable(t.session.DB(), t.session.Layout().Flags)
}

// plan makes the plan of a migration for the database as it is now.
func (t *target) plan(ctx context.Context, file planner.File, open []executor.OpenMigration) (*plan.Plan, error) {
	var others []planner.OpenMigration
	for _, o := range open {
		if o.Name != file.Name {
			others = append(others, planner.OpenMigration{Name: o.Name, Touches: o.Touches})
		}
	}
	p, err := dialects.Plan(ctx, t.engine, t.session, file, planner.Defaults{Soak: t.config.Soak, Grace: t.config.Grace}, others)
	if err != nil {
		return nil, err
	}
	if t.config.LockTimeout != config.Default().LockTimeout {
		setLockTimeout(p, t.config.LockTimeout)
	}
	if t.config.DataChecks > 0 {
		if err := dialects.Look(ctx, t.session, p, t.config.DataChecks); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// setLockTimeout bounds the wait for locks of every step that has a bound. It
// is part of the plan, so that what is shown is what is run.
func setLockTimeout(p *plan.Plan, d time.Duration) {
	for i := range p.Phases {
		for j := range p.Phases[i].Steps {
			if s := &p.Phases[i].Steps[j]; s.LockTimeoutMS > 0 {
				s.LockTimeoutMS = int(d.Milliseconds())
			}
		}
	}
}

// flagOf is the flag that a migration's file ties it to, without planning it.
func (t *target) flagOf(file planner.File) string {
	script, err := t.engine.Parse(file.Src)
	if err != nil {
		return file.Name // whoever plans it will hear of the error
	}
	for _, c := range script.Comments {
		if key, ok := strings.CutPrefix(strings.TrimSpace(c.Text), "migrate:flag "); ok {
			return strings.TrimSpace(key)
		}
	}
	return file.Name
}

// catalog is what there is: the migrations' files, and what the database
// knows of them.
type catalog struct {
	files []listed
	known map[string]executor.KnownMigration
	open  []executor.OpenMigration
}

// listed is a migration's file without its text: a folder may hold thousands, and
// those that were run long ago are asked for nothing but their checksum.
type listed struct{ Name, Path, Checksum string }

// catalog reads the files and the database. It writes nothing.
func (t *target) catalog(ctx context.Context) (*catalog, error) {
	var files []listed
	for f, err := range planner.Files(t.config.Dir) {
		if err != nil {
			return nil, err
		}
		files = append(files, listed{f.Name, f.Path, f.Checksum()})
	}
	known, open, err := t.executor(runOptions{}).Known(ctx)
	if err != nil {
		return nil, err
	}
	c := &catalog{files, known, open}
	for _, f := range files {
		if k, ok := known[f.Name]; ok && k.State != executor.RolledBack && k.Checksum != f.Checksum {
			t.log.Warn("the file has changed since it was run; what was planned then holds", "migration", f.Name)
		}
	}
	return c, nil
}

// pending tells whether a migration is still to be expanded, or in the middle of it.
func (c *catalog) pending(name string) bool {
	switch c.known[name].State {
	case "", executor.Planned, executor.RolledBack, executor.Expanding, executor.Backfilling, executor.Verifying, executor.Failed:
		return true
	case executor.Open, executor.Contracting, executor.Grace, executor.Done:
		return false
	default:
		return false
	}
}

// pick reads the files of names, in the migrations' order; without names, those
// of all pending migrations.
func (c *catalog) pick(names []string) ([]planner.File, error) {
	var out []planner.File
	for _, f := range c.files {
		if slices.Contains(names, f.Name) || len(names) == 0 && c.pending(f.Name) {
			file, err := planner.ReadFile(f.Path)
			if err != nil {
				return nil, err
			}
			out = append(out, file)
		}
	}
	there := make([]string, len(c.files))
	for i, f := range c.files {
		there[i] = f.Name
	}
	for _, name := range names {
		if !slices.Contains(there, name) {
			return nil, unknown(name, there)
		}
	}
	return out, nil
}

// unknown is the error for a name that none of the files there has.
func unknown(name string, there []string) error {
	err := fmt.Errorf("there is no migration %q", name)
	if len(there) == 0 {
		return withHint(err, "there is none at all; migrate new NAME creates one")
	}
	const most = 10
	if len(there) > most {
		there = append([]string{"…"}, there[len(there)-most:]...)
	}
	return withHint(err, "there are: %s", strings.Join(there, ", "))
}
