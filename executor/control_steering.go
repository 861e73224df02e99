package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"
)

// controlEvery is how often it is asked what people say: they wait for at most
// that, and for the chunks under way.
const controlEvery = 500 * time.Millisecond

// steering is what all walks of a run obey: whether to wait, and how fast to go.
// One goroutine reads what people say, another measures the server, if anything
// is to be measured.
type steering struct {
	e     *Executor
	l     *lease
	pulse *pulse
	stop  context.CancelFunc
	wg    sync.WaitGroup
	wake  chan struct{} // measures at once
	greet chan struct{} // looks for others at once
	fixed int           // workers, where people say nothing
	// What status is told of the walk at work: why it is held, if anything is measured,
	// and why it gives way to others.
	holds, gives notice

	mu      sync.Mutex
	changed chan struct{} // closed, and made anew, whenever something below changes
	orders  orders
	bucket  bucket
	walk    *walk // the one at work; nil: none
	held    hold  // why the server's state holds walks
	since   time.Time
	told    bool      // that it holds
	blind   bool      // nothing has been measured yet
	looked  time.Time // when it was measured last
	company *company  // nil: nobody is looked for
	yields  string    // why the walk gives way to others, as has been told; empty: it does not
}

// steering starts a run's steering at its first walk.
func (r *run) steering(ctx context.Context) (*steering, error) {
	if r.steer != nil {
		return r.steer, nil
	}
	s := &steering{e: r.Executor, l: r.lease, changed: make(chan struct{}), wake: make(chan struct{}, 1), greet: make(chan struct{}, 1)}
	var err error
	if s.fixed, err = r.workers(ctx); err != nil {
		return nil, err
	}
	cores := 0
	if m, ok := r.s.(Meter); ok {
		if cores, err = m.Cores(ctx); err != nil {
			return nil, fmt.Errorf("asking for the server's processors: %w", r.s.Redact(err))
		}
	}
	first, err := r.orders(ctx, s.fixed)
	if err != nil {
		return nil, r.s.Redact(err)
	}
	s.obey(first)
	// It lasts as long as the run, not as long as its first walk.
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.wg.Go(func() { s.listen(ctx) })
	s.pulse = newPulse(r.Executor, r.lease)
	if gauges := r.gauges(s.pulse, s.table); len(gauges) > 0 {
		s.holds.write, s.blind = s.leaveHold, true
		sm := &sampler{
			every: r.o.Throttle.every(), timeout: r.o.Throttle.timeout(), gauges: gauges,
			tell: func(why hold, known bool) { s.measured(ctx, why, known) },
		}
		if len(s.pulse.replicas) > 0 {
			sm.before = s.pulse.beat
		}
		s.wg.Go(func() { sm.loop(ctx, s.walking, s.wake) })
	}
	if m, ok := r.s.(Meter); ok && m.Measures(OthersStatements) {
		s.company, s.gives.write = &company{cores: cores}, s.leaveCourtesy
		s.wg.Go(func() { s.mind(ctx, m, s.greet) })
	}
	r.steer = s
	return s, nil
}

// workers is how many walk side by side if people say nothing.
func (r *run) workers(ctx context.Context) (int, error) {
	if r.o.Workers > 0 {
		return r.o.Workers, nil
	}
	n, why := 2, "the engine gives no advice"
	if m, ok := r.s.(Meter); ok {
		var err error
		if n, why, err = m.Workers(ctx); err != nil {
			return 0, fmt.Errorf("choosing the number of workers: %w", r.s.Redact(err))
		}
	}
	r.r.Report(WorkersChosen{Workers: n, Why: why})
	return n, nil
}

// close ends the steering.
func (s *steering) close() {
	if s == nil {
		return
	}
	s.stop()
	s.wg.Wait()
	s.pulse.close()
}

// listen asks again and again what people say. That it cannot be asked is no
// reason to stop: a walk that has lost the server will find out by itself.
func (s *steering) listen(ctx context.Context) {
	for sleep(ctx, controlEvery) == nil {
		asked, cancel := context.WithTimeout(ctx, 2*controlEvery)
		o, err := s.e.orders(asked, s.fixed)
		cancel()
		if err == nil {
			s.obey(o)
		}
	}
}

// obey takes over what people say.
func (s *steering) obey(o orders) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o == s.orders {
		return
	}
	if o.rate != s.orders.rate {
		s.bucket.setRate(time.Now(), o.rate)
	}
	s.orders = o
	s.room(o.workers)
	s.walk.forgetRate()
	s.turn()
}

// room lets the pool have a connection for each worker.
func (s *steering) room(workers int) {
	const others = 10
	if db := s.e.st.db; db != nil {
		if most := db.Stats().MaxOpenConnections; most > 0 && most < workers+others {
			db.SetMaxOpenConns(workers + others)
			db.SetMaxIdleConns(workers + others)
		}
	}
}

