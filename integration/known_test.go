package integration

import (
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestPlansOfWhatIsOverAreNotRead: what a command reads of earlier migrations must not become more and more.
func TestPlansOfWhatIsOverAreNotRead(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20), mail varchar(20))")
		h := w.migrate(t, executor.Options{})
		done, back, open := file("0001_done", "ALTER TABLE t ADD COLUMN a int;"), file("0002_back", "ALTER TABLE t ADD COLUMN b int;"),
			file("0003_open", "ALTER TABLE t RENAME COLUMN name TO label;")
		for _, f := range []struct {
			name string
			do   func() (executor.State, error)
			want executor.State
		}{
			{"expand", func() (executor.State, error) { return h.expand(t.Context(), done) }, executor.Done},
			{"expand", func() (executor.State, error) { return h.expand(t.Context(), back) }, executor.Done},
			{"roll back", func() (executor.State, error) { return h.Rollback(t.Context(), back.Name) }, executor.RolledBack},
			{"expand", func() (executor.State, error) { return h.expand(t.Context(), open) }, executor.Open},
		} {
			state, err := f.do()
			reaches(t, f.want, state, err)
		}
		known, live, err := h.Known(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{done.Name: false, back.Name: false, open.Name: true} {
			if got := known[name].Plan != nil; got != want {
				t.Errorf("the plan of %s (%s) is read: %t, want %t", name, known[name].State, got, want)
			}
		}
		if len(live) != 1 || live[0].Name != open.Name || len(live[0].Touches) == 0 {
			t.Errorf("open migrations are %v, want %s and what it touches", live, open.Name)
		}
		if s, err := h.Status(t.Context()); err != nil || len(s.Migrations) != 3 || len(s.Migrations[2].Gates) == 0 {
			t.Errorf("the status is %+v (%v), want three migrations, the last with gates", s, err)
		}
	})
}
