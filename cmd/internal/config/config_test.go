package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/expandcontract/migrate/cmd/internal/config"
)

// load reads a configuration from the text of a file, variables and arguments.
func load(t *testing.T, file string, env map[string]string, args ...string) (*config.Config, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "migrate.yaml")
	if err := os.WriteFile(path, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.AddFlags(flags, config.GlobalFlags...)
	config.AddFlags(flags, config.LockFlags...)
	config.AddFlags(flags, config.BackfillFlags...)
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return config.Load(config.Sources{
		File:   path,
		Lookup: func(name string) (string, bool) { value, ok := env[name]; return value, ok },
		Flags:  flags,
	})
}

func TestLaterSourcesWin(t *testing.T) {
	t.Parallel()
	c, err := load(t, `
dir: from-file
soak: 1h
backfill:
  workers: 3
  chunk_target: 50ms
locks:
  timeout: 1s
`, map[string]string{"MIGRATE_BACKFILL_WORKERS": "4", "MIGRATE_BACKFILL_CHUNK_TARGET": "60ms", "MIGRATE_NO_COLOR": "true"}, "--workers=5", "--no-color=false")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Dir = "from-file"
	want.Soak = time.Hour
	want.Workers = 5
	want.ChunkTarget = 60 * time.Millisecond
	want.LockTimeout = time.Second
	if diff := cmp.Diff(&want, c); diff != "" {
		t.Errorf("the configuration differs (-want +got):\n%s", diff)
	}
}

func TestThrottleIsRead(t *testing.T) {
	t.Parallel()
	c, err := load(t, `
throttle:
  every: 2s
  on_error: ignore
  replica_lag:
    limit: 5s
    resume: 1500ms
    replicas:
      - postgres://a/shop
      - postgres://b/shop
    vanished: ignore
  active_sessions: {limit: 40}
  log_rate: {limit: 1.5MB}
  slot_retention: {limit: 10GiB, resume: 9GiB}
  dead_rows: {limit: 12.5%}
  autovacuum: hold
  query:
    sql: SELECT count(*) FROM jobs
    limit: -2.5
  http: {url: "http://go/on"}
`, map[string]string{"MIGRATE_THROTTLE_HISTORY_LIST_LIMIT": "1000000", "MIGRATE_THROTTLE_ACTIVE_SESSIONS_LIMIT": "50", "MIGRATE_THROTTLE_HTTP_URL": "http://u:s3cret@go/on"})
	if err != nil {
		t.Fatal(err)
	}
	at := func(v float64) *float64 { return &v }
	want := config.Throttle{
		Every: 2 * time.Second, Timeout: time.Second, OnError: config.Ignore, Vanished: config.Ignore, Autovacuum: config.Hold,
		ReplicaLag: config.Limit{Above: 5, Resume: at(1.5)}, ReplicaURLs: []string{"postgres://a/shop", "postgres://b/shop"},
		ActiveSessions: config.Limit{Above: 50}, LogRate: config.Limit{Above: 1_500_000}, HistoryLength: config.Limit{Above: 1_000_000},
		SlotRetention: config.Limit{Above: 10 << 30, Resume: at(9 << 30)}, DeadRows: config.Limit{Above: 12.5},
		Query: "SELECT count(*) FROM jobs", QueryLimit: config.Limit{Above: -2.5}, URL: "http://u:s3cret@go/on",
	}
	if diff := cmp.Diff(want, c.Throttle); diff != "" {
		t.Errorf("the throttle differs (-want +got):\n%s", diff)
	}
}

