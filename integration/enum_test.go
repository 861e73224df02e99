package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// enum_test.go holds what is special about an enum that is made anew under its
// name, on PostgreSQL.

const (
	enumBefore = `CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
		CREATE TABLE people (id bigint PRIMARY KEY, m mood NOT NULL DEFAULT 'ok');
		CREATE TABLE pets (id bigint PRIMARY KEY, m mood);
		INSERT INTO people VALUES (1, 'ok'), (2, 'sad'), (3, 'sad'), (4, 'happy');
		INSERT INTO pets VALUES (1, 'ok'), (2, NULL);`
	enumRemade = `ALTER TYPE mood RENAME TO mood_old;
		-- migrate:allow enum-value-removed "the sad are ok"
		CREATE TYPE mood AS ENUM ('ok', 'happy');
		ALTER TABLE people ALTER COLUMN m DROP DEFAULT,
			ALTER COLUMN m TYPE mood USING (CASE m::text WHEN 'sad' THEN 'ok' ELSE m::text END)::mood, ALTER COLUMN m SET DEFAULT 'ok';
		ALTER TABLE pets ALTER COLUMN m TYPE mood USING m::text::mood;
		DROP TYPE mood_old;`
)

// Rows that hold a value that goes are counted and named while planning, unless the
// file says what becomes of them.
func TestRemovedEnumValueIsTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, migration string
		want            []string // what the one hazard says; none: there is none
	}{
		{
			"nothing-said", strings.Replace(enumRemade, "(CASE m::text WHEN 'sad' THEN 'ok' ELSE m::text END)", "m::text", 1),
			[]string{"enum-value-removed", "2 rows of people have a value in m that the new mood does not have", "id=2; id=3"},
		},
		{"mapped", enumRemade, nil},
		{
			"mapped-by-a-directive",
			"-- migrate:up people.m = CASE m WHEN 'sad' THEN 'ok' ELSE m END\n" + strings.Replace(enumRemade, "(CASE m::text WHEN 'sad' THEN 'ok' ELSE m::text END)", "m::text", 1),
			nil,
		},
	} {
		for _, target := range enumServers() {
			t.Run(target.String()+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				w := worldOn(t, target)
				w.exec(t, enumBefore)
				h := w.migrate(t, executor.Options{})
				p, err := h.planner(file("0007_enum", c.migration))(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				had := len(p.Hazards)
				if err := dialects.Look(t.Context(), h.session, p, time.Minute); err != nil {
					t.Fatal(err)
				}
				var told []string
				for _, hz := range p.Hazards {
					told = append(told, hz.Rule+": "+hz.Message)
				}
				if got, want := len(p.Hazards)-had, min(len(c.want), 1); got != want {
					t.Errorf("%d hazards more than planned, want %d:\n%s", got, want, strings.Join(told, "\n"))
				}
				for _, want := range c.want {
					if !strings.Contains(strings.Join(told, "\n"), want) {
						t.Errorf("no hazard says %q:\n%s", want, strings.Join(told, "\n"))
					}
				}
			})
		}
	}
}

// What else is of the old type is named while planning: the type could not be dropped.
func TestRemadeEnumStillUsed(t *testing.T) {
	t.Parallel()
	for _, target := range enumServers() {
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			w := worldOn(t, target)
			w.exec(t, enumBefore+`CREATE FUNCTION worse(m mood) RETURNS mood LANGUAGE sql AS 'SELECT m';
				CREATE TABLE plants (id int, moods mood[]);
				CREATE VIEW sad AS SELECT 'sad'::mood AS m`)
			h := w.migrate(t, executor.Options{})
			_, err := h.planner(file("0007_enum", enumRemade))(t.Context())
			if err == nil {
				t.Fatal("it is planned")
			}
			for _, want := range []string{"function worse(mood)", "column plants.moods", "rule _RETURN on view sad", "would still use the old type"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the refusal does not say %q: %v", want, err)
				}
			}
		})
	}
}

// Killed anywhere on the way, with both versions writing, it comes to the same end,
// in both tables.
func TestRemadeEnumCrashPoints(t *testing.T) {
	t.Parallel()
	if !slices.Contains(servers.Engines(), servers.Postgres) {
		return
	}
	var sum killed
	walkCrashPoints(t, servers.Postgres, &mortal{
		change: changes.Change{Name: "remade-enum", Before: enumBefore, Migration: enumRemade},
		tidy:   "DELETE FROM people WHERE id > 1000",
		old: []string{
			"INSERT INTO people (id, m) VALUES (%d, 'sad')", "UPDATE people SET m = 'happy' WHERE id = %d", "UPDATE pets SET m = 'ok'::mood WHERE id = 1",
		},
		new: []string{
			"INSERT INTO people (id, m) VALUES (%d, 'happy')", "UPDATE people SET m = 'ok' WHERE id = %d", "UPDATE pets SET m = 'ok'::mood WHERE id = 2",
		},
	}, &sum)
	if sum.killed == 0 {
		t.Error("it was never killed")
	}
}

func enumServers() []servers.Target {
	return slices.DeleteFunc(servers.Matrix(), func(t servers.Target) bool { return t.Engine != servers.Postgres })
}
