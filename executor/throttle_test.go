package executor

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

func TestHoldsAboveTheLimitAndGoesOnBelowTheResumeValue(t *testing.T) {
	t.Parallel()
	at := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		name   string
		limit  Limit
		values []float64
		held   string // per value: H or -
	}{
		{"80 % of the limit by default", Limit{Above: 10}, []float64{9, 10, 10.5, 9, 8.5, 8, 9, 11}, "--HHH--H"},
		{"a resume value of one's own", Limit{Above: 10, Resume: at(3)}, []float64{11, 8, 3.1, 3, 10}, "HHH--"},
		{"a resume value above the limit means the limit", Limit{Above: 10, Resume: at(99)}, []float64{11, 10.5, 10}, "HH-"},
		{"a limit of zero", Limit{}, []float64{0, 1, 0}, "-H-"},
		{"a negative limit", Limit{Above: -10}, []float64{-10, -9, -9.5, -10}, "-HH-"},
		{"a boolean", Limit{}, []float64{math.Inf(-1), math.Inf(1), math.Inf(-1)}, "-H-"},
	} {
		g := &gauge{name: "load", limit: c.limit, show: showNumber}
		held := ""
		for _, v := range c.values {
			if reason, pending := g.verdict(v, "", nil); pending {
				t.Errorf("%s: %g is pending", c.name, v)
			} else if reason != "" {
				held += "H"
			} else {
				held += "-"
			}
		}
		if held != c.held {
			t.Errorf("%s: %v is %s, want %s", c.name, c.values, held, c.held)
		}
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		gauge  gauge
		before float64
		value  float64
		of     string
		err    error
		want   string
	}{
		{"above", gauge{name: "replica lag", limit: Limit{Above: 5}, show: showSeconds}, 0, 12.34, "db2:5432", nil, "replica lag 12.3s > 5.0s (db2:5432)"},
		{"on the way down", gauge{name: "log rate", limit: Limit{Above: 2e6}, show: showBytes}, 3e6, 1.9e6, "", nil, "log rate 1.9 MB, goes on at 1.6 MB"},
		{"boolean", gauge{name: "query", show: showNumber}, 0, math.Inf(1), "", nil, "query is true"},
		{"without a number", gauge{name: "autovacuum", limit: Limit{Above: 0.5}}, 0, 1, "it works on the table", nil, "autovacuum (it works on the table)"},
		{"failing", gauge{name: "query"}, 0, 0, "", errors.New("no\n such table"), "query cannot be measured: no such table"},
		{"failing, but told to go on", gauge{name: "query", tolerant: true}, 1, 0, "", errors.New("no such table"), ""},
		{"too late", gauge{name: "query"}, 0, 0, "", context.DeadlineExceeded, "query cannot be measured: no answer in time"},
		{"vanished, although errors are ignored", gauge{name: "replica lag", tolerant: true}, 0, 0, "db2", errVanished, "replica (db2) has vanished"},
		{"not known any more", gauge{name: "log rate", limit: Limit{Above: 1}, show: showNumber}, 2, 0, "", errPending, "log rate is not known again yet"},
	} {
		g := c.gauge
		g.held = c.before > g.limit.Above
		if got, pending := g.verdict(c.value, c.of, c.err); got != c.want || pending {
			t.Errorf("%s: %q (pending: %t), want %q", c.name, got, pending, c.want)
		}
	}
	g := gauge{name: "log rate", limit: Limit{Above: 1}}
	if reason, pending := g.verdict(0, "", errPending); reason != "" || !pending {
		t.Errorf("what is not known yet holds with %q", reason)
	}
}

func TestRateOfACounter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var counter float64
		rate := perSecond(func(context.Context) (float64, string, error) { return counter, "", nil }, 3*time.Second)
		step := func(after time.Duration, to float64) (float64, error) {
			time.Sleep(after)
			counter = to
			v, _, err := rate(t.Context())
			return v, err
		}
		for i, c := range []struct {
			after time.Duration
			to    float64
			want  float64
			err   error
		}{
			{0, 1000, 0, errPending},
			{time.Second, 3000, 2000, nil},
			{500 * time.Millisecond, 3500, 1000, nil},
			{time.Second, 100, 0, errPending}, // the server was started again
			{time.Second, 150, 50, nil},
			{time.Minute, 1e9, 0, errPending}, // nobody has looked for long
		} {
			if got, err := step(c.after, c.to); got != c.want || !errors.Is(err, c.err) {
				t.Errorf("%d: %g, %v, want %g, %v", i, got, err, c.want, c.err)
			}
		}
	})
}

