package views_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares output with a file in testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the output differs from %s (-want +got):\n%s", path, diff)
	}
}

// outputs are views of every kind of result, by the name of their golden file.
func outputs() map[string]func(s *streams.Streams) error {
	both := []*plan.Plan{splitName(), addNote()}
	planAs := func(f views.Format, verbose bool, plans ...*plan.Plan) func(s *streams.Streams) error {
		return func(s *streams.Streams) error { return views.NewPlan(s, f, verbose, source).Plans(plans) }
	}
	statusAs := func(f views.Format, statuses *executor.Status) func(s *streams.Streams) error {
		return func(s *streams.Streams) error { return views.NewStatus(s, f).Status(statuses) }
	}
	outcomeAs := func(f views.Format, statuses *executor.Status) func(s *streams.Streams) error {
		return func(s *streams.Streams) error { return views.NewStatus(s, f).Outcome(statuses, "Nothing to expand.") }
	}
	resultAs := func(f views.Format, result func(views.Results) error) func(s *streams.Streams) error {
		return func(s *streams.Streams) error { return result(views.NewResults(s, f)) }
	}
	verified := func(r views.Results) error {
		return r.Verified([]executor.Verified{
			{Migration: "0007_split_name", Table: "users", Rows: 200_000},
			{Migration: "0008_ids", Table: "orders", Rows: 1000, Mismatches: 2, Repaired: 1, Sample: []string{"id=17", "id=18"}},
			{Migration: "0009_mail", Table: "people", Rows: 3, OnReplica: 1},
		})
	}
	mail := "ada@example.com\x1b[31m"
	values := func(r views.Results) error {
		return r.Verified([]executor.Verified{{
			Migration: "0007_split_name", Table: "users", Rows: 200_000, Mismatches: 1, Sample: []string{"id=17"},
			Differences: []executor.Sampled{{Key: "id=17", Values: []executor.Value{{Column: "mail", Value: &mail}, {Column: "e-mail"}}}},
		}})
	}
	nothing := func(r views.Results) error { return r.Verified(nil) }
	since := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	flags := func(r views.Results) error {
		return r.Flags(views.Flags{Flags: []views.Flag{
			{Key: "users.split-name", Rollout: "full", Effective: "full", FullSince: &since, Origin: "table migrate.flags"},
			{
				Key: "orders.ids", Rollout: "25%", Effective: "off", Held: true, Origin: "table migrate.flags",
				Reason: "held at the old path: migration 0008_ids is backfilling",
			},
		}})
	}
	two, rate, target, unlimited := 2, 5000.0, int64(50), 0.0
	set := func(r views.Results) error {
		return r.Throttle(executor.Tuning{Workers: &two, RowsPerSecond: &rate, ChunkTargetMS: &target, By: "host-b:77"})
	}
	fast := func(r views.Results) error {
		return r.Throttle(executor.Tuning{RowsPerSecond: &unlimited, By: "host-b:77"})
	}
	unset := func(r views.Results) error { return r.Throttle(executor.Tuning{}) }
	done := func(r views.Results) error {
		return r.Done(views.Done{Message: "Created:", Files: []string{"migrate.yaml", "migrations"}})
	}
	all := map[string]func(s *streams.Streams) error{
		"plan.txt": planAs(views.Text, false, both...), "plan_verbose.txt": planAs(views.Text, true, splitName()),
		"plan.json": planAs(views.JSON, false, both...), "plan.md": planAs(views.Markdown, false, both...),
		"plan.sql":      planAs(views.SQL, false, both...),
		"plan_none.txt": planAs(views.Text, false), "plan_none.json": planAs(views.JSON, false),
		"plan_none.md": planAs(views.Markdown, false), "plan_none.sql": planAs(views.SQL, false),
		"status.txt": statusAs(views.Text, statuses()), "status.json": statusAs(views.JSON, statuses()),
		"status_none.txt": statusAs(views.Text, &executor.Status{}), "status_none.json": statusAs(views.JSON, &executor.Status{FormatVersion: plan.FormatVersion, Migrations: []executor.MigrationStatus{}}),
		"outcome.txt": outcomeAs(views.Text, statuses()), "outcome.json": outcomeAs(views.JSON, statuses()),
		"outcome_none.txt": outcomeAs(views.Text, &executor.Status{}),
		"verified.txt":     resultAs(views.Text, verified), "verified.json": resultAs(views.JSON, verified),
		"verified_none.txt": resultAs(views.Text, nothing), "verified_none.json": resultAs(views.JSON, nothing),
		"verified_values.txt": resultAs(views.Text, values), "verified_values.json": resultAs(views.JSON, values),
		"flags.txt": resultAs(views.Text, flags), "flags.json": resultAs(views.JSON, flags),
		"status_throttled.txt": statusAs(views.Text, throttled()), "status_throttled.json": statusAs(views.JSON, throttled()),
		"throttle.txt": resultAs(views.Text, set), "throttle.json": resultAs(views.JSON, set),
		"throttle_fast.txt": resultAs(views.Text, fast),
		"throttle_none.txt": resultAs(views.Text, unset), "throttle_none.json": resultAs(views.JSON, unset),
		"done.txt": resultAs(views.Text, done), "done.json": resultAs(views.JSON, done),
	}
	maps.Copy(all, lintOutputs())
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for name, write := range outputs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			if err := write(streams.Buffers(&out, io.Discard)); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

// Text reads the same with color, and fits the page: only names that cannot be
// broken and SQL, which must be fit to be copied, may stand out.
func TestTextFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for name, write := range outputs() {
		if !strings.HasSuffix(name, ".txt") || strings.Contains(name, "verbose") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, width := range []int{60, 80, 160} {
				var plain, colored bytes.Buffer
				s := streams.Terminal(&plain, width)
				if err := write(s); err != nil {
					t.Fatal(err)
				}
				s = streams.Terminal(&colored, width)
				s.Theme = streams.NewTheme(true)
				if err := write(s); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(plain.String(), stripped(colored.String())); diff != "" {
					t.Errorf("color changes the text (-without +with):\n%s", diff)
				}
				for _, l := range strings.Split(plain.String(), "\n") {
					if ansi.StringWidth(l) > width+20 {
						t.Errorf("a line is %d columns wide on a terminal of %d: %q", ansi.StringWidth(l), width, l)
					}
				}
			}
		})
	}
}

