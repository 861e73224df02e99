package demo

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/integration/servers"
)

// quick are options for a short show with a migrate that has the flaw, or none.
func quick(t *testing.T, server *servers.Database, flaw string) Options {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A script, since tests that run side by side cannot have different environments.
	script := filepath.Join(t.TempDir(), "migrate")
	text := "#!/bin/sh\n" + playMigrate + "=1 " + sabotage + "='" + flaw + "' exec '" + self + "' \"$@\"\n"
	if err := os.WriteFile(script, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return Options{
		Engine: server.Engine, DatabaseURL: server.AdminURL, MigrateBinary: script,
		Customers: 500, Replicas: 2, Rate: 40, Pace: 300 * time.Millisecond, soak: 2 * time.Second,
	}
}

// TestRun plays the whole show with good and bad migrates: it must succeed with the good one only.
func TestRun(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		flaw string
		want []string // in the error; none: the show succeeds
	}{
		"good migration":   {},
		"no shadow writes": {flaw: "no shadow writes", want: []string{"inconsistent rows"}},
		"careless end": {flaw: "careless", want: []string{
			"names changed that nobody changed",
			"the schema is not what the naive migration makes of it",
		}},
		"broken app": {flaw: "broken", want: []string{"errors, the first: "}},
		"no gate":    {flaw: "no gate", want: []string{"ended with exit code 0, not 3"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := servers.Fresh(t, servers.Postgres)
			opts := quick(t, server, test.flaw)
			var out bytes.Buffer
			opts.Out = &out
			err := Run(t.Context(), opts)
			if len(test.want) == 0 && err != nil {
				t.Errorf("the show failed: %v\n%s", err, out.String())
			}
			for _, want := range test.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("the error is %v, should contain %q\n%s", err, want, out.String())
				}
			}
			wantNothingLeft(t, server, &out)
		})
	}
}

// waitFor is an output that tells when a text has appeared in it.
type waitFor struct {
	text string
	seen chan struct{}

	mu  sync.Mutex
	all bytes.Buffer
}

func (w *waitFor) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.all.String(), w.text)
	n, err := w.all.Write(p)
	if !before && strings.Contains(w.all.String(), w.text) {
		close(w.seen)
	}
	return n, err
}

// TestRunInterrupted stops the show in the middle of a command.
func TestRunInterrupted(t *testing.T) {
	t.Parallel()
	server := servers.Fresh(t, servers.Postgres)
	opts := quick(t, server, "hang")
	out := &waitFor{text: "hanging", seen: make(chan struct{})}
	opts.Out = out
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-out.seen
		cancel()
	}()
	if err := Run(ctx, opts); !errors.Is(err, context.Canceled) {
		t.Errorf("an interrupted show returns %v, not %v\n%s", err, context.Canceled, out.all.String())
	}
	wantNothingLeft(t, server, &out.all)
}

// TestRunKeeps leaves the databases on a server of the user's own.
func TestRunKeeps(t *testing.T) {
	t.Parallel()
	server := servers.Fresh(t, servers.Postgres)
	opts := quick(t, server, "")
	opts.Keep = true
	var out bytes.Buffer
	opts.Out = &out
	if err := Run(t.Context(), opts); err != nil {
		t.Fatalf("the show failed: %v\n%s", err, out.String())
	}
	db, err := database.Open(server.AdminURL, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	name := databaseNamed(t, out.String())
	if !strings.Contains(out.String(), "The databases "+name+" and "+name+"_naive stay on your server.") {
		t.Errorf("the show does not say what it leaves behind:\n%s", out.String())
	}
	for _, name := range []string{name, name + "_naive"} {
		if err := db.Script(t.Context(), "DROP DATABASE "+name); err != nil {
			t.Error(err)
		}
	}
}

// wantNothingLeft checks that the databases named in the output are gone, and with them every connection.
func wantNothingLeft(t *testing.T, server *servers.Database, out *bytes.Buffer) {
	t.Helper()
	db, err := database.Open(server.AdminURL, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	there, err := readLines(t.Context(), db, "SELECT datname FROM pg_database")
	if err != nil {
		t.Fatal(err)
	}
	name := databaseNamed(t, out.String())
	if slices.Contains(there, name) || slices.Contains(there, name+"_naive") {
		t.Errorf("database %s is still there", name)
	}
}

// databaseNamed finds the name of the show's database in its output.
func databaseNamed(t *testing.T, out string) string {
	t.Helper()
	_, rest, found := strings.Cut(out, "in database ")
	name, _, ended := strings.Cut(rest, ".")
	if !found || !ended {
		t.Fatalf("the show does not name its database:\n%s", out)
	}
	return name
}

func TestRunRefusesOptions(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts Options
		want string
	}{
		"another engine":  {Options{Engine: "postgres", DatabaseURL: "mysql://root:hunter2@127.0.0.1:1/"}, "is for mysql"},
		"unknown scheme":  {Options{DatabaseURL: "oracle://root:hunter2@127.0.0.1/"}, "must start with"},
		"unusable URL":    {Options{DatabaseURL: "postgres://root:hunter2@127.0.0.1:port/"}, "not a valid"},
		"no replicas":     {Options{Replicas: -1}, "-1 replicas"},
		"few customers":   {Options{Customers: 3}, "3 customers"},
		"unknown engine":  {Options{Engine: "oracle"}, "oracle"},
		"backwards pace":  {Options{Pace: -time.Second}, "positive"},
		"negative demand": {Options{Rate: -1}, "positive"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := Run(t.Context(), test.opts)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("the error is %v, should contain %q", err, test.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}
