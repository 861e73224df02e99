// Package rules holds the pages that explain the rules of package planner/rules:
// what a person reads in the repository is what migrate explain prints.
package rules

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.md
var pages embed.FS

// Page is what there is to say about a rule.
type Page struct {
	// Markdown is the page itself.
	Markdown string
	// Breaks says what blocks or breaks, Affected who feels it, Planner what
	// migrate does about it and Allow when it is fine to allow it.
	Breaks, Affected, Planner, Allow string
	// Examples show it, one for each engine family that differs.
	Examples []Example
}

// Example is SQL that a rule is about, and how to write it instead.
type Example struct {
	// Engines are those it is written for.
	Engines string
	// Bad is found by the rule, Good is not.
	Bad, Good string
}

// The headings of a page, in order.
const (
	HeadBreaks   = "What blocks or breaks"
	HeadAffected = "Who is affected"
	HeadPlanner  = "What migrate does about it"
	HeadAllow    = "When to allow it"
	HeadExample  = "Example"
)

// Read returns the page of a rule.
func Read(rule string) (*Page, error) {
	content, err := pages.ReadFile(rule + ".md")
	if err != nil {
		return nil, fmt.Errorf("reading the page of rule %s: %w", rule, err)
	}
	p := &Page{Markdown: string(content)}
	for _, section := range strings.Split(p.Markdown, "\n## ")[1:] {
		head, body, _ := strings.Cut(section, "\n")
		body = strings.TrimSpace(body)
		engines, isExample := strings.CutPrefix(head, HeadExample)
		switch {
		case head == HeadBreaks:
			p.Breaks = body
		case head == HeadAffected:
			p.Affected = body
		case head == HeadPlanner:
			p.Planner = body
		case head == HeadAllow:
			p.Allow = body
		case isExample:
			code := fenced(body)
			if len(code) != 2 {
				return nil, fmt.Errorf("reading the page of rule %s: an example has %d pieces of SQL, not two", rule, len(code))
			}
			p.Examples = append(p.Examples, Example{strings.TrimPrefix(engines, " for "), code[0], code[1]})
		default:
			return nil, fmt.Errorf("reading the page of rule %s: unknown heading %q", rule, head)
		}
	}
	return p, nil
}

// fenced are the pieces of code in a text.
func fenced(body string) []string {
	var out []string
	parts := strings.Split(body, "```")
	for i := 1; i < len(parts); i += 2 {
		out = append(out, strings.TrimSpace(strings.TrimPrefix(parts[i], "sql\n")))
	}
	return out
}
