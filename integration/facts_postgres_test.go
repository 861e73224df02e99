package integration

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// facts_postgres_test.go keeps docs/facts-postgres.md: what was seen of every kind
// of step, by version. With -rewrite TestNoSurprise writes the columns of the
// versions that run; without, it holds them against what it sees.

var rewriteFacts = flag.Bool("rewrite", false, "write what was observed into docs/facts-postgres.md")

// postgresFacts is what was seen on one version.
type postgresFacts struct {
	version int // server_version_num
	mu      sync.Mutex
	seen    map[string]seenStep // by the kind of step
	cases   int                 // that ended well
}

var (
	postgresFactsMu sync.Mutex
	allFacts        = map[string]*postgresFacts{}
)

func factsOf(versionNum string) *postgresFacts {
	postgresFactsMu.Lock()
	defer postgresFactsMu.Unlock()
	f := allFacts[versionNum]
	if f == nil {
		f = &postgresFacts{seen: map[string]seenStep{}}
		f.version, _ = strconv.Atoi(versionNum)
		allFacts[versionNum] = f
	}
	return f
}

func (f *postgresFacts) finished() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.cases++
}

func (f *postgresFacts) saw(step plan.Step, seen seenStep) {
	if step.Mode == plan.Chunked {
		seen.work = plan.ChunkRun
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	kind := kindOfStep(step)
	f.seen[kind] = f.seen[kind].and(seen)
}

// vocabulary are the words of which the titles of steps are made; all others are names.
var vocabulary = strings.Fields(`add alone alter an and as at attach backfill be by change check checked column columns comment constraint copy
	counts create default delete detach domain drop each empty end expression extension fill foreign forbid forward from function grace grant has how
	identity in index insert into is its key let make materialized move name new not now null NULL of old on over partition partitions
	place plain policy primary procedure publication put rename replace revoke rows rule run schema sequence set shape statement
	statistics stored switch table take that the these to trigger type unique validate value view when which with`)

// kindOfStep is a step's title without names.
func kindOfStep(step plan.Step) string {
	title, _, _ := strings.Cut(step.Title, ": ")
	title, _, _ = strings.Cut(title, ", ")
	title, _, _ = strings.Cut(title, " (")
	var out []string
	for _, word := range strings.Fields(title) {
		if !slices.Contains(vocabulary, word) {
			word = "…"
		}
		if word != "…" || len(out) == 0 || out[len(out)-1] != "…" {
			out = append(out, word)
		}
	}
	return strings.Join(out, " ")
}

// cell is what the page says of a kind of step.
func (s seenStep) cell() string {
	lock := "none"
	if n := strengthOf(s.lock); n > 0 {
		lock = postgresLocks[n-1].name
	}
	return lock + ", " + string(s.work)
}

const factsPage = "../docs/facts-postgres.md"

const factsHead = `# What the steps of a plan cost on PostgreSQL

Seen on the servers (` + "`go test ./integration -run TestNoSurprise`" + `, which fails when a step takes a stronger lock or does more than its plan
says, or when a server does something else than this page; ` + "`-rewrite`" + ` writes the columns of the servers that run). Every step of every
change in ` + "`examples/changes` and `integration/testdata/changes`" + ` was run in a transaction that was rolled back, after a look at ` + "`pg_locks`" + `, at
the transaction's own statistics, at the files of the tables and at what the server says at level ` + "`debug1`" + `. What cannot run in a
transaction (` + "`CONCURRENTLY`" + `) was looked at while it waited for somebody who had written to its tables.

A cell holds the strongest lock that any step of the kind took on a table that was there before it, and the most that one did to such a
table: the most, so that a kind may be cheaper in a given plan. "none" is a step that touches no such table.

| work | what it means |
|---|---|
| metadata | the catalog only, however large the table is |
| chunks | many short transactions over pieces of the table |
| scan | reads the whole table |
| build | builds an index |
| rewrite | writes a new copy of the table |

`

// readFactsPage reads the table at the end of the page: cells by kind, by version.
func readFactsPage(t *testing.T) map[string]map[string]string {
	t.Helper()
	out := map[string]map[string]string{}
	text, err := os.ReadFile(filepath.FromSlash(factsPage))
	if err != nil {
		if *rewriteFacts && os.IsNotExist(err) {
			return out
		}
		t.Fatal(err)
	}
	var versions []string
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case cells[0] == "step":
			versions = cells[1:]
		case versions != nil && len(cells) == len(versions)+1 && !strings.HasPrefix(cells[0], "---"):
			for i, v := range versions {
				if out[v] == nil {
					out[v] = map[string]string{}
				}
				if cells[i+1] != "" {
					out[v][cells[0]] = cells[i+1]
				}
			}
		}
	}
	return out
}

func writeFactsPage(t *testing.T, page map[string]map[string]string) {
	t.Helper()
	var versions, kinds []string
	for v, cells := range page {
		versions = append(versions, v)
		for kind := range cells {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(versions)
	slices.Sort(kinds)
	text := factsHead + "| step | " + strings.Join(versions, " | ") + " |\n|---|" + strings.Repeat("---|", len(versions)) + "\n"
	for _, kind := range slices.Compact(kinds) {
		text += "| " + kind
		for _, v := range versions {
			text += " | " + page[v][kind]
		}
		text += " |\n"
	}
	if err := os.WriteFile(filepath.FromSlash(factsPage), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// holdFacts compares what was seen with the page, or writes it there.
func holdFacts(t *testing.T) {
	t.Helper()
	if len(allFacts) == 0 {
		return
	}
	page := readFactsPage(t)
	for _, f := range allFacts {
		of := 0
		for _, c := range cases(t, servers.Postgres) {
			if c.since == 0 && c.until == 0 || c.suits(f.version) {
				of++
			}
		}
		all := f.cases == of // and not those that -run names
		column := fmt.Sprintf("PostgreSQL %d", f.version/10000)
		if *rewriteFacts {
			if !all {
				t.Errorf("of %d changes only %d were seen to the end on %s: its column stays as it is", of, f.cases, column)
				continue
			}
			page[column] = map[string]string{}
			for kind, seen := range f.seen {
				page[column][kind] = seen.cell()
			}
			continue
		}
		told := page[column]
		if told == nil {
			t.Errorf("docs/facts-postgres.md has no column for %s; -rewrite makes one", column)
			continue
		}
		for kind, seen := range f.seen {
			if is := seen.cell(); all && told[kind] != is || told[kind] == "" {
				t.Errorf("docs/facts-postgres.md says %q of %q, %s does %q", told[kind], kind, column, is)
			}
		}
		for kind := range told {
			if _, ok := f.seen[kind]; all && !ok {
				t.Errorf("docs/facts-postgres.md tells of %q, which is in no plan on %s", kind, column)
			}
		}
	}
	if *rewriteFacts {
		writeFactsPage(t, page)
	}
}
