package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// alterDeed sets a property of a table, a column, a view, an index.
func (g *directs) alterDeed(c planner.Direct, x *pg.AlterTableStmt) (deed, error) {
	d := deed{do: []string{c.SQL}, why: "it changes nothing that a statement could see"}
	object := g.on()
	if g.object.On.Name == "" {
		object = g.ref()
	}
	kind := strings.ToUpper(g.object.Kind)
	switch g.object.Kind {
	case kindIndex:
		kind = "INDEX"
	case kindTableSetting, kindColumn, kindTrigger, kindPolicy:
		kind = "TABLE"
	}
	alter := "ALTER " + kind + " " + quoteRef(object) + " "
	d.lock = plan.Lock{Mode: lockAccessExclusive, Object: g.s.Display(object)}
	for _, n := range x.Cmds {
		cmd := n.GetAlterTableCmd()
		for _, back := range g.clauseBack(cmd) {
			d.undo = append(d.undo, alter+back)
		}
		if cmd.Subtype == pg.AlterTableType_AT_ChangeOwner {
			d.undo = append(d.undo, g.privilegesAgain()...)
			d.also = append(d.also, g.ownedSequences()...)
		}
		if lighter, ok := clauseLocks[cmd.Subtype]; ok && kind != "VIEW" {
			d.lock.Mode = lighter
		}
		g.clauseHazards(&d, c, cmd)
	}
	return d, nil
}

// clauseLocks are the clauses that take less than ACCESS EXCLUSIVE.
var clauseLocks = map[pg.AlterTableType]string{
	pg.AlterTableType_AT_SetRelOptions: lockShareUpdateExclusive, pg.AlterTableType_AT_ResetRelOptions: lockShareUpdateExclusive,
	pg.AlterTableType_AT_SetOptions: lockShareUpdateExclusive, pg.AlterTableType_AT_ResetOptions: lockShareUpdateExclusive,
	pg.AlterTableType_AT_SetStatistics: lockShareUpdateExclusive,
	pg.AlterTableType_AT_ClusterOn:     lockShareUpdateExclusive, pg.AlterTableType_AT_DropCluster: lockShareUpdateExclusive,
	pg.AlterTableType_AT_EnableTrig: lockShareRowExclusive, pg.AlterTableType_AT_EnableAlwaysTrig: lockShareRowExclusive,
	pg.AlterTableType_AT_EnableReplicaTrig: lockShareRowExclusive, pg.AlterTableType_AT_DisableTrig: lockShareRowExclusive,
}

// storages are the letters of pg_attribute.attstorage.
var storages = map[string]string{"p": "PLAIN", "e": "EXTERNAL", "x": "EXTENDED", "m": "MAIN"}

// clauseBack writes the clauses that bring back what was inspected.
func (g *directs) clauseBack(c *pg.AlterTableCmd) []string {
	column := "ALTER COLUMN " + quote(c.Name) + " "
	switch c.Subtype {
	case pg.AlterTableType_AT_SetRelOptions, pg.AlterTableType_AT_ResetRelOptions:
		return g.optionsBack("", c)
	case pg.AlterTableType_AT_SetOptions, pg.AlterTableType_AT_ResetOptions:
		return g.optionsBack(column, c)
	case pg.AlterTableType_AT_SetStatistics:
		return []string{column + "SET STATISTICS " + g.fact(factTarget, "-1")}
	case pg.AlterTableType_AT_SetStorage:
		if s := storages[g.fact(factStorage, "")]; s != "" {
			return []string{column + "SET STORAGE " + s}
		}
	case pg.AlterTableType_AT_SetCompression:
		return []string{column + "SET COMPRESSION " + g.fact(factPacked, "default")}
	case pg.AlterTableType_AT_ReplicaIdentity:
		return []string{"REPLICA IDENTITY " + g.fact(factReplica, "DEFAULT")}
	case pg.AlterTableType_AT_ClusterOn, pg.AlterTableType_AT_DropCluster:
		if i := g.fact(factCluster, ""); i != "" {
			return []string{"CLUSTER ON " + i}
		}
		return []string{"SET WITHOUT CLUSTER"}
	case pg.AlterTableType_AT_EnableTrig, pg.AlterTableType_AT_EnableAlwaysTrig, pg.AlterTableType_AT_EnableReplicaTrig, pg.AlterTableType_AT_DisableTrig:
		return []string{triggerClause(g.object.Ref.Name, g.fact(factEnabled, "O"))}
	case pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_DisableRowSecurity:
		return []string{enabledWord(g.fact(factRows, "")) + " ROW LEVEL SECURITY"}
	case pg.AlterTableType_AT_ForceRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity:
		if g.fact(factForced, "") == "true" {
			return []string{"FORCE ROW LEVEL SECURITY"}
		}
		return []string{"NO FORCE ROW LEVEL SECURITY"}
	case pg.AlterTableType_AT_ChangeOwner:
		if o := g.fact(factHolder, ""); o != "" {
			return []string{"OWNER TO " + quote(o)}
		}
	}
	return nil
}

