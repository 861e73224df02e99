package mysql

import (
	"context"
	"database/sql"
	"fmt"
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
	out := stmts(stmt(lockTables(quoteName(table)), there))
	return append(append(out, ss...), stmt(unlockTables, ""))
}

const unlockTables = "UNLOCK TABLES"

func lockTables(table string) string { return "LOCK TABLES " + table + " WRITE" }

// execSpared runs a statement under LOCK TABLES, for as long as it has to wait for
// others at most bound.
func (s *session) execSpared(ctx context.Context, conn *sql.Conn, statement string, bound time.Duration) error {
	for begun := time.Now(); ; {
		_, err := conn.ExecContext(ctx, statement)
		if number(err) != errLockWait || time.Since(begun) >= bound {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lockedAgain):
		}
	}
}

// holds remembers whether a statement that got through leaves tables locked. Under
// that lock, statements on MariaDB do not wait.
func (s *session) holds(ctx context.Context, conn *sql.Conn, statement string) error {
	locked := strings.HasPrefix(statement, "LOCK TABLES")
	if !locked && statement != unlockTables {
		return nil
	}
	if err := onConn(conn, func(c *watchedConn) error { c.locked = locked; return nil }); err != nil || !s.engine.maria {
		return err
	}
	if locked {
		return lockWait(ctx, conn, 0)
	}
	return lockWait(ctx, conn, 1)
}

// lockWait sets how long the connection's statements wait for tables, in seconds.
func lockWait(ctx context.Context, conn *sql.Conn, seconds time.Duration) error {
	_, err := conn.ExecContext(ctx, fmt.Sprintf("SET SESSION lock_wait_timeout = %d", seconds))
	return err
}
