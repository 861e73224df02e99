package integration

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// surprise_mysql_test.go watches MySQL and MariaDB. While a statement waits for a
// reader of its table, performance_schema shows what its session holds: what it
// keeps while it works. Another number of the table in InnoDB tells of a rebuild.
// And what is dear must be so: a cheaper ALGORITHM is refused.

type mysqlWatch struct {
	t     *testing.T
	w     *world
	locks bool // performance_schema shows them
	// under LOCK TABLES nobody else gets in, and nothing waits.
	locked bool
}

func newMySQLWatch(t *testing.T, w *world) watch {
	t.Helper()
	return &mysqlWatch{t: t, w: w, locks: w.number(t, "SELECT @@performance_schema") == 1}
}

// strengths are the locks on a table's metadata, the weakest first (MySQL manual,
// The metadata_locks Table).
var strengths = []string{
	"INTENTION_EXCLUSIVE", "SHARED", "SHARED_HIGH_PRIO", "SHARED_READ", "SHARED_WRITE", "SHARED_WRITE_LOW_PRIO", "SHARED_UPGRADABLE",
	"SHARED_READ_ONLY", "SHARED_NO_WRITE", "SHARED_NO_READ_WRITE", "EXCLUSIVE",
}

func (m *mysqlWatch) around(ctx context.Context, conn *sql.Conn, statement string, step *plan.Step, b executor.Bounds, run func(executor.Bounds) error) error {
	m.t.Helper()
	switch {
	case strings.HasPrefix(statement, "LOCK TABLES"):
		m.locked = true
	case strings.HasPrefix(statement, "UNLOCK TABLES"):
		m.locked = false
	}
	if !strings.Contains(statement, "ALGORITHM=") {
		return run(b)
	}
	if !step.AfterGrace {
		// What earlier steps have rebuilt may be cheaper to purge than was foreseen.
		m.cheaper(ctx, conn, statement)
	}
	before := m.tables() //nolint:contextcheck // the test's own
	var err error
	if m.locks && !m.locked && step.Lock.Object != "" {
		err = m.waiting(ctx, conn, statement, step, run)
	} else {
		err = run(b)
	}
	if err == nil && step.Work != plan.Rewrite {
		for name, id := range m.tables() { //nolint:contextcheck // the test's own
			// What has no rows costs nothing to write anew.
			if was, there := before[name]; there && was != id && m.w.number(m.t, "SELECT COUNT(*) FROM "+m.w.quote(step.Lock.Object)) > 0 { //nolint:contextcheck // the test's own
				m.t.Errorf("%s: the plan says %s, but %s is rebuilt by\n%s", step.Title, step.Work, name, statement)
			}
		}
	}
	return err
}

// cheaper tries what a dear statement could have been.
func (m *mysqlWatch) cheaper(ctx context.Context, conn *sql.Conn, statement string) {
	m.t.Helper()
	at := strings.LastIndex(statement, "ALGORITHM=")
	ways := []string{"ALGORITHM=INSTANT", "ALGORITHM=INPLACE, LOCK=NONE"}
	if strings.HasPrefix(statement, "CREATE") {
		ways = []string{"ALGORITHM=INPLACE LOCK=NONE"}
	}
	way := statement[at:]
	if !strings.Contains(way, "SHARED") && !strings.Contains(way, "COPY") {
		ways = nil
		if strings.Contains(statement, "MODIFY") || strings.Contains(statement, "ADD COLUMN") || strings.Contains(statement, "DROP COLUMN") {
			ways = []string{"ALGORITHM=INSTANT"}
		}
	}
	for _, cheap := range ways {
		if cheap == way || strings.Contains(way, "INSTANT") {
			continue
		}
		if _, err := conn.ExecContext(ctx, statement[:at]+cheap); err == nil {
			m.t.Errorf("%s would have done for\n%s", cheap, statement)
		}
	}
}

