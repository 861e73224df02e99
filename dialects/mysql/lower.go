package mysql

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// What an ALTER TABLE says about how it must be done. A wrong prediction makes
// the server refuse the statement instead of copying the table.
const (
	instant = "ALGORITHM=INSTANT"
	inplace = "ALGORITHM=INPLACE, LOCK=NONE"
	// inplaceShared keeps writers out for as long as it takes, as copyShared does.
	inplaceShared = "ALGORITHM=INPLACE, LOCK=SHARED"
	copyShared    = "ALGORITHM=COPY, LOCK=SHARED"
	copyNone      = "ALGORITHM=COPY, LOCK=NONE"
)

// sqlMode is the mode of every session of ours and of the triggers we create:
// strict, so that a value which does not fit is an error and never changed, and
// without the modes that give quotes and || another meaning.
const sqlMode = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

const setMode = "SET SESSION sql_mode = '" + sqlMode + "'"

// lockTimeoutMS bounds the wait for a lock. The servers' own timeouts are whole
// seconds; the session's watcher enforces this one.
const lockTimeoutMS = 300

// Lower implements planner.Dialect.
func (d *dialect) Lower(s *planner.Schema, op planner.Op) (planner.Lowered, error) {
	if t := tableOf(op); t != nil {
		if e := t.Facts[factEngine]; e != "" && !strings.EqualFold(e, "InnoDB") {
			return planner.Lowered{}, d.unsupported("table "+t.Ref.Name, "its engine is "+e+", which can neither be altered online nor rolled back",
				"ALTER TABLE … ENGINE=InnoDB before")
		}
	}
	switch op := op.(type) {
	case planner.OpCreateTable:
		return d.createTable(s, op), nil
	case planner.OpBuildTable:
		return d.buildTable(s, op)
	case planner.OpAddColumns:
		return d.addColumns(s, op)
	case planner.OpSetDefault:
		return d.setDefault(s, op), nil
	case planner.OpDropNotNull:
		return d.dropNotNull(s, op)
	case planner.OpOmit:
		return planner.Lowered{}, nil // its blockers name what is in the way
	case planner.OpSetNotNull:
		return d.setNotNull(s, op)
	case planner.OpWidenType:
		return d.widenType(s, op)
	case planner.OpCreateIndex:
		return d.createIndex(s, op)
	case planner.OpCopyIndexes:
		return d.copyIndexes(s, op)
	case planner.OpDropIndex:
		return d.dropIndex(s, op)
	case planner.OpAddCheck:
		return d.addCheck(s, op)
	case planner.OpInstallShadow:
		return d.installShadow(s, op.Sync)
	case planner.OpDropShadow:
		return d.dropShadow(s, op.Sync)
	case planner.OpBackfill:
		return d.backfill(op)
	case planner.OpSwitch:
		return d.switchNames(s, op)
	case planner.OpFenceTable:
		return d.fenceTable(s, op)
	case planner.OpPurge:
		return d.purge(s, op)
	case planner.OpPurgeTable:
		return d.purgeTable(s, op), nil
	case planner.OpRestate:
		return d.restate(s, op)
	case planner.OpAddConstraint:
		return d.addConstraint(s, op)
	case planner.OpDropConstraint:
		return d.dropConstraint(s, op)
	case planner.OpAliasTable:
		return d.aliasTable(s, op)
	case planner.OpSwapTable:
		return d.swapTable(s, op), nil
	case planner.OpDropAlias:
		return d.dropAlias(s, op), nil
	case planner.OpInsertRows:
		return d.insertRows(op), nil
	case planner.OpDeleteRows:
		return d.deleteInChunks(op)
	case planner.OpDirect:
		return d.direct(s, op)
	case planner.OpOpaque:
		return opaque(op), nil
	}
	return planner.Lowered{}, &planner.Unsupported{What: fmt.Sprintf("operation %T", op), Reason: "this engine does not know it"}
}

// tableOf is the table that an op works on; nil if it makes one.
func tableOf(op planner.Op) *planner.Table {
	switch op := op.(type) {
	case planner.OpAddColumns:
		return op.Table
	case planner.OpSetDefault:
		return op.Table
	case planner.OpDropNotNull:
		return op.Table
	case planner.OpSetNotNull:
		return op.Table
	case planner.OpWidenType:
		return op.Table
	case planner.OpCreateIndex:
		return op.Table
	case planner.OpAddCheck:
		return op.Table
	case planner.OpInstallShadow:
		return op.Sync.Table
	case planner.OpBackfill:
		return op.Table
	case planner.OpSwitch:
		return op.Table
	default:
		return nil
	}
}

