package changes_test

import (
	"slices"
	"testing"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/integration/servers"
)

func all(t *testing.T, engine string) []changes.Change {
	t.Helper()
	all, err := changes.All(engine)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func names(all []changes.Change) []string {
	var names []string
	for _, change := range all {
		names = append(names, change.Name)
	}
	return names
}

func TestEveryEngineHasEveryKind(t *testing.T) {
	t.Parallel()
	want := names(all(t, servers.Postgres))
	for _, engine := range []string{servers.MySQL, servers.MariaDB} {
		if got := names(all(t, engine)); !slices.Equal(got, want) {
			t.Errorf("%s has %v, PostgreSQL %v", engine, got, want)
		}
	}
	if _, err := changes.All("oracle"); err == nil {
		t.Error("an unknown engine is no error")
	}
}

// TestRunsNaively runs every migration as psql and mysql would.
func TestRunsNaively(t *testing.T) {
	t.Parallel()
	for _, engine := range servers.Engines() {
		for _, change := range all(t, engine) {
			t.Run(engine+"/"+change.Name, func(t *testing.T) {
				t.Parallel()
				db := servers.Fresh(t, engine).Open(t)
				for _, text := range []string{change.Before, change.Migration} {
					if _, err := db.ExecContext(t.Context(), text); err != nil {
						t.Fatalf("%v\n%s", err, text)
					}
				}
			})
		}
	}
}
