package views

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/planner/plan"
)

// planMarkdown writes plans for a comment on a pull request: what matters to a
// reviewer at sight, the SQL folded.
type planMarkdown struct {
	s      *streams.Streams
	source Source
}

// Plans implements Plan.
func (v planMarkdown) Plans(plans []*plan.Plan) error {
	p := newPage(v.s)
	if len(plans) == 0 {
		p.line("No migration is pending.")
	}
	for i, one := range plans {
		if i > 0 {
			p.line()
		}
		v.plan(p, one)
	}
	return p.flush(v.s.Out)
}

func (v planMarkdown) plan(p *page, one *plan.Plan) {
	p.line("### Migration ", code(one.Migration))
	p.line()
	p.line(code(one.Engine+" "+one.ServerVersion), " · ", escape(strings.Join(facts(one), " · ")))
	p.line()
	p.line(summary(one))
	v.hazards(p, one)
	for _, phase := range one.Phases {
		v.phase(p, one, phase)
	}
	v.versions(p, one)
	if len(one.Notes) > 0 {
		p.line()
		p.line("#### Notes")
		p.line()
		for _, note := range one.Notes {
			p.line("- ", escape(note))
		}
	}
	p.line()
	p.line("<sub>Fingerprint ", code(one.Fingerprint), "</sub>")
}

// versions tells what versions of the app can do at each moment.
func (v planMarkdown) versions(p *page, one *plan.Plan) {
	ms := moments(one)
	if len(ms) == 0 {
		return
	}
	p.line()
	p.line("#### What versions of the app can do")
	p.line()
	p.line("| when | old versions | new versions |")
	p.line("|---|---|---|")
	for _, m := range ms {
		p.line("| ", escape(m.when), " | ", escape(m.old), " | ", escape(m.fresh), " |")
	}
}

func (v planMarkdown) phase(p *page, one *plan.Plan, phase plan.Phase) {
	if len(phase.Steps) == 0 {
		return
	}
	p.line()
	p.line("#### ", upper(string(phase.Phase)))
	p.line()
	p.line(code(command(phase.Phase)), ", ", when(phase.Phase), ".")
	p.line()
	if len(phase.Gates) > 0 {
		names := make([]string, len(phase.Gates))
		for i, g := range phase.Gates {
			names[i] = code(g)
		}
		p.line("Only when these pass: ", strings.Join(names, ", "))
		p.line()
	}
	p.line("| step | what | lock | work | estimate |")
	p.line("|---|---|---|---|---|")
	for _, s := range phase.Steps {
		what := escape(s.Title)
		if s.AfterGrace {
			what += " (after a grace of " + short(one.Grace) + ")"
		}
		if s.Why != "" {
			what += "<br><sub>" + escape(s.Why) + "</sub>"
		}
		p.line("| ", s.ID, " | ", what, " | ", escape(lock(s.Lock)), " | ", string(s.Work), " | ", estimate(s), " |")
	}
	p.line()
	v.sql(p, phase.Steps)
}

// sql folds a phase's statements away.
func (v planMarkdown) sql(p *page, steps []plan.Step) {
	var body strings.Builder
	for i, s := range steps {
		if i > 0 {
			body.WriteByte('\n')
		}
		fmt.Fprintf(&body, "-- %s: %s\n", s.ID, clean(s.Title))
		if s.Why != "" {
			fmt.Fprintf(&body, "-- %s\n", clean(s.Why))
		}
		body.WriteString(script(s.SQL) + "\n")
	}
	fence := "```"
	for strings.Contains(body.String(), fence) {
		fence += "`"
	}
	p.line("<details><summary>SQL</summary>")
	p.line()
	p.line(fence, "sql")
	p.out.WriteString(body.String())
	p.line(fence)
	p.line()
	p.line("</details>")
}

// hazards shows what a reviewer must decide at sight, and folds the rest.
func (v planMarkdown) hazards(p *page, one *plan.Plan) {
	var folded []plan.Hazard
	for _, h := range one.Hazards {
		if h.Allowed || h.Severity == plan.Info {
			folded = append(folded, h)
			continue
		}
		p.line()
		p.line("> [!", alert(h), "]")
		p.line("> **", escape(h.Rule), "** at ", code(h.String()), ": ", escape(h.Message))
		if line := v.line(one, h.Pos); line != "" {
			p.line(">")
			p.line("> ", code(line))
		}
		if h.Instead != "" {
			p.line(">")
			p.line("> Instead: ", escape(h.Instead))
		}
	}
	if len(folded) == 0 {
		return
	}
	p.line()
	p.line("<details><summary>", Plural(len(folded), "more hazard"), ", handled or allowed</summary>")
	p.line()
	for _, h := range folded {
		p.line("- **", escape(h.Rule), "** at ", code(h.String()), ": ", escape(h.Message))
		if h.Allowed {
			p.line("  Allowed: ", escape(h.Reason))
		}
	}
	p.line()
	p.line("</details>")
}

// line is the line that a hazard is about, from its place on.
func (v planMarkdown) line(one *plan.Plan, at plan.Pos) string {
	lines := strings.Split(v.source.sourceOf(one, at.File), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return ""
	}
	line := []rune(lines[at.Line-1])
	const most = 120
	line = line[min(max(at.Column-1, 0), len(line)):]
	return strings.TrimSpace(string(line[:min(len(line), most)]))
}

// alert maps a hazard to the kinds of box that GitHub and GitLab draw.
func alert(h plan.Hazard) string {
	if h.Severity == plan.Error {
		return "CAUTION"
	}
	return "WARNING"
}

// code marks text as code, with a fence longer than any run of backticks in it.
func code(text string) string {
	text = clean(text)
	if text == "" {
		return ""
	}
	fence := "`"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	if len(fence) > 1 {
		return fence + " " + text + " " + fence
	}
	return fence + text + fence
}

var escaper = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "[", `\[`, "]", `\]`,
	"<", "&lt;", ">", "&gt;", "|", `\|`, "#", `\#`, "@", "&#64;",
)

// escape makes text stand in Markdown as it is, in a table's cell too. An @
// must not call anybody.
func escape(text string) string { return escaper.Replace(clean(text)) }