func (d *dialect) unsupported(what, reason, instead string) error {
	return &planner.Unsupported{What: what, Reason: reason, Instead: instead}
}

func alterTable(table, how string, clauses ...string) string {
	return "ALTER TABLE " + quoteName(table) + " " + strings.Join(append(clauses, how), ", ")
}

// script joins statements as a reader sees them.
func script(stmts []plan.Statement) string {
	sqls := make([]string, len(stmts))
	for i, st := range stmts {
		sqls[i] = st.SQL
	}
	return strings.Join(sqls, ";\n")
}

// ddl makes a step of statements that are run one by one.
func ddl(table, title, why string, work plan.Work, do, undo []plan.Statement) plan.Step {
	return plan.Step{
		Title: title, Why: why, Mode: plan.Each,
		SQL: script(do), Statements: do,
		Lock: plan.Lock{Mode: lockExclusive, Object: table}, Work: work, LockTimeoutMS: lockTimeoutMS,
		Undo: script(undo), UndoStatements: undo,
	}
}

// The locks that steps take, as both servers' manuals call them.
const (
	lockExclusive = "MDL EXCLUSIVE"
	lockRows      = "row locks"
)

func steps(ss ...plan.Step) planner.Lowered { return planner.Lowered{Steps: ss} }

func stmt(sql, probe string) plan.Statement { return plan.Statement{SQL: sql, Probe: probe} }

func stmts(ss ...plan.Statement) []plan.Statement { return ss }

func (d *dialect) createTable(s *planner.Schema, op planner.OpCreateTable) planner.Lowered {
	name := op.Change.Table.Name
	p := d.probes(s, name)
	do := stmts(stmt(op.Change.SQL, p.tables()))
	if op.Unchecked {
		do = unchecked(do)
	}
	if len(op.Seeds) > 0 {
		do = append(stmts(stmt(createSeedTable, "")), do...)
	}
	drop := "DROP TABLE "
	if op.Moves {
		drop += "IF EXISTS "
	}
	st := ddl(name, "create table "+name, "", plan.Metadata, do, unchecked(stmts(stmt(drop+quoteName(name), p.noTable()))))
	st.Lock = plan.Lock{}
	// Tables of the migration's own may refer to each other in a circle, so that none
	// of them could be dropped first while keys are looked at; but nobody else may.
	st.UndoLoses = referredTo(name, op.Made)
	if !op.Moves {
		lost := lostRows([]planner.BuildGuard{{Table: op.Change.Table, Seeds: op.Seeds}})
		st.UndoLoses.SQL = lost.SQL + " OR " + strings.TrimPrefix(st.UndoLoses.SQL, "SELECT ")
		st.UndoLoses.Message = lost.Message + ", or tables of others refer to it"
	}
	return steps(st)
}

func (d *dialect) addColumns(s *planner.Schema, op planner.OpAddColumns) (planner.Lowered, error) {
	table := op.Table.Ref.Name
	var labels, guarded []string
	var do, undo []plan.Statement
	var hazards []plan.Hazard
	work := plan.Metadata
	why := "both shapes need a place for their values"
	p := d.probes(s, table)
	t := op.Table
	for _, run := range runs(inPlace(op.Columns)) {
		var adds, drops, names []string
		for _, n := range run {
			if !d.isSimpleDefault(parseType(n.Type), n.Default) {
				return planner.Lowered{}, d.unsupported(fmt.Sprintf("column %s.%s", table, n.Name),
					"MySQL copies the table to fill in a default that is an expression", "add the column without it, UPDATE it, then SET DEFAULT")
			}
			adds = append(adds, "ADD COLUMN "+d.newColumn(s, t, n))
			drops = append(drops, "DROP COLUMN "+quoteName(n.Name))
			names = append(names, n.Name)
			labels = append(labels, table+"."+n.Name)
			if n.Guarded {
				guarded = append(guarded, d.written(n))
			}
		}
		add, drop := d.addingRun(s, t, run)
		if placed := placing(run, add); placed != add {
			add, why = placed, "both shapes need a place for their values; the table is rebuilt beside its writers, so that each row has room and contract need not do it"
		}
		do = append(do, stmt(alterTable(table, add.how, adds...), p.columns(names, len(names))))
		undo = append(stmts(stmt(alterTable(table, drop.how, drops...), p.columns(names, 0))), undo...)
		if add.work != plan.Metadata {
			work = add.work
		}
		hazards = append(hazards, d.told(s, t, add, plural("add column", labels[len(labels)-len(names):]))...)
		t = d.grown(s, t, run)
	}
	st := ddl(table, plural("add column", labels), why, work, do, undo)
	if work != plan.Metadata {
		st.Rows = op.Table.Rows
	}
	if len(guarded) > 0 {
		st.UndoLoses = &plan.Check{
			SQL:     fmt.Sprintf("SELECT EXISTS (SELECT 1 FROM %s WHERE %s)", quoteName(table), strings.Join(guarded, " OR ")),
			Message: "values were written into " + strings.Join(labels, ", ") + " that are nowhere else",
		}
	}
	out := steps(st)
	out.Hazards = hazards
	return out, nil
}

