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

// TestAHeldUpPieceDoesNotMakePiecesSmallForGood: one piece that took long for another reason than its rows counts
// little, and pieces of which only a part is to be done correct what is too much.
func TestAHeldUpPieceDoesNotMakePiecesSmallForGood(t *testing.T) {
	t.Parallel()
	const target = 2 * time.Millisecond
	var c rowCost
	c.learn(time.Millisecond, 250, 250) // 4 µs a row
	usual := c.most(target)
	c.learn(300*time.Millisecond, 250, 250)
	if most := c.most(target); most < usual/2 {
		t.Errorf("after one piece that was held up they are cut for %d rows instead of %d", most, usual)
	}
	var cold rowCost
	cold.learn(300*time.Millisecond, 1000, 1000) // the first piece of all
	for range 30 {
		cold.learn(400*time.Microsecond, cold.most(target), 10)
	}
	if most := cold.most(target); most < fewRows || cold.each > 60_000 {
		t.Errorf("after a slow beginning a row is taken to cost %.0f ns, and pieces have %d rows", cold.each, most)
	}
}
