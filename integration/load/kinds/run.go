package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/drive"
	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/integration/throwaway"
	"github.com/expandcontract/migrate/planner/plan"
)

// options say what is measured, and how hard.
type options struct {
	Engine, Version string
	// URL is a server to use; empty: a throwaway one.
	URL string
	// Binary is the migrate to measure, which runs in processes of its own; empty: in this one.
	Binary string
	// Kinds are the names of changes in examples/changes; none: all.
	Kinds []string
	// Rate of requests; 0: half of what the server can do, and at most 500 a second.
	Rate float64
	// Rows of each table.
	Rows int
	// Phase is how long a phase is measured at least: one that is done sooner is measured with what follows it.
	Phase time.Duration
	// Requests is how many an expand is to have: it ends where the backfill begins, and what is over in half a
	// second has a p99 that is its second or third slowest. It is rolled back and done again until it has them.
	Requests int
}

const (
	mostRate    = 500
	connections = 24
	// controlRate is how often a table that no migration touches is asked, at the same time, each second at most.
	controlRate = 100
	// mostRounds is how often a change is expanded at most, and pause how long it is let alone before each, but the first.
	mostRounds = 6
	pause      = 2 * time.Second
	// name of every migration: each has a database of its own.
	name = "0007_change"
)

// result is what one kind of change did to the users.
type result struct {
	kind         string
	rate         float64
	phases       []phase
	inconsistent int64
	anew         int64  // statements that the app had to prepare anew
	refused      bool   // to run it without somebody's leave: nothing was changed
	note         string // why there is no more of it
}

// phase is what users saw in one phase, and what those saw who were not concerned.
type phase struct {
	load.Report
	control load.Report
	// behind is the longest that a statement waited for a lock behind migrate, as the server says.
	behind time.Duration
}

// beyond is the longest wait that the control did not have at the same moment: on a machine that is busy with
// other things, not all of it is migrate's doing.
func (p phase) beyond() time.Duration { return load.Beyond(p.Slow, p.control.Slow) }

// caused is the longest wait that the change is to blame for: each of the two is at least that. A session that
// holds a lock may wait for the processor like any other, and who waits longer than others may do so by chance.
func (p phase) caused() time.Duration { return min(p.behind, p.beyond()) }

// bench is a server.
type bench struct {
	o      options
	d      dialect
	server *throwaway.Server // nil: it is not ours
	url    string
	rate   float64
}

func start(ctx context.Context, o options) (*bench, error) {
	b := &bench{o: o, d: dialectFor(o.Engine), url: o.URL, rate: o.Rate}
	if b.url == "" {
		var err error
		if b.server, err = throwaway.Start(ctx, o.Engine, throwaway.Options{Version: o.Version}); err != nil {
			return nil, err
		}
		b.url = b.server.URL()
	}
	return b, nil
}

func (b *bench) close() {
	if b.server != nil {
		_ = b.server.Stop()
	}
}

// place is what a kind is measured in: a database with the example's tables, and one on which the file was
// run as it is, which tells what the new version of the app knows.
type place struct {
	url       string
	db        *sql.DB
	control   *sql.DB
	old, new  *app
	sessions  []string // of both versions of the app, as the server numbers them
	databases []string
	dir       string // of the migration's file
}

const controlRows = 1000

func (b *bench) prepare(ctx context.Context, c changes.Change) (_ *place, err error) {
	p := &place{}
	if p.dir, err = os.MkdirTemp("", "load"); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			p.close(ctx, b.url)
		}
	}()
	suffix := fmt.Sprintf("%x", time.Now().UnixNano())
	naive, naiveDB, err := b.database(ctx, p, "load_naive_"+suffix, c.Before, c.Migration)
	if err != nil {
		return p, err
	}
	_ = naiveDB.Close()
	target, db, err := b.database(ctx, p, "load_"+suffix, c.Before)
	if err != nil {
		return p, err
	}
	p.db = db
	old, err := b.d.read(ctx, db)
	if err != nil {
		return p, err
	}
	unite(old, naive.tables)
	for _, t := range old {
		if err := b.d.grow(ctx, db, t, b.o.Rows); err != nil {
			return p, err
		}
	}
	p.url = target.url
	if p.sessions, err = sessionsOf(ctx, b.o.Engine, db, connections); err != nil {
		return p, err
	}
	p.old, p.new = newApp(b.d, db, old, b.o.Rows, 1), newApp(b.d, db, naive.tables, b.o.Rows, 2)
	p.new.whole = true
	for _, q := range []string{
		"CREATE TABLE load_control (id int PRIMARY KEY, n int NOT NULL)",
		fmt.Sprintf("INSERT INTO load_control SELECT a.n * 100 + b.n, 0 FROM (%[1]s) a, (%[1]s) b WHERE a.n * 100 + b.n < %[2]d", hundred, controlRows),
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return p, fmt.Errorf("making the control table: %w", err)
		}
	}
	if p.control, err = throwaway.OpenURL(p.url); err != nil {
		return p, err
	}
	p.control.SetMaxOpenConns(10)
	p.control.SetMaxIdleConns(10)
	return p, nil
}

