package flags

import (
	"context"
	"fmt"
	"os"
	"strings"
)

// EnvPrefix is what the names of the variables that [Env] reads begin with.
const EnvPrefix = "MIGRATE_FLAG_"

// Env reads flags from environment variables: MIGRATE_FLAG_USERS_SPLIT_NAME=25%
// for the flag users.split-name. The values are those of [Parse]. A flag whose
// variable is unset or empty is unknown. The zero value reads the process's
// environment; an environment has no memory, so FullSince is never known.
type Env struct {
	// Lookup replaces os.LookupEnv when it is not nil.
	Lookup func(name string) (value string, ok bool)
}

var _ Source = Env{}

// EnvName is the name of the variable that holds the flag key: [EnvPrefix] and
// the key in upper case, each character that is not an ASCII letter or digit
// replaced by an underscore. Keys that differ in such characters only share a
// variable.
func EnvName(key string) string {
	return EnvPrefix + strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		default:
			return '_'
		}
	}, key)
}

// Rollout reads the variable [EnvName] gives for key. A value that is no
// rollout is an error.
func (e Env) Rollout(_ context.Context, key string) (State, error) {
	name := EnvName(key)
	state := State{Origin: "environment variable " + name}
	lookup := e.Lookup
	if lookup == nil {
		lookup = os.LookupEnv
	}
	value, _ := lookup(name)
	if strings.TrimSpace(value) == "" {
		state.Reason = name + " is not set"
		return state, nil
	}
	rollout, err := Parse(value)
	if err != nil {
		return state, fmt.Errorf("reading environment variable %s: %w", name, err)
	}
	state.Rollout = rollout
	return state, nil
}
