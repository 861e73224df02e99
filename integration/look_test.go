package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// look_test.go holds what planning says of the rows: what it finds, how it names
// them, and that it finds nothing where there is nothing.

func TestRowsInTheWayAreTold(t *testing.T) {
	t.Parallel()
	const before = `CREATE TABLE people (id bigint PRIMARY KEY, name varchar(100), age varchar(10), email varchar(100), boss bigint, score int);
		INSERT INTO people VALUES (1, 'Ada Lovelace', '36', 'ada@example.org', NULL, 5),
			(2, 'Grace', '85', 'grace@example.org', 1, -1),
			(3, 'Jean Jennings Bartik', 'old', 'ada@example.org', 77, 3),
			(4, NULL, '12', NULL, 1, 1)`
	for _, c := range []struct {
		name, postgres, mysql string
		// want are what the one hazard says: its rule, count and keys; none: there is none.
		want []string
	}{
		{
			"transform-fails",
			"ALTER TABLE people ADD COLUMN years int; UPDATE people SET years = age::int;",
			"ALTER TABLE people ADD COLUMN years int; UPDATE people SET years = age;",
			[]string{"transform-fails", "1 row of people", "id=3"},
		},
		{
			"too-long",
			"ALTER TABLE people ADD COLUMN short varchar(6); UPDATE people SET short = name;",
			"ALTER TABLE people ADD COLUMN short varchar(6); UPDATE people SET short = name;",
			[]string{"transform-fails", "2 rows of people", "id=1; id=3", "SELECT * FROM"},
		},
		{
			"null",
			"ALTER TABLE people ALTER COLUMN email SET NOT NULL;",
			"ALTER TABLE people MODIFY email varchar(100) NOT NULL;",
			[]string{"existing-rows-violate", "1 row of people have no value for email", "id=4"},
		},
		{
			"null-of-a-transform",
			"ALTER TABLE people ADD COLUMN full_name varchar(100); UPDATE people SET full_name = upper(name); ALTER TABLE people ALTER COLUMN full_name SET NOT NULL;",
			"ALTER TABLE people ADD COLUMN full_name varchar(100); UPDATE people SET full_name = upper(name); ALTER TABLE people MODIFY full_name varchar(100) NOT NULL;",
			[]string{"existing-rows-violate", "1 row of people have no value for full_name", "id=4"},
		},
		{
			"repaired",
			"UPDATE people SET email = '' WHERE email IS NULL; ALTER TABLE people ALTER COLUMN email SET NOT NULL;",
			"UPDATE people SET email = '' WHERE email IS NULL; ALTER TABLE people MODIFY email varchar(100) NOT NULL;",
			nil,
		},
		{
			"duplicates",
			"CREATE UNIQUE INDEX people_email ON people (email);",
			"CREATE UNIQUE INDEX people_email ON people (email);",
			[]string{"unique-on-existing-data", "2 rows of people share their values of email", "HAVING"},
		},
		{
			"no-duplicates",
			"CREATE UNIQUE INDEX people_name ON people (name);",
			"CREATE UNIQUE INDEX people_name ON people (name);",
			nil,
		},
		{
			"check",
			"ALTER TABLE people ADD CONSTRAINT people_score CHECK (score >= 0);",
			"ALTER TABLE people ADD CONSTRAINT people_score CHECK (score >= 0);",
			[]string{"existing-rows-violate", "1 row of people violate the check people_score", "id=2"},
		},
		{
			"orphans",
			"ALTER TABLE people ADD CONSTRAINT people_boss FOREIGN KEY (boss) REFERENCES people (id);",
			"ALTER TABLE people ADD CONSTRAINT people_boss FOREIGN KEY (boss) REFERENCES people (id);",
			[]string{"existing-rows-violate", "1 row of people point with boss to rows of people", "id=3"},
		},
		{
			"lossy",
			`-- migrate:down people.name = first_name || ' ' || last_name
			ALTER TABLE people ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
			UPDATE people SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);
			ALTER TABLE people DROP COLUMN name;`,
			`-- migrate:down people.name = concat(first_name, ' ', last_name)
			ALTER TABLE people ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
			UPDATE people SET first_name = substring_index(name, ' ', 1), last_name = substring_index(substring_index(name, ' ', 2), ' ', -1);
			ALTER TABLE people DROP COLUMN name;`,
			[]string{"lossy-transform", "2 rows of people come back from migrate:down with another name", "id=2; id=3"},
		},
	} {
		for _, target := range servers.Matrix() {
			t.Run(target.String()+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				w := worldOn(t, target)
				w.exec(t, before)
				h := w.migrate(t, executor.Options{})
				p, err := h.planner(file("0007_look", w.either(c.postgres, c.mysql)))(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				had := len(p.Hazards)
				if err := dialects.Look(t.Context(), h.session, p, time.Minute); err != nil {
					t.Fatal(err)
				}
				if len(p.Questions) == 0 && c.want != nil {
					t.Fatal("nothing is asked")
				}
				var told []string
				for _, hz := range p.Hazards {
					if hz.Rule == "null-taken-for-unwritten" {
						continue // it is planned, and speaks of old columns
					}
					told = append(told, fmt.Sprintf("%s: %s; %s", hz.Rule, hz.Message, hz.Instead))
				}
				all := strings.Join(told, "\n")
				switch {
				case c.want == nil && len(p.Hazards) != had:
					t.Errorf("a hazard is told where there is none:\n%s", all)
				case c.want != nil && len(p.Hazards) != had+1:
					t.Errorf("%d hazards more than planned, want 1:\n%s", len(p.Hazards)-had, all)
				}
				for _, want := range c.want {
					if !strings.Contains(all, want) {
						t.Errorf("no hazard says %q:\n%s", want, all)
					}
				}
				if strings.Contains(all, "Bartik") || strings.Contains(all, "old") {
					t.Errorf("a value is shown:\n%s", all)
				}
			})
		}
	}
}