// written is true for rows in which somebody has written an added column.
func (d *dialect) written(n planner.NewColumn) string {
	if n.Default.IsZero() {
		return quoteName(n.Name) + " IS NOT NULL"
	}
	return fmt.Sprintf("NOT (%s <=> %s)", quoteName(n.Name), d.defaultSQL(parseType(n.Type), n.Default))
}

func plural(what string, labels []string) string {
	if len(labels) > 1 {
		what += "s"
	}
	return what + " " + strings.Join(labels, ", ")
}

// newColumn writes a column to add, with what it shares with the one it is like.
func (d *dialect) newColumn(s *planner.Schema, t *planner.Table, n planner.NewColumn) string {
	c := planner.Column{Name: n.Name, Type: n.Type, NotNull: n.NotNull, Default: n.Default, Comment: n.Comment}
	var place string
	c.Rest, place = placeOf(n.Rest)
	if n.Like != nil {
		c.Charset, c.Collation = n.Like.Charset, n.Like.Collation
		if c.Comment == "" {
			c.Comment = n.Like.Comment
		}
		// ON UPDATE and checks are left out: they would act while both live.
		c.Rest = joinWords(c.Rest, visibility(n.Like.Rest))
	}
	if n.After != "" && !d.anywhere(s, t, n) {
		place = "AFTER " + quoteName(n.After)
	}
	if !n.GeneratedAs.IsZero() {
		return joinWords(d.computed(c, n.ColumnDef), place)
	}
	return joinWords(d.definition(c), place)
}

// computed writes a generated column. MariaDB takes no NULL or NOT NULL in it.
func (d *dialect) computed(c planner.Column, def planner.ColumnDef) string {
	out := joinWords(quoteName(c.Name), parseType(c.Type).full(),
		fmt.Sprintf("GENERATED ALWAYS AS (%s) %s", def.GeneratedAs.SQL(quoteName), strings.ToUpper(def.Generated)))
	if c.NotNull && !d.maria {
		out += " NOT NULL"
	}
	out = joinWords(out, c.Rest)
	if c.Comment != "" {
		out += " COMMENT " + quoteString(c.Comment)
	}
	return out
}

// anywhere: the shadow of a renamed column goes again, and does not change its
// type; where only the end of the table is to be had instantly, it goes there.
func (d *dialect) anywhere(s *planner.Schema, t *planner.Table, n planner.NewColumn) bool {
	if n.Like == nil || n.Type != n.Like.Type {
		return false
	}
	return d.maria && movesVirtual(t, n.After) || !d.maria && s.VersionNum < mysqlInstantPlace
}

// places are where the columns go.
func (d *dialect) places(s *planner.Schema, t *planner.Table, columns []planner.NewColumn) []string {
	var out []string
	for _, n := range columns {
		_, place := placeOf(n.Rest)
		if after := tokens(place); len(after) == 2 {
			place = after[1].text
		}
		if n.After != "" && !d.anywhere(s, t, n) {
			place = n.After
		}
		out = append(out, place)
	}
	return out
}

const invisible = "INVISIBLE"

// placeOf parts a column's further attributes from its place among the others,
// which stands last.
func placeOf(rest string) (attributes, place string) {
	ts := tokens(rest)
	n := len(ts)
	switch {
	case n >= 1 && piece{ts}.word(n-1) == "FIRST":
		return strings.TrimSpace(rest[:ts[n-1].start]), "FIRST"
	case n >= 2 && piece{ts}.word(n-2) == "AFTER":
		return strings.TrimSpace(rest[:ts[n-2].start]), rest[ts[n-2].start:]
	}
	return rest, ""
}

func fulltext(t *planner.Table) string {
	for _, ix := range t.Indexes {
		if strings.HasPrefix(ix.Definition, "CREATE FULLTEXT") {
			return ix.Name
		}
	}
	return ""
}

