package flags_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
)

const (
	key  = "users.split-name"
	name = "0007_split_name"
)

func TestTableHoldsUntilOpen(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.set(t, key, "full")
		got := w.get(t, key)
		if !got.Held || got.Effective() != flags.Off() || got.Reason != "held at the old path: no migration is tied to the flag" {
			t.Errorf("without a migration: %+v", got)
		}
		for state, live := range map[string]bool{
			"planned": false, "expanding": false, "backfilling": false, "verifying": false,
			"open": true, "contracting": true, "grace": true, "done": true,
			"rolled_back": false, "failed": false, "a state of a later version": false,
		} {
			w.migration(t, name, key, state)
			got := w.get(t, key)
			if got.Rollout != flags.Full() || got.Held == live {
				t.Errorf("while %s: %+v, want full and held %t", state, got, !live)
			}
			if want := flags.Off(); !live && got.Effective() != want {
				t.Errorf("while %s: effectively %v, want %v", state, got.Effective(), want)
			}
			if live && (got.Effective() != flags.Full() || got.Reason != "") {
				t.Errorf("while %s: effectively %v, reason %q; want full and none", state, got.Effective(), got.Reason)
			}
			if want := "held at the old path: migration " + name + " is " + state; !live && got.Reason != want {
				t.Errorf("while %s: reason %q, want %q", state, got.Reason, want)
			}
		}
	})
}

func TestTableWaitsForEveryMigrationOfTheFlag(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.set(t, key, "25%")
		w.migration(t, "0009_c", key, "expanding")
		w.migration(t, "0007_a", key, "open")
		w.migration(t, "0008_b", key, "failed")
		w.migration(t, "0001_other", "another.flag", "planned")
		got := w.get(t, key)
		if want := "held at the old path: migration 0008_b is failed, 0009_c is expanding"; !got.Held || got.Reason != want {
			t.Errorf("held %t, reason %q; want %q", got.Held, got.Reason, want)
		}
		w.migration(t, "0008_b", key, "open")
		if got := w.get(t, key); !got.Held {
			t.Errorf("not held while one of three migrations is expanding: %+v", got)
		}
		w.migration(t, "0009_c", key, "done")
		if got := w.get(t, key); got.Held || got.Effective().String() != "25%" {
			t.Errorf("held although all three are live: %+v", got)
		}
	})
}

// A contract that fails half way must not send the app back to columns that may
// be gone; an expand that fails must not let it use what is not filled.
func TestTableOfAFailedMigration(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.set(t, key, "full")
		w.migration(t, name, key, "open")
		for during, held := range map[string]bool{
			"expanding": true, "backfilling": true, "verifying": true, "": true,
			"open": false, "contracting": false, "grace": false,
		} {
			w.failed(t, name, during)
			if got := w.get(t, key); got.Held != held {
				t.Errorf("failed in %q: held %t (%s), want %t", during, got.Held, got.Reason, held)
			}
		}
	})
}

func TestTableOfAFlagNobodySet(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.set(t, "another.flag", "full")
		w.migration(t, name, key, "open")
		want := flags.State{Rollout: flags.Off(), Origin: w.origin}
		if got := w.get(t, key); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if got := w.get(t, "nowhere"); got.Rollout != flags.Off() || !got.Held {
			t.Errorf("got %+v, want off and held", got)
		}
	})
}

func TestTableKeepsSinceWhenTheFlagIsFull(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.migration(t, name, key, "open")
		steps := []struct {
			rollout string
			since   string // what becomes of FullSince: none, new, kept
		}{
			{"full", "new"},
			{"100%", "kept"},
			{"full", "kept"},
			{"99%", "none"},
			{"25%", "none"},
			{"full", "new"},
			{"off", "none"},
			{"0%", "none"},
			{"full", "new"},
			{"full", "kept"},
		}
		var last time.Time
		for i, step := range steps {
			before := w.now(t)
			w.set(t, key, step.rollout)
			after := w.now(t)
			got := w.get(t, key)
			if want, err := flags.Parse(step.rollout); err != nil || got.Rollout != want {
				t.Fatalf("step %d: stored %v, want %s", i, got.Rollout, step.rollout)
			}
			switch step.since {
			case "none":
				if !got.FullSince.IsZero() {
					t.Errorf("step %d, %s: full since %v", i, step.rollout, got.FullSince)
				}
			case "new":
				between(t, fmt.Sprintf("step %d: full since", i), got.FullSince, before, after)
			case "kept":
				if !got.FullSince.Equal(last) {
					t.Errorf("step %d: full since %v, want %v as before", i, got.FullSince, last)
				}
			}
			last = got.FullSince
			list, err := w.table.List(t.Context())
			if err != nil || len(list) != 1 {
				t.Fatalf("step %d: list %+v, %v", i, list, err)
			}
			between(t, fmt.Sprintf("step %d: updated at", i), list[0].UpdatedAt, before, after)
		}
	})
}

