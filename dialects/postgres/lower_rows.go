package postgres

import (
	"fmt"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"
	"google.golang.org/protobuf/proto"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// seedTable remembers which rows a migration inserted, so that its undo takes
// back those and no others: their keys, or the whole rows where there is no key.
const seedTable = ourSchema + ".seeded_rows"

const createSeedTable = "CREATE TABLE IF NOT EXISTS " + seedTable + " (seed text NOT NULL, row jsonb NOT NULL)"

// factCascades names a foreign key to the table that deletes or changes other
// rows when a row goes.
const factCascades = "referring_cascade"

// lowerInsertRows runs an INSERT once, with its journal entry.
func lowerInsertRows(s *planner.Schema, o planner.OpInsertRows) (planner.Lowered, error) {
	tree, err := parseSQL(o.Change.SQL)
	if err != nil || len(tree.Stmts) != 1 || tree.Stmts[0].Stmt.GetInsertStmt() == nil {
		return planner.Lowered{}, fmt.Errorf("reading the INSERT: %q is none", o.Change.SQL)
	}
	x := tree.Stmts[0].Stmt.GetInsertStmt()
	if x.Relation.Relname != o.Table.Ref.Name { // the migration renames the table, which still has its old name
		x = clone(x)
		if x.Relation.Alias == nil {
			x.Relation.Alias = &pg.Alias{Aliasname: x.Relation.Relname}
		}
		x.Relation.Schemaname, x.Relation.Relname = o.Table.Ref.Schema, o.Table.Ref.Name
	}
	sd := seed{name: o.Name, table: o.Table.Ref, key: o.Table.Key}
	updates := x.OnConflictClause.GetAction() == pg.OnConflictAction_ONCONFLICT_UPDATE
	statements, undo := []string{createSeedTable}, sd.takeBack()
	if updates && o.Table.Kind == kindPartitioned { // where PostgreSQL does not tell which rows are new
		statements, undo = []string{o.Change.SQL}, nil
	} else {
		sql, err := sd.remember(x, updates)
		if err != nil {
			return planner.Lowered{}, err
		}
		statements = append(statements, sql)
	}
	name := s.Display(o.Table.Ref)
	step := plan.Step{
		Title: "insert rows into " + name, Why: "once: the rows and the journal's entry are one transaction",
		Mode: plan.InTx, Lock: plan.Lock{Mode: lockRowExclusive, Object: name}, Work: plan.Metadata,
		LockTimeoutMS: lockTimeoutMS, Statements: plain(statements...), UndoStatements: plain(undo...),
	}
	out := planner.Lowered{}
	if x.SelectStmt.GetSelectStmt().GetFromClause() != nil {
		step.Work, step.Rows = plan.Scan, 0
	}
	if fk := o.Table.Facts[factCascades]; fk != "" && undo != nil {
		step.UndoLoses = &plan.Check{
			SQL:     fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE seed = %s)", seedTable, literal(sd.name)),
			Message: fmt.Sprintf("deleting the rows that were inserted into %s may delete rows that refer to them (%s)", name, fk),
		}
	}
	if updates {
		out.Notes = append(out.Notes, "rolling back deletes the rows that the INSERT into "+name+" adds; those that its ON CONFLICT DO UPDATE changes stay as they are then")
	}
	out.Steps = []plan.Step{seal(step)}
	return out, nil
}

// seed is what is remembered of one INSERT.
type seed struct {
	name  string
	table planner.Ref
	key   []string
}

// remember writes the INSERT so that it notes which rows it added. In a row that
// ON CONFLICT updated, xmax is set.
func (sd seed) remember(x *pg.InsertStmt, updates bool) (string, error) {
	x = clone(x)
	of := x.Relation.GetAlias().GetAliasname()
	if of == "" {
		of = x.Relation.Relname
	}
	row := "to_jsonb(" + quote(of) + ".*)"
	if len(sd.key) > 0 {
		var pairs []string
		for _, k := range sd.key {
			pairs = append(pairs, literal(k)+", "+quote(of)+"."+quote(k))
		}
		row = "jsonb_build_object(" + strings.Join(pairs, ", ") + ")"
	}
	x.ReturningList = nil
	fresh := "true"
	if updates {
		fresh = quote(of) + ".xmax = 0"
	}
	for _, e := range []string{row, fresh} {
		n, err := parseScalar(e)
		if err != nil {
			return "", err
		}
		x.ReturningList = append(x.ReturningList, pg.MakeResTargetNodeWithVal(n, 0))
	}
	sql, err := deparse(&pg.Node{Node: &pg.Node_InsertStmt{InsertStmt: x}})
	if err != nil {
		return "", fmt.Errorf("writing the INSERT: %w", err)
	}
	return fmt.Sprintf("WITH inserted (row, fresh) AS (%s) INSERT INTO %s SELECT %s, row FROM inserted WHERE fresh", sql, seedTable, literal(sd.name)), nil
}

