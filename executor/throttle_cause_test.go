package executor

import (
	"context"
	"slices"
	"testing"
)

// allMeter knows every quantity.
type allMeter struct{ Session }

func (allMeter) Workers(context.Context) (int, string, error) { return 1, "", nil }
func (allMeter) Cores(context.Context) (int, error)           { return 0, nil }
func (allMeter) Measures(Quantity) bool                       { return true }
func (allMeter) Measure(context.Context, Quantity, string) (float64, string, error) {
	return 0, "", nil
}
func (allMeter) Standbys(context.Context) (int64, []Standby, error) { return 0, nil, nil }

// Whatever is measured has a cause of its own, or programs could not tell what holds.
func TestEveryGaugeHasACause(t *testing.T) {
	t.Parallel()
	some := Limit{Above: 1}
	e := &Executor{s: allMeter{}, o: Options{Throttle: Throttle{
		ReplicaLag: some, ActiveSessions: some, LogRate: some, SlotRetention: some, DeadRows: some,
		HistoryLength: some, Autovacuum: true, Query: "SELECT 1", URL: "http://localhost/may-i",
	}}}
	p := &pulse{e: e, replicas: []*replica{{ReplicaSource: ReplicaSource{Name: "r"}}}}
	var causes []Cause
	for _, g := range e.gauges(p, func() string { return "" }) {
		causes = append(causes, g.cause)
	}
	want := []Cause{
		CauseReplicaLag, CauseReplicaLag, // of the replica named, and of those that the server knows
		CauseActiveSessions, CauseLogRate, CauseSlotRetention, CauseDeadRows, CauseAutovacuum, CauseHistoryList,
		CauseQuery, CauseHTTP,
	}
	if !slices.Equal(causes, want) {
		t.Errorf("the causes are %v, want %v", causes, want)
	}
}