// TestTableRepairsARow has a row that somebody wrote by hand.
func TestTableRepairsARow(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.migration(t, name, key, "open")
		w.exec(t, fmt.Sprintf("INSERT INTO %s (name, percent, updated_at) VALUES ('%s', 100, '2020-01-01 00:00:00')", w.flagsName, key))
		if got := w.get(t, key); got.Rollout != flags.Full() || !got.FullSince.IsZero() {
			t.Errorf("got %+v, want full, and nobody knows since when", got)
		}
		before := w.now(t)
		w.set(t, key, "full")
		between(t, "full since", w.get(t, key).FullSince, before, w.now(t))

		w.exec(t, fmt.Sprintf("UPDATE %s SET percent = 101", w.flagsName))
		if got := w.get(t, key); got.Rollout != flags.Unknown() || !strings.Contains(got.Reason, "101%") || !got.FullSince.IsZero() {
			t.Errorf("got %+v, want unknown for 101 percent", got)
		}
		w.exec(t, fmt.Sprintf("UPDATE %s SET percent = 50", w.flagsName))
		if got := w.get(t, key); !got.FullSince.IsZero() {
			t.Errorf("full since %v at 50 percent", got.FullSince)
		}
		before = w.now(t)
		w.set(t, key, "full")
		between(t, "full since, after a break that left its time behind,", w.get(t, key).FullSince, before, w.now(t))
	})
}

// TestTableConcurrentSets starts many writers on a flag that has no row yet.
func TestTableConcurrentSets(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		all := func(key string, rollouts ...string) {
			var writers sync.WaitGroup
			start := make(chan struct{})
			for writer := range 16 {
				writers.Go(func() {
					rollout, err := flags.Parse(rollouts[writer%len(rollouts)])
					if err != nil {
						t.Error(err)
					}
					<-start
					if err := w.table.Set(t.Context(), key, rollout); err != nil {
						t.Error(err)
					}
				})
			}
			close(start)
			writers.Wait()
		}
		for round := range 5 {
			key := fmt.Sprintf("flag-%d", round)
			before := w.now(t)
			all(key, "full")
			since := w.get(t, key).FullSince
			between(t, "full since", since, before, w.now(t))
			all(key, "full")
			if got := w.get(t, key); !got.FullSince.Equal(since) {
				t.Errorf("full since %v after more writers of the same, want %v as before", got.FullSince, since)
			}
			all(key, "full", "50%", "off", "51%")
			if got := w.get(t, key); got.FullSince.IsZero() == (got.Rollout == flags.Full()) {
				t.Errorf("a torn row: %v, full since %v", got.Rollout, got.FullSince)
			}
		}
	})
}

// TestTableSurvivesAWriterInBetween lets another session insert the row between
// the update that found none and the insertion.
func TestTableSurvivesAWriterInBetween(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		db := &interloper{DB: w.db, before: "INSERT", do: func() { w.set(t, key, "25%") }}
		if err := flags.NewTable(db, w.tables).Set(t.Context(), key, flags.Full()); err != nil {
			t.Fatal(err)
		}
		if got := w.get(t, key); got.Rollout != flags.Full() || got.FullSince.IsZero() {
			t.Errorf("got %+v, want full since now", got)
		}
	})
}

// interloper does something once, before the first statement that begins so.
type interloper struct {
	*sql.DB
	before string
	do     func()
	once   sync.Once
}

func (i *interloper) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if strings.HasPrefix(query, i.before) {
		i.once.Do(i.do)
	}
	return i.DB.ExecContext(ctx, query, args...)
}

// TestTableSetsTheTimeOfTheMoment sets a flag late in a transaction, as after a
// long wait for a lock: the flag is full from then on, not from the beginning.
func TestTableSetsTheTimeOfTheMoment(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		tx, err := w.db.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback() }()
		table := flags.NewTable(tx, w.tables)
		if _, err := table.List(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, rollout := range []flags.Rollout{flags.Full(), flags.Off(), flags.Full()} {
			before := w.now(t)
			if err := table.Set(t.Context(), key, rollout); err != nil {
				t.Fatal(err)
			}
			got, err := table.Rollout(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if rollout == flags.Full() {
				between(t, "full since", got.FullSince, before, w.now(t))
			}
		}
	})
}

func TestTableKeys(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		for i, key := range []string{
			"o'clock", `say "when"`, `back\slash`, "back`tick", "$1 ? :x %d %s", "größe/日本", "a b", strings.Repeat("é", 191),
		} {
			rollout := partial(t, i+1)
			if err := w.table.Set(t.Context(), key, rollout); err != nil {
				t.Errorf("%q: %v", key, err)
				continue
			}
			if got := w.get(t, key); got.Rollout != rollout {
				t.Errorf("%q: got %v, want %v", key, got.Rollout, rollout)
			}
		}
	})
}

