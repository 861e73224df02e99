// Package measure is how the shop's replicas tell what their users see: counts and latencies, streamed as
// JSON lines while they serve.
package measure

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"
)

// Histogram counts latencies in buckets whose width is at most 1/32 of their value, so that histograms of
// several processes can be added up without losing the quantiles. The zero value is empty and ready to use.
// It is not safe for concurrent use.
type Histogram struct {
	buckets map[int]int64
	count   int64
	longest time.Duration
}

// Record counts one latency. Negative ones count as zero.
func (h *Histogram) Record(d time.Duration) {
	if h.buckets == nil {
		h.buckets = make(map[int]int64)
	}
	d = max(d, 0)
	h.buckets[bucket(d)]++
	h.count++
	h.longest = max(h.longest, d)
}

// Add counts everything that other has counted.
func (h *Histogram) Add(other Histogram) {
	if h.buckets == nil {
		h.buckets = make(map[int]int64, len(other.buckets))
	}
	for b, n := range other.buckets {
		h.buckets[b] += n
	}
	h.count += other.count
	h.longest = max(h.longest, other.longest)
}

// Count is how many latencies were recorded.
func (h *Histogram) Count() int64 { return h.count }

// Longest is the longest latency recorded, exact to the microsecond; 0 when there is none.
func (h *Histogram) Longest() time.Duration { return h.longest }

// Quantile returns the latency that the fraction q (0 to 1) of all requests did not exceed, at most 3 % too
// high; 0 when nothing was recorded.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int64(q * float64(h.count))
	var seen int64
	for _, b := range slices.Sorted(maps.Keys(h.buckets)) {
		seen += h.buckets[b]
		if seen > rank {
			return min(upperBound(b), h.longest)
		}
	}
	return h.longest
}

// bucket numbers are microseconds up to 63; above, every power of two has 32 buckets.
func bucket(d time.Duration) int {
	us := uint64(d / time.Microsecond)
	if us < 64 {
		return int(us)
	}
	exponent := bits.Len64(us) - 6
	return exponent*32 + int(us>>exponent)
}

func upperBound(bucket int) time.Duration {
	if bucket < 64 {
		return time.Duration(bucket+1)*time.Microsecond - 1
	}
	exponent := bucket/32 - 1
	mantissa := bucket - exponent*32
	return time.Duration(mantissa+1)<<exponent*time.Microsecond - 1
}

type histogramJSON struct {
	LongestMicroseconds int64      `json:"longest_us"`
	Buckets             [][2]int64 `json:"buckets"`
}

// MarshalJSON writes the longest latency in microseconds and [bucket, count] pairs.
func (h Histogram) MarshalJSON() ([]byte, error) {
	wire := histogramJSON{LongestMicroseconds: h.longest.Microseconds(), Buckets: [][2]int64{}}
	for _, b := range slices.Sorted(maps.Keys(h.buckets)) {
		wire.Buckets = append(wire.Buckets, [2]int64{int64(b), h.buckets[b]})
	}
	return json.Marshal(wire)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var wire histogramJSON
	if err := json.Unmarshal(data, &wire); err != nil {
		return fmt.Errorf("reading histogram: %w", err)
	}
	*h = Histogram{
		buckets: make(map[int]int64, len(wire.Buckets)),
		longest: time.Duration(wire.LongestMicroseconds) * time.Microsecond,
	}
	for _, pair := range wire.Buckets {
		h.buckets[int(pair[0])] += pair[1]
		h.count += pair[1]
	}
	return nil
}
