package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// How far replicas are behind, in seconds. No replica's clock is asked, nor the
// primary's: it is remembered here when which place was written on the primary,
// and a replica that has not got as far as a place is behind by the time that
// has passed since.

// trail remembers when which place was reached.
type trail struct {
	marks []mark
}

type mark struct {
	at    time.Time
	place int64
}

// mostMarks bounds a trail; one that is longer gets coarser.
const mostMarks = 4096

func (t *trail) add(at time.Time, place int64) {
	if n := len(t.marks); n > 0 && place <= t.marks[n-1].place {
		return
	}
	if len(t.marks) >= mostMarks {
		half := t.marks[:0]
		for i := 0; i < len(t.marks); i += 2 {
			half = append(half, t.marks[i])
		}
		t.marks = half
	}
	t.marks = append(t.marks, mark{at, place})
}

// lag is how long ago the first place was reached that is beyond seen. It is
// short of the truth by at most the time between two marks. ok is false when
// seen is before the trail's beginning: the lag may be longer then.
func (t *trail) lag(now time.Time, seen int64) (lag time.Duration, ok bool) {
	i, _ := slices.BinarySearchFunc(t.marks, seen, func(m mark, seen int64) int {
		if m.place <= seen {
			return -1
		}
		return 1
	})
	if i == len(t.marks) {
		return 0, true
	}
	return now.Sub(t.marks[i].at), i > 0
}

// errVanished says that a replica was there and is not any more.
var errVanished = errors.New("it has vanished")

// firstAnswer is how long a replica may take to answer for the first time before it
// is said that it does not.
const firstAnswer = time.Second

// Replica is a read replica that can be asked.
type Replica interface {
	DB() *sql.DB
	Close() error
}

// pulse is the heartbeat that the executor leaves on the primary, and the
// replicas on which it looks for it.
type pulse struct {
	e        *Executor
	token    int64
	write    func(ctx context.Context, beat int64) error
	replicas []*replica

	mu      sync.Mutex
	trail   trail
	beats   int64
	failure error // of the last beat
}

func newPulse(e *Executor, l *lease) *pulse {
	p := &pulse{e: e, token: l.token}
	p.write = func(ctx context.Context, beat int64) error {
		return e.oneTx(ctx, l, func(tx *sql.Tx) error {
			_, err := e.st.exec(ctx, tx, `UPDATE {pulse} SET token = ?, beat = ?, updated_at = {now} WHERE id = 1`, l.token, beat)
			return err
		})
	}
	for _, source := range e.o.Throttle.Replicas {
		p.replicas = append(p.replicas, &replica{ReplicaSource: source, p: p, since: time.Now()})
	}
	return p
}

// beat writes the next heartbeat.
func (p *pulse) beat(ctx context.Context) {
	p.mu.Lock()
	n := p.beats + 1
	p.mu.Unlock()
	err := p.write(ctx, n)
	p.mu.Lock()
	defer p.mu.Unlock()
	// A beat of unknown outcome is one that may arrive: its number is not used again.
	p.beats = n
	if p.failure = err; err == nil {
		p.trail.add(time.Now(), n)
	}
}

// behind is the lag of a replica that shows a beat.
func (p *pulse) behind(beat int64) (lag time.Duration, ok bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	lag, ok = p.trail.lag(time.Now(), beat)
	return lag, ok, p.failure
}

func (p *pulse) close() {
	for _, r := range p.replicas {
		if r.replica != nil {
			_ = r.replica.Close()
		}
	}
}

// replica is one to look for the heartbeat on. It is used by one goroutine at a time.
type replica struct {
	ReplicaSource
	p        *pulse
	since    time.Time
	replica  Replica
	answered bool
}

// lag is a gauge's measurement.
func (r *replica) lag(ctx context.Context) (float64, string, error) {
	beat, err := r.seen(ctx)
	if err != nil {
		if !r.answered && time.Since(r.since) < firstAnswer {
			return 0, r.Name, errPending
		}
		return 0, r.Name, r.p.e.s.Redact(err)
	}
	r.answered = true
	lag, ok, err := r.p.behind(beat)
	if err != nil {
		return 0, r.Name, fmt.Errorf("leaving a heartbeat on the primary: %w", r.p.e.s.Redact(err))
	}
	if !ok {
		// None of our heartbeats has arrived yet: it is behind by at least that.
		if lag <= seconds(r.p.e.o.Throttle.ReplicaLag.Above) {
			return 0, r.Name, errPending
		}
		return lag.Seconds(), r.Name + ", or more", nil
	}
	return lag.Seconds(), r.Name, nil
}

// seen is the last heartbeat of this run that has arrived; 0: none.
func (r *replica) seen(ctx context.Context) (int64, error) {
	if r.replica == nil {
		opened, err := r.Open(ctx)
		if err != nil {
			return 0, err
		}
		r.replica = opened
	}
	var token, beat int64
	err := r.replica.DB().QueryRowContext(ctx, r.p.e.st.l.sqlText(`SELECT token, beat FROM {pulse} WHERE id = 1`)).Scan(&token, &beat)
	if err != nil {
		return 0, err
	}
	if token != r.p.token {
		return 0, nil
	}
	return beat, nil
}

// standbys are the replicas that the primary knows of.
type standbys struct {
	meter          Meter
	redact         func(error) error
	ignoreVanished bool
	limit          time.Duration

	trail trail
	known map[string]bool
}

// lag is that of the one furthest behind. One that was there and is not any more
// counts as lagging.
func (s *standbys) lag(ctx context.Context) (float64, string, error) {
	place, all, err := s.meter.Standbys(ctx)
	if err != nil {
		return 0, "", s.redact(err)
	}
	now := time.Now()
	s.trail.add(now, place)
	var worst time.Duration
	var of string
	pending := false
	here := map[string]bool{}
	for _, standby := range all {
		here[standby.Name] = true
		lag, ok := s.trail.lag(now, standby.Replayed)
		if !ok && lag <= s.limit {
			pending = true
			continue
		}
		if lag > worst || of == "" {
			worst, of = lag, standby.Name
		}
	}
	for name := range s.known {
		if !here[name] && !s.ignoreVanished {
			return 0, name, errVanished
		}
	}
	s.known = here
	if pending && worst <= s.limit {
		return 0, "", errPending
	}
	return worst.Seconds(), of, nil
}
