// Package load asks a server for something at a fixed rate, as users do, and measures how long they wait.
//
// The loop is open: a request is due at its instant whether or not earlier ones have been answered, and its
// latency counts from that instant, not from when there was a connection for it. So a server that stands
// still for a second shows in every request of that second (what is otherwise omitted, since a generator
// that waits for its answers waits with the server).
package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

// Options say how much is asked for. Zero values mean the defaults named at each field.
type Options struct {
	// Rate is how many requests are due each second; default 500.
	Rate float64
	// Connections is how many requests may be under way at once; later ones wait, and their wait counts.
	// Default 16.
	Connections int
	// Timeout is when a user has gone away: the request counts as failed. It runs from when the request is
	// sent. Default 15 s.
	Timeout time.Duration
	// Slow is how long a request must have taken to be kept by itself, with its instants. Default 20 ms.
	Slow time.Duration
	// Seed makes the sequence of random numbers that requests are given repeatable.
	Seed uint64
}

func (o Options) withDefaults() Options {
	if o.Rate <= 0 {
		o.Rate = 500
	}
	if o.Connections <= 0 {
		o.Connections = 16
	}
	if o.Timeout <= 0 {
		o.Timeout = 15 * time.Second
	}
	if o.Slow <= 0 {
		o.Slow = 20 * time.Millisecond
	}
	return o
}

// maxBacklog is how many seconds of requests may wait; more are counted as failed.
const maxBacklog = 60

// ErrTooLate is what a request fails with for which no connection was free within a minute of requests.
var ErrTooLate = errors.New("a minute of requests is waiting already")

// A Request asks the server for one thing, and returns an error if a user would have seen one. Several run
// at the same time, each with random numbers of its own.
type Request func(ctx context.Context, r *rand.Rand) error

// A Generator asks at a steady rate until it is stopped.
type Generator struct {
	o    Options
	do   Request
	due  chan due
	stop context.CancelFunc
	done sync.WaitGroup

	mu     sync.Mutex
	phases []*Report
}

// due is a request that has come due.
type due struct {
	at    time.Time
	phase *Report
}

// Start begins to ask, in a first phase of the given name. End it with Stop, also when ctx ends, which lets
// no further request come due.
func Start(ctx context.Context, o Options, phase string, do Request) *Generator {
	o = o.withDefaults()
	g := &Generator{o: o, do: do, due: make(chan due, int(o.Rate*maxBacklog)+1)}
	g.Phase(phase)
	coming, stop := context.WithCancel(ctx)
	g.stop = stop
	g.done.Go(func() { g.schedule(coming) })
	// What is under way is answered, so that no write is left of which nobody knows whether it was done.
	asking := context.WithoutCancel(ctx)
	for i := range o.Connections {
		r := rand.New(rand.NewPCG(o.Seed, uint64(i))) //nolint:gosec // a repeatable sequence is wanted
		g.done.Go(func() { g.ask(asking, r) })
	}
	return g
}

// Phase begins another phase: requests that come due from now on are counted for it.
func (g *Generator) Phase(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	if n := len(g.phases); n > 0 {
		g.phases[n-1].To = now
	}
	g.phases = append(g.phases, &Report{Phase: name, From: now})
}

// Stop lets the requests that are due be answered, and returns what was measured, one report a phase.
func (g *Generator) Stop() []Report {
	g.stop()
	g.done.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	out := make([]Report, len(g.phases))
	for i, p := range g.phases {
		out[i] = *p
	}
	if n := len(out); n > 0 && out[n-1].To.IsZero() {
		out[n-1].To = time.Now()
	}
	return out
}

// schedule lets requests come due. One that wakes up late has the instants that it slept through catch up.
func (g *Generator) schedule(ctx context.Context) {
	defer close(g.due)
	interval := time.Duration(float64(time.Second) / g.o.Rate)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for at := time.Now(); ; at = at.Add(interval) {
		timer.Reset(time.Until(at))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if ctx.Err() != nil {
			return
		}
		d := due{at, g.current()}
		select {
		case g.due <- d:
		default:
			g.count(d, at, ErrTooLate)
		}
	}
}

func (g *Generator) current() *Report {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.phases[len(g.phases)-1]
}

func (g *Generator) ask(ctx context.Context, r *rand.Rand) {
	for d := range g.due {
		err := g.one(ctx, r)
		g.count(d, time.Now(), err)
	}
}

func (g *Generator) one(ctx context.Context, r *rand.Rand) error {
	ctx, cancel := context.WithTimeout(ctx, g.o.Timeout)
	defer cancel()
	return g.do(ctx, r)
}

func (g *Generator) count(d due, done time.Time, err error) {
	took := done.Sub(d.at)
	g.mu.Lock()
	defer g.mu.Unlock()
	p := d.phase
	p.Requests++
	p.Latency.Record(took)
	if took >= g.o.Slow {
		p.Slow = append(p.Slow, Span{d.at, done})
	}
	if err != nil {
		p.Errors++
		if p.FirstError == nil {
			p.FirstError = err
		}
	}
}

// A Report is what users saw in one phase.
type Report struct {
	Phase    string
	From, To time.Time

	Requests   int64 // answered, the failed ones included
	Errors     int64
	FirstError error
	// Latency counts from the instant a request was due.
	Latency measure.Histogram
	// Slow are the requests that took longer than Options.Slow.
	Slow []Span
}

// Add counts what was measured in another phase, or in the same one at another time, in this one.
func (r *Report) Add(other Report) {
	if r.From.IsZero() || other.From.Before(r.From) {
		r.From = other.From
	}
	if other.To.After(r.To) {
		r.To = other.To
	}
	r.Requests += other.Requests
	r.Errors += other.Errors
	if r.FirstError == nil {
		r.FirstError = other.FirstError
	}
	r.Latency.Add(other.Latency)
	r.Slow = append(r.Slow, other.Slow...)
}

// A Span is the time from when a request was due to when it was answered.
type Span struct{ Due, Done time.Time }

// Took is the span's length.
func (s Span) Took() time.Duration { return s.Done.Sub(s.Due) }

func (s Span) overlaps(other Span) bool {
	return s.Due.Before(other.Done) && other.Due.Before(s.Done)
}

// Beyond is the longest wait of requests that others did not have at the same moment: of each span of slow
// the longest one that overlaps it is taken off, since whatever made both wait is not particular to the
// first. Others are the slow requests of a second generator, with connections of its own, that works
// beside on what is not touched.
func Beyond(slow, others []Span) time.Duration {
	var longest time.Duration
	for _, s := range slow {
		took := s.Took()
		if took <= longest {
			continue
		}
		var both time.Duration
		for _, o := range others {
			if s.overlaps(o) {
				both = max(both, o.Took())
			}
		}
		longest = max(longest, took-both)
	}
	return longest
}
