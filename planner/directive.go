package planner

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Defaults are the values of directives that a file does not give.
type Defaults struct {
	Soak, Grace time.Duration
}

// StandardDefaults are those of DESIGN section 3.
var StandardDefaults = Defaults{Soak: 10 * time.Minute, Grace: 24 * time.Hour}

// directives are what a migration's comments say about the whole file.
type directives struct {
	flag        string
	soak, grace time.Duration
	shadow      plan.Shadow
	ups, downs  []transform
	allows      []*allow
	// placed holds, per statement, what stands before it.
	placed []placement
}

// transform is an up or down directive.
type transform struct {
	table Ref
	Assign
	pos plan.Pos
}

// allow acknowledges a rule for the statement that it stands before.
type allow struct {
	rule, reason string
	statement    int
	pos          plan.Pos
	used         bool
}

// placement overrides the planner for one statement.
type placement struct {
	phase plan.PhaseName
	undo  string
	pos   plan.Pos
}

// problems gathers errors so that one run tells all of them.
type problems struct {
	file File
	errs Errors
}

func (p *problems) at(pos plan.Pos, rule, instead, format string, args ...any) {
	p.errs = append(p.errs, &Error{Pos: pos, Rule: rule, Message: fmt.Sprintf(format, args...), Instead: instead})
}

const directivePrefix = "migrate:"

// readDirectives interprets a script's comments. Problems go to ps.
func readDirectives(d Dialect, script *Script, ps *problems, def Defaults) directives {
	out := directives{
		flag: ps.file.Name, soak: def.Soak, grace: def.Grace, shadow: plan.ShadowDB,
		placed: make([]placement, len(script.Statements)),
	}
	seen := map[string]bool{}
	for _, c := range script.Comments {
		text := strings.TrimLeft(c.Text, " \t\r\n")
		if !strings.HasPrefix(text, directivePrefix) {
			continue
		}
		start := c.TextStart + len(c.Text) - len(text)
		word, body, _ := strings.Cut(strings.TrimPrefix(text, directivePrefix), " ")
		word, body2, multi := strings.Cut(word, "\n")
		if multi {
			body = body2 + " " + body
		}
		bodyStart := start + strings.Index(text, body)
		r := reader{d: d, script: script, ps: ps, out: &out, offset: c.Start, bodyStart: bodyStart, seen: seen}
		r.read(strings.TrimSpace(word), strings.TrimSpace(body))
	}
	return out
}

type reader struct {
	d                 Dialect
	script            *Script
	ps                *problems
	out               *directives
	offset, bodyStart int
	seen              map[string]bool
}

func (r *reader) pos() plan.Pos { return r.ps.file.Pos(r.offset) }

func (r *reader) fail(instead, format string, args ...any) {
	r.ps.at(r.pos(), "", instead, format, args...)
}

func (r *reader) read(word, body string) {
	switch word {
	case "flag", "soak", "grace", "shadow":
		if r.seen[word] {
			r.fail("keep one", "migrate:%s is given twice", word)
			return
		}
		r.seen[word] = true
		r.setting(word, body)
	case "up":
		r.transform(&r.out.ups, word, body)
	case "down":
		r.transform(&r.out.downs, word, body)
	case "phase", "undo", "allow":
		r.placed(word, body)
	default:
		r.fail("use one of flag, soak, grace, shadow, up, down, phase, undo, allow", "unknown directive migrate:%s", word)
	}
}

func (r *reader) setting(word, body string) {
	if body == "" {
		r.fail("give it a value", "migrate:%s says nothing", word)
		return
	}
	switch word {
	case "flag":
		if strings.ContainsAny(body, " \t") {
			r.fail("use a key such as users.split-name", "a flag's key has no spaces")
			return
		}
		r.out.flag = body
	case "shadow":
		switch s := plan.Shadow(body); s {
		case plan.ShadowDB, plan.ShadowApp, plan.ShadowOff:
			r.out.shadow = s
		default:
			r.fail("use db, app or off", "migrate:shadow does not know %q", body)
		}
	default:
		d, err := time.ParseDuration(body)
		if err != nil || d < 0 {
			r.fail("use a duration such as 10m, 24h or 0s", "migrate:%s does not understand %q", word, body)
			return
		}
		if word == "soak" {
			r.out.soak = d
		} else {
			r.out.grace = d
		}
	}
}

func (r *reader) transform(into *[]transform, word, body string) {
	ref, assign, err := r.d.ParseAssign(body)
	var syntax *SyntaxError
	switch {
	case errors.As(err, &syntax):
		r.ps.at(r.ps.file.Pos(r.bodyStart+syntax.Offset), "", "write it as TABLE.COLUMN = EXPRESSION",
			"migrate:%s: %s", word, syntax.Message)
		return
	case err != nil:
		r.fail("write it as TABLE.COLUMN = EXPRESSION", "migrate:%s: %v", word, err)
		return
	}
	*into = append(*into, transform{table: ref, Assign: assign, pos: r.pos()})
}

// allowBody is RULE "reason": the reason is what reviewers will read.
var allowBody = regexp.MustCompile(`^([a-z][a-z0-9-]*)\s+("(?:[^"\\]|\\.)+")$`)

func (r *reader) placed(word, body string) {
	n := r.statement()
	if n < 0 {
		r.fail("put it on a line of its own, before the statement it is about", "migrate:%s stands before no statement", word)
		return
	}
	p := &r.out.placed[n]
	p.pos = r.pos()
	switch word {
	case "phase":
		switch ph := plan.PhaseName(body); ph {
		case plan.Expand, plan.Contract:
			p.phase = ph
		case plan.Backfill:
			r.fail("use expand or contract", "a statement cannot be put in the backfill phase")
		default:
			r.fail("use expand or contract", "migrate:phase does not know %q", body)
		}
	case "undo":
		if body == "" {
			r.fail("write the SQL that reverses the statement", "migrate:undo says nothing")
		}
		p.undo = strings.TrimSuffix(body, ";")
	case "allow":
		m := allowBody.FindStringSubmatch(body)
		if m == nil {
			r.fail(`write it as migrate:allow RULE "why this is fine here"`, "migrate:allow needs a rule and a quoted reason")
			return
		}
		reason, err := strconv.Unquote(m[2])
		if err != nil || strings.TrimSpace(reason) == "" {
			r.fail(`write it as migrate:allow RULE "why this is fine here"`, "migrate:allow has no readable reason")
			return
		}
		r.out.allows = append(r.out.allows, &allow{rule: m[1], reason: reason, statement: n, pos: r.pos()})
	}
}

// statement finds the statement that the directive stands before: -1 when
// there is none, or when the directive stands inside one.
func (r *reader) statement() int {
	for i, s := range r.script.Statements {
		if r.offset < s.Start {
			return i
		}
		if r.offset < s.End {
			return -1
		}
	}
	return -1
}
