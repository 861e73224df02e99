package measure

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"
)

// Report is what one replica saw between two instants, one JSON line of its output.
type Report struct {
	// Kind is KindWindow for the regular reports and KindTotal for the last one, which covers the whole run.
	Kind    string    `json:"kind"`
	Version string    `json:"version"` // "v1" or "v2"
	Slot    int       `json:"slot"`
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`

	Requests   int64  `json:"requests"` // answered, the failed ones included
	Errors     int64  `json:"errors"`
	FirstError string `json:"first_error,omitempty"`
	SignUps    int64  `json:"sign_ups"` // customers added
	Renames    int64  `json:"renames"`  // customers renamed
	NewPath    int64  `json:"new_path"` // decisions for the new shape; always 0 in v1

	// Latency counts from the instant a request was due, not from when it could be sent: a stalled server
	// shows in every request that had to wait for it.
	Latency Histogram `json:"latency"`
}

// Kinds of report.
const (
	KindWindow = "window"
	KindTotal  = "total"
)

// Add counts everything that other counted; identity and times stay as they are.
func (r *Report) Add(other Report) {
	r.Requests += other.Requests
	r.Errors += other.Errors
	if r.FirstError == "" {
		r.FirstError = other.FirstError
	}
	r.SignUps += other.SignUps
	r.Renames += other.Renames
	r.NewPath += other.NewPath
	r.Latency.Add(other.Latency)
}

// Recorder gathers one replica's measurements and writes them as JSON lines. It is safe for concurrent use.
type Recorder struct {
	version string
	slot    int

	mu     sync.Mutex
	out    *json.Encoder
	window Report
	total  Report
}

// NewRecorder starts measuring for a replica and will write its reports to out.
func NewRecorder(out io.Writer, version string, slot int, now time.Time) *Recorder {
	r := &Recorder{version: version, slot: slot, out: json.NewEncoder(out)}
	r.window = r.empty(KindWindow, now)
	r.total = r.empty(KindTotal, now)
	return r
}

func (r *Recorder) empty(kind string, from time.Time) Report {
	return Report{Kind: kind, Version: r.version, Slot: r.slot, From: from}
}

// Done counts one answered request; err is nil when it was answered well.
func (r *Recorder) Done(latency time.Duration, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.window.Requests++
	r.window.Latency.Record(latency)
	if err == nil {
		return
	}
	r.window.Errors++
	if r.window.FirstError == "" {
		r.window.FirstError = err.Error()
	}
}

// SignedUp counts one customer added.
func (r *Recorder) SignedUp() { r.count(func(w *Report) { w.SignUps++ }) }

// Renamed counts one customer renamed.
func (r *Recorder) Renamed() { r.count(func(w *Report) { w.Renames++ }) }

// TookNewPath counts one decision for the new shape.
func (r *Recorder) TookNewPath() { r.count(func(w *Report) { w.NewPath++ }) }

func (r *Recorder) count(add func(*Report)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.window)
}

// Flush writes the report of the window that ends now and begins the next one.
func (r *Recorder) Flush(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.flush(now)
}

// Close writes the last window and the total of the whole run.
func (r *Recorder) Close(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.flush(now); err != nil {
		return err
	}
	r.total.To = now
	return r.write(r.total)
}

func (r *Recorder) flush(now time.Time) error {
	r.window.To = now
	if err := r.write(r.window); err != nil {
		return err
	}
	r.total.Add(r.window)
	r.window = r.empty(KindWindow, now)
	return nil
}

func (r *Recorder) write(report Report) error {
	if err := r.out.Encode(report); err != nil {
		return fmt.Errorf("writing measurements: %w", err)
	}
	return nil
}
