package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// deed says what a statement does and how it is taken back. The locks are what
// the tests see in pg_locks.
func (g *directs) deed(c planner.Direct, n *pg.Node) (deed, error) {
	switch x := nodeOf(n).(type) {
	case *pg.ViewStmt:
		return g.viewDeed(c, x), nil
	case *pg.CreateTableAsStmt:
		return deed{do: []string{c.SQL}, undo: []string{"DROP " + g.target()}, work: plan.Scan, why: "a new view is in nobody's way"}, nil
	case *pg.RefreshMatViewStmt:
		return g.refreshDeed(c, x)
	case *pg.IndexStmt: // of a materialized view that this migration makes
		return deed{do: []string{c.SQL}, work: plan.Build}, nil
	case *pg.CommentStmt:
		return g.commentDeed(c, x)
	case *pg.GrantStmt:
		return g.grantDeed(c, x)
	case *pg.AlterDefaultPrivilegesStmt:
		return g.defaultsDeed(c, x)
	case *pg.AlterOwnerStmt:
		return g.ownerDeed(c, n, x), nil
	case *pg.DropStmt:
		return g.dropDeed(c), nil
	case *pg.AlterTableStmt:
		return g.alterDeed(c, x)
	case *pg.RenameStmt:
		if tablePartKinds[x.RenameType] == "" {
			return g.moveDeed(c, n)
		}
		return g.renameDeed(c, x)
	case *pg.AlterObjectSchemaStmt:
		return g.moveDeed(c, n)
	case *pg.VacuumStmt:
		return deed{
			do: []string{c.SQL}, apart: true, outside: true, work: plan.Scan, why: "readers and writers go on meanwhile",
			lock: g.tableLock(lockShareUpdateExclusive),
		}, nil
	case *pg.ReindexStmt:
		return g.reindexDeed(x), nil
	}
	return g.definitionDeed(c, n)
}

// triggerBefore is TRIGGER_TYPE_BEFORE of the server's pg_trigger.h.
const triggerBefore = 2

// definitionDeed is deed for what defines an object.
func (g *directs) definitionDeed(c planner.Direct, n *pg.Node) (deed, error) {
	d := deed{do: []string{c.SQL}, undo: []string{"DROP " + g.target()}}
	switch x := nodeOf(n).(type) {
	case *pg.CreateFunctionStmt:
		d.why = "nobody calls it yet"
		if g.before != nil && !g.dropped && c.Replaces {
			d.why = "the same name and arguments call it"
			d.undo = list(g.before.Definition)
			d.notes = []string{fmt.Sprintf("old versions run the new body of function %s from then on, too", g.s.Display(g.ref()))}
		}
	case *pg.AlterFunctionStmt:
		if d.undo = nil; g.before != nil {
			d.undo = list(g.before.Definition)
		}
	case *pg.CreateTrigStmt:
		d.lock, d.why = g.tableLock(lockShareRowExclusive), "it fires for old and new versions alike"
		if x.Row && x.Timing&triggerBefore != 0 && x.Trigname >= triggerPrefix {
			return d, &planner.Unsupported{
				What: c.What, Reason: "it would fire after every name that migrate can give its own, and could change rows behind its back",
				Instead: "choose a name that sorts before " + triggerPrefix,
			}
		}
		if g.before != nil && !g.dropped && c.Replaces {
			d.undo = append(d.undo, g.restore()...)
		}
		d.notes = []string{fmt.Sprintf("trigger %s fires for what old versions write on %s, too", g.object.Ref.Name, g.s.Display(g.object.On))}
	case *pg.CreatePolicyStmt:
		d.lock = g.tableLock(lockAccessExclusive)
	case *pg.AlterPolicyStmt:
		d.lock, d.undo = g.tableLock(lockAccessExclusive), append(d.undo, g.restore()...)
	case *pg.CreateStatsStmt:
		d.lock, d.why = plan.Lock{Mode: lockShareUpdateExclusive, Object: g.s.Display(refOf(x.Relations[0].GetRangeVar()))}, "they count from the next ANALYZE on"
	case *pg.AlterStatsStmt:
		d.undo = []string{"ALTER " + g.target() + " SET STATISTICS " + g.fact(factTarget, "-1")}
	case *pg.AlterEnumStmt:
		return g.addValueDeed(x)
	case *pg.AlterDomainStmt:
		return g.domainDeed(c, x)
	case *pg.AlterSeqStmt:
		d.lock = plan.Lock{Mode: lockShareRowExclusive, Object: g.s.Display(g.ref())}
		d.undo = []string{"ALTER " + g.target() + " " + g.fact(factOptions, "")}
		if slices.ContainsFunc(x.Options, func(o *pg.Node) bool { return o.GetDefElem().GetDefname() == "owned_by" }) {
			d.undo = append(d.undo, "ALTER "+g.target()+" OWNED BY "+g.fact(factOwnedBy, "NONE"))
		}
	case *pg.CreateExtensionStmt:
		d.hazards = []plan.Hazard{{
			Rule: "extension-change", Severity: plan.Info, Message: "extension " + x.Extname + " must be installed on every server, and creating it may take rights that migrations do not have",
			Instead: "",
		}}
	case *pg.CreatePublicationStmt:
		d.lock, d.also = g.published(x.Pubobjects)
		d.hazards = g.unidentified(x.Pubobjects)
	case *pg.AlterPublicationStmt:
		return g.publicationDeed(c, x)
	}
	return d, nil
}

