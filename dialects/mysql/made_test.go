package mysql

import (
	"testing"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// After a crash the probe of the statement that was cut off decides: before each
// it must be false, and true behind it.
func TestProbesOfNewTablesTellBeforeFromAfter(t *testing.T) {
	const file = `CREATE TABLE made (id bigint NOT NULL, x int, y varchar(20)) ENGINE=InnoDB;
INSERT INTO made (id, x) VALUES (1, 1), (2, 2);
ALTER TABLE made ADD PRIMARY KEY (id), ADD UNIQUE (x);
ALTER TABLE made MODIFY id bigint NOT NULL AUTO_INCREMENT;
ALTER TABLE made ADD COLUMN z int, ADD INDEX y_index (y);
ALTER TABLE made CHANGE z zz bigint DEFAULT 1, DROP COLUMN y;
ALTER TABLE made ADD FOREIGN KEY (x) REFERENCES parents (id);
ALTER TABLE made ADD CONSTRAINT again FOREIGN KEY (zz) REFERENCES others (id);
ALTER TABLE made DROP FOREIGN KEY again;
ALTER TABLE made ADD CHECK (x > 0);
ALTER TABLE made ADD CONSTRAINT positive CHECK (zz > 0);
ALTER TABLE made DROP CONSTRAINT positive;
ALTER TABLE made RENAME INDEX x TO x_index;
CREATE INDEX both_index ON made (x, zz);
DROP INDEX both_index ON made;
RENAME TABLE made TO done;
ALTER TABLE done ADD COLUMN last int, RENAME TO gone;
DROP TABLE gone;`
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE parents (id int PRIMARY KEY) ENGINE=InnoDB", "CREATE TABLE others (id bigint PRIMARY KEY) ENGINE=InnoDB",
			"INSERT INTO parents VALUES (1), (2)", "INSERT INTO others VALUES (1)")
		p, err := planner.Plan(planner.Input{
			Dialect: b.d, Schema: b.schema("parents", "others"), Defaults: planner.StandardDefaults,
			File: planner.File{Name: "0007_made", Path: "0007_made.sql", Src: file},
		})
		if err != nil {
			t.Fatal(err)
		}
		probed := 0
		for _, step := range p.Steps(plan.Expand) {
			for _, st := range step.Statements {
				told := func(want string) {
					if st.Probe == "" {
						return
					}
					if got := b.text("SELECT IF((" + st.Probe + "), 'done', 'not done')"); got != want {
						t.Errorf("the probe says %s, it is %s:\n%s\n%s", got, want, st.SQL, st.Probe)
					}
				}
				told("not done")
				b.exec(st.SQL)
				told("done")
				if st.Probe != "" {
					probed++
				}
			}
		}
		if want := 16; probed != want {
			t.Errorf("%d statements have a probe, want %d", probed, want)
		}
	})
}
