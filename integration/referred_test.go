package integration

import (
	"strings"
	"testing"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
)

// What others have tied to a table since it was made keeps it from being taken
// back, empty as it may be; tables that the migration made together do not.
func TestTableThatOthersReferToIsNotTakenBack(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		h := w.migrate(t, executor.Options{})
		f := file("0007_teams", `CREATE TABLE teams (id bigint PRIMARY KEY, captain bigint);
CREATE TABLE players (id bigint PRIMARY KEY, team bigint, CONSTRAINT plays_in FOREIGN KEY (team) REFERENCES teams (id));
ALTER TABLE teams ADD CONSTRAINT led_by FOREIGN KEY (captain) REFERENCES players (id);`)
		state, err := h.expand(t.Context(), f)
		reaches(t, executor.Done, state, err)
		w.exec(t, "CREATE TABLE games (id bigint PRIMARY KEY, home bigint, CONSTRAINT at_home FOREIGN KEY (home) REFERENCES teams (id))")
		before := w.look(t)
		if _, err := h.Rollback(t.Context(), f.Name); err == nil || !strings.Contains(err.Error(), w.either("games", "refer")) {
			t.Errorf("a table that another refers to is taken back: %v", err)
		}
		if !strings.Contains(strings.Join(w.look(t).Schema, "\n"), "teams") {
			t.Errorf("the table is gone; before:\n%s", strings.Join(before.Schema, "\n"))
		}
		w.exec(t, "DROP TABLE games")
		state, err = h.Rollback(t.Context(), f.Name)
		reaches(t, executor.RolledBack, state, err)
		if left := w.tables(t); len(left) != 0 {
			t.Errorf("tables are left: %v", left)
		}
	})
}
