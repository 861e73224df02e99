package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/integration/throwaway"
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
	// Statements of each request, one after another; 0: as many as make the rate half of what the server can do.
	Statements int
	// Rows of each table.
	Rows int
	// Phase is how long a phase is measured at least: one that is done sooner is measured with what follows it.
	Phase time.Duration
	// Requests is how many an expand is to have: it ends where the backfill begins, and what is over in half a
	// second has a p99 that is its second or third slowest. It is rolled back and done again until it has them.
	Requests int
	// Nothing leaves migrate out: what phases are like in which nothing happens, on this machine.
	Nothing bool
}

const (
	mostRate    = 500
	connections = 24
	// controlShare is how many requests ask a table that no migration touches, at the same time, for each of the others.
	controlShare = 0.1
	// mostRounds is how often a change is expanded at most, and pause how long it is let alone before each, but the first.
	mostRounds = 6
	pause      = 2 * time.Second
	// name of every migration: each has a database of its own.
	name = "0007_change"
)

// result is what one kind of change did to the users.
type result struct {
	kind         string
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
	weight weight // of what is asked for; no statements: not known yet
}

// weight is how much is asked for: requests a second, and the statements of each.
type weight struct {
	rate       float64
	statements int
}

func start(ctx context.Context, o options) (*bench, error) {
	b := &bench{o: o, d: dialectFor(o.Engine), url: o.URL}
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

// measure leads one kind of change through its life under traffic.
func (b *bench) measure(ctx context.Context, c changes.Change) (*result, error) {
	p, err := b.prepare(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("preparing: %w", err)
	}
	defer p.close(ctx, b.url)
	f := &fleet{statements: 1}
	if err := f.roll(ctx, p.old); err != nil {
		return nil, err
	}
	if b.weight.statements == 0 {
		if b.weight, err = b.calibrate(ctx, f); err != nil {
			return nil, err
		}
	}
	f.statements = b.weight.statements
	r := &result{kind: c.Name}
	m := &measurement{bench: b, place: p, fleet: f, result: r, lasted: map[string]time.Duration{}}
	if err := m.prepareMigrate(ctx, c.Migration); err != nil || r.refused {
		return r, err
	}
	// The first requests connect, and prepare their statements: nobody counts them.
	m.users = load.Start(ctx, load.Options{Rate: b.weight.rate, Connections: connections}, warmingUp, f.request)
	m.others = load.Start(ctx, load.Options{Rate: controlShare * b.weight.rate, Connections: 8}, warmingUp, m.askControl)
	m.locks = watch(ctx, p.control, b.o.Engine, p.sessions)
	life := m.live
	if b.o.Nothing {
		life = m.nothing
	}
	err = life(ctx)
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

// calibrate makes requests of as many statements, at such a rate, that they take half of what the server can do at
// most, the control's included, where people have not said it.
func (b *bench) calibrate(ctx context.Context, f *fleet) (weight, error) {
	if b.o.Rate > 0 && b.o.Statements > 0 {
		return weight{b.o.Rate, b.o.Statements}, nil
	}
	can, err := capacity(ctx, f)
	if err != nil {
		return weight{}, fmt.Errorf("finding out what the server can do: %w", err)
	}
	return weigh(b.o, can), nil
}

// weigh makes requests of what a server can do: can is how many statements a second.
func weigh(o options, can float64) weight {
	half := can / 2 / (1 + controlShare)
	w := weight{o.Rate, o.Statements}
	if w.rate == 0 {
		w.rate = min(mostRate, half/float64(max(1, w.statements)))
	}
	if w.statements == 0 {
		w.statements = max(1, int(half/w.rate))
	}
	return w
}

// capacity is how many requests a second are answered to those who ask again as soon as they are answered.
func capacity(ctx context.Context, f *fleet) (float64, error) {
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
	return float64(answered.Load()) / time.Since(begun).Seconds(), errors.Join(errs...)
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
