package rules_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/foreign"
	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

var kebab = regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)

func TestCatalogue(t *testing.T) {
	t.Parallel()
	all := rules.All()
	if !slices.IsSortedFunc(all, func(a, b rules.Rule) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the catalogue is not in order, so that rules are not found in it")
	}
	for i, r := range all {
		if found, ok := rules.Find(r.Name); !ok || found.Summary != r.Summary || i > 0 && all[i-1].Name == r.Name {
			t.Errorf("%s is not found, or there twice", r.Name)
		}
		if !kebab.MatchString(r.Name) {
			t.Errorf("%s is not in kebab-case", r.Name)
		}
		if !strings.HasSuffix(r.Summary, ".") || strings.Contains(r.Summary, "\n") {
			t.Errorf("the summary of %s is not one sentence: %s", r.Name, r.Summary)
		}
	}
	if rules.Severity("no-such-rule") != plan.Error {
		t.Error("an unknown rule must not be overlooked")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		"index-not-concurent":    {"index-not-concurrent"},
		"Truncate":               {"data-loss-truncate"},
		"drop_column":            {"data-loss-drop-column"},
		"foreign-key-no-index":   {"foreign-key-without-index"},
		"completely-else-xyzzyx": nil,
	} {
		got := rules.Nearest(name)
		if len(want) == 0 && len(got) == 0 {
			continue
		}
		if len(got) == 0 || len(want) == 0 || got[0] != want[0] {
			t.Errorf("nearest to %s: %v, want %v first", name, got, want)
		}
	}
}

// elsewhere are the words in kebab-case that are no rules: gates, a tool, and a
// parameter of MySQL's URLs.
var elsewhere = []string{planner.GateFlagOff, planner.GateFlagFull, foreign.GolangMigrate, "skip-verify"}

// Whatever the planner and the dialects call a rule is in the catalogue.
func TestEveryNameInTheCode(t *testing.T) {
	t.Parallel()
	used := map[string][]string{}
	for _, dir := range []string{"../../planner", "../../dialects"} {
		err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "catalogue.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if text, err := strconv.Unquote(lit.Value); err == nil && kebab.MatchString(text) {
						used[text] = append(used[text], path)
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, paths := range used {
		if _, ok := rules.Find(name); !ok && !slices.Contains(elsewhere, name) {
			t.Errorf("%s (in %v) is in no catalogue", name, slices.Compact(paths))
		}
	}
	var unused []string
	for _, r := range rules.All() {
		if used[r.Name] == nil {
			unused = append(unused, r.Name)
		}
	}
	if diff := cmp.Diff([]string(nil), unused); diff != "" {
		t.Errorf("rules that no code names (-want +got):\n%s", diff)
	}
}
