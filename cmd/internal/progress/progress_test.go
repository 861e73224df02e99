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
)

// clock is a clock that stands still until it is moved.
type clock struct{ now time.Time }

func newClock() *clock { return &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) read() time.Time      { return c.now }
func (c *clock) pass(d time.Duration) { c.now = c.now.Add(d) }

// lines strips what redraws a terminal's line from what was written to it.
func lines(out *bytes.Buffer) []string {
	var lines []string
	for _, l := range strings.Split(out.String(), "\r\x1b[2K") {
		lines = append(lines, strings.TrimRight(ansi.Strip(l), "\n"))
	}
	return lines[1:]
}

func TestTerminalShowsOneLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	time0 := newClock()
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	r := progress.New(streams.Terminal(&out, 120), quiet, time0.read)

	r.Rows("users", 0, 200_000)
	for range 10 { // ten reports in 50 ms are drawn once at most
		time0.pass(5 * time.Millisecond)
		r.Rows("users", 100, 200_000)
	}
	time0.pass(4950 * time.Millisecond)
	r.Rows("users", 100_000, 200_000)
	time0.pass(5 * time.Second)
	r.Rows("users", 200_000, 200_000)
	r.End("users")

	want := []string{
		"users  ────────────────────────  0%  0 of 200,000",
		"users  ━━━━━━━━━━━━────────────  50%  100,000 of 200,000  20k/s  5s left",
		"users  ━━━━━━━━━━━━━━━━━━━━━━━━  100%  200,000 of 200,000  20k/s  0s left",
		"",
	}
	if got := lines(&out); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the terminal showed\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestTerminalIsDrawnAtMostTenTimesASecond(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	time0 := newClock()
	r := progress.New(streams.Terminal(&out, 120), slog.New(slog.NewTextHandler(io.Discard, nil)), time0.read)
	const seconds = 3
	for i := range int64(seconds * 1000) {
		time0.pass(time.Millisecond)
		r.Rows("users", i, 1_000_000)
	}
	if got := len(lines(&out)); got > 10*seconds || got < 5*seconds {
		t.Errorf("the line was drawn %d times in %d seconds", got, seconds)
	}
}

// logged runs f with a reporter that logs, and returns the lines.
func logged(t *testing.T, f func(r *progress.Reporter, time0 *clock)) []string {
	t.Helper()
	var out bytes.Buffer
	time0 := newClock()
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	f(progress.New(streams.Buffers(io.Discard, io.Discard), log, time0.read), time0)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

func TestLogHasOneLinePerInterval(t *testing.T) {
	t.Parallel()
	got := logged(t, func(r *progress.Reporter, time0 *clock) {
		for i := range int64(121) { // twelve seconds, a report every 100 ms
			r.Rows("users", 50_000+i*100, 100_000)
			time0.pass(100 * time.Millisecond)
		}
		r.End("users")
	})
	want := []string{
		"msg=working work=users rows_done=55000 rows_total=100000 percent=55% rows_per_second=1000 eta=45s",
		"msg=working work=users rows_done=60000 rows_total=100000 percent=60% rows_per_second=1000 eta=40s",
		"msg=finished work=users rows=62000 rows_per_second=1000 took=12.1s",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("the log says\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEstimateThatWasTooLow(t *testing.T) {
	t.Parallel()
	got := logged(t, func(r *progress.Reporter, time0 *clock) {
		r.Rows("users", 0, 10)
		time0.pass(5 * time.Second)
		r.Rows("users", 20, 10)
	})
	if want := "msg=working work=users rows_done=20 rows_total=20 percent=100% rows_per_second=4 eta=0s"; got[0] != want {
		t.Errorf("the log says %s, want %s", got[0], want)
	}
}

func TestEndOfWorkThatNeverBegan(t *testing.T) {
	t.Parallel()
	got := logged(t, func(r *progress.Reporter, _ *clock) { r.End("users") })
	if got[0] != "" {
		t.Errorf("the log says %q", got[0])
	}
}
