package metrics

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// writeEvery is how often the file is written: as often as Prometheus scrapes in
// many places.
const writeEvery = 15 * time.Second

// write writes the file now, then from time to time until Close, and once more there.
func (m *Metrics) write(ctx context.Context) error {
	if err := m.inherit(); err != nil {
		return err
	}
	if err := m.dump(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(writeEvery)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				m.warn(m.dump())
			}
		}
	}()
	m.closers = append(m.closers, func() {
		stop()
		<-done
		m.warn(m.dump())
	})
	return nil
}

// dump replaces the file. Who reads it sees the old one or the new one.
func (m *Metrics) dump() error {
	if err := prometheus.WriteToTextfile(m.o.File, m.registry); err != nil {
		return fmt.Errorf("writing metrics to %s: %w", m.o.File, err)
	}
	return nil
}

// inherit takes over when commands last succeeded from a file that is there.
// Anything else that is there under the name was not meant to be replaced.
func (m *Metrics) inherit() error {
	path := m.o.File
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("writing metrics to %s: it is not a regular file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("writing metrics: %w", err)
	}
	defer func() { _ = file.Close() }()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(file)
	if err != nil {
		return fmt.Errorf("writing metrics to %s: there is a file that holds something else", path)
	}
	for name := range families {
		if !strings.HasPrefix(name, "migrate_") {
			return fmt.Errorf("writing metrics to %s: there is a file that holds metrics of something else (%s)", path, name)
		}
	}
	for _, metric := range families["migrate_command_last_success_timestamp_seconds"].GetMetric() {
		labels := map[string]string{}
		for _, pair := range metric.GetLabel() {
			labels[pair.GetName()] = pair.GetValue()
		}
		if labels["database"] == label(m.o.Database) && labels["command"] != "" {
			m.series.commandSuccess.with(labels["command"]).Set(metric.GetGauge().GetValue())
		}
	}
	return nil
}
