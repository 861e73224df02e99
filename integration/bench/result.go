package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// result is what was measured on one kind of table.
type result struct {
	scenario scenario
	names    []string // of the lines, in the order in which they came up
	rounds   []map[string]measurement
	// missed says why a variant was not measured.
	missed  map[string]string
	traffic []trafficOf
}

// trafficOf is what an application saw of a variant.
type trafficOf struct {
	variant string
	phases  []phaseReport
}

func newResult(s scenario) *result { return &result{scenario: s, missed: map[string]string{}} }

// round begins another round.
func (r *result) round() { r.rounds = append(r.rounds, map[string]measurement{}) }

// add keeps what was measured in this round.
func (r *result) add(parts []part) {
	for _, p := range parts {
		r.line(p.name)
		r.rounds[len(r.rounds)-1][p.name] = p.measurement
	}
}

func (r *result) missing(variant, why string) {
	r.line(variant)
	r.missed[variant] = why
}

func (r *result) line(name string) {
	if !slices.Contains(r.names, name) {
		r.names = append(r.names, name)
	}
}

// each is one figure of a line, round by round.
func each[T any](r *result, name string, of func(m measurement) T) []T {
	var out []T
	for _, round := range r.rounds {
		if m, ok := round[name]; ok {
			out = append(out, of(m))
		}
	}
	return out
}

func took(m measurement) time.Duration { return m.took }

// ratios compare a line with another one, round by round.
func (r *result) ratios(name, with string) []float64 {
	var out []float64
	for _, round := range r.rounds {
		m, ok := round[name]
		base, there := round[with]
		if ok && there && base.took > 0 {
			out = append(out, m.took.Seconds()/base.took.Seconds())
		}
	}
	return out
}

// median of an even number of values is the mean of the two in the middle; of
// none it is zero.
func median[T ~int64 | ~float64](values []T) T {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// text is the result as Markdown tables.
func (r *result) text() string {
	out := r.times()
	if len(r.traffic) > 0 {
		out += "\n" + r.latencies()
	}
	return out
}

func (r *result) times() string {
	rows := [][]string{{"", "time", "× UPDATE", "× ALTER", "WAL or redo", "binlog", "table before", "after", "memory", "CPU"}}
	for _, name := range r.names {
		durations := each(r, name, took)
		if len(durations) == 0 {
			rows = append(rows, []string{name, shortened(r.missed[name]), "", "", "", "", "", "", "", ""})
			continue
		}
		process := []string{"", ""}
		if cpu := median(each(r, name, func(m measurement) time.Duration { return m.usage.cpu })); cpu > 0 {
			process = []string{
				mebibytes(slices.Max(each(r, name, func(m measurement) int64 { return m.usage.memory }))),
				fmt.Sprintf("%.2f s", cpu.Seconds()),
			}
		}
		middle := func(of func(m measurement) int64) string { return mebibytes(median(each(r, name, of))) }
		rows = append(rows, append([]string{
			name, fmt.Sprintf("%.2f s", median(durations).Seconds()),
			spread(r.ratios(name, plainUpdate)), spread(r.ratios(name, blockingAlter)),
			middle(func(m measurement) int64 { return m.log.redo }), middle(func(m measurement) int64 { return m.log.binlog }),
			middle(func(m measurement) int64 { return m.before }), middle(func(m measurement) int64 { return m.after }),
		}, process...))
	}
	return table(rows)
}

// latencies are those of the application's requests, counted from when they were due.
func (r *result) latencies() string {
	rows := [][]string{{"requests of an application", "phase", "lasted", "reads: p50", "p95", "p99", "max", "writes: p50", "p95", "p99", "max", "errors"}}
	for _, v := range r.traffic {
		for _, p := range v.phases {
			row := []string{v.variant, p.name, fmt.Sprintf("%.1f s", p.reads.To.Sub(p.reads.From).Seconds())}
			for _, h := range []interface {
				Quantile(q float64) time.Duration
				Longest() time.Duration
			}{&p.reads.Latency, &p.writes.Latency} {
				row = append(row, milliseconds(h.Quantile(0.5)), milliseconds(h.Quantile(0.95)), milliseconds(h.Quantile(0.99)), milliseconds(h.Longest()))
			}
			rows = append(rows, append(row, fmt.Sprint(p.reads.Errors+p.writes.Errors)))
		}
	}
	return table(rows)
}

// growth compares the largest tables with the smallest ones that are otherwise alike.
func growth(results []*result) string {
	rows := [][]string{{"", "table", "rows", "time", "rows", "time", "× rows", "× time", "memory"}}
	for i, small := range results {
		for _, large := range results[i+1:] {
			s := large.scenario
			if s.rows = small.scenario.rows; s != small.scenario || large.scenario.rows == small.scenario.rows {
				continue
			}
			for _, name := range large.names {
				a, b := median(each(small, name, took)), median(each(large, name, took))
				if a == 0 || b == 0 {
					continue
				}
				memory := slices.Max(each(large, name, func(m measurement) int64 { return m.usage.memory }))
				rows = append(rows, []string{
					name, fmt.Sprintf("%s, %s, %d", s.key, s.width, s.indexes),
					thousands(small.scenario.rows), fmt.Sprintf("%.2f s", a.Seconds()), thousands(large.scenario.rows), fmt.Sprintf("%.2f s", b.Seconds()),
					fmt.Sprintf("%.1f", float64(large.scenario.rows)/float64(small.scenario.rows)), fmt.Sprintf("%.1f", b.Seconds()/a.Seconds()), mebibytes(memory),
				})
			}
		}
	}
	if len(rows) == 1 {
		return ""
	}
	return table(rows)
}

// spread is a median with the least and the most: 0.90 (0.85–0.94).
func spread(values []float64) string {
	switch len(values) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("%.2f", values[0])
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", median(values), slices.Min(values), slices.Max(values))
}

// shortened is the beginning of a text, for a cell of a table.
func shortened(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}

func mebibytes(n int64) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

func milliseconds(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	if ms < 10 {
		return fmt.Sprintf("%.1f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}

// table writes rows as Markdown that can be read as it is. The first is the head.
func table(rows [][]string) string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	for n, row := range rows {
		for i, cell := range row {
			b.WriteString("| " + cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+1))
		}
		b.WriteString("|\n")
		if n == 0 {
			for _, width := range widths {
				b.WriteString("|" + strings.Repeat("-", width+2))
			}
			b.WriteString("|\n")
		}
	}
	return b.String()
}
