package main

import (
	"context"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/metrics"
	"github.com/expandcontract/migrate/executor"
)

// measure starts the metrics of a command that offers any, if they are asked for.
// It comes before the database is so much as looked at.
func (f *factory) measure(ctx context.Context, cmd *cobra.Command) error {
	if cmd.Flags().Lookup("metrics-listen") == nil || f.config.Metrics.Listen == "" && f.config.Metrics.File == "" {
		return nil
	}
	b := build()
	m, err := metrics.Start(ctx, metrics.Options{
		Command: cmd.Name(), Database: f.databaseName(),
		Version: b.Version, Revision: b.Revision, Go: b.Go,
		Listen: f.config.Metrics.Listen, File: f.config.Metrics.File, Log: f.log,
	})
	if err != nil {
		return err
	}
	f.metrics = m
	return nil
}

// databaseName is the name alone, of all that the database's URL has; empty if
// there is none. That the URL cannot be read is for others to say.
func (f *factory) databaseName() string {
	text, err := f.config.URL()
	if err != nil {
		return ""
	}
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return strings.Trim(u.Path, "/")
}

// reporters tell each of several what happens.
type reporters []executor.Reporter

var _ executor.Reporter = reporters(nil)

// Report implements executor.Reporter.
func (r reporters) Report(e executor.Event) {
	for _, one := range r {
		one.Report(e)
	}
}

// hearers are who is told what the executor does.
func (t *target) hearers() executor.Reporter {
	if t.metrics == nil {
		return t.reporter
	}
	return reporters{t.reporter, t.metrics}
}
