package main

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestLoad is the short version of make load: three kinds of change that go through all phases, at a rate that
// any machine can do. Failed requests, inconsistent rows and waits behind migrate count; latencies, which are
// the machine's, are only printed.
func TestLoad(t *testing.T) {
	t.Parallel()
	for _, engine := range servers.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			d := servers.Fresh(t, engine)
			o := options{
				Engine: engine, URL: d.AdminURL, Kinds: []string{"split", "rename-column", "set-not-null"},
				Rate: 40, Statements: 2, Rows: 1000, Phase: 500 * time.Millisecond, Requests: 20, // which no expand has at once
			}
			var table strings.Builder
			if err := run(t.Context(), o, &table, io.Discard); err != nil {
				t.Error(err)
			}
			t.Log(table.String())
		})
	}
}

// TestNothing: without migrate, phases are measured in which nothing happens to the table.
func TestNothing(t *testing.T) {
	t.Parallel()
	d := servers.Fresh(t, servers.Engines()[0])
	o := options{
		Engine: servers.Engines()[0], URL: d.AdminURL, Kinds: []string{"rename-column"},
		Rate: 40, Statements: 1, Rows: 1000, Phase: 300 * time.Millisecond, Requests: 20, Nothing: true,
	}
	b, err := start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	all, err := changes.All(o.Engine)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(c changes.Change) bool { return c.Name == o.Kinds[0] })
	r, err := b.measure(t.Context(), all[i])
	if err != nil {
		t.Fatal(err)
	}
	var phases []string
	for _, p := range r.phases {
		phases = append(phases, p.Phase)
		if p.behind > 0 {
			t.Errorf("somebody waited behind migrate in %s", p.Phase)
		}
	}
	if !slices.Equal(phases, []string{"baseline", "expand", "backfill", "both shapes", "contract"}) {
		t.Errorf("phases %q", phases)
	}
}

// TestRequestsWeighWhatIsAskedFor: half of what the server can do, the control's included, or what people say.
func TestRequestsWeighWhatIsAskedFor(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate       float64
		statements int
		can        float64
		want       weight
	}{
		{0, 1, 44_200, weight{mostRate, 1}},
		{0, 1, 440, weight{200, 1}},
		{0, 2, 440, weight{100, 2}},
		{0, 0, 44_200, weight{mostRate, 40}},
		{0, 0, 440, weight{200, 1}},
		{100, 0, 44_200, weight{100, 200}},
	} {
		if got := weigh(options{Rate: c.rate, Statements: c.statements}, c.can); math.Abs(got.rate-c.want.rate) > 0.01 || got.statements != c.want.statements {
			t.Errorf("--rate %g --statements %d where %g can be done: %+v, want %+v", c.rate, c.statements, c.can, got, c.want)
		}
	}
}

// TestARequestIsOfAsManyStatements: one after another, to one version of the app.
func TestARequestIsOfAsManyStatements(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		db := d.Open(t)
		script(t, db, "CREATE TABLE t (id bigint PRIMARY KEY, n int); INSERT INTO t VALUES (1, 7)")
		di := dialectFor(d.Engine)
		a := newApp(di, db, read(t, di, db), 1, 1)
		f := &fleet{statements: 400}
		if err := f.roll(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if err := f.request(t.Context(), seeded(3)); err != nil {
			t.Fatal(err)
		}
		if n := a.tables[0].inserted.Load(); n < 30 || n > 90 { // fifteen of a hundred
			t.Errorf("of 400 statements %d were INSERTs", n)
		}
	})
}

