package integration

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// TestInspectionAsksLittle: what planning asks of the catalog takes at most 20
// messages, however many tables a migration is about, so that a distant
// database does not make reviewers wait.
func TestInspectionAsksLittle(t *testing.T) {
	t.Parallel()
	const tables, most = 50, 20
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		var refs planner.References
		var all strings.Builder
		for i := range tables {
			name := fmt.Sprintf("t%d", i)
			fmt.Fprintf(&all, "CREATE TABLE %s (id bigint PRIMARY KEY, a varchar(20), b varchar(20));\nCREATE INDEX %s_a ON %s (a);\n", name, name, name)
			refs.Tables = append(refs.Tables, planner.Ref{Name: name})
		}
		w.exec(t, all.String())
		var sent atomic.Int64
		_, url := newProxy(t, d.URL, 0, func(int) { sent.Add(1) })
		s, err := w.engine.Open(t.Context(), url, dialects.Options{Application: "migrate"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if err := s.DB().PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := sent.Load()
		schema, err := s.Inspect(t.Context(), refs)
		if err != nil {
			t.Fatal(err)
		}
		if n := sent.Load() - before; n > most {
			t.Errorf("inspecting %d tables took %d messages, want at most %d", tables, n, most)
		}
		for i, table := range schema.Tables {
			if table.Ref.Name != fmt.Sprintf("t%d", i) || len(table.Columns) != 3 || len(table.Indexes) != 2 || len(table.Key) != 1 {
				t.Fatalf("table %d is read as %+v", i, table)
			}
		}
		if len(schema.Tables) != tables {
			t.Errorf("%d tables are read, want %d", len(schema.Tables), tables)
		}
	})
}
