package metrics

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the table in docs/METRICS.md")

// The table in docs/METRICS.md is between these.
const (
	tableBegins = "<!-- This table follows from the code: go test ./cmd/internal/metrics -run TestDocs -update -->\n"
	tableEnds   = "<!-- Up to here. -->\n"
)

func TestDocsListTheMetrics(t *testing.T) {
	t.Parallel()
	const path = "../../../docs/METRICS.md"
	content := read(t, path)
	before, rest, begins := strings.Cut(content, tableBegins)
	_, after, ends := strings.Cut(rest, tableEnds)
	if !begins || !ends {
		t.Fatalf("%s lacks the lines around the table", path)
	}
	families := newMetrics(someOptions()).series.families
	var table strings.Builder
	table.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	var names []string
	for _, f := range families {
		labels := ""
		if len(f.labels) > 0 {
			labels = "`" + strings.Join(f.labels, "`, `") + "`"
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, f.help)
		names = append(names, f.name)
	}
	want := before + tableBegins + table.String() + tableEnds + after
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(want, content); diff != "" {
		t.Errorf("%s is behind the code; run this test with -update (-want +got):\n%s", path, diff)
	}
	// What the rest of the page says of metrics must be there, too.
	for _, word := range regexp.MustCompile(`\bmigrate_[a-z_]+\b`).FindAllString(before+after, -1) {
		if !slices.Contains(names, word) && !slices.Contains(names, strings.TrimSuffix(word, "_sum")) && !slices.Contains(names, strings.TrimSuffix(word, "_count")) {
			t.Errorf("%s speaks of %s, which is no metric", path, word)
		}
	}
}
