package planner_test

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/rules"
)

// Whatever comes in, lint answers within a second, with hazards of known rules at
// places that there are, and the same ones each time. The seeds are lintcases, each
// behind the file before it.

func FuzzLintPostgres(f *testing.F) { fuzzLint(f, "postgres", "postgres:16") }
func FuzzLintMySQL(f *testing.F)    { fuzzLint(f, "mysql", "mysql:8.4") }
func FuzzLintMariaDB(f *testing.F)  { fuzzLint(f, "mysql", "mariadb:10.11") }

func fuzzLint(f *testing.F, folder, assumed string) {
	files, err := filepath.Glob(filepath.Join("lintcases", folder, "*"))
	if err != nil || len(files) == 0 {
		f.Fatalf("finding seeds: %v", err)
	}
	for _, path := range files {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		earlier := ""
		for _, section := range strings.Split(string(content), "\n\n") {
			head, body, _ := strings.Cut(section, "\n")
			sql, _, _ := strings.Cut(body, "----")
			if strings.HasPrefix(head, "earlier") {
				earlier = sql
			}
			f.Add("0007_x.sql", earlier, sql)
			f.Add("V7__x.sql", "", sql)
		}
	}
	engine, version, _ := strings.Cut(assumed, ":")
	d := dialect(engine)
	f.Fuzz(func(t *testing.T, path, earlier, src string) {
		if !utf8.ValidString(earlier) || !utf8.ValidString(src) {
			return // a file that is not UTF-8 is not read at all
		}
		empty, err := d.Assume(version)
		if err != nil {
			t.Fatal(err)
		}
		_, known := planner.Lint(d, empty, planner.File{Name: "0001", Path: "0001.sql", Src: earlier})
		begun := time.Now()
		file := planner.File{Name: "0007", Path: path, Src: src}
		one, _ := planner.Lint(d, known, file)
		took := time.Since(begun)
		two, _ := planner.Lint(d, known, file)
		if !reflect.DeepEqual(one, two) {
			t.Errorf("two answers to one question:\n%v\n%v", one, two)
		}
		for i := 0; took >= time.Second && i < 3; i++ { // a machine may be busy, but not thrice
			begun = time.Now()
			planner.Lint(d, known, file)
			took = time.Since(begun)
		}
		if took >= time.Second {
			t.Errorf("lint took %s", took)
		}
		lines := strings.Count(src, "\n") + 1
		for _, h := range one {
			if _, ok := rules.Find(h.Rule); !ok || h.Line < 1 || h.Line > lines || h.Column < 1 || h.Message == "" {
				t.Errorf("a hazard of no rule or no place: %+v", h)
			}
		}
	})
}
