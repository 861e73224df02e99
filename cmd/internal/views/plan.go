package views

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// Plan writes plans, in the order in which they will run; none at all means
// that nothing is pending.
type Plan interface {
	Plans(plans []*plan.Plan) error
}

// Source reads the file that a plan was made of; nil, and empty text, show no
// places.
type Source func(file string) string

// NewPlan makes the view of a format. Verbose text shows the SQL of each step.
// Hazards are shown at their place in source.
func NewPlan(s *streams.Streams, f Format, verbose bool, source Source) Plan {
	switch f {
	case JSON:
		return planJSON{s}
	case Markdown:
		return planMarkdown{s, source}
	case SQL:
		return planSQL{s}
	case Text:
		return planText{s, verbose, source}
	default:
		return planText{s, verbose, source}
	}
}

// sourceOf is the text that a plan was made of, as long as it has not changed.
func (source Source) sourceOf(p *plan.Plan, file string) string {
	if source == nil {
		return ""
	}
	text := source(file)
	if sum := sha256.Sum256([]byte(text)); hex.EncodeToString(sum[:]) != p.Checksum {
		return ""
	}
	return text
}

// planJSON writes one document per plan, one after the other.
type planJSON struct{ s *streams.Streams }

// Plans implements Plan. Nothing pending is a plan without a name and phases.
func (v planJSON) Plans(plans []*plan.Plan) error {
	if len(plans) == 0 {
		return writeJSON(v.s.Out, plan.Plan{FormatVersion: plan.FormatVersion, Touches: []string{}, Phases: []plan.Phase{}, Hazards: []plan.Hazard{}})
	}
	for _, p := range plans {
		if err := writeJSON(v.s.Out, p); err != nil {
			return err
		}
	}
	return nil
}

// facts are what a plan's heading says about it.
func facts(p *plan.Plan) []string {
	out := []string{
		"flag " + p.Flag,
		"soak " + short(p.Soak),
		"grace " + short(p.Grace),
	}
	switch p.Shadow {
	case plan.ShadowDB: // the rule, not worth a word
	case plan.ShadowApp:
		out = append(out, "shadow writes by the app")
	case plan.ShadowOff:
		out = append(out, "no shadow writes")
	}
	return out
}

// when says for people when a phase runs.
func when(name plan.PhaseName) string {
	switch name {
	case plan.Expand:
		return "before the rollout"
	case plan.Backfill:
		return "in small pieces, beside the traffic"
	case plan.Contract:
		return "after the rollout"
	default:
		return ""
	}
}

// command is what runs a phase.
func command(name plan.PhaseName) string {
	if name == plan.Contract {
		return "migrate contract"
	}
	return "migrate expand"
}

// upper begins a heading.
func upper(word string) string { return strings.ToUpper(word[:1]) + word[1:] }

// gates says what must pass before a phase.
func gates(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "gate: " + names[0]
	default:
		return "gates: " + strings.Join(names, ", ")
	}
}

// lock says what a step locks.
func lock(l plan.Lock) string {
	switch {
	case l.Mode == "" && l.Object == "":
		return "none"
	case l.Object == "":
		return l.Mode
	default:
		return l.Mode + " on " + l.Object
	}
}

// timeouts says what bounds a step, for the formats that show its SQL.
func timeouts(s plan.Step) string {
	var out []string
	if s.LockTimeoutMS > 0 {
		out = append(out, "lock timeout "+shortMS(s.LockTimeoutMS))
	}
	if s.StatementTimeoutMS > 0 {
		out = append(out, "statement timeout "+shortMS(s.StatementTimeoutMS))
	}
	return strings.Join(out, ", ")
}

func shortMS(ms int) string { return short(plan.Duration(time.Duration(ms) * time.Millisecond)) }

// short writes a duration without its zero parts.
func short(d plan.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// summary says in one line how much a plan does.
func summary(p *plan.Plan) string {
	if p.Empty() {
		return "Nothing to change."
	}
	return fmt.Sprintf("%s to expand, %d to backfill, %d to contract.",
		Plural(len(p.Steps(plan.Expand)), "step"), len(p.Steps(plan.Backfill)), len(p.Steps(plan.Contract)))
}

// split separates the steps that run after the grace.
func split(steps []plan.Step) (now, afterGrace []plan.Step) {
	for _, s := range steps {
		if s.AfterGrace {
			afterGrace = append(afterGrace, s)
			continue
		}
		now = append(now, s)
	}
	return now, afterGrace
}

// script ends a step's SQL as a statement ends.
func script(sql string) string {
	sql = strings.TrimSpace(sql)
	if sql == "" || strings.HasSuffix(sql, ";") {
		return sql
	}
	return sql + ";"
}
