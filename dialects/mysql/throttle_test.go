package mysql

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

func TestCountIDs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]int{"0-1": 2, "0-3,8": 5, "7": 1, "0-15, 32-47": 32, "": 0, "a-b": 0, "3-1": 0} {
		if got := countIDs(list); got != want {
			t.Errorf("%q are %d cores, want %d", list, got, want)
		}
	}
}

func TestMeasures(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		// The server counts in its own time, and other tests share it.
		reaches := func(q executor.Quantity, least float64) float64 {
			t.Helper()
			deadline := time.Now().Add(20 * time.Second)
			for {
				value, _, err := b.s.Measure(t.Context(), q, "")
				if err != nil {
					t.Fatal(err)
				}
				if value >= least {
					return value
				}
				if time.Now().After(deadline) {
					t.Fatalf("quantity %d is %g, want at least %g", q, value, least)
				}
			}
		}
		b.exec("CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, note varchar(200))", "INSERT INTO orders (note) VALUES (REPEAT('x', 100))")
		written := reaches(executor.LogBytes, 1)
		for range 12 {
			b.exec("INSERT INTO orders (note) SELECT note FROM orders")
		}
		reaches(executor.LogBytes, written+4096*100)

		sleeping := make(chan error, 1)
		go func() {
			_, err := b.db.ExecContext(t.Context(), "DO SLEEP(3)")
			sleeping <- err
		}()
		reaches(executor.ActiveSessions, 1)
		if err := <-sleeping; err != nil {
			t.Error(err)
		}

		// While somebody looks at the past, what was there then is not purged.
		tx, err := b.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range []string{"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", "START TRANSACTION WITH CONSISTENT SNAPSHOT", "SELECT COUNT(*) FROM orders"} {
			if _, err := tx.ExecContext(t.Context(), s); err != nil && s[:3] != "SET" {
				t.Fatal(err)
			}
		}
		for i := range 100 {
			b.exec(fmt.Sprintf("UPDATE orders SET note = 'y%d' WHERE id < 10", i))
		}
		reaches(executor.HistoryLength, 100)
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}

		for _, q := range []executor.Quantity{executor.SlotBytes, executor.DeadRows, executor.Autovacuum, executor.StandbyLag} {
			if _, _, err := b.s.Measure(t.Context(), q, ""); b.s.Measures(q) || !errors.Is(err, executor.ErrNotMeasured) {
				t.Errorf("quantity %d is not known here, but: %v", q, err)
			}
		}
		if _, _, err := b.s.Standbys(t.Context()); !errors.Is(err, executor.ErrNotMeasured) {
			t.Errorf("the standbys are known: %v", err)
		}
		n, why, err := b.s.Workers(t.Context())
		if err != nil || n < 1 || n > 8 || why == "" {
			t.Errorf("%d workers suit it (%s), %v", n, why, err)
		} else {
			t.Logf("%d workers: %s", n, why)
		}
		if cores, err := b.s.Cores(t.Context()); err != nil || cores < 1 || n > cores {
			t.Errorf("%d workers suit it, and it has %d processors, %v", n, cores, err)
		}
	})
}
