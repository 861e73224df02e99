package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// spared.go is about what must not be ended on MariaDB: CREATE TRIGGER and DROP
// TRIGGER. A KILL QUERY that hits one while it reads the table's triggers makes it
// write a torn list of them back, and the app's writes fail from then on (docs/FAULTS.md).
// So they run while we have the table locked: what may wait for long, and be ended,
// is LOCK TABLES. What comes after it waits for none but those who look at the
// table's definition, never for long, and tries again rather than wait.

// lockedAgain is how long such a statement leaves alone what is in its way.
const lockedAgain = 2 * time.Millisecond

// spared are statements with triggers, where need be under a lock on their table.
// there, if not empty, says that nothing is left for them to do.
func (d *dialect) spared(table, there string, ss ...plan.Statement) []plan.Statement {
	if !d.maria {
		return ss
	}
	lock := plan.Statement{SQL: lockTables(quoteName(table)), Probe: there, Locks: true}
	return append(append(stmts(lock), ahead(ss)...), unlock)
}

const unlockTables = "UNLOCK TABLES"

// unlock ends what lockTables begins.
var unlock = plan.Statement{SQL: unlockTables, Unlocks: true}

func lockTables(table string) string { return "LOCK TABLES " + table + " WRITE" }

// lock takes a table lock. On MariaDB, what comes under it does not wait.
func (s *session) lock(ctx context.Context, conn *sql.Conn, statement string) error {
	message := []string{statement}
	if s.engine.maria {
		message = append(message, lockWait(0))
	}
	if err := execMessage(ctx, conn, message...); err != nil {
		return err
	}
	return onConn(conn, func(c *watchedConn) error { c.locked = true; return nil })
}

// execLocked runs statements under a table lock, in one message: those who wait for
// the table do not wait for the network, too.
func (s *session) execLocked(ctx context.Context, conn *sql.Conn, bound time.Duration, statements []string) error {
	patient := bound > 0 && !s.engine.maria && slices.ContainsFunc(statements, worksLong)
	if err := onConn(conn, func(c *watchedConn) error { c.patient = patient; return nil }); err != nil {
		return err
	}
	unlocks := slices.Contains(statements, unlockTables)
	for begun := time.Now(); ; {
		err := execMessage(ctx, conn, s.underLock(statements, patient, unlocks)...)
		if err == nil {
			break
		}
		if !s.engine.maria || number(err) != errLockWait || time.Since(begun) >= bound {
			return err
		}
		if len(statements) > 1 {
			var done int
			if asked := conn.QueryRowContext(ctx, "SELECT "+place).Scan(&done); asked != nil {
				return errors.Join(err, asked)
			}
			statements = statements[done:]
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockedAgain):
		}
	}
	return onConn(conn, func(c *watchedConn) error { c.locked = !unlocks; return nil })
}

// underLock writes between statements what execLocked, and who comes after them, needs.
func (s *session) underLock(statements []string, patient, unlocks bool) (message []string) {
	if patient {
		message = append(message, lockWait(patientFor/time.Second))
	}
	for i, st := range statements {
		if s.engine.maria && len(statements) > 1 {
			message = append(message, fmt.Sprintf("SET %s = %d", place, i))
		}
		message = append(message, st)
	}
	if patient || s.engine.maria && unlocks {
		message = append(message, lockWait(1))
	}
	return message
}

// place is how many statements of a message have been done.
const place = "@migrate_place"

// execer is a connection, a transaction, or the pool.
type execer interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// execMessage runs several statements, which go to the server in one message.
func execMessage(ctx context.Context, on execer, statements ...string) error {
	_, err := on.ExecContext(context.WithValue(ctx, inMessage{}, len(statements)), strings.Join(statements, ";\n"))
	return err
}

// inMessage is the key of how many statements a message has (countedConn).
type inMessage struct{}

// lockWait sets how long the connection's statements wait for tables, in seconds.
func lockWait(seconds time.Duration) string {
	return fmt.Sprintf("SET SESSION lock_wait_timeout = %d", seconds)
}
