package planner

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// Error is one thing wrong with a migration, and where.
type Error struct {
	plan.Pos
	// Rule is the hazard rule that it breaks; may be empty.
	Rule    string
	Message string
	// Instead says what to do; may be empty.
	Instead string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s", e.Pos, e.Message)
	if e.Instead != "" {
		s += "; instead: " + e.Instead
	}
	return s
}

// Errors are all the things wrong with a migration, in the file's order.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap lets errors.As find the single errors.
func (es Errors) Unwrap() []error {
	out := make([]error, len(es))
	for i, e := range es {
		out[i] = e
	}
	return out
}
