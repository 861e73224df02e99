package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// replacement.go makes the steps with which the dependants of rebuilt columns,
// written anew by dependants.go, change places with the originals.

// replacement makes the dependants of a table's rebuilt columns anew, has them
// change places with the originals in the switch, and brings the originals back
// on the way back.
type replacement struct {
	s       *planner.Schema
	o       planner.OpSwitch
	columns map[string]string // original → shadow
	table   string
	name    string // as people read it
}

func replacementOf(s *planner.Schema, o planner.OpSwitch) *replacement {
	r := &replacement{s: s, o: o, columns: map[string]string{}, table: quoteRef(o.Table.Ref), name: s.Display(o.Table.Ref)}
	for _, c := range o.Rebuilt {
		r.columns[c.Column.Name] = c.Shadow
	}
	return r
}

// constraints are the checks or foreign keys over rebuilt columns; one that
// cannot be read is a blocker, and there is no plan.
func (r *replacement) constraints(kind string) []*constraint {
	var out []*constraint
	for _, k := range r.o.Table.Constraints {
		if r.o.Hidden[k.Name] == "" || k.Kind != kind {
			continue
		}
		if c, err := definedConstraint(r.o.Table.Ref, k); err == nil {
			out = append(out, c)
		}
	}
	return out
}

// statistics are the extended statistics over rebuilt columns.
func (r *replacement) statistics() []planner.Dependent {
	var out []planner.Dependent
	for _, d := range r.o.Table.Dependents {
		if d.Kind == kindStatistics && r.o.Hidden[d.Name] != "" {
			out = append(out, d)
		}
	}
	return out
}

func (r *replacement) exclusive() plan.Lock {
	return plan.Lock{Mode: lockAccessExclusive, Object: r.name}
}

// copies are the steps before the switch that make checks, foreign keys and
// statistics for the shadows. Nothing is looser or stricter with them: the
// originals are still there, and say the same of the same values.
func (r *replacement) copies() ([]plan.Step, error) {
	checks, keys := r.constraints(kindCheck), r.constraints(kindForeignKey)
	var out []plan.Step
	var do, undo []string
	for _, d := range r.statistics() {
		made, err := follow(d, r.columns, r.o.Hidden[d.Name])
		if err != nil {
			return nil, err
		}
		ref, err := statisticsName(made[0])
		if err != nil {
			return nil, err
		}
		do, undo = append(do, made...), append(undo, "DROP STATISTICS "+quoteRef(ref))
	}
	if len(do) > 0 {
		out = append(out, catalogStep("copy the statistics of "+r.name+" for the columns that take a place",
			"the next ANALYZE fills them", plan.Lock{Mode: lockShareUpdateExclusive, Object: r.name}, do, undo))
	}
	for _, k := range slices.Concat(checks, keys) {
		steps, err := r.copyOf(k)
		if err != nil {
			return nil, err
		}
		out = append(out, steps...)
	}
	return out, nil
}

func (r *replacement) copyOf(k *constraint) ([]plan.Step, error) {
	c, err := k.over(r.columns, r.o.Hidden[k.of.Name])
	if err != nil {
		return nil, err
	}
	adds, err := c.add()
	if err != nil {
		return nil, err
	}
	lock, validating := r.exclusive(), plan.Lock{Mode: lockShareUpdateExclusive, Object: r.name}
	var also, alsoValidating []plan.Lock
	if c.of.Kind == kindForeignKey {
		lock.Mode = lockShareRowExclusive
		if ref, ok := c.refers(); ok {
			also = []plan.Lock{{Mode: lockShareRowExclusive, Object: r.s.Display(ref)}}
			alsoValidating = []plan.Lock{{Mode: "ROW SHARE", Object: r.s.Display(ref)}}
		}
	}
	step := catalogStep(fmt.Sprintf("copy %s %s as %s", k.of.Kind, k.of.Name, c.of.Name),
		"the column that takes the place must obey what the original obeys; NOT VALID looks at no row that is there",
		lock, adds, []string{c.alter("DROP")})
	step.AlsoLocks = also
	out := []plan.Step{step}
	if c.valid {
		v := validateStep(fmt.Sprintf("validate %s %s", c.of.Kind, c.of.Name), validating, r.o.Table, c.alter("VALIDATE"))
		v.AlsoLocks = alsoValidating
		out = append(out, v)
	}
	return out, nil
}

