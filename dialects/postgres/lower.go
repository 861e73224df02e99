package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Lower turns an op into steps.
func (d Dialect) Lower(s *planner.Schema, op planner.Op) (planner.Lowered, error) {
	var steps []plan.Step
	var err error
	switch o := op.(type) {
	case planner.OpCreateTable:
		return lowerCreateTable(s, o)
	case planner.OpBuildTable:
		return lowerBuildTable(s, o), nil
	case planner.OpAddColumns:
		return lowerAddColumns(s, o)
	case planner.OpSetIdentity:
		steps, err = lowerSetIdentity(s, o)
	case planner.OpSetDefault:
		steps = lowerSetDefault(s, o)
	case planner.OpDropNotNull:
		steps, err = lowerDropNotNull(s, o)
	case planner.OpOmit:
		return lowerOmit(s, o)
	case planner.OpWidenType:
		steps, err = lowerWidenType(s, o)
	case planner.OpCreateIndex:
		steps, err = lowerCreateIndex(s, o)
		return planner.Lowered{Steps: steps, Hazards: perPartition(s, o.Table)}, err
	case planner.OpCopyIndexes:
		steps, err = lowerCopyIndexes(s, o)
	case planner.OpDropIndex:
		steps, err = lowerDropIndex(s, o)
	case planner.OpInstallShadow:
		steps, err = lowerInstallShadow(s, o)
	case planner.OpDropShadow:
		steps, err = lowerDropShadow(s, o)
	case planner.OpBackfill:
		return lowerBackfill(s, o)
	case planner.OpSetNotNull:
		steps = lowerSetNotNull(s, o)
	case planner.OpAddCheck:
		steps, err = lowerAddCheck(s, o)
	case planner.OpSwitch:
		return lowerSwitch(s, o)
	case planner.OpFenceTable:
		steps, err = lowerFenceTable(s, o)
	case planner.OpBridge:
		steps = lowerBridge(s, o)
	case planner.OpPurge:
		steps = lowerPurge(s, o)
	case planner.OpPurgeTable:
		steps = lowerPurgeTable(s, o)
	case planner.OpAddConstraint:
		return lowerAddConstraint(s, o)
	case planner.OpDropConstraint:
		return lowerDropConstraint(s, o)
	case planner.OpDropInterim:
		steps, err = lowerDropInterim(s, o)
	case planner.OpAliasTable:
		return lowerAliasTable(s, o)
	case planner.OpSwapTable:
		steps = lowerSwapTable(s, o)
	case planner.OpDropAlias:
		steps = lowerDropAlias(s, o)
	case planner.OpInsertRows:
		return lowerInsertRows(s, o)
	case planner.OpDeleteRows:
		return lowerDeleteRows(s, o), nil
	case planner.OpDirect:
		if l, ok, err := lowerParts(s, o); ok {
			return l, err
		}
		return lowerDirect(s, o)
	case planner.OpOpaque:
		steps = lowerOpaque(s, o)
	default:
		err = &planner.Unsupported{What: fmt.Sprintf("%T", op), Reason: "PostgreSQL's dialect does not know this operation"}
	}
	return planner.Lowered{Steps: steps}, err
}

func lowerCreateTable(s *planner.Schema, o planner.OpCreateTable) (planner.Lowered, error) {
	ref := o.Change.Table
	if ref.Schema == "" {
		ref.Schema = s.Default
	}
	name := s.Display(ref)
	if s.Table(o.Change.Table) != nil {
		if o.Change.IfNotExists {
			return planner.Lowered{Notes: []string{"the table " + name + " is there already: CREATE TABLE IF NOT EXISTS does nothing"}}, nil
		}
		return planner.Lowered{}, &planner.Unsupported{What: "CREATE TABLE " + name, Reason: "a table of that name is there already"}
	}
	lock := plan.Lock{}
	why := "a new table is in nobody's way"
	if others := referenced(o.Change.SQL); len(others) > 0 {
		lock = plan.Lock{Mode: lockShareRowExclusive, Object: s.Display(others[0])}
		why = "its foreign key makes writers of " + s.Display(others[0]) + " wait for a moment"
	}
	if parent := s.Table(o.Change.Of); parent != nil {
		lock = plan.Lock{Mode: lockAccessExclusive, Object: s.Display(parent.Ref)}
		why = "nobody can use " + lock.Object + " for the moment in which the partition becomes part of it"
	}
	drop := "DROP TABLE "
	if o.Moves {
		drop += "IF EXISTS "
	}
	step := catalogStep("create table "+name, why, lock, []string{o.Change.SQL}, []string{drop + quoteRef(ref)})
	if len(o.Seeds) > 0 {
		step.Statements = append(step.Statements, plain(createSeedTable)...)
		step = seal(step)
	}
	if !o.Moves {
		step.UndoLoses = lostRows(s, ref, o.Seeds)
	}
	return planner.Lowered{Steps: []plan.Step{step}}, nil
}

