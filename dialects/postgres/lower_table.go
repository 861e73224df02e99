package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// partDirects lower the statements about parts of tables, by their object's kind.
var partDirects = map[string]func(*planner.Schema, planner.OpDirect, planner.Direct) (planner.Lowered, error){
	objectConstraint: lowerConstraintClause,
	objectValidation: lowerValidation,
	objectIndex:      lowerRenameIndex,
	objectRows:       lowerTruncate,
	objectPosition:   lowerPosition,
	objectExpression: lowerExpression,
	objectPartition:  lowerPartition,
}

// lowerParts lowers statements about one part of a table, each to its own steps;
// ok is false where the object is something else.
func lowerParts(s *planner.Schema, o planner.OpDirect) (out planner.Lowered, ok bool, err error) {
	if o.Changes[0].Object.Kind == objectIdentity {
		out, err = lowerIdentity(s, o)
		return out, true, err
	}
	lower := partDirects[o.Changes[0].Object.Kind]
	if lower == nil {
		return out, false, nil
	}
	for _, c := range o.Changes {
		l, err := lower(s, o, c)
		if err != nil {
			return out, true, err
		}
		out.Steps = append(out.Steps, l.Steps...)
		out.Hazards = append(out.Hazards, l.Hazards...)
		out.Notes = append(out.Notes, l.Notes...)
	}
	return out, true, nil
}

func oneStep(step plan.Step) planner.Lowered { return planner.Lowered{Steps: []plan.Step{step}} }

// readStatement parses one statement.
func readStatement(sql string) (*pg.Node, error) {
	tree, err := parseSQL(sql)
	if err != nil {
		return nil, fmt.Errorf("reading a statement again: %w", err)
	}
	if len(tree.Stmts) != 1 {
		return nil, fmt.Errorf("reading a statement again: there are %d in %q", len(tree.Stmts), sql)
	}
	return tree.Stmts[0].Stmt, nil
}

// lowerConstraintClause renames a constraint, or changes when it is checked.
func lowerConstraintClause(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	n, err := readStatement(c.SQL)
	if err != nil {
		return planner.Lowered{}, err
	}
	table := c.Object.On
	if t := s.Table(table); t != nil {
		table = t.Ref
	}
	lock := plan.Lock{Mode: lockAccessExclusive, Object: s.Display(table)}
	if x := n.GetRenameStmt(); x != nil {
		rename := func(from, to string) string {
			return fmt.Sprintf("ALTER TABLE %s RENAME CONSTRAINT %s TO %s", quoteRef(table), quote(from), quote(to))
		}
		return oneStep(catalogStep("rename constraint "+x.Subname+" of "+lock.Object+" to "+x.Newname,
			"running versions may say ON CONFLICT ON CONSTRAINT, or read the name in an error",
			lock, []string{rename(x.Subname, x.Newname)}, []string{rename(x.Newname, x.Subname)})), nil
	}
	name := c.Object.Ref.Name
	return oneStep(catalogStep("change when foreign key "+name+" of "+lock.Object+" is checked",
		"running versions rely on when it fails them", lock, []string{c.SQL},
		[]string{fmt.Sprintf("ALTER TABLE %s ALTER CONSTRAINT %s %s", quoteRef(table), quote(name), deferral(s, table, name))})), nil
}

// deferral writes when a foreign key is checked now.
func deferral(s *planner.Schema, table planner.Ref, name string) string {
	t := s.Table(table)
	if t == nil {
		return "NOT DEFERRABLE"
	}
	at := slices.IndexFunc(t.Constraints, func(k planner.Constraint) bool { return k.Name == name })
	switch {
	case at < 0 || !strings.Contains(t.Constraints[at].Definition, " DEFERRABLE"):
		return "NOT DEFERRABLE"
	case strings.Contains(t.Constraints[at].Definition, " INITIALLY DEFERRED"):
		return "DEFERRABLE INITIALLY DEFERRED"
	}
	return "DEFERRABLE INITIALLY IMMEDIATE"
}

// lowerValidation proves a constraint that was added NOT VALID before.
func lowerValidation(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	t, name := s.Table(c.Object.On), c.Object.Ref.Name
	if t == nil {
		return planner.Lowered{}, &planner.Unsupported{What: c.What, Reason: "there is no table " + c.Object.On.String()}
	}
	step := validateStep("validate "+name+" of "+s.Display(t.Ref), plan.Lock{Mode: lockShareUpdateExclusive, Object: s.Display(t.Ref)}, t, c.SQL)
	for _, k := range t.Constraints {
		if k.Name != name {
			continue
		}
		if other := referredTable(k.Definition); other != (planner.Ref{}) && s.Display(other) != s.Display(t.Ref) {
			step.AlsoLocks = []plan.Lock{{Mode: lockRowShare, Object: s.Display(other)}}
		}
		if strings.HasSuffix(k.Definition, " NOT VALID") {
			step.UndoStatements = plain(fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s, ADD CONSTRAINT %s %s",
				quoteRef(t.Ref), quote(name), quote(name), k.Definition))
		}
	}
	return oneStep(seal(step)), nil
}

