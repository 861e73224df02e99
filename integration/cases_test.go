package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/integration/servers"
)

// cases_test.go reads testdata/changes: more changes than examples/changes shows
// people, for the traps that each kind has. A file holds the cases of one topic:
//
//	=== add-foreign-key: postgres
//	CREATE TABLE …          what is there before
//	---
//	ALTER TABLE …           the migration
//
// After the name stand the engines it is for (none: all three) and options:
// since=170000 and until=170000 bound the server's version (planner.Schema's
// VersionNum; until is exclusive), discard lets the rollback lose rows that exist
// nowhere else, unsteady=table.column,… names values that differ from run to run,
// norollback says that a contract of it cannot be taken back in its grace, stays
// that a rollback leaves something of it behind, since the engine has no way back.

// A kase is one change and what is special about it.
type kase struct {
	changes.Change
	engines      []string
	since, until int
	discard      bool
	noRollback   bool
	stays        bool
	unsteady     []string
}

// cases are all changes for an engine: those of examples and those of testdata.
func cases(t *testing.T, engine string) []kase {
	t.Helper()
	all, err := changes.All(engine)
	if err != nil {
		t.Fatal(err)
	}
	var out []kase
	for _, c := range all {
		out = append(out, kase{Change: c, unsteady: unsteady, discard: c.Name == "add-column-volatile-default"})
	}
	files, err := filepath.Glob(filepath.Join("testdata", "changes", "*.sql"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		read, err := readCases(string(text))
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, c := range read {
			if len(c.engines) == 0 || slices.Contains(c.engines, engine) {
				out = append(out, c)
			}
		}
	}
	seen := map[string]bool{}
	for _, c := range out {
		if seen[c.Name] {
			t.Fatalf("two cases are called %s", c.Name)
		}
		seen[c.Name] = true
	}
	return out
}

func readCases(text string) ([]kase, error) {
	_, text, ok := strings.Cut("\n"+text, "\n=== ")
	if !ok {
		return nil, fmt.Errorf("there is no case in it")
	}
	var out []kase
	for _, one := range strings.Split(text, "\n=== ") {
		head, body, _ := strings.Cut(one, "\n")
		before, migration, ok := strings.Cut("\n"+body, "\n---\n")
		if !ok {
			return nil, fmt.Errorf("case %q has no line --- between what is there before and the migration", head)
		}
		name, options, _ := strings.Cut(head, ":")
		c := kase{Change: changes.Change{Name: name, Before: before, Migration: migration}}
		for _, o := range strings.Fields(options) {
			if err := c.option(o); err != nil {
				return nil, fmt.Errorf("case %q: %w", name, err)
			}
		}
		out = append(out, c)
	}
	return out, nil
}

func (c *kase) option(o string) error {
	key, value, _ := strings.Cut(o, "=")
	var err error
	switch key {
	case servers.Postgres, servers.MySQL, servers.MariaDB:
		c.engines = append(c.engines, key)
	case "since":
		c.since, err = strconv.Atoi(value)
	case "until":
		c.until, err = strconv.Atoi(value)
	case "discard":
		c.discard = true
	case "norollback":
		c.noRollback = true
	case "stays":
		c.stays = true
	case "unsteady":
		c.unsteady = strings.Split(value, ",")
	default:
		err = fmt.Errorf("unknown option %q", o)
	}
	return err
}

// suits reports whether a case is for a server's version.
func (c kase) suits(version int) bool {
	return version >= c.since && (c.until == 0 || version < c.until)
}
