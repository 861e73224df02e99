package integration

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// crash_traffic_test.go is an app at work while migrate is killed. It goes
// through a few statements in turn, and adds rows of its own to each turn: what
// is left when these are gone is the same however long it wrote, so that two
// runs can be compared row by row. No statement may ever fail.

// traffic is one version of the app.
type traffic struct {
	name       string
	db         *sql.DB
	statements []string // %d is the turn's own id
	id         int

	stop chan struct{}
	done sync.WaitGroup
	err  error
}

// traffic prepares a version of the app; it is idle at first.
func (w *world) traffic(t *testing.T, name string, from int, statements []string) *traffic {
	t.Helper()
	a := &traffic{name: name, db: w.Open(t), id: from, statements: statements}
	t.Cleanup(func() { a.ends(t) })
	return a
}

// begins lets the app write.
func (a *traffic) begins(t *testing.T) {
	t.Helper()
	if a.stop != nil {
		return
	}
	a.stop = make(chan struct{})
	a.done.Add(1)
	go a.work(context.WithoutCancel(t.Context()), a.stop)
}

func (a *traffic) work(ctx context.Context, stop <-chan struct{}) {
	defer a.done.Done()
	pause := time.NewTicker(3 * time.Millisecond)
	defer pause.Stop()
	for {
		a.id++
		for _, s := range a.statements {
			if strings.Contains(s, "%") {
				s = fmt.Sprintf(s, a.id)
			}
			if _, err := a.db.ExecContext(ctx, s); err != nil {
				a.err = fmt.Errorf("%w\n%s", err, s)
				return
			}
			<-pause.C
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// ends waits until the app has gone through its statements to the last, at
// least once, and fails if one of them did.
func (a *traffic) ends(t *testing.T) {
	t.Helper()
	if a.stop == nil {
		return
	}
	close(a.stop)
	a.done.Wait()
	a.stop = nil
	if a.err != nil {
		t.Errorf("a statement of the %s failed: %v", a.name, a.err)
		a.err = nil
	}
}
