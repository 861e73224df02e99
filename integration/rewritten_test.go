package integration

import (
	"slices"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestRewrittenWhileCompared: a table that is written anew while all its rows are compared may have rows move from where
// the walk had yet to come to where it had been. None is left out for that.
func TestRewrittenWhileCompared(t *testing.T) {
	t.Parallel()
	needsPostgres(t, "the other engines are walked by key")
	w := newWorld(t, servers.Fresh(t, servers.Postgres))
	bigTable(t, w, 20_000)
	f := file("0007_double", addB)
	state, err := w.migrate(t, executor.Options{}).expand(t.Context(), f)
	reaches(t, executor.Open, state, err)
	// The one row that disagrees is the last, and the first half is gone.
	w.exec(t, "DELETE FROM t WHERE id <= 10000")
	w.exec(t, "SET migrate.bypass = 'on'; UPDATE t SET b = 1 WHERE id = 20000; RESET migrate.bypass")
	found := make(chan []executor.Verified, 1)
	var failed error
	watch := &watcher{}
	slowly := w.migrate(t, executor.Options{Workers: 1, RowsPerSecond: 4000, Reporter: watch})
	go func() {
		all, err := slowly.Verify(t.Context(), f.Name, executor.RepairNone)
		failed = err
		found <- all
	}()
	eventually(t, "half of it to be compared", func() bool {
		watch.mu.Lock()
		defer watch.mu.Unlock()
		return slices.ContainsFunc(watch.events, func(e told) bool {
			p, ok := e.event.(executor.Progress)
			return ok && p.What == "verify" && 2*p.Done > p.Total
		})
	})
	w.exec(t, "VACUUM FULL t")
	all := <-found
	if failed != nil || len(all) != 1 || all[0].Mismatches != 1 || all[0].Rows != 10_000 {
		t.Errorf("it found %+v, %v; want 1 of 10000 rows", all, failed)
	}
}
