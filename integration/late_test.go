package integration

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/integration/servers"
)

// late_test.go is about commits on PostgreSQL that let locks go before they are safe.

// needsPostgres skips where none is to be tested.
func needsPostgres(t *testing.T, why string) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	if !slices.Contains(servers.Engines(), servers.Postgres) {
		t.Skip(why)
	}
}

// reporter is a function that reports are made to.
type reporter func(executor.Event)

func (r reporter) Report(e executor.Event) { r(e) }

// TestSlowStandby: commits wait for a standby that does not answer for a while. Who
// reads the table that is switched does not.
func TestSlowStandby(t *testing.T) {
	t.Parallel()
	needsPostgres(t, "only PostgreSQL's commits can be late")
	// The lease is renewed meanwhile, too.
	const renewed, slow = 4 * time.Second, 2 * time.Second
	_, serverURL := container(t, servers.Postgres, nil, []string{"postgres", "-c", "fsync=off"})
	w := newWorld(t, &servers.Database{Engine: servers.Postgres, URL: serverURL, AdminURL: serverURL, Name: "postgres"})
	fillUsers(t, w, 10)
	f := file("0007_split_name", splitName(w))
	state, err := w.migrate(t, executor.Options{}).expand(t.Context(), f)
	reaches(t, executor.Open, state, err)

	standby := func(name string) {
		exact(t, w.db, "ALTER SYSTEM SET synchronous_standby_names = '"+name+"'", "SELECT pg_reload_conf()")
	}
	var back sync.WaitGroup
	defer back.Wait()
	stood := 0
	h := w.migrate(t, executor.Options{
		Overrides: map[string]string{"flag-full": "test", "soaked": "test"},
		Reporter: reporter(func(e executor.Event) {
			if s, ok := e.(executor.StepStarted); ok && s.Step.Lock.Mode == "ACCESS EXCLUSIVE" && stood < 2 {
				stood++
				standby("nobody")
				time.Sleep(renewed)
				back.Go(func() {
					time.Sleep(slow)
					standby("")
				})
			}
		}),
	})
	read := func(query string) *load.Generator {
		return load.Start(t.Context(), load.Options{Rate: 50, Connections: 4}, "all", func(ctx context.Context, _ *rand.Rand) error {
			_, err := w.db.ExecContext(ctx, query)
			return err
		})
	}
	users, control := read("SELECT email FROM users WHERE id = 1"), read("SELECT 1")
	state, err = h.Contract(t.Context(), f.Name, nil)
	reaches(t, executor.Done, state, err)
	said, beside := users.Stop()[0], control.Stop()[0]
	if worst := load.Beyond(said.Slow, beside.Slow); worst > 250*time.Millisecond || said.Errors > 0 {
		t.Errorf("a reader waited for %s; %d of %d failed: %v", worst, said.Errors, said.Requests, said.FirstError)
	}
	if stood == 0 {
		t.Error("no step locks the table: that shows nothing")
	}
}

// TestLateCommitsAreLost: a server that dies right after a step's commit has lost it.
// That is noticed, and the step done again.
func TestLateCommitsAreLost(t *testing.T) {
	t.Parallel()
	needsPostgres(t, "only PostgreSQL's commits can be late")
	f := alone(t, servers.Postgres)
	exact(t, openURL(t, f.URL()), "ALTER SYSTEM SET wal_writer_delay = '10s'", "SELECT pg_reload_conf()")
	files := map[string]string{"0008_double": addB}
	contract := []string{"contract", "0008_double", "--override", "soaked=test", "--grace", "0s"}

	quiet := f.database(t, "quiet")
	c := quiet.cli(t, files)
	c.run(t, 0, "expand")
	c.run(t, 0, "flag", "set", "0008_double", "full")
	c.run(t, 0, contract...)

	w := f.database(t, "disturbed")
	c = w.cli(t, files)
	lost := 0
	// Of each command, the first step whose commit nobody has made safe yet.
	for _, args := range [][]string{{"expand", "0008_double"}, contract} {
		done := "SELECT count(*) FROM migrate.journal WHERE event = 'done' AND step LIKE '" + args[0] + "-%'"
		var mu sync.Mutex
		var started *process
		killed := false
		direct := c.url
		_, c.url = newProxy(t, w.URL, 0, func(int) {
			mu.Lock()
			defer mu.Unlock()
			// Asked at each message before, it would be what a walk gives way to.
			if killed || started == nil || !strings.Contains(started.said(), args[0]+"ing") {
				return
			}
			var n int
			if w.db.QueryRowContext(t.Context(), done).Scan(&n) != nil || n == 0 {
				return // not there yet, or not answering
			}
			killed = true
			if err := f.Kill(); err != nil {
				t.Error(err)
			}
		})
		mu.Lock()
		p := c.start(t, args...)
		started = p
		mu.Unlock()
		c.url = direct
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("%s: %s", args[0], p.said())
			}
		})
		eventually(t, "the server to be killed", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return killed || !p.running()
		})
		if err := f.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		code := p.wait()
		t.Logf("%s exits %d: %s", args[0], code, p.stderr.String())
		if strings.Contains(p.stderr.String(), "has lost") {
			lost++
		}
		if code != 0 {
			c.run(t, 0, append(args, "--wait", "1m")...)
		}
		c.run(t, 0, "flag", "set", "0008_double", "full")
	}
	if lost == 0 {
		t.Error("no commit was lost: that shows nothing")
	}
	if state := c.status(t, "0008_double").State; state != executor.Done {
		t.Errorf("the migration ends in %s, want done", state)
	}
	if diff := cmp.Diff(quiet.end(t), w.end(t)); diff != "" {
		t.Errorf("the end differs (-undisturbed +killed):\n%s", diff)
	}
}
