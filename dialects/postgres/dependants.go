package postgres

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// dependants.go makes what depends on a rebuilt column anew for the column that
// takes its place: from the server's definitions, in which the grammar, and
// nothing else, finds the places where the column is named.

// renameIn puts other columns into a statement, or a part of one, that names no
// columns but those of one table.
func renameIn(m proto.Message, columns map[string]string) error {
	whole := false
	walk(m, func(m proto.Message) bool {
		switch n := m.(type) {
		case *pg.ColumnRef:
			last := n.Fields[len(n.Fields)-1]
			if last.GetAStar() != nil {
				whole = true
			} else if to, ok := columns[last.GetString_().GetSval()]; ok {
				n.Fields[len(n.Fields)-1] = pg.MakeStrNode(to)
			}
		case *pg.IndexElem:
			n.Name = mapped(columns, n.Name)
		case *pg.StatsElem:
			n.Name = mapped(columns, n.Name)
		case *pg.AlterTableCmd:
			n.Name = mapped(columns, n.Name)
		case *pg.AccessPriv:
			renameStrings(n.Cols, columns)
		case *pg.Constraint:
			renameStrings(n.Keys, columns)
			renameStrings(n.FkAttrs, columns)
			renameStrings(n.FkDelSetCols, columns)
		}
		return true
	})
	if whole {
		return fmt.Errorf("it is about the whole row")
	}
	return nil
}

func mapped(columns map[string]string, name string) string {
	if to, ok := columns[name]; ok {
		return to
	}
	return name
}

func renameStrings(nodes []*pg.Node, columns map[string]string) {
	for i, n := range nodes {
		if to, ok := columns[n.GetString_().GetSval()]; ok {
			nodes[i] = pg.MakeStrNode(to)
		}
	}
}

// constraint is a check or a foreign key, as the server defines it.
type constraint struct {
	table planner.Ref
	of    planner.Constraint
	stmt  *pg.Node // ALTER TABLE … ADD CONSTRAINT … NOT VALID
	// valid: the server has looked at all rows, and shall again.
	valid bool
}

// definedConstraint reads a definition of the server's. It fails where the server's
// grammar is newer than ours.
func definedConstraint(table planner.Ref, k planner.Constraint) (*constraint, error) {
	tree, err := parseSQL("ALTER TABLE " + quoteRef(table) + " ADD CONSTRAINT " + quote(k.Name) + " " + k.Definition)
	if err != nil {
		return nil, fmt.Errorf("reading the %s %s: %w", k.Kind, k.Name, err)
	}
	c := &constraint{table: table, of: k, stmt: tree.Stmts[0].Stmt}
	c.valid = !c.def().SkipValidation
	if c.def().Contype == pg.ConstrType_CONSTR_CHECK || c.def().Contype == pg.ConstrType_CONSTR_FOREIGN {
		c.def().SkipValidation, c.def().InitiallyValid = true, false
	}
	return c, nil
}

func (c *constraint) def() *pg.Constraint {
	return c.stmt.GetAlterTableStmt().GetCmds()[0].GetAlterTableCmd().GetDef().GetConstraint()
}

// over is the same constraint over other columns, under another name.
func (c *constraint) over(columns map[string]string, name string) (*constraint, error) {
	out := &constraint{table: c.table, of: c.of, stmt: clone(c.stmt), valid: c.valid}
	if err := renameIn(out.def(), columns); err != nil {
		return nil, fmt.Errorf("reading the %s %s: %w", c.of.Kind, c.of.Name, err)
	}
	out.def().Conname, out.of.Name = name, name
	return out, nil
}

// add writes the statements that make the constraint without looking at rows.
func (c *constraint) add() ([]string, error) {
	sql, err := deparse(c.stmt)
	if err != nil {
		return nil, fmt.Errorf("writing the %s %s: %w", c.of.Kind, c.of.Name, err)
	}
	out := []string{sql}
	if c.of.Comment != "" {
		out = append(out, c.comment())
	}
	return out, nil
}

func (c *constraint) comment() string {
	return "COMMENT ON CONSTRAINT " + quote(c.of.Name) + " ON " + quoteRef(c.table) + " IS " + literal(c.of.Comment)
}

func (c *constraint) alter(what string) string {
	return "ALTER TABLE " + quoteRef(c.table) + " " + what + " CONSTRAINT " + quote(c.of.Name)
}

// there asks whether the constraint is there, and validated if so asked.
func (c *constraint) there(validated bool) string {
	sql := fmt.Sprintf("SELECT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s",
		literal(quoteRef(c.table)), literal(c.of.Name))
	if validated {
		sql += " AND convalidated"
	}
	return sql + ")"
}

