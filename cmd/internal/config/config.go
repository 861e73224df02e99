// Package config is what a run of migrate can be told beforehand: one struct,
// filled from migrate.yaml, the environment and the command line, the later
// winning over the earlier. A setting is written down once, in the table of
// options; its default, its key in the file, its variable, its flag and the
// JSON Schema (checked by a test) all follow from that.
package config

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// DefaultFile is the configuration file that is read if it exists.
const DefaultFile = "migrate.yaml"

// The places where flags are kept.
const (
	FlagsInTable = "table" // the built-in table in the target database
	FlagsInEnv   = "env"   // environment variables
	FlagsInFlagd = "flagd" // a flagd definition file
)

// Config is everything that can be configured.
type Config struct {
	// DatabaseURL is the target database; it may hold a password.
	DatabaseURL string
	// DatabaseURLFile is a file that holds the URL instead.
	DatabaseURLFile string
	// Dir is the directory of the migrations.
	Dir string
	// Soak and Grace hold for migrations that do not say their own.
	Soak, Grace time.Duration
	// Workers is how many chunks of a table run side by side; 0: chosen from the server
	// and what it does for others.
	Workers int
	// RowsPerSecond bounds all of them together; 0: no bound.
	RowsPerSecond int
	// MaxFailures is how many rows a backfill sets aside; one more ends it.
	MaxFailures int
	// ChunkTarget is how long one chunk should take; 0: chosen from what the server does for others.
	ChunkTarget time.Duration
	// DataChecks bounds the time that planning looks at the rows; 0: not at all.
	DataChecks time.Duration
	// LockTimeout bounds one wait for a lock, LockDeadline all of a step's.
	LockTimeout, LockDeadline time.Duration
	// LockHold bounds how long a table may be locked for several changes of it.
	LockHold time.Duration
	// LockRest bounds how long a table is let alone after a lock; 0: not at all.
	LockRest time.Duration
	// KillBlockersAfter is for how long an ordinary session may be in the way of a
	// lock before it is ended; 0: for ever.
	KillBlockersAfter time.Duration
	// VerifyReplicaURL is a replica that verify reads; it may hold a password.
	VerifyReplicaURL string
	// VerifyReplicaURLFile is a file that holds the URL instead.
	VerifyReplicaURLFile string
	// LeaseWait is how long to wait for another executor to finish.
	LeaseWait time.Duration
	// FlagSource says where flags are kept, FlagdFile which file where they are in flagd's.
	FlagSource, FlagdFile string
	// Assume is the engine and version, "postgres:16", that lint takes for granted.
	Assume string
	// LogFormat is "text" or "json".
	LogFormat string
	// NoColor takes color away even on a terminal.
	NoColor bool
	// Metrics is where Prometheus finds what a command does.
	Metrics Metrics
	// Throttle is what holds backfills and verifications back.
	Throttle Throttle
}

// Metrics is where Prometheus finds what a command does (docs/METRICS.md).
type Metrics struct {
	// Listen is the address that serves /metrics; empty: none does.
	Listen string
	// File is for the textfile collector of node_exporter; empty: none is written.
	File string
}

// Default returns the configuration of a run that was told nothing.
func Default() Config {
	return Config{
		Dir:          "migrations",
		Soak:         10 * time.Minute,
		Grace:        24 * time.Hour,
		DataChecks:   10 * time.Second,
		LockTimeout:  300 * time.Millisecond,
		LockDeadline: 10 * time.Minute,
		LockHold:     150 * time.Millisecond,
		LockRest:     executor.UsualRest,
		FlagSource:   FlagsInTable,
		LogFormat:    "text",
		Throttle:     Throttle{Every: time.Second, Timeout: time.Second, OnError: Hold, Vanished: Hold, Autovacuum: Ignore},
	}
}

// ErrNoDatabase says that no database was named.
var ErrNoDatabase = errors.New("no database was given")

// URL is the database's URL, read from the file if there is one. It holds the
// password: it must not be printed.
func (c *Config) URL() (string, error) {
	text, err := urlOrFile(c.DatabaseURL, c.DatabaseURLFile)
	if err != nil {
		return "", fmt.Errorf("reading the database URL: %w", err)
	}
	if text == "" {
		return "", ErrNoDatabase
	}
	return text, nil
}

// ReplicaURL is the URL of the replica that verify reads; empty: none. It holds
// the password, as URL does.
func (c *Config) ReplicaURL() (string, error) {
	text, err := urlOrFile(c.VerifyReplicaURL, c.VerifyReplicaURLFile)
	if err != nil {
		return "", fmt.Errorf("reading the replica's URL: %w", err)
	}
	return text, nil
}

// urlOrFile reads a URL from the file if there is one.
func urlOrFile(direct, file string) (string, error) {
	if file == "" {
		return direct, nil
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(content))
	if text == "" {
		return "", fmt.Errorf("%s is empty", file)
	}
	return text, nil
}

// HasDatabase tells whether a database was named at all.
func (c *Config) HasDatabase() bool { return c.DatabaseURL != "" || c.DatabaseURLFile != "" }

// validate checks what one setting alone cannot tell.
func (c *Config) validate() error {
	if c.FlagSource == FlagsInFlagd && c.FlagdFile == "" {
		return errors.New("flags.source is flagd, but flags.file does not say which file")
	}
	return c.Throttle.validate(c)
}

// hasPassword tells whether a URL holds a password, or may do so because it
// cannot be read as one.
func hasPassword(text string) bool {
	u, err := url.Parse(text)
	if err != nil {
		return true
	}
	_, set := u.User.Password()
	return set || u.Query().Has("password")
}
