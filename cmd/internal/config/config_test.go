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
