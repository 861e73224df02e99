package mysql

import (
	"testing"
	"time"
)

// TestRehearse: it takes the time of as many changes, leaves nothing behind, and ends where
// it waits for others.
func TestRehearse(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		if _, err := b.s.Rehearse(t.Context(), 5, time.Second); err == nil {
			t.Fatal("it has no table, and no error")
		}
		b.exec("CREATE TABLE migrate_observations (id int PRIMARY KEY)")
		left := func() string {
			return b.text("SELECT table_comment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'migrate_observations'")
		}
		took, err := b.s.Rehearse(t.Context(), 5, time.Minute)
		if err != nil || took <= 0 || left() != "" {
			t.Errorf("it took %s: %v; left is %q", took, err, left())
		}
		tx, err := b.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.ExecContext(t.Context(), "SELECT * FROM migrate_observations"); err != nil {
			t.Fatal(err)
		}
		if in, err := b.s.Rehearse(t.Context(), 5, 300*time.Millisecond); err != nil || in < 900*time.Millisecond || in > 5*time.Second {
			t.Errorf("the table is in use, and it took %s: %v", in, err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	})
}
