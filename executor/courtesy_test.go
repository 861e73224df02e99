package executor

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOthersComeAndGo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		rates  []float64
		atWork string // per look: W or -
	}{
		{"nobody", []float64{0, 0, 0, 0}, "----"},
		{"from the first look on", []float64{500, 480, 510}, "WWW"},
		{"coming later", []float64{0, 0, 0, 0, 0, 0, 500}, "------W"},
		{"a few come later", []float64{0, 0, 0, 0, 0, 0, 50, 50, 50, 50}, "--------WW"},
		{"gone for three seconds", []float64{500, 500, 500, 500, 500, 500, 0, 0, 0, 0, 0, 0, 0}, "WWWWWWWWWWW--"},
		{"a monitor asks much at once, and seldom", []float64{0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0}, "--------------"},
		{"around the limit", []float64{21, 19, 21, 15, 12, 21, 19}, "WWWWWWW"},
		{"below the limit", []float64{15, 19, 15, 12, 19}, "-----"},
	} {
		company, now, got := &company{}, time.Now(), ""
		for _, rate := range c.rates {
			now = now.Add(lookEvery)
			company.look(now, rate)
			if company.atWork {
				got += "W"
			} else {
				got += "-"
			}
		}
		if got != c.atWork {
			t.Errorf("%s: %v is %s, want %s", c.name, c.rates, got, c.atWork)
		}
	}
	company, now := &company{}, time.Now()
	company.look(now, 500)
	if company.look(now.Add(time.Minute), 0); company.atWork {
		t.Error("what was a minute ago counts")
	}
}

// busyServer tells what others run on it.
type busyServer struct {
	Session
	Meter
	mu    sync.Mutex
	rate  float64
	fails error
	looks int
}

func (b *busyServer) Redact(err error) error { return err }

func (b *busyServer) Measure(context.Context, Quantity, string) (float64, string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.looks++
	return b.rate, "", b.fails
}

func (b *busyServer) set(rate float64, fails error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rate, b.fails = rate, fails
}

// mindful is steering that looks for others on a server.
func mindful(t *testing.T, b *busyServer) (s *steered, stop func()) {
	t.Helper()
	s = newSteered(Options{})
	s.holds.write = nil
	s.e.s, s.company, s.greet = b, &company{}, make(chan struct{}, 1)
	s.gives.write = func(_ context.Context, w word) error {
		s.remarked = append(s.remarked, strings.TrimSpace(w.migration+" "+w.step+" "+w.why))
		return nil
	}
	s.obey(orders{workers: 4, target: defaultTarget})
	ctx, cancel := context.WithCancel(t.Context())
	s.wg.Go(func() { s.mind(ctx, b, s.greet) })
	return s, func() {
		cancel()
		s.wg.Wait()
	}
}

func TestWalksGiveWay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &busyServer{}
		s, stop := mindful(t, b)
		defer stop()
		paced := func(when string, workers int, target time.Duration) {
			t.Helper()
			synctest.Wait()
			if p := s.pace(); p.workers != workers || p.target != target {
				t.Errorf("%s: %d workers, chunks of %s; want %d, %s", when, p.workers, p.target, workers, target)
			}
		}
		told := func(n int, workers int, target time.Duration, gives bool) {
			t.Helper()
			all := s.gaveWay
			if len(all) != n {
				t.Fatalf("it was told %d times, want %d: %+v", len(all), n, all)
			}
			if g := all[n-1]; g.Workers != workers || g.ChunkTarget != target || (g.Why != "") != gives || g.Table != "t" || g.What != "backfill" {
				t.Errorf("it was told %+v", g)
			}
		}
		time.Sleep(10 * lookEvery)
		synctest.Wait()
		if b.looks > 0 {
			t.Error("others are looked for although nothing is walked")
		}
		paced("before the first look", 2, courteousTarget)
		s.begin(t.Context(), someWalk())
		paced("alone", 4, defaultTarget)
		time.Sleep(10 * lookEvery)
		synctest.Wait()
		if n := len(s.gaveWay); n > 0 || b.looks < 10 {
			t.Errorf("alone, it was told %d times in %d looks", n, b.looks)
		}

		b.set(500, nil)
		changed := s.pace().changed
		time.Sleep(lookEvery)
		synctest.Wait()
		paced("with others", 2, courteousTarget)
		told(1, 2, courteousTarget, true)
		select {
		case <-changed:
		default:
			t.Error("workers were not told")
		}
		b.set(0, errors.New("no answer"))
		time.Sleep(20 * lookEvery)
		synctest.Wait()
		paced("while it cannot be measured", 2, courteousTarget)
		told(1, 2, courteousTarget, true)

		b.set(500, nil)
		time.Sleep(lookEvery)
		synctest.Wait()
		s.obey(orders{workers: 6, target: defaultTarget, saidWorkers: true})
		paced("where people said how many workers", 6, courteousTarget)
		s.obey(orders{workers: 4, target: time.Second, saidTarget: true})
		paced("where people said how long chunks take", 2, time.Second)
		s.obey(orders{workers: 1, target: 5 * time.Millisecond})
		paced("of one worker with shorter chunks", 1, 5*time.Millisecond)
		s.obey(orders{workers: 4, target: defaultTarget})
		paced("as before", 2, courteousTarget)

		b.set(0, nil)
		time.Sleep((looksKept + 1) * lookEvery)
		paced("alone again", 4, defaultTarget)
		told(2, 4, defaultTarget, false)

		// Whoever says both leaves nothing to give, and nobody gives way who is done.
		b.set(500, nil)
		time.Sleep(lookEvery)
		synctest.Wait()
		told(3, 2, courteousTarget, true)
		s.obey(orders{workers: 4, target: defaultTarget, saidWorkers: true, saidTarget: true})
		time.Sleep(lookEvery)
		synctest.Wait()
		told(4, 4, defaultTarget, false)
		s.obey(orders{workers: 4, target: defaultTarget})
		time.Sleep(lookEvery)
		synctest.Wait()
		told(5, 2, courteousTarget, true)
		s.end(t.Context())
		const gives = "m backfill-1 others run about 500 statements/s"
		if want := []string{gives, "", gives, "", gives, ""}; !slices.Equal(withoutDigits(s.remarked), withoutDigits(want)) {
			t.Errorf("status was told %q, want %q", s.remarked, want)
		}
	})
}

