package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/drive"
	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/planner/plan"
)

// measurement is one at work.
type measurement struct {
	*bench
	*place
	*fleet
	*result
	inside        *drive.InProcess
	migrate       drive.Migrate
	users, others *load.Generator
	locks         *watcher
	backfills     bool // or else it goes through that state without doing anything
	phaseName     string
	phaseBegun    time.Time
	lasted        map[string]time.Duration // of phases before this one, by name
}

// prepareMigrate makes its tables, which are made once in a database's life, and asks whether it would run the change.
func (m *measurement) prepareMigrate(ctx context.Context, text string) error {
	m.inside = &drive.InProcess{URL: m.place.url, Migrations: map[string]string{name: text}, Options: executor.Options{Reporter: m, LockRest: executor.UsualRest}}
	m.migrate = m.inside
	if m.o.Binary != "" {
		program := &drive.Program{Binary: m.o.Binary, URL: m.place.url, Dir: m.dir, Entered: m.entered, Env: []string{"MIGRATE_SOAK=0s"}}
		if err := program.Write(name, text); err != nil {
			return err
		}
		m.migrate = program
	}
	if err := m.inside.Init(ctx); err != nil {
		return fmt.Errorf("preparing migrate: %w", err)
	}
	p, err := m.inside.Plan(ctx, name)
	if err != nil {
		return fmt.Errorf("planning: %w", err)
	}
	m.refused, m.backfills = len(p.Blocking()) > 0, len(p.Steps(plan.Backfill)) > 0
	return nil
}

// begin starts a phase, for both generators.
func (m *measurement) begin(phase string) {
	now := time.Now()
	if m.phaseName != "" {
		m.lasted[m.phaseName] += now.Sub(m.phaseBegun)
	}
	m.phaseName, m.phaseBegun = phase, now
	m.users.Phase(phase)
	m.others.Phase(phase)
	m.locks.phase()
}

// last waits until the phase has lasted long enough to say something, with what was measured of it before.
func (m *measurement) last(ctx context.Context, length time.Duration) error {
	return sleep(ctx, length-m.lasted[m.phaseName]-time.Since(m.phaseBegun))
}

// Report begins a phase where the executor does.
func (m *measurement) Report(e executor.Event) {
	if c, ok := e.(executor.StateChanged); ok {
		m.entered(c.To)
	}
}

// entered begins a phase where migrate does, from within the call that has it do so.
func (m *measurement) entered(s executor.State) {
	if s == executor.Backfilling && m.backfills {
		m.begin("backfill")
	}
}

// rounds expands the change as often as it takes to have seen enough of it, and rolls it back between.
func (m *measurement) rounds(ctx context.Context) (executor.State, error) {
	for round := 1; ; round++ {
		m.begin("baseline")
		length := pause
		if round == 1 {
			length = m.o.Phase
		}
		if err := sleep(ctx, length); err != nil {
			return "", err
		}
		m.begin("expand")
		if err := m.migrate.Expand(ctx, name); err != nil {
			return "", fmt.Errorf("expand: %w", err)
		}
		if err := m.last(ctx, m.o.Phase); err != nil {
			return "", err
		}
		state, err := m.inside.State(ctx, name)
		if err != nil || state == executor.Done || m.enough() || round == mostRounds {
			return state, err
		}
		m.begin("rollback")
		if err := m.migrate.Rollback(ctx, name); err != nil {
			return "", fmt.Errorf("rollback: %w", err)
		}
		if err := m.last(ctx, m.o.Phase); err != nil {
			return "", err
		}
	}
}

// enough reports whether enough requests came due while the change was expanded.
func (m *measurement) enough() bool {
	lasted := m.lasted["expand"]
	if m.phaseName == "expand" {
		lasted += time.Since(m.phaseBegun)
	}
	return lasted.Seconds()*m.weight.rate >= float64(m.o.Requests)
}

func (m *measurement) live(ctx context.Context) error {
	if err := sleep(ctx, time.Second); err != nil {
		return err
	}
	state, err := m.rounds(ctx)
	if err != nil {
		return err
	}
	m.begin("both shapes")
	if err := m.roll(ctx, m.old, m.new); err != nil {
		return err
	}
	if err := m.last(ctx, m.o.Phase); err != nil {
		return err
	}
	if state == executor.Done {
		return nil // nothing was replaced: there is one shape
	}
	if m.inconsistent, err = m.inside.Verify(ctx, name); err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	if err := m.roll(ctx, m.new); err != nil {
		return err
	}
	if err := m.migrate.Flag(ctx, name, true); err != nil {
		return err
	}
	m.begin("contract")
	if err := m.migrate.Contract(ctx, name, 0); err != nil {
		return fmt.Errorf("contract: %w", err)
	}
	return m.last(ctx, m.o.Phase)
}

// nothing goes through phases of the usual names and without migrate.
func (m *measurement) nothing(ctx context.Context) error {
	for _, phase := range []string{"baseline", "expand", "backfill", "both shapes", "contract"} {
		m.begin(phase)
		if err := sleep(ctx, m.o.Phase); err != nil {
			return err
		}
	}
	return nil
}

// askControl is a request of as many statements to a table that no migration knows.
func (m *measurement) askControl(ctx context.Context, r *rand.Rand) error {
	for range m.weight.statements {
		if err := m.askControlOnce(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// askControlOnce reads or writes a row of it.
func (m *measurement) askControlOnce(ctx context.Context, r *rand.Rand) error {
	id := r.IntN(controlRows)
	if r.IntN(2) == 0 {
		_, err := m.control.ExecContext(ctx, "UPDATE load_control SET n = n + 1 WHERE id = "+m.d.placeholder(1), id)
		return err
	}
	var n int
	return m.control.QueryRowContext(ctx, "SELECT n FROM load_control WHERE id = "+m.d.placeholder(1), id).Scan(&n)
}