// referenced lists the tables that a CREATE TABLE's foreign keys point at.
func referenced(sql string) []planner.Ref {
	tree, err := parseSQL(sql)
	if err != nil || len(tree.Stmts) != 1 {
		return nil
	}
	self := refOf(tree.Stmts[0].Stmt.GetCreateStmt().GetRelation())
	var out []planner.Ref
	walk(tree.Stmts[0].Stmt, func(m proto.Message) bool {
		if c, ok := m.(*pg.Constraint); ok && c.Pktable != nil && refOf(c.Pktable) != self {
			out = append(out, refOf(c.Pktable))
		}
		return true
	})
	return out
}

// alike fills in what a column shares with the one that it stands for.
func alike(c planner.NewColumn) planner.NewColumn {
	if c.Like == nil {
		return c
	}
	if c.Like.Collation != "" && !strings.Contains(c.Type, " COLLATE ") {
		c.Type += " COLLATE " + quote(c.Like.Collation)
	}
	c.Comment = c.Like.Comment
	return c
}

// holdsValue tells that a column has a value that nobody but a writer gave it.
func holdsValue(c planner.NewColumn) string {
	if c.Default.IsZero() || c.Default.Volatile {
		return quote(c.Name) + " IS NOT NULL"
	}
	return differs([]pair{{quote(c.Name), cast(c.Default.SQL(bareColumn), c.Type), c.Type, ""}})
}

// checkedDomain reports whether a type is a domain with constraints, which the
// inspector lists.
func checkedDomain(s *planner.Schema, typ string) (string, bool) {
	base := visibleType(s, typ)
	for d := range strings.SplitSeq(s.Facts[factDomains], ", ") {
		if d != "" && base == d {
			return d, true
		}
	}
	return "", false
}

func lowerSetDefault(s *planner.Schema, o planner.OpSetDefault) []plan.Step {
	table, name := quoteRef(o.Table.Ref), s.Display(o.Table.Ref)+"."+o.Column.Name
	alter := func(e planner.Expr) string {
		head := "ALTER TABLE " + table + " ALTER COLUMN " + quote(o.Column.Name)
		if e.IsZero() {
			return head + " DROP DEFAULT"
		}
		return head + " SET DEFAULT " + e.SQL(bareColumn)
	}
	title := "set the default of " + name
	if o.Default.IsZero() {
		title = "drop the default of " + name
	}
	return []plan.Step{catalogStep(
		title, "a default acts on new rows only", plan.Lock{Mode: lockAccessExclusive, Object: s.Display(o.Table.Ref)},
		[]string{alter(o.Default)}, []string{alter(o.Before)},
	)}
}

func lowerFenceTable(s *planner.Schema, o planner.OpFenceTable) ([]plan.Step, error) {
	name := s.Display(o.Table.Ref)
	for _, d := range o.Table.Dependents {
		switch d.Kind {
		case kindView, kindMatview, kindRule, kindForeignKey:
			return nil, &planner.Unsupported{
				What: "DROP TABLE " + name, Reason: "the " + d.Kind + " " + d.Name + " depends on it",
				Instead: "drop the " + d.Kind + " first",
			}
		}
	}
	tomb := planner.Ref{Schema: o.Table.Ref.Schema, Name: o.Name}
	return []plan.Step{catalogStep(
		"rename table "+name+" to its tombstone "+o.Name,
		"whoever still uses it fails at once, and nothing is lost yet",
		plan.Lock{Mode: lockAccessExclusive, Object: name},
		[]string{"ALTER TABLE " + quoteRef(o.Table.Ref) + " RENAME TO " + quote(o.Name)},
		[]string{"ALTER TABLE " + quoteRef(tomb) + " RENAME TO " + quote(o.Table.Ref.Name)},
	)}, nil
}

