package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// churn.go keeps a backfill from cleaning indexes as it goes. The new version of a row
// gets an entry in every index. Where an UPDATE names no key column of a B-tree, the
// server takes the entry for one of many versions of the same row, and each page that
// is full is searched for entries of dead rows before it is split (bottom-up deletion,
// since PostgreSQL 14: index_unchanged_by_update in execIndexing.c). A walk that
// commits piece by piece leaves dead rows behind it, all over an index whose values
// have another order than the heap: a few are found on each page, again and again.
// With one such index a million rows took 6.7 s instead of 3.7 (6.2 s in a single
// UPDATE; PostgreSQL 17.12, two cores). So such columns are named, and stay as they
// are: c = c. Pages are split then, as a single UPDATE splits them, and the index gets
// as large as one makes it.

// stillColumns are the columns to name. Left out are those
//   - of unique indexes: to name one makes the lock on a row one that foreign keys wait
//     for, and does not help, since there the server meets the old version anyway;
//   - that a trigger is about (UPDATE OF, WHEN), which would fire;
//   - that are generated, or that generated columns depend on, which would be computed;
//   - that decide in which partition a row is.
func stillColumns(s *planner.Schema, t *planner.Table, set []string) []string {
	if s.VersionNum < 140000 || t.Kind != "table" && t.Kind != kindPartitioned {
		return nil
	}
	var out []string
	for _, ix := range t.Indexes {
		if ix.Unique || !strings.Contains(ix.Definition, " USING btree ") {
			continue
		}
		columns := slices.DeleteFunc(slices.Clone(ix.Columns), func(c string) bool { return slices.Contains(set, c) || !mayBeNamed(t, c) })
		if ix.Simple { // of others it is not known which columns are part of the key
			columns = columns[:min(1, len(columns))]
		}
		out = append(out, columns...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mayBeNamed: to set the column to what it is has no effect.
func mayBeNamed(t *planner.Table, name string) bool {
	c := t.Column(name)
	if c == nil || c.Generated != "" || slices.Contains(partitionColumns(t), name) {
		return false
	}
	mentions := func(columns []string) bool { return slices.Contains(columns, name) }
	unique := func(ix planner.Index) bool { return ix.Unique && mentions(ix.Columns) }
	minds := func(d planner.Dependent) bool {
		return (d.Kind == "trigger" || d.Kind == "generated column") && mentions(d.Columns)
	}
	return !slices.ContainsFunc(t.Indexes, unique) && !slices.ContainsFunc(t.Dependents, minds)
}

// mayBeStill asks, when a walk begins, for what can have changed since it was planned:
// another migration may have renamed a column, or made an index or a trigger. So may
// have, and may always, a partition of its own.
func mayBeStill(t *planner.Table, columns []string) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = literal(c)
	}
	return fmt.Sprintf(`WITH tables AS (SELECT %[1]s::oid AS oid UNION SELECT relid FROM pg_catalog.pg_partition_tree(%[1]s))
SELECT count(*) = %[2]d * (SELECT count(*) FROM tables) FROM tables r JOIN pg_catalog.pg_attribute a ON a.attrelid = r.oid
WHERE a.attname IN (%[3]s) AND NOT a.attisdropped AND a.attgenerated = '' AND a.attidentity = ''
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_index x WHERE x.indrelid = a.attrelid AND x.indisunique AND a.attnum = ANY (x.indkey))
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = a.attrelid AND a.attnum = ANY (t.tgattr))
	AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = a.attrelid AND d.objsubid = a.attnum
		AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = 0 AND d.deptype = 'i')`,
		"to_regclass("+literal(quoteRef(t.Ref))+")", len(columns), strings.Join(names, ", "))
}
