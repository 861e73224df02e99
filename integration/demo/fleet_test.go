package demo

import (
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/expandcontract/migrate/examples/shop/measure"
	"github.com/expandcontract/migrate/integration/servers"
)

// testFleet is a fleet of real replicas on a real shop.
func testFleet(t *testing.T, report func(measure.Report)) *fleet {
	t.Helper()
	fresh := servers.Fresh(t, servers.Postgres)
	if err := openShop(t.Context(), openTest(t, fresh), 100); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	opts := Options{ReplicaCommand: []string{self, "demo-replica"}, Replicas: 2, Customers: 100, Rate: 50}
	f := newFleet(opts, fresh.URL, report)
	t.Cleanup(func() {
		if err := f.abandon(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func begin(t *testing.T, f *fleet, version string, slot int) *replica {
	t.Helper()
	r, err := f.start(version, slot)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.serving:
	case <-r.ended:
		t.Fatalf("%s does not serve: %v", r, r.failure())
	}
	return r
}

func TestFleet(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	f := testFleet(t, func(r measure.Report) { requests.Add(r.Requests) })
	old := begin(t, f, "v1", 0)
	begin(t, f, "v2", 1)
	if got := f.versions(); got["v1"] != 1 || got["v2"] != 1 {
		t.Errorf("running are %v", got)
	}
	if err := f.stop(old); err != nil {
		t.Error(err)
	}
	if got := f.versions(); got["v1"] != 0 || got["v2"] != 1 {
		t.Errorf("after one was stopped, running are %v", got)
	}
	if err := f.stopAll(); err != nil {
		t.Error(err)
	}
	if len(f.list()) != 0 || requests.Load() == 0 {
		t.Errorf("%d replicas still run; %d requests were reported", len(f.list()), requests.Load())
	}
	select {
	case err := <-f.died:
		t.Errorf("a replica that was asked to stop counts as dead: %v", err)
	default:
	}
}

func TestFleetNoticesDeath(t *testing.T) {
	t.Parallel()
	f := testFleet(t, func(measure.Report) {})
	victim := begin(t, f, "v1", 0)
	if err := victim.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := <-f.died; !strings.Contains(err.Error(), "replica 0 (v1) died: signal: killed") {
		t.Errorf("the death is told as %v", err)
	}
}

func TestFleetTellsWhyAReplicaDidNotStart(t *testing.T) {
	t.Parallel()
	f := testFleet(t, func(measure.Report) {})
	if _, err := f.start("v3", 0); err != nil {
		t.Fatal(err)
	}
	if err := <-f.died; !strings.Contains(err.Error(), `there is no version "v3"`) {
		t.Errorf("the death is told as %v", err)
	}
}
