package demo

import (
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

var opening = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return opening.Add(time.Duration(ms) * time.Millisecond) }

func seen(slot, from, to int, requests int64) measure.Report {
	return measure.Report{Kind: measure.KindWindow, Slot: slot, From: at(from), To: at(to), Requests: requests}
}

func TestLedgerTellsActsApart(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.begin(actStart, at(0))
	l.begin(actBefore, at(1000))
	l.begin(actExpand, at(1500))
	for _, window := range []measure.Report{
		seen(0, -100, 0, 1), // a clock of its own: still the first act's
		seen(0, 0, 500, 2),
		seen(0, 940, 1040, 4), // more of it before than after
		seen(0, 960, 1060, 8), // less
		seen(1, 1400, 1600, 16),
		seen(1, 5000, 5100, 32),
	} {
		l.add(window)
	}
	for name, want := range map[string]int64{actStart: 7, actBefore: 8, actExpand: 48, actRamp: 0} {
		if got := l.of(name).Requests; got != want {
			t.Errorf("%s has %d requests, should have %d", name, got, want)
		}
	}
	if got := l.all().Requests; got != 63 {
		t.Errorf("all acts have %d requests, should have 63", got)
	}
}

func TestLedgerSettles(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.begin(actStart, at(0))
	l.add(seen(0, 0, 500, 1))
	if settled, _ := l.settled(at(500), []int{0}); !settled {
		t.Error("all slots have reported and it is not settled")
	}
	settled, news := l.settled(at(500), []int{0, 1})
	if settled {
		t.Fatal("slot 1 has not reported and it is settled")
	}
	l.add(seen(1, 0, 500, 1))
	<-news
	if settled, _ := l.settled(at(500), []int{0, 1}); !settled {
		t.Error("both slots have reported and it is not settled")
	}
}

func TestLedgerLately(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.begin(actStart, at(0))
	l.add(seen(0, 0, 500, 1000)) // long ago
	l.add(seen(0, 9000, 9500, 50))
	l.add(seen(1, 9400, 9600, 10))
	l.add(seen(0, 9500, 10000, 50))
	users, rate := l.lately()
	if users.Requests != 110 || rate != 150 {
		t.Errorf("lately there were %d requests at %v per second, should be 110 at 100 + 50", users.Requests, rate)
	}
}