// tables are the numbers of all tables of the database, and of their partitions.
func (m *mysqlWatch) tables() map[string]string {
	m.t.Helper()
	of := "innodb_tables"
	if m.w.number(m.t, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'information_schema' AND table_name = 'INNODB_SYS_TABLES'") > 0 {
		of = "innodb_sys_tables"
	}
	out := map[string]string{}
	for _, line := range m.w.strings(m.t, `SELECT CONCAT(name, ' ', table_id) FROM information_schema.`+of+` WHERE name LIKE CONCAT(REPLACE(DATABASE(), '_', '\\_'), '/%')
		AND name NOT LIKE '%/fts\\_%' AND name NOT LIKE '%/migrate\\_%'`) {
		name, id, _ := strings.Cut(line, " ")
		out[name] = id
	}
	return out
}

// waiting runs a statement while a reader has used its table, looks at what is
// held, and lets the reader go.
func (m *mysqlWatch) waiting(ctx context.Context, conn *sql.Conn, statement string, step *plan.Step, run func(executor.Bounds) error) error {
	m.t.Helper()
	reader, err := m.w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Rollback() }()
	if _, err := reader.ExecContext(ctx, "SELECT 1 FROM "+m.w.quote(step.Lock.Object)+" LIMIT 1"); err != nil {
		return run(executor.Bounds{}) // it is not there yet
	}
	var thread string
	if err := conn.QueryRowContext(ctx, "SELECT thread_id FROM performance_schema.threads WHERE processlist_id = CONNECTION_ID()").Scan(&thread); err != nil {
		return err
	}
	// The server's own patience is longer than ours, for once.
	if _, err := conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 60"); err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- run(executor.Bounds{Lock: time.Minute}) }()
	// Not the copy that it makes, nor what a FULLTEXT index is kept in: nobody else
	// knows those, and their locks are pending for a moment, too, before they are had.
	held := func(status string) []string { //nolint:contextcheck // the test's own
		return m.w.strings(m.t, fmt.Sprintf(`SELECT DISTINCT CONCAT(object_name, ' ', lock_type) FROM performance_schema.metadata_locks
			WHERE owner_thread_id = %s AND object_type = 'TABLE' AND object_schema = DATABASE() AND lock_status = '%s'
			AND object_name NOT LIKE '#sql%%' AND object_name NOT LIKE 'fts\_%%'`, thread, status))
	}
	var ended bool
	eventually(m.t, "the statement to wait for a reader", func() bool {
		select {
		case err = <-done:
			ended = true
			return true
		default:
			return len(held("PENDING")) > 0
		}
	})
	if ended {
		return err
	}
	m.exceeds(step, statement, held("GRANTED"), held("PENDING"))
	if err := reader.Rollback(); err != nil {
		return err
	}
	if err := <-done; err != nil {
		return err
	}
	_, err = conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 1")
	return err
}

// lockOf cuts "User Profiles EXCLUSIVE" into what is locked and how.
func lockOf(l string) (object, mode string) {
	at := strings.LastIndexByte(l, ' ')
	return l[:max(at, 0)], l[at+1:]
}

// exceeds compares what is held with what the plan says.
func (m *mysqlWatch) exceeds(step *plan.Step, statement string, granted, pending []string) {
	m.t.Helper()
	planned := []string{step.Lock.Object}
	for _, l := range step.AlsoLocks {
		planned = append(planned, l.Object)
	}
	most := "SHARED_UPGRADABLE"
	if strings.Contains(statement, "SHARED") {
		most = "SHARED_NO_WRITE"
	}
	for _, l := range granted {
		object, mode := lockOf(l)
		if slices.Index(strengths, mode) > slices.Index(strengths, most) {
			m.t.Errorf("%s: it holds %s while it works, more than %s:\n%s", step.Title, l, most, statement)
		}
		// Tables tied to it by foreign keys are kept from other changes, not from writes.
		if !slices.Contains(planned, object) && slices.Index(strengths, mode) > slices.Index(strengths, "SHARED_UPGRADABLE") {
			m.t.Errorf("%s: the plan does not say that it locks %s:\n%s", step.Title, l, statement)
		}
	}
	for _, l := range pending {
		if object, _ := lockOf(l); !slices.Contains(planned, object) {
			m.t.Errorf("%s: the plan does not say that it waits for %s:\n%s", step.Title, l, statement)
		}
	}
}
