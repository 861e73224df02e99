package executor

import (
	"context"
	"database/sql"
	"sync"
	"time"
)

// tell reports the walk's progress four times a second, and notes the rate for
// status every second or so. The returned function stops it and reports the end.
func (w *walk) tell(ctx context.Context) (stop func(complete bool)) {
	w.remember()
	quit := make(chan struct{})
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for n := 1; ; n++ {
			select {
			case <-quit:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				w.remember()
				w.r.Report(w.progress(false))
				if n%4 == 0 && w.durable {
					w.saveRate(ctx)
				}
			}
		}
	}()
	return func(complete bool) {
		close(quit)
		wg.Wait()
		p := w.progress(true)
		if complete {
			if w.durable {
				p.Done = max(p.Done, p.Total)
			}
			p.Total, p.ETA = p.Done, 0
		}
		w.r.Report(p)
		if w.durable {
			w.saveRate(ctx)
		}
	}
}

// lately is how far back the rate looks.
const lately = 10 * time.Second

// reached is how far a walk was at some time.
type reached struct {
	at   time.Time
	rows int64
}

// remember notes how far the walk is, and forgets what is not lately.
func (w *walk) remember() {
	done, _ := w.rows(false)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.recent = append(w.recent, reached{now, done})
	for now.Sub(w.recent[0].at) > lately {
		w.recent = w.recent[1:]
	}
}

// forgetRate begins the rate anew: what was before is no sign of what is to come.
func (w *walk) forgetRate() {
	if w == nil {
		return
	}
	done, _ := w.rows(false)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.recent = []reached{{time.Now(), done}}
}

// rate is rows per second, lately.
func (w *walk) rate(done int64) float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.recent) == 0 {
		return 0
	}
	took := time.Since(w.recent[0].at).Seconds()
	if took <= 0 {
		return 0
	}
	return max(0, float64(done-w.recent[0].rows)/took)
}

func (w *walk) progress(final bool) Progress {
	done, total := w.rows(final)
	p := Progress{
		Migration: w.rec.Name, Step: w.step, Table: w.chunks.Label, What: w.what,
		Done: done, Total: total, Final: final, Rate: w.rate(done),
	}
	var held hold
	p.Paused, held = w.steer.state()
	p.Throttled, p.Causes = held.reason, held.causes
	p.GivesWay = w.steer.yielding()
	if p.Rate > 0 && !p.Paused && p.Throttled == "" {
		p.ETA = time.Duration(float64(p.Total-done) / p.Rate * float64(time.Second))
	}
	return p
}

// rows tells how far the walk is. Pieces only estimate their rows; where rows
// are counted on the way, the counts are shown and the total is scaled to them.
func (w *walk) rows(final bool) (done, total int64) {
	done = w.done.Load()
	total = max(w.total, done)
	switch {
	case !w.mutates && done > 0:
		seen := w.seen.Load()
		return seen, max(seen, int64(float64(total)*float64(seen)/float64(done)))
	case !w.durable && final:
		return w.changed.Load(), w.changed.Load()
	}
	return done, total
}

// saveRate lets status show the rate. A failure is no reason to stop a
// backfill: status would merely show an older rate.
func (w *walk) saveRate(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = w.oneTx(ctx, w.lease, func(tx *sql.Tx) error {
		_, err := w.st.exec(ctx, tx, `UPDATE {walks} SET rows_per_second = ?, updated_at = {now} WHERE migration = ? AND step = ?`,
			w.progress(false).Rate, w.rec.Name, w.step)
		return err
	})
}
