package executor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"
)

// Throttle says what holds walks over tables back. The zero value holds nothing.
// Whatever is measured holds while it is above its limit, and lets go once it is
// down at its resume value, so that walks do not flicker at the limit.
type Throttle struct {
	// Every is how often the server is measured; default 1s.
	Every time.Duration
	// Timeout bounds one measurement of everything; default 1s.
	Timeout time.Duration
	// IgnoreErrors lets walks go on where something cannot be measured.
	IgnoreErrors bool
	// IgnoreVanished lets walks go on where a replica cannot be reached any more.
	IgnoreVanished bool

	// ReplicaLag is in seconds: of the replicas below, and of those that the
	// server itself knows of.
	ReplicaLag Limit
	// Replicas are asked how far they are behind. They need to replicate the
	// executor's own tables.
	Replicas []ReplicaSource
	// ActiveSessions limits how many sessions run a statement at this moment.
	ActiveSessions Limit
	// LogRate limits what the server writes to its log (WAL, redo), in bytes a second.
	LogRate Limit
	// SlotRetention limits the log kept for the replication slot furthest behind, in bytes.
	SlotRetention Limit
	// DeadRows limits how much of the walked table is dead rows, in percent.
	DeadRows Limit
	// Autovacuum holds while one works on the walked table or waits for it.
	Autovacuum bool
	// HistoryLength limits the old row versions that are not yet purged.
	HistoryLength Limit
	// Query is the user's: it returns one number, which QueryLimit limits (0 is a
	// limit, too), or a boolean, which holds while it is true.
	Query      string
	QueryLimit Limit
	// URL answers 200 to let walks go on, 429 or 503 to hold them.
	URL string
}

// Limit bounds something measured.
type Limit struct {
	// Above is the limit: more than that holds. Zero: there is none.
	Above float64
	// Resume is the value at or below which walks go on; nil: 80 % of the limit.
	Resume *float64
}

func (l Limit) set() bool { return l.Above > 0 }

// resume is never above the limit.
func (l Limit) resume() float64 {
	if l.Resume != nil {
		return min(*l.Resume, l.Above)
	}
	return min(l.Above, 0.8*l.Above)
}

// ReplicaSource is a replica that may not be reachable yet.
type ReplicaSource struct {
	// Name is shown to people: no password is in it.
	Name string
	Open func(ctx context.Context) (Replica, error)
}

// Quantity is something that some engines can measure of themselves.
type Quantity int

// The quantities.
const (
	// ActiveSessions counts the sessions that run a statement, but for the one that asks.
	ActiveSessions Quantity = iota
	// LogBytes counts what has been written to the log since some moment.
	LogBytes
	// SlotBytes is the log kept for the replication slot furthest behind.
	SlotBytes
	// DeadRows is the share of the table's rows that are dead, in percent; 0
	// where they are so few that they do not matter.
	DeadRows
	// Autovacuum counts the autovacuums that work on the table or wait for it.
	Autovacuum
	// HistoryLength counts the old row versions that are not yet purged.
	HistoryLength
	// OthersStatements is about how many statements a second all but this session have
	// run lately on the server. What we do ourselves never counts.
	OthersStatements
	// StandbyLag is what Standbys tells; Measure does not know it.
	StandbyLag
)

// ErrNotMeasured says that an engine has no such thing.
var ErrNotMeasured = errors.New("the engine has no such thing")

// Meter is what a Session implements that can tell of its server's load.
type Meter interface {
	// Workers is how many walkers suit the server where nobody has said it, and why.
	Workers(ctx context.Context) (n int, why string, err error)
	// Cores is how many processors the server has; 0 where it does not tell.
	Cores(ctx context.Context) (int, error)
	// Measures tells whether the engine knows a quantity at all.
	Measures(q Quantity) bool
	// Measure reads a quantity. table is the plan.Chunks.Table that is walked; of
	// names what was measured where there may be several.
	Measure(ctx context.Context, q Quantity, table string) (value float64, of string, err error)
	// Standbys lists the replicas that the server itself knows of, with the
	// places in its log that they have replayed, and the place at which it writes
	// now. ErrNotMeasured where the server cannot tell.
	Standbys(ctx context.Context) (now int64, all []Standby, err error)
}

// Standby is a replica as its primary sees it.
type Standby struct {
	Name string
	// Replayed is its place in the primary's log.
	Replayed int64
}

// Cause is what holds a walk, of a closed set and without the values that the
// reason, which is prose, has.
type Cause string

