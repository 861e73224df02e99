package planner_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func firstError(dir string) error {
	for _, err := range planner.Files(dir) {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestFilesAreOrderedByName(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"0010_c.sql", "0002_b-2.sql", "0002_b.sql", "0001_a.sql", "README.md", ".hidden.sql", ".sql"} {
		write(t, dir, name, "-- "+name)
	}
	if err := os.Mkdir(filepath.Join(dir, "old.sql"), 0o700); err != nil {
		t.Fatal(err)
	}
	var names []string
	for f, err := range planner.Files(dir) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, f.Name)
		if f.Src != "-- "+f.Name+".sql" || f.Path != filepath.Join(dir, f.Name+".sql") {
			t.Errorf("%s was read as %+v", f.Name, f)
		}
	}
	if diff := cmp.Diff([]string{"0001_a", "0002_b", "0002_b-2", "0010_c"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestFilesRefuse(t *testing.T) {
	t.Parallel()
	if err := firstError(filepath.Join(t.TempDir(), "nothing")); err == nil || !strings.Contains(err.Error(), "--dir") {
		t.Errorf("a folder that is not there: %v", err)
	}
	latin1 := t.TempDir()
	write(t, latin1, "0001_a.sql", "SELECT 1;\n-- Gr\xf6\xdfe")
	err := firstError(latin1)
	var e *planner.Error
	if !errors.As(err, &e) || e.Line != 2 || e.Column != 6 {
		t.Errorf("text that is not UTF-8: %v, want an error at 2:6", err)
	}
	long := t.TempDir()
	write(t, long, strings.Repeat("x", 200)+".sql", "")
	if err := firstError(long); err == nil || !strings.Contains(err.Error(), "191") {
		t.Errorf("a name that is too long: %v", err)
	}
}

// TestFilesAreReadOneByOne: whoever stops at a file has not read those behind it, and
// none is read behind one that cannot be.
func TestFilesAreReadOneByOne(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, "0001_a.sql", "SELECT 1;")
	write(t, dir, "0002_b.sql", "\xff")
	write(t, dir, "0003_c.sql", "SELECT 3;")
	for f, err := range planner.Files(dir) {
		if f.Name != "0001_a" || err != nil {
			t.Errorf("the first is %q (%v)", f.Name, err)
		}
		break
	}
	n := 0
	for range planner.Files(dir) { //nolint:errcheck // it is counted
		n++
	}
	if n != 2 {
		t.Errorf("%d files, want the first, and the error of the second", n)
	}
}

func TestPosCountsCharacters(t *testing.T) {
	t.Parallel()
	f := planner.File{Path: "f.sql", Src: "größe\nä = 名前;\n"}
	tests := map[int]plan.Pos{
		0:  {File: "f.sql", Line: 1, Column: 1},
		7:  {File: "f.sql", Line: 1, Column: 6},
		8:  {File: "f.sql", Line: 2, Column: 1},
		13: {File: "f.sql", Line: 2, Column: 5},
		16: {File: "f.sql", Line: 2, Column: 6},
		-5: {File: "f.sql", Line: 1, Column: 1},
		99: {File: "f.sql", Line: 3, Column: 1},
	}
	for offset, want := range tests {
		if got := f.Pos(offset); got != want {
			t.Errorf("offset %d is at %v, want %v", offset, got, want)
		}
	}
}
