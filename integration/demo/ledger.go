package demo

import (
	"sync"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

// The acts of the show that the summary tells apart.
const (
	actStart    = "start" // processes and connections come up
	actBefore   = "before"
	actPlan     = "plan"
	actExpand   = "expand"
	actRollout  = "rollout"
	actRamp     = "ramp"
	actContract = "contract"
	actAfter    = "after"
)

// act is what the users saw during one act.
type act struct {
	name  string
	from  time.Time
	users measure.Report
}

// ledger adds up what the replicas report, by act. It is safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	acts   []*act
	recent []measure.Report  // windows that ended lately, for the gauge
	heard  map[int]time.Time // the end of each slot's last window
	news   chan struct{}     // closed and replaced when a window arrives
}

// recently is how far the gauge looks back.
const recently = 1500 * time.Millisecond

func newLedger() *ledger {
	return &ledger{heard: make(map[int]time.Time), news: make(chan struct{})}
}

// begin starts the named act.
func (l *ledger) begin(name string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acts = append(l.acts, &act{name: name, from: now})
}

// add counts a window for the act in which its middle lies.
func (l *ledger) add(window measure.Report) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.heard[window.Slot] = window.To
	close(l.news)
	l.news = make(chan struct{})
	middle := window.From.Add(window.To.Sub(window.From) / 2)
	l.recent = append(l.recent, window)
	for len(l.recent) > 0 && l.recent[0].To.Before(window.To.Add(-recently)) {
		l.recent = l.recent[1:]
	}
	for i := len(l.acts) - 1; i >= 0; i-- {
		if i == 0 || !middle.Before(l.acts[i].from) {
			l.acts[i].users.Add(window)
			return
		}
	}
}

// settled tells whether all slots have reported up to the instant; if not, the channel is closed when there is
// news.
func (l *ledger) settled(instant time.Time, slots []int) (bool, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, slot := range slots {
		if l.heard[slot].Before(instant) {
			return false, l.news
		}
	}
	return true, nil
}

// of returns what the users saw during the named act so far.
func (l *ledger) of(name string) measure.Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum measure.Report
	for _, a := range l.acts {
		if a.name == name {
			sum.Add(a.users)
		}
	}
	return sum
}

// all returns what the users saw in the whole show.
func (l *ledger) all() measure.Report {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum measure.Report
	for _, a := range l.acts {
		sum.Add(a.users)
	}
	return sum
}

// names lists the acts begun, in order.
func (l *ledger) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	names := make([]string, 0, len(l.acts))
	for _, a := range l.acts {
		names = append(names, a.name)
	}
	return names
}

// lately returns what the users saw in the last moments, and the requests per second.
func (l *ledger) lately() (measure.Report, float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var sum measure.Report
	// Replicas report on clocks of their own: rates add up, each over the time its replica was measured.
	served, measured := map[int]int64{}, map[int]time.Duration{}
	for _, window := range l.recent {
		sum.Add(window)
		served[window.Slot] += window.Requests
		measured[window.Slot] += window.To.Sub(window.From)
	}
	rate := 0.0
	for slot, requests := range served {
		if d := measured[slot]; d > 0 {
			rate += float64(requests) / d.Seconds()
		}
	}
	return sum, rate
}