// hundred are the numbers from 0 to 99.
const hundred = "SELECT x.d + 10 * y.d AS n FROM (" + ten + ") x, (" + ten + ") y"

const ten = "SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9"

type made struct {
	url    string
	tables []*table
}

// database makes one, runs scripts on it, and reads what is in it.
func (b *bench) database(ctx context.Context, p *place, dbName string, scripts ...string) (made, *sql.DB, error) {
	u, err := drive.NewDatabase(ctx, b.url, dbName)
	if err != nil {
		return made{}, nil, err
	}
	p.databases = append(p.databases, dbName)
	db, err := throwaway.OpenURL(u)
	if err != nil {
		return made{}, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	for _, s := range scripts {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return made{}, nil, errors.Join(fmt.Errorf("running the example's SQL: %w", err), db.Close())
		}
	}
	tables, err := b.d.read(ctx, db)
	if err != nil {
		return made{}, nil, errors.Join(err, db.Close())
	}
	return made{u, tables}, db, nil
}

func (p *place) close(ctx context.Context, serverURL string) {
	_ = os.RemoveAll(p.dir)
	for _, db := range []*sql.DB{p.db, p.control} {
		if db != nil {
			_ = db.Close()
		}
	}
	server, err := throwaway.OpenURL(serverURL)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for _, n := range p.databases {
		_, _ = server.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+n)
	}
}

// measure leads one kind of change through its life under traffic.
func (b *bench) measure(ctx context.Context, c changes.Change) (*result, error) {
	p, err := b.prepare(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("preparing: %w", err)
	}
	defer p.close(ctx, b.url)
	f := &fleet{}
	if err := f.roll(ctx, p.old); err != nil {
		return nil, err
	}
	if b.rate == 0 {
		if b.rate, err = b.calibrate(ctx, f); err != nil {
			return nil, err
		}
	}
	r := &result{kind: c.Name, rate: b.rate}
	m := &measurement{bench: b, place: p, fleet: f, result: r, lasted: map[string]time.Duration{}}
	if err := m.prepareMigrate(ctx, c.Migration); err != nil || r.refused {
		return r, err
	}
	// The first requests connect, and prepare their statements: nobody counts them.
	m.users = load.Start(ctx, load.Options{Rate: b.rate, Connections: connections}, warmingUp, f.request)
	m.others = load.Start(ctx, load.Options{Rate: min(controlRate, b.rate), Connections: 8}, warmingUp, m.askControl)
	m.locks = watch(ctx, p.control, b.o.Engine, p.sessions)
	err = m.live(ctx)
	users, others := m.users.Stop(), m.others.Stop()
	behind, watchErr := m.locks.end()
	for i := range users {
		r.count(phase{users[i], others[i], behind[i]})
	}
	r.anew = p.old.anew.Load() + p.new.anew.Load()
	return r, errors.Join(err, watchErr)
}

const warmingUp = "warming up"

// count adds what was measured to what there is of the same phase.
func (r *result) count(p phase) {
	if p.Phase == warmingUp {
		return
	}
	i := slices.IndexFunc(r.phases, func(q phase) bool { return q.Phase == p.Phase })
	if i < 0 {
		r.phases = append(r.phases, phase{Report: load.Report{Phase: p.Phase}})
		i = len(r.phases) - 1
	}
	all := &r.phases[i]
	all.Report.Add(p.Report)
	all.control.Add(p.control)
	all.behind = max(all.behind, p.behind)
}

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
	return lasted.Seconds()*m.result.rate >= float64(m.o.Requests)
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

// askControl reads or writes a row of a table that no migration knows.
func (m *measurement) askControl(ctx context.Context, r *rand.Rand) error {
	id := r.IntN(controlRows)
	if r.IntN(2) == 0 {
		_, err := m.control.ExecContext(ctx, "UPDATE load_control SET n = n + 1 WHERE id = "+m.d.placeholder(1), id)
		return err
	}
	var n int
	return m.control.QueryRowContext(ctx, "SELECT n FROM load_control WHERE id = "+m.d.placeholder(1), id).Scan(&n)
}

// calibrate finds out what the server can do with as many requests under way as there will be connections,
// and takes half of it.
func (b *bench) calibrate(ctx context.Context, f *fleet) (float64, error) {
	const length = 2 * time.Second
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var answered atomic.Int64
	failed := make(chan error, connections)
	begun := time.Now()
	for i := range connections {
		go func() {
			r := seeded(uint64(i))
			for time.Since(begun) < length {
				if err := f.request(ctx, r); err != nil {
					failed <- err
					return
				}
				answered.Add(1)
			}
			failed <- nil
		}()
	}
	var errs []error
	for range connections {
		errs = append(errs, <-failed)
	}
	if err := errors.Join(errs...); err != nil {
		return 0, fmt.Errorf("finding out what the server can do: %w", err)
	}
	return min(mostRate, float64(answered.Load())/time.Since(begun).Seconds()/2), nil
}

func seeded(n uint64) *rand.Rand {
	return rand.New(rand.NewPCG(n, 5)) //nolint:gosec // a repeatable sequence is wanted
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
