package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// What users may notice of a change: how much longer the slowest hundredth of their requests may take than
// before it, and how long one of them may wait because of it. Where the control's p99 is above tooBusy, the
// machine hides that.
const (
	mostRatio  = 1.5
	mostCaused = 350 * time.Millisecond
	tooBusy    = 50 * time.Millisecond
)

// enoughRequests are needed in a phase for a p99 to be more than its longest.
const enoughRequests = 200

func (r *result) String() string {
	var parts []string
	for _, p := range r.phases {
		parts = append(parts, fmt.Sprintf("%s p99 %s, longest wait behind migrate %s, %d of %d failed", p.Phase, short(p.Latency.Quantile(0.99)), short(p.behind), p.Errors, p.Requests))
	}
	if r.refused {
		parts = append(parts, "not done")
	}
	if r.note != "" {
		parts = append(parts, r.note)
	}
	return r.kind + ": " + strings.Join(parts, "; ")
}

// baseline is the phase before anything is changed.
func (r *result) baseline() (phase, bool) {
	if len(r.phases) == 0 {
		return phase{}, false
	}
	return r.phases[0], true
}

// broken lists what must not be, whatever the machine: failed requests, inconsistent rows, a change that did
// not come to its end.
func (r *result) broken() []error {
	var errs []error
	if r.note != "" {
		errs = append(errs, fmt.Errorf("%s: %s", r.kind, r.note))
	}
	for _, p := range r.phases {
		if p.Errors > 0 {
			errs = append(errs, fmt.Errorf("%s, %s: %d of %d requests failed, the first with: %w", r.kind, p.Phase, p.Errors, p.Requests, p.FirstError))
		}
	}
	if r.inconsistent > 0 {
		errs = append(errs, fmt.Errorf("%s: %d rows are inconsistent", r.kind, r.inconsistent))
	}
	return errs
}

// busy reports a phase in which even those who are not concerned waited so long that nothing can be told of
// single waits: where processes wait for the processor, those that hold locks do, too.
func (p phase) busy() bool { return p.control.Latency.Quantile(0.99) > tooBusy }

// stalls lists the phases in which a request waited too long because of the change.
func (r *result) stalls() []error {
	var errs []error
	for _, p := range r.phases[min(1, len(r.phases)):] {
		if p.caused() > mostCaused && !p.busy() {
			errs = append(errs, fmt.Errorf("%s, %s: a statement waited %s behind migrate, and %s longer than any of the control's", r.kind, p.Phase, short(p.behind), short(p.beyond())))
		}
	}
	return errs
}

// ratio is a phase's p99 over the baseline's; that of the control beside it says how much of it the machine did.
func ratio(p, before time.Duration) float64 {
	if before <= 0 {
		return 0
	}
	return float64(p) / float64(before)
}

func report(out io.Writer, o options, asked weight, results []*result) error {
	fmt.Fprintf(out, "%s, %.0f requests a second of %d statements each on %d rows, %.0f on the control; waits count from when a request was due\n\n", o.Engine, asked.rate, asked.statements, o.Rows, controlShare*asked.rate)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "change\tphase\trequests\tfailed\tp50\tp95\tp99\t/ baseline\tcontrol's p99\t/ baseline\tlongest\tbeyond control's\tbehind migrate\tinconsistent\tprepared anew\t")
	var broken, stalls []error
	// All phases after a baseline that have a p99, those whose p99 rose, and those whose
	// p99 rose more than that of the control, which only shares the server.
	measured, rose, roseAlone, hidden := 0, 0, 0, 0
	for _, r := range results {
		before, _ := r.baseline()
		for i, p := range r.phases {
			mine, control := ratio(p.Latency.Quantile(0.99), before.Latency.Quantile(0.99)), ratio(p.control.Latency.Quantile(0.99), before.control.Latency.Quantile(0.99))
			mark := ""
			if p.busy() {
				hidden++
			}
			if i > 0 && p.Requests >= enoughRequests {
				measured++
				if mine > mostRatio {
					mark, rose = "p99", rose+1
				}
				if mine > mostRatio*max(1, control) {
					mark, roseAlone = "p99!", roseAlone+1
				}
			}
			if i > 0 && p.caused() > mostCaused {
				mark += " stall"
				if p.busy() {
					mark += "?"
				}
			}
			fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%s\t%s\t%s\t%.2f\t%s\t%.2f\t%s\t%s\t%s\t%d\t%d\t%s\n", r.kind, p.Phase, p.Requests, p.Errors,
				short(p.Latency.Quantile(0.5)), short(p.Latency.Quantile(0.95)), short(p.Latency.Quantile(0.99)), mine,
				short(p.control.Latency.Quantile(0.99)), control, short(p.Latency.Longest()), short(p.beyond()), short(p.behind), r.inconsistent, r.anew, mark)
		}
		if r.refused {
			fmt.Fprintf(w, "%s\tnot done: it has hazards that somebody has to allow\n", r.kind)
		}
		broken, stalls = append(broken, r.broken()...), append(stalls, r.stalls()...)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "\n%d kinds of change; of %d phases %d have a p99 above %.1f × the baseline's (p99), %d also when it is set off against the control's (p99!); %d have a wait of more than %s; in %d the machine was too busy to tell\n",
		len(results), measured, rose, mostRatio, roseAlone, len(stalls), mostCaused, hidden)
	return errors.Join(append(broken, stalls...)...)
}

// short writes a latency for a table.
func short(d time.Duration) string {
	return fmt.Sprintf("%.1fms", float64(d)/float64(time.Millisecond))
}
