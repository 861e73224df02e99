package executor

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
)

// TestNotice: status is told what is so, once, also where it could not be told at first,
// and where somebody else is telling it what was so before.
func TestNotice(t *testing.T) {
	t.Parallel()
	var told []word
	var fails error
	n := notice{write: func(_ context.Context, w word) error {
		if fails == nil {
			told = append(told, w)
		}
		return fails
	}}
	now := word{"m", "backfill-1", ""}
	leave := func() { n.leave(t.Context(), func() word { return now }) }
	leave() // nothing to tell
	now.why = "a"
	fails = errors.New("no")
	leave()
	leave()
	fails = nil
	leave()
	leave()
	now.why = "b"
	leave()
	now.why = ""
	fails = errors.New("no")
	leave()
	now.why = "b"
	fails = nil
	leave() // what became of the last one is not known
	now.why = ""
	leave()
	leave()
	want := []word{{"m", "backfill-1", "a"}, {"m", "backfill-1", "b"}, {"m", "backfill-1", "b"}, {}}
	if !slices.Equal(told, want) {
		t.Errorf("told %v, want %v", told, want)
	}
	silent := notice{}
	silent.leave(t.Context(), func() word { t.Error("it is asked for nothing"); return word{} })
}

// Who writes while what is so changes does not have the last word.
func TestNoticeLastWord(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	why, left := "", ""
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	n := notice{write: func(_ context.Context, w word) error {
		once.Do(func() {
			close(begun)
			<-goOn
		})
		left = w.why
		return nil
	}}
	now := func() word {
		mu.Lock()
		defer mu.Unlock()
		return word{"m", "backfill-1", why}
	}
	set := func(to string) {
		mu.Lock()
		defer mu.Unlock()
		why = to
	}
	set("first")
	var both sync.WaitGroup
	both.Go(func() { n.leave(t.Context(), now) })
	<-begun
	set("second")
	both.Go(func() { n.leave(t.Context(), now) })
	close(goOn)
	both.Wait()
	if left != "second" {
		t.Errorf("status is told %q", left)
	}
}
