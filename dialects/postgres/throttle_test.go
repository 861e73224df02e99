package postgres

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// reaches measures until a quantity is above a value: the server's own counting
// may lag behind, and other tests share the server.
func reaches(t *testing.T, m executor.Meter, q executor.Quantity, table string, least float64) (value float64, of string) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		var err error
		if value, of, err = m.Measure(t.Context(), q, table); err != nil {
			t.Fatal(err)
		}
		if value >= least {
			return value, of
		}
		if time.Now().After(deadline) {
			t.Fatalf("quantity %d is %g, want at least %g", q, value, least)
		}
	}
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, d *servers.Database) {
		m, ok := open(t, d.URL).(executor.Meter)
		if !ok {
			t.Fatal("the session measures nothing")
		}
		db := app(t, d.URL)
		run(t, db, "CREATE TABLE orders (id int PRIMARY KEY, note text) WITH (autovacuum_enabled = false)")

		before, _ := reaches(t, m, executor.LogBytes, "", 1)
		run(t, db, "INSERT INTO orders SELECT g, repeat('x', 90) FROM generate_series(1, 30000) g")
		reaches(t, m, executor.LogBytes, "", before+30000*100)

		if dead, _, err := m.Measure(t.Context(), executor.DeadRows, `"orders"`); err != nil || dead != 0 {
			t.Errorf("before an update %g %% are dead, %v", dead, err)
		}
		run(t, db, "UPDATE orders SET note = 'y'")
		// Before PostgreSQL 15 a session tells its counts with a later statement.
		time.AfterFunc(time.Second, func() { _, _ = db.ExecContext(t.Context(), "SELECT 1") })
		if dead, _ := reaches(t, m, executor.DeadRows, `"orders"`, 45); dead > 55 {
			t.Errorf("after an update of all rows %g %% are dead", dead)
		}
		if vacuums, _, err := m.Measure(t.Context(), executor.Autovacuum, `"orders"`); err != nil || vacuums != 0 {
			t.Errorf("%g autovacuums are at the table, %v", vacuums, err)
		}

		// A slot of this session's, that is behind by what is written after it.
		conn, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		slot := d.Name[len(d.Name)-10:]
		if _, err := conn.ExecContext(t.Context(), "SELECT pg_create_physical_replication_slot('"+slot+"', true, true)"); err != nil {
			t.Fatal(err)
		}
		run(t, db, "UPDATE orders SET note = 'z'")
		if _, of := reaches(t, m, executor.SlotBytes, "", 30000*50); of == "" {
			t.Error("the slot is not named")
		}

		sleepers, err := conn.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		slept := make(chan error, 1)
		go func() {
			_, err := sleepers.ExecContext(t.Context(), "SELECT pg_sleep(3)")
			slept <- err
		}()
		reaches(t, m, executor.ActiveSessions, "", 1)
		if err := errors.Join(<-slept, sleepers.Rollback()); err != nil {
			t.Error(err)
		}

		if _, _, err := m.Measure(t.Context(), executor.HistoryLength, ""); m.Measures(executor.HistoryLength) || !errors.Is(err, executor.ErrNotMeasured) {
			t.Errorf("there is no history list here, but: %v", err)
		}
		if n, why, err := m.Workers(t.Context()); err != nil || n < 1 || n > 2 || why == "" {
			t.Errorf("%d workers suit it (%s), %v", n, why, err)
		}
		if n, err := m.Cores(t.Context()); err != nil || n < 1 {
			t.Errorf("it has %d processors, %v", n, err)
		}
		place, _, err := m.Standbys(t.Context())
		if err != nil || float64(place) < before {
			t.Errorf("the primary is at %d, %v; want beyond %g", place, err, before)
		}
	})
}

// Who may not see other sessions is told so, and not that there are none.
func TestMeasuresNeedARight(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, d *servers.Database) {
		db := app(t, d.URL)
		role := "r" + d.Name[len(d.Name)-10:]
		run(t, db, "CREATE ROLE "+role+" LOGIN PASSWORD 'a'")
		admin := app(t, d.AdminURL)
		t.Cleanup(func() {
			if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP ROLE "+role); err != nil {
				t.Errorf("dropping the role: %v", err)
			}
		})
		u, err := url.Parse(d.URL)
		if err != nil {
			t.Fatal("the URL cannot be read")
		}
		u.User = url.UserPassword(role, "a")
		m, ok := open(t, u.String()).(executor.Meter)
		if !ok {
			t.Fatal("the session measures nothing")
		}
		if n, err := m.Cores(t.Context()); err != nil || n != 0 {
			t.Errorf("a role that may not read the server's files finds %d processors, %v", n, err)
		}
		measure := func() map[string]error {
			errs := map[string]error{}
			_, _, errs["active sessions"] = m.Measure(t.Context(), executor.ActiveSessions, "")
			_, _, errs["autovacuum"] = m.Measure(t.Context(), executor.Autovacuum, "pg_class")
			_, _, errs["standbys"] = m.Standbys(t.Context())
			return errs
		}
		for what, err := range measure() {
			if !errors.Is(err, errMonitor) {
				t.Errorf("%s: %v", what, err)
			}
		}
		run(t, db, "GRANT pg_monitor TO "+role)
		for what, err := range measure() {
			if err != nil {
				t.Errorf("%s, for a member of pg_monitor: %v", what, err)
			}
		}
	})
}

// TestWhoIsHiddenCountsAsAtWork: an application that a role may not look at.
func TestWhoIsHiddenCountsAsAtWork(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, d *servers.Database) {
		admin := app(t, d.AdminURL)
		role := func(prefix string) string {
			name := prefix + d.Name[len(d.Name)-10:]
			run(t, admin, "CREATE ROLE "+name+" LOGIN PASSWORD 'a'")
			t.Cleanup(func() {
				if _, err := admin.ExecContext(context.WithoutCancel(t.Context()), "DROP ROLE "+name); err != nil {
					t.Errorf("dropping the role: %v", err)
				}
			})
			u, err := url.Parse(d.URL)
			if err != nil {
				t.Fatal("the URL cannot be read")
			}
			u.User = url.UserPassword(name, "a")
			return u.String()
		}
		m, ok := open(t, role("m")).(executor.Meter)
		if !ok {
			t.Fatal("the session measures nothing")
		}
		idle := app(t, role("o"))
		run(t, idle, "SELECT 1")
		time.Sleep(2 * time.Duration(lately*float64(time.Second)))
		if rate, _, err := m.Measure(t.Context(), executor.OthersStatements, ""); err != nil || rate < 1/lately {
			t.Errorf("with a hidden session others run %g statements/s, %v", rate, err)
		}
	})
}
