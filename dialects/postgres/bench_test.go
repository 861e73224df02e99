package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// BenchmarkTrigger inserts rows without a trigger, with ours, with ours but for
// its pinned search_path, and with ours told to stand aside; ns/op is per row.
func BenchmarkTrigger(b *testing.B) {
	const rows = 20_000
	db := servers.Fresh(b, servers.Postgres)
	pool := db.Open(b)
	pool.SetMaxOpenConns(1)
	run(b, pool, "CREATE SCHEMA migrate; CREATE TABLE t (id bigint, name text, first text, last text)")
	table := &planner.Table{Ref: planner.Ref{Schema: "public", Name: "t"}, Kind: "table", Columns: []planner.Column{
		{Name: "name", Type: "text"}, {Name: "first", Type: "text"}, {Name: "last", Type: "text"},
	}}
	w := shadowOf(&planner.Schema{Path: []string{"public"}}, &planner.Sync{
		Table: table, Name: "bench", State: "open", Columns: table.Columns,
		Groups: []planner.Group{{
			Old: []string{"name"}, New: []string{"first", "last"},
			Up:   []planner.Assign{assign(b, "t.first = split_part(name, ' ', 1)"), assign(b, "t.last = split_part(name, ' ', 2)")},
			Down: []planner.Assign{assign(b, "t.name = first || ' ' || last")},
		}},
	})
	install := w.create()
	unpinned := strings.Replace(install[0], " SET search_path = "+searchPath(w.path), "", 1)
	for _, tc := range []struct{ name, function, bypass string }{
		{"none", "", "off"}, {"pinned", install[0], "off"}, {"unpinned", unpinned, "off"}, {"bypassed", install[0], "on"},
	} {
		b.Run(tc.name, func(b *testing.B) {
			if tc.function != "" {
				run(b, pool, tc.function+";\n"+install[1])
				defer run(b, pool, strings.Join(w.drop(), ";\n"))
			}
			run(b, pool, "SET migrate.bypass = "+tc.bypass)
			b.ResetTimer()
			for done := 0; done < b.N; done += rows {
				run(b, pool, fmt.Sprintf("TRUNCATE t; INSERT INTO t (id, name) SELECT i, 'Ada ' || i FROM generate_series(1, %d) i", min(rows, b.N-done)))
			}
		})
	}
}
