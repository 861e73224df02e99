package dialecttest

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/expandcontract/migrate/executor"
)

// testOthers: what an application runs is seen by a session, at its first look and
// later. That our own is not is tested on a server that nobody else uses.
func testOthers(t *testing.T, h Harness) {
	m, ok := h.Session.(executor.Meter)
	if !ok || !m.Measures(executor.OthersStatements) {
		t.Fatal("the engine does not see what others do")
	}
	ctx, stop := context.WithCancel(t.Context())
	var app sync.WaitGroup
	for range 4 {
		app.Go(func() {
			for {
				if _, err := h.App.ExecContext(ctx, "SELECT 1"); err != nil {
					if !errors.Is(err, context.Canceled) && ctx.Err() == nil {
						t.Errorf("the app: %v", err)
					}
					return
				}
			}
		})
	}
	defer app.Wait()
	defer stop()
	seen := 0
	for deadline := time.Now().Add(20 * time.Second); seen < 3 && time.Now().Before(deadline); {
		rate, of, err := m.Measure(ctx, executor.OthersStatements, "")
		if err != nil || of != "" {
			t.Fatalf("of %q: %v", of, err)
		}
		if rate > 20 {
			seen++
		}
	}
	if seen < 3 {
		t.Error("an app that runs statements without a rest is not seen")
	}
}
