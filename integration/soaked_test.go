package integration

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/integration/servers"
)

// TestSoakIsBrokenByWhatExpandSees: a flag that its source does not remember the time of, and that an expand or rollback has seen
// off, has not been full since before.
func TestSoakIsBrokenByWhatExpandSees(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		bigTable(t, w, 10)
		set := flags.Off()
		h := w.migrate(t, executor.Options{Flags: flags.SourceFunc(func(context.Context, string) (flags.State, error) {
			return flags.State{Rollout: set, Origin: "a test"}, nil
		})})
		const soak = 3 * time.Second
		f := file("0007_double", "-- migrate:soak 3s\n"+addB[len("-- migrate:soak 0s\n"):])
		expand := func() {
			t.Helper()
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)
		}
		blocked := func(when string) {
			t.Helper()
			none := time.Duration(0)
			gate := (*executor.GateError)(nil)
			if state, err := h.Contract(t.Context(), f.Name, &none); !errors.As(err, &gate) {
				t.Fatalf("%s, contract ends with %v in state %s", when, err, state)
			}
		}
		expand()
		set = flags.Full()
		blocked("when the flag is seen full for the first time")
		set = flags.Off()
		if _, err := h.Rollback(t.Context(), f.Name); err != nil {
			t.Fatal(err)
		}
		expand()
		time.Sleep(soak + 500*time.Millisecond)
		set = flags.Full()
		blocked("when the flag was off in between")
		time.Sleep(soak + 500*time.Millisecond)
		none := time.Duration(0)
		state, err := h.Contract(t.Context(), f.Name, &none)
		reaches(t, executor.Done, state, err)
	})
}
