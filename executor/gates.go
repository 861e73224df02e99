package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/planner/plan"
)

// Answer is a gate's answer.
type Answer string

// The answers. Inconclusive is never a pass.
const (
	Pass         Answer = "pass"
	Block        Answer = "blocked"
	Inconclusive Answer = "inconclusive"
)

// GateResult is what a gate says, and why.
type GateResult struct {
	Gate   string `json:"gate"`
	Result Answer `json:"result"`
	Reason string `json:"reason"`
}

// The names of the gates (DESIGN section 7).
const (
	gateFlagOff    = "flag-off"
	gateFlagFull   = "flag-full"
	gateSoaked     = "soaked"
	gateBackfilled = "backfilled"
	gateVerified   = "verified"
)

// gates evaluates a phase's gates, all of them, and fails with a GateError
// unless each passes or is overridden.
func (r *run) gates(ctx context.Context, names []string) error {
	if slices.Contains(names, gateFlagOff) {
		// Who is to see the flag off has it seen: what was seen of it before is over.
		if err := r.observe(ctx); err != nil {
			return err
		}
	}
	results := make([]GateResult, 0, len(names))
	passed := true
	for _, g := range names {
		res := r.gate(ctx, g, passed)
		res = r.override(ctx, res)
		r.r.Report(GateChecked{Migration: r.rec.Name, GateResult: res})
		passed = passed && res.Result == Pass
		results = append(results, res)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !passed {
		return &GateError{Migration: r.rec.Name, Results: results}
	}
	return nil
}

// override lets a gate pass that the user has said to pass by, and records it.
func (r *run) override(ctx context.Context, res GateResult) GateResult {
	reason, ok := r.o.Overrides[res.Gate]
	if !ok || res.Result == Pass {
		return res
	}
	err := r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		return r.st.journal(ctx, tx, entry{
			Migration: r.rec.Name, Run: r.rec.Run, Step: res.Gate, Action: actionGate, Event: eventOverride,
			Detail: reason + " (it was " + string(res.Result) + ": " + res.Reason + ")", Holder: r.o.Holder, Token: r.lease.token,
		})
	})
	if err != nil {
		return GateResult{Gate: res.Gate, Result: Inconclusive, Reason: fmt.Sprintf("the override could not be recorded: %v", err)}
	}
	return GateResult{Gate: res.Gate, Result: Pass, Reason: "overridden: " + reason + " (it was " + string(res.Result) + ")"}
}

// gate evaluates one gate. Comparing all rows is spared when another gate
// already says no (fresh is false): then the last comparison speaks.
func (r *run) gate(ctx context.Context, name string, fresh bool) GateResult {
	if name == gateVerified && fresh {
		return r.verifiedNow(ctx)
	}
	return r.Executor.gate(ctx, r.rec, name)
}

// gate evaluates a gate without looking at the rows.
func (e *Executor) gate(ctx context.Context, rec *record, name string) GateResult {
	switch name {
	case gateFlagOff, gateFlagFull, gateSoaked:
		return e.flagGate(ctx, rec, name)
	case gateBackfilled:
		return backfilled(rec)
	case gateVerified:
		return e.verifiedBefore(ctx, rec)
	}
	return GateResult{Gate: name, Result: Inconclusive, Reason: "this version of migrate does not know the gate"}
}

func backfilled(rec *record) GateResult {
	res := GateResult{Gate: gateBackfilled, Result: Pass, Reason: "every row has both shapes"}
	switch rec.resumeState() {
	case Open, Contracting, Grace, Done:
	case Planned, Expanding, Backfilling, Verifying, RolledBack, Failed:
		res.Result = Block
		res.Reason = fmt.Sprintf("the migration is %s, not open: run migrate expand to its end", rec.State)
	}
	return res
}

func (r *run) verifiedNow(ctx context.Context) GateResult {
	res := GateResult{Gate: gateVerified, Result: Pass, Reason: "no inconsistent row"}
	found, err := r.verifyAll(ctx, false)
	if err != nil {
		return GateResult{Gate: gateVerified, Result: Inconclusive, Reason: err.Error()}
	}
	return judge(res, found)
}

