package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

const (
	// factPartitionOf, factPartitionBound and factPartitionCheck tell of a
	// partition its parent, its FOR VALUES, and what that means for a row.
	factPartitionOf    = "partition_of"
	factPartitionBound = "partition_bound"
	factPartitionCheck = "partition_constraint"
)

// membership is a table on its way into a partitioned one or out of it.
type membership struct {
	s             *planner.Schema
	parent, child planner.Ref
	rows          int64
	bound         string // FOR VALUES …, or DEFAULT
	check         string // what the bound means for a row; empty: not known
}

// lowerPartition attaches a partition, or takes one off.
func lowerPartition(s *planner.Schema, _ planner.OpDirect, c planner.Direct) (planner.Lowered, error) {
	n, err := readStatement(c.SQL)
	if err != nil {
		return planner.Lowered{}, err
	}
	cmd := n.GetAlterTableStmt().GetCmds()[0].GetAlterTableCmd()
	m := membership{s: s, parent: c.Object.On, child: c.Object.Ref}
	parent, child := s.Table(m.parent), s.Table(m.child)
	if parent != nil {
		m.parent = parent.Ref
	}
	if child != nil {
		m.child, m.rows = child.Ref, child.Rows
	}
	if cmd.Subtype == pg.AlterTableType_AT_AttachPartition {
		_, m.bound, _ = strings.Cut(c.SQL, " "+boundWord(cmd.GetDef().GetPartitionCmd().GetBound()))
		m.bound = boundWord(cmd.GetDef().GetPartitionCmd().GetBound()) + m.bound
		if parent != nil && child != nil {
			m.check = boundCheck(parent, cmd.GetDef().GetPartitionCmd().GetBound())
		}
		return m.attach(child == nil), nil
	}
	if child == nil || child.Facts[factPartitionOf] == "" {
		return planner.Lowered{}, &planner.Unsupported{What: c.What, Reason: "it is no partition before the migration"}
	}
	m.bound, m.check = child.Facts[factPartitionBound], child.Facts[factPartitionCheck]
	return m.detach(cmd.GetDef().GetPartitionCmd().GetConcurrent(), parent), nil
}

func boundWord(b *pg.PartitionBoundSpec) string {
	if b.GetIsDefault() {
		return "DEFAULT"
	}
	return "FOR VALUES"
}

// boundCheck writes what FOR VALUES says of a row, for a key of one plain
// column. Of other keys the server looks at the rows itself.
func boundCheck(parent *planner.Table, b *pg.PartitionBoundSpec) string {
	key := partitionKey(parent)
	if len(key) != 1 || b.GetIsDefault() || b.GetStrategy() == "h" || parent.Column(key[0]) == nil {
		return ""
	}
	column, typ := quote(key[0]), parent.Column(key[0]).Type
	out := []string{column + " IS NOT NULL"}
	if b.Strategy == "l" {
		var values []string
		for _, d := range b.Listdatums {
			v, err := deparseScalar(d)
			if err != nil || isNull(d) {
				return ""
			}
			values = append(values, cast(v, typ))
		}
		return strings.Join(append(out, column+" = ANY (ARRAY["+strings.Join(values, ", ")+"])"), " AND ")
	}
	if len(b.Lowerdatums) != 1 || len(b.Upperdatums) != 1 {
		return ""
	}
	for i, d := range []*pg.Node{b.Lowerdatums[0], b.Upperdatums[0]} {
		v, err := deparseScalar(d)
		if err != nil {
			return ""
		}
		if lower := strings.ToLower(strings.Trim(v, `"`)); lower == "minvalue" || lower == "maxvalue" {
			continue
		}
		out = append(out, column+[]string{" >= ", " < "}[i]+cast(v, typ))
	}
	return strings.Join(out, " AND ")
}

func (m membership) proof() string { return ourName("partition", m.child.Name) }

