package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// triggerPrefix makes our triggers fire last: BEFORE triggers fire in the byte
// order of their names, and ~ is behind every ASCII letter.
const triggerPrefix = "~migrate_"

// ourSchema holds the executor's tables and the triggers' functions.
const ourSchema = "migrate"

// shadow writes the trigger that keeps two shapes of a table equal (DESIGN,
// section 5).
//
// The function runs as whoever writes the row: PostgreSQL asks for no privilege
// on a trigger's function or its schema when it fires. Its search_path is
// pinned to the one the migration was planned with, the temporary schema last,
// so that nobody can put a function or a type of theirs in the way. That costs
// about 0.5 of the 2 µs that the trigger takes per row (BenchmarkTrigger), and
// makes user-defined functions and types mean the same from every connection.
type shadow struct {
	sync *planner.Sync
	path []string
	b    strings.Builder
	vars []string
	deep int
}

func shadowOf(s *planner.Schema, y *planner.Sync) *shadow {
	return &shadow{sync: y, path: s.Path}
}

// name differs between the open and the grace variant, so that both can be
// told apart on the server.
func (w *shadow) name() string { return w.sync.Name + "_" + w.sync.State }

func (w *shadow) function() string {
	return quoteRef(planner.Ref{Schema: ourSchema, Name: w.name()})
}

func (w *shadow) trigger() string { return quote(triggerPrefix + w.name()) }

// create are the statements that install function and trigger. It fires for what
// a subscription applies as well, and for loads with session_replication_role =
// replica (ALTER TABLE, ENABLE ALWAYS TRIGGER): their rows have two shapes, too.
func (w *shadow) create() []string {
	table, when := quoteRef(w.sync.Table.Ref), "pg_catalog.current_setting('migrate.bypass', true) IS DISTINCT FROM 'on'"
	if changedByTriggers(w.sync.Table) {
		when += " OR " + w.isQuiet()
	}
	return []string{
		w.source(),
		fmt.Sprintf("CREATE TRIGGER %s BEFORE INSERT OR UPDATE ON %s FOR EACH ROW "+
			"WHEN (%s) EXECUTE FUNCTION %s()",
			w.trigger(), table, when, w.function()),
		fmt.Sprintf("ALTER TABLE %s ENABLE ALWAYS TRIGGER %s", table, w.trigger()),
	}
}

// drop are the statements that remove them.
func (w *shadow) drop() []string {
	return []string{
		fmt.Sprintf("DROP TRIGGER %s ON %s", w.trigger(), quoteRef(w.sync.Table.Ref)),
		fmt.Sprintf("DROP FUNCTION %s()", w.function()),
	}
}

// source is the CREATE FUNCTION statement.
func (w *shadow) source() string {
	w.b.Reset()
	w.vars, w.deep = nil, 1
	if changedByTriggers(w.sync.Table) {
		w.quiet()
	}
	w.line("IF TG_OP = 'INSERT' THEN")
	for _, g := range w.sync.Groups {
		w.indented(func() { w.insert(g) })
	}
	w.line("ELSE")
	for i, g := range w.sync.Groups {
		w.indented(func() { w.update(i, g) })
	}
	w.line("END IF;")
	w.line("RETURN NEW;")
	body := w.b.String()
	declare := ""
	if len(w.vars) > 0 {
		declare = "DECLARE\n  " + strings.Join(w.vars, ";\n  ") + ";\n"
	}
	return fmt.Sprintf("CREATE FUNCTION %s() RETURNS trigger LANGUAGE plpgsql SET search_path = %s AS %s",
		w.function(), searchPath(w.path), dollarQuoted("\n"+declare+"BEGIN\n"+body+"END\n"))
}

// quietSetting names the sync whose trigger is to take back what the user's have made of a
// row. Another migration's on the same table knows nothing of the columns that are written.
const quietSetting = "migrate.quiet"

func (w *shadow) isQuiet() string {
	return "pg_catalog.current_setting('" + quietSetting + "', true) = " + literal(w.sync.Name)
}

// quietly is the name for whose trigger there is something to take back; empty if there is nothing.
func quietly(y *planner.Sync) string {
	if changedByTriggers(y.Table) {
		return y.Name
	}
	return ""
}

// changedByTriggers: there are triggers whose doing ours can take back.
func changedByTriggers(t *planner.Table) bool { return t.Facts[factChangingTriggers] != "" }