func (g *directs) fact(name, otherwise string) string {
	if g.before != nil && g.before.Facts[name] != "" {
		return g.before.Facts[name]
	}
	return otherwise
}

func (g *directs) tableLock(mode string) plan.Lock {
	return plan.Lock{Mode: mode, Object: g.s.Display(g.on())}
}

// commentDeed: the way back is the comment that was there.
func (g *directs) commentDeed(c planner.Direct, x *pg.CommentStmt) (deed, error) {
	back := clone(x)
	back.Comment = g.fact(factComment, "")
	undo, err := deparse(&pg.Node{Node: &pg.Node_CommentStmt{CommentStmt: back}})
	d := deed{do: []string{c.SQL}, undo: []string{undo}, why: "a comment changes nothing"}
	switch g.object.Kind {
	case kindComment:
		if !strings.HasPrefix(g.object.Detail, "constraint ") {
			d.lock = g.tableLock(lockShareUpdateExclusive)
		}
	case kindView, kindMatview, kindSequence, kindIndex:
		d.lock = plan.Lock{Mode: lockShareUpdateExclusive, Object: g.s.Display(g.ref())}
	}
	return d, err
}

// ownerDeed hands an object over.
func (g *directs) ownerDeed(c planner.Direct, n *pg.Node, x *pg.AlterOwnerStmt) deed {
	d := deed{do: []string{c.SQL}, hazards: []plan.Hazard{ownerHazard(c.What)}}
	back := clone(n)
	back.GetAlterOwnerStmt().Newowner = &pg.RoleSpec{Roletype: pg.RoleSpecType_ROLESPEC_CSTRING, Rolename: g.fact(factHolder, "")}
	if sql, err := deparse(back); err == nil && g.fact(factHolder, "") != "" {
		d.undo = append([]string{sql}, g.privilegesAgain()...)
	}
	if x.Relation != nil {
		d.lock = plan.Lock{Mode: lockAccessExclusive, Object: g.s.Display(g.ref())}
	}
	return d
}

func ownerHazard(what string) plan.Hazard {
	return plan.Hazard{
		Rule: "grant-change", Severity: plan.Warning, Message: what + ": whoever connects as the old owner has only those privileges that are granted to it",
		Instead: "",
	}
}

// dropDeed: of the objects that are only dropped when nothing else is left to
// wait for there is no way back.
func (g *directs) dropDeed(c planner.Direct) deed {
	d := deed{do: []string{c.SQL}}
	switch g.object.Kind {
	case kindTrigger, kindPolicy, kindRule:
		d.lock = g.tableLock(lockAccessExclusive)
	case kindSequence, kindView, kindMatview:
		d.lock = plan.Lock{Mode: lockAccessExclusive, Object: g.s.Display(g.ref())}
	case kindStatistics:
		d.lock = plan.Lock{Mode: lockShareUpdateExclusive, Object: g.fact(factTables, "")}
	case kindPublication:
		d.undo = []string{"CREATE " + g.target() + publishing(" FOR ", g.fact(factTables, "")) + " WITH (" + g.fact(factOptions, "") + ")"}
	case kindExtension:
		d.hazards = []plan.Hazard{{Rule: "extension-change", Severity: plan.Warning, Message: c.What + " takes its types and functions away", Instead: ""}}
	}
	if c.Effect != planner.Destroys && g.before != nil && !g.created {
		d.undo = append(d.undo, g.restore()...)
	}
	return d
}

// renameDeed renames what no statement of an app mentions.
func (g *directs) renameDeed(c planner.Direct, x *pg.RenameStmt) (deed, error) {
	back := clone(x)
	d := deed{do: []string{c.SQL}, why: "no statement mentions the name"}
	d.lock = g.tableLock(lockAccessExclusive)
	back.Subname, back.Newname = x.Newname, x.Subname
	sql, err := deparse(&pg.Node{Node: &pg.Node_RenameStmt{RenameStmt: back}})
	d.undo = []string{sql}
	return d, err
}

