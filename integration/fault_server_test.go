package integration

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// fault_server_test.go: the server is killed with the signal that it cannot
// catch, and started again.

// fragile is a server of the test's own, to be killed.
type fragile struct{ *throwaway.Server }

// database makes one on the server.
func (f fragile) database(t *testing.T, name string) *world {
	t.Helper()
	u, err := url.Parse(f.URL())
	if err != nil {
		t.Fatal("the server's URL cannot be parsed")
	}
	exact(t, openURL(t, f.URL()), "CREATE DATABASE "+name)
	u.Path = "/" + name
	w := newWorld(t, &servers.Database{Engine: f.Engine(), URL: u.String(), Name: name, AdminURL: f.URL()})
	w.db.SetMaxIdleConns(0) // none is kept that ends with the server
	bigTable(t, w, deadlyRows)
	w.exec(t, "CREATE TABLE wide (id bigint PRIMARY KEY, label varchar(200) NOT NULL)")
	w.exec(t, w.series(3*deadlyRows, "INSERT INTO wide (id, label) SELECT n, CONCAT((n % 100000) * 7919 % 200003, REPEAT('x', 100)) FROM numbers"))
	return w
}

// deadlyRows is how many rows make a backfill long enough to be killed in it; an index takes three times as many.
const deadlyRows = 100_000

// revive starts the killed server again, with the command still at work, and runs
// that to its end: itself, if it goes on, or once more.
func (f fragile) revive(t *testing.T, c *cli, p *process, what string, args ...string) {
	t.Helper()
	if !p.running() && p.wait() == 0 {
		t.Fatalf("%s: migrate had ended before the server was killed\n%s", what, p.said())
	}
	began := time.Now()
	if err := f.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	back := time.Since(began).Round(10 * time.Millisecond)
	switch code := p.wait(); code {
	case 0:
		t.Logf("%s %s: back after %s, went on by itself", f.Engine(), what, back)
	case 1:
		_, said, _ := strings.Cut(p.stderr.String(), "error: ")
		t.Logf("%s %s: back after %s, had given up: %s", f.Engine(), what, back, said)
		if !strings.Contains(said, "connect") && !strings.Contains(said, "has not answered") {
			t.Errorf("%s: the error does not say that the connection was lost:\n%s", what, p.said())
		}
		c.run(t, 0, append(args, "--wait", "1m")...)
	default:
		t.Fatalf("%s: migrate exits %d\n%s", what, code, p.said())
	}
}

// end is what a database comes to.
func (w *world) end(t *testing.T) []string {
	t.Helper()
	return append(w.shape(t), w.strings(t, "SELECT CONCAT(SUM(b), ' ', COUNT(b), ' ', SUM(b - 2 * id)) FROM t")...)
}

func TestKilledServer(t *testing.T) {
	t.Parallel()
	eachAlone(t, killServer)
}

// eachAlone runs a test on a server of its own, of each engine.
func eachAlone(t *testing.T, test func(t *testing.T, s fragile)) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	for _, engine := range servers.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			test(t, alone(t, engine))
		})
	}
}

// alone starts a server of the test's own.
func alone(t *testing.T, engine string) fragile {
	t.Helper()
	s, err := throwaway.Start(t.Context(), engine, throwaway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return fragile{s}
}

// contracting starts a contract through a proxy. asked is called, by one at a
// time, with the number of every message since the migration became contracting.
func contracting(t *testing.T, c *cli, databaseURL string, args []string, asked func(n int)) *process {
	t.Helper()
	var p atomic.Pointer[process]
	var mu sync.Mutex
	n := 0
	direct := c.url
	_, c.url = newProxy(t, databaseURL, 0, func(int) {
		if now := p.Load(); now != nil && strings.Contains(now.said(), "contracting") {
			mu.Lock()
			defer mu.Unlock()
			n++
			asked(n)
		}
	})
	started := c.start(t, args...)
	p.Store(started)
	c.url = direct
	return started
}

func killServer(t *testing.T, f fragile) {
	t.Helper()
	files := map[string]string{"0008_double": addB}
	// A server that hears of the kill late may have built an index before; then the next one counts.
	indexes := []string{"0007_index_a", "0007_index_b", "0007_index_c"}
	for _, name := range indexes {
		files[name] = fmt.Sprintf("CREATE INDEX %s ON wide (label, id);\n", name[len("0007_"):])
	}
	contract := []string{"contract", "0008_double", "--grace", "0s"}
	began := time.Now()

	// Undisturbed, to have what to compare with, and how much contract says.
	quiet := f.database(t, "quiet")
	c := quiet.cli(t, files)
	c.run(t, 0, "expand")
	c.run(t, 0, "flag", "set", "0008_double", "full")
	messages := 0
	p := contracting(t, c, quiet.URL, contract, func(n int) { messages = n })
	if code := p.wait(); code != 0 {
		t.Fatalf("undisturbed, contract exits %d\n%s", code, p.said())
	}

	w := f.database(t, "disturbed")
	c = w.cli(t, files)
	kill := func() {
		if err := f.Kill(); err != nil {
			t.Error(err)
		}
	}

	killed := false
	for n, name := range indexes {
		if killed {
			c.run(t, 0, "expand", name)
			continue
		}
		p = c.start(t, "expand", name)
		eventually(t, "the index to be built", func() bool {
			if !p.running() {
				t.Fatalf("expand ended (exit %d) before it could be cut off:\n%s", p.wait(), p.said())
			}
			return w.number(t, w.either(
				"SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database() AND phase LIKE 'building%'",
				"SELECT count(*) FROM information_schema.processlist WHERE db = DATABASE() AND info LIKE '%"+name[len("0007_"):]+"%' AND command = 'Query' "+
					"AND state LIKE '%alter table%' AND id <> CONNECTION_ID()")) > 0
		})
		kill()
		if killed = p.running() || p.wait() != 0; !killed && n < len(indexes)-1 {
			if err := f.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		f.revive(t, c, p, "mid-DDL", "expand", name)
		killed = true
	}

	p = c.start(t, "expand", "0008_double", "--chunk-target", "10ms", "--workers", "1")
	eventually(t, "the backfill to be under way", func() bool {
		if !p.running() {
			t.Fatalf("expand ended (exit %d) before it could be cut off:\n%s", p.wait(), p.said())
		}
		return strings.Contains(w.state(t), string(executor.Backfilling)) && w.progress(t).done > 0
	})
	kill()
	f.revive(t, c, p, "mid-chunk", "expand", "0008_double")

	c.run(t, 0, "flag", "set", "0008_double", "full")
	dead := make(chan struct{})
	p = contracting(t, c, w.URL, contract, func(n int) {
		if n == max(1, messages/2) {
			kill()
			close(dead)
		}
	})
	select {
	case <-dead:
	case <-p.done:
		if p.wait() == 0 {
			t.Fatalf("contract ended before half of its %d messages\n%s", messages, p.said())
		}
		<-dead // it ends by the kill, which is about to return
	}
	f.revive(t, c, p, "mid-contract", contract...)

	if state := c.status(t, "0008_double").State; state != executor.Done {
		t.Errorf("the migration ends in %s, want done", state)
	}
	if diff := cmp.Diff(quiet.end(t), w.end(t)); diff != "" {
		t.Errorf("the end differs (-undisturbed +killed):\n%s", diff)
	}
	t.Logf("%s: %s", f.Engine(), time.Since(began).Round(time.Second))
}
