package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Option is one setting.
type Option struct {
	// Key is its place in migrate.yaml, dots between the levels.
	Key string
	// Env is its environment variable.
	Env string
	// Flag is its name on the command line, without dashes; empty: none.
	Flag string
	// Usage describes it in a few words.
	Usage string

	value func(*Config) pflag.Value
}

// Options are all settings.
var Options = append(generalOptions(), throttleOptions()...)

func generalOptions() []Option {
	return []Option{
		{"database_url", "MIGRATE_DATABASE_URL", "database-url", "the database: postgres://…, mysql://… or mariadb://…", text(func(c *Config) *string { return &c.DatabaseURL }, "url")},
		{"database_url_file", "MIGRATE_DATABASE_URL_FILE", "database-url-file", "a file that holds the database URL", text(func(c *Config) *string { return &c.DatabaseURLFile }, "file")},
		{"dir", "MIGRATE_DIR", "dir", "the directory of the migrations", text(func(c *Config) *string { return &c.Dir }, "dir")},
		{"soak", "MIGRATE_SOAK", "", "how long a flag must have been full before contract, where a migration does not say", duration(func(c *Config) *time.Duration { return &c.Soak }, 0)},
		{"grace", "MIGRATE_GRACE", "", "how long contracted objects stay restorable, where a migration does not say", duration(func(c *Config) *time.Duration { return &c.Grace }, 0)},
		{"backfill.workers", "MIGRATE_BACKFILL_WORKERS", "workers", "how many chunks run side by side; 0: chosen from the server, and half of that while others are at work there", number(func(c *Config) *int { return &c.Workers }, 0, 64)},
		{"backfill.chunk_target", "MIGRATE_BACKFILL_CHUNK_TARGET", "chunk-target", "how long one chunk should take; 0s: 50ms, and less while others are at work on the server", duration(func(c *Config) *time.Duration { return &c.ChunkTarget }, 0)},
		{"backfill.rows_per_second", "MIGRATE_BACKFILL_ROWS_PER_SECOND", "rows-per-second", "how many rows are walked each second; 0: as many as it can", number(func(c *Config) *int { return &c.RowsPerSecond }, 0, mostCount)},
		{"backfill.max_failures", "MIGRATE_BACKFILL_MAX_FAILURES", "max-failures", "how many rows may fail to convert, and are set aside, before the backfill stops; 0: it stops at the first", number(func(c *Config) *int { return &c.MaxFailures }, 0, mostCount)},
		{"data_checks", "MIGRATE_DATA_CHECKS", "data-checks", "how long planning may look at the rows for what will be in the way; 0s: not at all", duration(func(c *Config) *time.Duration { return &c.DataChecks }, 0)},
		{"locks.timeout", "MIGRATE_LOCKS_TIMEOUT", "lock-timeout", "how long to wait for a lock before letting others pass", duration(func(c *Config) *time.Duration { return &c.LockTimeout }, time.Millisecond)},
		{"locks.deadline", "MIGRATE_LOCKS_DEADLINE", "lock-deadline", "how long to keep trying for a lock", duration(func(c *Config) *time.Duration { return &c.LockDeadline }, time.Millisecond)},
		{"locks.hold", "MIGRATE_LOCKS_HOLD", "lock-hold", "how long a table may be locked for several changes of it (MySQL, MariaDB), by a rehearsal right before", duration(func(c *Config) *time.Duration { return &c.LockHold }, time.Millisecond)},
		{"locks.rest", "MIGRATE_LOCKS_REST", "lock-rest", "how long a table is let alone after a lock, at most, while others use the server: a hundred times as long as it was locked; 0s: not at all", duration(func(c *Config) *time.Duration { return &c.LockRest }, 0)},
		{"lint.assume", "MIGRATE_LINT_ASSUME", "assume", "the server that lint, which asks none, takes for granted: postgres:16, mysql:8.4, mariadb:10.11", text(func(c *Config) *string { return &c.Assume }, "engine:version")},
		{"locks.kill_blockers_after", "MIGRATE_LOCKS_KILL_BLOCKERS_AFTER", "kill-blockers-after", "end ordinary sessions that have been in the way of a lock for so long; 0s: never", duration(func(c *Config) *time.Duration { return &c.KillBlockersAfter }, 0)},
		{"verify.replica_url", "MIGRATE_VERIFY_REPLICA_URL", "replica-url", "a replica to read instead of the database itself", text(func(c *Config) *string { return &c.VerifyReplicaURL }, "url")},
		{"verify.replica_url_file", "MIGRATE_VERIFY_REPLICA_URL_FILE", "replica-url-file", "a file that holds the replica's URL", text(func(c *Config) *string { return &c.VerifyReplicaURLFile }, "file")},
		{"lease_wait", "MIGRATE_LEASE_WAIT", "wait", "how long to wait while another migrate is at work", duration(func(c *Config) *time.Duration { return &c.LeaseWait }, 0)},
		{"flags.source", "MIGRATE_FLAGS_SOURCE", "", "where flags are kept: table, env or flagd", choice(func(c *Config) *string { return &c.FlagSource }, FlagsInTable, FlagsInEnv, FlagsInFlagd)},
		{"flags.file", "MIGRATE_FLAGS_FILE", "", "the flagd definition file", text(func(c *Config) *string { return &c.FlagdFile }, "file")},
		{"metrics.listen", "MIGRATE_METRICS_LISTEN", "metrics-listen", "serve Prometheus metrics at this address (/metrics) while the command runs, such as 127.0.0.1:9900", text(func(c *Config) *string { return &c.Metrics.Listen }, "address")},
		{"metrics.file", "MIGRATE_METRICS_FILE", "metrics-file", "write Prometheus metrics to a file, for the textfile collector of node_exporter", text(func(c *Config) *string { return &c.Metrics.File }, "file")},
		{"log_format", "MIGRATE_LOG_FORMAT", "log-format", "how to write the log: text or json", choice(func(c *Config) *string { return &c.LogFormat }, "text", "json")},
		{"no_color", "MIGRATE_NO_COLOR", "no-color", "write without color", boolean(func(c *Config) *bool { return &c.NoColor })},
	}
}

