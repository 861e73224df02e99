package progress_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/expandcontract/migrate/cmd/internal/progress"
	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// clock is a clock that stands still until it is moved.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) read() time.Time      { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// walked is the progress of the one walk of these tests.
func walked(done int64, rate float64, eta time.Duration) executor.Progress {
	return executor.Progress{
		Migration: "0007_split_name", Step: "backfill-1", Table: "users", What: "backfill",
		Done: done, Total: 200_000, Rate: rate, ETA: eta,
	}
}

// terminal runs f with a reporter on a terminal and returns what the line showed.
func terminal(t *testing.T, f func(r *progress.Reporter, c *clock)) []string {
	t.Helper()
	var out bytes.Buffer
	c := newClock()
	r := progress.New(streams.Terminal(&out, 120), slog.New(slog.NewTextHandler(io.Discard, nil)), c.read)
	f(r, c)
	var lines []string
	for _, l := range strings.Split(out.String(), "\r\x1b[2K") {
		lines = append(lines, ansi.Strip(l))
	}
	return lines[1:]
}

// logged runs f with a reporter without a terminal and returns the log's lines.
func logged(t *testing.T, f func(r *progress.Reporter, c *clock)) []string {
	t.Helper()
	var out bytes.Buffer
	c := newClock()
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	f(progress.New(streams.Buffers(io.Discard, io.Discard), log, c.read), c)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func equal(t *testing.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("it showed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTerminalShowsOneLine(t *testing.T) {
	t.Parallel()
	got := terminal(t, func(r *progress.Reporter, c *clock) {
		r.Report(executor.StepStarted{Step: plan.Step{ID: "backfill-1", Title: "fill users.first_name"}})
		r.Report(walked(0, 0, 0))
		c.pass(5 * time.Second)
		r.Report(walked(100_000, 20_000, 5*time.Second))
		c.pass(time.Second)
		paused := walked(120_000, 0, 0)
		paused.Paused = true
		r.Report(paused)
		c.pass(5 * time.Second)
		r.Report(walked(200_000, 20_000, 0))
		last := walked(200_000, 20_000, 0)
		last.Final = true
		r.Report(last)
	})
	equal(t, got, []string{
		"backfill-1  fill users.first_name",
		"backfill users  ────────────────────────  0%  0 of 200,000",
		"backfill users  ━━━━━━━━━━━━────────────  50%  100,000 of 200,000  20k/s  5s left",
		"backfill users  ━━━━━━━━━━━━━━──────────  60%  120,000 of 200,000  paused",
		"backfill users  ━━━━━━━━━━━━━━━━━━━━━━━━  100%  200,000 of 200,000  20k/s",
		"",
	})
}

func TestTerminalIsDrawnAtMostTenTimesASecond(t *testing.T) {
	t.Parallel()
	const seconds = 3
	got := terminal(t, func(r *progress.Reporter, c *clock) {
		for i := range int64(seconds * 1000) {
			c.pass(time.Millisecond)
			r.Report(walked(i, 1000, time.Minute))
		}
	})
	if len(got) > 10*seconds || len(got) < 5*seconds {
		t.Errorf("the line was drawn %d times in %d seconds", len(got), seconds)
	}
}

func TestLogHasOneLinePerInterval(t *testing.T) {
	t.Parallel()
	got := logged(t, func(r *progress.Reporter, c *clock) {
		for i := range int64(121) { // twelve seconds, a report every 100 ms
			r.Report(walked(50_000+i*100, 1000, 45*time.Second))
			c.pass(100 * time.Millisecond)
		}
		last := walked(62_100, 1000, 0)
		last.Final = true
		r.Report(last)
		whole := walked(200_000, 1000, 0)
		whole.Final = true
		r.Report(whole)
	})
	equal(t, got, []string{
		`level=INFO msg=backfill migration=0007_split_name table=users rows_done=55000 rows_total=200000 percent=27% rows_per_second=1000 eta=45s`,
		`level=INFO msg=backfill migration=0007_split_name table=users rows_done=60000 rows_total=200000 percent=30% rows_per_second=1000 eta=45s`,
		`level=INFO msg="backfill stopped" migration=0007_split_name table=users rows=62100 took=12.1s rows_per_second=1000 rows_total=200000`,
		`level=INFO msg="backfill finished" migration=0007_split_name table=users rows=200000`,
	})
}

func TestLogTellsWhatHappens(t *testing.T) {
	t.Parallel()
	step := plan.Step{ID: "expand-1", Title: "add column users.note"}
	got := logged(t, func(r *progress.Reporter, _ *clock) {
		r.Report(executor.StateChanged{Migration: "m", From: executor.Planned, To: executor.Expanding})
		r.Report(executor.StepStarted{Migration: "m", Step: step})
		r.Report(executor.StepDone{Migration: "m", Step: step, Took: 12_345 * time.Microsecond})
		r.Report(executor.StepDone{Migration: "m", Step: step, Already: true})
		r.Report(executor.StepDone{Migration: "m", Step: step, Undo: true, Rows: 3, Took: time.Second})
		r.Report(executor.GateChecked{Migration: "m", GateResult: executor.GateResult{Gate: "flag-full", Result: executor.Pass}})
		r.Report(executor.GateChecked{Migration: "m", GateResult: executor.GateResult{Gate: "soaked", Result: executor.Block, Reason: "too early"}})
	})
	equal(t, got, []string{
		`level=INFO msg=expanding migration=m was=planned`,
		`level=INFO msg="done: add column users.note" migration=m step=expand-1 took=12ms`,
		`level=INFO msg="undone: add column users.note" migration=m step=expand-1 took=1s rows=3`,
	})
}

func TestCourtesyIsLogged(t *testing.T) {
	t.Parallel()
	equal(t, logged(t, func(r *progress.Reporter, _ *clock) {
		e := executor.GaveWay{Migration: "m", Table: "users", What: "backfill", Why: "others run about 480 statements/s", Workers: 1, ChunkTarget: 12 * time.Millisecond}
		r.Report(e)
		e.Why, e.Workers, e.ChunkTarget = "", 2, 50*time.Millisecond
		r.Report(e)
	}), []string{
		`level=INFO msg="backfill gives way to others" migration=m table=users workers=1 chunk_target=12ms reason="others run about 480 statements/s"`,
		`level=INFO msg="backfill goes at full speed" migration=m table=users workers=2 chunk_target=50ms`,
	})
}

func TestARestIsShown(t *testing.T) {
	t.Parallel()
	const why = "others run about 480 statements/s"
	story := func(r *progress.Reporter, _ *clock) {
		r.Report(executor.StepStarted{Step: plan.Step{ID: "expand-1", Title: "add column users.note"}})
		r.Report(executor.Rests{Migration: "m", Step: "expand-1", Object: "users", Held: 6 * time.Millisecond, Rest: 600 * time.Millisecond, Why: why})
		r.Report(executor.Rests{Migration: "m", Step: "expand-2", Object: "users", Held: 20 * time.Millisecond, Rest: 2 * time.Second, Why: why})
	}
	equal(t, terminal(t, story), []string{
		"expand-1  add column users.note",
		"letting those who use users pass for 600ms: " + why,
		"letting those who use users pass for 2s: " + why,
	})
	equal(t, logged(t, story), []string{ // those of a second and more
		`level=INFO msg="a table is let alone after a lock" migration=m step=expand-2 object=users locked=20ms rest=2s reason="` + why + `"`,
	})
}

func TestAHoldIsShown(t *testing.T) {
	t.Parallel()
	const why = "replica lag 12.3s > 5.0s (db2:5432)"
	story := func(r *progress.Reporter, c *clock) {
		r.Report(executor.WorkersChosen{Workers: 2, Why: "the server has 2 cores"})
		r.Report(walked(50_000, 1000, 45*time.Second))
		r.Report(executor.Throttled{Migration: "m", Table: "users", What: "backfill", Reason: why})
		for range 60 { // six seconds
			c.pass(100 * time.Millisecond)
			held := walked(50_000, 0, 0)
			held.Throttled = why
			r.Report(held)
		}
		r.Report(executor.Throttled{Migration: "m", Table: "users", What: "backfill", Held: 6 * time.Second})
	}
	equal(t, logged(t, story), []string{
		`level=WARN msg="backfill is throttled" migration=m table=users reason="` + why + `"`,
		`level=INFO msg=backfill migration=0007_split_name table=users rows_done=50000 rows_total=200000 percent=25% throttled="` + why + `"`,
		`level=INFO msg="backfill goes on" migration=m table=users held=6s`,
	})
	shown := terminal(t, story)
	want := "backfill users  ━━━━━━──────────────────  25%  50,000 of 200,000  throttled: " + why
	if got := shown[len(shown)-1]; got != want {
		t.Errorf("it showed %q, want %q", got, want)
	}
}

func TestBlockersAreNamedAtOnceThenNowAndThen(t *testing.T) {
	t.Parallel()
	got := logged(t, func(r *progress.Reporter, c *clock) {
		for i := range 18 { // six seconds of attempts
			r.Report(executor.LockWait{
				Migration: "m", Step: "expand-1", Object: "users", Attempt: i, Waited: time.Duration(i) * 350 * time.Millisecond,
				Blockers: []executor.Blocker{{PID: 42, Age: 20 * time.Second, Query: "UPDATE users SET name = ?"}},
			})
			c.pass(350 * time.Millisecond)
		}
	})
	equal(t, got, []string{
		`level=WARN msg="waiting for a lock; others pass meanwhile" migration=m step=expand-1 object=users waited=0s blocked_by="pid 42, open for 20s: UPDATE users SET name = ?"`,
		`level=WARN msg="waiting for a lock; others pass meanwhile" migration=m step=expand-1 object=users waited=5.25s blocked_by="pid 42, open for 20s: UPDATE users SET name = ?"`,
	})
}

func TestEstimateThatWasTooLow(t *testing.T) {
	t.Parallel()
	got := terminal(t, func(r *progress.Reporter, _ *clock) {
		low := walked(20, 0, 0)
		low.Total = 10
		r.Report(low)
	})
	equal(t, got, []string{"backfill users  ━━━━━━━━━━━━━━━━━━━━━━━━  100%  20 of 20"})
}
