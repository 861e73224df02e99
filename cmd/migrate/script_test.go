package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/expandcontract/migrate/integration/servers"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"migrate": func() { os.Exit(run(os.Args[1:])) },
	})
}

// TestScripts runs the scripts that need no database.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true, RequireUniqueNames: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

// TestDatabaseScripts runs each of the other scripts on each engine, in a
// database of its own that the environment names. $dialect is the folder of the
// script's files for the engine.
func TestDatabaseScripts(t *testing.T) {
	t.Parallel()
	scripts, err := filepath.Glob("testdata/database/*.txtar")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("finding scripts: %v", err)
	}
	for _, script := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(script), ".txtar"), func(t *testing.T) {
			t.Parallel()
			servers.Each(t, func(t *testing.T, database *servers.Database) {
				db := database.Open(t)
				testscript.Run(t, testscript.Params{
					Files: []string{script}, RequireExplicitExec: true, RequireUniqueNames: true,
					Setup: func(env *testscript.Env) error {
						env.Setenv("MIGRATE_DATABASE_URL", database.URL)
						env.Setenv("engine", database.Engine)
						env.Setenv("dialect", dialect(database.Engine))
						env.Setenv("own", ownTables(database.Engine))
						env.Setenv("MIGRATE_LOCKS_REST", "0s") // other tests would be taken for an application
						return nil
					},
					Condition: func(name string) (bool, error) {
						engine, ok := strings.CutPrefix(name, "engine:")
						if !ok {
							return false, fmt.Errorf("unknown condition %q", name)
						}
						return engine == database.Engine, nil
					},
					Cmds: map[string]func(*testscript.TestScript, bool, []string){
						"exits": exits, "sql": sqlCommand(db), "await": await,
					},
				})
			})
		})
	}
}

// dialect is the name that engines share which read the same SQL.
func dialect(engine string) string {
	if engine == servers.MariaDB {
		return servers.MySQL
	}
	return engine
}

// ownTables is what the names of migrate's own tables begin with.
func ownTables(engine string) string {
	if engine == servers.Postgres {
		return "migrate."
	}
	return "migrate_"
}

// exits runs "exits CODE PROGRAM ARGUMENT…" and checks the exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGUMENT...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	switch err := ts.Exec(args[1], args[2:]...); {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// sqlCommand makes "sql STATEMENT", which prints a query's rows, columns apart
// by "|". "sql -f FILE" runs a file.
func sqlCommand(db *sql.DB) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		var statement string
		switch {
		case len(args) == 2 && args[0] == "-f":
			statement = ts.ReadFile(args[1])
		case len(args) == 1:
			statement = args[0]
		default:
			ts.Fatalf("usage: sql STATEMENT | sql -f FILE")
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		text, err := query(ctx, db, statement)
		if (err != nil) != neg {
			ts.Fatalf("%s: %v", statement, err)
		}
		_, err = fmt.Fprint(ts.Stdout(), text)
		ts.Check(err)
	}
}

func query(ctx context.Context, db *sql.DB, statement string) (text string, err error) {
	word, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	if !strings.EqualFold(word, "SELECT") {
		_, err := db.ExecContext(ctx, statement)
		return "", err
	}
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return "", err
		}
		for i, v := range values {
			if i > 0 {
				out.WriteByte('|')
			}
			if !v.Valid {
				v.String = "NULL"
			}
			out.WriteString(v.String)
		}
		out.WriteByte('\n')
	}
	return out.String(), rows.Err()
}

// await runs "await WORD PROGRAM ARGUMENT…" until the program's output has the
// word, for what another process brings about.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: await WORD PROGRAM ARGUMENT...")
	}
	deadline := time.Now().Add(time.Minute)
	for {
		err := ts.Exec(args[1], args[2:]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), args[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q did not appear within a minute", args[0])
		}
	}
}