// prove adds a check that says what the bound says, so that nothing is scanned
// under a lock.
func (m membership) prove() []plan.Step {
	child, label := quoteRef(m.child), m.s.Display(m.child)
	drop := "ALTER TABLE " + child + " DROP CONSTRAINT IF EXISTS " + quote(m.proof())
	t := &planner.Table{Ref: m.child, Rows: m.rows}
	return []plan.Step{
		catalogStep("check from now on that rows of "+label+" are of the partition", "NOT VALID looks at no row that is there",
			plan.Lock{Mode: lockAccessExclusive, Object: label},
			[]string{fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID", child, quote(m.proof()), m.check)}, []string{drop}),
		validateStep("prove that all rows of "+label+" are", plan.Lock{Mode: lockShareUpdateExclusive, Object: label}, t,
			"ALTER TABLE "+child+" VALIDATE CONSTRAINT "+quote(m.proof())),
	}
}

func (m membership) dropProof() string {
	return "ALTER TABLE " + quoteRef(m.child) + " DROP CONSTRAINT " + quote(m.proof())
}

func (m membership) attachSQL() string {
	return fmt.Sprintf("ALTER TABLE %s ATTACH PARTITION %s %s", quoteRef(m.parent), quoteRef(m.child), m.bound)
}

func (m membership) detachSQL() string {
	return fmt.Sprintf("ALTER TABLE %s DETACH PARTITION %s", quoteRef(m.parent), quoteRef(m.child))
}

// attach makes the table a partition. fresh: the migration itself makes it.
func (m membership) attach(fresh bool) planner.Lowered {
	out := planner.Lowered{}
	do := []string{m.attachSQL()}
	switch {
	case fresh:
	case m.check == "":
		out.Hazards = append(out.Hazards, plan.Hazard{
			Rule: "partition-attach-scans", Severity: plan.Error,
			Message: fmt.Sprintf("PostgreSQL reads all rows of %s while nobody can use it, to see that they are of the partition", m.s.Display(m.child)),
			Instead: "a CHECK on it that says the same as the bound, validated in a migration before",
		})
	default:
		out.Steps = m.prove()
		do = append(do, m.dropProof())
		out.Hazards = append(out.Hazards, plan.Hazard{
			Rule: "partition-attach-scans", Severity: plan.Info,
			Message: "the rows of " + m.s.Display(m.child) + " are read before, beside the traffic: attaching then takes their check for proof",
			Instead: "nothing; a default partition, if there is one, is read nevertheless",
		})
	}
	step := catalogStep("attach "+m.s.Display(m.child)+" to "+m.s.Display(m.parent), "the check is proof enough: no scan",
		plan.Lock{Mode: lockShareUpdateExclusive, Object: m.s.Display(m.parent)}, do, []string{m.detachSQL()})
	step.AlsoLocks = []plan.Lock{{Mode: lockAccessExclusive, Object: m.s.Display(m.child)}}
	if m.check == "" && !fresh {
		step.Why, step.Work, step.Rows, step.StatementTimeoutMS = "the bound is one that migrate cannot write as a check", plan.Scan, m.rows, 0
	}
	out.Steps = append(out.Steps, step)
	return out
}

// detach takes a partition off. CONCURRENTLY, which needs PostgreSQL 14 and no
// default partition, waits for readers and blocks nobody; the check that it
// would leave behind is put there by us, and removed.
func (m membership) detach(asked bool, parent *planner.Table) planner.Lowered {
	label, child := m.s.Display(m.parent), m.s.Display(m.child)
	there := func(condition string) string {
		return fmt.Sprintf("SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_inherits WHERE inhrelid = %s::regclass AND inhparent = %s::regclass%s)",
			literal(quoteRef(m.child)), literal(quoteRef(m.parent)), condition)
	}
	back := plan.Statement{SQL: m.attachSQL(), Probe: strings.Replace(there(""), "SELECT NOT", "SELECT", 1)}
	if m.s.VersionNum < 140000 || m.hasDefault(parent) {
		step := catalogStep("detach "+child+" from "+label, "PostgreSQL cannot do it concurrently here",
			plan.Lock{Mode: lockAccessExclusive, Object: label}, []string{m.detachSQL()}, []string{m.attachSQL()})
		return planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{{
			Rule: "partition-detach-blocks", Severity: plan.Warning, Message: "nobody can use " + label + " for the moment in which " + child + " leaves it",
			Instead: "nothing: it is retried until it gets its lock without making anybody wait longer",
		}}}
	}
	out := planner.Lowered{Hazards: []plan.Hazard{{
		Rule: "partition-detach-blocks", Severity: plan.Info, Message: child + " leaves " + label + " CONCURRENTLY: nobody is locked out", Instead: "nothing",
	}}}
	statements := []plan.Statement{
		{SQL: m.detachSQL() + " CONCURRENTLY", Probe: there(" AND NOT inhdetachpending")},
		{SQL: m.detachSQL() + " FINALIZE", Probe: there("")},
	}
	undo := []plan.Statement{back}
	proves := !asked && m.check != ""
	if proves {
		out.Steps = m.prove()
	}
	out.Steps = append(out.Steps, seal(plan.Step{
		Title: "detach " + child + " from " + label, Why: "CONCURRENTLY: it waits for who still reads it and blocks nobody",
		Mode: plan.Each, Lock: plan.Lock{Mode: lockShareUpdateExclusive, Object: label}, Work: plan.Metadata,
		// At its end, when nobody uses the child through its parent any more.
		AlsoLocks:  []plan.Lock{{Mode: lockAccessExclusive, Object: child}},
		Statements: statements, UndoStatements: undo,
	}))
	if proves {
		out.Steps = append(out.Steps, catalogStep("drop the check of "+child, "it is a table of its own now",
			plan.Lock{Mode: lockAccessExclusive, Object: child}, []string{m.dropProof()},
			[]string{
				fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s CHECK (%s) NOT VALID", quoteRef(m.child), quote(m.proof()), m.check),
				"ALTER TABLE " + quoteRef(m.child) + " VALIDATE CONSTRAINT " + quote(m.proof()),
			}))
	}
	return out
}

// hasDefault reports whether the parent has a default partition.
func (m membership) hasDefault(parent *planner.Table) bool {
	if parent == nil {
		return false
	}
	parts, err := partitionsOf(parent)
	return err == nil && slices.ContainsFunc(parts, func(p partition) bool { return p.Default })
}
