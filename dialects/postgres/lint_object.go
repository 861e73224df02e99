package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// lint_object.go finds hazards in indexes, and in what is no table.

func (l *linter) index(x *pg.IndexStmt) {
	ref := refOf(x.Relation)
	if x.Idxname != "" {
		l.name("index", x.Idxname, 0)
	}
	if x.Concurrent && l.inTransaction() {
		l.find("index-concurrently-in-transaction", l.unlessWrapped(), 0, "tell the tool not to use a transaction for this file", "CREATE INDEX CONCURRENTLY fails inside a transaction")
	}
	if x.Concurrent && x.IfNotExists {
		l.find("index-invalid-leftover", "", 0, "DROP INDEX CONCURRENTLY IF EXISTS first, where another tool runs the file",
			"when a first attempt failed, its invalid index is there, and IF NOT EXISTS takes it for the index; the plan looks whether it is valid")
	}
	if l.m.Fresh(ref) {
		return
	}
	if t := l.m.Table(ref); t != nil && t.Kind == "partitioned" && x.Relation.Inh {
		l.find("partitioned-index-not-concurrent", "", 0, "CREATE INDEX ON ONLY the table, then CONCURRENTLY on each partition, then ATTACH each",
			"%s is partitioned: the index is built on all partitions at once while writers wait", l.label(ref))
		return
	}
	if !x.Concurrent {
		l.find("index-not-concurrent", "", 0, "", "writers of %s wait until the index is built; the plan builds it CONCURRENTLY", l.label(ref))
	}
}

func (l *linter) drop(x *pg.DropStmt) {
	switch x.RemoveType {
	case pg.ObjectType_OBJECT_INDEX:
		if x.Concurrent && l.inTransaction() {
			l.find("index-concurrently-in-transaction", l.unlessWrapped(), 0, "tell the tool not to use a transaction for this file", "DROP INDEX CONCURRENTLY fails inside a transaction")
		}
		if !x.Concurrent {
			l.find("index-not-concurrent", "", 0, "", "readers and writers wait while the index goes; the plan drops it CONCURRENTLY")
		}
	case pg.ObjectType_OBJECT_TABLE:
		for _, o := range x.Objects {
			ref := listRef(o)
			if t := l.m.Table(ref); t != nil && t.Facts[factInherits] != "" && !l.m.Fresh(ref) {
				l.find("access-exclusive-on-parent", "", 0, "DETACH PARTITION … CONCURRENTLY first, then drop the table", "dropping the partition %s locks its parent against readers and writers", l.label(ref))
			}
		}
	case pg.ObjectType_OBJECT_EXTENSION:
		l.find("extension-change", "", 0, "see what depends on it first", "dropping an extension drops its types, functions and operators for all who use them")
	}
}

// listRef reads a name in a list.
func listRef(n *pg.Node) planner.Ref {
	parts, ok := names(n.GetList().GetItems())
	switch {
	case !ok || len(parts) == 0:
		return planner.Ref{}
	case len(parts) == 1:
		return planner.Ref{Name: parts[0]}
	default:
		return planner.Ref{Schema: parts[len(parts)-2], Name: parts[len(parts)-1]}
	}
}

func (l *linter) object(n *pg.Node) {
	switch x := nodeOf(n).(type) {
	case *pg.TruncateStmt:
		for _, r := range x.Relations {
			if ref := refOf(r.GetRangeVar()); !l.m.Fresh(ref) {
				l.find("data-loss-truncate", "", 0, "DELETE with a WHERE that says which rows; or accept it with migrate:allow", "all rows of %s are gone for good, those that versions of the app write meanwhile too", l.label(ref))
			}
		}
	case *pg.VacuumStmt:
		l.vacuum(x)
	case *pg.ClusterStmt:
		l.find("table-rewrite", "", 0, "leave it out, or run it when the table may be locked", "CLUSTER writes the table anew while nobody can use it")
	case *pg.ReindexStmt:
		if !slices.ContainsFunc(x.Params, func(p *pg.Node) bool { return p.GetDefElem().GetDefname() == "concurrently" }) {
			l.find("index-not-concurrent", plan.Warning, 0, "REINDEX … CONCURRENTLY, outside of a migration", "REINDEX blocks writers, and readers that would use the index, until it is done")
		}
	case *pg.AlterEnumStmt:
		if x.OldVal != "" {
			l.find("enum-value-removed", "", 0, "add the new value, move the rows, and let the old one be",
				"value '%s' of %s gets another name: old versions still write and compare the old one", x.OldVal, lastName(x.TypeName))
		}
	case *pg.CreateEnumStmt:
		l.replacedEnum(x)
	case *pg.AlterDomainStmt:
		l.domain(x)
	case *pg.RenameStmt:
		l.renamed(x)
	default:
		l.administration(n)
	}
}

func (l *linter) vacuum(x *pg.VacuumStmt) {
	for _, o := range x.Options {
		if o.GetDefElem().GetDefname() == "full" {
			l.find("table-rewrite", "", 0, "leave it out, or run it when the table may be locked", "VACUUM FULL writes the table anew while nobody can use it")
		}
	}
}