// lowerRenameIndex renames an index, which locks nobody out (docs, ALTER INDEX).
func lowerRenameIndex(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	n, err := readStatement(c.SQL)
	if err != nil {
		return planner.Lowered{}, err
	}
	x := n.GetRenameStmt()
	if x == nil {
		return planner.Lowered{}, fmt.Errorf("reading %s: it renames nothing", c.What)
	}
	from := refOf(x.Relation)
	to := planner.Ref{Schema: from.Schema, Name: x.Newname}
	rename := func(from planner.Ref, to string, ifExists bool) string {
		head := "ALTER INDEX "
		if ifExists {
			head += "IF EXISTS "
		}
		return head + quoteRef(from) + " RENAME TO " + quote(to)
	}
	return oneStep(catalogStep("rename index "+s.Display(from)+" to "+to.Name, "in contract, like every name that somebody may use",
		plan.Lock{Mode: lockShareUpdateExclusive, Object: s.Display(from)},
		[]string{rename(from, to.Name, x.MissingOk)}, []string{rename(to, from.Name, x.MissingOk)})), nil
}

// lowerTruncate empties tables, which nothing undoes.
func lowerTruncate(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	var names []string
	for _, n := range c.Needs {
		ref := n.Table
		if t := s.Table(ref); t != nil {
			ref = t.Ref
		}
		names = append(names, s.Display(ref))
	}
	step := catalogStep("empty "+strings.Join(names, ", "), "after the grace: nothing brings the rows back",
		plan.Lock{Mode: lockAccessExclusive, Object: names[0]}, []string{c.SQL}, nil)
	for _, name := range names[1:] {
		step.AlsoLocks = append(step.AlsoLocks, plan.Lock{Mode: lockAccessExclusive, Object: name})
	}
	return planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{{
		Rule: "data-loss-truncate", Severity: plan.Error, Message: "all rows of " + strings.Join(names, ", ") + " are gone for good, at once",
		Instead: "DELETE the rows that nobody needs: that is done in chunks",
	}}}, nil
}

// lowerPosition puts a sequence behind what is there. There is no way back, and
// none is needed.
func lowerPosition(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	what := s.Display(c.Object.Ref)
	lock := plan.Lock{Mode: lockRowExclusive, Object: what}
	if c.Object.Detail != "" {
		lock.Object = ""
		what = "the sequence of " + s.Display(c.Object.On) + "." + c.Object.Detail
	}
	return oneStep(catalogStep("move "+what+" forward", "it never goes back: what others have drawn meanwhile is theirs", lock, []string{c.SQL}, nil)), nil
}

// lowerExpression changes or drops the expression of a generated column.
func lowerExpression(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	t := s.Table(c.Object.On)
	if t == nil || t.Column(c.Object.Detail) == nil {
		return planner.Lowered{}, &planner.Unsupported{What: c.What, Reason: "there is no such column before the migration"}
	}
	name, lock := s.Display(t.Ref)+"."+c.Object.Detail, plan.Lock{Mode: lockAccessExclusive, Object: s.Display(t.Ref)}
	if c.Effect == planner.Destroys {
		step := catalogStep("let "+name+" be a plain column", "after the grace: PostgreSQL has no way back but to write the table anew", lock, []string{c.SQL}, nil)
		return planner.Lowered{Steps: []plan.Step{step}, Notes: []string{"new versions must not write " + name + " before the grace is over: until then PostgreSQL computes it, as old versions need it"}}, nil
	}
	before := t.Facts[factExpression+c.Object.Detail]
	step := catalogStep("change the expression of "+name, "PostgreSQL writes the table anew, with the column computed", lock, []string{c.SQL},
		[]string{fmt.Sprintf("ALTER TABLE %s ALTER COLUMN %s SET EXPRESSION AS (%s)", quoteRef(t.Ref), quote(c.Object.Detail), before)})
	step.Work, step.Rows, step.StatementTimeoutMS = plan.Rewrite, t.Rows, 0
	return planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{{
		Rule: "stored-generated-rewrites", Severity: plan.Error,
		Message: "nobody can read or write " + lock.Object + " while PostgreSQL writes all of it anew, with " + c.Object.Detail + " computed",
		Instead: "a new plain column with -- migrate:up, which is filled in chunks, and DROP COLUMN " + c.Object.Detail,
	}}}, nil
}
