package executor

import (
	"math/rand/v2"
	"sync"
	"time"
)

// serialReporter lets many goroutines report while the receiver hears one at a time.
type serialReporter struct {
	mu sync.Mutex
	to Reporter
}

func (s *serialReporter) Report(e Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to.Report(e)
}

// jitter is how long to wait before try number n (from 1): it doubles from
// about 100ms to about 5s, and varies so that two that met do not meet again.
func jitter(n int) time.Duration {
	d := 100 * time.Millisecond << min(n-1, 6)
	d = min(d, 5*time.Second)
	return d/2 + rand.N(d)/2 //nolint:gosec // spreading load needs no secret
}
