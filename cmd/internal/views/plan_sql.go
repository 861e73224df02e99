package views

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// planSQL writes plans as a commented script, to be read beside the migration.
type planSQL struct{ s *streams.Streams }

// Plans implements Plan.
func (v planSQL) Plans(plans []*plan.Plan) error {
	p := newPage(v.s)
	if len(plans) == 0 {
		p.line("-- Nothing is pending.")
	}
	for i, one := range plans {
		if i > 0 {
			p.line()
		}
		v.plan(p, one)
	}
	return p.flush(v.s.Out)
}

func (v planSQL) plan(p *page, one *plan.Plan) {
	v.comment(p, "Plan of "+one.Migration+" for "+one.Engine+" "+one.ServerVersion+".")
	v.comment(p, strings.Join(facts(one), ", ")+".")
	v.comment(p, "Fingerprint "+one.Fingerprint+".")
	v.comment(p, "These are the statements that migrate will run. It adds what a script cannot: gates, a journal, "+
		"retries, and chunks with checkpoints. Read it; do not run it.")
	for _, m := range moments(one) {
		v.comment(p, m.when+": old versions of the app "+m.old+"; new ones "+m.fresh+".")
	}
	for _, h := range one.Hazards {
		p.line("--")
		v.comment(p, string(h.Severity)+" "+h.Rule+" at "+h.String()+": "+h.Message)
		if h.Instead != "" {
			v.comment(p, "instead: "+h.Instead)
		}
		if h.Allowed {
			v.comment(p, "allowed: "+h.Reason)
		}
	}
	for _, phase := range one.Phases {
		if len(phase.Steps) == 0 {
			continue
		}
		p.line()
		p.line("-- ", strings.Repeat("=", 72))
		about := strings.ToUpper(string(phase.Phase)) + ": " + command(phase.Phase) + ", " + when(phase.Phase)
		if g := gates(phase.Gates); g != "" {
			about += "; " + g
		}
		v.comment(p, about)
		p.line("-- ", strings.Repeat("=", 72))
		for _, s := range phase.Steps {
			v.step(p, s)
		}
	}
}

func (v planSQL) step(p *page, s plan.Step) {
	p.line()
	v.comment(p, s.ID+": "+s.Title)
	if s.Why != "" {
		v.comment(p, s.Why)
	}
	about := "lock: " + lock(s.Lock) + "; work: " + string(s.Work) + ", " + estimate(s)
	if t := timeouts(s); t != "" {
		about += "; " + t
	}
	v.comment(p, about)
	if s.AfterGrace {
		v.comment(p, "after the grace")
	}
	if s.Chunks != nil {
		v.comment(p, "run piece by piece, each in a transaction of its own")
	}
	p.out.WriteString(script(s.SQL) + "\n")
	if s.Undo == "" {
		return
	}
	p.line("-- undo:")
	for _, l := range strings.Split(script(s.Undo), "\n") {
		p.line("--   ", clean(l))
	}
}

// comment writes words as lines of comment, each with its marker.
func (v planSQL) comment(p *page, words string) {
	const marker = "-- "
	for _, l := range strings.Split(ansi.Wrap(clean(words), p.width-len(marker), ""), "\n") {
		p.line(marker, l)
	}
}
