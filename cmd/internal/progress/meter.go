package progress

import "time"

// window is how far back the rate looks: long enough to even out chunks, short
// enough to follow a throttle.
const window = 10 * time.Second

// meter measures a rate of rows.
type meter struct {
	// first and last span the whole work, samples the window.
	first, last sample
	samples     []sample
}

// sample is how many rows were done when.
type sample struct {
	at   time.Time
	done int64
}

// add takes a sample. The first one is where counting begins: rows that an
// earlier run has done do not count.
func (m *meter) add(at time.Time, done int64) {
	m.last = sample{at, done}
	n := len(m.samples)
	if n == 0 {
		m.first = m.last
	}
	// A caller may report every chunk; a hundred samples are enough.
	if n > 0 && at.Sub(m.samples[n-1].at) < window/100 {
		return
	}
	m.samples = append(m.samples, m.last)
	for len(m.samples) > 2 && at.Sub(m.samples[1].at) >= window {
		m.samples = m.samples[1:]
	}
}

// rate is rows per second over the window; 0 while unknown.
func (m *meter) rate() float64 {
	if len(m.samples) == 0 {
		return 0
	}
	return perSecond(m.samples[0], m.last)
}

// average is rows per second since the beginning; 0 while unknown.
func (m *meter) average() float64 { return perSecond(m.first, m.last) }

func perSecond(from, to sample) float64 {
	rows, took := to.done-from.done, to.at.Sub(from.at)
	if took <= 0 || rows <= 0 {
		return 0
	}
	return float64(rows) / took.Seconds()
}