func TestAnswersOfAQuery(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		answer any
		want   float64
		err    string
	}{
		{int64(3), 3, ""},
		{2.5, 2.5, ""},
		{[]byte("17.25"), 17.25, ""},
		{" 8 ", 8, ""},
		{true, math.Inf(1), ""},
		{false, math.Inf(-1), ""},
		{nil, 0, "it returned NULL"},
		{"hunter2", 0, "it returned neither a number nor a boolean"},
		{time.Now(), 0, "it returned neither a number nor a boolean"},
	} {
		got, err := number(c.answer)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%v is %g, %v; want %g, %q", c.answer, got, err, c.want, c.err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	var answer atomic.Int64
	stuck := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := int(answer.Load())
		if status == 0 {
			select {
			case <-stuck:
			case <-r.Context().Done():
			}
			return
		}
		w.WriteHeader(status)
	}))
	defer server.Close()
	defer close(stuck)
	g := httpGauge{url: server.URL + "/may-i?token=hunter2", client: server.Client()}
	if name := g.name(); strings.Contains(name, "hunter2") || !strings.HasSuffix(name, "/may-i") {
		t.Errorf("the endpoint is shown as %s", name)
	}
	for _, c := range []struct {
		status int
		value  float64
		fails  string
	}{
		{200, 0, ""}, {429, 1, ""}, {503, 1, ""}, {500, 0, "it answered 500"}, {204, 0, "it answered 204"}, {0, 0, "deadline"},
	} {
		answer.Store(int64(c.status))
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		value, _, err := g.measure(ctx)
		cancel()
		if value != c.value || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
			t.Errorf("an answer of %d is %g, %v", c.status, value, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the URL: %v", err)
		}
	}
}

func TestTrailTellsTheLag(t *testing.T) {
	t.Parallel()
	var tr trail
	start := time.Now()
	after := func(s float64) time.Time { return start.Add(seconds(s)) }
	for s, place := range []int64{100, 200, 200, 300} { // a second apart
		tr.add(after(float64(s)), place)
	}
	for _, c := range []struct {
		seen int64
		lag  time.Duration
		ok   bool
	}{
		{300, 0, true},
		{301, 0, true},
		{299, time.Second, true},
		{200, time.Second, true},
		{199, 3 * time.Second, true}, // 200 was reached after one second, and stayed
		{100, 3 * time.Second, true},
		{99, 4 * time.Second, false}, // from before the trail: maybe more
	} {
		if lag, ok := tr.lag(after(4), c.seen); lag != c.lag || ok != c.ok {
			t.Errorf("at %d the lag is %s (known: %t), want %s (%t)", c.seen, lag, ok, c.lag, c.ok)
		}
	}
	for i := range int64(3 * mostMarks) {
		tr.add(after(float64(i+10)), 1000+i)
	}
	if len(tr.marks) > mostMarks {
		t.Errorf("the trail has grown to %d marks", len(tr.marks))
	}
	if lag, ok := tr.lag(after(10+3*mostMarks), 1000+mostMarks); !ok || lag < seconds(2*mostMarks-40) || lag > seconds(2*mostMarks) {
		t.Errorf("after the trail got coarser, the lag is %s (known: %t)", lag, ok)
	}
}

// meter is a Session that measures nothing but what a test says.
type meter struct {
	Session
	place    int64
	standbys []Standby
}

func (m *meter) Workers(context.Context) (int, string, error) { return 3, "the test says so", nil }
func (m *meter) Cores(context.Context) (int, error)           { return 0, nil }
func (m *meter) Measures(q Quantity) bool                     { return q == StandbyLag }
func (m *meter) Measure(context.Context, Quantity, string) (float64, string, error) {
	return 0, "", ErrNotMeasured
}

