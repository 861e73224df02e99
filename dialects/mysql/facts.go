package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// facts.go knows what changes of a table cost on a version of a server. What
// runs here is tried in facts_test.go and printed in docs/facts-mysql.md; older
// versions are as the manuals have them (MySQL 8.0 Reference Manual, Online DDL
// Operations; MariaDB Knowledge Base, InnoDB Online DDL).

// The facts about a table that only these rules ask for.
const factHiddenColumns = "hidden_columns" // what a FULLTEXT index leaves behind

// manner is how a statement says it must be run, and what that costs.
type manner struct {
	how  string
	work plan.Work
}

var (
	instantly = manner{instant, plan.Metadata}
	rebuilt   = manner{inplace, plan.Rewrite}
)

// blocking is LOCK=SHARED: whoever writes waits until the statement is done.
func (m manner) blocking() bool { return strings.HasSuffix(m.how, "LOCK=SHARED") }

// versions of MySQL that differ.
const (
	mysqlInstantAdd    = 80012 // INSTANT exists; columns are added at the end
	mysqlInstantPlace  = 80029 // columns are added anywhere, and dropped
	mysqlInstantRename = 80028
	mysqlManyVersions  = 90100 // 255 versions of rows instead of 64
	mariaOnlineCopy    = 110200
)

// rebuilding is the best way to rebuild a table. Some indexes keep writers out
// of it, unless MariaDB copies the table beside them.
func (d *dialect) rebuilding(s *planner.Schema, t *planner.Table) manner {
	switch {
	case !d.hampered(t):
		return rebuilt
	case !d.maria || d.copiesOnline(s, t):
		return manner{d.copying(s, t), plan.Rewrite}
	}
	return manner{inplaceShared, plan.Rewrite}
}

// hampered: a FULLTEXT index, and on MariaDB one of a virtual column.
func (d *dialect) hampered(t *planner.Table) bool {
	return fulltext(t) != "" || d.maria && indexesVirtual(t)
}

func indexesVirtual(t *planner.Table) bool {
	return slices.ContainsFunc(t.Indexes, func(ix planner.Index) bool {
		return slices.ContainsFunc(ix.Columns, func(name string) bool { c := t.Column(name); return c != nil && c.Generated == virtual })
	})
}

// allowing says how NULL is allowed or forbidden: by rebuilding the table.
func (d *dialect) allowing(s *planner.Schema, t *planner.Table) manner {
	if d.maria && indexesVirtual(t) {
		return manner{d.copying(s, t), plan.Rewrite}
	}
	return d.defining(t, d.rebuilding(s, t))
}

// The places of new columns, besides behind a column that is named.
const (
	placeFirst = "FIRST"
	placeEnd   = ""
)

// adding says how columns are added at some places. MariaDB copies the table if
// a virtual column comes to stand elsewhere by it.
func (d *dialect) adding(s *planner.Schema, t *planner.Table, places []string) manner {
	end := !slices.ContainsFunc(places, func(p string) bool { return p != placeEnd })
	switch {
	case d.maria && slices.ContainsFunc(places, func(p string) bool { return movesVirtual(t, p) }):
		return manner{d.copying(s, t), plan.Rewrite}
	case d.neverInstant(s, t), d.exhausted(s, t) != "", !d.maria && s.VersionNum < mysqlInstantAdd, !d.maria && !end && s.VersionNum < mysqlInstantPlace:
		return d.rebuilding(s, t)
	}
	return instantly
}

// movesVirtual reports whether a virtual column stands behind a place.
func movesVirtual(t *planner.Table, place string) bool {
	passed := place == placeFirst
	for _, c := range t.Columns {
		if passed && c.Generated == virtual {
			return true
		}
		passed = passed || c.Name == place
	}
	return false
}

// dropping says how columns are dropped. One that an index of several columns
// mentions takes a rebuild of the table along.
func (d *dialect) dropping(s *planner.Schema, t *planner.Table, indexed bool) manner {
	if indexed || d.neverInstant(s, t) || d.exhausted(s, t) != "" || !d.maria && s.VersionNum < mysqlInstantPlace {
		return d.rebuilding(s, t)
	}
	return instantly
}

// neverInstant: the format of the rows, or what a FULLTEXT index is kept with.
func (d *dialect) neverInstant(s *planner.Schema, t *planner.Table) bool {
	if strings.EqualFold(t.Facts[factRowFormat], "compressed") || d.hampered(t) || t.Facts[factHiddenColumns] != "" {
		return true
	}
	v := s.Facts[factInstantAllowed]
	return d.maria && v != "" && v != "add_drop_reorder"
}