// The causes, named as the settings are (docs/THROTTLING.md).
const (
	CauseReplicaLag     Cause = "replica_lag"
	CauseActiveSessions Cause = "active_sessions"
	CauseLogRate        Cause = "log_rate"
	CauseSlotRetention  Cause = "slot_retention"
	CauseDeadRows       Cause = "dead_rows"
	CauseAutovacuum     Cause = "autovacuum"
	CauseHistoryList    Cause = "history_list"
	CauseQuery          Cause = "query"
	CauseHTTP           Cause = "http"
)

// hold is why walks are held. The zero value: they are not.
type hold struct {
	reason string
	causes []Cause // each once, sorted
}

// gauge is one thing that is measured.
type gauge struct {
	name  string
	cause Cause
	limit Limit
	show  func(float64) string
	// measure returns errPending while it does not know yet.
	measure func(ctx context.Context) (value float64, of string, err error)
	// tolerant: a failure holds nothing.
	tolerant bool
	// lane: gauges of one lane are measured one after another.
	lane string

	held bool
}

// errPending says that a measurement needs another look: a rate needs two.
var errPending = errors.New("not known yet")

// verdict judges a measurement. reason is why to hold, empty if there is no
// reason; pending: nothing is known, and what was holds on.
func (g *gauge) verdict(value float64, of string, err error) (reason string, pending bool) {
	if of != "" {
		of = " (" + of + ")"
	}
	switch {
	case errors.Is(err, errPending) && !g.held:
		return "", true
	case errors.Is(err, errPending):
		return g.name + of + " is not known again yet", false
	case errors.Is(err, errVanished):
		g.held = true
		return "replica" + of + " has vanished", false
	case err != nil && g.tolerant:
		g.held = false
		return "", false
	case err != nil:
		g.held = true
		return g.name + of + " cannot be measured: " + oneLine(err), false
	}
	// What is held stays so until the value is down at the resume value.
	g.held = value > g.limit.Above || g.held && value > g.limit.resume()
	switch {
	case !g.held:
		return "", false
	case math.IsInf(value, 1):
		return g.name + " is true", false
	case g.show == nil:
		return g.name + of, false
	case value > g.limit.Above:
		return fmt.Sprintf("%s %s > %s%s", g.name, g.show(value), g.show(g.limit.Above), of), false
	default:
		return fmt.Sprintf("%s %s, goes on at %s%s", g.name, g.show(value), g.show(g.limit.resume()), of), false
	}
}

// oneLine is an error as it fits into a line of status.
func oneLine(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// sampler measures, in one goroutine, for as long as a run lasts.
type sampler struct {
	every, timeout time.Duration
	gauges         []*gauge
	// before is done at the beginning of each sample: it leaves the heartbeat.
	before func(ctx context.Context)
	// tell hears, after each sample, why to hold, if at all; known is false as long as there
	// is something of which nothing is known.
	tell func(why hold, known bool)
}

// pendingEvery is how soon something is measured again of which nothing is known.
const pendingEvery = 100 * time.Millisecond

// loop samples whenever wanted says so, until the context ends.
func (s *sampler) loop(ctx context.Context, wanted func() bool, wake <-chan struct{}) {
	for {
		next := s.every
		if wanted() {
			if known := s.sample(ctx); !known {
				next = min(next, pendingEvery)
			}
		}
		t := time.NewTimer(next)
		select {
		case <-ctx.Done():
			t.Stop()
			return
		case <-wake:
		case <-t.C:
		}
		t.Stop()
	}
}

// sample measures everything once, within the timeout.
func (s *sampler) sample(ctx context.Context) (known bool) {
	timed, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if s.before != nil {
		s.before(timed)
	}
	lanes := map[string][]int{}
	for i, g := range s.gauges {
		lanes[g.lane] = append(lanes[g.lane], i)
	}
	reasons := make([]string, len(s.gauges))
	pending := make([]bool, len(s.gauges))
	var wg sync.WaitGroup
	for _, lane := range lanes {
		wg.Go(func() {
			for _, i := range lane {
				value, of, err := s.gauges[i].measure(timed)
				reasons[i], pending[i] = s.gauges[i].verdict(value, of, err)
			}
		})
	}
	wg.Wait()
	if ctx.Err() != nil {
		return false
	}
	known = true
	var all []string
	var why hold
	for i, g := range s.gauges {
		known = known && !pending[i]
		if reasons[i] != "" {
			all = append(all, reasons[i])
			why.causes = append(why.causes, g.cause)
		}
	}
	why.reason = strings.Join(all, "; ")
	slices.Sort(why.causes)
	why.causes = slices.Compact(why.causes)
	s.tell(why, known)
	return known
}

func (t Throttle) every() time.Duration   { return cmp.Or(t.Every, time.Second) }
func (t Throttle) timeout() time.Duration { return cmp.Or(t.Timeout, time.Second) }
