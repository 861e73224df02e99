package load

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"
)

// TestAStallShowsInEveryRequestThatWaited: what a loop that waits for its answers omits.
func TestAStallShowsInEveryRequestThatWaited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stalled := false
		g := Start(t.Context(), Options{Rate: 100, Connections: 1}, "stall", func(context.Context, *rand.Rand) error {
			if !stalled {
				stalled = true
				time.Sleep(time.Second)
			}
			return nil
		})
		time.Sleep(999 * time.Millisecond)
		g.Phase("after")
		time.Sleep(2 * time.Second)
		reports := g.Stop()
		stall, after := reports[0], reports[1]
		if stall.Requests != 100 || stall.Latency.Longest() != time.Second {
			t.Errorf("%d requests with a longest wait of %s, want 100 and 1s", stall.Requests, stall.Latency.Longest())
		}
		// They were due evenly, so their waits are spread evenly.
		if p50 := stall.Latency.Quantile(0.5); p50 < 490*time.Millisecond || p50 > 530*time.Millisecond {
			t.Errorf("half of the requests waited up to %s, want half a second", p50)
		}
		if n := len(stall.Slow); n != 99 { // the last one waited 10 ms
			t.Errorf("%d requests were kept as slow, want 99", n)
		}
		if after.Requests != 200 || after.Latency.Longest() != 0 {
			t.Errorf("after the stall, %d requests with a longest wait of %s, want 200 that did not wait", after.Requests, after.Latency.Longest())
		}
	})
}

func TestErrorsAreCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		n := 0
		g := Start(t.Context(), Options{Rate: 10, Connections: 1, Timeout: 50 * time.Millisecond}, "", func(ctx context.Context, _ *rand.Rand) error {
			n++
			switch n {
			case 2:
				return broken
			case 3:
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		time.Sleep(999 * time.Millisecond)
		r := g.Stop()[0]
		if r.Requests != 10 || r.Errors != 2 || !errors.Is(r.FirstError, broken) {
			t.Errorf("%d of %d requests failed, the first with %v; want 2 of 10, and %v", r.Errors, r.Requests, r.FirstError, broken)
		}
		if r.Latency.Longest() != 50*time.Millisecond {
			t.Errorf("a request took %s, want it to be given up after 50ms", r.Latency.Longest())
		}
	})
}

// TestNoMoreThanItCanHold: a server that never answers does not make the generator grow without bound.
func TestNoMoreThanItCanHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan struct{})
		g := Start(t.Context(), Options{Rate: 10, Connections: 1, Timeout: time.Hour}, "", func(context.Context, *rand.Rand) error {
			<-answer
			return nil
		})
		time.Sleep(90*time.Second - time.Millisecond)
		close(answer)
		r := g.Stop()[0]
		if r.Requests != 900 || r.Errors != 298 || !errors.Is(r.FirstError, ErrTooLate) {
			t.Errorf("%d of %d requests failed, the first with %v; want those of the last 30 s", r.Errors, r.Requests, r.FirstError)
		}
	})
}

func TestBeyond(t *testing.T) {
	t.Parallel()
	zero := time.Unix(0, 0)
	span := func(from, to int) Span {
		return Span{zero.Add(time.Duration(from) * time.Millisecond), zero.Add(time.Duration(to) * time.Millisecond)}
	}
	for name, c := range map[string]struct {
		slow, others []Span
		want         time.Duration
	}{
		"nothing":              {nil, []Span{span(0, 50)}, 0},
		"alone":                {[]Span{span(0, 300), span(10, 300)}, nil, 300 * time.Millisecond},
		"others at other time": {[]Span{span(0, 300)}, []Span{span(300, 500)}, 300 * time.Millisecond},
		"all waited":           {[]Span{span(0, 300)}, []Span{span(10, 290)}, 20 * time.Millisecond},
		"others waited longer": {[]Span{span(0, 300)}, []Span{span(0, 400)}, 0},
		"the shorter was ours": {[]Span{span(0, 300), span(1000, 1200)}, []Span{span(0, 250)}, 200 * time.Millisecond},
	} {
		if got := Beyond(c.slow, c.others); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

// TestReportsAddUp: what was measured at two times counts as one, of which nothing is lost.
func TestReportsAddUp(t *testing.T) {
	t.Parallel()
	zero, broken := time.Unix(0, 0), errors.New("broken")
	early := Report{Phase: "expand", From: zero, To: zero.Add(time.Second), Requests: 1, Slow: []Span{{zero, zero.Add(30 * time.Millisecond)}}}
	early.Latency.Record(30 * time.Millisecond)
	late := Report{Phase: "expand", From: zero.Add(5 * time.Second), To: zero.Add(6 * time.Second), Requests: 2, Errors: 1, FirstError: broken, Slow: []Span{{zero.Add(5 * time.Second), zero.Add(6 * time.Second)}}}
	late.Latency.Record(time.Second)
	late.Latency.Record(time.Millisecond)
	var sum Report
	for _, r := range []Report{late, early} {
		sum.Add(r)
	}
	if sum.Requests != 3 || sum.Errors != 1 || !errors.Is(sum.FirstError, broken) || len(sum.Slow) != 2 || sum.Latency.Count() != 3 || sum.Latency.Longest() != time.Second {
		t.Errorf("%+v", sum)
	}
	if !sum.From.Equal(early.From) || !sum.To.Equal(late.To) {
		t.Errorf("it lasted from %s to %s", sum.From, sum.To)
	}
}
