package integration

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// throttle_test.go holds backfills back, and changes their pace from another
// connection, as migrate throttle, pause and resume do.

// soon is how long what people say may take to have an effect, on a server that
// takes no time to write that down.
const soon = 2 * time.Second

// said is when something was said, and what its effect may take. A server that
// many tests keep busy takes its time for everything: where it took long to say
// it, it may take longer to hear it, and to end the chunk that is under way.
type said struct {
	at    time.Time
	delay time.Duration
}

// say says something, and notes how long that took.
func say(t *testing.T, something func() error) said {
	t.Helper()
	begun := time.Now()
	if err := something(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(begun)
	t.Logf("it took %s to be said", took.Round(time.Millisecond))
	return said{at: time.Now(), delay: soon + 5*took}
}

// watcher remembers what a running executor tells.
type watcher struct {
	mu     sync.Mutex
	events []told
}

type told struct {
	at    time.Time
	event executor.Event
}

// Report implements executor.Reporter.
func (w *watcher) Report(e executor.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, told{time.Now(), e})
}

// backfills are the reports of progress since some time.
func (w *watcher) backfills(since time.Time) (all []executor.Progress, at []time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		if p, ok := e.event.(executor.Progress); ok && p.What == "backfill" && e.at.After(since) {
			all, at = append(all, p), append(at, e.at)
		}
	}
	return all, at
}

// throttled are the holds that were told.
func (w *watcher) throttled() []executor.Throttled {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []executor.Throttled
	for _, e := range w.events {
		if h, ok := e.event.(executor.Throttled); ok {
			out = append(out, h)
		}
	}
	return out
}

// within waits until a report of progress since then meets a condition, and
// fails if that took longer than what people say may take.
func (w *watcher) within(t *testing.T, what string, since said, cond func(executor.Progress) bool) {
	t.Helper()
	var took time.Duration
	eventually(t, what, func() bool {
		all, at := w.backfills(since.at)
		i := slices.IndexFunc(all, cond)
		if i >= 0 {
			took = at[i].Sub(since.at)
		}
		return i >= 0
	})
	t.Logf("%s: after %s", what, took.Round(time.Millisecond))
	if took > since.delay {
		t.Errorf("%s: after %s, want at most %s", what, took, since.delay)
	}
}

// goes fails unless, from the moment on at which what people said must have had
// its effect, the rows done each second lie between two numbers.
func (w *watcher) goes(t *testing.T, since said, least, most float64) {
	t.Helper()
	var all []executor.Progress
	var at []time.Time
	eventually(t, "reports of the new pace", func() bool {
		all, at = w.backfills(since.at.Add(since.delay))
		return len(all) > 8 // two seconds
	})
	last := len(all) - 1
	rate := float64(all[last].Done-all[0].Done) / at[last].Sub(at[0]).Seconds()
	t.Logf("%.0f rows/s", rate)
	if rate < least || rate > most {
		t.Errorf("%s after it was said, %.0f rows are done each second, want %g to %g", since.delay, rate, least, most)
	}
}

// standsStill waits until no more rows are done: the chunks that were under way
// when the hold began may end. A backfill that is not held comes to its end, and
// tells no more.
func (w *watcher) standsStill(t *testing.T) {
	t.Helper()
	since := time.Now()
	const reports = 6 // four come each second
	eventually(t, "the backfill to stand still", func() bool {
		all, _ := w.backfills(since)
		if len(all) < reports {
			return false
		}
		last := all[len(all)-reports:]
		return last[0].Done == last[reports-1].Done && !last[reports-1].Final
	})
}

