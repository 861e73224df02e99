package integration

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// surprise_postgres_test.go watches PostgreSQL. What can run in a transaction is
// run twice: first by the test, which looks at what its transaction holds and has
// read and written, and rolls back; then by the executor. A statement that cannot
// (CONCURRENTLY) is looked at while it waits for those who use its tables.

// postgresLocks are the locks on tables, the weakest first (PostgreSQL's manual,
// Explicit Locking).
var postgresLocks = []struct{ held, name string }{
	{"AccessShareLock", "ACCESS SHARE"},
	{"RowShareLock", "ROW SHARE"},
	{"RowExclusiveLock", "ROW EXCLUSIVE"},
	{"ShareUpdateExclusiveLock", "SHARE UPDATE EXCLUSIVE"},
	{"ShareLock", "SHARE"},
	{"ShareRowExclusiveLock", "SHARE ROW EXCLUSIVE"},
	{"ExclusiveLock", "EXCLUSIVE"},
	{"AccessExclusiveLock", "ACCESS EXCLUSIVE"},
}

// strengthOf ranks a lock by either of its names; no lock is 0.
func strengthOf(mode string) int {
	for i, l := range postgresLocks {
		if l.held == mode || l.name == mode {
			return i + 1
		}
	}
	return 0
}

// everyday is what anybody's SELECT, INSERT, UPDATE and DELETE take: a plan need
// not say so of a table that a statement merely reads or writes.
const everyday = "ROW EXCLUSIVE"

// works are the kinds of work in the order of what they cost.
var works = []plan.Work{plan.Metadata, plan.ChunkRun, plan.Scan, plan.Build, plan.Rewrite}

// seenStep is what was seen of a step or of one of its statements.
type seenStep struct {
	lock string // the strongest on any table that was there before
	work plan.Work
}

// and joins what was seen at different moments.
func (s seenStep) and(o seenStep) seenStep {
	if strengthOf(o.lock) > strengthOf(s.lock) {
		s.lock = o.lock
	}
	if slices.Index(works, o.work) > slices.Index(works, s.work) {
		s.work = o.work
	}
	return s
}

// relation is a table, an index, a view or a sequence of the user's.
type relation struct {
	oid    uint32
	name   string // as plans call it
	kind   string // pg_class.relkind
	of     uint32 // the table of an index or of a sequence's column
	parent uint32 // that it is a partition of, or inherits from
	file   uint32
	scans  int64  // by the transaction
	bare   string // without its schema
}

// table reports whether the relation has rows that a step may scan or rewrite.
func (r relation) table() bool { return r.kind == "r" || r.kind == "m" }

type postgresWatch struct {
	t       *testing.T
	w       *world
	session executor.Session
	facts   *postgresFacts
	first   map[uint32]relation // what is there before the migration
	began   map[uint32]relation // what was there when the step in mode each began
	conn    *pgx.Conn           // the test's own
	notices []string
}

func newPostgresWatch(t *testing.T, w *world) watch {
	t.Helper()
	p := &postgresWatch{t: t, w: w, session: w.migrate(t, executor.Options{}).session, facts: factsOf(w.strings(t, "SHOW server_version_num")[0])}
	t.Cleanup(func() {
		if !t.Failed() {
			p.facts.finished()
		}
	})
	if err := p.connect(t.Context()); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.first, err = relations(t.Context(), p.conn); err != nil {
		t.Fatal(err)
	}
	return p
}

// Report looks at a step in advance when it can be run in a transaction.
func (p *postgresWatch) Report(e executor.Event) {
	start, ok := e.(executor.StepStarted)
	if !ok || start.Undo {
		return
	}
	step := start.Step
	var err error
	switch step.Mode {
	case plan.InTx:
		err = p.inAdvance(p.t.Context(), &step, func(ctx context.Context) error { return p.statements(ctx, step.Statements) })
	case plan.Chunked:
		err = p.inAdvance(p.t.Context(), &step, func(ctx context.Context) error { return p.piece(ctx, *step.Chunks) })
	case plan.Each: // around sees its statements
		p.began, err = relations(p.t.Context(), p.conn)
	}
	if err != nil {
		p.t.Errorf("%s, looked at in advance: %v", step.Title, err)
	}
}

