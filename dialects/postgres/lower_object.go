package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// deed is what one statement of a group does, and how it is taken back.
type deed struct {
	do, undo []string
	lock     plan.Lock
	also     []plan.Lock
	work     plan.Work
	// apart: a step of its own; outside: not in a transaction, either.
	apart, outside bool
	why            string
	hazards        []plan.Hazard
	notes          []string
}

// directs lowers the statements of a migration on one object.
type directs struct {
	s       *planner.Schema
	before  *planner.Object
	object  planner.ObjectRef
	was     map[string]string
	there   bool // the object exists at this point of the file
	created bool // this group made it
	dropped bool // this group dropped what was there before
	// gone: after everything that is put off, so that there is no way back.
	gone    bool
	changes []planner.Direct
	nodes   []*pg.Node
	deeds   []deed
}

func lowerDirect(s *planner.Schema, o planner.OpDirect) (planner.Lowered, error) {
	g := &directs{s: s, before: o.Before, object: o.Changes[0].Object, was: o.Was, there: o.Before != nil || s.Assumed}
	for _, c := range o.Changes {
		if err := g.read(c); err != nil {
			return planner.Lowered{}, err
		}
	}
	if len(g.changes) == 0 && g.object.Detail == detailValues {
		return planner.Lowered{}, nil
	}
	if len(g.changes) == 0 {
		return planner.Lowered{Notes: []string{o.Changes[0].What + " has nothing to do"}}, nil
	}
	var steps []plan.Step
	var err error
	if g.dropped && (g.object.Kind == kindMatview || g.object.Kind == kindView && o.Grace) {
		steps, err = g.fence()
	} else {
		steps = g.steps()
	}
	out := planner.Lowered{Steps: steps}
	for _, d := range g.deeds {
		out.Hazards = append(out.Hazards, d.hazards...)
		out.Notes = append(out.Notes, d.notes...)
	}
	return out, err
}

// uninspected are the kinds of which there is always one, or that no inspector
// looks for.
func uninspected(kind string) bool {
	switch kind {
	case kindComment, kindPrivileges, kindDefaults, kindTableSetting, kindColumn, kindMaintenance, kindIndex:
		return true
	}
	return false
}

// read takes one statement, unless it does nothing as things are.
func (g *directs) read(c planner.Direct) error {
	tree, err := parseSQL(c.SQL)
	if err != nil {
		return fmt.Errorf("reading %s: %w", c.What, err)
	}
	if len(tree.Stmts) != 1 {
		return fmt.Errorf("reading %s: it is not one statement", c.What)
	}
	n := tree.Stmts[0].Stmt
	name := baseKind(g.object.Kind) + " " + c.Object.Ref.String()
	switch {
	case creation(n):
		known := g.there && (g.before != nil || g.created)
		if known && ifNotExists(n) {
			return nil
		}
		if g.dropped && dropEffect(g.object.Kind) == planner.Destroys {
			return &planner.Unsupported{What: c.What, Reason: "it cannot take the place of the " + name + " that columns and statements still use", Instead: "create it under a new name, and drop the old one"}
		}
		if known && !c.Replaces {
			return &planner.Unsupported{What: c.What, Reason: "there is a " + name + " already", Instead: "drop it before, or choose another name"}
		}
		g.created = g.created || !g.there || g.before == nil
		g.there = true
	case n.GetDropStmt() != nil:
		if !g.there {
			if c.IfExists {
				return nil
			}
			return &planner.Unsupported{What: c.What, Reason: "there is no " + name, Instead: "check the name, and that the database is the one you mean"}
		}
		if g.before != nil && !g.created {
			if err := g.stillUsed(c); err != nil {
				return err
			}
			if d := g.before.Facts[factDependents]; d != "" {
				return &planner.Unsupported{What: c.What, Reason: "the views " + strings.Join(list(d), ", ") + " depend on it", Instead: "drop them before, and create them again after"}
			}
		}
		g.dropped = g.dropped || g.before != nil && !g.created
		g.there, g.created = false, false
		g.gone = c.Effect == planner.Destroys
	case g.object.Detail == detailValues && g.before != nil && slices.Contains(list(g.before.Facts[factLabels]), n.GetAlterEnumStmt().GetNewVal()):
		return nil // of a type that is made anew: the old one has the value
	case !g.there && !uninspected(g.object.Kind):
		if c.IfExists {
			return nil
		}
		return &planner.Unsupported{What: c.What, Reason: "there is no " + name, Instead: "check the name, and that the database is the one you mean"}
	}
	d, err := g.deed(c, n)
	if err != nil {
		return err
	}
	g.changes, g.nodes, g.deeds = append(g.changes, c), append(g.nodes, n), append(g.deeds, d)
	return nil
}

