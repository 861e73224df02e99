package executor

import (
	"context"
	"database/sql"
	"time"
)

// Courtesy: while others use the server, walks take less of it. Chunks are
// shorter, and fewer workers make them. A request meets a locked row the more
// often the longer chunks hold theirs, and then waits the longer: what it costs an
// application goes with the square of a chunk's time.

// SomeWork is how many statements others run each second to be at work: more than
// that. What a monitoring agent asks, or a person at a terminal, is less.
const SomeWork = 20.0

const (
	// courteousTarget is how long a chunk should take while others are at work.
	courteousTarget = 12 * time.Millisecond
	// Where processors are few, a walker that works on keeps others from them: it
	// works for less than schedulers give a process at a time, and then rests for
	// as long as the chunk took; for twice as long where there are half as many. On two cores,
	// beside 500 requests/s, chunks of 12, 4 and 2 ms with a rest as long as each raised an
	// application's p99 to 2.1, 1.5 and 1.3 times what it was alone, and those of 12 ms
	// without to 1.8 times (MySQL 9.7).
	fewCores     = 4
	scarceTarget = 2 * time.Millisecond
	// littleWork is how many statements others run each second, at most, to be taken
	// for gone, on average over the looks remembered.
	littleWork = 10.0
	// lookEvery is how often the server is asked, looksKept of how many looks the
	// average is. One that is longer ago than stale says nothing any more.
	lookEvery = 500 * time.Millisecond
	looksKept = 6
	stale     = 4 * lookEvery
)

// company is what is known of others at work on the server.
type company struct {
	rates  []float64 // statements a second that others ran, by look
	looked time.Time // last
	// known is false before the first look: then they are taken to be at work.
	known, atWork bool
	cores         int // the server's processors; 0: not known
}

// look takes over what a look has found, and returns the average.
func (c *company) look(now time.Time, rate float64) (mean float64) {
	if now.Sub(c.looked) > stale {
		c.rates = nil
	}
	c.rates = append(c.rates, rate)
	c.rates = c.rates[max(0, len(c.rates)-looksKept):]
	for _, r := range c.rates {
		mean += r / float64(len(c.rates))
	}
	c.looked, c.known = now, true
	c.atWork = mean > SomeWork || c.atWork && mean > littleWork
	return mean
}

// courteous are the orders of people as they are obeyed while others are at work:
// what people have said stays.
func (o orders) courteous(cores int) orders {
	if !o.saidWorkers {
		o.workers = max(1, o.workers/2)
	}
	switch {
	case o.saidTarget:
	case 0 < cores && cores <= fewCores:
		o.target, o.idle = min(o.target, scarceTarget), fewCores/float64(cores)
	default:
		o.target = min(o.target, courteousTarget)
	}
	return o
}

// obeyed are the orders that hold at this moment. The mutex is held.
func (s *steering) obeyed() orders {
	if s.company != nil && (!s.company.known || s.company.atWork) {
		return s.orders.courteous(s.company.cores)
	}
	return s.orders
}

// mind looks who else is at work for as long as a run lasts, while a table is
// walked; more tells that a walk begins.
func (s *steering) mind(ctx context.Context, m Meter, more <-chan struct{}) {
	for {
		if s.walking() {
			asked, cancel := context.WithTimeout(ctx, 2*lookEvery)
			rate, _, err := m.Measure(asked, OthersStatements, s.table())
			cancel()
			if ctx.Err() == nil {
				s.met(rate, err)
				s.gives.leave(ctx, s.giving)
			}
		}
		if await(ctx, more, lookEvery) != nil {
			return
		}
	}
}

// met takes over what a look has found. If it has failed, what was goes on.
func (s *steering) met(rate float64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if !s.company.known {
			s.giveWay(unmeasured(s.e.s.Redact(err)))
		}
		return
	}
	was := s.obeyed()
	mean := s.company.look(time.Now(), rate)
	if s.obeyed() != was {
		s.turn()
	}
	why := ""
	if s.company.atWork {
		why = atWork(mean)
	}
	s.giveWay(why)
}

// giveWay reports that the walk at work gives way to others, or (why is empty) does
// so no more: once each, and only if people left anything to give. The mutex is held.
func (s *steering) giveWay(why string) {
	o := s.obeyed()
	if o == s.orders {
		why = ""
	}
	if s.walk == nil || (why != "") == (s.yields != "") {
		return
	}
	s.yields = why
	w := s.walk
	s.e.r.Report(GaveWay{Migration: w.rec.Name, Step: w.step, Table: w.chunks.Label, What: w.what, Why: why, Workers: o.workers, ChunkTarget: o.target})
}

// giving is why the walk at work gives way to others.
func (s *steering) giving() word {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.walk == nil {
		return word{}
	}
	return word{s.walk.rec.Name, s.walk.step, s.yields}
}

// leaveCourtesy writes down why a walk gives way to others.
func (s *steering) leaveCourtesy(ctx context.Context, w word) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*lookEvery)
	defer cancel()
	return s.e.oneTx(ctx, s.l, func(tx *sql.Tx) error {
		_, err := s.e.st.exec(ctx, tx, `UPDATE {courtesy} SET token = ?, migration = ?, step = ?, reason = ?, updated_at = {now} WHERE id = 1`,
			s.l.token, w.migration, w.step, w.why)
		return err
	})
}