func lowerPurgeTable(s *planner.Schema, o planner.OpPurgeTable) []plan.Step {
	tomb := planner.Ref{Schema: o.Table.Ref.Schema, Name: o.Name}
	step := catalogStep(
		"drop table "+s.Display(tomb)+" (was "+s.Display(o.Table.Ref)+")", "its grace is over; this cannot be undone",
		plan.Lock{Mode: lockAccessExclusive, Object: s.Display(tomb)}, []string{"DROP TABLE " + quoteRef(tomb)}, nil,
	)
	step.AfterGrace = true
	return []plan.Step{step}
}

func lowerPurge(s *planner.Schema, o planner.OpPurge) []plan.Step {
	table, name := quoteRef(o.Table.Ref), s.Display(o.Table.Ref)
	var do []string
	if o.Sync != nil {
		do = append(do, shadowOf(s, o.Sync).drop()...)
	}
	// The tombstones take their indexes, constraints and statistics along.
	var drops, titles []string
	for _, c := range o.Columns {
		drops = append(drops, "DROP COLUMN "+quote(c))
		titles = append(titles, name+"."+c)
	}
	title := "end the grace of " + name
	if len(drops) > 0 {
		do = append(do, "ALTER TABLE "+table+" "+strings.Join(drops, ", "))
		title = "drop column " + strings.Join(titles, ", ")
	}
	for _, b := range bridgesOf(s, o.Bridges) {
		do = slices.Concat(do, b.after(there).leave(), b.after(there).functionsGone())
	}
	if len(do) == 0 {
		return nil
	}
	step := catalogStep(title, "its grace is over; this cannot be undone", plan.Lock{Mode: lockAccessExclusive, Object: name}, do, nil)
	step.AlsoLocks = referredBy(s, o.Table, o.Dropped)
	step.AfterGrace = true
	return []plan.Step{step}
}

// lowerOpaque runs the user's own statement. Nothing is known of it, so it is
// held to the bounds of a metadata change: rather fail than block.
func lowerOpaque(s *planner.Schema, o planner.OpOpaque) []plan.Step {
	step := plan.Step{
		Title: "run a statement as it is written", Why: "migrate:phase put it here; migrate does not know what it does",
		Mode: plan.InTx, Work: plan.Metadata, LockTimeoutMS: lockTimeoutMS, StatementTimeoutMS: metadataTimeoutMS,
		Statements: plain(o.SQL),
	}
	if o.Undo != "" {
		step.UndoStatements = plain(o.Undo)
	}
	if tree, err := parseSQL(o.SQL); err == nil && len(tree.Stmts) == 1 {
		stmt := tree.Stmts[0].Stmt
		step.Title = "run " + statementName(stmt)
		if r, ok := subject(stmt); ok {
			step.Lock = plan.Lock{Mode: lockAccessExclusive, Object: s.Display(r)}
		}
		if !transactional(stmt) {
			step.Mode = plan.Each
			step.StatementTimeoutMS = 0
		}
	} else {
		step = unreadStep(s, step, o.SQL)
	}
	return []plan.Step{seal(step)}
}

// subject is the table that a statement is about, if it says.
func subject(stmt *pg.Node) (planner.Ref, bool) {
	var out planner.Ref
	walk(stmt, func(m proto.Message) bool {
		if r, ok := m.(*pg.RangeVar); ok && out.Name == "" {
			out = refOf(r)
		}
		return out.Name == ""
	})
	return out, out.Name != ""
}

// transactional reports whether a statement may run inside a transaction.
func transactional(stmt *pg.Node) bool {
	switch x := nodeOf(stmt).(type) {
	case *pg.VacuumStmt:
		return !x.IsVacuumcmd
	case *pg.ReindexStmt:
		for _, p := range x.Params {
			if p.GetDefElem().GetDefname() == "concurrently" {
				return false
			}
		}
	case *pg.CreatedbStmt, *pg.DropdbStmt, *pg.CreateTableSpaceStmt, *pg.DropTableSpaceStmt, *pg.AlterSystemStmt:
		return false
	}
	return true
}
