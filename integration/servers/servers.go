// Package servers gives tests a fresh database on a real server of a named engine.
//
// Servers come from, in this order: a URL in the environment (MIGRATE_TEST_POSTGRES_URL,
// MIGRATE_TEST_MYSQL_URL, MIGRATE_TEST_MARIADB_URL); Docker; server binaries installed on the
// machine. They are started once and shared by all packages of a run; every test has a
// database of its own, so tests can be parallel. Where no server can be had a test fails and
// says what helps; only go test -short leaves it out.
//
// MIGRATE_TEST_ENGINES (such as "postgres,mysql") narrows the engines, MIGRATE_TEST_MATRIX=1
// widens Matrix to all versions, and MIGRATE_TEST_POSTGRES_IMAGE, MIGRATE_TEST_MYSQL_IMAGE
// and MIGRATE_TEST_MARIADB_IMAGE name other container images for the default versions.
package servers

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// The engines.
const (
	Postgres = throwaway.Postgres
	MySQL    = throwaway.MySQL
	MariaDB  = throwaway.MariaDB
)

// setupTimeout bounds the creation and the removal of a database, and the wait for a server.
const setupTimeout = 5 * time.Minute

// A Target is an engine in a version, such as postgres 17.
type Target struct {
	Engine  string
	Version string
}

// String is the target's name, as a part of a test's name: "postgres17", "mariadb11.8".
func (t Target) String() string { return t.Engine + t.Version }

// defaults are the targets of make test, all those of make test-matrix.
var (
	defaults = []Target{{Postgres, "17"}, {MySQL, "9"}, {MariaDB, "11.8"}}
	all      = []Target{
		{Postgres, "13"},
		{Postgres, "15"},
		{Postgres, "17"},
		{Postgres, "18"},
		{MySQL, "9"},
		{MariaDB, "10.11"},
		{MariaDB, "11.8"},
	}
)

// Engines are those to test on: all three unless MIGRATE_TEST_ENGINES narrows them.
func Engines() []string {
	engines := []string{Postgres, MySQL, MariaDB}
	chosen := strings.FieldsFunc(os.Getenv("MIGRATE_TEST_ENGINES"), func(r rune) bool { return r == ',' || r == ' ' })
	if len(chosen) == 0 {
		return engines
	}
	return slices.DeleteFunc(engines, func(engine string) bool { return !slices.Contains(chosen, engine) })
}

// Matrix are the targets to test on, of the engines of Engines: the default version of each,
// or all versions with MIGRATE_TEST_MATRIX=1. An engine whose server the environment names is
// one target, whatever version that server has.
func Matrix() []Target {
	targets := defaults
	if os.Getenv("MIGRATE_TEST_MATRIX") == "1" {
		targets = all
	}
	engines := Engines()
	var chosen []Target
	for _, target := range targets {
		if !slices.Contains(engines, target.Engine) {
			continue
		}
		if environmentURL(target.Engine) != "" {
			target = defaultTarget(target.Engine)
		}
		if !slices.Contains(chosen, target) {
			chosen = append(chosen, target)
		}
	}
	return chosen
}

func defaultTarget(engine string) Target {
	at := slices.IndexFunc(defaults, func(t Target) bool { return t.Engine == engine })
	if at < 0 {
		return Target{Engine: engine}
	}
	return defaults[at]
}

// environmentURL is the URL of the server that the environment names for an engine, or "".
func environmentURL(engine string) string {
	return os.Getenv("MIGRATE_TEST_" + strings.ToUpper(engine) + "_URL")
}

// A Database is an empty database that belongs to one test and is dropped at its end.
type Database struct {
	// Engine is postgres, mysql or mariadb.
	Engine string
	// Version is what the server says of itself, without the packager's part: "17.2", "9.7.0".
	Version string
	// URL is the migrate URL of the database, with the rights of the superuser.
	URL string
	// Name is the database's name.
	Name string
	// AdminURL is the URL of the server's own database, for looking at other sessions.
	AdminURL string
}

// Fresh makes a database on the engine's default version.
func Fresh(t testing.TB, engine string) *Database {
	t.Helper()
	return fresh(t, defaultTarget(engine), false)
}

// FreshVersion makes a database on a server whose version begins with the given one, such as
// "17" or "11.8".
func FreshVersion(t testing.TB, engine, version string) *Database {
	t.Helper()
	return fresh(t, Target{Engine: engine, Version: version}, true)
}

// On makes a database on a target of Matrix: in the matrix a version stands for itself;
// otherwise any server of the engine does.
func On(t testing.TB, target Target) *Database {
	t.Helper()
	return fresh(t, target, os.Getenv("MIGRATE_TEST_MATRIX") == "1" && environmentURL(target.Engine) == "")
}

// Each runs f as a parallel subtest on a fresh database of each target of Matrix.
func Each(t *testing.T, f func(t *testing.T, db *Database)) {
	t.Helper()
	for _, target := range Matrix() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			f(t, On(t, target))
		})
	}
}

// Open opens the database through database/sql, by pgx or go-sql-driver/mysql, and closes it
// at the test's end. On MySQL and MariaDB one Exec may hold several statements, and times are
// parsed, in UTC.
func (d *Database) Open(t testing.TB) *sql.DB {
	t.Helper()
	db, err := throwaway.OpenURL(d.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("closing the test's database: %v", err)
		}
	})
	return db
}

func fresh(t testing.TB, target Target, exact bool) *Database {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), setupTimeout)
	defer cancel()
	server, err := find(ctx, target, exact)
	if err != nil {
		t.Fatal(err)
	}
	d := &Database{Engine: target.Engine, Version: server.version, AdminURL: server.url, Name: databaseName(t.Name())}
	d.URL, err = withDatabase(server.url, d.Name)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.create(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), setupTimeout)
		defer cancel()
		if err := d.drop(ctx); err != nil {
			t.Error(err)
		}
	})
	return d
}

// databaseName makes a name from a test's: short, plain and unique.
func databaseName(test string) string {
	const readable = 40
	name := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) {
			return unicode.ToLower(r)
		}
		return '_'
	}, strings.TrimPrefix(test, "Test"))
	return "t_" + name[:min(len(name), readable)] + "_" + strings.ToLower(rand.Text()[:10])
}

// withDatabase puts another database into a server's URL.
func withDatabase(serverURL, name string) (string, error) {
	u, err := url.Parse(serverURL)
	if err != nil {
		return "", fmt.Errorf("the test server's URL cannot be parsed")
	}
	u.Path = "/" + name
	return u.String(), nil
}
