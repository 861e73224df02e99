package mysql

import (
	"database/sql"
	"testing"

	driver "github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/dialects/dialecttest"
	"github.com/expandcontract/migrate/integration/servers"
)

func engineNamed(name string) dialects.Engine {
	if name == servers.MariaDB {
		return NewMariaDB()
	}
	return NewMySQL()
}

// open gives a test a session on a database of its own.
func open(t testing.TB, e dialects.Engine, url string) *session {
	t.Helper()
	s, err := e.Open(t.Context(), url, dialects.Options{Application: "migrate test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the session: %v", err)
		}
	})
	own, ok := s.(*session)
	if !ok {
		t.Fatalf("the session is a %T", s)
	}
	return own
}

// app is a pool as an application would have.
func app(t testing.TB, e dialects.Engine, url string) *sql.DB {
	t.Helper()
	cfg, err := parseURL(url, e.Engine())
	if err != nil {
		t.Fatal(err)
	}
	cfg.ConnectionAttributes = "program_name:shop"
	cfg.ParseTime = true
	c, err := driver.NewConnector(cfg)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(c)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the pool: %v", err)
		}
	})
	return db
}

// each runs a test on every MySQL and MariaDB that there is to test with.
func each(t *testing.T, f func(t *testing.T, target servers.Target, e dialects.Engine)) {
	t.Helper()
	for _, target := range servers.Matrix() {
		if target.Engine == servers.Postgres {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			f(t, target, engineNamed(target.Engine))
		})
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target servers.Target, e dialects.Engine) {
		dialecttest.Exercise(t, func(t *testing.T) dialecttest.Harness {
			t.Helper()
			db := servers.FreshVersion(t, target.Engine, target.Version)
			return dialecttest.Harness{
				Engine: e, URL: db.URL, Session: open(t, e, db.URL), App: app(t, e, db.URL),
				Expressions: dialecttest.Expressions{
					FirstName: "people.first_name = substring_index(name, ' ', 1)",
					LastName:  "people.last_name = substr(name, char_length(substring_index(name, ' ', 1)) + 2)",
					FullName:  "people.name = concat(first_name, ' ', last_name)",
					Total:     "people.total = cast(quantity as signed) * price",
				},
				Upsert: func(table string, insert, update []dialecttest.Cell) string {
					return dialecttest.InsertSQL(table, insert) + " ON DUPLICATE KEY UPDATE " + dialecttest.SetSQL(update)
				},
				// MariaDB's performance_schema is off unless somebody turns it on.
				IdleUnknown: target.Engine == servers.MariaDB,
				BadCast:     "cast(name as signed)",
			}
		})
	})
}