// again are the statements that bring the constraint back, looking at all rows
// if the server had, while readers and writers go on.
func (c *constraint) again() ([]plan.Statement, error) {
	adds, err := c.add()
	if err != nil {
		return nil, err
	}
	out := []plan.Statement{{SQL: adds[0], Probe: c.there(false)}}
	out = append(out, plain(adds[1:]...)...)
	if c.valid {
		out = append(out, plan.Statement{SQL: c.alter("VALIDATE"), Probe: c.there(true)})
	}
	return out, nil
}

// refers is the table that a foreign key points to, if it is another one.
func (c *constraint) refers() (planner.Ref, bool) {
	r := c.def().Pktable
	if r == nil {
		return planner.Ref{}, false
	}
	ref := refOf(r)
	return ref, ref != c.table && (ref.Schema != "" || ref.Name != c.table.Name)
}

// follow writes a dependant's script for other columns: what it says of the
// original, said of the column that stands or will stand for it.
func follow(d planner.Dependent, columns map[string]string, name string) ([]string, error) {
	tree, err := parseSQL(d.Definition)
	if err != nil {
		return nil, fmt.Errorf("reading the %s %s: %w", d.Kind, d.Name, err)
	}
	var out []string
	for _, st := range tree.Stmts {
		if err := renameIn(st.Stmt, columns); err != nil {
			return nil, fmt.Errorf("reading the %s %s: %w", d.Kind, d.Name, err)
		}
		if name != "" {
			renameStatistics(st.Stmt, name)
		}
		write := deparse
		if st.Stmt.GetCreateStatsStmt() != nil {
			write = deparseStatistics
		}
		sql, err := write(st.Stmt)
		if err != nil {
			return nil, fmt.Errorf("writing the %s %s: %w", d.Kind, d.Name, err)
		}
		out = append(out, sql)
	}
	return out, nil
}

// renameStatistics gives the object of a statement about statistics another name.
func renameStatistics(stmt *pg.Node, name string) {
	rename := func(parts []*pg.Node) {
		if len(parts) > 0 {
			parts[len(parts)-1] = pg.MakeStrNode(name)
		}
	}
	switch n := nodeOf(stmt).(type) {
	case *pg.CreateStatsStmt:
		rename(n.Defnames)
	case *pg.CommentStmt:
		rename(n.Object.GetList().GetItems())
	case *pg.AlterOwnerStmt:
		rename(n.Object.GetList().GetItems())
	}
}

// deparseStatistics writes a CREATE STATISTICS, whose columns the grammar's own
// deparser does not quote.
func deparseStatistics(stmt *pg.Node) (string, error) {
	x := stmt.GetCreateStatsStmt()
	name, ok := names(x.Defnames)
	kinds, plainKinds := names(x.StatTypes)
	if !ok || !plainKinds || len(x.Relations) != 1 {
		return "", errors.New("the statement is not of the server's making")
	}
	var of []string
	for _, e := range x.Exprs {
		if el := e.GetStatsElem(); el.GetName() != "" {
			of = append(of, quote(el.Name))
			continue
		}
		text, err := deparseScalar(e.GetStatsElem().GetExpr())
		if err != nil {
			return "", err
		}
		of = append(of, "("+text+")")
	}
	sql := "CREATE STATISTICS " + quoteNames(name)
	if len(kinds) > 0 {
		sql += " (" + strings.Join(kinds, ", ") + ")"
	}
	sql += " ON " + strings.Join(of, ", ") + " FROM " + quoteRef(refOf(x.Relations[0].GetRangeVar()))
	again, err := parseSQL(sql)
	if err != nil || !sameTree(stmt, again.Stmts[0].Stmt) {
		return "", errors.New("PostgreSQL's grammar does not write it back as it was read")
	}
	return sql, nil
}

// inherited writes what a shadow shares with the column it stands for besides
// its definition: privileges, without which new versions could not use it, and
// what the server is told of its values.
func inherited(t *planner.Table, c planner.NewColumn) ([]string, error) {
	var out []string
	if c.Like == nil {
		return nil, nil
	}
	for _, d := range t.Dependents {
		if d.Definition == "" || (d.Kind != kindGrant && d.Kind != kindSetting) || !slices.Contains(d.Columns, c.Like.Name) {
			continue
		}
		sqls, err := follow(d, map[string]string{c.Like.Name: c.Name}, "")
		if err != nil {
			return nil, err
		}
		out = append(out, sqls...)
	}
	return out, nil
}

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

// statisticsName reads the name from a script that begins with CREATE STATISTICS.
func statisticsName(script string) (planner.Ref, error) {
	tree, err := parseSQL(script)
	if err != nil {
		return planner.Ref{}, fmt.Errorf("reading the statistics: %w", err)
	}
	parts, ok := names(tree.Stmts[0].Stmt.GetCreateStatsStmt().GetDefnames())
	if !ok || len(parts) != 2 {
		return planner.Ref{}, fmt.Errorf("reading the statistics: %q is no CREATE STATISTICS", script)
	}
	return planner.Ref{Schema: parts[0], Name: parts[1]}, nil
}