// quiet writes what happens to a row of a backfill or a repair, which sets columns of
// the two shapes only: whatever else has changed was some trigger's doing.
func (w *shadow) quiet() {
	w.vars = append(w.vars, "kept record")
	w.line("IF %s THEN", w.isQuiet())
	w.indented(func() {
		w.line("IF TG_OP = 'UPDATE' THEN")
		w.indented(func() {
			w.line("kept := NEW;")
			w.line("NEW := OLD;")
			for _, c := range w.sync.Both() {
				w.line("%s := kept.%s;", newRow(c), quote(c))
			}
		})
		w.line("END IF;")
		w.line("RETURN NEW;")
	})
	w.line("END IF;")
}

// dollarQuoted writes a body of code as a string constant.
func dollarQuoted(body string) string {
	tag := "$migrate$"
	for strings.Contains(body, tag) {
		tag = "$x" + tag[1:]
	}
	return tag + body + tag
}

// searchPath writes a path for SET, with the temporary schema last: by default
// it comes first, where any session may put things.
func searchPath(path []string) string {
	out := make([]string, 0, len(path)+1)
	for _, p := range path {
		if p != "pg_temp" {
			out = append(out, quote(p))
		}
	}
	return strings.Join(append(out, "pg_temp"), ", ")
}

func (w *shadow) line(format string, args ...any) {
	w.b.WriteString(strings.Repeat("  ", w.deep))
	fmt.Fprintf(&w.b, format, args...)
	w.b.WriteByte('\n')
}

func (w *shadow) indented(f func()) {
	w.deep++
	f()
	w.deep--
}

var (
	newRow = recordColumn("NEW")
	oldRow = recordColumn("OLD")
)

// fills is what makes the new shape from the old one: up, and the default of a
// new column that nothing leads to.
func fills(g planner.Group) []planner.Assign {
	out := slices.Clone(g.Up)
	for _, d := range g.NewDefaults {
		if !slices.Contains(targets(out), d.Column) {
			out = append(out, d)
		}
	}
	return out
}

// insert writes what happens to an inserted row.
func (w *shadow) insert(g planner.Group) {
	up := fills(g)
	switch {
	case w.sync.State == "grace" && w.sync.Table.Kind == kindPartitioned:
		// An UPDATE that moves a row to another partition inserts it there, with a
		// tombstone that down may not be able to make again.
		w.when(w.oldAbsent(w.defaulted(g)), g.Down)
		return
	case w.sync.State == "grace":
		w.assign(g.Down)
		return
	case g.Hidden:
		w.assign(g.Up)
		return
	case len(up) == 0:
		w.when(w.oldAbsent(g), g.Down)
		return
	}
	absent := allNull(targets(up), newRow)
	w.line("IF %s THEN", absent)
	w.indented(func() {
		if len(g.NewDefaults) == 0 {
			w.assign(up)
			w.when(w.lacking(g), g.Down)
			return
		}
		w.line("IF %s THEN", w.oldAbsentWithout(g))
		w.indented(func() {
			w.assign(g.NewDefaults)
			w.assign(g.Down)
		})
		w.line("ELSE")
		w.indented(func() { w.assign(up) })
		w.line("END IF;")
	})
	if len(g.Down) > 0 {
		w.line("ELSIF %s THEN", w.oldAbsent(g))
		w.indented(func() { w.assign(g.Down) })
	}
	w.line("END IF;")
}

// lacking tells that an old column still has no value that must have one: no old version
// wrote the row, but a new one that has nothing to say in its shape.
func (w *shadow) lacking(g planner.Group) string {
	var out []string
	for _, c := range w.sync.Columns {
		has := func(a planner.Assign) bool { return a.Column == c.Name }
		if c.NotNull && slices.ContainsFunc(g.Down, has) && !slices.ContainsFunc(g.OldDefaults, has) {
			out = append(out, newRow(c.Name)+" IS NULL")
		}
	}
	return strings.Join(out, " OR ")
}

// defaulted is a group of the grace with the defaults that its tombstones have
// kept from when they were columns.
func (w *shadow) defaulted(g planner.Group) planner.Group {
	for _, c := range w.sync.Columns {
		if slices.Contains(targets(g.Down), c.Name) && !c.Default.IsZero() {
			g.OldDefaults = append(slices.Clone(g.OldDefaults), planner.Assign{Column: c.Name, Expr: c.Default})
		}
	}
	return g
}