func (p *postgresWatch) statements(ctx context.Context, statements []plan.Statement) error {
	for _, st := range statements {
		if _, err := p.conn.Exec(ctx, st.SQL, pgx.QueryExecModeSimpleProtocol); err != nil {
			return fmt.Errorf("%w\n%s", err, st.SQL)
		}
	}
	return nil
}

// piece does the first piece of a walk.
func (p *postgresWatch) piece(ctx context.Context, c plan.Chunks) error {
	walker, err := p.session.Walk(ctx, c)
	if err != nil {
		return err
	}
	spans, err := walker.Spans(ctx, 1)
	if err != nil || len(spans) == 0 {
		return err
	}
	piece, done, err := walker.Next(ctx, spans[0], spans[0].From, 100)
	if err != nil || done {
		return err
	}
	if _, err := p.conn.Exec(ctx, "SET LOCAL migrate.bypass = 'on'"); err != nil {
		return err
	}
	_, err = p.conn.Exec(ctx, c.SQL, piece.Args...)
	return err
}

// around watches one statement of a step in mode each.
func (p *postgresWatch) around(ctx context.Context, conn *sql.Conn, statement string, step *plan.Step, b executor.Bounds, run func(executor.Bounds) error) error {
	p.t.Helper()
	err := p.inAdvance(ctx, step, func(ctx context.Context) error { return p.statements(ctx, []plan.Statement{{SQL: statement}}) })
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "25001" { // active_sql_transaction: it wants to be alone
		return p.waiting(ctx, conn, step, run)
	}
	if err != nil {
		p.t.Errorf("%s, looked at in advance: %v", step.Title, err)
	}
	return run(b)
}

// connect makes the test's own connection, on which the server tells what it does.
func (p *postgresWatch) connect(ctx context.Context) error {
	cfg, err := pgx.ParseConfig(p.w.URL)
	if err != nil {
		return err
	}
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) { p.notices = append(p.notices, n.Message) }
	if p.conn, err = pgx.ConnectConfig(ctx, cfg); err != nil {
		return err
	}
	p.t.Cleanup(func() { _ = p.conn.Close(context.WithoutCancel(ctx)) })
	return nil
}

// inAdvance runs something in a transaction that is rolled back, and compares what
// the transaction did with what the plan says of the step.
func (p *postgresWatch) inAdvance(ctx context.Context, step *plan.Step, do func(context.Context) error) error {
	// Small tables are not scanned for want of rows: what has an index goes by it.
	if _, err := p.conn.Exec(ctx, "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL lock_timeout = '20s'"); err != nil {
		return err
	}
	defer func() { _, _ = p.conn.Exec(context.WithoutCancel(ctx), "ROLLBACK") }()
	before, err := relations(ctx, p.conn)
	if err != nil {
		return err
	}
	p.notices = nil
	if _, err := p.conn.Exec(ctx, "SET LOCAL client_min_messages = debug1"); err != nil {
		return err
	}
	if err := do(ctx); err != nil {
		return err
	}
	if _, err := p.conn.Exec(ctx, "SET LOCAL client_min_messages = warning; SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return err
	}
	said := p.notices
	after, err := relations(ctx, p.conn)
	if err != nil {
		return err
	}
	held, err := locksOf(ctx, p.conn, "pg_backend_pid()")
	if err != nil {
		return err
	}
	p.judge(step, seenStep{lock: p.locks(step, before, held), work: p.work(step, before, after, said)})
	return nil
}

// locks tells the test of locks that the plan does not, and returns the strongest.
func (p *postgresWatch) locks(step *plan.Step, before map[uint32]relation, held map[uint32]string) string {
	p.t.Helper()
	planned := map[string]string{}
	for _, l := range append([]plan.Lock{step.Lock}, step.AlsoLocks...) {
		if strengthOf(l.Mode) > strengthOf(planned[l.Object]) {
			planned[l.Object] = l.Mode
		}
	}
	strongest := ""
	for oid, mode := range held {
		r, there := before[oid]
		if step.Mode == plan.Each && there {
			_, there = p.began[oid]
		}
		index := r.kind == "i" || r.kind == "I"
		if !there || p.fresh(step, before, r) || index && mode != "AccessExclusiveLock" {
			continue // nobody else knows it yet, or nobody waits
		}
		if !index && r.kind != "S" && strengthOf(mode) > strengthOf(strongest) {
			strongest = mode
		}
		allowed, told := "", false
		// A lock on a table covers its indexes, sequences and partitions.
		for next, ok := r, true; ok; next, ok = above(before, next) {
			if m, named := planned[next.name]; named {
				told = true
				if strengthOf(m) > strengthOf(allowed) {
					allowed = m
				}
			}
		}
		if !told {
			allowed = everyday
		}
		if strengthOf(mode) > strengthOf(allowed) {
			p.t.Errorf("%s (%s): it holds %s on %s, the plan says %v:\n%s", step.Title, step.ID, mode, r.name,
				append([]plan.Lock{step.Lock}, step.AlsoLocks...), step.SQL)
		}
	}
	return strongest
}