// creation reports whether a statement makes the object of its group.
func creation(n *pg.Node) bool {
	switch nodeOf(n).(type) {
	case *pg.ViewStmt, *pg.CreateTableAsStmt, *pg.CreateFunctionStmt, *pg.CreatePolicyStmt, *pg.CreateEnumStmt, *pg.CompositeTypeStmt,
		*pg.CreateRangeStmt, *pg.CreateDomainStmt, *pg.CreateSeqStmt, *pg.CreateExtensionStmt, *pg.CreateSchemaStmt, *pg.DefineStmt,
		*pg.CreateStatsStmt, *pg.CreatePublicationStmt:
		return true
	case *pg.CreateTrigStmt:
		return true
	}
	return false
}

func ifNotExists(n *pg.Node) bool {
	switch x := nodeOf(n).(type) {
	case *pg.CreateTableAsStmt:
		return x.IfNotExists
	case *pg.CreateSeqStmt:
		return x.IfNotExists
	case *pg.CreateExtensionStmt:
		return x.IfNotExists
	case *pg.CreateSchemaStmt:
		return x.IfNotExists
	case *pg.CreateStatsStmt:
		return x.IfNotExists
	case *pg.DefineStmt:
		return x.IfNotExists
	}
	return false
}

// steps puts deeds together: what may be one transaction is one step.
func (g *directs) steps() []plan.Step {
	var out []plan.Step
	for i := 0; i < len(g.deeds); {
		j := i + 1
		for j < len(g.deeds) && !g.deeds[i].apart && !g.deeds[j].apart {
			j++
		}
		out = append(out, g.step(i, j))
		i = j
	}
	return out
}

// step is the deeds i to j in one step.
func (g *directs) step(i, j int) plan.Step {
	step := plan.Step{Mode: plan.InTx, Work: plan.Metadata, LockTimeoutMS: lockTimeoutMS, StatementTimeoutMS: metadataTimeoutMS}
	var titles, do []string
	var undo [][]string
	for k := i; k < j; k++ {
		d := g.deeds[k]
		titles = append(titles, titleOf(g.changes[k].What))
		do = append(do, d.do...)
		undo = append(undo, d.undo)
		locks := append([]plan.Lock{d.lock}, d.also...)
		if g.created && !g.dropped && g.object.On.Name == "" { // nobody knows it yet
			locks = slices.DeleteFunc(locks, func(l plan.Lock) bool { return l.Object == g.s.Display(g.ref()) })
		}
		step.Lock, step.AlsoLocks = strongest(append(locks, append(step.AlsoLocks, step.Lock)...))
		if d.work != "" && d.work != plan.Metadata {
			step.Work, step.StatementTimeoutMS = d.work, 0
		}
		if step.Why == "" {
			step.Why = d.why
		}
		if d.outside {
			step.Mode = plan.Each
		}
	}
	if step.Lock.Mode == lockShareUpdateExclusive {
		step.LockTimeoutMS = patientLockTimeoutMS
	}
	slices.Reverse(undo)
	back := slices.Concat(undo...)
	if g.created && creation(g.nodes[i]) && !g.dropped {
		back = g.deeds[i].undo // it takes everything along
	}
	if g.gone {
		back = nil
	}
	step.Title = strings.Join(titles, ", ")
	step.Statements, step.UndoStatements = plain(do...), plain(back...)
	return seal(step)
}

// strongest picks the strongest lock, and lists the others, one per table.
func strongest(locks []plan.Lock) (plan.Lock, []plan.Lock) {
	rank := func(l plan.Lock) int {
		return slices.IndexFunc(lockModes, func(m struct{ held, name string }) bool { return m.name == l.Mode })
	}
	var each []plan.Lock
	for _, l := range locks {
		i := slices.IndexFunc(each, func(e plan.Lock) bool { return e.Object == l.Object })
		switch {
		case l.Mode == "":
		case i < 0:
			each = append(each, l)
		case rank(l) > rank(each[i]):
			each[i] = l
		}
	}
	slices.SortStableFunc(each, func(a, b plan.Lock) int {
		if rank(a) != rank(b) {
			return rank(b) - rank(a)
		}
		return strings.Compare(a.Object, b.Object)
	})
	if len(each) == 0 {
		return plan.Lock{}, nil
	}
	return each[0], slices.Clone(each[1:])
}