func (m *meter) Standbys(context.Context) (int64, []Standby, error) {
	return m.place, m.standbys, nil
}

func TestStandbys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &meter{}
		same := func(err error) error { return err }
		s := &standbys{meter: m, redact: same, limit: 5 * time.Second}
		lenient := &standbys{meter: m, redact: same, limit: 5 * time.Second, ignoreVanished: true}
		at := func(place int64, all ...Standby) {
			time.Sleep(time.Second)
			m.place, m.standbys = place, all
		}
		want := func(s *standbys, lag float64, of string, err error) {
			t.Helper()
			if got, who, e := s.lag(t.Context()); got != lag || who != of || !errors.Is(e, err) {
				t.Errorf("the lag is %g (%s), %v; want %g (%s), %v", got, who, e, lag, of, err)
			}
		}
		at(100)
		want(s, 0, "", nil) // no standby, no lag
		want(lenient, 0, "", nil)
		at(200, Standby{"a", 50}, Standby{"b", 200})
		want(s, 0, "", errPending) // a is before everything that we know
		want(lenient, 0, "", errPending)
		at(300, Standby{"a", 100}, Standby{"b", 300})
		want(s, 1, "a", nil)
		want(lenient, 1, "a", nil)
		at(400, Standby{"a", 100}, Standby{"b", 400})
		want(s, 2, "a", nil) // it stands still, and the lag grows
		want(lenient, 2, "a", nil)
		at(500, Standby{"b", 500})
		want(s, 0, "a", errVanished)
		want(s, 0, "a", errVanished) // and stays so
		want(lenient, 0, "b", nil)
		at(500, Standby{"a", 500}, Standby{"b", 500})
		want(s, 0, "a", nil) // it is back
	})
}

