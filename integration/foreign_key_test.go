package integration

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestForeignKeyFindsOrphans: on MySQL and MariaDB a foreign key is added without
// looking at the rows that are there. Those are looked at next, and a row without
// a parent stops contract, which can be taken back or, when the row is gone, go on.
func TestForeignKeyFindsOrphans(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		if w.postgres() {
			t.Skip("PostgreSQL validates by itself")
		}
		w.exec(t, "CREATE TABLE customers (id bigint PRIMARY KEY)")
		w.exec(t, "CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, KEY by_customer (customer_id))")
		w.exec(t, "INSERT INTO customers VALUES (1)")
		w.exec(t, "INSERT INTO orders VALUES (1, 1), (2, NULL)")
		h := w.migrate(t, executor.Options{})
		f := file("0007_fk", "ALTER TABLE orders ADD CONSTRAINT fk FOREIGN KEY (customer_id) REFERENCES customers (id);")
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Open, state, err)
		w.exec(t, "INSERT INTO orders VALUES (3, 99)") // an old version may
		open := w.look(t)

		_, err = h.contract(t.Context(), f, time.Hour)
		var step *executor.StepError
		if !errors.As(err, &step) || !strings.Contains(step.Title, "prove that every row of orders") {
			t.Fatalf("contract with an orphan gives %v, want the failure of the proof", err)
		}
		if _, err := w.db.ExecContext(t.Context(), "INSERT INTO orders VALUES (4, 98)"); err == nil {
			t.Error("an orphan can be written while the foreign key is being proven")
		}
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.Open, state, err)
		same(t, "rolled back, the open state", open, w.look(t))

		w.exec(t, "DELETE FROM orders WHERE id = 3")
		state, err = h.contract(t.Context(), f, time.Hour)
		reaches(t, executor.Done, state, err)
		if _, err := w.db.ExecContext(t.Context(), "INSERT INTO orders VALUES (4, 98)"); err == nil {
			t.Error("an orphan can be written after contract")
		}
	})
}
