package postgres

import (
	"fmt"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// ownSequence makes the sequence that a serial column, or one that is to be an
// identity, draws its values from: before the column, and owned by it after.
func ownSequence(t *planner.Table, c planner.NewColumn) (before, after []string, err error) {
	seq := planner.Ref{Schema: t.Ref.Schema}
	options := ""
	switch c.Generated {
	case generatedSerial:
		seq.Name = objectNameOf(t.Ref.Name, c.Name, "seq")
	case identityAlways, identityByDefault:
		seq.Name = helperSequence(t.Ref.Name, c.Name)
		if options, err = identityOptions(c.Sequence); err != nil {
			return nil, nil, err
		}
	default:
		return nil, nil, nil
	}
	return []string{"CREATE SEQUENCE " + quoteRef(seq) + " AS " + c.Type + options},
		[]string{fmt.Sprintf("ALTER SEQUENCE %s OWNED BY %s.%s", quoteRef(seq), quoteRef(t.Ref), quote(c.Name))}, nil
}

// identityOptions are the options of "GENERATED … AS IDENTITY (…)", without the
// name of its sequence, as CREATE SEQUENCE takes them.
func identityOptions(clause string) (string, error) {
	n, err := readStatement("ALTER TABLE " + aTable + " ALTER c ADD " + clause)
	if err != nil {
		return "", err
	}
	k := clone(n.GetAlterTableStmt().GetCmds()[0].GetAlterTableCmd().GetDef().GetConstraint())
	k.Options = slices.DeleteFunc(k.Options, func(o *pg.Node) bool {
		name := o.GetDefElem().GetDefname()
		return name == "sequence_name" || name == "logged"
	})
	if clause, err = identityClause(k); err != nil {
		return "", err
	}
	_, options, _ := strings.Cut(clause, "(")
	if options = strings.TrimSuffix(options, ")"); options == "" {
		return "", nil
	}
	return " " + options, nil
}

// lowerSetIdentity changes one sequence for another in an instant; the new one
// goes on where the old one is.
func lowerSetIdentity(s *planner.Schema, o planner.OpSetIdentity) ([]plan.Step, error) {
	table, column := quoteRef(o.Table.Ref), quote(o.Column.Name)
	helper := quoteRef(planner.Ref{Schema: o.Table.Ref.Schema, Name: helperSequence(o.Table.Ref.Name, o.Column.Name)})
	alter := "ALTER TABLE " + table + " ALTER COLUMN " + column + " "
	own := fmt.Sprintf("pg_get_serial_sequence(%s, %s)", literal(table), literal(o.Column.Name))
	create, _, err := ownSequence(o.Table, planner.NewColumn{ColumnDef: planner.ColumnDef{
		Name: o.Column.Name, Type: o.Column.Type, Generated: o.Generated, Sequence: o.Sequence,
	}})
	if err != nil {
		return nil, err
	}
	do := []string{
		alter + "DROP DEFAULT", "ALTER SEQUENCE " + helper + " OWNED BY NONE", alter + "ADD " + o.Sequence,
		fmt.Sprintf("SELECT setval(%s, last_value, is_called) FROM %s", own, helper),
		"DROP SEQUENCE " + helper,
	}
	undo := append(create,
		// An identity's sequence goes with it, so where it is must be kept first.
		"DO "+dollarQuoted(fmt.Sprintf(" DECLARE l bigint; c boolean; BEGIN\n"+
			"  EXECUTE format('SELECT last_value, is_called FROM %%s', %s) INTO l, c;\n  PERFORM setval(%s, l, c);\nEND ", own, literal(helper))),
		alter+"DROP IDENTITY",
		alter+"SET DEFAULT nextval("+literal(helper)+"::regclass)",
		fmt.Sprintf("ALTER SEQUENCE %s OWNED BY %s.%s", helper, table, column))
	name := s.Display(o.Table.Ref)
	return []plan.Step{catalogStep("make "+name+"."+o.Column.Name+" an identity", "it goes on counting where its sequence is",
		plan.Lock{Mode: lockAccessExclusive, Object: name}, do, undo)}, nil
}
