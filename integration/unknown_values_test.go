package integration

import (
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
)

// TestNothingIsDerivedOfWhatTriggersDoNotKnow: some values come behind the triggers that a server fires before a row is
// written, and some changes fire none. What a shadow write would derive of them would be wrong, so that is refused.
func TestNothingIsDerivedOfWhatTriggersDoNotKnow(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		if w.postgres() {
			w.exec(t, `CREATE TABLE t (id bigint PRIMARY KEY, name text, slug text GENERATED ALWAYS AS (lower(name)) STORED, seen int);
				CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.seen := length(NEW.slug); RETURN NEW; END';
				CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
				INSERT INTO t (id, name) VALUES (1, 'Ada');
				DROP TRIGGER f ON t`)
			if n := w.number(t, "SELECT count(*) FROM t WHERE slug = 'ada' AND seen IS NULL"); n != 1 {
				t.Error("the server's triggers know a generated column")
			}
		} else {
			w.exec(t, "CREATE TABLE owners (id int PRIMARY KEY)")
			w.exec(t, "CREATE TABLE t (id bigint AUTO_INCREMENT PRIMARY KEY, name varchar(20), slug varchar(20) AS (LOWER(name)) STORED, owner int, seen int, "+
				"FOREIGN KEY (owner) REFERENCES owners (id) ON DELETE SET NULL)")
			w.exec(t, "CREATE TRIGGER f BEFORE INSERT ON t FOR EACH ROW SET NEW.seen = NEW.id")
			w.exec(t, "INSERT INTO t (name) VALUES ('Ada')")
			w.exec(t, "DROP TRIGGER f")
			if n := w.number(t, "SELECT count(*) FROM t WHERE id = 1 AND seen = 0"); n != 1 {
				t.Error("the server's triggers know what it will count")
			}
		}
		c := w.cli(t, map[string]string{"0007_derive": "ALTER TABLE t ADD COLUMN handle varchar(20);\nUPDATE t SET handle = slug;\n"})
		contains(t, c.run(t, 1, "plan", "0007_derive").said(), "slug: it is ", "no trigger knows its value yet")
		if w.postgres() {
			return
		}
		for text, said := range map[string]string{
			"ALTER TABLE t ADD COLUMN place bigint;\nUPDATE t SET place = id;\n":              "column t.id: it is computed or counted (auto_increment)",
			"ALTER TABLE t ADD COLUMN owned int;\nUPDATE t SET owned = COALESCE(owner, 0);\n": "it changes rows of t when its parent changes",
		} {
			c := w.cli(t, map[string]string{"0007_derive": text})
			contains(t, c.run(t, 1, "plan", "0007_derive").said(), said)
		}
	})
}