// oldAbsent tells that an INSERT with the new shape said nothing of the old
// one: its columns are NULL or hold their defaults. A default that differs each
// time cannot be recognised and counts as absent.
func (w *shadow) oldAbsent(g planner.Group) string { return w.absent(g, true) }

// oldAbsentWithout is the same where the new shape is absent as well: then a
// volatile default stands for a value that was given.
func (w *shadow) oldAbsentWithout(g planner.Group) string { return w.absent(g, false) }

func (w *shadow) absent(g planner.Group, volatileIsAbsent bool) string {
	columns := targets(g.Down)
	if len(columns) == 0 {
		columns = g.Old
	}
	var out []string
	for _, c := range columns {
		null := newRow(c) + " IS NULL"
		i := slices.IndexFunc(g.OldDefaults, func(a planner.Assign) bool { return a.Column == c })
		switch {
		case i < 0:
			out = append(out, null)
		case !g.OldDefaults[i].Expr.Volatile:
			d := typed(w.sync.Columns, g.OldDefaults[i:i+1])
			out = append(out, "("+null+" OR NOT ("+offTarget(d, newRow)+"))")
		case !volatileIsAbsent:
			out = append(out, null)
		}
	}
	if len(out) == 0 {
		return "true"
	}
	return strings.Join(out, " AND ")
}

// update writes what happens to an updated row.
func (w *shadow) update(i int, g planner.Group) {
	up := fills(g)
	oldCh, newCh := w.changed(g.Old), w.changed(g.New)
	if len(up) == 0 {
		if len(g.Old) > 0 && w.sync.State != "grace" {
			newCh = "(" + newCh + ") AND NOT (" + oldCh + ")"
		}
		w.when(newCh, g.Down)
		return
	}
	unfilled := w.unfilled(g, up)
	wasOld, wasNew := fmt.Sprintf("old_%d", i+1), fmt.Sprintf("new_%d", i+1)
	w.vars = append(w.vars, wasOld+" boolean", wasNew+" boolean")
	w.line("%s := %s;", wasOld, oldCh)
	w.line("%s := %s;", wasNew, newCh)
	w.line("IF %s THEN", wasNew)
	w.indented(func() {
		w.line("IF %s THEN", unfilled)
		w.indented(func() { w.fillUntouched(up) })
		w.line("END IF;")
		if len(g.Down) > 0 {
			w.line("IF NOT %s THEN", wasOld)
			w.indented(func() { w.assign(g.Down) })
			w.line("END IF;")
		}
	})
	w.line("ELSIF %s OR (%s) THEN", wasOld, unfilled)
	w.indented(func() { w.assignUp(g, up, wasOld) })
	w.line("END IF;")
}

// unfilled tells that a row has not been backfilled: its new shape is NULL throughout, and
// not because a new version wrote that, of which down made what the old shape holds.
func (w *shadow) unfilled(g planner.Group, up []planner.Assign) string {
	out := allNull(targets(up), oldRow)
	if len(g.Down) > 0 && !anyVolatile(g.Down) {
		out += " AND (" + offTarget(typed(w.sync.Columns, g.Down), oldRow) + ")"
	}
	return out
}

// assignUp derives the new shape. A default stands in only for a row that was
// not filled: a change of the old shape says nothing of such a column.
func (w *shadow) assignUp(g planner.Group, up []planner.Assign, wasOld string) {
	if len(up) == len(g.Up) {
		w.assign(up)
		return
	}
	w.assign(g.Up)
	w.line("IF NOT %s THEN", wasOld)
	w.indented(func() { w.assign(up[len(g.Up):]) })
	w.line("END IF;")
}

// fillUntouched brings the new columns up to date that the statement did not set.
func (w *shadow) fillUntouched(up []planner.Assign) {
	for _, a := range up {
		w.line("IF %s IS NULL THEN", newRow(a.Column))
		w.indented(func() { w.assign([]planner.Assign{a}) })
		w.line("END IF;")
	}
}

func (w *shadow) when(condition string, assigns []planner.Assign) {
	if len(assigns) == 0 || condition == "" {
		return
	}
	w.line("IF %s THEN", condition)
	w.indented(func() { w.assign(assigns) })
	w.line("END IF;")
}