// release are the steps right before the switch that free the originals from
// their constraints: the copies hold by now, and what new versions write in the
// grace may have no place in the old type. On the way back they come after the
// switch, and prove what the originals hold then.
func (r *replacement) release() ([]plan.Step, error) {
	var out []plan.Step
	for _, k := range r.constraints(kindForeignKey) {
		step, err := r.releaseOf("free "+r.name+" from foreign key "+k.of.Name, []*constraint{k}, nil)
		if err != nil {
			return nil, err
		}
		if ref, ok := k.refers(); ok {
			step.AlsoLocks = []plan.Lock{{Mode: lockAccessExclusive, Object: r.s.Display(ref)}}
		}
		out = append(out, step)
	}
	checks := r.constraints(kindCheck)
	nulls := r.mustBeNullable()
	if len(checks)+len(nulls) == 0 {
		return out, nil
	}
	var titles []string
	for _, c := range checks {
		titles = append(titles, "check "+c.of.Name)
	}
	for _, n := range nulls {
		titles = append(titles, "NOT NULL of "+n.col)
	}
	step, err := r.releaseOf("free the old columns of "+r.name+" from "+strings.Join(titles, ", "), checks, nulls)
	return append(out, step), err
}

// mustBeNullable are the originals that are NULL in the grace where the new
// value does not fit them.
func (r *replacement) mustBeNullable() []notNullCheck {
	var out []notNullCheck
	for _, c := range r.o.Rebuilt {
		if c.Column.NotNull && r.o.Grace != nil && slices.ContainsFunc(r.o.Grace.Groups, func(g planner.Group) bool {
			return len(g.Nearest) > 0 && g.Nearest[0].Column == c.Tombstone
		}) {
			out = append(out, notNullCheckFor(r.o.Table, c.Column.Name))
		}
	}
	return out
}

func (r *replacement) releaseOf(title string, constraints []*constraint, nulls []notNullCheck) (plan.Step, error) {
	var do []string
	var undo []plan.Statement
	for _, c := range constraints {
		again, err := c.again()
		if err != nil {
			return plan.Step{}, err
		}
		do, undo = append(do, c.alter("DROP")), append(undo, again...)
	}
	for _, n := range nulls {
		do = append(do, fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s DROP NOT NULL", r.table, quote(n.col)))
		undo = append(undo, n.again()...)
		undo = append(undo, n.named(r.o.Table)...)
	}
	step := catalogStep(title, "their copies hold from here on; what does not fit the old type is written only after the switch", r.exclusive(), do, nil)
	step.UndoMode, step.UndoStatements = plan.Each, undo
	step.StatementTimeoutMS = 0 // the way back looks at all rows
	return seal(step), nil
}

// names are the statements of the switch in which the copies take the names of
// the originals, and what can move to another column moves. They come when the
// columns have changed theirs.
func (r *replacement) names() (do, undo []string, err error) {
	add := func(there, back string) { do, undo = append(do, there), append(undo, back) }
	for _, kind := range []string{kindCheck, kindForeignKey} {
		for _, k := range r.constraints(kind) {
			add(r.renameConstraint(r.o.Hidden[k.of.Name], k.of.Name), r.renameConstraint(k.of.Name, r.o.Hidden[k.of.Name]))
		}
	}
	for _, d := range r.statistics() {
		ref, err := statisticsName(d.Definition)
		if err != nil {
			return nil, nil, err
		}
		move := func(from, to string) string {
			return "ALTER STATISTICS " + quoteRef(planner.Ref{Schema: ref.Schema, Name: from}) + " RENAME TO " + quote(to)
		}
		add(move(d.Name, r.o.Tombs[d.Name]), move(r.o.Tombs[d.Name], d.Name))
		add(move(r.o.Hidden[d.Name], d.Name), move(d.Name, r.o.Hidden[d.Name]))
	}
	for _, c := range r.o.Rebuilt {
		for _, d := range r.o.Table.Dependents {
			if d.Kind == kindSequence && slices.Contains(d.Columns, c.Column.Name) {
				owned := "ALTER SEQUENCE " + d.Name + " OWNED BY " + r.table + "."
				add(owned+quote(c.Column.Name), owned+quote(c.Tombstone))
			}
		}
		if !c.Column.Default.IsZero() { // it would act in the grace, and an INSERT draw two numbers
			alter := "ALTER TABLE " + r.table + " ALTER COLUMN " + quote(c.Tombstone)
			add(alter+" DROP DEFAULT", alter+" SET DEFAULT "+c.Column.Default.SQL(bareColumn))
		}
	}
	do = append(do, r.clustered()...)
	slices.Reverse(undo)
	return do, undo, nil
}

// clustered is the statement that gives CLUSTER its index again, when that has
// its name again.
func (r *replacement) clustered() []string {
	ix := r.o.Table.Facts[factClustered]
	if slices.ContainsFunc(r.o.Indexes, func(n planner.Rename) bool { return n.From == ix }) {
		return []string{"ALTER TABLE " + r.table + " CLUSTER ON " + quote(ix)}
	}
	return nil
}

func (r *replacement) renameConstraint(from, to string) string {
	return "ALTER TABLE " + r.table + " RENAME CONSTRAINT " + quote(from) + " TO " + quote(to)
}
