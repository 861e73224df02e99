package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
	"time"
)

// The plot's measures, in pixels.
const (
	plotWidth  = 900
	labelWidth = 250
	rightSpace = 130
	barHeight  = 16
	rowHeight  = 24
	headHeight = 34
	margin     = 20
)

// plot draws the results as SVG: for each kind of table how long every line took,
// from its fastest round to its slowest, and what an application's slowest
// requests waited in each phase.
func plot(title string, results []*result) string {
	d := &drawing{y: margin}
	d.text(margin, d.next(headHeight), "start", "head", "Changing int to bigint on "+title)
	for _, r := range results {
		d.times(r)
		d.waits(r)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" font-family="sans-serif" font-size="13">
<style>.head{font-size:17px;font-weight:bold}.sub{font-weight:bold}.small{font-size:11px;fill:#555}.ours{fill:#2166ac}.other{fill:#9aa5b1}.whisker{stroke:#222;stroke-width:1.5}.grid{stroke:#ddd}</style>
<rect width="100%%" height="100%%" fill="white"/>
%[3]s</svg>
`, plotWidth, d.y+margin, d.b.String())
}

// drawing grows downwards.
type drawing struct {
	b strings.Builder
	y int
}

// next makes room for a line, and returns where its text stands.
func (d *drawing) next(height int) int {
	d.y += height
	return d.y - height/3
}

func (d *drawing) text(x, y int, anchor, class, s string) {
	fmt.Fprintf(&d.b, `<text x="%d" y="%d" text-anchor="%s" class="%s">%s</text>`+"\n", x, y, anchor, class, html.EscapeString(s))
}

func (d *drawing) line(x1, y1, x2, y2 int, class string) {
	fmt.Fprintf(&d.b, `<line x1="%d" y1="%d" x2="%d" y2="%d" class="%s"/>`+"\n", x1, y1, x2, y2, class)
}

func (d *drawing) rect(x, y, width, height int, class string) {
	fmt.Fprintf(&d.b, `<rect x="%d" y="%d" width="%d" height="%d" class="%s"/>`+"\n", x, y, width, height, class)
}

func classOf(name string) string {
	if strings.HasPrefix(name, "migrate") {
		return "ours"
	}
	return "other"
}

// times draws a bar for the median, and a whisker from the least to the most.
func (d *drawing) times(r *result) {
	var longest time.Duration
	for _, name := range r.names {
		longest = max(longest, slices.Max(append(each(r, name, took), 0)))
	}
	if longest == 0 {
		return
	}
	d.text(margin, d.next(headHeight), "start", "sub", r.scenario.String()+": seconds, fewer are better")
	x := func(t time.Duration) int {
		return labelWidth + int(math.Round(float64(plotWidth-labelWidth-rightSpace)*t.Seconds()/longest.Seconds()))
	}
	for _, name := range r.names {
		durations := each(r, name, took)
		y := d.next(rowHeight)
		d.text(labelWidth-8, y, "end", "", name)
		if len(durations) == 0 {
			d.text(labelWidth+4, y, "start", "small", shortened(r.missed[name]))
			continue
		}
		middle := y - 5
		d.rect(labelWidth, middle-barHeight/2, max(1, x(median(durations))-labelWidth), barHeight, classOf(name))
		least, most := x(slices.Min(durations)), x(slices.Max(durations))
		d.line(least, middle, most, middle, "whisker")
		d.line(least, middle-4, least, middle+4, "whisker")
		d.line(most, middle-4, most, middle+4, "whisker")
		label := fmt.Sprintf("%.2f s", median(durations).Seconds())
		if ratios := r.ratios(name, plainUpdate); len(ratios) > 0 && name != plainUpdate {
			label += fmt.Sprintf(", %.2f × UPDATE", median(ratios))
		}
		d.text(most+8, y, "start", "small", label)
	}
}

// waits draws, on a logarithmic scale, how long requests waited in each phase:
// a bar to the 99th percentile, and a whisker to the longest.
func (d *drawing) waits(r *result) {
	if len(r.traffic) == 0 {
		return
	}
	d.text(margin, d.next(headHeight), "start", "sub", "an application's writes meanwhile: 99th percentile, and the longest")
	const least, most = time.Millisecond, 100 * time.Second
	x := func(t time.Duration) int {
		part := math.Log(float64(max(t, least))/float64(least)) / math.Log(float64(most)/float64(least))
		return labelWidth + int(math.Round(float64(plotWidth-labelWidth-rightSpace)*min(1, part)))
	}
	lines := 0
	for _, v := range r.traffic {
		lines += len(v.phases)
	}
	scale := d.next(rowHeight)
	for t := least; t <= most; t *= 10 {
		d.text(x(t), scale, "middle", "small", t.String())
		d.line(x(t), d.y, x(t), d.y+lines*rowHeight, "grid")
	}
	for _, v := range r.traffic {
		for _, p := range v.phases {
			y := d.next(rowHeight)
			d.text(labelWidth-8, y, "end", "", v.variant+", "+p.name)
			p99, longest := p.writes.Latency.Quantile(0.99), p.writes.Latency.Longest()
			d.rect(labelWidth, y-5-barHeight/2, max(1, x(p99)-labelWidth), barHeight, classOf(v.variant))
			d.line(x(p99), y-5, x(longest), y-5, "whisker")
			d.line(x(longest), y-9, x(longest), y-1, "whisker")
			d.text(max(x(p99), x(longest))+8, y, "start", "small", milliseconds(p99)+", "+milliseconds(longest))
		}
	}
}
