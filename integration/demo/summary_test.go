package demo

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
	"github.com/google/go-cmp/cmp"
)

// TestSummary shows one summary in full.
func TestSummary(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &show{ledger: newLedger(), screen: newScreen(Options{Out: &out}, nil)}
	s.ledger.begin(actBefore, at(0))
	s.ledger.begin(actExpand, at(1000))
	before := seen(0, 0, 500, 2)
	before.Latency.Record(1500 * time.Microsecond)
	before.Latency.Record(20 * time.Millisecond)
	during := seen(0, 1000, 1500, 1234)
	during.Latency.Record(1250 * time.Millisecond)
	during.Errors, during.FirstError = 1, "no such column"
	s.ledger.add(before)
	s.ledger.add(during)
	s.inconsistent, s.counts = 3, 6
	s.backfill = backfill{rows: 200_000, rowsPerSecond: 54321.9}
	s.opts.Customers = 1000
	s.audit(facts{customers: 999}, s.ledger.all())
	s.schemaProblems = []string{"extra: a column"}

	err := s.summarize()
	s.screen.close()
	want := `
Summary
               requests   errors        p50        p99    longest
  before              2        0      20 ms      20 ms      20 ms
  expand          1,234        1     1.25 s     1.25 s     1.25 s
  all             1,236        1      20 ms     1.25 s     1.25 s

  longest stall      1.25 s
  backfilled         200,000 rows, 54,321 rows per second
  inconsistent rows  3 (counted 6 times, while both shapes were live)
  data               999 customers exist, not 1,000
  schema             differs from what the naive migration makes of it:
  │ extra: a column

  Failed: 1 error, the first: no such column; 3 inconsistent rows; 999 customers exist, not 1,000; the schema is not what the naive migration makes of it.
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("the summary differs (-want +got):\n%s", diff)
	}
	if err == nil || !strings.Contains(want, "Failed: "+err.Error()+".") {
		t.Errorf("the error is %v", err)
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	did := measure.Report{SignUps: 7, Renames: 5}
	good := facts{customers: 107, renames: 5}
	tests := map[string]struct {
		spoil func(*facts)
		want  string
	}{
		"all there":   {func(*facts) {}, ""},
		"lost":        {func(f *facts) { f.customers-- }, "106 customers exist, not 107"},
		"lost rename": {func(f *facts) { f.renames-- }, "4 renames are in the rows, not 5"},
		"unnamed":     {func(f *facts) { f.unnamed++ }, "1 customers have no name, not 0"},
		"changed":     {func(f *facts) { f.changed++ }, "1 names changed that nobody changed, not 0"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := good
			test.spoil(&found)
			s := &show{opts: Options{Customers: 100}}
			s.audit(found, did)
			if got := strings.Join(s.dataProblems, "; "); got != test.want {
				t.Errorf("the problems are %q, should be %q", got, test.want)
			}
		})
	}
}

func TestNumbersInWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -45678: "-45,678"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s, should be %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		0: "–", 1234 * time.Microsecond: "1.2 ms", 98765 * time.Microsecond: "99 ms", 1999 * time.Millisecond: "2.00 s",
	} {
		if got := latency(d); got != want {
			t.Errorf("%v is written %s, should be %s", d, got, want)
		}
	}
}

func TestReadStatus(t *testing.T) {
	t.Parallel()
	text := `{"format_version":"1","migrations":[{"name":"0001_shop","state":"done"},
	  {"name":"0002_split_name","state":"open","flag":"f","gates":[],"mismatches":0,
	   "backfill":[{"table":"a","rows_total":9,"rows_done":8,"rows_per_second":3.5,"eta_seconds":0},{"table":"b","rows_done":2,"rows_per_second":7}]}]}`
	state, done, err := readStatus([]byte(text), "0002_split_name")
	if err != nil || state != "open" || done != (backfill{rows: 10, rowsPerSecond: 7}) {
		t.Errorf("it reads %s, %+v, %v", state, done, err)
	}
	if _, _, err := readStatus([]byte(text), "0003_else"); err == nil {
		t.Error("a migration that is not in the status is no error")
	}
	if _, _, err := readStatus([]byte("panic: "), "0002_split_name"); err == nil {
		t.Error("text that is no JSON is no error")
	}
}

func TestExitCode(t *testing.T) {
	t.Parallel()
	if code, err := exitCode(nil); code != 0 || err != nil {
		t.Errorf("a success is %d, %v", code, err)
	}
	if _, err := exitCode(errors.New("no such file")); err == nil {
		t.Error("a program that could not be started is no error")
	}
}

func TestWithoutSettings(t *testing.T) {
	t.Parallel()
	got := withoutSettings([]string{"PATH=/bin", "MIGRATE_DIR=elsewhere", "MIGRATE_DATABASE_URL=production", "HOME=/root"})
	if diff := cmp.Diff([]string{"PATH=/bin", "HOME=/root"}, got); diff != "" {
		t.Errorf("the environment differs (-want +got):\n%s", diff)
	}
}