func enabledWord(on string) string {
	if on == "true" {
		return "ENABLE"
	}
	return "DISABLE"
}

// triggerClause sets when a trigger fires, by the letter of pg_trigger.tgenabled.
func triggerClause(name, enabled string) string {
	word := map[string]string{"D": "DISABLE", "R": "ENABLE REPLICA", "A": "ENABLE ALWAYS"}[enabled]
	if word == "" {
		word = "ENABLE"
	}
	return word + " TRIGGER " + quote(name)
}

func enableTrigger(table planner.Ref, name, enabled string) string {
	return "ALTER TABLE " + quoteRef(table) + " " + triggerClause(name, enabled)
}

// optionsBack sets the named options to what they were, or takes them away.
func (g *directs) optionsBack(prefix string, c *pg.AlterTableCmd) []string {
	was := map[string]string{}
	for _, o := range list(g.fact(factOptions, "")) {
		name, value, _ := strings.Cut(o, "=")
		was[name] = value
	}
	var set, reset []string
	for _, o := range c.Def.GetList().GetItems() {
		name := o.GetDefElem().GetDefname()
		if space := o.GetDefElem().GetDefnamespace(); space != "" {
			name = space + "." + name
		}
		if value, ok := was[name]; ok {
			set = append(set, name+" = "+literal(value))
		} else {
			reset = append(reset, name)
		}
	}
	var out []string
	if len(set) > 0 {
		out = append(out, prefix+"SET ("+strings.Join(set, ", ")+")")
	}
	if len(reset) > 0 {
		out = append(out, prefix+"RESET ("+strings.Join(reset, ", ")+")")
	}
	return out
}

// clauseHazards tells what a clause does to who is connected.
func (g *directs) clauseHazards(d *deed, c planner.Direct, cmd *pg.AlterTableCmd) {
	name := g.s.Display(g.on())
	switch cmd.Subtype {
	case pg.AlterTableType_AT_EnableRowSecurity, pg.AlterTableType_AT_ForceRowSecurity:
		d.why = "from then on every role sees only the rows that a policy shows it"
		d.hazards = append(d.hazards, plan.Hazard{
			Rule: "rls-hides-rows", Severity: plan.Warning, Message: "from contract on, roles that no policy of " + name + " is for see none of its rows, and later migrations of it need a role with BYPASSRLS",
			Instead: "make sure that there is a policy for every role that connects",
		})
	case pg.AlterTableType_AT_DisableRowSecurity, pg.AlterTableType_AT_NoForceRowSecurity:
		d.why = "old versions may rely on not seeing the other rows"
		d.hazards = append(d.hazards, plan.Hazard{
			Rule: "rls-hides-rows", Severity: plan.Warning, Message: "from contract on, every role that may read " + name + " sees all of its rows", Instead: "make sure that the app asks for its own rows by itself",
		})
	case pg.AlterTableType_AT_ChangeOwner:
		d.why = "old versions may connect as the old owner"
		d.hazards = append(d.hazards, ownerHazard(c.What))
	case pg.AlterTableType_AT_ReplicaIdentity:
		if cmd.Def.GetReplicaIdentityStmt().GetIdentityType() == "n" {
			d.hazards = append(d.hazards, plan.Hazard{
				Rule: "replica-identity-missing", Severity: plan.Warning, Message: "while a publication has " + name + " in it, every UPDATE and DELETE on it fails", Instead: "keep an identity, or take the table out of its publications first",
			})
		}
	case pg.AlterTableType_AT_DisableTrig:
		d.why = "old versions may rely on what it does"
	}
}

