package config

import (
	"errors"
	"fmt"
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// What to do about something that cannot be had.
const (
	Hold   = "hold"   // let walks wait
	Ignore = "ignore" // let them go on
)

// Throttle is what holds walks over tables back (docs/THROTTLING.md).
type Throttle struct {
	// Every is how often the server is measured, Timeout how long that may take.
	Every, Timeout time.Duration
	// OnError says what to do where something cannot be measured, Vanished where
	// a replica cannot be reached, Autovacuum where one is at the table: Hold or Ignore.
	OnError, Vanished, Autovacuum string
	// ReplicaLag is in seconds.
	ReplicaLag Limit
	// ReplicaURLs may hold passwords; ReplicasFile is a file that holds them
	// instead, one a line.
	ReplicaURLs  []string
	ReplicasFile string
	// ActiveSessions and HistoryLength are counts, LogRate is in bytes a second,
	// SlotRetention in bytes, DeadRows in percent.
	ActiveSessions, LogRate, SlotRetention, DeadRows, HistoryLength Limit
	// Query returns a number, which QueryLimit limits, or a boolean.
	Query      string
	QueryLimit Limit
	// URL answers 200, or 429 or 503 to hold.
	URL string
}

// Limit bounds something measured.
type Limit struct {
	// Above is the limit; 0 for none.
	Above float64
	// Resume is where a hold ends; nil for 80 % of the limit.
	Resume *float64
}

// throttleOptions are the settings of the section throttle.
func throttleOptions() []Option {
	out := []Option{
		{"throttle.every", "MIGRATE_THROTTLE_EVERY", "", "how often the server is measured while a table is walked", duration(func(c *Config) *time.Duration { return &c.Throttle.Every }, 10*time.Millisecond)},
		{"throttle.timeout", "MIGRATE_THROTTLE_TIMEOUT", "", "how long that may take", duration(func(c *Config) *time.Duration { return &c.Throttle.Timeout }, 10*time.Millisecond)},
		{"throttle.on_error", "MIGRATE_THROTTLE_ON_ERROR", "", "what to do where something cannot be measured: hold or ignore", choice(func(c *Config) *string { return &c.Throttle.OnError }, Hold, Ignore)},
		{"throttle.replica_lag.replicas", "MIGRATE_THROTTLE_REPLICA_LAG_REPLICAS", "", "the URLs of replicas to ask; in the variable with spaces between them", list(func(c *Config) *[]string { return &c.Throttle.ReplicaURLs })},
		{"throttle.replica_lag.replicas_file", "MIGRATE_THROTTLE_REPLICA_LAG_REPLICAS_FILE", "", "a file that holds the URLs of the replicas, one a line", text(func(c *Config) *string { return &c.Throttle.ReplicasFile }, "file")},
		{"throttle.replica_lag.vanished", "MIGRATE_THROTTLE_REPLICA_LAG_VANISHED", "", "what to do where a replica cannot be reached: hold or ignore", choice(func(c *Config) *string { return &c.Throttle.Vanished }, Hold, Ignore)},
		{"throttle.autovacuum", "MIGRATE_THROTTLE_AUTOVACUUM", "", "what to do while an autovacuum works on the table or waits for it: hold or ignore", choice(func(c *Config) *string { return &c.Throttle.Autovacuum }, Hold, Ignore)},
		{"throttle.query.sql", "MIGRATE_THROTTLE_QUERY_SQL", "", "a query that returns one number, or a boolean that holds while it is true", text(func(c *Config) *string { return &c.Throttle.Query }, "sql")},
		{"throttle.http.url", "MIGRATE_THROTTLE_HTTP_URL", "", "an endpoint that answers 200, or 429 or 503 to hold", text(func(c *Config) *string { return &c.Throttle.URL }, "url")},
	}
	for _, l := range limits {
		env := "MIGRATE_THROTTLE_" + strings.ToUpper(l.name)
		out = append(out,
			Option{l.key() + ".limit", env + "_LIMIT", "", l.what + ": the limit, above which walks are held", l.setting(func(c *Config) *float64 { return &l.at(c).Above }, nil)},
			Option{l.key() + ".resume", env + "_RESUME", "", l.what + ": where they go on again; 80 % of the limit if it is not given", l.setting(nil, func(c *Config) **float64 { return &l.at(c).Resume })})
	}
	return out
}

// limit is one of those that have a limit and a resume value.
type limit struct {
	name, what string
	unit       unit
	at         func(*Config) *Limit
	// always: it has a limit even if it is 0.
	always bool
}

func (l limit) key() string { return "throttle." + l.name }

var limits = []limit{
	{"replica_lag", "how far replicas are behind", unitSeconds, func(c *Config) *Limit { return &c.Throttle.ReplicaLag }, false},
	{"active_sessions", "sessions that run a statement (threads running)", unitCount, func(c *Config) *Limit { return &c.Throttle.ActiveSessions }, false},
	{"log_rate", "WAL or redo that the server writes each second", unitBytes, func(c *Config) *Limit { return &c.Throttle.LogRate }, false},
	{"slot_retention", "log kept for a replication slot (PostgreSQL)", unitBytes, func(c *Config) *Limit { return &c.Throttle.SlotRetention }, false},
	{"dead_rows", "dead rows of the table (PostgreSQL)", unitPercent, func(c *Config) *Limit { return &c.Throttle.DeadRows }, false},
	{"history_list", "history list length (MySQL, MariaDB)", unitCount, func(c *Config) *Limit { return &c.Throttle.HistoryLength }, false},
	{"query", "the number that the query returns", unitNumber, func(c *Config) *Limit { return &c.Throttle.QueryLimit }, true},
}

// unit is how a kind of limit is written.
type unit struct {
	kind  string
	parse func(string) (float64, error)
	show  func(float64) string
}

const mostCount = 1_000_000_000

var (
	unitSeconds = unit{"duration", func(s string) (float64, error) {
		d, err := time.ParseDuration(s)
		if err != nil {
			return 0, errors.New("expected a duration such as 200ms, 10m or 24h")
		}
		if d < 0 {
			return 0, errors.New("expected at least 0s")
		}
		return d.Seconds(), nil
	}, func(v float64) string { return Short(time.Duration(v * float64(time.Second))) }}
	unitCount = unit{"number", func(s string) (float64, error) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > mostCount {
			return 0, fmt.Errorf("expected a number from 1 to %d", mostCount)
		}
		return float64(n), nil
	}, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }}
	unitBytes   = unit{"size", parseSize, showSize}
	unitPercent = unit{"percent", func(s string) (float64, error) {
		digits, ok := strings.CutSuffix(s, "%")
		v, err := strconv.ParseFloat(digits, 64)
		if !ok || err != nil || !(v > 0 && v < 100) || !plain.MatchString(digits) {
			return 0, errors.New("expected a percentage between 0% and 100%, such as 20%")
		}
		return v, nil
	}, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) + "%" }}
	unitNumber = unit{"float", func(s string) (float64, error) {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
			return 0, errors.New("expected a number")
		}
		return v, nil
	}, func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }}
)