// expanding lets an executor expand beside the test.
func (w *world) expanding(t *testing.T, o executor.Options, f string) (*watcher, func() (executor.State, error)) {
	t.Helper()
	watch := &watcher{}
	o.Reporter = watch
	h := w.migrate(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var state executor.State
	var err error
	var done sync.WaitGroup
	done.Go(func() { state, err = h.expand(ctx, file("0007_double", f)) })
	t.Cleanup(func() {
		cancel()
		done.Wait()
	})
	return watch, func() (executor.State, error) {
		done.Wait()
		return state, err
	}
}

// backfill is the status of the one backfill that there is; nil before it has begun.
func (h *hand) backfill(t *testing.T) *executor.BackfillStatus {
	t.Helper()
	s, err := h.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range s.Migrations {
		if len(m.Backfill) == 0 {
			continue
		}
		if m.Backfill[0].Throttled != s.Throttled {
			t.Errorf("the backfill is throttled by %q, the executor by %q", m.Backfill[0].Throttled, s.Throttled)
		}
		return &m.Backfill[0]
	}
	return nil
}

func TestQueryHoldsABackfill(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 20_000)
		w.exec(t, "CREATE TABLE load_now (n int)")
		w.exec(t, "INSERT INTO load_now VALUES (7)")
		watch, wait := w.expanding(t, executor.Options{
			RowsPerSecond: 15_000,
			Throttle:      executor.Throttle{Every: 50 * time.Millisecond, Query: "SELECT n FROM load_now", QueryLimit: executor.Limit{Above: 5}},
		}, addB)
		people := w.migrate(t, executor.Options{Holder: "people"})
		throttled := func(want string) func() bool {
			return func() bool {
				b := people.backfill(t)
				return b != nil && b.Throttled == want
			}
		}
		eventually(t, "the hold", throttled("query 7 > 5"))
		watch.standsStill(t)
		if done := people.backfill(t).RowsDone; done != 0 {
			t.Errorf("%d rows were done before the query was asked", done)
		}
		w.exec(t, "UPDATE load_now SET n = 3")
		eventually(t, "the first rows", func() bool { return people.backfill(t).RowsDone > 0 })
		if !throttled("")() {
			t.Error("the status is still that of the hold")
		}
		w.exec(t, "UPDATE load_now SET n = 6")
		eventually(t, "the second hold", throttled("query 6 > 5"))
		w.exec(t, "UPDATE load_now SET n = 5")
		eventually(t, "the resume value to be waited for", throttled("query 5, goes on at 4"))
		watch.standsStill(t)
		w.exec(t, "ALTER TABLE load_now RENAME TO load_then")
		eventually(t, "the query to fail", func() bool {
			return strings.HasPrefix(people.backfill(t).Throttled, "query cannot be measured: ")
		})
		watch.standsStill(t)
		w.exec(t, "ALTER TABLE load_then RENAME TO load_now")
		w.exec(t, "UPDATE load_now SET n = 4")
		state, err := wait()
		reaches(t, executor.Open, state, err)
		holds := watch.throttled()
		for i, h := range holds {
			if (h.Reason == "") != (i%2 == 1) || h.Table != "t" || h.Migration != "0007_double" {
				t.Errorf("hold %d was told as %+v", i, h)
			}
		}
		if len(holds) != 4 {
			t.Errorf("two holds were told in %d events: %+v", len(holds), holds)
		}
	})
}

// A verification is held like a backfill.
func TestQueryHoldsAVerification(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 1000)
		state, err := w.migrate(t, executor.Options{}).expand(t.Context(), file("0007_double", addB))
		reaches(t, executor.Open, state, err)
		w.exec(t, "CREATE TABLE load_now (n int)")
		w.exec(t, "INSERT INTO load_now VALUES (1)")
		h := w.migrate(t, executor.Options{Throttle: executor.Throttle{Every: 50 * time.Millisecond, Query: "SELECT n > 0 FROM load_now"}})
		var found []executor.Verified
		var done sync.WaitGroup
		done.Go(func() { found, err = h.Verify(t.Context(), "0007_double", executor.RepairNone) })
		people := w.migrate(t, executor.Options{})
		eventually(t, "the hold", func() bool {
			s, err := people.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return s.Throttled == w.either("query is true", "query 1 > 0")
		})
		w.exec(t, "UPDATE load_now SET n = 0")
		done.Wait()
		if err != nil || len(found) != 1 || found[0].Rows != 1000 {
			t.Errorf("the verification found %+v, %v", found, err)
		}
	})
}

func TestPaceIsChangedFromAnotherConnection(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		const rows = 30_000
		bigTable(t, w, rows)
		watch, wait := w.expanding(t, executor.Options{RowsPerSecond: 200, Workers: 1}, addB)
		people := w.migrate(t, executor.Options{Holder: "people"})
		set := func(change executor.Tuning) said {
			t.Helper()
			return say(t, func() error { return people.Tune(t.Context(), change) })
		}
		rate := func(v float64) executor.Tuning { return executor.Tuning{RowsPerSecond: &v} }
		eventually(t, "the backfill", func() bool {
			all, _ := watch.backfills(time.Time{})
			return len(all) > 8 // two seconds
		})
		slow, _ := watch.backfills(time.Time{})
		if last := slow[len(slow)-1]; last.Done > 1000 || last.Rate > 400 {
			t.Errorf("at 200 rows/s %d rows are done after about two seconds, %g a second", last.Done, last.Rate)
		}
		four, target := 4, int64(150)
		at := set(executor.Tuning{RowsPerSecond: rate(4000).RowsPerSecond, Workers: &four, ChunkTargetMS: &target})
		watch.goes(t, at, 300, 5000) // less than told only where others keep the server busy
		watch.goes(t, set(rate(100)), 10, 250)
		got, err := people.Tuning(t.Context())
		if err != nil || got.Workers == nil || *got.Workers != 4 || *got.RowsPerSecond != 100 || *got.ChunkTargetMS != 150 || got.By != "people" {
			t.Errorf("what is set is %+v, %v", got, err)
		}
		status, err := people.Status(t.Context())
		if err != nil || status.Throttle == nil || *status.Throttle.RowsPerSecond != 100 {
			t.Errorf("status tells %+v, %v", status.Throttle, err)
		}
		at = say(t, func() error { return people.Untune(t.Context()) })
		watch.goes(t, at, 10, 300)
		set(rate(0))
		state, err := wait()
		reaches(t, executor.Open, state, err)
		if n := w.number(t, "SELECT count(*) FROM t WHERE b = a * 2"); n != rows {
			t.Errorf("%d of %d rows are filled", n, rows)
		}
	})
}

