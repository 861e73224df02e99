package planner

import (
	"errors"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// lower.go has the dialect turn operations into steps.

// lower turns the ops of a stage into steps.
func (b *builder) lower(s stage) []plan.Step {
	var out []plan.Step
	for _, o := range b.ops[s] {
		l, err := b.d.Lower(b.s, o.op)
		var un *Unsupported
		switch {
		case errors.As(err, &un):
			b.ps.at(o.pos, "", un.Instead, "%s: %s", un.What, un.Reason)
			continue
		case err != nil:
			b.ps.at(o.pos, "", "", "%v", err)
			continue
		}
		l.Steps = slices.DeleteFunc(l.Steps, func(st plan.Step) bool {
			if s != stagePurge && st.AfterGrace {
				b.purges = append(b.purges, st)
			}
			return s != stagePurge && st.AfterGrace
		})
		for i := range l.Steps {
			l.Steps[i].AfterGrace = s == stagePurge
			estimate(o.op, &l.Steps[i])
		}
		if ended := ends(o.op); len(ended) > 0 && len(l.Steps) > 0 {
			last := &l.Steps[len(l.Steps)-1]
			last.Ends = b.s.Display(ended[0].Ref)
			for _, t := range ended[1:] {
				last.AlsoEnds = append(last.AlsoEnds, b.s.Display(t.Ref))
			}
		}
		out = append(out, l.Steps...)
		for _, h := range l.Hazards {
			h.Pos = o.pos
			b.hazard = append(b.hazard, located[plan.Hazard]{o.at, h})
		}
		for _, n := range l.Notes {
			if !slices.Contains(b.notes, n) {
				b.notes = append(b.notes, n)
			}
		}
	}
	return out
}

// ends returns the tables whose open state an op ends.
func ends(op Op) []*Table {
	switch op := op.(type) {
	case OpSwitch:
		out := []*Table{op.Table}
		for _, also := range op.And {
			out = append(out, also.Table)
		}
		return out
	case OpDropShadow:
		return []*Table{op.Sync.Table}
	default:
		return nil
	}
}
