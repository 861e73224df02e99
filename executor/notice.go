package executor

import (
	"context"
	"sync"
)

// word is what status is told of the walk at work: why it is held, or gives way to
// others. Without a reason it is empty.
type word struct{ migration, step, why string }

// notice leaves words for status in a table of ours.
type notice struct {
	// write leaves one there; nil: there is nothing to tell.
	write func(ctx context.Context, w word) error

	mu    sync.Mutex
	left  word
	doubt bool // whether it is there
}

// leave leaves what now says, if that is not there yet. Of several at once the last to
// write is the last to have looked; what could not be written is, the next time.
func (n *notice) leave(ctx context.Context, now func() word) {
	if n.write == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	w := now()
	if w.why == "" {
		w = word{}
	}
	if w == n.left && !n.doubt {
		return
	}
	n.left, n.doubt = w, n.write(ctx, w) != nil
}
