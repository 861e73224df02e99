package metrics

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// family describes a metric, as docs/METRICS.md lists it.
type family struct {
	name, kind, help string
	labels           []string
}

// series are all metrics. Each is written down once, in newSeries.
type series struct {
	families []family

	buildInfo      gauges
	commandStart   gauges
	commandRunning gauges
	commandExit    gauges
	commandSuccess gauges

	migrationState gauges
	gateResult     gauges
	stepStart      gauges
	stepDuration   histograms
	rowsChanged    counters

	walkRunning     gauges
	walkRowsDone    gauges
	walkRowsAll     gauges
	walkRate        gauges
	walkETA         gauges
	walkPaused      gauges
	walkGivesWay    gauges
	walkHeld        gauges
	walkHeldSeconds counters
	workers         gauges

	lockWaits       counters
	lockWaitSeconds counters
	restSeconds     counters
	blockersEnded   counters
	leaseWaiting    gauges
	rewinds         counters
}

// newSeries registers all metrics of a command.
func newSeries(r prometheus.Registerer, command string) *series {
	s := &series{}
	s.buildInfo = s.gauge(r, "migrate_build_info", "This program; always 1.", "version", "revision", "goversion")
	s.commandStart = s.gauge(r, "migrate_command_start_timestamp_seconds", "When the command began.", "command")
	s.commandSeen(r, command)
	s.commandRunning = s.gauge(r, "migrate_command_running", "1 while the command runs, 0 once it has ended.", "command")
	s.commandExit = s.gauge(r, "migrate_command_exit_code", "The exit code of the command, once it has ended.", "command")
	s.commandSuccess = s.gauge(r, "migrate_command_last_success_timestamp_seconds", "When the command last ended with exit code 0; a file keeps it from run to run.", "command")

	s.migrationState = s.gauge(r, "migrate_migration_state", "1 for the state of a migration that this command has changed, 0 for the other states.", "migration", "state")
	s.gateResult = s.gauge(r, "migrate_gate_result", "1 for what a gate has answered last (pass, blocked or inconclusive), 0 for the other answers.", "migration", "gate", "result")
	s.stepStart = s.gauge(r, "migrate_step_start_timestamp_seconds", "When the step that runs now began; absent while none runs.", "migration", "step", "action")
	s.stepDuration = s.histogram(r, "migrate_step_duration_seconds", "How long the steps took that are done, by the step's mode (tx, each or chunks).", "mode", "action")
	s.rowsChanged = s.counter(r, "migrate_step_rows_changed_total", "Rows that steps in chunks have changed.", "migration")

	walk := []string{"migration", "table", "what"}
	s.walkRunning = s.gauge(r, "migrate_walk_running", "1 while a backfill, a verification or a repair walks the table, also while it is held, else 0.", walk...)
	s.walkRowsDone = s.gauge(r, "migrate_walk_rows_done", "Rows walked so far; of a backfill an estimate.", walk...)
	s.walkRowsAll = s.gauge(r, "migrate_walk_rows_expected", "Rows that there are to walk, an estimate.", walk...)
	s.walkRate = s.gauge(r, "migrate_walk_rows_per_second", "Rows walked each second, over the last ten seconds.", walk...)
	s.walkETA = s.gauge(r, "migrate_walk_eta_seconds", "How long the walk is expected to take from now on; absent while that is not known.", walk...)
	s.walkPaused = s.gauge(r, "migrate_walk_paused", "1 while migrate pause holds the walk, else 0.", walk...)
	s.walkGivesWay = s.gauge(r, "migrate_walk_gives_way", "1 while others are at work on the server and the walk gives way to them, else 0.", walk...)
	s.walkHeld = s.gauge(r, "migrate_walk_held", "1 while the cause holds the walk, 0 when it does no more.", append(walk, "cause")...)
	s.walkHeldSeconds = s.counter(r, "migrate_walk_held_seconds_total", "For how long the cause has held the walk; several causes can hold at once.", append(walk, "cause")...)
	s.workers = s.gauge(r, "migrate_workers_chosen", "How many walk side by side, where migrate has chosen it.")

	lock := []string{"migration", "step", "object"}
	s.lockWaits = s.counter(r, "migrate_lock_waits_total", "Waits for a lock that somebody else held, or that is not asked for while the server is slow; one that is tried again and again is one.", lock...)
	s.lockWaitSeconds = s.counter(r, "migrate_lock_wait_seconds_total", "How long there was something that waited for the lock.", lock...)
	s.restSeconds = s.counter(r, "migrate_lock_rest_seconds_total", "How long tables were let alone after locks while others used the server (--lock-rest); a rest counts as it begins.", "migration", "object")
	s.blockersEnded = s.counter(r, "migrate_blockers_total", "Sessions that were long in the way of a lock, and were ended or left alone (--kill-blockers-after).", "migration", "result")
	s.leaseWaiting = s.gauge(r, "migrate_lease_waiting", "1 while another migrate is at work on the database and this one waits for it, else 0.")
	s.rewinds = s.counter(r, "migrate_rewinds_total", "How often the database had lost what it had committed, as in a crash, or a failover to a replica that was behind.")
	s.leaseWaiting.with().Set(0)
	s.rewinds.with().Add(0)
	return s
}

// The kinds of metrics, one for each combination of labels. Names of tables and of
// files need not be UTF-8, and the library takes nothing else.
type (
	gauges     struct{ vec *prometheus.GaugeVec }
	counters   struct{ vec *prometheus.CounterVec }
	histograms struct{ vec *prometheus.HistogramVec }
)

func (g gauges) with(values ...string) prometheus.Gauge {
	return g.vec.WithLabelValues(valid(values)...)
}

func (g gauges) drop(values ...string) { g.vec.DeleteLabelValues(valid(values)...) }

func (g gauges) reset() { g.vec.Reset() }

func (c counters) with(values ...string) prometheus.Counter {
	return c.vec.WithLabelValues(valid(values)...)
}

func (h histograms) with(values ...string) prometheus.Observer {
	return h.vec.WithLabelValues(valid(values)...)
}

func valid(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = label(v)
	}
	return out
}

// label is a text as a label can hold it.
func label(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func (s *series) gauge(r prometheus.Registerer, name, help string, labels ...string) gauges {
	s.families = append(s.families, family{name, "gauge", help, labels})
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	r.MustRegister(v)
	return gauges{v}
}

func (s *series) counter(r prometheus.Registerer, name, help string, labels ...string) counters {
	s.families = append(s.families, family{name, "counter", help, labels})
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	r.MustRegister(v)
	return counters{v}
}

// buckets are from a change of metadata to a backfill that takes a night.
var buckets = []float64{0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600}

func (s *series) histogram(r prometheus.Registerer, name, help string, labels ...string) histograms {
	s.families = append(s.families, family{name, "histogram", help, labels})
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	r.MustRegister(v)
	return histograms{v}
}

// commandSeen is read off the clock whenever metrics are told. In a file it grows
// old when the command is killed.
func (s *series) commandSeen(r prometheus.Registerer, command string) {
	f := family{"migrate_command_seen_timestamp_seconds", "gauge", "When these metrics were told: now, or when the file was written.", []string{"command"}}
	s.families = append(s.families, f)
	r.MustRegister(prometheus.NewGaugeFunc(
		prometheus.GaugeOpts{Name: f.name, Help: f.help, ConstLabels: prometheus.Labels{"command": command}},
		func() float64 { return float64(time.Now().UnixMilli()) / 1000 },
	))
}
