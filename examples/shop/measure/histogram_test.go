package measure_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

// TestQuantile compares with the exact quantiles: never lower, at most 1/32 higher.
func TestQuantile(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for _, scale := range []time.Duration{30 * time.Microsecond, time.Millisecond, 3 * time.Second} {
		var h measure.Histogram
		exact := make([]time.Duration, 1000)
		for i := range exact {
			exact[i] = time.Duration(random.ExpFloat64() * float64(scale))
			h.Record(exact[i])
		}
		slices.Sort(exact)
		for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999} {
			want, got := exact[int(q*1000)], h.Quantile(q)
			highest := max(want+want/32, want+time.Microsecond)
			if got < want || got > highest {
				t.Errorf("scale %v: quantile %v is %v, should be %v to %v", scale, q, got, want, highest)
			}
		}
		if got, want := h.Quantile(1), exact[999]; got != want {
			t.Errorf("scale %v: quantile 1 is %v, should be the longest, %v", scale, got, want)
		}
	}
}

func TestHistogramsAddUp(t *testing.T) {
	t.Parallel()
	var one, two, both measure.Histogram
	for i := range 500 {
		d := time.Duration(i*i) * time.Microsecond
		both.Record(d)
		if i%3 == 0 {
			one.Record(d)
		} else {
			two.Record(d)
		}
	}
	var sum measure.Histogram
	sum.Add(one)
	sum.Add(two)
	if sum.Count() != both.Count() || sum.Longest() != both.Longest() {
		t.Errorf("the sum has %d latencies up to %v, should have %d up to %v", sum.Count(), sum.Longest(), both.Count(), both.Longest())
	}
	for _, q := range []float64{0.1, 0.5, 0.99} {
		if got, want := sum.Quantile(q), both.Quantile(q); got != want {
			t.Errorf("quantile %v of the sum is %v, should be %v", q, got, want)
		}
	}
}

func TestHistogramTravels(t *testing.T) {
	t.Parallel()
	var sent, received measure.Histogram
	for _, d := range []time.Duration{-time.Second, 0, 63 * time.Microsecond, 64 * time.Microsecond, time.Hour} {
		sent.Record(d)
	}
	text, err := json.Marshal(sent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &received); err != nil {
		t.Fatal(err)
	}
	if received.Count() != 5 || received.Longest() != time.Hour || received.Quantile(0.5) != sent.Quantile(0.5) {
		t.Errorf("received %s, which has %d latencies up to %v", text, received.Count(), received.Longest())
	}
}

func TestEmptyHistogram(t *testing.T) {
	t.Parallel()
	var h measure.Histogram
	if h.Quantile(0.99) != 0 || h.Longest() != 0 || h.Count() != 0 {
		t.Errorf("an empty histogram has p99 %v, longest %v, count %d", h.Quantile(0.99), h.Longest(), h.Count())
	}
}
