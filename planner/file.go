package planner

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/expandcontract/migrate/planner/plan"
)

// File is a migration as it lies on disk.
type File struct {
	// Name is the base name without ".sql".
	Name string
	// Path is what error messages call it.
	Path string
	Src  string
}

// Checksum is the SHA-256 of the file's bytes, in hex.
func (f File) Checksum() string {
	sum := sha256.Sum256([]byte(f.Src))
	return hex.EncodeToString(sum[:])
}

// Pos turns a byte offset into a place; columns count characters.
func (f File) Pos(offset int) plan.Pos {
	offset = max(0, min(offset, len(f.Src)))
	before := f.Src[:offset]
	start := strings.LastIndexByte(before, '\n') + 1
	return plan.Pos{
		File:   f.Path,
		Line:   strings.Count(before, "\n") + 1,
		Column: utf8.RuneCountInString(before[start:]) + 1,
	}
}

// Files reads the migrations of a folder one after the other, ordered by name: they
// become more and more, and few of their texts are needed at once. A folder that is
// not there, a name that cannot be a migration's, and text that is not UTF-8 are
// errors, which end it.
func Files(dir string) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		names, err := list(dir)
		if err != nil {
			yield(File{}, err)
			return
		}
		for _, name := range names {
			f, err := ReadFile(filepath.Join(dir, name+extension))
			if !yield(f, err) || err != nil {
				return
			}
		}
	}
}

// extension is that of migrations' files.
const extension = ".sql"

// list is the names of the migrations of a folder, in their order, which is not that
// of the files' names: a.sql is before a-b.sql.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no folder %q with migrations; create it, or name yours with --dir", dir)
	}
	if err != nil {
		return nil, fmt.Errorf("listing migrations: %w", err)
	}
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), extension)
		if ok && !e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// ReadFile reads one migration.
func ReadFile(path string) (File, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return File{}, fmt.Errorf("reading a migration: %w", err)
	}
	f := File{Name: strings.TrimSuffix(filepath.Base(path), extension), Path: path, Src: string(src)}
	if !utf8.Valid(src) {
		return File{}, &Error{Pos: f.Pos(invalidAt(src)), Message: "the file is not UTF-8 here", Instead: "save it as UTF-8"}
	}
	if n := utf8.RuneCountInString(f.Name); n > maxMigrationName {
		return File{}, &Error{
			Pos:     f.Pos(0),
			Message: fmt.Sprintf("the migration's name has %d characters, more than %d", n, maxMigrationName),
			Instead: "give the file a shorter name",
		}
	}
	return f, nil
}

// maxMigrationName is what fits the key columns of our own tables (191
// characters, the longest that every MySQL row format can index in utf8mb4).
const maxMigrationName = 191

func invalidAt(src []byte) int {
	for i := 0; i < len(src); {
		r, n := utf8.DecodeRune(src[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(src)
}