// TestTheAppOfAnExample: an example's tables can be filled and used, by versions from before and after: those
// whose keys are words, or given by the server, whose names need quotes, whose values must differ.
func TestTheAppOfAnExample(t *testing.T) {
	t.Parallel()
	for _, engine := range servers.Engines() {
		all, err := changes.All(engine)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range all {
			if !slices.Contains([]string{"drop-table", "widen-varchar-far", "identifier-mixed-case", "add-unique", "add-foreign-key"}, c.Name) {
				continue
			}
			t.Run(engine+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				d := dialectFor(engine)
				before, after := servers.Fresh(t, engine).Open(t), servers.Fresh(t, engine).Open(t)
				script(t, before, c.Before)
				script(t, after, c.Before+c.Migration)
				old, young := read(t, d, before), read(t, d, after)
				unite(old, young)
				for _, v := range []struct {
					db     *sql.DB
					tables []*table
				}{{before, old}, {after, young}} {
					for _, tb := range v.tables {
						if err := d.grow(t.Context(), v.db, tb, 50); err != nil {
							t.Fatal(err)
						}
					}
					works(t, newApp(d, v.db, v.tables, 50, 1))
				}
			})
		}
	}
}

func script(t *testing.T, db *sql.DB, text string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
}

func read(t *testing.T, d dialect, db *sql.DB) []*table {
	t.Helper()
	tables, err := d.read(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	return tables
}

// works has the app answer requests, and checks that they did all there is to do.
func works(t *testing.T, a *app) {
	t.Helper()
	f := &fleet{statements: 2}
	if err := f.roll(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	r := seeded(3)
	for range 60 {
		if err := f.request(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	written := int64(0)
	for _, tb := range a.tables {
		written += tb.inserted.Load()
	}
	some := slices.ContainsFunc(a.tables, func(tb *appTable) bool { return len(tb.rows) > 0 && !tb.given })
	if some && written == 0 {
		t.Error("the app has inserted nothing")
	}
}

// TestTheWatcherSeesWhoWaits: a statement of the app behind a session of migrate's counts, for as long as it
// waits; one behind another session of the app's does not.
func TestTheWatcherSeesWhoWaits(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		app, migrate := d.Open(t), d.Open(t)
		app.SetMaxOpenConns(3)
		app.SetMaxIdleConns(3)
		migrate.SetMaxOpenConns(1)
		script(t, app, "CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 0)")
		if d.Engine == servers.Postgres {
			script(t, migrate, "SET application_name = 'migrate'")
		}
		sessions, err := sessionsOf(t.Context(), d.Engine, app, 3)
		if err != nil {
			t.Fatal(err)
		}
		w := watch(t.Context(), d.Open(t), d.Engine, sessions)
		longest := func() time.Duration {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.longest[len(w.longest)-1]
		}
		behind := func(holder *sql.DB, until func(waited time.Duration) bool) {
			t.Helper()
			tx, err := holder.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), mark+"UPDATE t SET n = 5 WHERE id = 1"); err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() {
				_, err := app.ExecContext(context.WithoutCancel(t.Context()), mark+"UPDATE t SET n = n + 1 WHERE id = 1")
				done <- err
			}()
			begun := time.Now() // the wait must be long enough for any list to show it
			tick := time.NewTicker(glance)
			defer tick.Stop()
			for !until(time.Since(begun)) {
				if <-tick.C; time.Since(begun) > time.Minute {
					t.Fatal("a statement that waits for migrate is not seen")
				}
			}
			if err := errors.Join(tx.Rollback(), <-done); err != nil {
				t.Fatal(err)
			}
		}
		behind(migrate, func(time.Duration) bool { return longest() > 200*time.Millisecond })
		w.phase()
		behind(app, func(waited time.Duration) bool { return waited > 300*time.Millisecond })
		if longest() != 0 {
			t.Errorf("a statement that waits for the app itself counts: %s", longest())
		}
		if found, err := w.end(); err != nil || len(found) != 2 {
			t.Errorf("it found %v: %v", found, err)
		}
	})
}

