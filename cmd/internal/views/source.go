package views

import (
	"strconv"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/expandcontract/migrate/planner/plan"
)

// place shows the line that something is about, indented, with a caret below;
// nothing when the text is not at hand.
func (p *page) place(indent, source string, at plan.Pos, style lipgloss.Style) {
	lines := strings.Split(source, "\n")
	if source == "" || at.Line < 1 || at.Line > len(lines) {
		return
	}
	line := []rune(strings.TrimRight(lines[at.Line-1], "\r"))
	column := min(max(at.Column-1, 0), len(line))
	number := strconv.Itoa(at.Line)
	// A long line is cut on both sides, so that the place stays in sight.
	width := p.width - len(number) - len(indent) - 6
	before := width * 2 / 5
	head, tail := "", ""
	if len(line) > width && column > before {
		head, line, column = "…", line[column-before:], before
	}
	if len(line) > width {
		line, tail = line[:width], "…"
	}
	room := ansi.StringWidth(head + visible(string(line[:column])))
	p.line(indent, p.Faint.Render(number+" |"), " ", head, visible(string(line)), tail)
	p.line(indent, p.Faint.Render(strings.Repeat(" ", len(number))+" |"), " ", strings.Repeat(" ", room), style.Render("^"))
}

// visible makes a line of source harmless to a terminal; tabs become blanks, so
// that the caret stands where it should.
func visible(text string) string { return clean(strings.ReplaceAll(text, "\t", "    ")) }