func judge(res GateResult, found []Verified) GateResult {
	var bad []string
	var rows int64
	for _, v := range found {
		rows += v.Rows
		if v.Mismatches > 0 {
			bad = append(bad, fmt.Sprintf("%d inconsistent rows in %s (%s)", v.Mismatches, v.Table, strings.Join(v.Sample, "; ")))
		}
	}
	if len(bad) > 0 {
		res.Result = Block
		res.Reason = strings.Join(bad, ", ") + "; look at them, then run migrate verify --repair up or down"
		return res
	}
	res.Reason = fmt.Sprintf("no inconsistent row in %d", rows)
	return res
}

// verifiedBefore answers from the last comparison, and says how old it is.
func (e *Executor) verifiedBefore(ctx context.Context, rec *record) GateResult {
	res := GateResult{Gate: gateVerified, Result: Pass, Reason: "nothing to compare"}
	if rec.Plan == nil || len(rec.Plan.Verify) == 0 {
		return res
	}
	found, age, err := e.st.verifications(ctx, rec.Name)
	if err != nil {
		return GateResult{Gate: gateVerified, Result: Inconclusive, Reason: e.s.Redact(err).Error()}
	}
	if len(found) < len(rec.Plan.Verify) {
		return GateResult{Gate: gateVerified, Result: Block, Reason: "the rows have not been compared yet"}
	}
	res = judge(res, found)
	res.Reason += fmt.Sprintf(" (compared %s ago; contract compares again)", age.Round(time.Second))
	return res
}