// takeBack deletes the rows, as far as they are still there.
func (sd seed) takeBack() []string {
	table := quoteRef(sd.table)
	same := "to_jsonb(t.*) = s.row"
	from := fmt.Sprintf("(SELECT row FROM %s WHERE seed = %s) AS s", seedTable, literal(sd.name))
	if len(sd.key) > 0 {
		var on []string
		for _, k := range sd.key {
			on = append(on, "t."+quote(k)+" = s."+quote(k))
		}
		same = strings.Join(on, " AND ")
		from = fmt.Sprintf("(SELECT r.* FROM %s AS k, jsonb_populate_record(NULL::%s, k.row) AS r WHERE k.seed = %s) AS s", seedTable, table, literal(sd.name))
	}
	return []string{
		fmt.Sprintf("DELETE FROM %s AS t USING %s WHERE %s", table, from, same),
		fmt.Sprintf("DELETE FROM %s WHERE seed = %s", seedTable, literal(sd.name)),
	}
}

// unseeded asks whether a table that the migration makes holds rows that its own
// INSERTs did not write.
func unseeded(table planner.Ref, seeds []string) string {
	if len(seeds) == 0 {
		return "SELECT EXISTS (SELECT FROM " + quoteRef(table) + ")"
	}
	quoted := make([]string, len(seeds))
	for i, s := range seeds {
		quoted[i] = literal(s)
	}
	return fmt.Sprintf("SELECT EXISTS (SELECT FROM %s AS t WHERE NOT EXISTS (SELECT FROM %s AS s WHERE s.seed IN (%s) AND s.row = to_jsonb(t.*)))",
		quoteRef(table), seedTable, strings.Join(quoted, ", "))
}

// manyRows is from where on a DELETE in one piece is more than a moment's work.
const manyRows = 10_000

// lowerDeleteRows deletes in short transactions, page by page; in one piece only
// where which rows go depends on which are there.
func lowerDeleteRows(s *planner.Schema, o planner.OpDeleteRows) planner.Lowered {
	name, table := s.Display(o.Table.Ref), quoteRef(o.Table.Ref)
	where := "true"
	if !o.Where.IsZero() {
		where = o.Where.SQL(bareColumn)
	}
	lock := plan.Lock{Mode: lockRowExclusive, Object: name}
	if readsItself(o) {
		step := seal(plan.Step{
			Title: "delete rows of " + name, Why: "in one piece, since which rows go depends on which are there",
			Mode: plan.InTx, Lock: lock, Work: plan.Scan, Rows: o.Table.Rows, LockTimeoutMS: lockTimeoutMS,
			Statements: plain("DELETE FROM " + table + " WHERE " + where),
		})
		h := plan.Hazard{
			Rule: "unbatched-delete", Severity: plan.Info, Message: "the DELETE reads " + name + " itself, so it runs in one piece",
			Instead: "nothing, while the table is small",
		}
		if o.Table.Rows > manyRows {
			h.Severity = plan.Error
			h.Instead = "mark the rows in a column first, then delete by that column: this is done in chunks"
		}
		return planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{h}}
	}
	condition := "(" + where + ")"
	if !o.Where.Subquery { // it must not be evaluated, and fail, on rows of other pieces
		condition = "CASE WHEN " + withinPiece + " THEN " + where + " ELSE false END"
	}
	step := seal(plan.Step{
		Title: "delete rows of " + name, Why: "in short transactions, page by page; readers and writers go on",
		Mode: plan.Chunked, Lock: lock, Work: plan.ChunkRun, Rows: o.Table.Rows, LockTimeoutMS: lockTimeoutMS,
		Chunks: &plan.Chunks{
			Table: table, Label: name, Key: o.Table.Key, Rows: o.Table.Rows, Bounded: true,
			SQL:    fmt.Sprintf("DELETE FROM %s WHERE %s AND %s", table, pieceBounds(s), condition),
			Sample: sample(s, o.Table, where),
			Left:   fmt.Sprintf("SELECT EXISTS (SELECT FROM %s WHERE %s)", table, where),
		},
	})
	return planner.Lowered{Steps: []plan.Step{step}, Hazards: []plan.Hazard{{
		Rule: "unbatched-delete", Severity: plan.Info, Message: "the rows of " + name + " go in contract, in chunks, and do not come back",
		Instead: "keep a backup if anybody may ask for them later",
	}}}
}

// readsItself reports a DELETE whose subquery reads the table that it deletes
// from: repeated in chunks, it might go on deleting.
func readsItself(o planner.OpDeleteRows) bool {
	if !o.Where.Subquery {
		return o.Where.Volatile
	}
	n, err := parseScalar(o.Where.SQL(quote))
	if err != nil {
		return true
	}
	found := false
	walk(n, func(m proto.Message) bool {
		if r, ok := m.(*pg.RangeVar); ok && r.Relname == o.Table.Ref.Name {
			found = true
		}
		return !found
	})
	return found
}