func TestPauseIsHeardSoon(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 30_000)
		w.exec(t, "CREATE TABLE load_now (n int)")
		w.exec(t, "INSERT INTO load_now VALUES (0)")
		watch, wait := w.expanding(t, executor.Options{
			RowsPerSecond: 3000, Throttle: executor.Throttle{Every: 50 * time.Millisecond, Query: "SELECT n FROM load_now"},
		}, addB)
		people := w.migrate(t, executor.Options{Holder: "people"})
		order := func(give func(context.Context) error) said {
			t.Helper()
			return say(t, func() error { return give(t.Context()) })
		}
		change := func(load int) said {
			t.Helper()
			return say(t, func() error {
				_, err := w.db.ExecContext(t.Context(), fmt.Sprintf("UPDATE load_now SET n = %d", load))
				return err
			})
		}
		moving := func(p executor.Progress) bool { return !p.Paused && p.Throttled == "" && p.Rate > 0 }
		eventually(t, "the backfill", func() bool {
			all, _ := watch.backfills(time.Time{})
			return slices.ContainsFunc(all, moving)
		})
		at := order(people.Pause)
		watch.within(t, "pause", at, func(p executor.Progress) bool { return p.Paused })
		watch.standsStill(t)
		at = order(people.Resume)
		watch.within(t, "resume", at, moving)

		// In mid-hold, too: what the server says and what people say are two things.
		watch.within(t, "the hold", change(1), func(p executor.Progress) bool { return p.Throttled != "" })
		at = order(people.Pause)
		watch.within(t, "pause in mid-hold", at, func(p executor.Progress) bool { return p.Paused && p.Throttled != "" })
		watch.within(t, "the end of the hold", change(0), func(p executor.Progress) bool { return p.Paused && p.Throttled == "" })
		watch.standsStill(t)
		at = order(people.Resume)
		watch.within(t, "resume", at, moving)
		fast := 0.0
		if err := people.Tune(t.Context(), executor.Tuning{RowsPerSecond: &fast}); err != nil {
			t.Fatal(err)
		}
		state, err := wait()
		reaches(t, executor.Open, state, err)
	})
}

// Migrate's own tables of an earlier version lack some of today's. Whoever only
// looks does without; whoever works adds them.
func TestOwnTablesOfAnEarlierVersion(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 100)
		h := w.migrate(t, executor.Options{Holder: "people"})
		if err := h.Init(t.Context()); err != nil {
			t.Fatal(err)
		}
		newer := []string{"throttle", "pulse", "courtesy"}
		age := func() {
			for _, name := range newer {
				w.exec(t, "DROP TABLE "+w.own(name))
			}
		}
		there := func() (n int64) {
			for _, name := range newer {
				n += w.number(t, fmt.Sprintf("SELECT count(*) FROM information_schema.tables WHERE table_name = '%s' AND table_schema = %s",
					w.either(name, "migrate_"+name), w.either("'migrate'", "DATABASE()")))
			}
			return n
		}
		age()
		if s, err := h.Status(t.Context()); err != nil || s.Throttle != nil || s.Throttled != "" {
			t.Errorf("status says %+v, %v", s, err)
		}
		if got, err := h.Tuning(t.Context()); err != nil || got != (executor.Tuning{}) {
			t.Errorf("%+v is set, %v", got, err)
		}
		if n := there(); n != 0 {
			t.Errorf("looking has created %d tables", n)
		}
		two := 2
		for name, act := range map[string]func() error{
			"tune":   func() error { return h.Tune(t.Context(), executor.Tuning{Workers: &two}) },
			"untune": func() error { return h.Untune(t.Context()) },
			"pause":  func() error { return h.Pause(t.Context()) },
			"resume": func() error { return h.Resume(t.Context()) },
		} {
			if err := act(); err != nil || there() != 3 {
				t.Errorf("%s: %v, and %d tables are there, want 3", name, err, there())
			}
			age()
		}
		if err := h.Resume(t.Context()); err != nil {
			t.Fatal(err)
		}
		age()
		state, err := h.expand(t.Context(), file("0007_double", addB))
		reaches(t, executor.Open, state, err)
		if there() != 3 {
			t.Errorf("after expand %d tables are there, want 3", there())
		}
	})
}
