package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/pflag"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/logs"
	"github.com/expandcontract/migrate/cmd/internal/metrics"
	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/dialects/all"
)

// factory holds a run's surroundings and makes from them what commands need.
type factory struct {
	streams *streams.Streams
	lookup  func(name string) (string, bool)
	engines dialects.Registry
	now     func() time.Time

	// The flags of every command that are no settings.
	configFile     string
	quiet, verbose bool

	// prepare fills these before a command runs.
	config *config.Config
	log    *slog.Logger

	metrics *metrics.Metrics // nil: nobody has asked for them
}

// newFactory makes a factory of the streams and the environment of a run.
func newFactory(s *streams.Streams, lookup func(string) (string, bool)) *factory {
	return &factory{streams: s, lookup: lookup, engines: all.Engines(), now: time.Now}
}

// prepare reads the configuration and makes the logger.
func (f *factory) prepare(flags *pflag.FlagSet) error {
	file, required := f.configFile, flags.Changed("config")
	if name, ok := f.lookup("MIGRATE_CONFIG"); ok && name != "" && !required {
		file, required = name, true
	}
	c, err := config.Load(config.Sources{File: file, Required: required, Lookup: f.lookup, Flags: flags})
	if err != nil {
		return err
	}
	f.config = c
	if c.NoColor {
		f.streams.NoColor()
	}
	level := slog.LevelInfo
	switch {
	case f.quiet:
		level = slog.LevelWarn
	case f.verbose:
		level = slog.LevelDebug
	}
	f.log = logs.New(f.streams.Err, logs.Options{Format: c.LogFormat, Level: level, Color: f.streams.ErrIsColored()})
	return nil
}

// results is the view of results that need none of their own.
func (f *factory) results(format views.Format) views.Results {
	return views.NewResults(f.streams, format)
}

// holder names this process to others: "host:pid".
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return fmt.Sprintf("%s:%d", host, os.Getpid())
}
