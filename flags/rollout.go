package flags

import (
	"fmt"
	"strconv"
	"strings"
)

// Kind is the sort of a [Rollout].
type Kind uint8

// The kinds of rollout. The zero value is KindUnknown, so that a rollout nobody
// set turns nothing on and passes no gate.
const (
	KindUnknown Kind = iota // the source cannot tell
	KindOff                 // nobody takes the new path
	KindPartial             // some units do: 1 to 99 percent
	KindFull                // everybody does
)

// Rollout is the definition of a flag: how much of the traffic takes the new
// path. It is comparable; the zero value is [Unknown].
type Rollout struct {
	kind    Kind
	percent uint8
}

// Unknown is the rollout of a flag whose source cannot tell.
func Unknown() Rollout { return Rollout{} }

// Off is the rollout at which every unit takes the old path.
func Off() Rollout { return Rollout{kind: KindOff} }

// Full is the rollout at which every unit takes the new path.
func Full() Rollout { return Rollout{kind: KindFull, percent: 100} }

// Partial is the rollout at which percent of 100 units take the new path. 0 is
// [Off] and 100 is [Full]; anything outside 0 to 100 is an error.
func Partial(percent int) (Rollout, error) {
	switch {
	case percent < 0 || percent > 100:
		return Rollout{}, fmt.Errorf("making a rollout of %d%%: a percentage lies between 0 and 100", percent)
	case percent == 0:
		return Off(), nil
	case percent == 100:
		return Full(), nil
	default:
		return Rollout{kind: KindPartial, percent: uint8(percent)}, nil
	}
}

// Parse reads a rollout as people write it: "off", "full", or a whole
// percentage such as "25%". "0%" is off and "100%" is full. "unknown" is not
// accepted, since nobody can ask for it.
func Parse(s string) (Rollout, error) {
	text := strings.ToLower(strings.TrimSpace(s))
	switch text {
	case "off":
		return Off(), nil
	case "full":
		return Full(), nil
	}
	number, isPercent := strings.CutSuffix(text, "%")
	// ParseUint, so that neither "+5%" nor "-0%" is taken for a percentage.
	percent, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return Rollout{}, fmt.Errorf("reading rollout %q: expected off, full or a whole percentage such as 25%%", s)
	}
	if !isPercent {
		return Rollout{}, fmt.Errorf("reading rollout %q: a percentage needs its sign, as in %d%%", s, percent)
	}
	if percent > 100 {
		return Rollout{}, fmt.Errorf("reading rollout %q: a percentage lies between 0%% and 100%%", s)
	}
	return Partial(int(percent))
}

// Kind tells which sort of rollout r is.
func (r Rollout) Kind() Kind { return r.kind }

// Percent is how many of 100 units take the new path: 0 when off, 100 when
// full, and 0 when unknown, for then nobody should.
func (r Rollout) Percent() int { return int(r.percent) }

// Includes tells whether unit takes the new path of the flag key under this
// rollout. A unit that is in at one percentage is in at every higher one. An
// empty unit cannot be told from another and is in only when the flag is full.
func (r Rollout) Includes(key, unit string) bool {
	switch r.kind {
	case KindFull:
		return true
	case KindPartial:
		return unit != "" && Bucket(key, unit) < int(r.percent)
	case KindUnknown, KindOff:
		return false
	default:
		return false
	}
}

// String writes a rollout as [Parse] reads it, and "unknown".
func (r Rollout) String() string {
	switch r.kind {
	case KindOff:
		return "off"
	case KindPartial:
		return strconv.Itoa(int(r.percent)) + "%"
	case KindFull:
		return "full"
	case KindUnknown:
		return "unknown"
	default:
		return "unknown"
	}
}

// MarshalText writes a rollout for JSON, YAML and flags; see [Rollout.String].
func (r Rollout) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what [Rollout.MarshalText] wrote: all that [Parse]
// accepts, and "unknown".
func (r *Rollout) UnmarshalText(text []byte) error {
	if string(text) == "unknown" {
		*r = Unknown()
		return nil
	}
	parsed, err := Parse(string(text))
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}
