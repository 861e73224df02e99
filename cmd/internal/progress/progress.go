// Package progress shows how far work on many rows is: one line that is redrawn
// on a terminal, a log line now and then elsewhere.
package progress

import (
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
)

// How often progress is shown: the terminal's line at most ten times a second,
// a log line every five.
const (
	drawEvery = 100 * time.Millisecond
	logEvery  = 5 * time.Second
)

// Reporter shows the progress of one piece of work at a time. Its methods may
// be called concurrently.
type Reporter struct {
	console *streams.Console
	theme   streams.Theme
	tty     bool
	log     *slog.Logger
	now     func() time.Time

	mu    sync.Mutex
	work  map[string]*work
	shown time.Time
}

// work is one table's progress.
type work struct {
	meter       meter
	done, total int64
	logged      time.Time
}

// New makes a reporter for a terminal or for a log. now is the clock.
func New(s *streams.Streams, log *slog.Logger, now func() time.Time) *Reporter {
	return &Reporter{
		console: s.Err, theme: s.ErrTheme, tty: s.ErrIsTerminal(), log: log, now: now,
		work: map[string]*work{},
	}
}

// Rows tells how many rows of a labelled piece of work are done of an estimated
// total. The first call begins it; done need not be 0 then.
func (r *Reporter) Rows(label string, done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	w := r.work[label]
	if w == nil {
		w = &work{logged: now}
		r.work[label] = w
	}
	// An estimate that proves too low moves with the rows found.
	w.done, w.total = done, max(done, total)
	w.meter.add(now, done)
	if r.tty {
		r.draw(now, label, w)
		return
	}
	if now.Sub(w.logged) >= logEvery {
		w.logged = now
		r.log.Info("working", w.attrs(label)...)
	}
}

// End tells that the labelled work is over, and takes its line away. It logs a
// summary with the average rate.
func (r *Reporter) End(label string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := r.work[label]
	if w == nil {
		return
	}
	delete(r.work, label)
	r.console.Status("")
	r.shown = time.Time{}
	elapsed := r.now().Sub(w.meter.first.at)
	r.log.Info("finished", "work", label, "rows", w.done,
		"rows_per_second", int64(w.meter.average()), "took", elapsed.Round(time.Millisecond))
}

// Clear takes the line away, whatever is under way.
func (r *Reporter) Clear() { r.console.Status("") }

func (w *work) attrs(label string) []any {
	attrs := []any{"work", label, "rows_done", w.done, "rows_total", w.total, "percent", views.Percent(w.done, w.total)}
	if rate := w.meter.rate(); rate > 0 {
		attrs = append(attrs, "rows_per_second", int64(rate), "eta", views.About(w.eta(rate)))
	}
	return attrs
}

// eta estimates the time left at a rate.
func (w *work) eta(rate float64) time.Duration {
	return time.Duration(float64(w.total-w.done) / rate * float64(time.Second))
}

// draw redraws the line, unless it was drawn just now.
func (r *Reporter) draw(now time.Time, label string, w *work) {
	if now.Sub(r.shown) < drawEvery && w.done < w.total {
		return
	}
	r.shown = now
	r.console.Status(r.line(label, w))
}

// barWidth is the length of the bar in columns.
const barWidth = 24

// line is "users  ━━━━━━━━────────  42%  84,000 of 200,000  21k/s  5s left".
func (r *Reporter) line(label string, w *work) string {
	filled := barWidth
	if w.total > 0 {
		filled = int(float64(barWidth) * float64(w.done) / float64(w.total))
	}
	parts := []string{
		label,
		r.theme.Accent.Render(strings.Repeat("━", filled)) + r.theme.Faint.Render(strings.Repeat("─", barWidth-filled)),
		views.Percent(w.done, w.total),
		views.Count(w.done) + " of " + views.Count(w.total),
	}
	if rate := w.meter.rate(); rate > 0 {
		parts = append(parts, views.Rate(rate), views.About(w.eta(rate))+" left")
	}
	return strings.Join(parts, "  ")
}