// titleOf writes the keywords that a statement begins with as a title does.
func titleOf(what string) string {
	words := strings.Split(what, " ")
	for i, w := range words {
		if w != strings.ToUpper(w) || strings.ContainsAny(w, `"0123456789_.`) {
			break
		}
		words[i] = strings.ToLower(w)
	}
	return strings.Join(words, " ")
}

// tombstoneOf names what is left of an object until its grace is over.
func (g *directs) hidden(prefix, name string) string {
	var all strings.Builder
	for _, c := range g.changes {
		all.WriteString(c.SQL + ";")
	}
	sum := sha256.Sum256([]byte(all.String()))
	return clip(prefix+hex.EncodeToString(sum[:4])+"_"+name, maxIdentifier)
}

// ref is the object's full name.
func (g *directs) ref() planner.Ref {
	switch {
	case g.before != nil && !g.created:
		return g.before.Ref
	case g.object.Ref.Schema == "" && g.object.On.Name == "":
		return planner.Ref{Schema: g.s.Default, Name: g.object.Ref.Name}
	}
	return g.object.Ref
}

// on is the full name of the object's table.
func (g *directs) on() planner.Ref {
	if t := g.s.Table(g.object.On); t != nil {
		return t.Ref
	}
	if g.object.On.Schema == "" {
		return planner.Ref{Schema: g.s.Default, Name: g.object.On.Name}
	}
	return g.object.On
}

// target names the object as COMMENT ON, DROP and ALTER want it.
func (g *directs) target() string {
	name := quoteRef(g.ref())
	switch g.object.Kind {
	case kindTrigger, kindPolicy, kindRule:
		return strings.ToUpper(g.object.Kind) + " " + quote(g.object.Ref.Name) + " ON " + quoteRef(g.on())
	case kindFunction:
		if g.before != nil && g.object.Detail == "" {
			return "ROUTINE " + name + g.before.Facts[factParameters]
		}
		return "ROUTINE " + name + g.object.Detail
	case kindSchema, kindExtension, kindPublication:
		return strings.ToUpper(g.object.Kind) + " " + quote(g.object.Ref.Name)
	}
	return strings.ToUpper(g.object.Kind) + " " + name
}

// restore makes the object again as it was inspected: its owner, its comment,
// its privileges.
func (g *directs) restore() []string {
	b := g.before
	out := list(b.Definition)
	if b.Facts[factHolder] != "" && b.Facts[factHolder] != b.Facts[factRole] {
		out = append(out, "ALTER "+g.target()+" OWNER TO "+quote(b.Facts[factHolder]))
	}
	if b.Facts[factComment] != "" {
		out = append(out, "COMMENT ON "+g.target()+" IS "+literal(b.Facts[factComment]))
	}
	if e := b.Facts[factEnabled]; e != "" && e != "O" {
		out = append(out, enableTrigger(g.on(), g.object.Ref.Name, e))
	}
	if t := b.Facts[factTarget]; t != "" && t != "-1" {
		out = append(out, "ALTER "+g.target()+" SET STATISTICS "+t)
	}
	return append(out, g.regrant()...)
}

func columnsOf(n proto.Message) []string {
	var out []string
	for _, t := range topSelect(n).GetTargetList() {
		target := t.GetResTarget()
		name := target.GetName()
		if c := target.GetVal().GetColumnRef(); name == "" && c != nil {
			parts, ok := names(c.Fields)
			if !ok {
				return nil
			}
			name = parts[len(parts)-1]
		}
		if name == "" {
			return nil
		}
		out = append(out, name)
	}
	return out
}

// topSelect is the query whose columns are those of a view.
func topSelect(n proto.Message) *pg.SelectStmt {
	var sel *pg.SelectStmt
	switch x := n.(type) {
	case *pg.ViewStmt:
		sel = x.Query.GetSelectStmt()
	case *pg.CreateTableAsStmt:
		sel = x.Query.GetSelectStmt()
	}
	for sel.GetLarg() != nil {
		sel = sel.Larg
	}
	return sel
}
