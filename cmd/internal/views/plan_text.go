package views

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// planText writes plans for people.
type planText struct {
	s       *streams.Streams
	verbose bool
	source  Source
}

// Plans implements Plan.
func (v planText) Plans(plans []*plan.Plan) error {
	p := newPage(v.s)
	if len(plans) == 0 {
		p.line("Nothing is pending.")
	}
	for i, one := range plans {
		if i > 0 {
			p.line()
		}
		v.plan(p, one)
	}
	return p.flush(v.s.Out)
}

func (v planText) plan(p *page, one *plan.Plan) {
	p.line(p.Strong.Render(clean(one.Migration)), " on ", clean(one.Engine), " ", clean(one.ServerVersion))
	p.wrapped("", strings.Join(facts(one), " · "), p.Faint)
	for _, phase := range one.Phases {
		v.phase(p, one, phase)
	}
	v.versions(p, one)
	v.hazards(p, one)
	if len(one.Notes) > 0 {
		p.line()
		p.line(p.Strong.Render("Notes"))
		for _, note := range one.Notes {
			p.wrapped("  - ", note, lipgloss.NewStyle())
		}
	}
	p.line()
	p.line(summary(one))
	if n := len(one.Blocking()); n > 0 {
		p.line(p.Bad.Render("migrate expand will refuse: " + Plural(n, "hazard") + " of severity error above."))
	}
}

func (v planText) phase(p *page, one *plan.Plan, phase plan.Phase) {
	if len(phase.Steps) == 0 {
		return
	}
	p.line()
	about := command(phase.Phase) + ", " + when(phase.Phase)
	if g := gates(phase.Gates); g != "" {
		about += " · " + g
	}
	p.wrapped(p.Accent.Render(upper(string(phase.Phase)))+"  ", about, p.Faint)
	now, afterGrace := split(phase.Steps)
	v.steps(p, now)
	if len(afterGrace) > 0 {
		p.line()
		p.line(p.Accent.Render("Purge"), p.Faint.Render("  after a grace of "+short(one.Grace)+", for good"))
		v.steps(p, afterGrace)
	}
}

func (v planText) steps(p *page, steps []plan.Step) {
	if len(steps) == 0 {
		return
	}
	columns := []column{{"STEP", false}, {"WHAT", true}, {"LOCK", true}, {"WORK", false}, {"ESTIMATE", true}}
	rows := make([][]string, len(steps))
	idWidth := 0
	for i, s := range steps {
		rows[i] = []string{s.ID, s.Title, lock(s.Lock), string(s.Work), estimate(s)}
		idWidth = max(idWidth, len(s.ID))
	}
	p.grid("  ", columns, rows, func(row, column int) lipgloss.Style {
		if column == 0 {
			return p.Strong
		}
		if column == 3 && (steps[row].Work == plan.Rewrite || steps[row].Work == plan.Scan) {
			return p.Warn
		}
		return lipgloss.NewStyle()
	})
	var said bool
	for _, s := range steps {
		if s.Why == "" && !v.verbose {
			continue
		}
		if !said {
			p.line()
			said = true
		}
		p.wrapped(fmt.Sprintf("  %-*s  ", idWidth, s.ID), s.Why, p.Faint)
		if v.verbose {
			v.sql(p, s, strings.Repeat(" ", idWidth+4))
		}
	}
}

// sql shows a step's statements; they are not wrapped, so that they can be copied.
func (v planText) sql(p *page, s plan.Step, indent string) {
	for _, l := range strings.Split(script(s.SQL), "\n") {
		p.line(indent, clean(l))
	}
	if s.Undo != "" {
		p.line(indent, p.Faint.Render("undo:"))
		for _, l := range strings.Split(script(s.Undo), "\n") {
			p.line(indent, p.Faint.Render(clean(l)))
		}
	}
}

// versions tells what versions of the app can do at each moment.
func (v planText) versions(p *page, one *plan.Plan) {
	ms := moments(one)
	if len(ms) == 0 {
		return
	}
	p.line()
	cells := make([][]string, len(ms))
	for i, m := range ms {
		cells[i] = []string{m.when, m.old, m.fresh}
	}
	p.grid("  ", []column{{"WHEN", false}, {"OLD VERSIONS OF THE APP", true}, {"NEW VERSIONS", true}}, cells, func(_, column int) lipgloss.Style {
		if column == 0 {
			return p.Strong
		}
		return lipgloss.NewStyle()
	})
}

func (v planText) hazards(p *page, one *plan.Plan) {
	if len(one.Hazards) == 0 {
		return
	}
	p.line()
	p.line(p.Strong.Render("Hazards"))
	for _, h := range one.Hazards {
		style := p.severity(h)
		verdict := string(h.Severity)
		if h.Allowed {
			verdict = "allowed"
		}
		p.line("  ", style.Render(fmt.Sprintf("%-7s", verdict)), "  ", p.Strong.Render(clean(h.Rule)), "  ", clean(h.String()))
		p.wrapped("           ", h.Message, lipgloss.NewStyle())
		if !h.Allowed && h.Severity != plan.Info {
			p.place("           ", v.source.sourceOf(one, h.File), h.Pos, style)
		}
		if h.Instead != "" {
			p.wrapped("           instead: ", h.Instead, lipgloss.NewStyle())
		}
		if h.Allowed {
			p.wrapped("           because: ", h.Reason, p.Faint)
		}
	}
}

func (p *page) severity(h plan.Hazard) lipgloss.Style {
	switch {
	case h.Allowed:
		return p.Faint
	case h.Severity == plan.Error:
		return p.Bad
	case h.Severity == plan.Warning:
		return p.Warn
	default:
		return p.Accent
	}
}
