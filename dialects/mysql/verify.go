package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Verify implements planner.Dialect.
func (d *dialect) Verify(_ *planner.Schema, sync *planner.Sync) (plan.Verification, error) {
	k, err := d.keyOf(sync.Table)
	if err != nil {
		return plan.Verification{}, err
	}
	v := verifier{d: d, sync: sync, k: k}
	out := plan.Verification{
		Counts:     *v.counts(v.lenient),
		RepairUp:   v.repair(func(g planner.Group) []planner.Assign { return g.Up }),
		RepairDown: v.repair(func(g planner.Group) []planner.Assign { return g.Down }),
	}
	for _, g := range sync.Groups {
		if len(g.Up) > 0 && len(g.Down) == 0 {
			out.Strict = v.counts(v.strict)
		}
	}
	return out, nil
}

type verifier struct {
	d    *dialect
	sync *planner.Sync
	k    key
}

// equal is true where every target holds what its expression says.
func (v verifier) equal(as []planner.Assign) string {
	var conds []string
	for _, a := range as {
		c := columnOf(v.sync, a.Column)
		conds = append(conds, v.d.holds(c, charsetOf(v.sync.Table, c), quoteName(a.Column), a.Expr.SQL(quoteName)))
	}
	return allOf(conds)
}

// lenient is true where a group's row is not consistent. Without a way down, and
// where up is another value each time, only a row that was never filled is wrong.
func (v verifier) lenient(g planner.Group) string {
	switch {
	case len(g.Up) == 0:
		return ""
	case !repeatable(g.Up), len(g.Down) == 0:
		return v.d.upJob(v.sync, g, func(string) bool { return false }).todo
	}
	return not(anyOf([]string{v.equal(g.Up), v.equal(g.Down)}))
}

// strict holds rows to new = up(old) where there is no way down.
func (v verifier) strict(g planner.Group) string {
	if len(g.Up) > 0 && len(g.Down) == 0 && repeatable(g.Up) {
		return not(v.equal(g.Up))
	}
	return v.lenient(g)
}

// repeatable: the expressions give the same value whenever they are asked.
func repeatable(as []planner.Assign) bool {
	for _, a := range as {
		if a.Expr.Volatile || a.Expr.Stable {
			return false
		}
	}
	return true
}

func (v verifier) counts(wrong func(planner.Group) string) *plan.Chunks {
	var conds []string
	for _, g := range v.sync.Groups {
		if c := wrong(g); c != "" {
			conds = append(conds, c)
		}
	}
	cond := anyOf(conds)
	out := v.k.chunks(v.sync.Table, func(bounds string) string { return countOf(v.sync.Table, bounds, cond) }, cond)
	out.Shows = v.sync.Compared()
	var shown []planner.Column
	for _, name := range out.Shows {
		shown = append(shown, columnOf(v.sync, name))
	}
	out.Sample, out.Whole = v.k.sample(v.sync.Table, cond, shown...), v.k.sample(v.sync.Table, "TRUE", shown...)
	return out
}

// repair makes inconsistent rows consistent from one side. SET is evaluated from
// left to right: each assignment looks whether the row is still inconsistent,
// and a row that has become consistent on the way is left as it is.
func (v verifier) repair(side func(planner.Group) []planner.Assign) *plan.Chunks {
	var conds, sets, assigned []string
	for _, g := range v.sync.Groups {
		wrong := v.lenient(g)
		if wrong == "" {
			continue
		}
		as := side(g)
		if len(as) == 0 {
			continue
		}
		conds = append(conds, wrong)
		for _, a := range as {
			sets = append(sets, fmt.Sprintf("%[1]s = IF(%[2]s, %[3]s, %[1]s)", quoteName(a.Column), v.guard(g, a, len(as), wrong), a.Expr.SQL(quoteName)))
			assigned = append(assigned, a.Column)
		}
	}
	if len(conds) == 0 {
		return nil
	}
	sets = append(sets, keepTimes(v.sync.Table, "", assigned)...)
	cond := anyOf(conds)
	c := v.k.chunks(v.sync.Table, func(bounds string) string {
		return fmt.Sprintf("UPDATE %s SET %s WHERE %s AND (%s)", quoteName(v.sync.Table.Ref.Name), strings.Join(sets, ", "), bounds, cond)
	}, cond)
	c.Quiet = quietly(v.sync)
	return c
}

// guard is the condition of one assignment of a repair. Where a row is wrong
// only as long as all its targets are NULL, the first assignment makes it right;
// there each target is set where it is NULL.
func (v verifier) guard(g planner.Group, a planner.Assign, targets int, wrong string) string {
	onlyUnfilled := len(g.Down) == 0 || !repeatable(g.Up)
	if onlyUnfilled && targets > 1 && slices.ContainsFunc(g.Up, func(u planner.Assign) bool { return u.Column == a.Column }) {
		return quoteName(a.Column) + " IS NULL"
	}
	return wrong
}
