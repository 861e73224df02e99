package flags

import (
	"context"
	"time"
)

// Source is a place where the definitions of flags are kept.
type Source interface {
	// Rollout reads the definition of the flag key as it is now.
	//
	// An error means that the source could not be read; the state's rollout is
	// unknown then. A source that was read but cannot tell (a rule that depends
	// on who asks, a flag it does not have) returns no error, but an unknown
	// rollout and the reason. In both cases nothing is proven.
	Rollout(ctx context.Context, key string) (State, error)
}

// SourceFunc lets a function be a [Source].
type SourceFunc func(ctx context.Context, key string) (State, error)

var _ Source = SourceFunc(nil)

// Rollout calls the function.
func (f SourceFunc) Rollout(ctx context.Context, key string) (State, error) { return f(ctx, key) }

// State is what a source knows of one flag.
type State struct {
	// Rollout is the flag's definition, as somebody set it.
	Rollout Rollout
	// Held is true while the source keeps every unit on the old path whatever
	// the rollout says: the built-in table does until each migration tied to
	// the flag is open. See [State.Effective].
	Held bool
	// FullSince is when the rollout last became full without a break, by the
	// source's clock and in UTC. It is zero when the rollout is not full and
	// when the source does not keep this time. It takes no account of Held: a
	// flag set to full before its migration opened has been taking effect since
	// the opening only.
	FullSince time.Time
	// Origin names the place the state was read from, for people and without
	// secrets: "table migrate.flags".
	Origin string
	// Reason says why the rollout is unknown or held, and is empty otherwise.
	Reason string
}

// Effective is the rollout that applications follow: off while the flag is held
// back, else the definition.
func (s State) Effective() Rollout {
	if s.Held && s.Rollout.Kind() != KindUnknown {
		return Off()
	}
	return s.Rollout
}
