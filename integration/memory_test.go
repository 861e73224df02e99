package integration

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestWhatIsOverTakesNoMemory: what a command takes to plan beside what is open, and to say where the
// migrations stand that it was asked about, is the same after ten migrations and after five hundred.
func TestWhatIsOverTakesNoMemory(t *testing.T) { //nolint:paralleltest // it counts what the whole process allocates
	for _, target := range servers.Matrix() { //nolint:paralleltest // the same
		t.Run(target.String(), func(t *testing.T) {
			w := worldOn(t, target)
			w.exec(t, "CREATE TABLE t (id bigint PRIMARY KEY, name varchar(20))")
			h := w.migrate(t, executor.Options{})
			open := file("9999_open", "ALTER TABLE t RENAME COLUMN name TO label;")
			state, err := h.expand(t.Context(), open)
			reaches(t, executor.Open, state, err)

			commands := []struct {
				what string
				do   func() error
			}{
				{"planning", func() error {
					live, err := h.Unfinished(t.Context())
					if err == nil && (len(live) != 1 || live[0].Name != open.Name || len(live[0].Touches) == 0) {
						err = fmt.Errorf("unfinished are %v, want %s and what it touches", live, open.Name)
					}
					return err
				}},
				{"the status of one", func() error {
					s, err := h.Status(t.Context(), open.Name)
					if err == nil && (len(s.Migrations) != 1 || s.Migrations[0].Name != open.Name || len(s.Migrations[0].Gates) == 0 || len(s.Migrations[0].Backfill) == 0) {
						err = fmt.Errorf("the status is %+v, want that of %s", s, open.Name)
					}
					return err
				}},
			}
			few := make([]uint64, len(commands))
			h.finish(t, 0, 10)
			for i, c := range commands {
				few[i] = allocated(t, c.do)
			}
			h.finish(t, 10, 500)
			for i, c := range commands {
				const slack = 16 << 10
				if many := allocated(t, c.do); many > few[i]+slack {
					t.Errorf("%s takes %d bytes after 500 migrations, and took %d after 10", c.what, many, few[i])
				}
			}
		})
	}
}

// finish puts into migrate's tables what the migrations from first up to last leave there.
func (h *hand) finish(t *testing.T, first, last int) {
	t.Helper()
	table := h.session.Layout().Table
	var migrations, walks, checkpoints []string
	for i := first; i < last; i++ {
		name := fmt.Sprintf("%04d_done", i)
		migrations = append(migrations, fmt.Sprintf("('%s', 'done', '%s', '', '', '{}', '', CURRENT_TIMESTAMP)", name, name))
		walks = append(walks, fmt.Sprintf("('%s', 'backfill-1', 't', '1', 1, 300, 1, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)", name))
		checkpoints = append(checkpoints, fmt.Sprintf("('%s', 'backfill-1', 1, '', '', '', 1, 300)", name))
	}
	for _, insert := range []struct {
		into string
		rows []string
	}{
		{table("migrations") + " (name, state, flag, checksum, fingerprint, plan, failed_reason, updated_at)", migrations},
		{table("walks") + " (migration, step, label, generation, pass, rows_total, finished, started_at, updated_at)", walks},
		{table("checkpoints") + " (migration, step, span, span_from, span_to, position, finished, rows_done)", checkpoints},
	} {
		h.world.exec(t, "INSERT INTO "+insert.into+" VALUES "+strings.Join(insert.rows, ", "))
	}
}

// allocated is how many bytes something allocates, the least of several times: a heartbeat of the driver's may
// fall into one.
func allocated(t *testing.T, do func() error) uint64 {
	t.Helper()
	least := ^uint64(0)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := do(); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		least = min(least, after.TotalAlloc-before.TotalAlloc)
	}
	return least
}
