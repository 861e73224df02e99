package postgres

import (
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// The kinds of planner.Dependent and planner.Constraint that this dialect knows.
const (
	kindView        = "view"
	kindMatview     = "materialized view"
	kindTrigger     = "trigger"
	kindRule        = "rule"
	kindPolicy      = "policy"
	kindPublication = "publication"
	kindForeignKey  = "foreign key"
	kindGenerated   = "generated column"
	kindStatistics  = "statistics"
	kindSequence    = "sequence"
	kindGrant       = "column grant"
	kindSetting     = "column setting"
	kindCheck       = "check"
	kindExclusion   = "exclusion"
	kindNotNull     = "not null"
	// kindLastTrigger is a BEFORE row trigger that would fire after ours.
	kindLastTrigger = "late trigger"
	// kindTriggerFunction is the function of a trigger, which is named in Definition.
	kindTriggerFunction = "trigger function"
)

// Facts of schemas and tables.
const (
	// factDomains lists the domains with constraints, as format_type writes them.
	factDomains = "domains_with_constraints"
	// factBases lists the domains and the types that they are stored as, and
	// factLoose the collations in which unequal texts are equal; by "; ".
	factBases = "domain_bases"
	factLoose = "nondeterministic_collations"
	// factRowSecurity is "enabled" or "forced"; absent otherwise.
	factRowSecurity = "row_security"
	// factBypass is "yes" when row security does not apply to us.
	factBypass = "row_security_bypassed"
	// factUpdateTriggers lists the triggers that an UPDATE fires, our own left out.
	factUpdateTriggers = "update_triggers"
	// factChangingTriggers is "yes" where some of these may change the row: BEFORE, for each.
	factChangingTriggers = "changing_triggers"
	// factInherits is "yes" for a table with parents or children.
	factInherits = "inheritance"
	// factClustered and factIdentity name the index that CLUSTER goes by, and
	// the one that identifies rows to replicas.
	factClustered = "clustered_on"
	factIdentity  = "replica_identity_index"
)

// Blockers names what forbids the wish.
func (Dialect) Blockers(s *planner.Schema, t *planner.Table, columns []string, wish planner.Wish) []planner.Blocker {
	name := s.Display(t.Ref)
	if wish == planner.WishRead {
		return readBlockers(t, name, columns)
	}
	if t.Kind != "table" && t.Kind != kindPartitioned {
		return []planner.Blocker{{Object: name, Reason: "it is " + kindName(t.Kind) + ", and only tables are handled"}}
	}
	out := partitionBlockers(t, name, columns, wish)
	if t.Facts[factInherits] != "" {
		out = append(out, planner.Blocker{Object: name, Reason: "it inherits from another table or others inherit from it"})
	}
	if wish == planner.WishSync {
		return append(out, syncBlockers(t, name, columns)...)
	}
	for _, d := range t.Dependents {
		if reason := standsInWay(s, d, wish); reason != "" && mentions(d.Columns, columns) {
			out = append(out, planner.Blocker{Object: d.Kind + " " + d.Name, Reason: reason, Ref: objectOf(s, t, d)})
		}
	}
	return append(out, constraintBlockers(t, columns, wish)...)
}

// objectOf names a dependant as a statement that drops it would.
func objectOf(s *planner.Schema, t *planner.Table, d planner.Dependent) planner.ObjectRef {
	switch d.Kind {
	case kindView, kindMatview:
		if tree, err := parseSQL("TABLE " + d.Name); err == nil {
			from := tree.Stmts[0].Stmt.GetSelectStmt().GetFromClause()
			if len(from) == 1 {
				ref := refOf(from[0].GetRangeVar())
				if ref.Schema == "" {
					ref.Schema = s.Default
				}
				return planner.ObjectRef{Kind: d.Kind, Ref: ref}
			}
		}
	case kindTrigger, kindRule:
		return planner.ObjectRef{Kind: d.Kind, Ref: planner.Ref{Name: d.Name}, On: t.Ref}
	case kindPolicy:
		if i := strings.LastIndex(d.Name, " on "); i >= 0 {
			return planner.ObjectRef{Kind: d.Kind, Ref: planner.Ref{Name: d.Name[:i]}, On: t.Ref}
		}
	case kindPublication:
		return planner.ObjectRef{Kind: d.Kind, Ref: planner.Ref{Name: d.Name}}
	}
	return planner.ObjectRef{}
}

func kindName(kind string) string {
	switch kind {
	case "partitioned":
		return "a partitioned table"
	case "view":
		return "a view"
	default:
		return "no plain table"
	}
}

func mentions(a, b []string) bool {
	return slices.ContainsFunc(a, func(c string) bool { return slices.Contains(b, c) })
}

// standsInWay says why an object that mentions a column stands in the way of a
// wish, if it does. A renamed column keeps all its dependants: PostgreSQL knows
// columns by number. DROP COLUMN takes statistics, settings, grants and owned
// sequences along, and they follow to a column that takes the place. What is
// left PostgreSQL itself refuses to touch: the migration would not run on an
// empty database either (ALTER TABLE, ALTER COLUMN TYPE and DROP COLUMN).
func standsInWay(s *planner.Schema, d planner.Dependent, wish planner.Wish) string {
	if wish == planner.WishRename {
		return ""
	}
	switch d.Kind {
	case kindLastTrigger, kindTriggerFunction, kindStatistics, kindSequence, kindSetting:
		return ""
	case kindGrant:
		if wish == planner.WishReplace && d.Definition == "" {
			return "somebody other than the table's owner has granted privileges on the column, which cannot be granted again in their name: revoke them before, and grant them again after"
		}
		return ""
	case kindForeignKey:
		if wish == planner.WishReplace {
			return notYetKeys
		}
	case kindGenerated:
		if wish == planner.WishDrop && s.VersionNum < 150000 {
			return "PostgreSQL would drop it together with the column: drop it before, and add it again after"
		}
		return "PostgreSQL computes it from the column, and refuses: drop it before, and add it again after"
	}
	return "it uses the column, for whose sake PostgreSQL refuses: drop it before, and create it again after"
}

// notYetKeys is the refusal of a new type for a key.
const notYetKeys = "not yet here: type changes of primary keys and of columns they are referenced by. " +
	"Add a column of the new type, move the app to it, and drop the old one in a later migration"

func syncBlockers(t *planner.Table, name string, columns []string) []planner.Blocker {
	var out []planner.Blocker
	if mode := t.Facts[factRowSecurity]; mode != "" && t.Facts[factBypass] != "yes" {
		out = append(out, planner.Blocker{
			Object: name, Reason: "row security is " + mode + " and hides rows from the role that migrates: use a role with BYPASSRLS",
		})
	}
	for _, d := range t.Dependents {
		switch d.Kind {
		case kindLastTrigger:
			out = append(out, planner.Blocker{
				Object: "trigger " + d.Name, Reason: "it fires after every name that migrate can give its own, and may change the row behind its back: rename it",
			})
		case kindRule:
			out = append(out, planner.Blocker{Object: "rule " + d.Name, Reason: "it rewrites statements on the table, so that triggers may not see them"})
		}
	}
	for _, c := range columns {
		if col := t.Column(c); col != nil && (col.Generated == "stored" || col.Generated == "virtual" || col.Generated == "identity always") {
			out = append(out, planner.Blocker{Object: name + "." + c, Reason: "it is generated (" + col.Generated + "), so that no trigger can write it"})
		}
	}
	return out
}

// readBlockers: generated columns are computed behind BEFORE triggers, which find NULL there (PostgreSQL docs,
// Overview of Trigger Behavior). An identity has been given by then.
func readBlockers(t *planner.Table, name string, columns []string) []planner.Blocker {
	var out []planner.Blocker
	for _, c := range columns {
		if col := t.Column(c); col != nil && (col.Generated == "stored" || col.Generated == "virtual") {
			out = append(out, planner.Blocker{
				Object: name + "." + c,
				Reason: "it is generated (" + col.Generated + "), so that no trigger knows its value yet: derive the new column of what it is generated from, or let the app write it (migrate:shadow app)",
			})
		}
	}
	return out
}

// constraintBlockers: what goes with a dropped column is no blocker there; what
// cannot be made for a column that takes the place is one.
func constraintBlockers(t *planner.Table, columns []string, wish planner.Wish) []planner.Blocker {
	var out []planner.Blocker
	block := func(object, reason string) { out = append(out, planner.Blocker{Object: object, Reason: reason}) }
	if wish == planner.WishRename {
		return nil
	}
	for _, i := range t.Indexes {
		switch {
		case !mentions(i.Columns, columns):
		case i.Primary && wish == planner.WishDrop:
			block("primary key "+i.Constraint, "the column is part of it")
		case i.Primary:
			block("primary key "+i.Constraint, notYetKeys)
		case wish == planner.WishReplace:
			if reason := irreplaceable(t, i); reason != "" {
				block("index "+i.Name, reason)
			}
		}
	}
	if wish != planner.WishReplace {
		return out
	}
	for _, k := range t.Constraints {
		if !mentions(k.Columns, columns) {
			continue
		}
		switch k.Kind {
		case kindExclusion:
			block(k.Kind+" "+k.Name, "PostgreSQL builds no exclusion constraint without blocking writes: drop it before, and add it again after")
		case kindCheck, kindForeignKey:
			c, err := definedConstraint(t.Ref, k)
			if err == nil {
				_, err = c.over(nil, k.Name)
			}
			if err != nil {
				block(k.Kind+" "+k.Name, reasonOf(err)+": drop it before, and add it again after")
			}
		}
	}
	for _, c := range columns {
		if col := t.Column(c); col != nil && col.Generated != "" {
			block("column "+c, "it is generated ("+col.Generated+")")
		}
	}
	return out
}

// irreplaceable says why no copy of an index can take its place.
func irreplaceable(t *planner.Table, i planner.Index) string {
	stmt, err := readIndex(i.Definition)
	if err == nil {
		err = renameIn(stmt, nil)
	}
	switch {
	case err != nil:
		return reasonOf(err) + ": drop it before, and create it again after"
	case t.Facts[factIdentity] == i.Name:
		return "it identifies rows to replicas: choose another REPLICA IDENTITY before"
	case i.Constraint != "" && stmt.AccessMethod != "btree" && !stmt.GetUnique():
		return "" // an exclusion constraint's, which is told of as such
	case i.Constraint != "" && stmt.AccessMethod != "btree":
		return "PostgreSQL makes a constraint WITHOUT OVERLAPS of no index that is there: drop it before, and add it again after"
	case stmt.NullsNotDistinct && i.Unique:
		return "two values that do not fit the old type would both be NULL there in the grace, which it forbids: drop it before, and create it again after"
	}
	return ""
}
