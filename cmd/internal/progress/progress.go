// Package progress tells a person or a log what the executor does: what was
// done, who is in the way, and how far work on many rows is. On a terminal that
// is one line, redrawn; elsewhere a log line now and then.
package progress

import (
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
)

// How often something that goes on is shown: the terminal's line at most ten
// times a second, a log line every five seconds.
const (
	drawEvery = 100 * time.Millisecond
	logEvery  = 5 * time.Second
)

// Reporter shows what the executor reports.
type Reporter struct {
	console *streams.Console
	theme   streams.Theme
	tty     bool
	log     *slog.Logger
	now     func() time.Time

	drawn  time.Time            // when the terminal's line was drawn last
	logged map[string]time.Time // when something that goes on was logged last
	walks  map[string]walk
}

// walk is where and when a walk over a table began in this run.
type walk struct {
	rows int64
	at   time.Time
}

var _ executor.Reporter = (*Reporter)(nil)

// New makes a reporter. now is the clock.
func New(s *streams.Streams, log *slog.Logger, now func() time.Time) *Reporter {
	return &Reporter{
		console: s.Err, theme: s.ErrTheme, tty: s.ErrIsTerminal(), log: log, now: now,
		logged: map[string]time.Time{}, walks: map[string]walk{},
	}
}

// Report implements executor.Reporter.
func (r *Reporter) Report(event executor.Event) {
	switch e := event.(type) {
	case executor.StateChanged:
		r.log.Info(string(e.To), "migration", e.Migration, "was", string(e.From))
	case executor.StepStarted:
		r.stepStarted(e)
	case executor.StepDone:
		r.stepDone(e)
	case executor.LockWait:
		r.lockWait(e)
	case executor.BlockerEnded:
		r.blockerEnded(e)
	case executor.Rewound:
		r.log.Warn("the database has lost what it had committed (a crash, or a failover to a replica that was behind?); going on from what is there")
	case executor.Rests:
		r.rests(e)
	case executor.LeaseWait:
		r.leaseWait(e)
	case executor.Progress:
		r.progress(e)
	case executor.Throttled:
		r.throttled(e)
	case executor.GaveWay:
		r.gaveWay(e)
	case executor.WorkersChosen:
		r.log.Debug("chose the number of workers", "workers", e.Workers, "reason", e.Why)
	case executor.GateChecked:
		r.gateChecked(e)
	}
}

// Close takes the terminal's line away.
func (r *Reporter) Close() { r.console.Status("") }

func (r *Reporter) stepStarted(e executor.StepStarted) {
	verb := "running"
	if e.Undo {
		verb = "undoing"
	}
	r.log.Debug(verb+": "+e.Step.Title, "migration", e.Migration, "step", e.Step.ID)
	r.status(e.Step.ID + "  " + e.Step.Title)
}

func (r *Reporter) stepDone(e executor.StepDone) {
	r.status("")
	if e.Already {
		r.log.Debug("done before: "+e.Step.Title, "migration", e.Migration, "step", e.Step.ID)
		return
	}
	verb := "done"
	if e.Undo {
		verb = "undone"
	}
	attrs := []any{"migration", e.Migration, "step", e.Step.ID, "took", e.Took.Round(time.Millisecond)}
	if e.Rows > 0 {
		attrs = append(attrs, "rows", e.Rows)
	}
	r.log.Info(verb+": "+e.Step.Title, attrs...)
}

func (r *Reporter) lockWait(e executor.LockWait) {
	why := "waiting for a lock on "
	if e.Slow != nil {
		why = "waiting for a quicker server to lock "
	}
	r.status(why + e.Object + ", " + views.About(e.Waited))
	if !r.due("lock " + e.Migration + " " + e.Step) {
		return
	}
	attrs := []any{"migration", e.Migration, "step", e.Step, "object", e.Object, "waited", e.Waited.Round(time.Millisecond)}
	if e.Slow != nil {
		r.log.Warn("the server is too slow at present to lock a table; trying again", append(attrs,
			"statements", e.Slow.Statements, "would_take_more_than", e.Slow.Took.Round(time.Millisecond), "may_take", e.Slow.Most)...)
		return
	}
	for _, b := range e.Blockers {
		attrs = append(attrs, "blocked_by", b.String())
	}
	r.log.Warn("waiting for a lock; others pass meanwhile", attrs...)
}

func (r *Reporter) blockerEnded(e executor.BlockerEnded) {
	attrs := []any{"migration", e.Migration, "step", e.Step, "object", e.Object, "session", e.Blocker.String()}
	if e.Err != nil {
		r.log.Warn("a session in the way of a lock is left alone", append(attrs, "reason", e.Err.Error())...)
		return
	}
	r.log.Warn("ended a session in the way of a lock (--kill-blockers-after)", attrs...)
}

// rests shows a rest on a terminal, and logs one so long that somebody may ask what
// the wait is for.
func (r *Reporter) rests(e executor.Rests) {
	rest := e.Rest.Round(time.Millisecond)
	r.status("letting those who use " + e.Object + " pass for " + rest.String() + ": " + e.Why)
	log := r.log.Debug
	if rest >= time.Second {
		log = r.log.Info
	}
	log("a table is let alone after a lock", "migration", e.Migration, "step", e.Step, "object", e.Object,
		"locked", e.Held.Round(time.Millisecond), "rest", rest, "reason", e.Why)
}

