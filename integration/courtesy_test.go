package integration

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// courtesy_test.go: a backfill gives way to an application, and to nobody else. The
// server is the test's own: of another one, other tests are the application.

// gaveWay are the times at which a backfill began or ended to give way.
func (w *watcher) gaveWay() []executor.GaveWay {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []executor.GaveWay
	for _, e := range w.events {
		if g, ok := e.event.(executor.GaveWay); ok {
			out = append(out, g)
		}
	}
	return out
}

// application asks for rows, some two hundred times a second, until stop.
func application(t *testing.T, w *world) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	query := w.either("SELECT label FROM t WHERE id = $1", "SELECT label FROM t WHERE id = ?")
	var users sync.WaitGroup
	for n := range 4 {
		users.Go(func() {
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for ctx.Err() == nil {
				var label string
				if err := w.db.QueryRowContext(ctx, query, n+1).Scan(&label); err != nil && ctx.Err() == nil {
					t.Errorf("the application: %v", err)
					return
				}
				select {
				case <-ctx.Done():
				case <-tick.C:
				}
			}
		})
	}
	return func() {
		cancel()
		users.Wait()
	}
}

func TestBackfillGivesWay(t *testing.T) {
	t.Parallel()
	eachAlone(t, func(t *testing.T, s fragile) {
		t.Helper()
		givesWay(t, s.database(t, "courteous"))
	})
}

func givesWay(t *testing.T, w *world) {
	t.Helper()
	watch, wait := w.expanding(t, executor.Options{RowsPerSecond: 2000}, addB)
	eventually(t, "the backfill, alone for some seconds", func() bool {
		all, _ := watch.backfills(time.Time{})
		return len(all) > 16 // four come each second
	})
	if all := watch.gaveWay(); len(all) > 0 {
		t.Errorf("alone it gave way: %+v", all)
	}
	begun := time.Now()
	stop := application(t, w)
	eventually(t, "the backfill to give way", func() bool { return len(watch.gaveWay()) > 0 })
	t.Logf("it gave way after %s: %+v", time.Since(begun).Round(time.Millisecond), watch.gaveWay()[0])
	people := w.migrate(t, executor.Options{Holder: "people"})
	says := func(why string) func() bool {
		return func() bool {
			s, err := people.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s.GivesWay == why && len(s.Migrations) == 1 && len(s.Migrations[0].Backfill) == 1 && s.Migrations[0].Backfill[0].GivesWay == why
		}
	}
	eventually(t, "status to say that it gives way, and why", says(watch.gaveWay()[0].Why))
	stop()
	begun = time.Now()
	eventually(t, "the backfill to go at full speed", func() bool { return len(watch.gaveWay()) > 1 })
	t.Logf("it went on after %s", time.Since(begun).Round(time.Millisecond))
	all := watch.gaveWay()
	with, alone := all[0], all[1]
	if with.Why == "" || with.Workers != 1 || with.ChunkTarget >= alone.ChunkTarget || with.What != "backfill" || with.Table != "t" {
		t.Errorf("it gave way with %+v", with)
	}
	if alone.Why != "" || alone.Workers < 2 {
		t.Errorf("it went on with %+v", alone)
	}
	eventually(t, "status to say no more that it gives way", says(""))
	unbounded := 0.0
	if err := people.Tune(t.Context(), executor.Tuning{RowsPerSecond: &unbounded}); err != nil {
		t.Fatal(err)
	}
	state, err := wait()
	reaches(t, executor.Open, state, err)
}
