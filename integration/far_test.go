package integration

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/integration/servers"
)

// roundTrip is how long a message and its answer take between a pipeline and a
// database on another continent.
const roundTrip = 70 * time.Millisecond

// TestFarAway: the app, which is next to its database, does not wait for the network
// between that and migrate: what is locked is locked for a few messages, not for one
// of each statement.
func TestFarAway(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 200)
		w.exec(t, "CREATE TABLE control (id bigint PRIMARY KEY, n int NOT NULL)")
		w.exec(t, w.series(200, "INSERT INTO control (id, n) SELECT n, 0 FROM numbers"))
		const name = "0007_split_name"
		c := w.cli(t, map[string]string{name: splitName(w)})
		_, c.url = newProxy(t, d.URL, 0, func(int) { time.Sleep(roundTrip) })

		db := w.Open(t)
		db.SetMaxOpenConns(16)
		db.SetMaxIdleConns(16)
		ask := func(read, write string) load.Request {
			return func(ctx context.Context, r *rand.Rand) error {
				id := 1 + r.IntN(200)
				if r.IntN(2) == 0 {
					var v any
					return db.QueryRowContext(ctx, fmt.Sprintf(read, id)).Scan(&v)
				}
				_, err := db.ExecContext(ctx, fmt.Sprintf(write, id))
				return err
			}
		}
		users := load.Start(t.Context(), load.Options{Rate: 100}, "all", ask("SELECT email FROM users WHERE id = %d", "UPDATE users SET email = email WHERE id = %d"))
		control := load.Start(t.Context(), load.Options{Rate: 100}, "all", ask("SELECT n FROM control WHERE id = %d", "UPDATE control SET n = n + 1 WHERE id = %d"))

		var told strings.Builder
		for _, args := range [][]string{
			{"expand"},
			{"flag", "set", name, "full"},
			{"contract", name, "--override", "soaked=test", "--grace", "1h"},
			{"rollback", name},
		} {
			told.WriteString(c.run(t, 0, args...).stderr.String())
		}
		if state := c.status(t, name).State; state != executor.Open {
			t.Errorf("the migration is %s, want open", state)
		}

		said, beside := users.Stop()[0], control.Stop()[0]
		if said.Errors > 0 {
			t.Errorf("%d of %d requests failed: %v", said.Errors, said.Requests, said.FirstError)
		}
		worst := load.Beyond(said.Slow, beside.Slow)
		if worst > 350*time.Millisecond {
			slow := slices.MaxFunc(said.Slow, func(a, b load.Span) int { return cmp.Compare(a.Took(), b.Took()) })
			t.Errorf("the app waited for %s, from %s on:\n%s", worst, slow.Due.Format("15:04:05.000"), told.String())
		}
		t.Logf("%s: %d requests, the longest wait %s beyond that of others", d.Engine, said.Requests, worst.Round(time.Millisecond))
	})
}
