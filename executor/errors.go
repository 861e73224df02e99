package executor

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrLeaseLost says that another executor has taken over: nothing that this one
// still wanted to write was written.
var ErrLeaseLost = errors.New("another executor has taken over the lease; this one stopped and changed nothing more")

// ErrUnreachable says that the database has not answered for as long as a lease
// lives: whoever comes next may have taken it over.
var ErrUnreachable = fmt.Errorf("the database has not answered for %s; what was under way is found by the next run", leaseTTL)

// errStuck is ErrUnreachable where the database answers questions.
var errStuck error = stuckError{}

type stuckError struct{}

func (stuckError) Error() string {
	return fmt.Sprintf("the database answers, but has not let a write through for %s: is its disk full, or does it wait for a replica? "+
		"Its own log tells; what was under way is found by the next run", leaseTTL)
}

func (stuckError) Is(target error) bool { return target == ErrUnreachable }

// LeaseHeldError says who is at work on the database.
type LeaseHeldError struct {
	Holder string
	Since  time.Time
	Waited time.Duration
}

func (e *LeaseHeldError) Error() string {
	return fmt.Sprintf("another executor holds the lease: %s, since %s (waited %s)",
		e.Holder, e.Since.UTC().Format(time.RFC3339), e.Waited.Round(time.Second))
}

// GateError says which gates do not let a phase begin.
type GateError struct {
	Migration string
	Results   []GateResult
}

func (e *GateError) Error() string {
	var parts []string
	for _, r := range e.Results {
		if r.Result != Pass {
			parts = append(parts, fmt.Sprintf("gate %s is %s: %s", r.Gate, r.Result, r.Reason))
		}
	}
	return e.Migration + ": " + strings.Join(parts, "; ")
}

// Blocked reports whether a gate says no; otherwise one is inconclusive.
func (e *GateError) Blocked() bool {
	for _, r := range e.Results {
		if r.Result == Block {
			return true
		}
	}
	return false
}

// StaleError says that the schema is not the one that a plan was made for.
type StaleError struct{ Migration, Reason string }

func (e *StaleError) Error() string {
	return fmt.Sprintf("the plan of %s is stale: %s", e.Migration, e.Reason)
}

// StepError says which step of which migration failed.
type StepError struct {
	Migration, Step, Title string
	Undo                   bool
	Err                    error
}

func (e *StepError) Error() string {
	verb := "running"
	if e.Undo {
		verb = "undoing"
	}
	return fmt.Sprintf("%s: %s step %s (%s): %v", e.Migration, verb, e.Step, e.Title, e.Err)
}

func (e *StepError) Unwrap() error { return e.Err }

// BadRowError names a row whose values a transform fails on.
type BadRowError struct {
	Table string
	// Key is "id=500000", or a list of such where the engine cannot tell which
	// of a few rows it is.
	Key string
	Err error
}

func (e *BadRowError) Error() string {
	return fmt.Sprintf("the transform fails on table %s, row %s: %v; correct the row or the expression, then run expand again", e.Table, e.Key, e.Err)
}

func (e *BadRowError) Unwrap() error { return e.Err }

// BlockedError says that a lock could not be had before the deadline.
type BlockedError struct {
	Object   string
	Waited   time.Duration
	Blockers []Blocker
	Err      error
}

func (e *BlockedError) Error() string {
	s := fmt.Sprintf("no lock on %s within %s", e.Object, e.Waited.Round(time.Second))
	for _, b := range e.Blockers {
		s += "; blocked by " + b.String()
	}
	return s
}

func (e *BlockedError) Unwrap() error { return e.Err }

// String names the session: pid, age, query.
func (b Blocker) String() string {
	s := fmt.Sprintf("pid %d", b.PID)
	if b.User != "" {
		s += " (" + b.User
		if b.Client != "" {
			s += " from " + b.Client
		}
		s += ")"
	}
	s += fmt.Sprintf(", open for %s", b.Age.Round(100*time.Millisecond))
	if b.Suspected {
		s += ", not known to hold the lock"
	}
	if b.Query != "" {
		s += ": " + b.Query
	}
	return s
}

// LossError says that an undo would lose what exists nowhere else.
type LossError struct{ Migration, Step, Message string }

func (e *LossError) Error() string {
	return fmt.Sprintf("%s: rolling back step %s would lose data: %s", e.Migration, e.Step, e.Message)
}

// UsageError says that what was asked for makes no sense in the present state.
type UsageError struct{ Message, Instead string }

func (e *UsageError) Error() string {
	if e.Instead == "" {
		return e.Message
	}
	return e.Message + "; instead: " + e.Instead
}
