package integration

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// names_test.go: names that need quotes, that mean something to whoever writes
// SQL by concatenation, or that are as long as the server allows.

var oddNames = []string{
	"order", "User Profiles", "camelCase", "größe", "名前", "it's quo\"te quo`te back\\slash", "; -- /* %s $1 ? {migrations} */ new.old",
}

// longest is a name as long as the server lets it be: 63 bytes, or 64 characters.
func (w *world) longest() string {
	if w.postgres() {
		return "ü" + strings.Repeat("x", 61)
	}
	return "ü" + strings.Repeat("x", 63)
}

// TestOddNames takes a table of each name through one migration.
func TestOddNames(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		naive := w.fresh(t)
		var before, migration string
		for _, name := range append(oddNames, w.longest()) {
			b, m := oddMigration(w, name)
			before, migration = before+b, migration+m
		}
		for _, one := range []*world{w, naive} {
			one.exec(t, before)
		}
		naive.exec(t, migration)
		h := w.migrate(t, executor.Options{})
		if err := h.through(t.Context(), file(`0007 "größe" it's; -- odd`, migration)); err != nil {
			t.Fatal(err)
		}
		got, want := w.look(t), naive.look(t)
		if diff := cmp.Diff(want.Schema, got.Schema); diff != "" {
			t.Errorf("the schema is not that of the naive run (-naive +migrate):\n%s", diff)
		}
		if diff := cmp.Diff(want.Rows, got.Rows); diff != "" {
			t.Errorf("the rows are not those of the naive run (-naive +migrate):\n%s", diff)
		}
	})
}

// oddMigration renames, splits, retypes and drops in a table of that name, with
// columns and an index of that name.
func oddMigration(w *world, name string) (before, migration string) {
	odd := func(suffix string) string {
		r := []rune(name)
		if name == w.longest() {
			r = r[:len(r)-len(suffix)]
		}
		return w.quote(string(r) + suffix)
	}
	fill := strings.NewReplacer("{t}", odd(""), "{a}", odd("a"), "{b}", odd("b"), "{c}", odd("c"), "{d}", odd("d"), "{e}", odd("e"), "{f}", odd("f"), "{i}", odd("i"))
	before = fill.Replace(`CREATE TABLE {t} (
  id bigint PRIMARY KEY,
  {a} varchar(40) NOT NULL,
  {b} varchar(40) NOT NULL,
  {c} integer NOT NULL DEFAULT 7,
  {d} varchar(40)
);
CREATE INDEX {i} ON {t} ({a}, {c});
INSERT INTO {t} (id, {a}, {b}, {c}, {d}) VALUES (1, 'a', 'b', 1, 'd'), (2, 'it''s', 'ü', 2, NULL);
`)
	retype := "ALTER TABLE {t} ALTER COLUMN {c} TYPE bigint;"
	if !w.postgres() {
		retype = "ALTER TABLE {t} MODIFY COLUMN {c} bigint NOT NULL DEFAULT 7;"
	}
	return before, fill.Replace(`-- migrate:down {t}.{b} = lower({f})
ALTER TABLE {t} ADD COLUMN {f} varchar(40);
UPDATE {t} SET {f} = upper({b});
ALTER TABLE {t} RENAME COLUMN {a} TO {e};
` + retype + `
ALTER TABLE {t} DROP COLUMN {b};
ALTER TABLE {t} DROP COLUMN {d};
`)
}

// TestOddNamesAreShown: every view of a plan shows such names.
func TestOddNamesAreShown(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		before, migration := oddMigration(w, "Größe \"|x")
		w.exec(t, before)
		c := w.cli(t, map[string]string{"0007 größe": migration})
		for _, format := range []string{"text", "json", "markdown", "sql"} {
			contains(t, c.run(t, 0, "plan", "-o", format).stdout.String(), "Größe ")
		}
		c.run(t, 0, "expand", "0007 größe")
		contains(t, c.run(t, 0, "status").stdout.String(), "0007 größe")
		c.run(t, 0, "flag", "set", "0007 größe", "full")
		c.run(t, 0, "contract", "0007 größe", "--override", "soaked=a test has no time", "--grace", "0s")
		if s := c.status(t, "0007 größe"); s.State != executor.Done {
			t.Errorf("the end is %s, want done", s.State)
		}
	})
}