func TestReplicas(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "replicas")
	if err := os.WriteFile(path, []byte("# near\npostgres://a:s3cret@b/c\n\n  postgres://d/c  \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const file = "throttle: {replica_lag: {limit: 5s, replicas: [postgres://x/y]}}"
	for _, test := range []struct {
		name string
		env  map[string]string
		want []string
	}{
		{"from migrate.yaml", nil, []string{"postgres://x/y"}},
		{"from the variable", map[string]string{"MIGRATE_THROTTLE_REPLICA_LAG_REPLICAS": "postgres://p/q  postgres://r/s"}, []string{"postgres://p/q", "postgres://r/s"}},
		{"from a file", map[string]string{"MIGRATE_THROTTLE_REPLICA_LAG_REPLICAS_FILE": path}, []string{"postgres://a:s3cret@b/c", "postgres://d/c"}},
	} {
		c, err := load(t, file, test.env)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Throttle.Replicas()
		if diff := cmp.Diff(test.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", test.name, err, diff)
		}
	}
	empty := config.Throttle{ReplicasFile: os.DevNull}
	if _, err := empty.Replicas(); err == nil {
		t.Error("a file without a replica gives no error")
	}
}

func TestDatabaseOfALaterSourceReplacesAnEarlierOne(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		env        map[string]string
		args       []string
		url, path  string
	}{
		{"file only", "database_url: postgres://file/a", nil, nil, "postgres://file/a", ""},
		{"variable over file", "database_url: postgres://file/a", map[string]string{"MIGRATE_DATABASE_URL_FILE": "secret"}, nil, "", "secret"},
		{"flag over variable", "", map[string]string{"MIGRATE_DATABASE_URL_FILE": "secret"}, []string{"--database-url=mysql://flag/b"}, "mysql://flag/b", ""},
		{"flag file over variable", "", map[string]string{"MIGRATE_DATABASE_URL": "mysql://env/b"}, []string{"--database-url-file=secret"}, "", "secret"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := load(t, test.file, test.env, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			if c.DatabaseURL != test.url || c.DatabaseURLFile != test.path {
				t.Errorf("the database is %q, file %q; want %q, file %q", c.DatabaseURL, c.DatabaseURLFile, test.url, test.path)
			}
		})
	}
}

func TestMistakesAreNamedWithTheirPlace(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, file string
		env        map[string]string
		args       []string
		want       string
	}{
		{"unknown key", "dir: a\nsaok: 1h\n", nil, nil, `migrate.yaml:2:1: unknown key "saok"; did you mean "soak"?`},
		{"unknown key in a section", "backfill:\n  batch: 1\n", nil, nil, `migrate.yaml:2:3: unknown key "backfill.batch"`},
		{"section forgotten", "workers: 4\n", nil, nil, `migrate.yaml:1:1: unknown key "workers"; did you mean "backfill.workers"?`},
		{"far from every key", "color_of_the_sky: blue\n", nil, nil, `migrate.yaml:1:1: unknown key "color_of_the_sky"`},
		{"no duration", "soak: soon\n", nil, nil, "migrate.yaml:1:7: soak: expected a duration such as 200ms, 10m or 24h"},
		{"negative duration", "grace: -1h\n", nil, nil, "migrate.yaml:1:8: grace: expected at least 0s"},
		{"out of range", "backfill: {workers: 65}\n", nil, nil, "migrate.yaml:1:21: backfill.workers: expected a number from 0 to 64"},
		{"no value", "dir:\n", nil, nil, "dir: expected a value"},
		{"list for a value", "dir: [a]\n", nil, nil, "migrate.yaml:1:6: dir: expected a value"},
		{"not a mapping", "- dir\n", nil, nil, "migrate.yaml:1:1: expected keys with values"},
		{"twice", "dir: a\ndir: b\n", nil, nil, "dir is given twice"},
		{"broken YAML", "dir: 'a\n", nil, nil, "migrate.yaml"},
		{"choice", "flags: {source: moon}\n", nil, nil, "migrate.yaml:1:17: flags.source: expected one of table, env, flagd"},
		{"flagd without its file", "flags: {source: flagd}\n", nil, nil, "flags.source is flagd, but flags.file does not say which file"},
		{"password in the file", "database_url: postgres://shop:s3cret@db/shop\n", nil, nil, "migrate.yaml:1:15: database_url holds a password"},
		{"unknown key two sections deep", "throttle:\n  replica_lag:\n    limt: 5s\n", nil, nil, `migrate.yaml:3:5: unknown key "throttle.replica_lag.limt"; did you mean "throttle.replica_lag.limit"?`},
		{"no size", "throttle: {log_rate: {limit: 20}}\n", nil, nil, "migrate.yaml:1:30: throttle.log_rate.limit: expected a size such as 500kB"},
		{"no percentage", "throttle: {dead_rows: {limit: 100%}}\n", nil, nil, "throttle.dead_rows.limit: expected a percentage"},
		{"no number", "throttle: {query: {sql: SELECT 1, limit: many}}\n", nil, nil, "throttle.query.limit: expected a number"},
		{"resume above the limit", "throttle: {active_sessions: {limit: 10, resume: 11}}\n", nil, nil, "throttle.active_sessions.resume is more than throttle.active_sessions.limit"},
		{"resume without a limit", "throttle: {log_rate: {resume: 1MB}}\n", nil, nil, "throttle.log_rate.resume is given, but no throttle.log_rate.limit"},
		{"replicas without a limit", "throttle: {replica_lag: {replicas: [postgres://a/b]}}\n", nil, nil, "no throttle.replica_lag.limit"},
		{"a limit without its query", "throttle: {query: {limit: 3}}\n", nil, nil, "throttle.query has a limit, but no sql"},
		{"a replica's password", "throttle:\n  replica_lag:\n    limit: 5s\n    replicas:\n      - postgres://a/b\n      - postgres://a:s3cret@c/d\n", nil, nil, "migrate.yaml:6:9: throttle.replica_lag.replicas holds a password"},
		{"an endpoint's password", "throttle: {http: {url: 'http://a:s3cret@b/c'}}\n", nil, nil, "throttle.http.url holds a password"},
		{"both kinds of replicas", "throttle: {replica_lag: {limit: 1s, replicas: postgres://a/b, replicas_file: f}}\n", nil, nil, "throttle.replica_lag.replicas_file are given: give one"},
		{"a list for one value", "throttle: {query: {sql: [SELECT 1]}}\n", nil, nil, "throttle.query.sql: expected a value"},
		{"variable", "", map[string]string{"MIGRATE_SOAK": "soon"}, nil, "reading environment variable MIGRATE_SOAK: expected a duration"},
		{"flag", "", nil, []string{"--workers=many"}, `expected a number from 0 to 64`},
		{"both databases", "", map[string]string{"MIGRATE_DATABASE_URL": "a", "MIGRATE_DATABASE_URL_FILE": "b"}, nil, "both MIGRATE_DATABASE_URL and MIGRATE_DATABASE_URL_FILE are given: give one"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.file, test.env, test.args...)
			if err == nil {
				t.Fatalf("no error, want %q", test.want)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("the error is %q, want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error shows the password: %q", err)
			}
		})
	}
}