// renamed tells of new names for what is neither table nor column: the planner
// has no second name for it.
func (l *linter) renamed(x *pg.RenameStmt) {
	switch x.RenameType {
	case pg.ObjectType_OBJECT_TABLE, pg.ObjectType_OBJECT_COLUMN, pg.ObjectType_OBJECT_INDEX, pg.ObjectType_OBJECT_TABCONSTRAINT:
		if x.Newname != "" && x.RenameType != pg.ObjectType_OBJECT_INDEX {
			l.name(strings.ToLower(objectName(x.RenameType)), x.Newname, 0)
		}
	default:
		if l.taken {
			return
		}
		severity := plan.Warning
		if o, ok := renamedObject(x); ok && (reader{}).moved(x.RenameType, o, "", false) != nil {
			severity = plan.Info // the plan says what it does about it
		}
		l.find("rename-breaks-old-app", severity, 0, "create it under the new name beside the old one, and drop that when nobody uses it",
			"old versions may still use the old name of the %s", strings.ToLower(objectName(x.RenameType)))
	}
}

func (l *linter) domain(x *pg.AlterDomainStmt) {
	adds := x.Subtype == "C" && !x.Def.GetConstraint().GetSkipValidation()
	if adds || x.Subtype == "O" {
		l.find("domain-constraint-scans", "", 0, "ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in a later file",
			"every table with a column of %s is read while it is locked against writers", lastName(x.TypeName))
	}
}

// administration tells of what changes who may do what, and what is installed.
func (l *linter) administration(n *pg.Node) {
	switch x := nodeOf(n).(type) {
	case *pg.CreateExtensionStmt:
		l.find("extension-change", plan.Info, 0, "install it beforehand where the migrating role may not", "extension %s needs its files on the server, and often a superuser", x.Extname)
	case *pg.AlterExtensionStmt, *pg.AlterExtensionContentsStmt:
		l.find("extension-change", "", 0, "read the extension's notes on the update, and try it on a copy", "the extension's functions and types change for all who use them")
	case *pg.GrantStmt:
		what := "a right is granted"
		if !x.IsGrant {
			what = "a right is taken away: versions of the app that still run may need it"
		}
		l.find("grant-change", "", 0, "", "%s", what)
	case *pg.GrantRoleStmt, *pg.AlterDefaultPrivilegesStmt, *pg.AlterOwnerStmt, *pg.ReassignOwnedStmt:
		l.find("grant-change", "", 0, "", "who may do what changes")
	case *pg.CreatePublicationStmt:
		l.publication(x.Pubobjects)
	case *pg.AlterPublicationStmt:
		if x.Action != pg.AlterPublicationAction_AP_DropObjects {
			l.publication(x.Pubobjects)
		}
		if x.Action != pg.AlterPublicationAction_AP_AddObjects {
			l.find("publication-affected", "", 0, "refresh the subscriptions after it", "publication %s changes what it sends", x.Pubname)
		}
	}
}

// publication looks at the tables that are going to be published.
func (l *linter) publication(objects []*pg.Node) {
	for _, o := range objects {
		ref := refOf(o.GetPublicationObjSpec().GetPubtable().GetRelation())
		if t := l.m.Table(ref); t != nil && len(t.Key) == 0 && t.Facts[factReplicaIdentity] == "" {
			l.find("replica-identity-missing", "", 0, "add a primary key, or ALTER TABLE "+ref.Name+" REPLICA IDENTITY FULL",
				"table %s has no key: once it is published, its updates and deletes fail", l.label(ref))
		}
	}
}

func lastName(list []*pg.Node) string {
	parts, _ := names(list)
	if len(parts) == 0 {
		return "the type"
	}
	return parts[len(parts)-1]
}

// replacedEnum looks at an enum under the name of one that the file moved away.
func (l *linter) replacedEnum(x *pg.CreateEnumStmt) {
	l.missingLabels(labelsOf(l.before, lastName(x.TypeName)), enumLabels(x), lastName(x.TypeName), 0)
}

// removedLabels looks at a column that changes from one enum to another.
func (l *linter) removedLabels(from, to string, def *pg.ColumnDef) {
	if to == "" {
		to = lastName(def.TypeName.GetNames())
	}
	l.missingLabels(labelsOf(l.m.Schema, from), labelsOf(l.m.Schema, to), from, def.Location)
}

func (l *linter) missingLabels(before, after []string, name string, location int32) {
	if len(before) == 0 || len(after) == 0 {
		return
	}
	for _, v := range before {
		if !slices.Contains(after, v) {
			l.find("enum-value-removed", "", location, "move the rows first, and see that no version writes it any more", "value '%s' of %s is gone: rows that hold it make the change fail, and old versions that write it fail", v, name)
			return
		}
	}
}

func enumLabels(x *pg.CreateEnumStmt) []string {
	labels, _ := names(x.Vals)
	return labels
}

// labelsOf are the values of an enum, as far as the statements that made it are
// known; nil if they are not.
func labelsOf(s *planner.Schema, name string) []string {
	var labels []string
	for _, o := range s.Objects {
		if o.Ref.Name != name {
			continue
		}
		if o.Kind == kindType && o.Facts[factLabels] != "" {
			labels = list(o.Facts[factLabels])
		}
		tree, err := parseSQL(o.Definition)
		if err != nil {
			continue
		}
		for _, raw := range tree.Stmts {
			switch x := nodeOf(raw.Stmt).(type) {
			case *pg.CreateEnumStmt:
				labels = enumLabels(x)
			case *pg.AlterEnumStmt:
				if x.OldVal == "" {
					labels = append(slices.Clone(labels), x.NewVal)
				}
			}
		}
	}
	return labels
}
