package flags

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
)

// FlagdFile reads flags from a flagd definition file in JSON
// (https://flagd.dev/reference/flag-definitions). The file is read anew each
// time. It has no memory, so FullSince is never known.
//
// It reads definitions and evaluates nothing:
//
//   - a DISABLED flag is off: flagd answers with the application's own default
//     then, which is taken to be the old path;
//   - without targeting, the default variant decides between full and off;
//   - a fractional targeting gives the share of the variants that are true. It is
//     full (or off) only if the default variant is so too, for that is what flagd
//     serves to a request that has nothing to be bucketed by;
//   - under any other targeting the answer depends on who asks: unknown.
type FlagdFile struct {
	path string
}

var _ Source = (*FlagdFile)(nil)

// NewFlagdFile makes a source of the file at path. It does not open it.
func NewFlagdFile(path string) *FlagdFile { return &FlagdFile{path: path} }

// flagdDocument is the part of a definition file that matters here.
type flagdDocument struct {
	Flags      map[string]flagdFlag       `json:"flags"`
	Evaluators map[string]json.RawMessage `json:"$evaluators"`
}

// flagdFlag is one definition.
type flagdFlag struct {
	State          string                     `json:"state"`
	Variants       map[string]json.RawMessage `json:"variants"`
	DefaultVariant *string                    `json:"defaultVariant"`
	Targeting      json.RawMessage            `json:"targeting"`
}

// Rollout reads the definition of the flag key. A file that cannot be read, or
// is no flagd file, is an error.
func (f *FlagdFile) Rollout(_ context.Context, key string) (State, error) {
	state := State{Origin: "flagd file " + f.path}
	content, err := os.ReadFile(f.path)
	if err != nil {
		return state, fmt.Errorf("reading flag %q: %w", key, err)
	}
	var document flagdDocument
	if err := json.Unmarshal(content, &document); err != nil {
		return state, fmt.Errorf("reading flag %q from flagd file %s: %w", key, f.path, err)
	}
	if document.Flags == nil {
		return state, fmt.Errorf("reading flag %q from flagd file %s: it has no flags", key, f.path)
	}
	flag, ok := document.Flags[key]
	if !ok {
		state.Reason = fmt.Sprintf("the file does not define flag %q", key)
		return state, nil
	}
	rollout, err := flag.rollout(document.Evaluators)
	if err != nil {
		state.Reason = err.Error()
		return state, nil
	}
	state.Rollout = rollout
	return state, nil
}

// rollout interprets a definition. The error is the reason why it is unknown.
func (f flagdFlag) rollout(evaluators map[string]json.RawMessage) (Rollout, error) {
	switch f.State {
	case "DISABLED":
		return Off(), nil
	case "ENABLED":
	default:
		return Unknown(), fmt.Errorf("its state is %q, neither ENABLED nor DISABLED", f.State)
	}
	targeting, err := f.resolveTargeting(evaluators)
	if err != nil {
		return Unknown(), err
	}
	if targeting != nil {
		return f.targeted(targeting)
	}
	if f.DefaultVariant == nil {
		return Unknown(), errors.New("it has no defaultVariant, so the application's own default decides")
	}
	on, err := f.variant(*f.DefaultVariant)
	switch {
	case err != nil:
		return Unknown(), err
	case on:
		return Full(), nil
	default:
		return Off(), nil
	}
}

// resolveTargeting returns the targeting rule as an operator and its arguments,
// nil when there is none. A rule that is nothing but a reference to a shared
// evaluator is replaced by it.
func (f flagdFlag) resolveTargeting(evaluators map[string]json.RawMessage) (map[string]json.RawMessage, error) {
	rule, err := operator(f.Targeting)
	if err != nil || rule == nil {
		return nil, err
	}
	reference, ok := rule["$ref"]
	if !ok {
		return rule, nil
	}
	var name string
	if err := json.Unmarshal(reference, &name); err != nil {
		return nil, errors.New("its targeting has a $ref that is not a name")
	}
	shared, ok := evaluators[name]
	if !ok {
		return nil, fmt.Errorf("its targeting refers to evaluator %q, which the file does not define", name)
	}
	rule, err = operator(shared)
	if err == nil && rule == nil {
		return nil, fmt.Errorf("its targeting refers to evaluator %q, which is empty", name)
	}
	return rule, err
}

// operator reads a JSONLogic rule: an object with one key. An absent, null or
// empty rule is nil.
func operator(raw json.RawMessage) (map[string]json.RawMessage, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	var rule map[string]json.RawMessage
	if err := json.Unmarshal(raw, &rule); err != nil {
		return nil, errors.New("its targeting is not an operation")
	}
	switch len(rule) {
	case 0:
		return nil, nil
	case 1:
		return rule, nil
	default:
		return nil, fmt.Errorf("its targeting has %d operations in one object", len(rule))
	}
}

