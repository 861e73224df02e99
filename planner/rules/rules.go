// Package rules is the catalogue of hazards: what each is called, how severe it
// is unless something is known that makes it less or more so, and on which
// engines it can occur. The pages that explain them are in docs/rules.
package rules

import (
	"slices"
	"strings"

	"github.com/expandcontract/migrate/internal/nearest"
	"github.com/expandcontract/migrate/planner/plan"
)

// Rule is one kind of hazard.
type Rule struct {
	// Name is stable: people write it into migrate:allow directives.
	Name string
	// Severity is what a hazard of this kind has unless it is known better.
	Severity plan.Severity
	// Engines are those on which it can occur.
	Engines []string
	// Summary says in one sentence what is the matter.
	Summary string
}

var (
	everywhere = []string{"postgres", "mysql", "mariadb"}
	pg         = []string{"postgres"}
	my         = []string{"mysql", "mariadb"}
	mysqlOnly  = []string{"mysql"}
)

// All returns the rules, ordered by name.
func All() []Rule { return slices.Clone(catalogue) }

// Find returns the rule of a name.
func Find(name string) (Rule, bool) {
	i, ok := slices.BinarySearchFunc(catalogue, name, func(r Rule, name string) int { return strings.Compare(r.Name, name) })
	if !ok {
		return Rule{}, false
	}
	return catalogue[i], true
}

// Severity returns the severity of a rule; Error for one that is not known, so
// that it is not overlooked.
func Severity(name string) plan.Severity {
	if r, ok := Find(name); ok {
		return r.Severity
	}
	return plan.Error
}

// Nearest returns the names that somebody who wrote this one may have meant,
// the likeliest first, at most three.
func Nearest(name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	var near []candidate
	for _, r := range catalogue {
		distance := nearest.Distance(name, r.Name)
		if len(name) > 3 && strings.Contains(r.Name, name) {
			distance = min(distance, 2)
		}
		if shared := sharedWords(name, r.Name); shared > 0 {
			distance -= 3 * shared
		}
		if distance <= max(3, len(name)/3) {
			near = append(near, candidate{r.Name, distance})
		}
	}
	slices.SortStableFunc(near, func(a, b candidate) int { return a.distance - b.distance })
	const most = 3
	var out []string
	for _, c := range near[:min(len(near), most)] {
		out = append(out, c.name)
	}
	return out
}

// sharedWords counts the words of four letters or more that two names share:
// shorter ones (on, not, in) say little.
func sharedWords(a, b string) int {
	n := 0
	words := strings.Split(b, "-")
	for _, w := range strings.Split(a, "-") {
		if len(w) > 3 && slices.Contains(words, w) {
			n++
		}
	}
	return n
}