// The groups of options that commands offer as flags.
var (
	// GlobalFlags are offered by every command.
	GlobalFlags = []string{"database-url", "database-url-file", "dir", "log-format", "no-color"}
	// LintFlags are offered by commands that look at files alone.
	LintFlags = []string{"assume"}
	// WaitFlag is offered by commands that take the lease.
	WaitFlag = []string{"wait"}
	// PlanFlags are offered by commands that make plans.
	PlanFlags = []string{"lock-timeout", "data-checks"}
	// LockFlags are offered by commands that change the schema.
	LockFlags = []string{"wait", "lock-deadline", "lock-hold", "lock-rest", "kill-blockers-after"}
	// BackfillFlags are offered by commands that walk tables.
	BackfillFlags = []string{"workers", "chunk-target", "rows-per-second"}
	// ReplicaFlags are offered by commands that can read a replica.
	ReplicaFlags = []string{"replica-url", "replica-url-file"}
	// FailuresFlag is offered by commands that run backfills.
	FailuresFlag = []string{"max-failures"}
	// MetricsFlags are offered by commands that the executor tells of what it does.
	MetricsFlags = []string{"metrics-listen", "metrics-file"}
)

// AddFlags offers options on a command line. What is given there is checked at
// once and takes effect with [Load].
func AddFlags(flags *pflag.FlagSet, names ...string) {
	scratch := Default()
	for _, name := range names {
		for _, o := range Options {
			if o.Flag != name {
				continue
			}
			flag := flags.VarPF(o.value(&scratch), o.Flag, "", o.Usage)
			if flag.Value.Type() == "bool" {
				flag.NoOptDefVal = "true"
			}
		}
	}
}

// setting makes a pflag.Value of two functions.
type setting struct {
	kind string
	get  func() string
	set  func(string) error
}

var _ pflag.Value = setting{}

// String writes the value as Set reads it.
func (s setting) String() string {
	if s.get == nil { // pflag compares with a zero value to find defaults worth showing
		return ""
	}
	return s.get()
}

// Set reads a value.
func (s setting) Set(text string) error { return s.set(text) }

// Type names the kind of value in usage messages.
func (s setting) Type() string { return s.kind }

func text(at func(*Config) *string, kind string) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		p := at(c)
		return setting{kind, func() string { return *p }, func(s string) error {
			*p = s
			return nil
		}}
	}
}

func choice(at func(*Config) *string, among ...string) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		p := at(c)
		return setting{strings.Join(among, "|"), func() string { return *p }, func(s string) error {
			for _, one := range among {
				if s == one {
					*p = s
					return nil
				}
			}
			return fmt.Errorf("expected one of %s", strings.Join(among, ", "))
		}}
	}
}

func duration(at func(*Config) *time.Duration, least time.Duration) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		p := at(c)
		return setting{"duration", func() string { return Short(*p) }, func(s string) error {
			d, err := time.ParseDuration(s)
			if err != nil {
				return errors.New("expected a duration such as 200ms, 10m or 24h")
			}
			if d < least {
				return fmt.Errorf("expected at least %s", least)
			}
			*p = d
			return nil
		}}
	}
}

func number(at func(*Config) *int, least, most int) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		p := at(c)
		return setting{"number", func() string { return strconv.Itoa(*p) }, func(s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < least || n > most {
				return fmt.Errorf("expected a number from %d to %d", least, most)
			}
			*p = n
			return nil
		}}
	}
}

func boolean(at func(*Config) *bool) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		p := at(c)
		return setting{"bool", func() string { return strconv.FormatBool(*p) }, func(s string) error {
			v, err := strconv.ParseBool(s)
			if err != nil {
				return errors.New("expected true or false")
			}
			*p = v
			return nil
		}}
	}
}

// Short writes a duration without its zero parts: 10m, not 10m0s.
func Short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
