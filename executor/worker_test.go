package executor

import (
	"slices"
	"testing"
	"time"
)

func TestChunkSizeFollowsTheTarget(t *testing.T) {
	t.Parallel()
	target := 200 * time.Millisecond
	for _, c := range []struct {
		name string
		size int64
		took time.Duration
		want int64
	}{
		{"on target stays", 1000, target, 1000},
		{"twice as fast doubles", 1000, target / 2, 2000},
		{"much faster only doubles", 1000, target / 100, 2000},
		{"a little slow shrinks in proportion", 1000, 2 * target, 500},
		{"slow shrinks to a quarter", 1000, 9 * target / 2, 250},
		{"five times as long shrinks at once", 1000, 5 * target, 100},
		{"and the more, the longer it took", 1000, 8 * target, 62},
		{"never below the least", minChunk, 100 * target, minChunk},
		{"never above the most", maxChunk, target / 10, maxChunk},
		{"no time at all", 1000, 0, 2000},
	} {
		w := &worker{walk: &walk{}, size: c.size}
		w.adapt(c.took, target)
		if w.size != c.want {
			t.Errorf("%s: %d rows, want %d", c.name, w.size, c.want)
		}
	}
}

// TestSlowPiecesMakeTheNextOnesSmaller: pieces that came to their bound are followed by ones that keep a
// distance from it, and the distance goes when nothing happens.
func TestSlowPiecesMakeTheNextOnesSmaller(t *testing.T) {
	t.Parallel()
	const target = 200 * time.Millisecond
	w := &worker{size: 1000}
	aims := []time.Duration{w.aim(target)}
	for range 4 {
		w.beware(true)
		aims = append(aims, w.aim(target))
	}
	want := []time.Duration{target, target / 2, target / 4, target / 4, target / 4}
	if !slices.Equal(aims, want) {
		t.Errorf("pieces are cut for %v, want %v", aims, want)
	}
	for range 20 {
		w.beware(false)
	}
	if aim := w.aim(target).Round(time.Millisecond); aim != target/2 {
		t.Errorf("after 20 good pieces they are cut for %s, want %s", aim, target/2)
	}
	for range 30 {
		w.beware(false)
	}
	if aim := w.aim(target); aim != target {
		t.Errorf("in the end they are cut for %s, want %s", aim, target)
	}
	for _, c := range []struct{ target, rest, aim time.Duration }{
		{50 * time.Millisecond, 2 * time.Millisecond, 48 * time.Millisecond},
		{50 * time.Millisecond, 30 * time.Millisecond, 25 * time.Millisecond},
		{50 * time.Millisecond, 80 * time.Millisecond, 40 * time.Millisecond},
		{50 * time.Millisecond, 900 * time.Millisecond, worthATrip},
		{time.Second, 900 * time.Millisecond, 500 * time.Millisecond},
	} {
		if got := (&worker{rest: c.rest}).aim(c.target); got != c.aim {
			t.Errorf("with %s beside the work, pieces for %s are cut for %s of work, want %s", c.rest, c.target, got, c.aim)
		}
	}
	for _, c := range []struct {
		size          int64
		target, bound time.Duration
		undo          float64
	}{
		{1000, target, 300 * time.Millisecond, 0},
		{1000, 20 * time.Millisecond, 300 * time.Millisecond, 0},
		{1000, 20 * time.Millisecond, 150 * time.Millisecond, 1},
		{1000, time.Second, 1500 * time.Millisecond, 0},
		{minChunk, target, longest, 1},
	} {
		if got := pieceBound(c.size, c.target, c.undo); got != c.bound {
			t.Errorf("%d rows for %s may take %s, want %s", c.size, c.target, got, c.bound)
		}
	}
}

func TestJitterGrowsAndIsBounded(t *testing.T) {
	t.Parallel()
	for n := 1; n < 40; n++ {
		d := jitter(n)
		if d < 50*time.Millisecond || d > 5*time.Second {
			t.Errorf("try %d waits %s", n, d)
		}
	}
	if jitter(1) >= 101*time.Millisecond || jitter(8) < time.Second {
		t.Errorf("waits do not grow: %s, %s", jitter(1), jitter(8))
	}
}
