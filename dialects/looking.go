package dialects

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// Look asks a plan's questions about the rows, for at most about the given time
// in all, and adds what it finds to the plan's hazards. It reads and never
// writes. What there was no time to look at becomes a note.
func Look(ctx context.Context, s Session, p *plan.Plan, within time.Duration) error {
	until := time.Now().Add(within)
	for i, q := range p.Questions {
		// Each gets its share of the time that is left, so that a large table does
		// not keep the others from being looked at.
		share := time.Until(until) / time.Duration(len(p.Questions)-i)
		found, err := executor.Look(ctx, s, q, share)
		if err != nil {
			return err
		}
		tell(p, q, found)
	}
	slices.SortStableFunc(p.Hazards, func(a, b plan.Hazard) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return nil
}

// tell makes a hazard, or a note, of an answer.
func tell(p *plan.Plan, q plan.Question, found executor.Looked) {
	what := fmt.Sprintf("rows of %s that %s", q.Table, q.Message)
	switch {
	case found.TimedOut:
		p.Notes = append(p.Notes, fmt.Sprintf("there was no time to look for %s%s", what, showing(q)))
		return
	case found.Rows == 0 && !found.Complete:
		p.Notes = append(p.Notes, fmt.Sprintf("%s: none among the %d that there was time to look at%s", what, found.Seen, showing(q)))
		return
	case found.Rows == 0:
		return
	}
	count := fmt.Sprintf("%d %s of %s %s", found.Rows, plural(found.Rows), q.Table, q.Message)
	switch {
	case found.AtLeast:
		count = "at least " + count
	case !found.Complete:
		count += fmt.Sprintf(" (among the %d that there was time to look at)", found.Seen)
	}
	if len(found.Keys) > 0 {
		count += ": " + strings.Join(found.Keys, "; ")
	}
	if found.Err != nil {
		count += fmt.Sprintf(" (%v)", found.Err)
	}
	p.Hazards = append(p.Hazards, plan.Hazard{
		Rule: q.Rule, Severity: q.Severity, Pos: q.Pos, Message: count, Instead: q.Instead + showing(q), Allowed: q.Allowed, Reason: q.Reason,
	})
}

func plural(n int64) string {
	if n == 1 {
		return "row"
	}
	return "rows"
}

// showing tells how to see them all.
func showing(q plan.Question) string {
	if q.All == "" {
		return ""
	}
	return "; to see them all: " + q.All
}
