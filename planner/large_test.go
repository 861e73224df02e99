package planner_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/planner"
)

// TestLargeSchemaIsPlannedQuickly: 50 statements on a schema of 1,000 tables and
// 10,000 columns. What counts is the processor's time of a planner that is alone;
// on a busy machine the best of a few runs comes near it.
func TestLargeSchemaIsPlannedQuickly(t *testing.T) {
	for _, engine := range engines {
		var schema, file strings.Builder
		for i := range 1000 {
			fmt.Fprintf(&schema, "table t%d\n  id bigint not null\n", i)
			for j := range 9 {
				fmt.Fprintf(&schema, "  c%d varchar(100)\n", j)
			}
			schema.WriteString("  key id\n")
		}
		for i := range 50 {
			fmt.Fprintf(&file, "ALTER TABLE t%d ADD COLUMN x varchar(100), DROP COLUMN c1;\n", i*20)
		}
		in := planner.Input{
			Dialect: dialect(engine), Schema: readSchema(t, engine, schema.String()), Defaults: planner.StandardDefaults,
			File: planner.File{Name: "0007_large", Path: "0007_large.sql", Src: file.String()},
		}
		best := time.Hour
		for range 5 {
			begun := time.Now()
			p, err := planner.Plan(in)
			if err != nil {
				t.Fatal(err)
			}
			best = min(best, time.Since(begun))
			if n := len(p.Steps("expand")) + len(p.Steps("contract")); n < 100 {
				t.Fatalf("%s: the plan has %d steps, want at least 100", engine, n)
			}
		}
		t.Logf("%s: %s", engine, best)
		if limit := 500 * time.Millisecond * slower; best > limit {
			t.Errorf("%s: planning took %s, want at most %s", engine, best, limit)
		}
	}
}
