package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// lease_test.go: one executor at a time.

func TestTwoExpandsAtOnce(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 2000)
		c := w.cli(t, map[string]string{"0007_double": addB})

		// Paused, the first one holds the lease for as long as we like.
		c.run(t, 0, "pause")
		first := c.start(t, "expand")
		eventually(t, "the first expand to begin its backfill", func() bool {
			if !first.running() {
				t.Fatalf("the first expand ended (exit %d):\n%s", first.wait(), first.said())
			}
			return w.state(t) == string(executor.Backfilling)
		})
		pid := fmt.Sprintf(":%d", first.cmd.Process.Pid)

		refused := c.run(t, 1, "expand", "--wait", "0s")
		contains(t, refused.said(), "holds the lease", pid)
		waiting := c.start(t, "expand", "--wait", "5m")
		eventually(t, "the second expand to say whom it waits for", func() bool {
			if !waiting.running() {
				t.Fatalf("the waiting expand ended (exit %d):\n%s", waiting.wait(), waiting.said())
			}
			return strings.Contains(waiting.stderr.String(), pid)
		})
		c.run(t, 0, "resume")

		for name, p := range map[string]*process{"first": first, "waiting": waiting} {
			if code := p.wait(); code != 0 {
				t.Errorf("the %s expand exits %d\n%s", name, code, p.said())
			}
		}
		if s := c.status(t, "0007_double"); s.State != executor.Open {
			t.Errorf("the end is %s, want open", s.State)
		}
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> a * 2"); n != 0 {
			t.Errorf("%d rows are wrong", n)
		}
		twice := w.strings(t, "SELECT step FROM "+w.own("journal")+" WHERE action = 'do' AND event = 'done' GROUP BY step HAVING count(*) > 1")
		if len(twice) > 0 {
			t.Errorf("steps that were done twice: %v", twice)
		}
	})
}
