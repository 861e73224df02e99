package mysql

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
	"sync"
	"time"
)

// trxTable knows the open transactions of the server, by InnoDB's monitor.
// information_schema.innodb_trx would be easier to read, but is filled anew only
// when nobody has read it for a tenth of a second: who asks more often, or is
// one of many who ask, is told old news for ever. All watchers of a session
// share what one of them has read.
type trxTable struct {
	mu   sync.Mutex
	at   time.Time
	open map[int64]trx
}

// trx is an open transaction of some connection.
type trx struct {
	waits bool // for a row
	age   time.Duration
}

// monitorEvery is how old a watcher's news may be.
const monitorEvery = 50 * time.Millisecond

// read returns the open transactions by connection, and when they were read.
func (t *trxTable) read(ctx context.Context, db *sql.DB, maxAge time.Duration) (map[int64]trx, time.Time, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open != nil && time.Since(t.at) < maxAge {
		return t.open, t.at, nil
	}
	at := time.Now()
	var kind, name, status string
	if err := db.QueryRowContext(ctx, "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status); err != nil {
		return nil, at, err
	}
	t.open, t.at = transactions(status), at
	return t.open, at, nil
}

// transactions reads the monitor's list: for each, a line that begins with
// ---TRANSACTION and tells its age, one with LOCK WAIT if it waits, and one with
// the number of its connection.
func transactions(status string) map[int64]trx {
	out := map[int64]trx{}
	_, list, ok := strings.Cut(status, "LIST OF TRANSACTIONS FOR EACH SESSION")
	if !ok {
		return out
	}
	var cur trx
	active := false
	for line := range strings.Lines(list) {
		if rest, ok := strings.CutPrefix(line, "---TRANSACTION "); ok {
			_, age, isActive := strings.Cut(rest, ", ACTIVE ")
			active, cur = isActive, trx{age: time.Duration(atoi(age)) * time.Second}
			continue
		}
		switch {
		case !active:
		case strings.HasPrefix(line, "LOCK WAIT "):
			cur.waits = true
		case strings.HasPrefix(line, "MariaDB thread id "), strings.HasPrefix(line, "MySQL thread id "):
			_, id, _ := strings.Cut(line, " thread id ")
			if n, err := strconv.ParseInt(id[:max(0, strings.IndexByte(id, ','))], 10, 64); err == nil {
				out[n] = cur
			}
			active = false
		}
	}
	return out
}