// targeted interprets a targeting rule.
func (f flagdFlag) targeted(rule map[string]json.RawMessage) (Rollout, error) {
	arguments, ok := rule["fractional"]
	if !ok {
		for name := range rule {
			return Unknown(), fmt.Errorf("its targeting (%s) depends on who asks; only fractional is a share of all", name)
		}
	}
	var parts []json.RawMessage
	if err := json.Unmarshal(arguments, &parts); err != nil {
		return Unknown(), errors.New("its fractional targeting is not a list")
	}
	if len(parts) > 0 && !isList(parts[0]) {
		// The bucketing value. An expression or null; a literal would put every
		// request in the same bucket.
		if first := bytes.TrimSpace(parts[0]); first[0] != '{' && string(first) != "null" {
			return Unknown(), errors.New("its fractional targeting buckets by a constant")
		}
		parts = parts[1:]
	}
	on, total, err := f.share(parts)
	if err != nil {
		return Unknown(), err
	}
	return f.fraction(on, total)
}

// maxWeights is the largest sum of weights that flagd takes.
const maxWeights = 1<<31 - 1

// share adds up the weights of a fractional's parts, and of those that are true.
func (f flagdFlag) share(parts []json.RawMessage) (on, total int64, err error) {
	for _, raw := range parts {
		var part []json.RawMessage
		if err := json.Unmarshal(raw, &part); err != nil || len(part) == 0 {
			return 0, 0, errors.New("its fractional targeting has a part that is not a variant and its weight")
		}
		value, err := f.part(part[0])
		if err != nil {
			return 0, 0, err
		}
		weight := 1.0
		if len(part) > 1 && string(bytes.TrimSpace(part[1])) != "null" {
			if err := json.Unmarshal(part[1], &weight); err != nil || weight != math.Trunc(weight) {
				return 0, 0, errors.New("its fractional targeting has a weight that is not a whole number")
			}
		}
		weight = max(weight, 0) // as flagd does
		if weight > maxWeights-float64(total) {
			return 0, 0, fmt.Errorf("its fractional targeting has weights that add up to more than %d", maxWeights)
		}
		total += int64(weight)
		if value {
			on += int64(weight)
		}
	}
	if total == 0 {
		return 0, 0, errors.New("its fractional targeting has no weight at all")
	}
	return on, total, nil
}

// part is the value of the variant that one part of a fractional serves: a
// variant's name, true or false (which are names too), or null for the default.
func (f flagdFlag) part(raw json.RawMessage) (bool, error) {
	var name any
	if err := json.Unmarshal(raw, &name); err != nil {
		return false, errors.New("its fractional targeting has a variant that cannot be read")
	}
	switch name := name.(type) {
	case string:
		return f.variant(name)
	case bool:
		return f.variant(fmt.Sprint(name))
	case nil:
		if f.DefaultVariant == nil {
			return false, errors.New("its fractional targeting falls back to a defaultVariant, and it has none")
		}
		return f.variant(*f.DefaultVariant)
	case map[string]any:
		return false, errors.New("its fractional targeting computes a variant, which depends on who asks")
	default:
		return false, errors.New("its fractional targeting names a variant by something else than a string")
	}
}

// variant is the boolean value of a variant.
func (f flagdFlag) variant(name string) (bool, error) {
	raw, ok := f.Variants[name]
	if !ok {
		return false, fmt.Errorf("it has no variant %q", name)
	}
	switch string(bytes.TrimSpace(raw)) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, fmt.Errorf("its variant %q is neither true nor false", name)
	}
}

// fraction is the rollout at which on of total requests take the new path.
func (f flagdFlag) fraction(on, total int64) (Rollout, error) {
	if 0 < on && on < total {
		// Never rounded to off or full, which would claim that nobody or
		// everybody takes the new path.
		return Partial(int(min(max((on*100+total/2)/total, 1), 99)))
	}
	all := on == total
	if f.DefaultVariant == nil {
		return Unknown(), fmt.Errorf("its fractional targeting always says %t, but without a targeting key the application's own default decides: set defaultVariant", all)
	}
	fallback, err := f.variant(*f.DefaultVariant)
	switch {
	case err != nil:
		return Unknown(), err
	case fallback != all:
		return Unknown(), fmt.Errorf("its fractional targeting always says %t, but a request without a targeting key gets the defaultVariant %q, which is %t: change defaultVariant", all, *f.DefaultVariant, fallback)
	case all:
		return Full(), nil
	default:
		return Off(), nil
	}
}

// isList tells whether a JSON value is an array.
func isList(raw json.RawMessage) bool {
	return bytes.HasPrefix(bytes.TrimSpace(raw), []byte("["))
}
