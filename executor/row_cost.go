package executor

import (
	"sync"
	"time"
)

// Where there is nothing to do, pieces are fast however large they are: pages that
// hold no rows any more, rows that were filled by the application or by an earlier
// walk. Were they cut larger and larger there, the first piece behind such a stretch
// would hold its rows for many times the target. So a piece is cut as if all of it
// had to be changed.

// rowCost is what a walk knows of the time that a row takes which is changed. Its
// workers share it.
type rowCost struct {
	mu   sync.Mutex
	each float64 // nanoseconds; 0: not known yet
}

const (
	// unknownCost bounds pieces for as long as no row has been changed.
	unknownCost = 4 * firstChunk
	// costSlack is how much longer than it should a piece may take that is changed
	// as a whole.
	costSlack = 1.5
	// costShare is how much the last piece counts: the server gets busier, and idle again.
	costShare = 0.3
	// mostDearer is how many times dearer than before a row is taken to be at once:
	// what holds a piece up, once, is not its rows.
	mostDearer = 2
	// fewRows are never too many: what they cost is what a piece costs anyway.
	fewRows = 10 * minChunk
)

// learn notes how long a piece of so many rows took, of which some were changed. That
// they cost no more than its time is always known; that they cost as much, only
// where they were many.
func (c *rowCost) learn(took time.Duration, rows, changed int64) {
	n := min(rows, changed) // rows are an estimate: where there are more, one of it costs more
	if took <= 0 || n <= 0 {
		return
	}
	each := float64(took) / float64(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if each > c.each && (changed < minChunk || changed < rows/4) {
		return
	}
	if c.each > 0 {
		each = costShare*min(each, mostDearer*c.each) + (1-costShare)*c.each
	}
	c.each = each
}

// most is how large a piece may be that is to take so long.
func (c *rowCost) most(target time.Duration) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.each == 0 {
		return unknownCost
	}
	return max(fewRows, int64(costSlack*float64(target)/c.each))
}