// ownedSequences are locked with their table when that changes its owner.
func (g *directs) ownedSequences() []plan.Lock {
	var out []plan.Lock
	if t := g.s.Table(g.object.On); t != nil {
		for _, d := range t.Dependents {
			if d.Kind == kindSequence {
				out = append(out, plan.Lock{Mode: lockAccessExclusive, Object: d.Name})
			}
		}
	}
	return out
}

// published are the locks on the tables that a statement publishes.
func (g *directs) published(objects []*pg.Node) (plan.Lock, []plan.Lock) {
	var locks []plan.Lock
	for _, o := range objects {
		if t := o.GetPublicationObjSpec().GetPubtable(); t != nil {
			locks = append(locks, plan.Lock{Mode: lockShareUpdateExclusive, Object: g.s.Display(g.full(refOf(t.Relation)))})
		}
	}
	return strongest(locks)
}

// full is a table's name with the schema that it is found in.
func (g *directs) full(r planner.Ref) planner.Ref {
	if t := g.s.Table(r); t != nil {
		return t.Ref
	}
	if r.Schema == "" {
		r.Schema = g.s.Default
	}
	return r
}

// unidentified finds tables that cannot be published: rows without an identity
// cannot be changed from then on, by anybody.
func (g *directs) unidentified(objects []*pg.Node) []plan.Hazard {
	var out []plan.Hazard
	for _, o := range objects {
		pt := o.GetPublicationObjSpec().GetPubtable()
		t := g.s.Table(refOf(pt.GetRelation()))
		if pt == nil || t == nil || len(t.Key) > 0 {
			continue
		}
		out = append(out, plan.Hazard{
			Rule: "replica-identity-missing", Severity: plan.Error,
			Message: g.s.Display(t.Ref) + " has no primary key: while it is published, every UPDATE and DELETE on it fails unless it has another replica identity",
			Instead: "give it a primary key, or ALTER TABLE … REPLICA IDENTITY, in a migration before this one",
		})
	}
	return out
}

// publishing writes what a publication has in it.
func publishing(verb, tables string) string {
	if tables == "" {
		return ""
	}
	return verb + tables
}

// publicationDeed changes what is published.
func (g *directs) publicationDeed(c planner.Direct, x *pg.AlterPublicationStmt) (deed, error) {
	d := deed{do: []string{c.SQL}}
	alter := "ALTER " + g.target() + " "
	d.lock, d.also = g.published(x.Pubobjects)
	if c.Effect != planner.Widens {
		d.hazards = []plan.Hazard{{
			Rule: "publication-affected", Severity: plan.Warning, Message: c.What + ": its subscribers no longer get what they get now", Instead: "",
		}}
	}
	tables := g.fact(factTables, "")
	if x.Action == pg.AlterPublicationAction_AP_SetObjects && len(x.Options) == 0 { // those that go are locked, too
		if was, err := parseSQL(alter + "SET " + tables); err == nil && len(was.Stmts) == 1 {
			lock, also := g.published(was.Stmts[0].Stmt.GetAlterPublicationStmt().GetPubobjects())
			d.lock, d.also = strongest(slices.Concat([]plan.Lock{d.lock, lock}, d.also, also))
		}
	}
	switch {
	case len(x.Options) > 0:
		d.undo = []string{alter + "SET (" + g.fact(factOptions, "") + ")"}
	case tables != "":
		d.undo = []string{alter + "SET " + tables}
	case x.Action == pg.AlterPublicationAction_AP_AddObjects:
		back := clone(x)
		back.Action = pg.AlterPublicationAction_AP_DropObjects
		for _, o := range back.Pubobjects {
			if t := o.GetPublicationObjSpec().GetPubtable(); t != nil {
				t.Columns, t.WhereClause = nil, nil
			}
		}
		sql, err := deparse(&pg.Node{Node: &pg.Node_AlterPublicationStmt{AlterPublicationStmt: back}})
		if err != nil {
			return d, err
		}
		d.undo = []string{sql}
	}
	if x.Action == pg.AlterPublicationAction_AP_AddObjects {
		d.hazards = append(d.hazards, g.unidentified(x.Pubobjects)...)
	}
	return d, nil
}