func (d *dialect) addCheck(s *planner.Schema, op planner.OpAddCheck) (planner.Lowered, error) {
	table := op.Table.Ref.Name
	name := op.Change.Name
	if name == "" {
		name = d.checkName(op)
	}
	for _, c := range op.Table.Constraints {
		if c.Kind == "check" && strings.EqualFold(c.Name, name) {
			return planner.Lowered{}, d.unsupported("check constraint "+name, "there is one already", "choose another name")
		}
	}
	p := d.probes(s, table)
	how := d.copying(s, op.Table)
	add := alterTable(table, how, fmt.Sprintf("ADD CONSTRAINT %s CHECK (%s)", quoteName(name), op.Change.Check.SQL(quoteName)))
	drop := alterTable(table, instant, "DROP CONSTRAINT "+quoteName(name))
	st := ddl(table, fmt.Sprintf("add check %s to %s", name, table), "the server proves it by copying the table", plan.Rewrite,
		stmts(stmt(add, p.check(name))),
		stmts(stmt(drop, strings.Replace(p.check(name), "COUNT(*)", "COUNT(*) = 0", 1))))
	st.Rows = op.Table.Rows
	out := steps(st)
	if how == copyShared {
		severity := plan.Error
		if small(op.Table) {
			severity = plan.Warning
		}
		out.Hazards = append(out.Hazards, plan.Hazard{
			Rule: "constraint-validated-under-lock", Severity: severity,
			Message: fmt.Sprintf("%s copies table %s (%s) to add a check, and every write to it waits until the copy is done",
				d.product(), table, sizeOf(op.Table)),
			Instead: "check the values in the app; or allow it for a table so small that the copy takes no time",
		})
	}
	return out, nil
}

// A table up to this size is copied in so short a time that blocking its writes
// for it is no worse than waiting for a lock.
const (
	smallRows  = 10_000
	smallBytes = 16 << 20
)

func small(t *planner.Table) bool {
	return t.Rows >= 0 && t.Rows <= smallRows && t.Bytes <= smallBytes
}

// unknownRows is the size of a table that no server was asked about.
const unknownRows = -1

// sizeOf says how large a table is.
func sizeOf(t *planner.Table) string {
	if t.Rows == unknownRows {
		return "of a size that is not known here"
	}
	return fmt.Sprintf("about %d rows", t.Rows)
}

// checkName is the name that the server would give a check: t_chk_1 on MySQL,
// CONSTRAINT_1 on MariaDB, with the next number that is free. The checks that
// the migration adds before this one have taken theirs.
func (d *dialect) checkName(op planner.OpAddCheck) string {
	var taken []string
	for _, c := range op.Table.Constraints {
		taken = append(taken, strings.ToLower(c.Name))
	}
	nameless := 0
	for _, c := range op.Earlier {
		if c.Name == "" {
			nameless++
		}
		taken = append(taken, strings.ToLower(c.Name))
	}
	for i := 1; ; i++ {
		name := fmt.Sprintf("%s_chk_%d", op.Table.Ref.Name, i)
		if d.maria {
			name = fmt.Sprintf("CONSTRAINT_%d", i)
		}
		switch {
		case slices.Contains(taken, strings.ToLower(name)):
		case nameless > 0:
			nameless--
		default:
			return name
		}
	}
}

func (d *dialect) fenceTable(s *planner.Schema, op planner.OpFenceTable) (planner.Lowered, error) {
	table := op.Table.Ref.Name
	st := ddl(table, fmt.Sprintf("rename table %s to %s", table, op.Name),
		"whoever still uses it fails loudly, and it can be had back", plan.Metadata,
		stmts(stmt(fmt.Sprintf("RENAME TABLE %s TO %s", quoteName(table), quoteName(op.Name)), d.probes(s, op.Name).tables())),
		stmts(stmt(fmt.Sprintf("RENAME TABLE %s TO %s", quoteName(op.Name), quoteName(table)), d.probes(s, table).tables())))
	return steps(st), nil
}

func (d *dialect) purgeTable(s *planner.Schema, op planner.OpPurgeTable) planner.Lowered {
	st := ddl(op.Name, "drop table "+op.Name, "its grace is over", plan.Metadata,
		stmts(stmt("DROP TABLE "+quoteName(op.Name), d.probes(s, op.Name).noTable())), nil)
	return steps(st)
}

func opaque(op planner.OpOpaque) planner.Lowered {
	st := ddl("", "run the statement as it is written", "the migration says that it belongs here", plan.Metadata,
		stmts(stmt(op.SQL, "")), stmts(stmt(op.Undo, "")))
	st.Lock = plan.Lock{}
	return steps(st)
}
