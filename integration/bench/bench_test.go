package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/integration/servers"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	o, err := parseOptions([]string{"--engine", "mysql", "--rows", "1_000,20", "--keys", "uuid", "--width", "narrow,wide", "--indexes", "0,4", "--variants", "migrate,gh-ost"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range o.scenarios() {
		got = append(got, s.String())
	}
	want := []string{
		"1,000 rows, uuid key, narrow, 0 secondary indexes", "1,000 rows, uuid key, narrow, 4 secondary indexes",
		"1,000 rows, uuid key, wide, 0 secondary indexes", "1,000 rows, uuid key, wide, 4 secondary indexes",
		"20 rows, uuid key, narrow, 0 secondary indexes", "20 rows, uuid key, narrow, 4 secondary indexes",
		"20 rows, uuid key, wide, 0 secondary indexes", "20 rows, uuid key, wide, 4 secondary indexes",
	}
	if !slices.Equal(got, want) {
		t.Errorf("scenarios %q, want %q", got, want)
	}
	if s := (scenario{1, keyBigint, wide, 1}).String(); s != "1 rows, bigint key, wide, 1 secondary index" {
		t.Errorf("a scenario is called %q", s)
	}
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--engine oracle":                   `unknown "oracle"`,
		"--rows many":                       `"many" is no number`,
		"--rows ,":                          "at least one",
		"--rows 0":                          "not within",
		"--indexes 5":                       "not within",
		"--keys text":                       `unknown "text"`,
		"--width fat":                       `unknown "fat"`,
		"--variants gh-ost":                 `unknown "gh-ost"`, // not one for PostgreSQL
		"--engine mysql --variants pgroll":  `unknown "pgroll"`,
		"--runs 0":                          "not within",
		"--load -1":                         "not within",
		"1000":                              `unknown argument "1000"`,
		"--engine mariadb --variants spiri": `unknown "spiri"`,
	} {
		if _, err := parseOptions(strings.Fields(args), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", args, err, want)
		}
	}
	if _, err := parseOptions([]string{"--help"}, io.Discard); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("--help: %v", err)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for want, values := range map[float64][]float64{0: nil, 3: {3}, 2.5: {4, 1, 2, 3}, 2: {9, 1, 2}} {
		if got := median(values); got != want {
			t.Errorf("median of %v is %v, want %v", values, got, want)
		}
	}
}

