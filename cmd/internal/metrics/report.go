package metrics

import (
	"time"

	"github.com/expandcontract/migrate/executor"
)

// Report implements executor.Reporter. It waits for no reader: metrics are read
// as copies.
func (m *Metrics) Report(event executor.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.series
	_, waits := event.(executor.LeaseWait)
	s.leaseWaiting.with().Set(number(waits))
	switch e := event.(type) {
	case executor.StateChanged:
		s.stepStart.reset() // a step that fails ends with this
		for _, state := range executor.States() {
			s.migrationState.with(e.Migration, string(state)).Set(number(state == e.To))
		}
	case executor.StepStarted:
		s.stepStart.reset()
		s.stepStart.with(e.Migration, e.Step.ID, action(e.Undo)).SetToCurrentTime()
	case executor.StepDone:
		m.stepDone(e)
	case executor.GateChecked:
		for _, answer := range []executor.Answer{executor.Pass, executor.Block, executor.Inconclusive} {
			s.gateResult.with(e.Migration, e.Gate, string(answer)).Set(number(answer == e.Result))
		}
	case executor.Progress:
		m.progress(e)
	case executor.Throttled:
		m.throttled(e)
	case executor.WorkersChosen:
		s.workers.with().Set(float64(e.Workers))
	case executor.LockWait:
		m.lockWait(e)
	case executor.BlockerEnded:
		result := "ended"
		if e.Err != nil {
			result = "left"
		}
		s.blockersEnded.with(e.Migration, result).Inc()
	case executor.Rewound:
		s.rewinds.with().Inc()
	case executor.Rests:
		s.restSeconds.with(e.Migration, e.Object).Add(e.Rest.Seconds())
	case executor.LeaseWait, executor.GaveWay:
	}
}

func (m *Metrics) stepDone(e executor.StepDone) {
	if e.Already {
		return // it ran in an earlier command
	}
	s := m.series
	s.stepStart.reset()
	s.stepDuration.with(string(e.Step.Mode), action(e.Undo)).Observe(e.Took.Seconds())
	if e.Rows > 0 {
		s.rowsChanged.with(e.Migration).Add(float64(e.Rows))
	}
}

// lockKey is what is waited for.
type lockKey struct{ migration, step, object string }

// sameWait is how far two tellings of one wait may be apart in when it began: they
// are not heard the moment they are made.
const sameWait = 50 * time.Millisecond

// lockWait counts the time during which anybody waited. Of workers that wait side
// by side each tells its own wait, so that waits are intervals that may overlap.
func (m *Metrics) lockWait(e executor.LockWait) {
	key := lockKey{e.Migration, e.Step, e.Object}
	now := time.Now()
	begun, counted := now.Add(-e.Waited), m.locks[key]
	if begun.Sub(counted) > sameWait {
		m.series.lockWaits.with(e.Migration, e.Step, e.Object).Inc()
		counted = begun
	}
	m.series.lockWaitSeconds.with(e.Migration, e.Step, e.Object).Add(now.Sub(counted).Seconds())
	m.locks[key] = now
}

// walkKey is a walk as its labels name it.
type walkKey struct{ migration, table, what string }

// walk is what holds a walk, and until when that has been counted.
type walk struct {
	causes []executor.Cause
	at     time.Time
}

func (k walkKey) values(more ...string) []string {
	return append([]string{k.migration, k.table, k.what}, more...)
}

func (m *Metrics) progress(e executor.Progress) {
	key, s := walkKey{e.Migration, e.Table, e.What}, m.series
	w := m.hold(key, e.Causes)
	s.walkRowsDone.with(key.values()...).Set(float64(e.Done))
	s.walkRowsAll.with(key.values()...).Set(float64(max(e.Done, e.Total)))
	if e.Final {
		m.rest(key, w)
		return
	}
	s.walkRunning.with(key.values()...).Set(1)
	s.walkPaused.with(key.values()...).Set(number(e.Paused))
	s.walkGivesWay.with(key.values()...).Set(number(e.GivesWay != ""))
	s.walkRate.with(key.values()...).Set(e.Rate)
	if e.ETA > 0 {
		s.walkETA.with(key.values()...).Set(e.ETA.Seconds())
	} else {
		s.walkETA.drop(key.values()...)
	}
}

func (m *Metrics) throttled(e executor.Throttled) {
	m.hold(walkKey{e.Migration, e.Table, e.What}, e.Causes)
}

// hold counts what has held a walk so far, and notes what does from now on.
func (m *Metrics) hold(key walkKey, causes []executor.Cause) *walk {
	w := m.walks[key]
	if w == nil {
		w = &walk{}
		m.walks[key] = w
	}
	now := time.Now()
	for _, c := range w.causes {
		m.series.walkHeldSeconds.with(key.values(string(c))...).Add(now.Sub(w.at).Seconds())
		m.series.walkHeld.with(key.values(string(c))...).Set(0)
	}
	w.causes, w.at = causes, now
	for _, c := range causes {
		m.series.walkHeldSeconds.with(key.values(string(c))...).Add(0)
		m.series.walkHeld.with(key.values(string(c))...).Set(1)
	}
	return w
}

// rest says that a walk is over, or that nobody goes on with it.
func (m *Metrics) rest(key walkKey, w *walk) {
	if len(w.causes) > 0 {
		m.hold(key, nil)
	}
	s := m.series
	for _, v := range []gauges{s.walkRunning, s.walkPaused, s.walkGivesWay, s.walkRate} {
		v.with(key.values()...).Set(0)
	}
	s.walkETA.drop(key.values()...)
}

// action names what is done with a step.
func action(undo bool) string {
	if undo {
		return "undo"
	}
	return "do"
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
