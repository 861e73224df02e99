package executor

import (
	"testing"
	"time"
)

// TestNothingToDoDoesNotMakePiecesLarger than they may be where everything is to do.
func TestNothingToDoDoesNotMakePiecesLarger(t *testing.T) {
	t.Parallel()
	const target = 50 * time.Millisecond
	w := &worker{walk: &walk{mutates: true}, size: firstChunk}
	idle := func() {
		for range 20 {
			w.cost.learn(time.Millisecond, w.size, 3)
			w.adapt(time.Millisecond, target)
		}
	}
	idle()
	if w.size != unknownCost {
		t.Errorf("of an unknown table pieces of %d rows are cut, want %d", w.size, unknownCost)
	}
	w.cost.learn(40*time.Millisecond, 4000, 4000) // 10 µs a row
	idle()
	if w.size != 7500 {
		t.Errorf("where a row takes 10 µs, pieces of %d rows are cut for %s, want 7500", w.size, target)
	}
	for range 20 { // there are ten times as many rows as was believed
		w.cost.learn(75*time.Millisecond, 750, 7500)
	}
	if w.adapt(time.Millisecond, target); w.size < 700 || w.size > 800 {
		t.Errorf("where an estimated row takes 100 µs, pieces of %d rows are cut, want 750", w.size)
	}
	counts := &worker{walk: &walk{}, size: firstChunk}
	for range 20 {
		counts.adapt(time.Millisecond, target)
	}
	if counts.size != maxChunk {
		t.Errorf("a walk that changes nothing cuts pieces of %d rows, want %d", counts.size, maxChunk)
	}
}
