package servers

import (
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// tableCount counts the tables of the current database outside of the system's own.
func tableCount(t *testing.T, d *Database, db *sql.DB) int {
	t.Helper()
	query := "SELECT count(*) FROM information_schema.tables WHERE table_schema = database()"
	if d.Engine == Postgres {
		query = "SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
	}
	var count int
	if err := db.QueryRowContext(t.Context(), query).Scan(&count); err != nil {
		t.Fatal(err)
	}
	return count
}

// databaseExists asks the server whether it has a database of that name.
func databaseExists(ctx context.Context, t *testing.T, d *Database) bool {
	t.Helper()
	query := "SELECT count(*) FROM information_schema.schemata WHERE schema_name = ?"
	if d.Engine == Postgres {
		query = "SELECT count(*) FROM pg_database WHERE datname = $1"
	}
	var count int
	if err := d.administer("asking for databases", func(db *sql.DB) error {
		return db.QueryRowContext(ctx, query, d.Name).Scan(&count)
	}); err != nil {
		t.Fatal(err)
	}
	return count == 1
}

func TestFreshIsEmpty(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, d *Database) {
		if got := tableCount(t, d, d.Open(t)); got != 0 {
			t.Errorf("a fresh database has %d tables", got)
		}
		if !strings.HasPrefix(d.URL, d.Engine+"://") || !strings.Contains(d.URL, "/"+d.Name) {
			t.Errorf("the URL is not that of database %s on engine %s", d.Name, d.Engine)
		}
	})
}

func TestFreshIsIsolated(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, d *Database) {
		other := Fresh(t, d.Engine)
		if other.Name == d.Name {
			t.Fatalf("two databases are called %s", d.Name)
		}
		if _, err := d.Open(t).ExecContext(t.Context(), "CREATE TABLE only_here (id int PRIMARY KEY)"); err != nil {
			t.Fatal(err)
		}
		if got := tableCount(t, d, d.Open(t)); got != 1 {
			t.Errorf("the database with a table shows %d", got)
		}
		if got := tableCount(t, other, other.Open(t)); got != 0 {
			t.Errorf("the other database shows %d tables", got)
		}
	})
}

// A test that failed may leave a transaction open, which holds locks: its database goes all
// the same.
func TestFreshIsDropped(t *testing.T) {
	t.Parallel()
	for _, target := range Matrix() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			var d *Database
			t.Run("user", func(inner *testing.T) {
				d = Fresh(inner, target.Engine)
				if !databaseExists(inner.Context(), inner, d) {
					inner.Fatalf("database %s does not exist while it is in use", d.Name)
				}
				db := d.Open(t) // closed after the inner test's cleanup
				if _, err := db.ExecContext(inner.Context(), "CREATE TABLE busy (id int PRIMARY KEY)"); err != nil {
					inner.Fatal(err)
				}
				leakTransaction(t.Context(), inner, db)
			})
			if d == nil {
				return // left out by -short
			}
			if databaseExists(t.Context(), t, d) {
				t.Errorf("database %s is still there after its test", d.Name)
			}
		})
	}
}

// leakTransaction leaves a session with a lock on the table that lives as long as ctx.
func leakTransaction(ctx context.Context, t *testing.T, db *sql.DB) {
	t.Helper()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO busy VALUES (1)"); err != nil {
		t.Fatal(err)
	}
}

func TestVersionIsReported(t *testing.T) {
	t.Parallel()
	Each(t, func(t *testing.T, d *Database) {
		var reported string
		if err := d.Open(t).QueryRowContext(t.Context(), "SELECT version()").Scan(&reported); err != nil {
			t.Fatal(err)
		}
		if d.Version == "" || !strings.Contains(reported, d.Version) {
			t.Errorf("version %q, but the server says %q", d.Version, reported)
		}
	})
}

func TestFreshVersion(t *testing.T) {
	t.Parallel()
	for _, target := range Matrix() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			if !matches(Fresh(t, target.Engine).Version, target.Version) {
				return // a server from the environment or an installed one is what it is
			}
			if got := FreshVersion(t, target.Engine, target.Version).Version; !matches(got, target.Version) {
				t.Errorf("asked for %s, got %s", target, got)
			}
		})
	}
}

func TestMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version, series string
		want            bool
	}{
		{"17.2", "17", true},
		{"18beta1", "18beta1", true},
		{"11.8.3", "11.8", true},
		{"10.11.14", "10.1", false},
		{"10.11.14", "10.11", true},
		{"15.3", "17", false},
	} {
		if got := matches(test.version, test.series); got != test.want {
			t.Errorf("matches(%q, %q) = %v", test.version, test.series, got)
		}
	}
}

func TestMatrix(t *testing.T) {
	defaults := []Target{{Postgres, "17"}, {MySQL, "9"}, {MariaDB, "11.8"}}
	for name, test := range map[string]struct {
		env  map[string]string
		want []Target
	}{
		"default":      {want: defaults},
		"narrowed":     {env: map[string]string{"MIGRATE_TEST_ENGINES": "mariadb, postgres"}, want: []Target{defaults[0], defaults[2]}},
		"all versions": {env: map[string]string{"MIGRATE_TEST_MATRIX": "1"}, want: all},
		"all versions of one": {
			env:  map[string]string{"MIGRATE_TEST_MATRIX": "1", "MIGRATE_TEST_ENGINES": "mariadb"},
			want: []Target{{MariaDB, "10.11"}, {MariaDB, "11.8"}},
		},
		"a server from the environment is one target": {
			env:  map[string]string{"MIGRATE_TEST_MATRIX": "1", "MIGRATE_TEST_POSTGRES_URL": "postgres://u@h/d", "MIGRATE_TEST_ENGINES": "postgres"},
			want: []Target{{Postgres, "17"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, variable := range os.Environ() {
				if variable, _, _ := strings.Cut(variable, "="); strings.HasPrefix(variable, "MIGRATE_TEST_") {
					t.Setenv(variable, "")
				}
			}
			for variable, value := range test.env {
				t.Setenv(variable, value)
			}
			if diff := cmp.Diff(test.want, Matrix()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

func TestDatabaseName(t *testing.T) {
	t.Parallel()
	long := "TestÜmläut/with spaces & \"quotes\"/" + strings.Repeat("x", 100)
	name := databaseName(long)
	if len(name) > 63 {
		t.Errorf("%q has %d bytes, PostgreSQL keeps 63", name, len(name))
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		t.Errorf("%q needs quoting", name)
	}
	if other := databaseName(long); other == name {
		t.Errorf("%q is not unique", name)
	}
}

// Whoever has no server reads what to do, not only that it failed.
func TestNoServerAdvises(t *testing.T) {
	t.Parallel()
	message := (&noServerError{target: Target{Postgres, "17"}, cause: context.DeadlineExceeded}).Error()
	for _, want := range []string{
		"no postgres 17 server", "deadline exceeded", "make test-images", "scripts/binaries.sh postgres",
		"MIGRATE_TEST_POSTGRES_URL=postgres://", "-short",
	} {
		if !strings.Contains(message, want) {
			t.Errorf("the message lacks %q:\n%s", want, message)
		}
	}
}