func TestTableList(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		if list, err := w.table.List(t.Context()); err != nil || len(list) != 0 {
			t.Errorf("an empty table lists %+v, %v", list, err)
		}
		w.set(t, "c.held", "full")
		w.set(t, "a.live", "25%")
		w.set(t, "d.untied", "off")
		w.migration(t, "0001_a", "a.live", "open")
		w.migration(t, "0002_b", "b.unset", "done")
		w.migration(t, "0003_c", "c.held", "verifying")
		w.migration(t, "0004_c", "c.held", "open")
		list, err := w.table.List(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, flag := range list {
			got = append(got, fmt.Sprintf("%s %v, held %t, updated %t, full since %t", flag.Key, flag.State.Rollout,
				flag.State.Held, !flag.UpdatedAt.IsZero(), !flag.State.FullSince.IsZero()))
			if state := w.get(t, flag.Key); state != flag.State {
				t.Errorf("%s: listed as %+v, read as %+v", flag.Key, flag.State, state)
			}
		}
		want := []string{
			"a.live 25%, held false, updated true, full since false",
			"b.unset off, held false, updated false, full since false",
			"c.held full, held true, updated true, full since true",
			"d.untied off, held true, updated true, full since false",
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

func TestTableWithOddNames(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, database *servers.Database) {
		w := newWorld(t, database, "Our \"own\" `tables`")
		w.migration(t, name, key, "open")
		w.set(t, key, "25%")
		if got := w.get(t, key); got.Effective().String() != "25%" || got.Origin != w.origin {
			t.Errorf("got %+v, want 25%% from %s", got, w.origin)
		}
	})
}

func TestTableThroughTheClient(t *testing.T) {
	t.Parallel()
	onEachServer(t, func(t *testing.T, w *world) {
		w.set(t, key, "full")
		w.migration(t, name, key, "backfilling")
		ask := func() bool { return flags.NewClient(w.table, flags.ClientConfig{}).Enabled(t.Context(), key, "42") }
		if ask() {
			t.Error("the new path is taken while the migration is backfilling")
		}
		w.migration(t, name, key, "open")
		if !ask() {
			t.Error("the old path is taken although the flag is full and the migration open")
		}
	})
}

func TestTableIsNotThere(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, database *servers.Database) {
		tables := map[bool]flags.Tables{true: flags.InSchema("migrate"), false: flags.WithPrefix("migrate_")}
		table := flags.NewTable(database.Open(t), tables[database.Engine == servers.Postgres])
		state, err := table.Rollout(t.Context(), key)
		if err == nil || !strings.Contains(err.Error(), `reading flag "users.split-name" from table migrate`) || state.Rollout != flags.Unknown() {
			t.Errorf("got %+v, %v; want unknown and an error that names flag and table", state, err)
		}
		if _, err := table.List(t.Context()); err == nil || !strings.Contains(err.Error(), "reading flags from table migrate") {
			t.Errorf("listing: %v", err)
		}
		if err := table.Set(t.Context(), key, flags.Full()); err == nil || !strings.Contains(err.Error(), `setting flag "users.split-name" in table migrate`) {
			t.Errorf("setting: %v", err)
		}
		client := flags.NewClient(table, flags.ClientConfig{})
		if client.Enabled(t.Context(), key, "42") {
			t.Error("an application that starts before migrate takes the new path")
		}
	})
}

// TestTableRefuses needs no server: what is refused never reaches one.
func TestTableRefuses(t *testing.T) {
	t.Parallel()
	table := flags.NewTable(nil, flags.InSchema("migrate"))
	if err := table.Set(t.Context(), key, flags.Unknown()); err == nil || !strings.Contains(err.Error(), "no rollout that can be set") {
		t.Errorf("setting unknown: %v", err)
	}
	for key, want := range map[string]string{
		"":                       "is not empty",
		"a\xff":                  "is UTF-8",
		" a":                     "no space at its ends",
		"a\n":                    "no space at its ends",
		"a\x00b":                 "no control characters",
		strings.Repeat("é", 192): "at most 191 characters",
	} {
		if err := table.Set(t.Context(), key, flags.Full()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("setting %q: %v, want an error that says %q", key, err, want)
		}
		if state, err := table.Rollout(t.Context(), key); err == nil || !strings.Contains(err.Error(), want) || state.Rollout != flags.Unknown() {
			t.Errorf("reading %q: %+v, %v; want unknown and an error that says %q", key, state, err, want)
		}
	}
}
