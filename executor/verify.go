package executor

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner/plan"
)

// Verified is what a verify pass over one table found.
type Verified struct {
	Migration string `json:"migration"`
	Table     string `json:"table"`
	Rows      int64  `json:"rows"`
	// Mismatches counts the rows that are not consistent (DESIGN section 5).
	Mismatches int64 `json:"mismatches"`
	// Sample names at most ten of them.
	Sample []string `json:"sample,omitempty"`
	// Differences are what both shapes hold in those. They are people's data.
	Differences []Sampled `json:"differences,omitempty"`
	// OnReplica counts inconsistent rows that a replica shows, and the database
	// itself does not have: the replica is not a faithful one.
	OnReplica int64 `json:"on_replica,omitempty"`
	// Repaired counts the rows that --repair changed.
	Repaired int64 `json:"repaired,omitempty"`
}

// Side is the shape that a repair trusts.
type Side string

// What verify may do about inconsistent rows.
const (
	RepairNone Side = ""
	RepairUp   Side = "up"   // the old shape is right: new := up(old)
	RepairDown Side = "down" // the new shape is right: old := down(new)
)

// verifyAll compares both shapes in all rows of every synchronised table whose
// two shapes are still there, and remembers the result.
func (r *run) verifyAll(ctx context.Context, strict bool) ([]Verified, error) {
	var out []Verified
	for _, v := range r.rec.Plan.Verify {
		if r.switched(v.Counts.Label) {
			continue
		}
		c := v.Counts
		if strict && v.Strict != nil {
			c = *v.Strict
			c.Label = v.Counts.Label
		}
		found, err := r.verifyTable(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, found)
	}
	return out, nil
}

// switched reports whether contract has already given a table its final names,
// so that there are no two shapes left to compare.
func (r *run) switched(label string) bool {
	for _, s := range r.rec.Plan.Steps(plan.Contract) {
		if (s.Ends == label || slices.Contains(s.AlsoEnds, label)) && r.known[s.ID].done() {
			return true
		}
	}
	return false
}

func (r *run) verifyTable(ctx context.Context, c plan.Chunks) (Verified, error) {
	v, err := r.compare(ctx, c, nil)
	if err != nil {
		return Verified{}, err
	}
	err = r.inTx(ctx, r.lease, func(tx *sql.Tx) error {
		if _, err := r.st.exec(ctx, tx, `DELETE FROM {verifications} WHERE migration = ? AND label = ?`, v.Migration, v.Table); err != nil {
			return err
		}
		_, err := r.st.exec(ctx, tx, `INSERT INTO {verifications} (migration, label, rows_checked, mismatches, sample, verified_at)
			VALUES (?, ?, ?, ?, ?, {now})`, v.Migration, v.Table, v.Rows, v.Mismatches, strings.Join(v.Sample, "\n"))
		return err
	})
	if err != nil {
		return Verified{}, fmt.Errorf("recording the verification of %s: %w", c.Label, err)
	}
	return v, nil
}

// compare walks a table, on a replica if one is given. It has the last word on all rows, so that a
// table that was rewritten meanwhile (VACUUM FULL, CLUSTER) is walked again.
func (r *run) compare(ctx context.Context, c plan.Chunks, from Session) (Verified, error) {
	for pass := 1; ; pass++ {
		w := &walk{run: r, step: "verify", what: "verify", chunks: c, from: from}
		err := w.all(ctx)
		again := false
		if err == nil {
			again, err = w.rewritten(ctx)
		}
		switch {
		case err == nil && again && pass == maxPasses:
			err = fmt.Errorf("it was rewritten each of %d times while it was read: let no VACUUM FULL or CLUSTER run meanwhile", pass)
		case err == nil && again:
			continue
		}
		if err != nil {
			return Verified{}, fmt.Errorf("verifying %s: %w", c.Label, err)
		}
		return Verified{
			Migration: r.rec.Name, Table: c.Label, Rows: w.seen.Load(), Mismatches: w.found.Load(), Sample: keysOf(w.sample), Differences: w.sample,
		}, nil
	}
}

// Verify counts the inconsistent rows of a migration (or, without a name, of
// every migration whose two shapes live), and repairs them if told to.
func (e *Executor) Verify(ctx context.Context, name string, repair Side) ([]Verified, error) {
	var out []Verified
	err := e.underLease(ctx, func(ctx context.Context, l *lease) error {
		recs, err := e.toVerify(ctx, name)
		if err != nil {
			return err
		}
		for _, rec := range recs {
			r, err := e.start(ctx, l, rec)
			if err != nil {
				return err
			}
			found, err := r.verifyAndRepair(ctx, repair)
			r.close()
			out = append(out, found...)
			if err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}

// toVerify picks the migrations in whose state both shapes are there and filled.
func (e *Executor) toVerify(ctx context.Context, name string) ([]*record, error) {
	var out []*record
	for rec, err := range e.st.migrations(ctx) {
		if err != nil {
			return nil, err
		}
		if name != "" && rec.Name != name {
			continue
		}
		ready := rec.State == Open || rec.resumeState() == Contracting || rec.resumeState() == Verifying
		switch {
		case ready && rec.Plan != nil:
			out = append(out, rec)
		case name != "":
			return nil, &UsageError{Message: fmt.Sprintf("%s is %s: there is nothing to verify", name, rec.State), Instead: "verify a migration that is open"}
		}
	}
	if name != "" && len(out) == 0 {
		return nil, &UsageError{Message: fmt.Sprintf("%s has never been expanded here", name), Instead: "run migrate expand first"}
	}
	return out, nil
}

func (r *run) verifyAndRepair(ctx context.Context, repair Side) ([]Verified, error) {
	verify := r.verifyAll
	if r.o.VerifyOn != nil {
		verify = r.verifyReplica
	}
	if repair != RepairNone {
		// What was written since a switch was cut off is carried over first: it is right.
		if err := r.restoreSwitches(ctx); err != nil {
			return nil, err
		}
	}
	found, err := verify(ctx, false)
	if err != nil || repair == RepairNone {
		return found, err
	}
	for i := range found {
		if found[i].Mismatches == 0 {
			continue
		}
		fixed, err := r.repairTable(ctx, found[i].Table, repair)
		if err != nil {
			return found, err
		}
		again, err := r.verifyTable(ctx, r.verification(found[i].Table).Counts)
		if err != nil {
			return found, err
		}
		again.Repaired = fixed
		found[i] = again
	}
	return found, nil
}

func (r *run) verification(label string) *plan.Verification {
	for i := range r.rec.Plan.Verify {
		if r.rec.Plan.Verify[i].Counts.Label == label {
			return &r.rec.Plan.Verify[i]
		}
	}
	return nil
}

func (r *run) repairTable(ctx context.Context, label string, side Side) (int64, error) {
	v := r.verification(label)
	chunks := v.RepairUp
	if side == RepairDown {
		chunks = v.RepairDown
	}
	if chunks == nil {
		return 0, &UsageError{Message: fmt.Sprintf("%s has no %s transform to repair with", label, side), Instead: "repair in the other direction"}
	}
	return r.walkOnce(ctx, "repair", "repair", *chunks)
}