// fresh reports whether nobody but the migration knows a relation: its tables
// before new versions run, and what it hides until the switch.
func (p *postgresWatch) fresh(step *plan.Step, all map[uint32]relation, r relation) bool {
	if up, ok := all[r.of]; ok {
		return p.fresh(step, all, up)
	}
	_, there := p.first[r.oid]
	hidden := strings.HasPrefix(r.bare, "_migrate_new_") && r.kind == "m"
	return !there && (hidden || r.kind != "i" && r.kind != "I" && !strings.HasPrefix(step.ID, string(plan.Contract)))
}

// above is what a relation belongs to.
func above(all map[uint32]relation, r relation) (relation, bool) {
	up, ok := all[cmp.Or(r.of, r.parent)]
	return up, ok
}

var (
	rewriting = regexp.MustCompile(`^rewriting table "(.*)"$`)
	building  = regexp.MustCompile(`^building index ".*" on table "(.*)" `)
	verifying = regexp.MustCompile(`^verifying table "(.*)"$`)
	foreign   = regexp.MustCompile(`^validating foreign key constraint `)
)

// work is what a step does to tables that were there before it.
func (p *postgresWatch) work(step *plan.Step, before, after map[uint32]relation, said []string) plan.Work {
	p.t.Helper()
	seen := seenStep{work: plan.Metadata}
	saw := func(w plan.Work, why string) {
		p.t.Helper()
		if slices.Index(works, w) > slices.Index(works, step.Work) {
			p.t.Errorf("%s (%s): the plan says %s, but it does %s (%s):\n%s", step.Title, step.ID, step.Work, w, why, step.SQL)
		}
		seen = seen.and(seenStep{work: w})
	}
	names, freshToo := map[string]bool{}, false
	for _, r := range before {
		if p.fresh(step, before, r) {
			freshToo = true
		} else if r.table() {
			names[r.bare] = !strings.HasPrefix(step.SQL, "TRUNCATE")
		}
	}
	for _, line := range said {
		for pattern, w := range map[*regexp.Regexp]plan.Work{rewriting: plan.Rewrite, building: plan.Build, verifying: plan.Scan} {
			if m := pattern.FindStringSubmatch(line); m != nil && names[m[1]] {
				saw(w, line)
			}
		}
		if foreign.MatchString(line) && !freshToo { // it does not say of which table
			saw(plan.Scan, line)
		}
	}
	for oid, was := range before {
		is, there := after[oid]
		if !there || !names[was.bare] || !was.table() {
			continue
		}
		if is.file != was.file {
			saw(plan.Rewrite, "another file of "+was.name)
		}
		if is.scans > was.scans && step.Mode != plan.Chunked {
			saw(plan.Scan, "it reads all of "+was.name)
		}
	}
	return seen.work
}

// waiting runs a statement that wants to be alone while others use its tables, one
// after another, and looks at it whenever it waits for them.
func (p *postgresWatch) waiting(ctx context.Context, conn *sql.Conn, step *plan.Step, run func(executor.Bounds) error) error {
	p.t.Helper()
	before, err := relations(ctx, p.conn)
	if err != nil {
		return err
	}
	var pid string
	if err := conn.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return err
	}
	users, err := p.users(ctx, before, step.Lock.Object)
	if err != nil {
		return err
	}
	defer func() {
		for _, tx := range users {
			_ = tx.Rollback()
		}
	}()
	done := make(chan error, 1)
	var running sync.WaitGroup
	running.Go(func() { done <- run(executor.Bounds{Lock: time.Minute}) })
	defer running.Wait()
	held := map[uint32]string{}
	for ended := false; !ended; {
		eventually(p.t, "the statement to wait for a user of its tables, or to end", func() bool {
			select {
			case err = <-done:
				ended = true
				return true
			default:
			}
			var waits bool
			if err := p.conn.QueryRow(ctx, "SELECT coalesce(wait_event_type = 'Lock', false) FROM pg_stat_activity WHERE pid = "+pid).Scan(&waits); err != nil {
				return false
			}
			return waits && len(users) > 0
		})
		if ended {
			break
		}
		now, err := locksOf(ctx, p.conn, pid)
		if err != nil {
			p.t.Error(err)
		}
		for oid, mode := range now {
			if strengthOf(mode) > strengthOf(held[oid]) {
				held[oid] = mode
			}
		}
		_ = users[0].Rollback()
		users = users[1:]
	}
	if err != nil {
		return err
	}
	after, err := relations(ctx, p.conn)
	if err != nil {
		return err
	}
	seen := seenStep{lock: p.locks(step, before, held), work: p.work(step, before, after, nil)}
	for oid, r := range after {
		if _, there := before[oid]; !there && r.kind == "i" {
			seen = seen.and(seenStep{work: plan.Build})
		}
	}
	p.judge(step, seen)
	return nil
}