// stripped takes escape sequences away and, since styled spaces survive a trim,
// the spaces at the lines' ends.
func stripped(text string) string {
	lines := strings.Split(ansi.Strip(text), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// What plan and status print must read back as what it was.
func TestJSONRoundTrip(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	want := []*plan.Plan{splitName(), addNote()}
	if err := views.NewPlan(streams.Buffers(&out, io.Discard), views.JSON, false, nil).Plans(want); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	for _, w := range want {
		var got plan.Plan
		if err := decoder.Decode(&got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(w, &got) {
			t.Errorf("plan %s changes on its way through JSON:\n%s", w.Migration, cmp.Diff(w, &got))
		}
	}
}

// Text from a migration must not reach the terminal as an escape sequence, nor
// leave a comment in a script.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	p := addNote()
	p.Phases[0].Steps[0].Title = "add \x1b[31mred\nDROP TABLE users"
	p.Notes = []string{"a note\x07\nDROP TABLE users"}
	p.Hazards = []plan.Hazard{{Rule: "x", Severity: plan.Warning, Message: "\x1b]0;title\x07", Instead: "a\nDROP TABLE users"}}
	for _, format := range []views.Format{views.Text, views.Markdown, views.SQL} {
		var out bytes.Buffer
		if err := views.NewPlan(streams.Buffers(&out, io.Discard), format, false, source).Plans([]*plan.Plan{p}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(out.String(), "\x1b\x07") {
			t.Errorf("%s: control characters get through: %q", format, out.String())
		}
		if strings.Contains(out.String(), "\nDROP") {
			t.Errorf("%s: a name breaks out of its line:\n%s", format, out.String())
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	check := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	check(views.Count(0), "0")
	check(views.Count(999), "999")
	check(views.Count(1000), "1,000")
	check(views.Count(1234567), "1,234,567")
	check(views.Count(-1234), "-1,234")
	check(views.Count(-123), "-123")
	check(views.Plural(1, "step"), "1 step")
	check(views.Plural(0, "step"), "0 steps")
	check(views.Plural(2000, "row"), "2,000 rows")
	check(views.Rate(42), "42/s")
	check(views.Rate(4200), "4.2k/s")
	check(views.Rate(42_000), "42k/s")
	check(views.Rate(4_200_000), "4.2M/s")
	check(views.About(7600*time.Millisecond), "8s")
	check(views.About(200*time.Second), "3m20s")
	check(views.About(130*time.Minute), "2h10m")
	check(views.Percent(0, 10), "0%")
	check(views.Percent(999_999, 1_000_000), "99%")
	check(views.Percent(10, 10), "100%")
	check(views.Percent(0, 0), "100%")
}
