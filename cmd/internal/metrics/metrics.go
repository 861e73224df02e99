// Package metrics tells Prometheus what the executor does, by what it reports
// and nothing else: served over HTTP while a command runs, and written to a file
// for the textfile collector of node_exporter, which fits a job that is gone
// before anybody scrapes it. docs/METRICS.md lists the metrics.
//
// A label never holds a value of the user's rows, a URL or prose: it holds names
// of the schema and of migrations, or a word of a closed set.
package metrics

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/expandcontract/migrate/executor"
)

// Options of a command's metrics.
type Options struct {
	// Command is what runs, "expand".
	Command string
	// Database is the name of the database, without its host; it becomes a label of
	// every metric. Empty: none.
	Database string
	// Version, Revision and Go describe this program.
	Version, Revision, Go string
	// Listen is the address to serve /metrics on; empty: it is not served.
	Listen string
	// File is written every fifteen seconds and at the end; empty: none is.
	File string
	// Log hears where metrics are served, and what goes wrong later.
	Log *slog.Logger
}

// Metrics are those of one command. It hears the executor's events while the
// metrics are read.
type Metrics struct {
	o        Options
	registry *prometheus.Registry
	series   *series
	closers  []func()

	mu    sync.Mutex
	walks map[walkKey]*walk
	locks map[lockKey]time.Time // until when waits have been counted
}

var _ executor.Reporter = (*Metrics)(nil)

// Start opens what metrics are to be told through. An address that cannot be
// listened on and a file that cannot be written are errors, as is a file that
// holds anything but our metrics. Close ends it.
func Start(ctx context.Context, o Options) (*Metrics, error) {
	m := newMetrics(o)
	var err error
	if o.Listen != "" {
		err = m.serve(ctx)
	}
	if err == nil && o.File != "" {
		err = m.write(ctx)
	}
	if err != nil {
		m.release()
		return nil, err
	}
	return m, nil
}

// newMetrics makes metrics that nobody is told yet.
func newMetrics(o Options) *Metrics {
	m := &Metrics{
		o: o, registry: prometheus.NewRegistry(),
		walks: map[walkKey]*walk{}, locks: map[lockKey]time.Time{},
	}
	var r prometheus.Registerer = m.registry
	if o.Database != "" {
		r = prometheus.WrapRegistererWith(prometheus.Labels{"database": label(o.Database)}, r)
	}
	m.series = newSeries(r, o.Command)
	m.series.buildInfo.with(o.Version, o.Revision, o.Go).Set(1)
	m.series.commandStart.with(o.Command).SetToCurrentTime()
	m.series.commandRunning.with(o.Command).Set(1)
	return m
}

// Close says how the command has ended, writes the file for the last time and
// serves no more. code is the command's exit code: 0 is success. A nil receiver
// does nothing.
func (m *Metrics) Close(code int) {
	if m == nil {
		return
	}
	m.mu.Lock()
	m.ended(code)
	m.mu.Unlock()
	m.release()
}

// ended leaves nothing that reads as if it were still going on.
func (m *Metrics) ended(code int) {
	s := m.series
	for key, w := range m.walks {
		m.rest(key, w)
	}
	s.stepStart.reset()
	s.leaseWaiting.with().Set(0)
	s.commandRunning.with(m.o.Command).Set(0)
	s.commandExit.with(m.o.Command).Set(float64(code))
	if code == 0 {
		s.commandSuccess.with(m.o.Command).SetToCurrentTime()
	}
}

// release closes in the order opposite to that of opening.
func (m *Metrics) release() {
	for i := len(m.closers) - 1; i >= 0; i-- {
		m.closers[i]()
	}
	m.closers = nil
}

// warn logs what went wrong with metrics: it is no reason to stop a migration.
func (m *Metrics) warn(err error) {
	if err != nil {
		m.o.Log.Warn("metrics are not up to date", "error", err)
	}
}