// withoutDigits is texts but for their figures.
func withoutDigits(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = strings.Map(func(r rune) rune {
			if r >= '0' && r <= '9' {
				return -1
			}
			return r
		}, s)
	}
	return out
}

func TestNothingIsToldOfWhatPeopleSaid(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, stop := mindful(t, &busyServer{rate: 500})
		defer stop()
		s.obey(orders{workers: 4, target: defaultTarget, saidWorkers: true, saidTarget: true})
		s.begin(t.Context(), someWalk())
		time.Sleep(10 * lookEvery)
		synctest.Wait()
		if all := s.gaveWay; len(all) > 0 {
			t.Errorf("it was told: %+v", all)
		}
		s.end(t.Context())
	})
}

func TestWhatCannotBeMeasuredIsCourteous(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := &busyServer{fails: errors.New("no answer")}
		s, stop := mindful(t, b)
		defer stop()
		s.begin(t.Context(), someWalk())
		time.Sleep(10 * lookEvery)
		synctest.Wait()
		if p := s.pace(); p.workers != 2 || p.target != courteousTarget {
			t.Errorf("%d workers, chunks of %s", p.workers, p.target)
		}
		if all := s.gaveWay; len(all) != 1 || all[0].Why != "it cannot be measured whether others are at work: no answer" {
			t.Errorf("it was told %+v", all)
		}
		b.set(0, nil)
		time.Sleep(lookEvery)
		synctest.Wait()
		if all := s.gaveWay; len(all) != 2 || s.pace().workers != 4 {
			t.Errorf("once it could be measured, it was told %+v", all)
		}
		s.end(t.Context())
	})
}

// Where processors are few, walkers rest as long as they have worked, or longer, unless people
// said how long a chunk takes.
func TestWalkersRestWhereProcessorsAreFew(t *testing.T) {
	t.Parallel()
	s := newSteered(Options{})
	s.company = &company{known: true, atWork: true}
	for _, c := range []struct {
		cores  int
		orders orders
		target time.Duration
		idle   float64
	}{
		{4, orders{workers: 2, target: defaultTarget}, scarceTarget, 1},
		{2, orders{workers: 2, target: defaultTarget}, scarceTarget, 2},
		{4, orders{workers: 2, target: time.Millisecond}, time.Millisecond, 1},
		{4, orders{workers: 2, target: time.Second, saidTarget: true}, time.Second, 0},
		{5, orders{workers: 2, target: defaultTarget}, courteousTarget, 0},
		{0, orders{workers: 2, target: defaultTarget}, courteousTarget, 0},
	} {
		s.company.cores = c.cores
		s.obey(c.orders)
		if p := s.pace(); p.target != c.target || p.idle != c.idle {
			t.Errorf("%d cores, of %+v: chunks of %s, rests of %.1f; want %s, %.1f", c.cores, c.orders, p.target, p.idle, c.target, c.idle)
		}
	}
	s.obey(orders{workers: 2, target: defaultTarget})
	s.company.atWork = false
	if p := s.pace(); p.target != defaultTarget || p.idle != 0 {
		t.Errorf("alone: chunks of %s, rests of %.1f", p.target, p.idle)
	}
}
