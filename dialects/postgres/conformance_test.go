package postgres

import (
	"database/sql"
	"os"
	"testing"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/jackc/pgx/v5"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/dialects/dialecttest"
	"github.com/expandcontract/migrate/integration/servers"
)

// open gives a test a session on a database of its own.
func open(t testing.TB, url string) dialects.Session {
	t.Helper()
	s, err := New().Open(t.Context(), url, dialects.Options{Application: "migrate test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the session: %v", err)
		}
	})
	return s
}

// app is a pool as an application would have.
func app(t testing.TB, url string) *sql.DB {
	t.Helper()
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	cfg.RuntimeParams["application_name"] = "shop"
	db := stdlib.OpenDB(*cfg)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the pool: %v", err)
		}
	})
	return db
}

// eachServer runs a test on a database of every PostgreSQL under test.
func eachServer(t *testing.T, f func(t *testing.T, db *servers.Database)) {
	t.Helper()
	for _, target := range servers.Matrix() {
		if target.Engine != servers.Postgres {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			f(t, fresh(t, target))
		})
	}
}

// fresh makes a database; only in the matrix does the version matter.
func fresh(t testing.TB, target servers.Target) *servers.Database {
	t.Helper()
	if os.Getenv("MIGRATE_TEST_MATRIX") == "1" && os.Getenv("MIGRATE_TEST_POSTGRES_URL") == "" {
		return servers.FreshVersion(t, target.Engine, target.Version)
	}
	return servers.Fresh(t, target.Engine)
}

func TestConformance(t *testing.T) {
	t.Parallel()
	for _, target := range servers.Matrix() {
		if target.Engine != servers.Postgres {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			dialecttest.Exercise(t, func(t *testing.T) dialecttest.Harness {
				t.Helper()
				db := fresh(t, target)
				return dialecttest.Harness{
					Engine: New(), URL: db.URL, Session: open(t, db.URL), App: app(t, db.URL),
					Expressions: dialecttest.Expressions{
						FirstName: "people.first_name = split_part(name, ' ', 1)",
						LastName:  "people.last_name = substr(name, length(split_part(name, ' ', 1)) + 2)",
						FullName:  "people.name = first_name || ' ' || last_name",
						Total:     "people.total = quantity::bigint * price",
					},
					Upsert: func(table string, insert, update []dialecttest.Cell) string {
						return dialecttest.InsertSQL(table, insert) + " ON CONFLICT (id) DO UPDATE SET " + dialecttest.SetSQL(update)
					},
					BadCast: "name::bigint",
				}
			})
		})
	}
}
