package metrics

import (
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func someOptions() Options {
	return Options{Command: "expand", Version: "1.2.3", Revision: "abc", Go: "go1.26", Log: quiet()}
}

// pass lets time pass between two events.
type pass time.Duration

const second = pass(time.Second)

var (
	adding  = plan.Step{ID: "expand-1", Mode: plan.InTx}
	filling = plan.Step{ID: "backfill-1", Mode: plan.Chunked}
)

func walked(done, total int64, more func(*executor.Progress)) executor.Progress {
	p := executor.Progress{Migration: "m", Step: "backfill-1", Table: "users", What: "backfill", Done: done, Total: total}
	if more != nil {
		more(&p)
	}
	return p
}

func held(by ...executor.Cause) executor.Progress {
	return walked(1, 9, func(p *executor.Progress) { p.Throttled, p.Causes = "prose 17 > 5", by })
}

func throttled(by ...executor.Cause) executor.Throttled {
	e := executor.Throttled{Migration: "m", Step: "backfill-1", Table: "users", What: "backfill", Causes: by}
	if len(by) > 0 {
		e.Reason = "prose 17 > 5"
	}
	return e
}

func waited(step string, d time.Duration) executor.LockWait {
	return executor.LockWait{Migration: "m", Step: step, Object: "users", Waited: d}
}

// The clock of a test begins at 946684800, the year 2000.
var eventCases = []struct {
	name   string
	events []any // executor.Event, or pass
	// families are compared with want, which leaves out their types and help.
	families []string
	want     string
}{
	{
		name:     "what runs",
		families: []string{"migrate_build_info", "migrate_command_running", "migrate_command_start_timestamp_seconds", "migrate_command_seen_timestamp_seconds", "migrate_command_exit_code", "migrate_command_last_success_timestamp_seconds"},
		events:   []any{2 * second},
		want: `
migrate_build_info{goversion="go1.26",revision="abc",version="1.2.3"} 1
migrate_command_running{command="expand"} 1
migrate_command_seen_timestamp_seconds{command="expand"} 9.46684802e+08
migrate_command_start_timestamp_seconds{command="expand"} 9.466848e+08`,
	},
	{
		name:     "one state is 1",
		families: []string{"migrate_migration_state"},
		events: []any{
			executor.StateChanged{Migration: "m", From: executor.Planned, To: executor.Expanding},
			executor.StateChanged{Migration: "m", From: executor.Expanding, To: executor.Backfilling},
		},
		want: `
migrate_migration_state{migration="m",state="backfilling"} 1
migrate_migration_state{migration="m",state="contracting"} 0
migrate_migration_state{migration="m",state="done"} 0
migrate_migration_state{migration="m",state="expanding"} 0
migrate_migration_state{migration="m",state="failed"} 0
migrate_migration_state{migration="m",state="grace"} 0
migrate_migration_state{migration="m",state="open"} 0
migrate_migration_state{migration="m",state="planned"} 0
migrate_migration_state{migration="m",state="rolled_back"} 0
migrate_migration_state{migration="m",state="verifying"} 0`,
	},
	{
		name:     "rests add up",
		families: []string{"migrate_lock_rest_seconds_total"},
		events: []any{
			executor.Rests{Migration: "m", Step: "expand-1", Object: "users", Rest: 600 * time.Millisecond, Why: "prose"},
			executor.Rests{Migration: "m", Step: "expand-2", Object: "users", Rest: 3 * time.Second, Why: "prose"},
			executor.Rests{Migration: "m", Step: "expand-3", Object: "orders", Rest: time.Second, Why: "prose"},
		},
		want: `
migrate_lock_rest_seconds_total{migration="m",object="orders"} 1
migrate_lock_rest_seconds_total{migration="m",object="users"} 3.6`,
	},
	{
		name:     "a gate's last answer",
		families: []string{"migrate_gate_result"},
		events: []any{
			executor.GateChecked{Migration: "m", GateResult: executor.GateResult{Gate: "soaked", Result: executor.Inconclusive, Reason: "prose"}},
			executor.GateChecked{Migration: "m", GateResult: executor.GateResult{Gate: "soaked", Result: executor.Block, Reason: "prose"}},
		},
		want: `
migrate_gate_result{gate="soaked",migration="m",result="blocked"} 1
migrate_gate_result{gate="soaked",migration="m",result="inconclusive"} 0
migrate_gate_result{gate="soaked",migration="m",result="pass"} 0`,
	},
	{
		name:     "steps done, and the one that runs",
		families: []string{"migrate_step_start_timestamp_seconds", "migrate_step_duration_seconds", "migrate_step_rows_changed_total"},
		events: []any{
			executor.StepDone{Migration: "m", Step: adding, Already: true},
			executor.StepStarted{Migration: "m", Step: filling},
			executor.StepDone{Migration: "m", Step: filling, Took: 20 * time.Second, Rows: 70},
			5 * second,
			executor.StepStarted{Migration: "m", Step: filling, Undo: true},
		},
		want: `
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="0.01"} 0
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="0.1"} 0
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="1"} 0
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="10"} 0
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="60"} 1
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="600"} 1
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="3600"} 1
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="21600"} 1
migrate_step_duration_seconds_bucket{action="do",mode="chunks",le="+Inf"} 1
migrate_step_duration_seconds_sum{action="do",mode="chunks"} 20
migrate_step_duration_seconds_count{action="do",mode="chunks"} 1
migrate_step_rows_changed_total{migration="m"} 70
migrate_step_start_timestamp_seconds{action="undo",migration="m",step="backfill-1"} 9.46684805e+08`,
	},
	{
		name:     "a step that fails runs no more",
		families: []string{"migrate_step_start_timestamp_seconds"},
		events: []any{
			executor.StepStarted{Migration: "m", Step: adding},
			executor.StateChanged{Migration: "m", From: executor.Expanding, To: executor.Failed},
		},
	},
	{
		name:     "how far a walk is",
		families: []string{"migrate_walk_running", "migrate_walk_rows_done", "migrate_walk_rows_expected", "migrate_walk_rows_per_second", "migrate_walk_eta_seconds", "migrate_walk_paused"},
		events: []any{
			walked(10, 90, func(p *executor.Progress) { p.Rate, p.ETA = 5, 16*time.Second }),
			executor.Progress{Migration: "m", Table: "orders", What: "verify", Done: 12, Total: 10, Paused: true},
		},
		want: `
migrate_walk_eta_seconds{migration="m",table="users",what="backfill"} 16
migrate_walk_paused{migration="m",table="orders",what="verify"} 1
migrate_walk_paused{migration="m",table="users",what="backfill"} 0
migrate_walk_rows_done{migration="m",table="orders",what="verify"} 12
migrate_walk_rows_done{migration="m",table="users",what="backfill"} 10
migrate_walk_rows_expected{migration="m",table="orders",what="verify"} 12
migrate_walk_rows_expected{migration="m",table="users",what="backfill"} 90
migrate_walk_rows_per_second{migration="m",table="orders",what="verify"} 0
migrate_walk_rows_per_second{migration="m",table="users",what="backfill"} 5
migrate_walk_running{migration="m",table="orders",what="verify"} 1
migrate_walk_running{migration="m",table="users",what="backfill"} 1`,
	},
	{
		name:     "a walk that is over",
		families: []string{"migrate_walk_running", "migrate_walk_rows_done", "migrate_walk_rows_per_second", "migrate_walk_eta_seconds", "migrate_walk_paused", "migrate_walk_held"},
		events: []any{
			walked(10, 90, func(p *executor.Progress) { p.Rate, p.ETA, p.Paused = 5, 16*time.Second, true }),
			held(executor.CauseQuery),
			walked(90, 90, func(p *executor.Progress) { p.Final, p.Rate, p.Causes = true, 5, []executor.Cause{executor.CauseQuery} }),
		},
		want: `
migrate_walk_held{cause="query",migration="m",table="users",what="backfill"} 0
migrate_walk_paused{migration="m",table="users",what="backfill"} 0
migrate_walk_rows_done{migration="m",table="users",what="backfill"} 90
migrate_walk_rows_per_second{migration="m",table="users",what="backfill"} 0
migrate_walk_running{migration="m",table="users",what="backfill"} 0`,
	},
	{
		name:     "what holds now, and what has held for how long",
		families: []string{"migrate_walk_held", "migrate_walk_held_seconds_total"},
		events: []any{
			walked(1, 9, nil), 3 * second,
			throttled(executor.CauseQuery), 2 * second,
			held(executor.CauseDeadRows, executor.CauseQuery), 4 * second,
			held(executor.CauseDeadRows),
		},
		want: `
migrate_walk_held{cause="dead_rows",migration="m",table="users",what="backfill"} 1
migrate_walk_held{cause="query",migration="m",table="users",what="backfill"} 0
migrate_walk_held_seconds_total{cause="dead_rows",migration="m",table="users",what="backfill"} 4
migrate_walk_held_seconds_total{cause="query",migration="m",table="users",what="backfill"} 6`,
	},
	{
		name:     "a walk that goes on",
		families: []string{"migrate_walk_held", "migrate_walk_held_seconds_total"},
		events:   []any{throttled(executor.CauseReplicaLag), 2 * second, throttled(), 9 * second, walked(2, 9, nil)},
		want: `
migrate_walk_held{cause="replica_lag",migration="m",table="users",what="backfill"} 0
migrate_walk_held_seconds_total{cause="replica_lag",migration="m",table="users",what="backfill"} 2`,
	},
	{
		name:     "waits for locks",
		families: []string{"migrate_lock_waits_total", "migrate_lock_wait_seconds_total"},
		events: []any{
			waited("expand-1", time.Second/2), second, waited("expand-1", 3*time.Second/2), // one, told twice
			5 * second, waited("expand-1", 2*time.Second), // another
			waited("backfill-1", time.Second), second, waited("backfill-1", 3*time.Second/2), // two workers, three seconds
			second, waited("backfill-1", 3*time.Second),
		},
		want: `
migrate_lock_wait_seconds_total{migration="m",object="users",step="backfill-1"} 3
migrate_lock_wait_seconds_total{migration="m",object="users",step="expand-1"} 3.5
migrate_lock_waits_total{migration="m",object="users",step="backfill-1"} 1
migrate_lock_waits_total{migration="m",object="users",step="expand-1"} 2`,
	},
	{
		name:     "who was in the way",
		families: []string{"migrate_blockers_total"},
		events: []any{
			executor.BlockerEnded{Migration: "m", Step: "expand-1", Blocker: executor.Blocker{PID: 7, Query: "SELECT 1", User: "hunter2"}},
			executor.BlockerEnded{Migration: "m", Step: "expand-1", Err: errors.New("it is a superuser's")},
		},
		want: `
migrate_blockers_total{migration="m",result="ended"} 1
migrate_blockers_total{migration="m",result="left"} 1`,
	},
	{
		name:     "waiting for another migrate",
		families: []string{"migrate_lease_waiting"},
		events:   []any{executor.LeaseWait{Holder: "host:17"}},
		want:     "migrate_lease_waiting 1",
	},
	{
		name:     "what happens once",
		families: []string{"migrate_lease_waiting", "migrate_rewinds_total", "migrate_workers_chosen"},
		events:   []any{executor.LeaseWait{Holder: "host:17"}, executor.Rewound{}, executor.WorkersChosen{Workers: 3, Why: "prose"}},
		want: `
migrate_lease_waiting 0
migrate_rewinds_total 1
migrate_workers_chosen 3`,
	},
	{
		name:     "names that are no UTF-8",
		families: []string{"migrate_walk_rows_done"},
		events:   []any{executor.Progress{Migration: "m", Table: "caf\xe9", What: "backfill", Done: 1, Total: 1, ETA: 0}},
		want:     "migrate_walk_rows_done{migration=\"m\",table=\"caf\uFFFD\",what=\"backfill\"} 1",
	},
}

// play reports events, and lets time pass between them.
func play(m *Metrics, events []any) {
	for _, e := range events {
		switch e := e.(type) {
		case pass:
			time.Sleep(time.Duration(e))
		case executor.Event:
			m.Report(e)
		}
	}
}

// exposition adds to lines each family's help and type.
func exposition(m *Metrics, want string) string {
	var out strings.Builder
	for line := range strings.Lines(strings.TrimSpace(want)) {
		name := line[:strings.IndexAny(line, "{ ")]
		for _, f := range m.series.families {
			head := "# HELP " + f.name + " " + f.help + "\n# TYPE " + f.name + " " + f.kind + "\n"
			if (name == f.name || f.kind == "histogram" && strings.HasPrefix(name, f.name)) && !strings.Contains(out.String(), head) {
				out.WriteString(head)
			}
		}
		out.WriteString(line)
	}
	return out.String() + "\n"
}

func TestEventsAreTold(t *testing.T) {
	t.Parallel()
	for _, c := range eventCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				m := newMetrics(someOptions())
				play(m, c.events)
				if err := testutil.GatherAndCompare(m.registry, strings.NewReader(exposition(m, c.want)), c.families...); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// Every metric is told by some event, keeps to Prometheus' rules of naming, and
// shows nothing of what a reason, a session or a title says.
func TestMetricsKeepToTheRules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seen := map[string]bool{}
		for _, c := range eventCases {
			m := newMetrics(someOptions())
			play(m, c.events)
			check := func() {
				problems, err := testutil.GatherAndLint(m.registry)
				if err != nil || len(problems) > 0 {
					t.Errorf("%s: %v, %v", c.name, problems, err)
				}
				families, err := m.registry.Gather()
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range families {
					seen[f.GetName()] = true
					for _, secret := range []string{"prose", "SELECT", "hunter2", "host:17"} {
						if strings.Contains(f.String(), secret) {
							t.Errorf("%s: %s shows %s: %s", c.name, f.GetName(), secret, f)
						}
					}
				}
			}
			check()
			m.Close(0)
			check()
		}
		for _, f := range newMetrics(someOptions()).series.families {
			if !seen[f.name] {
				t.Errorf("no event tells %s", f.name)
			}
		}
	})
}

