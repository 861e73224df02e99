package flags_test

import (
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
)

// world is a database with migrate's tables in it.
type world struct {
	engine string
	url    string
	db     *sql.DB
	tables flags.Tables
	table  *flags.Table

	flagsName, migrationsName string // quoted
	origin                    string // what states say of the table
}

// onEachServer runs a test on a database of each engine, with the tables as
// migrate creates them.
func onEachServer(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	servers.Each(t, func(t *testing.T, database *servers.Database) {
		test(t, newWorld(t, database, "migrate"))
	})
}

// newWorld makes the tables in a schema of this name, or under the prefix that
// is the name and an underscore.
func newWorld(t *testing.T, database *servers.Database, place string) *world {
	t.Helper()
	w := &world{engine: database.Engine, url: database.URL, db: database.Open(t)}
	instant := "datetime(6)"
	if w.engine == servers.Postgres {
		schema := `"` + strings.ReplaceAll(place, `"`, `""`) + `"`
		w.exec(t, "CREATE SCHEMA "+schema)
		w.tables, w.flagsName, w.migrationsName = flags.InSchema(place), schema+".flags", schema+".migrations"
		w.origin = "table " + place + ".flags"
		instant = "timestamptz(6)"
	} else {
		prefix := "`" + strings.ReplaceAll(place, "`", "``") + "_"
		w.tables, w.flagsName, w.migrationsName = flags.WithPrefix(place+"_"), prefix+"flags`", prefix+"migrations`"
		w.origin = "table " + place + "_flags"
	}
	w.exec(t, fmt.Sprintf("CREATE TABLE %s (name varchar(191) PRIMARY KEY, percent smallint NOT NULL,"+
		" updated_at %s NOT NULL, full_since %s NULL)", w.flagsName, instant, instant))
	w.exec(t, fmt.Sprintf("CREATE TABLE %s (name varchar(191) PRIMARY KEY, state varchar(32) NOT NULL,"+
		" resume varchar(32) NOT NULL DEFAULT '', flag varchar(191) NOT NULL, note varchar(20) NULL)", w.migrationsName))
	w.table = flags.NewTable(w.db, w.tables)
	return w
}

func (w *world) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// migration puts a migration into a state.
func (w *world) migration(t *testing.T, name, flag, state string) {
	t.Helper()
	w.exec(t, fmt.Sprintf("DELETE FROM %s WHERE name = '%s'", w.migrationsName, name))
	w.exec(t, fmt.Sprintf("INSERT INTO %s (name, state, flag) VALUES ('%s', '%s', '%s')", w.migrationsName, name, state, flag))
}

// failed makes a migration fail in a state.
func (w *world) failed(t *testing.T, name, during string) {
	t.Helper()
	w.exec(t, fmt.Sprintf("UPDATE %s SET state = 'failed', resume = '%s' WHERE name = '%s'", w.migrationsName, during, name))
}

func (w *world) set(t *testing.T, key, rollout string) {
	t.Helper()
	parsed, err := flags.Parse(rollout)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.table.Set(t.Context(), key, parsed); err != nil {
		t.Fatal(err)
	}
}

func (w *world) get(t *testing.T, key string) flags.State {
	t.Helper()
	state, err := w.table.Rollout(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return state
}

// now is the server's clock.
func (w *world) now(t *testing.T) time.Time {
	t.Helper()
	query := "SELECT UTC_TIMESTAMP(6)"
	if w.engine == servers.Postgres {
		query = "SELECT clock_timestamp()"
	}
	var now time.Time
	if err := w.db.QueryRowContext(t.Context(), query).Scan(&now); err != nil {
		t.Fatal(err)
	}
	return now.UTC()
}

// between checks that a time the server wrote lies between two looks at its clock.
func between(t *testing.T, what string, got, from, to time.Time) {
	t.Helper()
	if got.Before(from) || got.After(to) || got.Location() != time.UTC {
		t.Errorf("%s is %v, want a time in UTC between %v and %v", what, got, from, to)
	}
}