// A table that somebody has locked is not waited for: the plan is made, and says so.
func TestLockedTableIsNotLookedAt(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db)
		w.exec(t, "CREATE TABLE people (id bigint PRIMARY KEY, note varchar(50))")
		w.exec(t, "INSERT INTO people VALUES (1, NULL)")
		h := w.migrate(t, executor.Options{})
		p, err := h.planner(file("0007_look", w.either("ALTER TABLE people ALTER COLUMN note SET NOT NULL", "ALTER TABLE people MODIFY note varchar(50) NOT NULL")))(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		had := len(p.Hazards)
		somebody, err := w.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = somebody.Close() }()
		if _, err := somebody.ExecContext(t.Context(), w.either("BEGIN; LOCK TABLE people IN ACCESS EXCLUSIVE MODE", "LOCK TABLES people WRITE")); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := dialects.Look(t.Context(), h.session, p, time.Minute); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 20*time.Second {
			t.Errorf("a locked table is waited for, for %s", took)
		}
		if notes := strings.Join(p.Notes, "\n"); len(p.Hazards) != had || !strings.Contains(notes, "there was no time to look for rows of people") {
			t.Errorf("no note says that the table was not looked at: %q", notes)
		}
		if _, err := somebody.ExecContext(t.Context(), w.either("ROLLBACK", "UNLOCK TABLES")); err != nil {
			t.Fatal(err)
		}
	})
}

// A table too large for the time is sampled all over, and the plan says so.
func TestLookingTakesItsTimeAndNoMore(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, db *servers.Database) {
		w := newWorld(t, db)
		w.exec(t, "CREATE TABLE big (id bigint PRIMARY KEY, note varchar(50))")
		w.exec(t, "INSERT INTO big VALUES (1, 'x')")
		for range 17 { // 131,072 rows
			w.exec(t, "INSERT INTO big SELECT id + m, note FROM big CROSS JOIN (SELECT max(id) AS m FROM big) AS b")
		}
		h := w.migrate(t, executor.Options{})
		p, err := h.planner(file("0007_look", w.either("ALTER TABLE big ALTER COLUMN note SET NOT NULL", "ALTER TABLE big MODIFY note varchar(50) NOT NULL")))(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := dialects.Look(t.Context(), h.session, p, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("looking took %s, with a millisecond to do it", took)
		}
		notes := strings.Join(p.Notes, "\n")
		if !strings.Contains(notes, "there was time to look at") && !strings.Contains(notes, "there was no time") {
			t.Errorf("no note says that not all rows were looked at: %q", notes)
		}
	})
}
