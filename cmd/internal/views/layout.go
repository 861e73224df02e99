package views

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/x/ansi"

	"github.com/expandcontract/migrate/cmd/internal/streams"
)

// page lays out text for a width and writes it at once at the end.
type page struct {
	streams.Theme
	width int
	out   strings.Builder
}

func newPage(s *streams.Streams) *page { return &page{Theme: s.Theme, width: s.Width()} }

// flush writes the page.
func (p *page) flush(w io.Writer) error {
	if _, err := io.WriteString(w, p.out.String()); err != nil {
		return fmt.Errorf("writing the result: %w", err)
	}
	return nil
}

// line writes a line as it is.
func (p *page) line(parts ...string) {
	p.out.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.out.WriteByte('\n')
}

// wrapped writes words behind a prefix, broken so that they stay right of it.
func (p *page) wrapped(prefix, words string, style lipgloss.Style) {
	indent := lipgloss.Width(prefix)
	for i, l := range strings.Split(ansi.Wrap(clean(words), max(p.width-indent, 20), ""), "\n") {
		if i > 0 {
			prefix = strings.Repeat(" ", indent)
		}
		p.line(prefix, style.Render(l))
	}
}

// column is a column of a grid; a flexible one gives way where the page is narrow.
type column struct {
	title    string
	flexible bool
}

// gap is the space between columns, least what a flexible column keeps.
const gap, least = 2, 12

// grid writes rows under column titles, indented. style colors a cell.
func (p *page) grid(indent string, columns []column, rows [][]string, style func(row, column int) lipgloss.Style) {
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	for _, row := range rows {
		for i := range row {
			row[i] = clean(row[i])
		}
	}
	widths := p.fit(columns, titles, rows, p.width-len(indent))
	rendered := table.New().Headers(titles...).Rows(rows...).
		Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).BorderLeft(false).
		BorderRight(false).BorderColumn(false).BorderHeader(false).BorderRow(false).
		StyleFunc(func(row, column int) lipgloss.Style {
			cell := p.Faint
			if row != table.HeaderRow {
				cell = style(row, column)
			}
			return cell.Width(widths[column] + gap).PaddingRight(gap)
		}).Render()
	for _, l := range strings.Split(rendered, "\n") {
		p.line(indent, strings.TrimRight(l, " "))
	}
}

// fit finds the columns' widths: their natural ones, or the flexible ones
// narrowed, the widest first.
func (p *page) fit(columns []column, titles []string, rows [][]string, width int) []int {
	widths := make([]int, len(columns))
	total := 0
	for i := range columns {
		widths[i] = lipgloss.Width(titles[i])
		for _, row := range rows {
			widths[i] = max(widths[i], lipgloss.Width(row[i]))
		}
		total += widths[i] + gap
	}
	for total-gap > width {
		widest := -1
		for i, c := range columns {
			if c.flexible && widths[i] > least && (widest < 0 || widths[i] > widths[widest]) {
				widest = i
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
		total--
	}
	return widths
}

// clean makes text that came from a migration or a server harmless to a
// terminal: no escape sequences, no line breaks.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return ' '
		case unicode.IsControl(r):
			return '\uFFFD'
		}
		return r
	}, text)
}

// Count writes a number with its thousands apart: 1,234,567.
func Count(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var out strings.Builder
	for i, d := range digits {
		if i > 0 && digits[i-1] != '-' && (len(digits)-i)%3 == 0 {
			out.WriteByte(',')
		}
		out.WriteRune(d)
	}
	return out.String()
}

// Plural writes a number with its noun: "1 step", "2 steps".
func Plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(int64(n)) + " " + noun + "s"
}

// Rate writes rows per second in two or three digits: "850/s", "42k/s", "1.2M/s".
func Rate(perSecond float64) string {
	switch {
	case perSecond >= 1e6:
		return fmt.Sprintf("%.1fM/s", perSecond/1e6)
	case perSecond >= 1e4:
		return fmt.Sprintf("%.0fk/s", perSecond/1e3)
	case perSecond >= 1e3:
		return fmt.Sprintf("%.1fk/s", perSecond/1e3)
	default:
		return fmt.Sprintf("%.0f/s", perSecond)
	}
}

// About writes a duration as coarsely as an estimate deserves: "8s", "3m20s", "2h10m".
func About(d time.Duration) string {
	switch {
	case d >= time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	case d >= time.Minute:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	default:
		return fmt.Sprintf("%ds", int(d.Round(time.Second).Seconds()))
	}
}

// Percent writes how much of a total is done, never 100% before it all is.
func Percent(done, total int64) string {
	switch {
	case total <= 0 || done >= total:
		return "100%"
	case done <= 0:
		return "0%"
	default:
		return strconv.FormatInt(min(int64(float64(done)/float64(total)*100), 99), 10) + "%"
	}
}
