package integration

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/integration/throwaway"
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
	if testing.Short() {
		t.Skip("it starts a server of its own")
	}
	t.Parallel()
	for _, engine := range servers.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s, err := throwaway.Start(t.Context(), engine, throwaway.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(); err != nil {
					t.Errorf("stopping the server: %v", err)
				}
			})
			givesWay(t, fragile{s}.database(t, "courteous"))
		})
	}
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
	people := w.migrate(t, executor.Options{Holder: "people"})
	unbounded := 0.0
	if err := people.Tune(t.Context(), executor.Tuning{RowsPerSecond: &unbounded}); err != nil {
		t.Fatal(err)
	}
	state, err := wait()
	reaches(t, executor.Open, state, err)
}
