package mysql

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// facts_cost_test.go finds out what a change of a table costs on a real server:
// the cheapest way in which the server agrees to make it, whether it rebuilds the
// table, and which lock it keeps while it works.

// ways are how a server may be asked to make a change, the cheapest first.
var ways = []string{
	"ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE", "ALGORITHM=COPY, LOCK=NONE",
	"ALGORITHM=INPLACE, LOCK=SHARED", "ALGORITHM=COPY, LOCK=SHARED",
}

// cost is what a change costs.
type cost struct {
	way     string // of ways; empty: refused
	rebuilt bool
	held    []string // what the session held on the table while it waited to end
	number  uint16   // the server's error when refused
}

func (c cost) String() string {
	if c.way == "" {
		return fmt.Sprintf("error %d", c.number)
	}
	out := strings.NewReplacer("ALGORITHM=", "", ", LOCK=NONE", "", ", LOCK=SHARED", "").Replace(c.way)
	if c.rebuilt && !strings.HasPrefix(out, "COPY") {
		out += ", rebuilds"
	}
	if c.blocks() {
		out += ", **writers wait**"
	}
	return out
}

// blocks reports whether writers wait until the change is made.
func (c cost) blocks() bool { return strings.HasSuffix(c.way, "SHARED") }

// costOf makes a change of table t, as setup makes it, in the cheapest way.
func (b *bench) costOf(setup []string, alter string) cost {
	b.t.Helper()
	var out cost
	for _, way := range ways {
		b.exec(setup...)
		before := b.tableIDs()
		err := b.tryAlter(alter, way)
		if err == nil {
			return cost{way: way, rebuilt: !slices.Equal(before, b.tableIDs())}
		}
		if n := number(err); out.number == 0 || n != errAlgorithm && n != errAlgorithmReason {
			out.number = n
		}
	}
	return out
}

func (b *bench) tryAlter(alter, way string) error {
	_, err := b.db.ExecContext(b.t.Context(), "ALTER TABLE t "+alter+", "+way)
	return err
}

const (
	errAlgorithm       = 1845
	errAlgorithmReason = 1846
)

// tableIDs are what InnoDB calls the table's parts: rebuilt, it has others.
func (b *bench) tableIDs() []string {
	b.t.Helper()
	of := map[bool]string{true: "innodb_sys_tables", false: "innodb_tables"}[b.d.maria]
	return b.list("SELECT table_id FROM information_schema." + of + " WHERE name = CONCAT(DATABASE(), '/t') OR name LIKE CONCAT(DATABASE(), '/t#%') ORDER BY 1")
}

func (b *bench) list(query string, args ...any) []string {
	b.t.Helper()
	rows, err := b.db.QueryContext(b.t.Context(), query, args...)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, query)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	var out []string
	for rows.Next() {
		var s sql.NullString
		if err := rows.Scan(&s); err != nil {
			b.t.Fatal(err)
		}
		out = append(out, s.String)
	}
	if err := rows.Err(); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// watched makes a change, and tells what the session holds on the table while it
// waits for a reader's transaction to end: what it keeps while it works.
// Nothing is known of servers without performance_schema.
func (b *bench) watched(setup []string, alter, way string) []string {
	b.t.Helper()
	if b.text("SELECT @@performance_schema") != "1" {
		return nil
	}
	b.exec(setup...)
	reader, err := b.db.BeginTx(b.t.Context(), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	defer reader.Rollback() //nolint:errcheck // it is over by then
	var n int
	if err := reader.QueryRowContext(b.t.Context(), "SELECT COUNT(*) FROM t").Scan(&n); err != nil {
		b.t.Fatal(err)
	}
	conn, err := b.db.Conn(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	var thread string
	if err := conn.QueryRowContext(b.t.Context(), "SELECT thread_id FROM performance_schema.threads WHERE processlist_id = CONNECTION_ID()").Scan(&thread); err != nil {
		b.t.Fatal(err)
	}
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	go func() {
		_, err := conn.ExecContext(ctx, "ALTER TABLE t "+alter+", "+way)
		done <- err
	}()
	// Locks that are free are pending for a moment, too: it really waits when its state says so.
	b.until("the change waits", func() bool {
		return b.text(`SELECT COUNT(*) FROM performance_schema.metadata_locks l JOIN performance_schema.threads t ON t.thread_id = l.owner_thread_id
			WHERE t.thread_id = ? AND l.lock_status = 'PENDING' AND t.processlist_state = 'Waiting for table metadata lock'`, thread) != "0"
	})
	held := b.list(`SELECT DISTINCT lock_type FROM performance_schema.metadata_locks WHERE owner_thread_id = ? AND object_type = 'TABLE'
		AND object_name = 't' AND lock_status = 'GRANTED' ORDER BY 1`, thread)
	if err := reader.Rollback(); err != nil {
		b.t.Fatal(err)
	}
	if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
		b.t.Errorf("%s: %v", alter, err)
	}
	return held
}

// factsDoc is where people read what is found here.
const factsDoc = "../../docs/facts-mysql.md"

// factPart is a part of testdata/facts: what changes of which tables cost.
type factPart struct {
	heading string
	tables  []factTable
}

type factTable struct {
	create  string
	changes []string
}

func readFacts(t *testing.T) []factPart {
	t.Helper()
	var out []factPart
	for _, line := range strings.Split(readFile(t, "testdata/facts"), "\n") {
		switch {
		case strings.HasPrefix(line, "## "):
			out = append(out, factPart{heading: line})
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "= "):
			p := &out[len(out)-1]
			p.tables = append(p.tables, factTable{create: strings.TrimPrefix(line, "= ")})
		default:
			p := &out[len(out)-1]
			f := &p.tables[len(p.tables)-1]
			f.changes = append(f.changes, line)
		}
	}
	return out
}