// assign writes the assignments as if they were made at once: one that reads
// what another sets goes through variables.
func (w *shadow) assign(assigns []planner.Assign) {
	if len(assigns) == 0 {
		w.line("NULL;")
		return
	}
	if !entangled(assigns) {
		for _, a := range assigns {
			w.line("%s := %s;", newRow(a.Column), a.Expr.SQL(newRow))
		}
		return
	}
	var names []string
	for _, a := range typed(w.sync.Columns, assigns) {
		v := fmt.Sprintf("value_%d", len(w.vars)+1)
		w.vars = append(w.vars, v+" "+a.typ)
		names = append(names, v)
		w.line("%s := %s;", v, a.Expr.SQL(newRow))
	}
	for i, a := range assigns {
		w.line("%s := %s;", newRow(a.Column), names[i])
	}
}

// entangled reports whether an assignment reads what one before it sets.
func entangled(assigns []planner.Assign) bool {
	for i, a := range assigns {
		for _, c := range a.Expr.Columns() {
			if slices.Contains(targets(assigns[:i]), c) {
				return true
			}
		}
	}
	return false
}

// changed tells that a statement changed one of the columns.
func (w *shadow) changed(columns []string) string {
	var pairs []pair
	for _, c := range columns {
		a := typed(w.sync.Columns, []planner.Assign{{Column: c}})[0]
		pairs = append(pairs, pair{oldRow(c), newRow(c), a.typ, a.collation})
	}
	return differs(pairs)
}

// checkNames refuses names that PostgreSQL would cut.
func (w *shadow) checkNames() error {
	if name := triggerPrefix + w.name(); len(name) > maxIdentifier {
		return &planner.Unsupported{What: "trigger " + name, Reason: fmt.Sprintf("its name is longer than %d bytes", maxIdentifier)}
	}
	return nil
}

func shadowLock(s *planner.Schema, y *planner.Sync) plan.Lock {
	return plan.Lock{Mode: lockShareRowExclusive, Object: s.Display(y.Table.Ref)}
}

func lowerInstallShadow(s *planner.Schema, o planner.OpInstallShadow) ([]plan.Step, error) {
	w := shadowOf(s, o.Sync)
	if err := w.checkNames(); err != nil {
		return nil, err
	}
	step := catalogStep(
		"install shadow writes on "+s.Display(o.Sync.Table.Ref),
		"from now on a write to one shape reaches the other, within the same statement",
		shadowLock(s, o.Sync), w.create(), w.drop(),
	)
	step.UndoLoses = losesNew(s, o.Sync)
	return []plan.Step{step}, nil
}

func lowerDropShadow(s *planner.Schema, o planner.OpDropShadow) ([]plan.Step, error) {
	w := shadowOf(s, o.Sync)
	if err := w.checkNames(); err != nil {
		return nil, err
	}
	lock := plan.Lock{Mode: lockAccessExclusive, Object: s.Display(o.Sync.Table.Ref)}
	return []plan.Step{catalogStep(
		"remove shadow writes from "+lock.Object, "nobody writes the old shape any more", lock, w.drop(), w.create(),
	)}, nil
}

// losesNew asks whether the new shape holds something that the old one cannot
// give back: then it was written by a new version and does not survive the way
// down and up again. Rows not filled are not looked at, for their transform
// may fail.
func losesNew(s *planner.Schema, y *planner.Sync) *plan.Check {
	var lost []string
	for _, g := range y.Groups {
		if len(g.Up) == 0 || len(g.Down) == 0 || anyVolatile(g.Up) {
			continue
		}
		lost = append(lost, fmt.Sprintf("CASE WHEN %s THEN false ELSE %s END",
			allNull(targets(g.Up), bareColumn), offTarget(typed(y.Columns, g.Up), bareColumn)))
	}
	if len(lost) == 0 {
		return nil
	}
	return &plan.Check{
		SQL:     fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s)", quoteRef(y.Table.Ref), strings.Join(lost, " OR ")),
		Message: "new versions have written values to " + s.Display(y.Table.Ref) + " that the old columns cannot give back",
	}
}

func anyVolatile(assigns []planner.Assign) bool {
	return slices.ContainsFunc(assigns, func(a planner.Assign) bool { return a.Expr.Volatile })
}