// reservedVersions are left for the steps of a plan, and what comes beside it.
const reservedVersions = 8

// exhausted says that a table cannot be changed INSTANT any more: it keeps at
// most 64 versions of its rows (255 from MySQL 9.1) until it is rebuilt.
func (d *dialect) exhausted(s *planner.Schema, t *planner.Table) string {
	if d.maria || s.VersionNum < mysqlInstantPlace {
		return ""
	}
	limit := 64
	if s.VersionNum >= mysqlManyVersions {
		limit = 255
	}
	if n := atoi(t.Facts[factRowVersions]); n+reservedVersions > limit {
		return fmt.Sprintf("%d of at most %d", n, limit)
	}
	return ""
}

// ruleLock is the rule of what writers wait for.
const ruleLock = "lock-not-none"

// told are the hazards of running a statement in a manner.
func (d *dialect) told(s *planner.Schema, t *planner.Table, m manner, what string) []plan.Hazard {
	var out []plan.Hazard
	if used := d.exhausted(s, t); used != "" && m.work == plan.Rewrite {
		out = append(out, plan.Hazard{
			Rule: "row-versions-exhausted", Severity: plan.Info,
			Message: fmt.Sprintf("table %s has %s versions of its rows, which INSTANT changes have left: to %s rebuilds it, beside its writers", t.Ref.Name, used, what),
			Instead: fmt.Sprintf("ALTER TABLE %s ENGINE=InnoDB, ALGORITHM=INPLACE, LOCK=NONE at a quiet hour before", quoteName(t.Ref.Name)),
		})
	}
	if m.blocking() {
		out = append(out, plan.Hazard{
			Rule: ruleLock, Severity: blockingSeverity(t),
			Message: fmt.Sprintf("to %s %s takes a lock on table %s (%s) that every write waits for until it is done", what, d.product(), t.Ref.Name, sizeOf(t)),
			Instead: "do it at a quiet hour and allow it for a table so small that it takes no time" + withoutFulltext(t) + d.withoutParent(s, t, m),
		})
	}
	return out
}

func withoutFulltext(t *planner.Table) string {
	if ix := fulltext(t); ix != "" {
		return "; or drop the FULLTEXT index " + ix + " before, and build it again after"
	}
	return ""
}

// withoutParent names the foreign key but for which MariaDB would copy the table beside
// its writers.
func (d *dialect) withoutParent(s *planner.Schema, t *planner.Table, m manner) string {
	if k := d.followsParent(t); k != "" && d.maria && s.VersionNum >= mariaOnlineCopy && m.how == copyShared {
		return "; or drop foreign key " + k + " before, whose rows follow their parent's, and add it again after"
	}
	return ""
}

// blockingSeverity: of a table so small that blocking its writes is no worse
// than waiting for a lock, people are merely told.
func blockingSeverity(t *planner.Table) plan.Severity {
	if small(t) {
		return plan.Warning
	}
	return plan.Error
}

// storage reads what INSTANT changes and FULLTEXT indexes have left in a table's
// storage, for who may see it: how many versions of its rows there are (MySQL
// 8.0.29 and later), and whether there is a column that nobody sees.
func (in *inspector) storage(ctx context.Context, t *planner.Table) error {
	if t.Kind != "table" {
		return nil
	}
	// InnoDB knows a table by its database's name, a slash, and its own.
	const ofOurs = ` WHERE LEFT(name, CHAR_LENGTH(DATABASE()) + 1) = CONCAT(DATABASE(), '/') AND SUBSTRING(name, CHAR_LENGTH(DATABASE()) + 2) IN (%s)`
	query := "SELECT SUBSTRING(name, CHAR_LENGTH(DATABASE()) + 2), total_row_versions, n_cols - 3 FROM information_schema.innodb_tables" + ofOurs
	if in.d.maria {
		query = "SELECT SUBSTRING(name, CHAR_LENGTH(DATABASE()) + 2), 0, n_cols - 3 FROM information_schema.innodb_sys_tables" + ofOurs
	}
	stored := len(t.Columns)
	for _, c := range t.Columns {
		if c.Generated == virtual {
			stored--
		}
	}
	err := in.of(ctx, t.Ref.Name, func(r []sql.NullString) {
		if r[0].String != "0" {
			t.Facts[factRowVersions] = r[0].String
		}
		if atoi(r[1].String) > stored && fulltext(t) == "" {
			t.Facts[factHiddenColumns] = "yes"
		}
	}, query)
	if n := number(err); n == errSpecificAccess || n == errBadField {
		return nil
	}
	return err
}
