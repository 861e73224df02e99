package integration

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner/plan"
)

// reading counts the walks over tables on a replica.
type reading struct {
	executor.Session
	walks atomic.Int64
}

// Walk implements executor.Session.
func (r *reading) Walk(ctx context.Context, c plan.Chunks) (executor.Walker, error) {
	r.walks.Add(1)
	return r.Session.Walk(ctx, c)
}

// A replica is compared when it has caught up, and what it finds is looked at
// again where it counts.
func TestVerifyOnAReplica(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	for _, target := range servers.Matrix() {
		t.Run(target.Engine, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, target.Engine)
			const rows = 500
			bigTable(t, p.world, rows)
			f := file("0007_double", addB)
			h := p.migrate(t, executor.Options{})
			// migrate's first run: the replica has not even been told of its tables.
			p.stop(t)
			state, err := h.expand(t.Context(), f)
			reaches(t, executor.Open, state, err)

			open, err := p.engine.Open(t.Context(), p.replicaURL, dialects.Options{Application: "migrate", MaxConns: 4})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = open.Close() }()
			replica := &reading{Session: open}
			on := p.migrate(t, executor.Options{VerifyOn: replica})
			verify := func() executor.Verified {
				t.Helper()
				found, err := on.Verify(t.Context(), f.Name, executor.RepairNone)
				if err != nil || len(found) != 1 {
					t.Fatalf("the verification gives %+v, %v", found, err)
				}
				return found[0]
			}
			verifyBehind := func() executor.Verified {
				t.Helper()
				found := make(chan executor.Verified, 1)
				go func() { defer close(found); found <- verify() }()
				select {
				case v := <-found:
					t.Fatalf("a replica that stands is compared: %+v", v)
				case <-time.After(time.Second):
				}
				p.start(t)
				return <-found
			}
			if v := verifyBehind(); v.Rows != rows || v.Mismatches != 0 || v.OnReplica != 0 || replica.walks.Load() != 1 {
				t.Errorf("of %d rows that agree: %+v, after %d walks on the replica", rows, v, replica.walks.Load())
			}

			// A row of which the two shapes disagree, behind the back of the triggers,
			// while the replica stands: only once it has come along is it compared.
			p.stop(t)
			p.behindBack(t, h, "UPDATE t SET b = 100 WHERE id = 3")
			p.behindBack(t, h, "UPDATE t SET b = NULL WHERE id = 4")
			v := verifyBehind()
			// Several workers find them.
			slices.Sort(v.Sample)
			slices.SortFunc(v.Differences, func(a, b executor.Sampled) int { return strings.Compare(a.Key, b.Key) })
			if v.Mismatches != 2 || v.OnReplica != 0 {
				t.Errorf("of two rows that disagree: %+v", v)
			}
			three, four, hundred := "3", "4", "100"
			want := []executor.Sampled{
				{Key: "id=3", Values: []executor.Value{{Column: "a", Value: &three}, {Column: "b", Value: &hundred}}},
				{Key: "id=4", Values: []executor.Value{{Column: "a", Value: &four}, {Column: "b"}}},
			}
			if diff := cmp.Diff(want, v.Differences); diff != "" {
				t.Errorf("the differences are told otherwise (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff([]string{"id=3", "id=4"}, v.Sample); diff != "" {
				t.Errorf("the keys are told otherwise (-want +got):\n%s", diff)
			}

			// What is no replica is refused, before anything is read.
			stranger, err := p.engine.Open(t.Context(), servers.Fresh(t, target.Engine).URL, dialects.Options{Application: "migrate", MaxConns: 2})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stranger.Close() }()
			_, err = p.migrate(t, executor.Options{VerifyOn: stranger}).Verify(t.Context(), f.Name, executor.RepairNone)
			if err == nil || !strings.Contains(err.Error(), "verifying on the replica") {
				t.Errorf("another database is taken for a replica: %v", err)
			}
		})
	}
}

// behindBack writes past the shadow-write triggers.
func (w *world) behindBack(t *testing.T, h *hand, statement string) {
	t.Helper()
	conn, err := h.session.DB().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	tx, err := h.session.Begin(t.Context(), conn, executor.Bounds{Bypass: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}