// setting reads and writes either a limit or a resume value.
func (l limit) setting(value func(*Config) *float64, optional func(*Config) **float64) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		get := func() string {
			if optional != nil {
				if p := *optional(c); p != nil {
					return l.unit.show(*p)
				}
				return ""
			}
			if v := *value(c); v != 0 || l.always {
				return l.unit.show(v)
			}
			return ""
		}
		return setting{l.unit.kind, get, func(s string) error {
			v, err := l.unit.parse(s)
			if err != nil {
				return err
			}
			if optional != nil {
				*optional(c) = &v
				return nil
			}
			*value(c) = v
			return nil
		}}
	}
}

var (
	plain   = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
	sizes   = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)(B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$`)
	factors = map[string]float64{"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
)

func parseSize(s string) (float64, error) {
	m := sizes.FindStringSubmatch(s)
	if m == nil {
		return 0, errors.New("expected a size such as 500kB, 20MB or 1.5GiB")
	}
	v, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0, errors.New("expected a size such as 500kB, 20MB or 1.5GiB")
	}
	return v * factors[m[2]], nil
}

// showSize writes a size as parseSize reads it, with the largest unit that divides it.
func showSize(v float64) string {
	for _, name := range []string{"TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"} {
		if n := v / factors[name]; n >= 1 && n == math.Trunc(n) {
			return strconv.FormatFloat(n, 'f', 0, 64) + name
		}
	}
	return strconv.FormatFloat(v, 'f', -1, 64) + "B"
}

func list(at func(*Config) *[]string) func(*Config) pflag.Value {
	return func(c *Config) pflag.Value {
		p := at(c)
		return setting{"list", func() string { return strings.Join(*p, " ") }, func(s string) error {
			*p = strings.Fields(s)
			return nil
		}}
	}
}

// Replicas are the URLs of the replicas, read from the file if there is one.
// They may hold passwords: they must not be printed.
func (t *Throttle) Replicas() ([]string, error) {
	if t.ReplicasFile == "" {
		return t.ReplicaURLs, nil
	}
	content, err := os.ReadFile(t.ReplicasFile)
	if err != nil {
		return nil, fmt.Errorf("reading the replicas' URLs: %w", err)
	}
	var out []string
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			out = append(out, line)
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("reading the replicas' URLs: %s has none", t.ReplicasFile)
	}
	return out, nil
}

// validate checks what one setting alone cannot tell.
func (t *Throttle) validate(c *Config) error {
	for _, l := range limits {
		at := l.at(c)
		switch {
		case at.Resume == nil:
		case at.Above == 0 && !l.always:
			return fmt.Errorf("%s.resume is given, but no %[1]s.limit", l.key())
		case *at.Resume > at.Above:
			return fmt.Errorf("%s.resume is more than %[1]s.limit", l.key())
		}
	}
	if (len(t.ReplicaURLs) > 0 || t.ReplicasFile != "") && t.ReplicaLag.Above == 0 {
		return errors.New("there are replicas in throttle.replica_lag, but no throttle.replica_lag.limit")
	}
	if t.Query == "" && (t.QueryLimit.Above != 0 || t.QueryLimit.Resume != nil) {
		return errors.New("throttle.query has a limit, but no sql")
	}
	return nil
}
