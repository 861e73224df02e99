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
	var rights []string
	switch c.Generated {
	case generatedSerial:
		seq.Name = objectNameOf(t.Ref.Name, c.Name, "seq")
	case identityAlways, identityByDefault:
		seq.Name = helperSequence(t.Ref.Name, c.Name)
		if options, err = identityOptions(c.Sequence); err != nil {
			return nil, nil, err
		}
		// Who may insert into a table may have its identities count. A default asks
		// for a right on the sequence; this one lets nobody look at it or set it.
		rights = []string{"GRANT USAGE ON SEQUENCE " + quoteRef(seq) + " TO PUBLIC"}
	default:
		return nil, nil, nil
	}
	before = append([]string{"CREATE SEQUENCE " + quoteRef(seq) + " AS " + c.Type + options}, ownerOf(t, quoteRef(seq))...)
	return append(before, rights...),
		[]string{fmt.Sprintf("ALTER SEQUENCE %s OWNED BY %s.%s", quoteRef(seq), quoteRef(t.Ref), quote(c.Name))}, nil
}

// ownerOf gives a new sequence to the table's owner: a column can own only what
// is its table's owner's.
func ownerOf(t *planner.Table, sequence string) []string {
	owner := t.Facts[factOwner]
	if owner == "" {
		return nil
	}
	return []string{"ALTER SEQUENCE " + sequence + " OWNER TO " + quote(owner)}
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

const (
	// factSequence with a column's name holds the sequence that the column owns
	// or counts with, and its options, as CREATE SEQUENCE wants them.
	factSequence = "sequence of "
	// factSequenceRights with a column's name lists the statements that give that
	// sequence the privileges and the comment that it has.
	factSequenceRights = "rights of the sequence of "
	// factExpression with a column's name holds the expression of a generated one.
	factExpression = "expression of "
)

// lowerIdentity does in one instant what a file does to a column's identity.
// Where a sequence gave the values before, the identity goes on from there.
func lowerIdentity(s *planner.Schema, o planner.OpDirect) (planner.Lowered, error) {
	object := o.Changes[0].Object
	t := s.Table(object.On)
	if t == nil || t.Column(object.Detail) == nil {
		return planner.Lowered{}, &planner.Unsupported{
			What: o.Changes[0].What, Reason: "there is no such column before the migration", Instead: "say GENERATED … AS IDENTITY where the column is added",
		}
	}
	i := identity{s: s, table: t, column: *t.Column(object.Detail)}
	i.sequence, i.options, i.counts = i.before()
	i.keeps = !slices.ContainsFunc(o.Changes, func(c planner.Direct) bool { return strings.HasPrefix(c.SQL, "DROP SEQUENCE") })
	var do, undo []string
	var titles []string
	carried := false
	for _, c := range o.Changes {
		n, err := readStatement(c.SQL)
		if err != nil {
			return planner.Lowered{}, err
		}
		titles = append(titles, c.What)
		if n.GetDropStmt() != nil { // it has made way already
			continue
		}
		if adds := addsIdentity(c.SQL); adds && i.counts && !carried && i.column.Generated == "" {
			do = append(do, i.setAside()...)
			do = append(do, c.SQL, i.carryOver())
			carried = true
			continue
		}
		do = append(do, c.SQL)
	}
	if carried {
		do = append(do, i.dispose())
		undo = i.backToSequence()
	} else {
		undo = i.backTo(o.Changes)
	}
	name := s.Display(t.Ref)
	return oneStep(catalogStep("change how "+name+"."+i.column.Name+" counts", "one transaction, so that there is always something that counts: "+strings.Join(titles, "; "),
		plan.Lock{Mode: lockAccessExclusive, Object: name}, do, undo)), nil
}

// identity is a column on its way to or from counting by itself.
type identity struct {
	s                 *planner.Schema
	table             *planner.Table
	column            planner.Column
	sequence, options string
	counts            bool
	// keeps: the file leaves the sequence that the identity takes over from.
	keeps bool
}

// before reads which sequence the column counts with now.
func (i identity) before() (sequence, options string, counts bool) {
	fact := i.table.Facts[factSequence+i.column.Name]
	at := strings.LastIndex(fact, " AS ")
	if at < 0 {
		return "", "", false
	}
	return fact[:at], fact[at+1:], true
}

func (i identity) alter() string {
	return "ALTER TABLE " + quoteRef(i.table.Ref) + " ALTER COLUMN " + quote(i.column.Name) + " "
}

func (i identity) helper() planner.Ref {
	return planner.Ref{Schema: i.table.Ref.Schema, Name: helperSequence(i.table.Ref.Name, i.column.Name)}
}

// own is the sequence of the identity, as an expression.
func (i identity) own() string {
	return fmt.Sprintf("pg_catalog.pg_get_serial_sequence(%s, %s)", literal(quoteRef(i.table.Ref)), literal(i.column.Name))
}

// rights give the sequence what it had besides its options.
func (i identity) rights() []string { return list(i.table.Facts[factSequenceRights+i.column.Name]) }

// meanwhile is the old sequence while the identity is there: one that stays
// keeps its name, as it does without migrate.
func (i identity) meanwhile() string {
	if i.keeps {
		return i.sequence
	}
	return quoteRef(i.helper())
}

// setAside lets the old sequence go of its column, and of its name where the
// identity is to have that.
func (i identity) setAside() []string {
	alter := "ALTER SEQUENCE " + i.sequence
	if i.keeps {
		return []string{alter + " OWNED BY NONE"}
	}
	return []string{alter + " OWNED BY NONE", alter + " RENAME TO " + quote(i.helper().Name)}
}

func (i identity) carryOver() string {
	return fmt.Sprintf("SELECT pg_catalog.setval(%s, last_value, is_called) FROM %s", i.own(), i.meanwhile())
}

// carryBack comes before the identity goes, whose sequence goes with it.
func (i identity) carryBack() string {
	return "DO " + dollarQuoted(fmt.Sprintf(" DECLARE l bigint; c boolean; BEGIN\n"+
		"  EXECUTE format('SELECT last_value, is_called FROM %%s', %s) INTO l, c;\n  PERFORM setval(%s, l, c);\nEND ", i.own(), literal(i.meanwhile())))
}

// dispose drops the old sequence, or gives it back to its column where the file keeps it.
func (i identity) dispose() string {
	if i.keeps {
		return i.ownedBy()
	}
	return "DROP SEQUENCE " + i.meanwhile()
}

func (i identity) ownedBy() string {
	return "ALTER SEQUENCE " + i.sequence + " OWNED BY " + quoteRef(i.table.Ref) + "." + quote(i.column.Name)
}

// backToSequence has the column count with the sequence again that an identity
// replaced, made anew where it has gone.
func (i identity) backToSequence() []string {
	var out []string
	if i.keeps {
		// The column owns two until here, and own() is to find the identity's.
		out = append(out, "ALTER SEQUENCE "+i.sequence+" OWNED BY NONE", i.carryBack(), i.alter()+"DROP IDENTITY")
	} else {
		helper := i.meanwhile()
		out = append(out, "CREATE SEQUENCE "+helper+" "+i.options)
		out = append(out, ownerOf(i.table, helper)...)
		out = append(out, i.carryBack(), i.alter()+"DROP IDENTITY",
			"ALTER SEQUENCE "+helper+" RENAME TO "+i.sequence[strings.LastIndex(i.sequence, ".")+1:])
		out = append(out, i.rights()...)
	}
	if !i.column.Default.IsZero() {
		out = append(out, i.alter()+"SET DEFAULT "+i.column.Default.SQL(bareColumn))
	}
	return append(out, i.ownedBy())
}

// backTo restores what the column was: an identity, with its options, or none.
func (i identity) backTo(changes []planner.Direct) []string {
	kind := map[string]string{identityAlways: "ALWAYS", identityByDefault: "BY DEFAULT"}[i.column.Generated]
	switch {
	case kind == "":
		return []string{i.alter() + "DROP IDENTITY IF EXISTS"}
	case slices.ContainsFunc(changes, func(c planner.Direct) bool { return strings.Contains(c.What, "DROP IDENTITY") }):
		return append([]string{
			i.alter() + "ADD GENERATED " + kind + " AS IDENTITY (SEQUENCE NAME " + i.sequence + " " + withoutType(i.options) + ")",
			fmt.Sprintf("SELECT pg_catalog.setval(%s, greatest(max(%s), pg_catalog.pg_sequence_last_value(%s::regclass))) FROM %s",
				i.own(), quote(i.column.Name), i.own(), quoteRef(i.table.Ref)),
		}, i.rights()...)
	}
	set := "SET GENERATED " + kind
	for _, o := range []string{"START WITH", "INCREMENT BY", "MINVALUE", "MAXVALUE", "CACHE", "NO CYCLE", "CYCLE"} {
		if value, ok := option(i.options, o); ok {
			set += strings.TrimRight(" SET "+o+" "+value, " ")
		}
	}
	return []string{i.alter() + set}
}

// withoutType: an identity has the type of its column.
func withoutType(options string) string {
	_, rest, ok := strings.Cut(options, " START WITH")
	if !ok {
		return options
	}
	return "START WITH" + rest
}

// option finds the value of one option among those that the inspector writes.
func option(options, name string) (string, bool) {
	before, rest, ok := strings.Cut(options+" ", name+" ")
	if !ok || name == "CYCLE" && strings.HasSuffix(before, "NO ") {
		return "", false
	}
	if strings.HasSuffix(name, "CYCLE") {
		return "", true
	}
	value, _, _ := strings.Cut(rest, " ")
	return value, true
}