// What the engine cannot measure is refused, not left out silently.
func TestThrottleMustBeUsable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		throttle Throttle
		s        Session
		want     string
	}{
		{"nothing", Throttle{}, nil, ""},
		{"unknown here", Throttle{SlotRetention: Limit{Above: 1}}, &meter{}, "this engine has no log kept for a replication slot"},
		{"no meter at all", Throttle{Autovacuum: true}, nil, "this engine has no autovacuum"},
		{"standbys are known", Throttle{ReplicaLag: Limit{Above: 1}}, &meter{}, ""},
		{"standbys are not known", Throttle{ReplicaLag: Limit{Above: 1}}, nil, "does not know how far its replicas are behind"},
		{"replicas by URL need no meter", Throttle{ReplicaLag: Limit{Above: 1}, Replicas: []ReplicaSource{{Name: "a"}}}, nil, ""},
		{"replicas without a limit", Throttle{Replicas: []ReplicaSource{{Name: "a"}}}, &meter{}, "no limit of their lag"},
	} {
		err := (&Executor{s: c.s, o: Options{Throttle: c.throttle}}).throttleUsable()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

// steered is a steering that a test measures for, and the events it reports.
type steered struct {
	*steering
	events  []Throttled
	gaveWay []GaveWay
	notes   []string
	// remarked is what status was told of giving way.
	remarked []string
}

// Report implements Reporter.
func (s *steered) Report(e Event) {
	switch e := e.(type) {
	case Throttled:
		s.events = append(s.events, e)
	case GaveWay:
		s.gaveWay = append(s.gaveWay, e)
	}
}

func newSteered(o Options) *steered {
	out := &steered{}
	out.steering = &steering{
		e:       &Executor{o: o, r: &serialReporter{to: out}, st: &store{}},
		changed: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	out.holds.write = func(_ context.Context, w word) error {
		out.notes = append(out.notes, w.why)
		return nil
	}
	out.obey(orders{workers: 1, target: time.Second})
	return out
}

func someWalk() *walk {
	return &walk{run: &run{rec: &record{Name: "m"}}, step: "backfill-1", what: "backfill", chunks: plan.Chunks{Label: "t", Table: `"t"`}}
}

func TestAHoldIsToldOnceAndLastsAnInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSteered(Options{Throttle: Throttle{Every: time.Second}})
		s.blind = true
		type load struct {
			value float64
			fails error
		}
		var now atomic.Pointer[load]
		now.Store(&load{})
		var samples, passed atomic.Int64
		sm := &sampler{
			every: time.Second, timeout: time.Second,
			gauges: []*gauge{{name: "load", cause: CauseQuery, limit: Limit{Above: 10}, show: showNumber, measure: func(context.Context) (float64, string, error) {
				samples.Add(1)
				l := now.Load()
				return l.value, "", l.fails
			}}},
			tell: func(why hold, known bool) { s.measured(t.Context(), why, known) },
		}
		ctx, cancel := context.WithCancel(t.Context())
		go sm.loop(ctx, s.walking, s.wake)
		synctest.Wait()
		if samples.Load() != 0 {
			t.Fatal("it is measured although nothing is walked")
		}
		s.begin(ctx, someWalk())
		go func() {
			for s.pass(ctx) == nil {
				passed.Add(1)
				time.Sleep(100 * time.Millisecond)
			}
		}()
		synctest.Wait()
		if n := passed.Load(); n != 1 {
			t.Fatalf("after the first measurement %d passed", n)
		}
		advance := func(d time.Duration, v float64, err error) int64 {
			now.Store(&load{v, err})
			before := passed.Load()
			time.Sleep(d)
			synctest.Wait()
			return passed.Load() - before
		}
		if n := advance(2*time.Second, 5, nil); n < 19 {
			t.Errorf("below the limit only %d passed in two seconds", n)
		}
		advance(time.Second, 11, nil)
		for v := 12.0; v < 20; v++ {
			if n := advance(time.Second, v, nil); n != 0 {
				t.Errorf("at %g %d passed", v, n)
			}
		}
		if n := advance(2*time.Second, 9, nil); n != 0 {
			t.Errorf("between the resume value and the limit %d passed", n)
		}
		if n := advance(2*time.Second, 0, errors.New("the server is away")); n != 0 {
			t.Errorf("while nothing can be measured %d passed", n)
		}
		if n := advance(2*time.Second, 8, nil); n < 9 {
			t.Errorf("at the resume value only %d passed in two seconds", n)
		}
		cancel()
		time.Sleep(time.Second)
		synctest.Wait()
		if len(s.events) != 2 || s.events[0].Reason != "load 11 > 10" || s.events[1].Reason != "" || s.events[1].Held < 12*time.Second ||
			!slices.Equal(s.events[0].Causes, []Cause{CauseQuery}) || len(s.events[1].Causes) > 0 {
			t.Errorf("the hold was reported as %+v", s.events)
		}
		if want := "load 9, goes on at 8"; !contains(s.notes, want) || !contains(s.notes, "load cannot be measured: the server is away") || s.notes[len(s.notes)-1] != "" {
			t.Errorf("status was told %q", s.notes)
		}
	})
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// A measurement that hangs does not hang the sampler.
func TestMeasurementsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told hold
		sm := &sampler{
			every: time.Second, timeout: 300 * time.Millisecond,
			gauges: []*gauge{
				{name: "slow", cause: CauseReplicaLag, lane: "a", measure: func(ctx context.Context) (float64, string, error) {
					<-ctx.Done()
					return 0, "", ctx.Err()
				}},
				{name: "behind it", lane: "a", tolerant: true, measure: func(ctx context.Context) (float64, string, error) { return 0, "", ctx.Err() }},
				{name: "beside it", cause: CauseActiveSessions, lane: "b", limit: Limit{Above: 1}, show: showNumber, measure: func(context.Context) (float64, string, error) { return 2, "", nil }},
				{name: "like slow", cause: CauseReplicaLag, lane: "c", measure: func(context.Context) (float64, string, error) { return 0, "", errVanished }},
			},
			tell: func(why hold, _ bool) { told = why },
		}
		begun := time.Now()
		sm.sample(t.Context())
		if took := time.Since(begun); took != 300*time.Millisecond {
			t.Errorf("a sample took %s", took)
		}
		want := hold{
			"slow cannot be measured: no answer in time; beside it 2 > 1; replica has vanished",
			[]Cause{CauseActiveSessions, CauseReplicaLag},
		}
		if !reflect.DeepEqual(told, want) {
			t.Errorf("told %+v, want %+v", told, want)
		}
	})
}
