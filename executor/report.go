package executor

import (
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Reporter is told what happens, as it happens. Its calls come from one
// goroutine at a time and must return soon.
type Reporter interface{ Report(Event) }

// Event is something worth telling. The set is closed.
type Event interface{ event() }

// The events.
type (
	// StateChanged says that a migration went from one state to another.
	StateChanged struct {
		Migration string
		From, To  State
	}
	// StepStarted says that a step (or its undo) begins.
	StepStarted struct {
		Migration string
		Step      plan.Step
		Undo      bool
	}
	// StepDone says that a step (or its undo) has been done. Already: the journal
	// said that it had been, before.
	StepDone struct {
		Migration string
		Step      plan.Step
		Undo      bool
		Already   bool
		Took      time.Duration
		// Rows that a chunked step changed.
		Rows int64
	}
	// LockWait says that a lock could not be had yet, or, with Slow, that it is not
	// asked for yet: the table would be locked for too long.
	LockWait struct {
		Migration string
		Step      string
		Object    string
		Attempt   int
		Waited    time.Duration
		Blockers  []Blocker
		Slow      *SlowError
	}
	// BlockerEnded says that a session in the way of a lock was ended because it
	// was there for too long (Options.KillBlockersAfter), or why it was not.
	BlockerEnded struct {
		Migration string
		Step      string
		Object    string
		Blocker   Blocker
		Err       error // nil: it was ended
	}
	// Rewound says that the database has lost what it had committed, and that
	// the work goes on from what is there.
	Rewound struct{}
	// Rests says that a table is let alone for a time (Rest), because a step had it
	// locked for at most Held and others are at work on the server (Why).
	Rests struct {
		Migration  string
		Step       string
		Object     string
		Held, Rest time.Duration
		Why        string
	}
	// LeaseWait says that another executor is at work.
	LeaseWait struct {
		Holder string
		Since  time.Time
	}
	// Progress of a walk over a table.
	Progress struct {
		Migration string
		Step      string
		Table     string
		// What is "backfill", "verify" or "repair".
		What        string
		Done, Total int64
		// Rate is rows per second, lately; ETA is 0 when unknown.
		Rate   float64
		ETA    time.Duration
		Paused bool
		// Throttled says why the walk is held; empty: it is not. Causes is the
		// same for programs. Whoever is told must not change it.
		Throttled string
		Causes    []Cause
		// GivesWay says why the walk gives way to others; empty: it does not.
		GivesWay string
		Final    bool
	}
	// Throttled says that the state of the server holds a walk (Reason says why),
	// or, when Reason is empty, that it goes on after having been held.
	Throttled struct {
		Migration string
		Step      string
		Table     string
		What      string // as Progress has it
		Reason    string
		Causes    []Cause // as Progress has it
		Held      time.Duration
	}
	// GaveWay says that a walk gives way to others who are at work on the server (Why
	// says what of), or, when Why is empty, that it goes at full speed again.
	GaveWay struct {
		Migration string
		Step      string
		Table     string
		What      string // as Progress has it
		Why       string
		// Workers and ChunkTarget are what holds now.
		Workers     int
		ChunkTarget time.Duration
	}
	// WorkersChosen says how many walk side by side where nobody has said it.
	WorkersChosen struct {
		Workers int
		Why     string
	}
	// GateChecked says what a gate has answered.
	GateChecked struct {
		Migration string
		GateResult
	}
)

func (StateChanged) event()  {}
func (StepStarted) event()   {}
func (StepDone) event()      {}
func (LockWait) event()      {}
func (BlockerEnded) event()  {}
func (Rewound) event()       {}
func (Rests) event()         {}
func (LeaseWait) event()     {}
func (Progress) event()      {}
func (Throttled) event()     {}
func (GaveWay) event()       {}
func (WorkersChosen) event() {}
func (GateChecked) event()   {}