// turn wakes whoever waits for a change. The mutex is held.
func (s *steering) turn() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// measured takes over what the measurements say.
func (s *steering) measured(ctx context.Context, why hold, known bool) {
	s.mu.Lock()
	reason := why.reason
	if reason == "" && !known { // what was goes on
		s.mu.Unlock()
		return
	}
	was := s.held.reason
	if reason != "" && was == "" {
		s.since = time.Now()
	}
	if reason == "" && was != "" && time.Since(s.since) < s.e.o.Throttle.every() {
		s.mu.Unlock() // at least for one interval
		return
	}
	s.held, s.blind, s.looked = why, false, time.Now()
	w := s.walk
	if w != nil {
		s.announce(w)
	}
	s.turn()
	s.mu.Unlock()
	if w != nil {
		s.holds.leave(ctx, s.holding)
	}
}

// holding is why the walk at work is held.
func (s *steering) holding() word {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.walk == nil {
		return word{}
	}
	return word{s.walk.rec.Name, s.walk.step, s.held.reason}
}

// announce reports that a walk is held, or not any more: once each. The mutex is held.
func (s *steering) announce(w *walk) {
	if (s.held.reason != "") == s.told {
		return
	}
	s.told = s.held.reason != ""
	e := Throttled{Migration: w.rec.Name, Step: w.step, Table: w.chunks.Label, What: w.what, Reason: s.held.reason, Causes: s.held.causes}
	if !s.told {
		e.Held = time.Since(s.since)
		w.forgetRate()
	}
	s.e.r.Report(e)
}

// leaveHold writes down why a walk is held.
func (s *steering) leaveHold(ctx context.Context, w word) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.e.o.Throttle.timeout())
	defer cancel()
	return s.e.oneTx(ctx, s.l, func(tx *sql.Tx) error {
		_, err := s.e.st.exec(ctx, tx, `UPDATE {pulse} SET token = ?, migration = ?, step = ?, held = ?, updated_at = {now} WHERE id = 1`,
			s.l.token, w.migration, w.step, w.why)
		return err
	})
}

// begin says that a walk is at work. What was measured a while ago does not count.
func (s *steering) begin(ctx context.Context, w *walk) {
	s.mu.Lock()
	s.walk, s.told = w, false
	if !s.looked.IsZero() && time.Since(s.looked) > 2*s.e.o.Throttle.every() {
		s.blind = true
	}
	if s.held.reason != "" {
		s.announce(w)
	}
	s.mu.Unlock()
	rouse(s.greet)
	s.holds.leave(ctx, s.holding)
	rouse(s.wake)
}

// rouse wakes who waits at a channel, or is to wait there next.
func rouse(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// end says that a walk is over.
func (s *steering) end(ctx context.Context) {
	s.mu.Lock()
	s.walk, s.yields = nil, ""
	s.mu.Unlock()
	s.gives.leave(ctx, s.giving)
	s.holds.leave(ctx, s.holding)
}

// yielding tells why the walk gives way to others; empty: it does not.
func (s *steering) yielding() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.yields
}

func (s *steering) walking() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.walk != nil
}

// table is the one that is walked; empty: none.
func (s *steering) table() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.walk == nil {
		return ""
	}
	return s.walk.chunks.Table
}

// pass waits for as long as walks are to wait.
func (s *steering) pass(ctx context.Context) error { return s.take(ctx, 0, 0) }

// errTooLarge says that a piece is larger than pieces are to be now.
var errTooLarge = errors.New("the piece is larger than the pace allows by now")

// take waits until walks may go on and n more rows may pass. size is how many
// rows the piece was to have: if that is too many by then, it is to be cut anew,
// or the first pieces at a slow rate would be those of a fast one.
func (s *steering) take(ctx context.Context, n, size int64) error {
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		wait, changed, err := s.ask(n, size)
		if !errors.Is(err, errWait) {
			return err
		}
		if err := await(ctx, changed, wait); err != nil {
			return err
		}
	}
}

var errWait = errors.New("not yet")

// ask takes n rows if they may pass; else wait says for how long they may not,
// if that is known, and changed when to ask again in any case.
func (s *steering) ask(n, size int64) (wait time.Duration, changed <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.orders.paused || s.held.reason != "" || s.blind {
		return 0, s.changed, errWait
	}
	if n == 0 {
		return 0, nil, nil
	}
	if size > s.bucket.chunk() {
		return 0, nil, errTooLarge
	}
	wait, ok := s.bucket.take(time.Now(), n)
	if !ok {
		return wait, s.changed, errWait
	}
	return 0, nil, nil
}

// await waits for a change, or for some time if that is not 0.
func await(ctx context.Context, changed <-chan struct{}, d time.Duration) error {
	var passed <-chan time.Time
	if d > 0 {
		t := time.NewTimer(d)
		defer t.Stop()
		passed = t.C
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-changed:
	case <-passed:
	}
	return nil
}

// pace is what the workers of a walk go by.
type pace struct {
	workers int
	target  time.Duration
	most    int64           // rows of a chunk
	idle    float64         // after a chunk, as a multiple of what it took
	changed <-chan struct{} // closed when it is another
}

func (s *steering) pace() pace {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.obeyed()
	return pace{o.workers, o.target, s.bucket.chunk(), o.idle, s.changed}
}

// most is how many workers there may be, however many there are now.
func (s *steering) most() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders.workers
}

// state is what progress shows.
func (s *steering) state() (paused bool, held hold) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.orders.paused, s.held
}