func (r *Reporter) leaseWait(e executor.LeaseWait) {
	r.status("waiting for " + e.Holder + " to finish")
	if r.due("lease") {
		r.log.Warn("waiting: another migrate is at work", "holder", e.Holder, "since", e.Since.UTC().Format(time.RFC3339))
	}
}

// gaveWay logs where courtesy begins and where it ends.
func (r *Reporter) gaveWay(e executor.GaveWay) {
	attrs := []any{"migration", e.Migration, "table", e.Table, "workers", e.Workers, "chunk_target", e.ChunkTarget}
	if e.Why == "" {
		r.log.Info(e.What+" goes at full speed", attrs...)
		return
	}
	r.log.Info(e.What+" gives way to others", append(attrs, "reason", e.Why)...)
}

// throttled logs where a hold begins and where it ends.
func (r *Reporter) throttled(e executor.Throttled) {
	attrs := []any{"migration", e.Migration, "table", e.Table}
	if e.Reason == "" {
		r.log.Info(e.What+" goes on", append(attrs, "held", e.Held.Round(time.Millisecond))...)
		return
	}
	r.log.Warn(e.What+" is throttled", append(attrs, "reason", e.Reason)...)
}

func (r *Reporter) gateChecked(e executor.GateChecked) {
	// Not louder: a gate that does not pass is what the command ends with.
	r.log.Debug(fmt.Sprintf("gate %s: %s", e.Gate, e.Result), "migration", e.Migration, "reason", e.Reason)
}

func (r *Reporter) progress(e executor.Progress) {
	key := e.What + " " + e.Migration + " " + e.Step + " " + e.Table
	now := r.now()
	began, ok := r.walks[key]
	if !ok {
		began = walk{e.Done, now}
		r.walks[key] = began
		r.logged[key] = now
	}
	// An estimate that proves too low moves with the rows found.
	e.Total = max(e.Done, e.Total)
	switch {
	case e.Final:
		delete(r.walks, key)
		delete(r.logged, key)
		r.status("")
		r.finished(e, began, now)
	case r.tty:
		r.draw(e, now)
	case r.due(key):
		r.log.Info(e.What, r.attrs(e)...)
	}
}

// finished sums a walk up, with its average rate in this run. A walk that ends
// before its last row was interrupted, or failed.
func (r *Reporter) finished(e executor.Progress, began walk, now time.Time) {
	attrs := []any{"migration", e.Migration, "table", e.Table, "rows", e.Done}
	if took := now.Sub(began.at); took > 0 {
		attrs = append(attrs, "took", took.Round(time.Millisecond), "rows_per_second", int64(float64(e.Done-began.rows)/took.Seconds()))
	}
	if e.Done < e.Total {
		r.log.Info(e.What+" stopped", append(attrs, "rows_total", e.Total)...)
		return
	}
	r.log.Info(e.What+" finished", attrs...)
}

func (r *Reporter) attrs(e executor.Progress) []any {
	attrs := []any{
		"migration", e.Migration, "table", e.Table, "rows_done", e.Done, "rows_total", e.Total,
		"percent", views.Percent(e.Done, e.Total),
	}
	switch {
	case e.Paused:
		attrs = append(attrs, "paused", true)
	case e.Throttled != "":
		attrs = append(attrs, "throttled", e.Throttled)
	case e.Rate > 0:
		attrs = append(attrs, "rows_per_second", int64(e.Rate), "eta", views.About(e.ETA))
	}
	return attrs
}

// due tells whether something that goes on is to be logged again.
func (r *Reporter) due(key string) bool {
	now := r.now()
	if last, ok := r.logged[key]; ok && now.Sub(last) < logEvery {
		return false
	}
	r.logged[key] = now
	return true
}

// status replaces the terminal's line.
func (r *Reporter) status(line string) {
	r.console.Status(line)
	r.drawn = time.Time{}
}

// draw shows progress on the terminal's line, unless it was drawn just now.
func (r *Reporter) draw(e executor.Progress, now time.Time) {
	if now.Sub(r.drawn) < drawEvery {
		return
	}
	r.console.Status(r.line(e))
	r.drawn = now
}

// barWidth is the length of the bar in columns.
const barWidth = 24

// line is "backfill users  ━━━━━━━━────────  42%  84,000 of 200,000  21k/s  5s left".
func (r *Reporter) line(e executor.Progress) string {
	filled := barWidth
	if e.Total > 0 {
		filled = int(float64(barWidth) * float64(e.Done) / float64(e.Total))
	}
	parts := []string{
		e.What + " " + e.Table,
		r.theme.Accent.Render(strings.Repeat("━", filled)) + r.theme.Faint.Render(strings.Repeat("─", barWidth-filled)),
		views.Percent(e.Done, e.Total),
		views.Count(e.Done) + " of " + views.Count(e.Total),
	}
	switch {
	case e.Paused:
		parts = append(parts, r.theme.Warn.Render("paused"))
	case e.Throttled != "":
		parts = append(parts, r.theme.Warn.Render("throttled")+": "+e.Throttled)
	case e.Rate > 0:
		parts = append(parts, views.Rate(e.Rate))
		if e.ETA > 0 {
			parts = append(parts, views.About(e.ETA)+" left")
		}
	}
	return strings.Join(parts, "  ")
}
