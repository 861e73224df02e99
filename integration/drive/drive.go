// Package drive leads migrations through their lives for programs that measure or wear out migrate: in their
// own process, or by the program that people run.
package drive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/dialects/all"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/throwaway"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// A Migrate works on one database, on one migration at a time, called by its name.
type Migrate interface {
	Expand(ctx context.Context, name string) error
	Rollback(ctx context.Context, name string) error
	// Contract keeps what is replaced for the grace.
	Contract(ctx context.Context, name string, grace time.Duration) error
	// Flag turns the migration's flag full, or off.
	Flag(ctx context.Context, name string, full bool) error
}

var (
	_ Migrate = (*InProcess)(nil)
	_ Migrate = (*Program)(nil)
)

// InProcess runs executors in this process. Each call opens a session of its own, and closes it.
type InProcess struct {
	// URL is the database's.
	URL string
	// Migrations are the files' texts, by name.
	Migrations map[string]string
	// Options tune the executor.
	Options executor.Options
	// Defaults are for what migrations do not say; zero: nothing soaks, nothing is kept.
	Defaults planner.Defaults
}

// Init makes migrate's own tables.
func (m *InProcess) Init(ctx context.Context) error {
	return m.with(ctx, func(e *executor.Executor, _ dialects.Engine, _ dialects.Session) error { return e.Init(ctx) })
}

// Expand implements Migrate.
func (m *InProcess) Expand(ctx context.Context, name string) error {
	return m.with(ctx, func(e *executor.Executor, engine dialects.Engine, s dialects.Session) error {
		_, err := e.Expand(ctx, name, func(ctx context.Context) (*plan.Plan, error) { return m.plan(ctx, e, engine, s, name) })
		return err
	})
}

func (m *InProcess) plan(ctx context.Context, e *executor.Executor, engine dialects.Engine, s dialects.Session, name string) (*plan.Plan, error) {
	unfinished, err := e.Unfinished(ctx)
	if err != nil {
		return nil, err
	}
	var open []planner.OpenMigration
	for _, o := range unfinished {
		open = append(open, planner.OpenMigration(o))
	}
	f := planner.File{Name: name, Path: "migrations/" + name + ".sql", Src: m.Migrations[name]}
	return dialects.Plan(ctx, engine, s, f, m.Defaults, open)
}

// Plan makes the migration's plan.
func (m *InProcess) Plan(ctx context.Context, name string) (p *plan.Plan, err error) {
	err = m.with(ctx, func(e *executor.Executor, engine dialects.Engine, s dialects.Session) error {
		p, err = m.plan(ctx, e, engine, s, name)
		return err
	})
	return p, err
}

// Rollback implements Migrate.
func (m *InProcess) Rollback(ctx context.Context, name string) error {
	return m.with(ctx, func(e *executor.Executor, _ dialects.Engine, _ dialects.Session) error {
		_, err := e.Rollback(ctx, name)
		return err
	})
}

// Contract implements Migrate.
func (m *InProcess) Contract(ctx context.Context, name string, grace time.Duration) error {
	return m.with(ctx, func(e *executor.Executor, _ dialects.Engine, _ dialects.Session) error {
		_, err := e.Contract(ctx, name, &grace)
		return err
	})
}

// Flag implements Migrate.
func (m *InProcess) Flag(ctx context.Context, name string, full bool) error {
	return m.with(ctx, func(e *executor.Executor, _ dialects.Engine, s dialects.Session) error {
		known, _, err := e.Known(ctx)
		if err != nil {
			return err
		}
		rec, ok := known[name]
		if !ok {
			return fmt.Errorf("%s has not been expanded", name)
		}
		to := flags.Off()
		if full {
			to = flags.Full()
		}
		return flags.NewTable(s.DB(), s.Layout().Flags).Set(ctx, rec.Flag, to)
	})
}

// Verify counts the rows in which old and new shape do not say the same.
func (m *InProcess) Verify(ctx context.Context, name string) (mismatches int64, err error) {
	err = m.with(ctx, func(e *executor.Executor, _ dialects.Engine, _ dialects.Session) error {
		tables, err := e.Verify(ctx, name, "")
		for _, t := range tables {
			mismatches += t.Mismatches
		}
		return err
	})
	return mismatches, err
}

