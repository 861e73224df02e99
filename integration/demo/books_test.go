package demo

import (
	"slices"
	"testing"

	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/integration/servers"
)

func openTest(t *testing.T, fresh *servers.Database) *database.DB {
	t.Helper()
	db, err := database.Open(fresh.URL, "test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func script(t *testing.T, db *database.DB, text string) {
	t.Helper()
	if err := db.Script(t.Context(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// expandNaively adds the new shape and fills it, without dropping the old one.
func expandNaively(t *testing.T, db *database.DB) {
	t.Helper()
	d := dialectOf(db.Engine())
	kind := "varchar(200)"
	script(t, db, "ALTER TABLE customers ADD COLUMN first_name "+kind+", ADD COLUMN last_name "+kind)
	script(t, db, "UPDATE customers SET first_name = "+d.first+", last_name = "+d.last)
}

func TestCountInconsistent(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, fresh *servers.Database) {
		db := openTest(t, fresh)
		if err := openShop(t.Context(), db, 1000); err != nil {
			t.Fatal(err)
		}
		expandNaively(t, db)
		for _, step := range []struct {
			what, sql string
			want      int64
		}{
			{"just filled", "", 0},
			{"both parts have blanks", "UPDATE customers SET name = 'Mary Ann Smith', first_name = 'Mary Ann', last_name = 'Smith' WHERE id = 1", 0},
			{"a last name changed", "UPDATE customers SET last_name = 'Wirth' WHERE id = 2", 1},
			{"only its case", "UPDATE customers SET name = 'ADA LOVELACE', first_name = 'Ada', last_name = 'Lovelace' WHERE id = 2", 1},
			{"a blank at the end", "UPDATE customers SET name = 'Ada Lovelace ' , first_name = 'Ada', last_name = 'Lovelace' WHERE id = 2", 1},
			{"no first name", "UPDATE customers SET first_name = NULL WHERE id = 3", 2},
			{"no names at all", "UPDATE customers SET first_name = NULL, last_name = NULL WHERE id = 3", 2},
		} {
			if step.sql != "" {
				script(t, db, step.sql)
			}
			if got, err := countInconsistent(t.Context(), db); err != nil || got != step.want {
				t.Errorf("%s: %d rows are inconsistent, %v; should be %d", step.what, got, err, step.want)
			}
		}
	})
}

func TestReadFacts(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, fresh *servers.Database) {
		db := openTest(t, fresh)
		const seeded = 1000
		if err := openShop(t.Context(), db, seeded); err != nil {
			t.Fatal(err)
		}
		expandNaively(t, db)
		for _, step := range []struct {
			what, sql string
			want      facts
		}{
			{"as opened", "", facts{customers: 1000}},
			{"a sign-up", "INSERT INTO customers (name, first_name, last_name, email) VALUES ('Plato', 'Plato', '', 'x')", facts{customers: 1001}},
			{"a rename", "UPDATE customers SET first_name = 'Søren', revision = 1 WHERE id = 5", facts{customers: 1001, renames: 1}},
			{"a change by nobody", "UPDATE customers SET first_name = 'ada' WHERE id = 11", facts{customers: 1001, renames: 1, changed: 1}},
			{"no name", "UPDATE customers SET first_name = '' WHERE id = 1001", facts{customers: 1001, renames: 1, changed: 1, unnamed: 1}},
			{"half a name", "UPDATE customers SET last_name = NULL WHERE id = 5", facts{customers: 1001, renames: 1, changed: 1, unnamed: 2}},
		} {
			if step.sql != "" {
				script(t, db, step.sql)
			}
			if got, err := readFacts(t.Context(), db, seeded); err != nil || got != step.want {
				t.Errorf("%s: %+v, %v; should be %+v", step.what, got, err, step.want)
			}
		}
	})
}

// TestDescribeShop wants every difference in the schema to be seen.
func TestDescribeShop(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, fresh *servers.Database) {
		db := openTest(t, fresh)
		if err := migrateNaively(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		before, err := describeShop(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		changes := []string{
			"ALTER TABLE customers ADD COLUMN name varchar(10)",
			"CREATE INDEX customers_last ON customers (last_name)",
			"CREATE TABLE tombstone (id int PRIMARY KEY)",
			"ALTER TABLE orders ADD CONSTRAINT orders_small CHECK (amount_cents < 1000000000)",
			"ALTER TABLE customers ALTER COLUMN last_name SET DEFAULT 'x'",
		}
		if db.Engine() == database.Postgres {
			changes = append(changes, "ALTER TABLE customers ALTER COLUMN last_name DROP NOT NULL",
				"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
				"CREATE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION f()")
		} else {
			changes = append(changes, "ALTER TABLE customers MODIFY COLUMN last_name varchar(200)",
				"CREATE TRIGGER t BEFORE INSERT ON customers FOR EACH ROW SET NEW.revision = 0")
		}
		for _, change := range changes {
			script(t, db, change)
			after, err := describeShop(t.Context(), db)
			if err != nil {
				t.Fatal(err)
			}
			if len(difference(after, before)) == 0 {
				t.Errorf("nothing seen of: %s", change)
			}
			before = after
		}
	})
}

func TestDifference(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ got, want, lines []string }{
		"equal":   {[]string{"a", "b"}, []string{"a", "b"}, nil},
		"missing": {[]string{"a"}, []string{"a", "b"}, []string{"missing: b"}},
		"extra":   {[]string{"a", "b"}, []string{"a"}, []string{"extra: b"}},
		"order":   {[]string{"b", "a"}, []string{"a", "b"}, []string{"the same parts in another order"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if lines := difference(test.got, test.want); !slices.Equal(lines, test.lines) {
				t.Errorf("the difference is %q, should be %q", lines, test.lines)
			}
		})
	}
}