// TestPhasesAddUp: what was measured of a phase in several rounds is one phase, with its control.
func TestPhasesAddUp(t *testing.T) {
	t.Parallel()
	of := func(name string, latency, behind time.Duration) phase {
		p := phase{Report: load.Report{Phase: name, Requests: 1}, behind: behind}
		p.Latency.Record(latency)
		p.control.Latency.Record(latency / 2)
		return p
	}
	var r result
	for _, p := range []phase{
		of(warmingUp, time.Minute, time.Minute), of("baseline", 2*time.Millisecond, 0), of("expand", 8*time.Millisecond, 7*time.Millisecond),
		of("baseline", 4*time.Millisecond, 0), of("expand", 6*time.Millisecond, 0),
	} {
		r.count(p)
	}
	if len(r.phases) != 2 || r.phases[0].Phase != "baseline" || r.phases[1].Phase != "expand" {
		t.Fatalf("the phases are %+v", r.phases)
	}
	for i, want := range []struct{ longest, control, behind time.Duration }{
		{4 * time.Millisecond, 2 * time.Millisecond, 0}, {8 * time.Millisecond, 4 * time.Millisecond, 7 * time.Millisecond},
	} {
		p := r.phases[i]
		if p.Requests != 2 || p.Latency.Count() != 2 || p.Latency.Longest() != want.longest || p.control.Latency.Count() != 2 || p.control.Latency.Longest() != want.control || p.behind != want.behind {
			t.Errorf("%s: %+v", p.Phase, p)
		}
	}
}

// starved is a phase in which the control waited for as long.
func starved(p phase) phase {
	p.control.Slow = p.Slow
	return p
}

// hidden is a phase in which the control was slow throughout.
func hidden(p phase) phase {
	for range 300 {
		p.control.Latency.Record(60 * time.Millisecond)
	}
	return p
}

func TestReport(t *testing.T) {
	t.Parallel()
	zero := time.Unix(0, 0)
	phaseOf := func(name string, latency time.Duration, failed int64, behind time.Duration) phase {
		p := phase{Report: load.Report{Phase: name, From: zero, To: zero.Add(time.Second), Errors: failed}, behind: behind}
		if behind > 0 {
			p.Slow = []load.Span{{Due: zero, Done: zero.Add(behind + time.Millisecond)}}
		}
		for range 300 {
			p.Latency.Record(latency)
			p.control.Latency.Record(time.Millisecond)
		}
		p.Requests = 300
		if failed > 0 {
			p.FirstError = errors.New("broken")
		}
		return p
	}
	base := phaseOf("baseline", 2*time.Millisecond, 0, 0)
	for name, c := range map[string]struct {
		r     result
		want  string // in the error; empty: none
		table string
	}{
		"good":         {result{kind: "k", phases: []phase{base, phaseOf("expand", 2*time.Millisecond, 0, 300*time.Millisecond)}}, "", "of 1 phases 0 have a p99 above 1.5 × the baseline's (p99), 0 also"},
		"slow":         {result{kind: "k", phases: []phase{base, phaseOf("expand", 4*time.Millisecond, 0, 0)}}, "", "of 1 phases 1 have a p99 above 1.5 × the baseline's (p99), 1 also"},
		"stalled":      {result{kind: "k", phases: []phase{base, phaseOf("expand", 2*time.Millisecond, 0, 360*time.Millisecond)}}, "expand: a statement waited 360.0ms behind migrate, and 361.0ms longer than any of the control's", "stall"},
		"hidden":       {result{kind: "k", phases: []phase{base, hidden(phaseOf("expand", 2*time.Millisecond, 0, 900*time.Millisecond))}}, "", "stall?"},
		"busy machine": {result{kind: "k", phases: []phase{base, starved(phaseOf("expand", 2*time.Millisecond, 0, 900*time.Millisecond))}}, "", "0 have a wait of more than 350ms"},
		"failed":       {result{kind: "k", phases: []phase{base, phaseOf("contract", 2*time.Millisecond, 3, 0)}}, "contract: 3 of 300 requests failed, the first with: broken", ""},
		"inconsistent": {result{kind: "k", inconsistent: 7, phases: []phase{base}}, "7 rows are inconsistent", ""},
		"refused":      {result{kind: "k", refused: true}, "", "k       not done"},
		"ended early":  {result{kind: "k", note: "expand: no"}, "k: expand: no", ""},
	} {
		var out strings.Builder
		err := report(&out, options{Engine: "postgres"}, weight{60, 2}, []*result{&c.r})
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: the error is %v, want %q", name, err, c.want)
		}
		if !strings.Contains(out.String(), c.table) {
			t.Errorf("%s: the table lacks %q:\n%s", name, c.table, &out)
		}
	}
}