// setup makes the table with one row, in which no column that a change makes NOT
// NULL is NULL.
func (f factTable) setup() []string {
	columns, values := "id", "1"
	for _, c := range []string{"a", "c"} {
		if strings.Contains(f.create, " "+c+" int") {
			columns, values = columns+", "+c, values+", 1"
		}
	}
	return []string{
		"DROP TABLE IF EXISTS t, parent", "CREATE TABLE parent (id int PRIMARY KEY)", f.create,
		fmt.Sprintf("INSERT INTO t (%s) VALUES (%s)", columns, values),
	}
}

// TestFacts finds out what every change of testdata/facts costs on the servers,
// holds the plans against that, and docs/facts-mysql.md. With -rewrite, it writes
// the columns of the servers that run into that file.
func TestFacts(t *testing.T) {
	parts := readFacts(t)
	doc := readDoc(t)
	var mu sync.Mutex
	found := map[string]map[string]string{}
	t.Cleanup(func() {
		if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
			doc.write(t, parts, found)
		}
	})
	onServers(t, func(t *testing.T, b *bench) {
		cells := map[string]string{}
		for _, p := range parts {
			for _, f := range p.tables {
				for _, change := range f.changes {
					cells[f.create+"\n"+change] = b.fact(f, change)
				}
			}
		}
		server := b.d.product() + " " + release(b.text("SELECT VERSION()"))
		mu.Lock()
		found[server] = cells
		mu.Unlock()
		if f := flag.Lookup("rewrite"); f != nil && f.Value.String() == "true" {
			return
		}
		for key, cell := range cells {
			if got := doc.cells[server][key]; got != cell {
				t.Errorf("%s\ndocs/facts-mysql.md says %q of it, %s %q", key, got, server, cell)
			}
		}
	})
}

// release is a version without its last part.
func release(version string) string {
	return strings.Join(strings.SplitN(version, ".", 3)[:2], ".")
}

// fact is what a change costs; the plan for it is held against that.
func (b *bench) fact(f factTable, change string) string {
	b.t.Helper()
	c := b.costOf(f.setup(), change)
	if c.way == "" {
		return c.String()
	}
	held := b.watched(f.setup(), change, c.way)
	// MariaDB 10.11 goes on showing a lock as it was first granted; that writers
	// wait is known there by its refusal of LOCK=NONE (blocks).
	upgraded := !b.d.maria || !strings.HasPrefix(b.text("SELECT VERSION()"), "10.")
	if want := map[bool]string{false: "SHARED_UPGRADABLE", true: "SHARED_NO_WRITE"}[upgraded && strings.HasPrefix(c.way, "ALGORITHM=COPY") && c.blocks()]; held != nil && !slices.Contains(held, want) {
		b.t.Errorf("%s, %s: the session holds %v, not %s", change, c.way, held, want)
	}
	b.exec(f.setup()...)
	b.planned(change, c)
	return c.String()
}