// What the last file says must not read as if it still went on.
func TestTheEndLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := newMetrics(someOptions())
		play(m, []any{
			executor.StepStarted{Migration: "m", Step: filling},
			walked(1, 9, func(p *executor.Progress) { p.Rate, p.ETA = 5, time.Second }),
			throttled(executor.CauseQuery), 3 * second,
			executor.LeaseWait{},
		})
		m.Close(3)
		err := testutil.GatherAndCompare(m.registry, strings.NewReader(exposition(m, `
migrate_command_exit_code{command="expand"} 3
migrate_command_running{command="expand"} 0
migrate_lease_waiting 0
migrate_walk_held{cause="query",migration="m",table="users",what="backfill"} 0
migrate_walk_held_seconds_total{cause="query",migration="m",table="users",what="backfill"} 3
migrate_walk_rows_per_second{migration="m",table="users",what="backfill"} 0
migrate_walk_running{migration="m",table="users",what="backfill"} 0`)),
			"migrate_command_exit_code", "migrate_command_running", "migrate_command_last_success_timestamp_seconds",
			"migrate_step_start_timestamp_seconds", "migrate_walk_running", "migrate_walk_held", "migrate_walk_held_seconds_total",
			"migrate_walk_rows_per_second", "migrate_walk_eta_seconds", "migrate_lease_waiting")
		if err != nil {
			t.Error(err)
		}
	})
}

// Metrics are read while they change.
func TestReadersAndEventsMeet(t *testing.T) {
	t.Parallel()
	m := newMetrics(someOptions())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 50 {
				if _, err := m.registry.Gather(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range int64(500) {
		m.Report(walked(i, 500, nil))
		m.Report(throttled(slices.Repeat([]executor.Cause{executor.CauseHTTP}, int(i%2))...))
	}
	wg.Wait()
	m.Close(0)
}
