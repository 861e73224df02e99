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
)

// Facts of schemas and tables.
const (
	// factDomains lists the domains with constraints, as format_type writes them.
	factDomains = "domains_with_constraints"
	// factRowSecurity is "enabled" or "forced"; absent otherwise.
	factRowSecurity = "row_security"
	// factBypass is "yes" when row security does not apply to us.
	factBypass = "row_security_bypassed"
	// factUpdateTriggers lists the triggers that an UPDATE fires, our own left out.
	factUpdateTriggers = "update_triggers"
	// factInherits is "yes" for a table with parents or children.
	factInherits = "inheritance"
)

// Blockers names what forbids the wish.
func (Dialect) Blockers(s *planner.Schema, t *planner.Table, columns []string, wish planner.Wish) []planner.Blocker {
	name := s.Display(t.Ref)
	if t.Kind != "table" {
		return []planner.Blocker{{Object: name, Reason: "it is " + kindName(t.Kind) + ", and only plain tables are handled"}}
	}
	var out []planner.Blocker
	if t.Facts[factInherits] != "" {
		out = append(out, planner.Blocker{Object: name, Reason: "it inherits from another table or others inherit from it"})
	}
	if wish == planner.WishSync {
		return append(out, syncBlockers(t, name, columns)...)
	}
	for _, d := range t.Dependents {
		if mentions(d.Columns, columns) && standsInWay(d.Kind, wish) {
			out = append(out, planner.Blocker{Object: d.Kind + " " + d.Name, Reason: dependentReason(d.Kind)})
		}
	}
	return append(out, constraintBlockers(t, columns, wish)...)
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

// standsInWay reports whether an object that mentions a column stands in the
// way of a wish. A renamed column keeps all its dependants: PostgreSQL knows
// columns by number. DROP COLUMN takes statistics, settings, grants and owned
// sequences along; another column that takes the place inherits none of them.
func standsInWay(kind string, wish planner.Wish) bool {
	switch kind {
	case kindLastTrigger:
		return false
	case kindStatistics, kindGrant, kindSetting, kindSequence:
		return wish == planner.WishReplace
	}
	return wish != planner.WishRename
}

func dependentReason(kind string) string {
	switch kind {
	case kindStatistics, kindGrant, kindSetting:
		return "it would not move to the column that takes the place: drop it before, and create it again after"
	case kindSequence:
		return "the column owns it"
	}
	return "it uses the column: drop it before, and create it again after"
}

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

// constraintBlockers: what goes with a dropped column is no blocker there, but
// nothing carries constraints over to a column that takes its place.
func constraintBlockers(t *planner.Table, columns []string, wish planner.Wish) []planner.Blocker {
	var out []planner.Blocker
	if wish == planner.WishRename {
		return nil
	}
	for _, i := range t.Indexes {
		switch {
		case !mentions(i.Columns, columns):
		case i.Primary:
			out = append(out, planner.Blocker{Object: "primary key " + i.Constraint, Reason: "the column is part of it"})
		case i.Constraint != "" && wish != planner.WishDrop:
			out = append(out, planner.Blocker{Object: "constraint " + i.Constraint, Reason: "it would not move to the column that takes the place"})
		}
	}
	for _, k := range t.Constraints {
		if wish != planner.WishDrop && mentions(k.Columns, columns) && slices.Contains([]string{kindCheck, kindForeignKey, kindExclusion}, k.Kind) {
			out = append(out, planner.Blocker{Object: k.Kind + " " + k.Name, Reason: "it would not move to the column that takes the place: drop it before, and add it again after"})
		}
	}
	for _, c := range columns {
		col := t.Column(c)
		if col == nil || wish == planner.WishDrop {
			continue
		}
		if strings.HasPrefix(col.Generated, "identity") || col.Generated == "stored" || col.Generated == "virtual" {
			out = append(out, planner.Blocker{Object: "column " + c, Reason: "it is generated (" + col.Generated + ")"})
		}
	}
	return out
}