// planned holds the plan of a change against its cost, where the plan makes the
// change itself and in one step. A shadow column's steps are watched elsewhere.
func (b *bench) planned(change string, c cost) {
	b.t.Helper()
	file := planner.File{Name: "0001_fact", Path: "0001_fact.sql", Src: "ALTER TABLE t " + change + ";\n"}
	p, err := dialects.Plan(b.t.Context(), b.s.engine, b.s, file, planner.StandardDefaults, nil)
	var refused planner.Errors
	if errors.As(err, &refused) {
		return
	}
	if err != nil {
		b.t.Fatalf("%s: %v", change, err)
	}
	var direct []plan.Step
	for _, phase := range p.Phases {
		for _, s := range phase.Steps {
			if s.Mode == plan.Chunked || s.AfterGrace || s.Ends != "" {
				return
			}
			if strings.Contains(s.SQL, "ALGORITHM=") {
				direct = append(direct, s)
			}
		}
	}
	if len(direct) == 1 && !strings.Contains(direct[0].SQL, "foreign_key_checks") {
		b.agrees(change, p, direct[0], c)
	}
}

// agrees checks that a change which the plan makes in one step is made in the
// cheapest way, and that the plan says what that costs.
func (b *bench) agrees(change string, p *plan.Plan, s plan.Step, c cost) {
	b.t.Helper()
	// CREATE INDEX has its options without commas. Of what touches the catalog
	// only, INPLACE is no dearer than INSTANT.
	sql := strings.ReplaceAll(s.SQL, ",", "")
	catalog := c.way == ways[0] && strings.Contains(sql, "ALGORITHM=INPLACE LOCK=NONE")
	if !catalog && !strings.Contains(sql, strings.ReplaceAll(c.way, ",", "")) {
		b.t.Errorf("%s: the cheapest way is %s, not that of\n%s", change, c.way, s.SQL)
	}
	if (s.Work == plan.Rewrite) != c.rebuilt {
		b.t.Errorf("%s: the plan says %s; rebuilt: %t", change, s.Work, c.rebuilt)
	}
	told := slices.ContainsFunc(p.Hazards, func(h plan.Hazard) bool {
		return slices.Contains([]string{"lock-not-none", "constraint-validated-under-lock", "foreign-key-blocks-writes", "copy-algorithm", "stored-generated-rewrites"}, h.Rule)
	})
	if c.blocks() && !told {
		b.t.Errorf("%s: nothing in the plan says that writers wait", change)
	}
}

// factTables is docs/facts-mysql.md, by server, table and change.
type factTables struct {
	head    string
	servers []string
	cells   map[string]map[string]string
}

func readDoc(t *testing.T) *factTables {
	t.Helper()
	out := &factTables{cells: map[string]map[string]string{}}
	head, tables, _ := strings.Cut(readFile(t, factsDoc), "\n## ")
	out.head = strings.TrimRight(head, "\n")
	create := ""
	for _, line := range strings.Split(tables, "\n") {
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		switch {
		case strings.HasPrefix(line, "`CREATE"):
			create = strings.Trim(line, "`")
		case strings.HasPrefix(line, "| change"):
			out.servers = cells[1:]
		case strings.HasPrefix(line, "| `"):
			for i, cell := range cells[1:] {
				of := out.cells[out.servers[i]]
				if of == nil {
					of = map[string]string{}
					out.cells[out.servers[i]] = of
				}
				of[create+"\n"+strings.Trim(cells[0], "`")] = cell
			}
		}
	}
	return out
}

// write puts what was found beside what the file says of other servers.
func (d *factTables) write(t *testing.T, parts []factPart, found map[string]map[string]string) {
	t.Helper()
	for server, cells := range found {
		if !slices.Contains(d.servers, server) {
			d.servers = append(d.servers, server)
		}
		d.cells[server] = cells
	}
	slices.SortFunc(d.servers, func(a, b string) int { return strings.Compare(b[:2]+a, a[:2]+b) })
	var b strings.Builder
	b.WriteString(d.head + "\n")
	for _, p := range parts {
		fmt.Fprintf(&b, "\n%s\n", p.heading)
		for _, f := range p.tables {
			fmt.Fprintf(&b, "\n`%s`\n\n| change | %s |\n|---%s|\n", f.create, strings.Join(d.servers, " | "), strings.Repeat("|---", len(d.servers)))
			for _, change := range f.changes {
				fmt.Fprintf(&b, "| `%s`", change)
				for _, server := range d.servers {
					fmt.Fprintf(&b, " | %s", d.cells[server][f.create+"\n"+change])
				}
				b.WriteString(" |\n")
			}
		}
	}
	if err := os.WriteFile(factsDoc, []byte(b.String()), 0o644); err != nil { //nolint:gosec // people read it
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