// users are transactions that have written to a table and to each of its partitions.
func (p *postgresWatch) users(ctx context.Context, all map[uint32]relation, object string) ([]*sql.Tx, error) {
	var out []*sql.Tx
	var add func(r relation) error
	add = func(r relation) error {
		tx, err := p.w.db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		out = append(out, tx)
		schema, name, ok := strings.Cut(r.name, ".")
		if !ok {
			schema, name = "public", r.name
		}
		if _, err := tx.ExecContext(ctx, "LOCK TABLE ONLY "+p.w.quote(schema)+"."+p.w.quote(name)+" IN ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		for _, oid := range sortedKeys(all) {
			if all[oid].parent == r.oid {
				if err := add(all[oid]); err != nil {
					return err
				}
			}
		}
		return nil
	}
	for _, r := range all {
		if r.name == object && (r.kind == "r" || r.kind == "p") {
			return out, errors.Join(add(r))
		}
	}
	return nil, nil
}

func sortedKeys[V any](m map[uint32]V) []uint32 {
	var out []uint32
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// judge compares the work as a whole, and remembers what was seen.
func (p *postgresWatch) judge(step *plan.Step, seen seenStep) {
	p.t.Helper()
	if slices.Index(works, seen.work) > slices.Index(works, step.Work) {
		p.t.Errorf("%s (%s): the plan says %s, but it does %s:\n%s", step.Title, step.ID, step.Work, seen.work, step.SQL)
	}
	p.facts.saw(*step, seen)
}

// relations are the user's, and what the transaction has read of them.
func relations(ctx context.Context, conn *pgx.Conn) (map[uint32]relation, error) {
	rows, err := conn.Query(ctx, `SELECT c.oid, CASE n.nspname WHEN 'public' THEN '' ELSE n.nspname || '.' END || c.relname, c.relkind::text,
			coalesce(i.indrelid, (SELECT min(d.refobjid::int8)::oid FROM pg_depend d
				WHERE c.relkind = 'S' AND d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')), 0),
			coalesce((SELECT min(h.inhparent::int8)::oid FROM pg_inherits h WHERE h.inhrelid = c.oid), 0),
			c.relfilenode, coalesce(pg_stat_get_xact_numscans(c.oid), 0), c.relname::text
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_index i ON i.indexrelid = c.oid
		WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'migrate') AND n.nspname NOT LIKE 'pg\_%'`)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (relation, error) {
		var r relation
		err := row.Scan(&r.oid, &r.name, &r.kind, &r.of, &r.parent, &r.file, &r.scans, &r.bare)
		return r, err
	})
	out := map[uint32]relation{}
	for _, r := range all {
		out[r.oid] = r
	}
	return out, err
}

// locksOf are the strongest locks that a session holds or waits for.
func locksOf(ctx context.Context, conn *pgx.Conn, pid string) (map[uint32]string, error) {
	rows, err := conn.Query(ctx, `SELECT relation, mode FROM pg_locks WHERE pid = `+pid+` AND locktype = 'relation'
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	if err != nil {
		return nil, err
	}
	out := map[uint32]string{}
	var oid uint32
	var mode string
	_, err = pgx.ForEachRow(rows, []any{&oid, &mode}, func() error {
		if strengthOf(mode) > strengthOf(out[oid]) {
			out[oid] = mode
		}
		return nil
	})
	return out, err
}