func TestConnection(t *testing.T) {
	t.Parallel()
	c, err := connectionOf("mysql://root:s%40cret@127.0.0.1/shop")
	if err != nil {
		t.Fatal(err)
	}
	if want := (connection{"127.0.0.1", "3306", "root", "s@cret", "shop"}); c != want {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if want := "[client]\nuser=root\npassword=s@cret\nhost=127.0.0.1\nport=3306\n"; c.client() != want {
		t.Errorf("the options file is %q, want %q", c.client(), want)
	}
	if _, err := connectionOf("mysql://root:secret@host:port"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("an error shows the password, or there is none: %v", err)
	}
}

// TestTools: each tool is told the whole change, and the password only by its file.
func TestTools(t *testing.T) {
	t.Parallel()
	c := connection{"127.0.0.1", "3307", "root", "secret", "shop"}
	for _, u := range tools {
		args := strings.Join(u.args(c, "client.cnf", "dir"), " ")
		for _, want := range []string{"client.cnf", "shop", "bench", "3307", "MODIFY a bigint NOT NULL"} {
			if !strings.Contains(args, want) {
				t.Errorf("%s is not told %q: %s", u.program, want, args)
			}
		}
		if strings.Contains(args, "secret") {
			t.Errorf("%s is given the password on its command line: %s", u.program, args)
		}
	}
	content, err := pgrollFile()
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Operations []map[string]map[string]string `json:"operations"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	if alter := file.Operations[0]["alter_column"]; alter["table"] != "bench" || alter["column"] != "a" || alter["type"] != "bigint" || alter["up"] == "" || alter["down"] == "" {
		t.Errorf("pgroll's file is %s", content)
	}
}

// sample is a result of two rounds, with traffic, and a tool that is not there.
func sample() *result {
	r := newResult(scenario{1000, keyUUID, narrow, 1})
	r.missing("pgroll", "not on PATH")
	for _, seconds := range [][3]time.Duration{{4, 2, 3}, {10, 2, 9}} {
		r.round()
		r.add([]part{{plainUpdate, measurement{took: seconds[0] * time.Second, log: logged{1 << 20, -1}, before: 1 << 21, after: 1 << 22}}})
		r.add([]part{{blockingAlter, measurement{took: seconds[1] * time.Second}}})
		r.add([]part{{migrateBackfill, measurement{took: seconds[2] * time.Second, usage: usage{30 << 20, 1500 * time.Millisecond}}}})
	}
	phase := phaseReport{name: "expand"}
	for i := range 100 {
		phase.reads.Latency.Record(time.Duration(i) * time.Millisecond)
		phase.writes.Latency.Record(time.Duration(i) * time.Second / 10)
	}
	phase.reads.From, phase.reads.To = time.Unix(0, 0), time.Unix(2, 5e8)
	phase.reads.Errors, phase.writes.Errors = 1, 2
	r.traffic = []trafficOf{{"migrate", []phaseReport{phase}}}
	return r
}

func TestText(t *testing.T) {
	t.Parallel()
	const want = `
|                   | time        | × UPDATE         | × ALTER          | WAL or redo | binlog | table before | after | memory | CPU    |
|-------------------|-------------|------------------|------------------|-------------|--------|--------------|-------|--------|--------|
| pgroll            | not on PATH |                  |                  |             |        |              |       |        |        |
| plain UPDATE      | 7.00 s      | 1.00 (1.00–1.00) | 3.50 (2.00–5.00) | 1 MiB       |        | 2 MiB        | 4 MiB |        |        |
| blocking ALTER    | 2.00 s      | 0.35 (0.20–0.50) | 1.00 (1.00–1.00) |             |        |              |       |        |        |
| migrate: backfill | 6.00 s      | 0.82 (0.75–0.90) | 3.00 (1.50–4.50) |             |        |              |       | 30 MiB | 1.50 s |

| requests of an application | phase  | lasted | reads: p50 | p95   | p99   | max   | writes: p50 | p95     | p99     | max     | errors |
|----------------------------|--------|--------|------------|-------|-------|-------|-------------|---------|---------|---------|--------|
| migrate                    | expand | 2.5 s  | 50 ms      | 96 ms | 99 ms | 99 ms | 5112 ms     | 9699 ms | 9900 ms | 9900 ms | 3      |
`
	if got := "\n" + sample().text(); got != want {
		t.Errorf("the tables are\n%s\nwant\n%s", got, want)
	}
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	small, large, other := sample(), sample(), sample()
	large.scenario.rows = 10_000
	for _, round := range large.rounds {
		for name, m := range round {
			m.took *= 8
			round[name] = m
		}
	}
	other.scenario.rows, other.scenario.key = 10_000, keyBigint
	got := growth([]*result{small, large, other})
	if !strings.Contains(got, "| migrate: backfill | uuid, narrow, 1 | 1,000 | 6.00 s | 10,000 | 48.00 s | 10.0   | 8.0    | 30 MiB |") {
		t.Errorf("growth is\n%s", got)
	}
	if strings.Contains(got, keyBigint) {
		t.Errorf("tables of different keys are compared:\n%s", got)
	}
	if got := growth([]*result{small, other}); got != "" {
		t.Errorf("with one size alone there is growth:\n%s", got)
	}
}

// TestPlot: it is well-formed, and shows every line and every phase within its frame.
func TestPlot(t *testing.T) {
	t.Parallel()
	svg := plot("Server <1>", []*result{sample()})
	decoder := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("it is no XML: %v\n%s", err, svg)
		}
	}
	for _, want := range []string{"Server &lt;1&gt;", plainUpdate, blockingAlter, migrateBackfill, "not on PATH", "6.00 s, 0.82 × UPDATE", "migrate, expand", "9900 ms"} {
		if !strings.Contains(svg, want) {
			t.Errorf("%q is not in the plot\n%s", want, svg)
		}
	}
}

// TestSmoke measures everything on a small table, as the command does.
func TestSmoke(t *testing.T) {
	t.Parallel()
	for _, engine := range servers.Engines() {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			server := servers.Fresh(t, engine).AdminURL
			dir := t.TempDir()
			binary, svg := filepath.Join(dir, "migrate"), filepath.Join(dir, "plot.svg")
			if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/migrate").CombinedOutput(); err != nil {
				t.Fatalf("building migrate: %v\n%s", err, out)
			}
			o, err := parseOptions([]string{
				"--engine", engine, "--database-url", server, "--binary", binary, "--plot", svg,
				"--rows", "500", "--keys", "uuid", "--runs", "1", "--load", "0", "--variants", "update,alter,migrate",
			}, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := run(t.Context(), o, &out, t.Output()); err != nil {
				t.Fatal(err)
			}
			for _, want := range []string{"500 rows, uuid key", plainUpdate, blockingAlter, migrateBackfill, migrateWhole} {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%q is not in the result:\n%s", want, out.String())
				}
			}
			if _, err := os.Stat(svg); err != nil {
				t.Error(err)
			}
		})
	}
}