// State is the migration's; "" if migrate does not know it.
func (m *InProcess) State(ctx context.Context, name string) (state executor.State, err error) {
	err = m.with(ctx, func(e *executor.Executor, _ dialects.Engine, _ dialects.Session) error {
		known, _, err := e.Known(ctx)
		state = known[name].State
		return err
	})
	return state, err
}

func (m *InProcess) with(ctx context.Context, do func(*executor.Executor, dialects.Engine, dialects.Session) error) (err error) {
	engine, err := all.Engines().ForURL(m.URL)
	if err != nil {
		return err
	}
	s, err := engine.Open(ctx, m.URL, dialects.Options{Application: "migrate"})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o := m.Options
	if o.Wait == 0 {
		o.Wait = time.Minute
	}
	return do(executor.New(s, o), engine, s)
}

// Program runs a binary, once for each call.
type Program struct {
	// Binary is the program's path.
	Binary string
	// URL is the database's.
	URL string
	// Dir is where the files are written, in migrations/.
	Dir string
	// Env is added to the program's environment.
	Env []string
	// Temp is the program's directory for temporary files; empty: the system's.
	Temp string
	// Peak is the most resident memory, in bytes and without the program's file, that the program was seen to
	// have since this was last set; 0 where that is not known.
	Peak int64
	// Entered, if any, is told of each state that the program takes a migration to, when it says so in its log.
	Entered func(executor.State)
}

// Write makes a migration file.
func (m *Program) Write(name, text string) error {
	dir := filepath.Join(m.Dir, "migrations")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("writing a migration: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".sql"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("writing a migration: %w", err)
	}
	return nil
}

// Expand implements Migrate.
func (m *Program) Expand(ctx context.Context, name string) error { return m.run(ctx, "expand", name) }

// Rollback implements Migrate.
func (m *Program) Rollback(ctx context.Context, name string) error {
	return m.run(ctx, "rollback", name)
}

// Contract implements Migrate.
func (m *Program) Contract(ctx context.Context, name string, grace time.Duration) error {
	return m.run(ctx, "contract", name, "--grace", grace.String())
}

// Flag implements Migrate.
func (m *Program) Flag(ctx context.Context, name string, full bool) error {
	to := "off"
	if full {
		to = "full"
	}
	return m.run(ctx, "flag", "set", name, to)
}

func (m *Program) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, m.Binary, append(args, "--dir", filepath.Join(m.Dir, "migrations"))...)
	cmd.Env = append(append(os.Environ(), "MIGRATE_DATABASE_URL="+m.URL), m.Env...)
	if m.Temp != "" {
		cmd.Env = append(cmd.Env, "TMPDIR="+m.Temp)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if m.Entered != nil {
		cmd.Args = append(cmd.Args, "--log-format", "json")
		log := &logReader{out: &out, entered: m.Entered}
		cmd.Stdout, cmd.Stderr = log, log
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting migrate %s: %w", args[0], err)
	}
	peak := watchPeak(cmd.Process.Pid)
	err := cmd.Wait()
	m.Peak = max(m.Peak, peak())
	if err != nil {
		return fmt.Errorf("running migrate %s: %w\n%s", args[0], err, &out)
	}
	return nil
}

// NewDatabase makes an empty database on a server, dropping one that has the name, and returns its URL.
func NewDatabase(ctx context.Context, serverURL, name string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", errors.New("the server's URL cannot be parsed") // its text may hold a password
	}
	db, err := throwaway.OpenURL(serverURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	create := "CREATE DATABASE " + name
	if u.Scheme != throwaway.Postgres {
		create += " CHARACTER SET utf8mb4"
	}
	for _, q := range []string{"DROP DATABASE IF EXISTS " + name, create} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return "", fmt.Errorf("making a database: %w", err)
		}
	}
	u.Path = "/" + name
	return u.String(), nil
}