// reindexDeed builds indexes anew beside those that are there.
func (g *directs) reindexDeed(x *pg.ReindexStmt) deed {
	kind, lock := "TABLE ", g.tableLock(lockShareUpdateExclusive)
	if x.Kind == pg.ReindexObjectType_REINDEX_OBJECT_INDEX {
		kind, lock.Object = "INDEX ", g.fact(factTables, g.s.Display(g.ref()))
	}
	return deed{
		do: []string{"REINDEX " + kind + "CONCURRENTLY " + quoteRef(refOf(x.Relation))}, apart: true, outside: true, work: plan.Build,
		lock: lock, why: "CONCURRENTLY: readers and writers go on meanwhile",
	}
}

// addValueDeed adds a value to an enum, if it is not there: no value of an enum
// can be taken away, so that a rollback leaves it, and the next expand finds it.
func (g *directs) addValueDeed(x *pg.AlterEnumStmt) (deed, error) {
	x = clone(x)
	x.SkipIfNewValExists = true
	sql, err := deparse(&pg.Node{Node: &pg.Node_AlterEnumStmt{AlterEnumStmt: x}})
	name := g.s.Display(g.ref())
	return deed{do: []string{sql}, apart: true, why: "every value that was valid stays valid", notes: []string{
		fmt.Sprintf("no value of an enum can be taken away: a rollback leaves %s in %s", literal(x.NewVal), name),
		fmt.Sprintf("from expand on, new versions may write %s where old versions read a %s", literal(x.NewVal), name),
	}}, err
}

// domainDeed changes a domain. What it forbids is first forbidden for new
// values, then looked for among the old ones.
func (g *directs) domainDeed(c planner.Direct, x *pg.AlterDomainStmt) (deed, error) {
	alter := "ALTER " + g.target() + " "
	d := deed{do: []string{c.SQL}}
	switch x.Subtype {
	case "T":
		d.undo = []string{alter + "DROP DEFAULT"}
		if def := g.fact(factDefault, ""); def != "" {
			d.undo = []string{alter + "SET DEFAULT " + def}
		}
	case "N":
		if g.fact(factNotNull, "") == "true" {
			d.undo = []string{alter + "SET NOT NULL"}
		}
	case "O":
		if g.fact(factNotNull, "") != "true" {
			d.undo = []string{alter + "DROP NOT NULL"}
		}
		g.scansUsers(&d, c.What)
	case "X":
		if def := g.fact(factConstraint+x.Name, ""); def != "" {
			d.undo = []string{alter + "ADD CONSTRAINT " + quote(x.Name) + " " + def}
		} else if !x.MissingOk {
			return d, &planner.Unsupported{What: c.What, Reason: "there is no such constraint", Instead: "check the name"}
		}
	case "V":
		g.scansUsers(&d, c.What)
	case "C":
		k := x.Def.GetConstraint()
		d.undo = []string{alter + "DROP CONSTRAINT " + quote(k.Conname)}
		if k.SkipValidation {
			break
		}
		first := clone(x)
		first.Def.GetConstraint().SkipValidation, first.Def.GetConstraint().InitiallyValid = true, false
		sql, err := deparse(&pg.Node{Node: &pg.Node_AlterDomainStmt{AlterDomainStmt: first}})
		if err != nil {
			return d, err
		}
		d.do = []string{sql, alter + "VALIDATE CONSTRAINT " + quote(k.Conname)}
		g.scansUsers(&d, c.What)
	}
	return d, nil
}

// scansUsers: the server reads every column of the domain's type, and keeps
// writers of those tables away meanwhile.
func (g *directs) scansUsers(d *deed, what string) {
	users := list(g.fact(factUsers, ""))
	d.apart = true
	if len(users) == 0 {
		return
	}
	d.work = plan.Scan
	var shown []string
	for _, u := range users {
		ref, err := regclassRef(u)
		if err != nil {
			continue
		}
		shown = append(shown, g.s.Display(ref))
		d.also = append(d.also, plan.Lock{Mode: lockShare, Object: g.s.Display(ref)})
	}
	d.hazards = []plan.Hazard{{
		Rule: "domain-constraint-scans", Severity: plan.Error,
		Message: what + " reads every row of " + strings.Join(shown, ", ") + ", and nobody can write there meanwhile",
		Instead: "put a CHECK on the columns themselves, which can be proved while the app writes",
	}}
}