func TestFilesWithoutSettingsAreFine(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"", "# nothing yet\n", "backfill:\n  # workers: 2\n"} {
		c, err := load(t, file, nil)
		if err != nil {
			t.Fatalf("reading %q: %v", file, err)
		}
		want := config.Default()
		if diff := cmp.Diff(&want, c); diff != "" {
			t.Errorf("reading %q changes the defaults (-want +got):\n%s", file, diff)
		}
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "absent.yaml")
	if _, err := config.Load(config.Sources{File: missing}); err != nil {
		t.Errorf("the default file may be missing: %v", err)
	}
	if _, err := config.Load(config.Sources{File: missing, Required: true}); err == nil {
		t.Error("a file that was asked for must exist")
	}
}

func TestURLFromFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(path, []byte("postgres://shop:s3cret@db/shop\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config.Config{DatabaseURLFile: path}
	url, err := c.URL()
	if err != nil || url != "postgres://shop:s3cret@db/shop" {
		t.Errorf("URL() = %q, %v", url, err)
	}
	if _, err := (&config.Config{}).URL(); !errors.Is(err, config.ErrNoDatabase) {
		t.Errorf("without a database the error is %v", err)
	}
	if _, err := (&config.Config{DatabaseURLFile: os.DevNull}).URL(); err == nil {
		t.Error("an empty file gives no error")
	}
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 200 * time.Millisecond: "200ms", 10 * time.Minute: "10m", 24 * time.Hour: "24h",
		90 * time.Minute: "1h30m", 10 * time.Second: "10s", time.Hour + time.Second: "1h0m1s",
	} {
		if got := config.Short(d); got != want {
			t.Errorf("Short(%v) = %q, want %q", d, got, want)
		}
	}
}
