package planner_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/expandcontract/migrate/planner"
)

// fuzz_test.go throws valid migrations, pairs of them and mutations of them at the
// reader and the planner of each engine:
//
//	go test ./planner -run '^$' -fuzz FuzzPostgres -fuzztime 10m
//
// Whatever comes in, they answer within a second, with a plan or with errors that
// have a place, and the same answer each time. The seeds are the cases of testdata.

func FuzzPostgres(f *testing.F) { fuzz(f, "postgres", "postgres") }
func FuzzMySQL(f *testing.F)    { fuzz(f, "mysql", "mysql") }
func FuzzMariaDB(f *testing.F)  { fuzz(f, "mysql", "mariadb") }

// seedFile is a file of testdata: its schema and its migrations.
type seedFile struct {
	schema     *planner.Schema
	migrations []string
}

func fuzz(f *testing.F, folder, engine string) {
	files := seeds(f, folder, engine)
	for i, file := range files {
		for j := range file.migrations {
			f.Add(uint16(i), uint16(j), uint16(j+1), "")                    //nolint:gosec // there are fewer
			f.Add(uint16(i), uint16(j), uint16(0xffff), file.migrations[j]) //nolint:gosec // there are fewer
		}
	}
	f.Fuzz(func(t *testing.T, file, first, second uint16, extra string) {
		if !utf8.ValidString(extra) {
			return // a file that is not UTF-8 is not read at all
		}
		seed := files[int(file)%len(files)]
		src := extra
		if second != 0xffff {
			n := len(seed.migrations)
			src = seed.migrations[int(first)%n] + "\n" + seed.migrations[int(second)%n] + "\n" + extra
		}
		in := planner.Input{
			Dialect: dialect(engine), Schema: seed.schema, Defaults: planner.StandardDefaults,
			File: planner.File{Name: "0007_fuzz", Path: "0007_fuzz.sql", Src: src},
		}
		one, took := answer(t, in)
		for range 3 { // a machine may be busy, but not thrice
			if took < time.Second {
				break
			}
			_, took = answer(t, in)
		}
		if took >= time.Second {
			t.Errorf("planning took %s", took)
		}
		if two, _ := answer(t, in); one != two {
			t.Errorf("two answers to one question:\n%s\n%s", one, two)
		}
	})
}

// answer plans, and checks that what comes out makes sense.
func answer(t *testing.T, in planner.Input) (string, time.Duration) {
	t.Helper()
	begun := time.Now()
	p, err := planner.Plan(in)
	took := time.Since(begun)
	if err != nil {
		places(t, err)
		return err.Error(), took
	}
	ids := map[string]bool{}
	for _, ph := range p.Phases {
		for _, s := range ph.Steps {
			if ids[s.ID] || s.Title == "" || s.Mode == "" || s.Work == "" {
				t.Errorf("a step lacks its id, title, mode or work: %+v", s)
			}
			ids[s.ID] = true
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), took
}

// places holds every error to have a place in the file.
func places(t *testing.T, err error) {
	t.Helper()
	errs, ok := err.(planner.Errors) //nolint:errorlint // Plan promises it
	if !ok || len(errs) == 0 {
		t.Errorf("not planner.Errors: %v", err)
	}
	for _, e := range errs {
		if e.File == "" || e.Line == 0 || e.Column == 0 || e.Message == "" {
			t.Errorf("an error has no place or says nothing: %+v", e)
		}
	}
}

// seeds reads testdata.
func seeds(f *testing.F, folder, engine string) []seedFile {
	f.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", folder, "*"))
	if err != nil || len(paths) == 0 {
		f.Fatalf("no seeds in testdata/%s: %v", folder, err)
	}
	var out []seedFile
	for _, path := range paths {
		text, err := os.ReadFile(path) //nolint:gosec // a file of ours
		if err != nil {
			f.Fatal(err)
		}
		var cur *seedFile
		for _, block := range strings.Split(string(text), "\n\n") {
			block = strings.TrimLeft(block, "\n")
			for strings.HasPrefix(block, "#") {
				_, block, _ = strings.Cut(block, "\n")
			}
			command, rest, _ := strings.Cut(block, "\n")
			input, _, ok := strings.Cut(rest, "\n----")
			switch {
			case !ok:
			case strings.HasPrefix(command, "schema"):
				out = append(out, seedFile{schema: readSchema(f, engine, input)})
				cur = &out[len(out)-1]
			case strings.HasPrefix(command, "plan") && cur != nil:
				cur.migrations = append(cur.migrations, input)
			}
		}
	}
	out = withMigrations(out)
	if len(out) == 0 {
		f.Fatalf("no migrations in testdata/%s", folder)
	}
	return out
}

func withMigrations(files []seedFile) []seedFile {
	var out []seedFile
	for _, s := range files {
		if len(s.migrations) > 0 {
			out = append(out, s)
		}
	}
	return out
}