// verifications reads what the last comparisons found, and the age of the oldest.
func (s *store) verifications(ctx context.Context, name string) ([]Verified, time.Duration, error) {
	rows, err := s.db.QueryContext(ctx, s.l.sqlText(`SELECT label, rows_checked, mismatches, sample, {age verified_at} FROM {verifications}
		WHERE migration = ? ORDER BY label`), name)
	if err != nil {
		return nil, 0, fmt.Errorf("reading the verifications: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var out []Verified
	var oldest float64
	for rows.Next() {
		v := Verified{Migration: name}
		var sample string
		var age float64
		if err := rows.Scan(&v.Table, &v.Rows, &v.Mismatches, &sample, &age); err != nil {
			return nil, 0, fmt.Errorf("reading the verifications: %w", err)
		}
		if sample != "" {
			v.Sample = strings.Split(sample, "\n")
		}
		oldest = max(oldest, age)
		out = append(out, v)
	}
	return out, seconds(oldest), rows.Err()
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// flagGate asks the flag's definition.
func (e *Executor) flagGate(ctx context.Context, rec *record, name string) GateResult {
	res := GateResult{Gate: name}
	state, err := e.rollout(ctx, rec.Flag)
	if err != nil {
		res.Result, res.Reason = Inconclusive, fmt.Sprintf("reading flag %s: %v", rec.Flag, e.s.Redact(err))
		return res
	}
	told := fmt.Sprintf("flag %s is %s (%s)", rec.Flag, state.Rollout, state.Origin)
	kind := state.Effective().Kind()
	if kind == flags.KindUnknown {
		res.Result, res.Reason = Inconclusive, told+": "+state.Reason
		return res
	}
	switch name {
	case gateFlagOff:
		res.Result, res.Reason = Pass, told
		if kind != flags.KindOff {
			res.Result = Block
			res.Reason = told + ": new versions would read rows that are not filled yet; set it off"
		}
	case gateFlagFull:
		res.Result, res.Reason = Pass, told
		switch {
		case state.Rollout.Kind() != flags.KindFull:
			res.Result, res.Reason = Block, told+": set it full when the rollout is complete"
		case kind != flags.KindFull:
			res.Result, res.Reason = Block, told+", but held back: "+state.Reason
		}
	default:
		return e.soaked(ctx, rec, state)
	}
	return res
}

// rollout reads a flag, which may be in the database.
func (e *Executor) rollout(ctx context.Context, flag string) (state flags.State, err error) {
	err = e.ask(ctx, func() (err error) {
		state, err = e.o.Flags.Rollout(ctx, flag)
		return err
	})
	return state, err
}

// soaked asks for how long the flag has been full while the migration was open.
func (e *Executor) soaked(ctx context.Context, rec *record, state flags.State) GateResult {
	res := GateResult{Gate: gateSoaked, Result: Block}
	soak := time.Duration(0)
	if rec.Plan != nil {
		soak = time.Duration(rec.Plan.Soak)
	}
	if state.Rollout.Kind() != flags.KindFull {
		res.Reason = fmt.Sprintf("the flag is not full; it must be for %s", soak)
		return res
	}
	full, err := e.fullFor(ctx, rec, state)
	if err != nil {
		return GateResult{Gate: gateSoaked, Result: Inconclusive, Reason: e.s.Redact(err).Error()}
	}
	opened, err := e.allOpenFor(ctx, rec.Flag)
	if err != nil {
		return GateResult{Gate: gateSoaked, Result: Inconclusive, Reason: e.s.Redact(err).Error()}
	}
	full = max(0, min(full, opened))
	res.Reason = fmt.Sprintf("full for %s of %s", full.Round(time.Second), soak)
	if full >= soak {
		res.Result = Pass
	}
	return res
}

// allOpenFor is for how long all migrations tied to a flag have been open: as
// long as one was not, nobody took the new path, whatever the flag said.
func (e *Executor) allOpenFor(ctx context.Context, flag string) (time.Duration, error) {
	var shortest sql.NullFloat64
	var last sql.NullTime
	err := e.st.db.QueryRowContext(ctx, e.st.l.sqlText(`SELECT MIN({age opened_at}), MAX(opened_at) FROM {migrations} WHERE flag = ? AND opened_at IS NOT NULL`),
		flag).Scan(&shortest, &last)
	if err != nil {
		return 0, fmt.Errorf("reading since when the migrations of flag %s are open: %w", flag, err)
	}
	return e.passed(last.Time, seconds(shortest.Float64)), nil
}

// fullFor is how long the flag has been full, by its source's record if it
// keeps one, else since we first saw it full and never since saw it otherwise.
func (e *Executor) fullFor(ctx context.Context, rec *record, state flags.State) (time.Duration, error) {
	if !state.FullSince.IsZero() {
		var now time.Time
		if err := e.st.db.QueryRowContext(ctx, e.st.l.sqlText(`SELECT {now}`)).Scan(&now); err != nil {
			return 0, fmt.Errorf("reading the server's clock: %w", err)
		}
		return e.passed(state.FullSince, now.Sub(state.FullSince)), nil
	}
	return e.observed(ctx, rec.Flag)
}

// observed reads since when a flag has been seen full.
func (e *Executor) observed(ctx context.Context, flag string) (time.Duration, error) {
	var age float64
	var since time.Time
	err := e.st.db.QueryRowContext(ctx, e.st.l.sqlText(`SELECT {age full_since}, full_since FROM {observations} WHERE flag = ?`), flag).Scan(&age, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("reading when flag %s was first seen full: %w", flag, err)
	}
	return e.passed(since, seconds(age)), nil
}

// observe notes whether a flag is full now, for sources that do not remember.
// An answer that is not "full", or none, breaks the soak.
func (r *run) observe(ctx context.Context) error {
	state, err := r.rollout(ctx, r.rec.Flag)
	if err == nil && !state.FullSince.IsZero() {
		return nil // the source remembers by itself
	}
	full := err == nil && state.Rollout.Kind() == flags.KindFull
	return r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		if !full {
			_, err := r.st.exec(ctx, tx, `DELETE FROM {observations} WHERE flag = ?`, r.rec.Flag)
			return err
		}
		var n int
		err := tx.QueryRowContext(ctx, r.st.l.sqlText(`SELECT count(*) FROM {observations} WHERE flag = ?`), r.rec.Flag).Scan(&n)
		if err != nil || n > 0 {
			return err
		}
		_, err = r.st.exec(ctx, tx, `INSERT INTO {observations} (flag, origin, full_since) VALUES (?, ?, {now})`, r.rec.Flag, state.Origin)
		return err
	})
}

// gatesOf lists the gates before a migration's next phase, for status.
func gatesOf(rec *record) []string {
	if rec.Plan == nil {
		return nil
	}
	switch rec.resumeState() {
	case Open, Contracting:
		return rec.Plan.Gates(plan.Contract)
	case Planned, Expanding, Backfilling, Verifying:
		return rec.Plan.Gates(plan.Backfill)
	case Grace, Done, RolledBack, Failed:
	}
	return nil
}
