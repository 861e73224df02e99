package postgres

import (
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// privilege is one entry of an access list.
type privilege struct {
	grantee, name, column string
	passes                bool // WITH GRANT OPTION
}

// privileges reads the entries of a fact.
func privileges(fact string) []privilege {
	var out []privilege
	for _, e := range list(fact) {
		f := strings.Split(e, entrySeparator)
		if len(f) < 3 {
			continue
		}
		p := privilege{grantee: f[0], name: f[1], passes: f[2] == "true"}
		if len(f) > 3 {
			p.column = f[3]
		}
		out = append(out, p)
	}
	return out
}

// allPrivileges are what ALL means (docs, Privileges, table 5.2).
func allPrivileges(t pg.ObjectType, column bool, version int) []string {
	switch t {
	case pg.ObjectType_OBJECT_TABLE:
		if column {
			return []string{"SELECT", "INSERT", "UPDATE", "REFERENCES"}
		}
		all := []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER"}
		if version >= 170000 {
			all = append(all, "MAINTAIN")
		}
		return all
	case pg.ObjectType_OBJECT_SEQUENCE:
		return []string{"SELECT", "UPDATE", "USAGE"}
	case pg.ObjectType_OBJECT_SCHEMA:
		return []string{"USAGE", "CREATE"}
	case pg.ObjectType_OBJECT_TYPE, pg.ObjectType_OBJECT_DOMAIN:
		return []string{"USAGE"}
	}
	return []string{"EXECUTE"}
}

// named are the privileges that a GRANT or REVOKE is about, one by one.
func (g *directs) named(x *pg.GrantStmt, role string) []privilege {
	var out []privilege
	for _, r := range x.Grantees {
		grantee := r.GetRoleSpec().GetRolename()
		switch r.GetRoleSpec().GetRoletype() {
		case pg.RoleSpecType_ROLESPEC_CURRENT_USER, pg.RoleSpecType_ROLESPEC_CURRENT_ROLE, pg.RoleSpecType_ROLESPEC_SESSION_USER:
			grantee = role
		}
		if len(x.Privileges) == 0 {
			for _, p := range allPrivileges(x.Objtype, false, g.s.VersionNum) {
				out = append(out, privilege{grantee: grantee, name: p})
			}
		}
		for _, n := range x.Privileges {
			columns, _ := names(n.GetAccessPriv().GetCols())
			which := []string{strings.ToUpper(n.GetAccessPriv().GetPrivName())}
			if which[0] == "" {
				which = allPrivileges(x.Objtype, len(columns) > 0, g.s.VersionNum)
			}
			for _, p := range which {
				if len(columns) == 0 {
					out = append(out, privilege{grantee: grantee, name: p})
				}
				for _, c := range columns {
					out = append(out, privilege{grantee: grantee, name: p, column: c})
				}
			}
		}
	}
	return out
}

// grantDeed gives or takes privileges; the way back is what the inspected list
// says of those that the statement names, and of no others.
func (g *directs) grantDeed(c planner.Direct, x *pg.GrantStmt) (deed, error) {
	d := deed{do: []string{c.SQL}, why: "more is allowed than before"}
	if !x.IsGrant {
		d.why = "old versions may rely on it"
		d.hazards = []plan.Hazard{{
			Rule: "grant-change", Severity: plan.Warning, Message: c.What + ": roles that still need the privilege fail from contract on", Instead: "",
		}}
	}
	role := g.fact(factRole, "")
	for _, t := range g.targets(x) {
		was := privileges(t.fact)
		for i := range was {
			for now, then := range g.was {
				if was[i].column == then {
					was[i].column = now
					break
				}
			}
		}
		for _, p := range g.named(x, role) {
			d.undo = append(d.undo, backTo(p, was, x, t.sql)...)
		}
	}
	return d, nil
}

// grantTarget is an object of a GRANT, and its list as inspected.
type grantTarget struct{ sql, fact string }

func (g *directs) targets(x *pg.GrantStmt) []grantTarget {
	kind := map[pg.ObjectType]string{
		pg.ObjectType_OBJECT_SEQUENCE: "SEQUENCE ", pg.ObjectType_OBJECT_SCHEMA: "SCHEMA ", pg.ObjectType_OBJECT_TYPE: "TYPE ",
		pg.ObjectType_OBJECT_DOMAIN: "TYPE ",
	}[x.Objtype]
	switch {
	case functionTypes[x.Objtype]:
		return []grantTarget{{g.target(), g.fact(factACL, "")}}
	case x.Targtype == pg.GrantTargetType_ACL_TARGET_ALL_IN_SCHEMA:
		if x.Objtype == pg.ObjectType_OBJECT_TABLE {
			kind = "TABLE "
		}
		var out []grantTarget
		if g.before != nil {
			for k, v := range g.before.Facts {
				if on, ok := strings.CutPrefix(k, factOn); ok {
					out = append(out, grantTarget{kind + on, v})
				}
			}
		}
		slices.SortFunc(out, func(a, b grantTarget) int { return strings.Compare(a.sql, b.sql) })
		return out
	case g.object.Kind != kindPrivileges && x.Objtype != pg.ObjectType_OBJECT_TABLE:
		if g.object.Kind == kindSchema {
			return []grantTarget{{kind + quote(g.object.Ref.Name), g.fact(factACL, "")}}
		}
		return []grantTarget{{kind + quoteRef(g.ref()), g.fact(factACL, "")}}
	case g.object.Kind != kindPrivileges: // a view of this migration's
		return []grantTarget{{"TABLE " + quoteRef(g.ref()), g.fact(factACL, "")}}
	}
	out := grantTarget{sql: "TABLE " + quoteRef(g.on())}
	if g.before != nil {
		for k, v := range g.before.Facts {
			if strings.HasPrefix(k, factOn) {
				out.fact = v
			}
		}
	}
	return []grantTarget{out}
}

// backTo undoes one privilege of a GRANT or REVOKE.
func backTo(p privilege, was []privilege, x *pg.GrantStmt, target string) []string {
	i := slices.IndexFunc(was, func(w privilege) bool { return w.grantee == p.grantee && w.name == p.name && w.column == p.column })
	what := p.name
	if p.column != "" {
		what += " (" + quote(p.column) + ")"
	}
	who := grantee(p)
	switch {
	case x.IsGrant && i < 0:
		return []string{"REVOKE " + what + " ON " + target + " FROM " + who}
	case x.IsGrant && x.GrantOption && !was[i].passes:
		return []string{"REVOKE GRANT OPTION FOR " + what + " ON " + target + " FROM " + who}
	case x.IsGrant || i < 0:
		return nil
	case was[i].passes:
		return []string{"GRANT " + what + " ON " + target + " TO " + who + " WITH GRANT OPTION"}
	}
	return []string{"GRANT " + what + " ON " + target + " TO " + who}
}

// regrant gives the privileges that an object had, which the server gave to its
// owner and to PUBLIC by itself where that is the kind's way.
func (g *directs) regrant() []string {
	var out []string
	target := g.target()
	switch g.object.Kind {
	case kindView, kindMatview:
		target = "TABLE " + quoteRef(g.ref())
	case kindTrigger, kindPolicy, kindRule, kindStatistics, kindPublication, kindExtension, kindCollation:
		return nil
	}
	was := privileges(g.fact(factACL, ""))
	if g.object.Kind == kindFunction && !slices.ContainsFunc(was, func(p privilege) bool { return p.grantee == "" }) {
		out = append(out, "REVOKE ALL ON "+target+" FROM PUBLIC")
	}
	for _, p := range was {
		if p.grantee == g.fact(factHolder, "") || p.grantee == "" && g.object.Kind == kindFunction {
			continue
		}
		out = append(out, backTo(p, was, &pg.GrantStmt{}, target)...)
	}
	return out
}

// privilegesAgain brings back a list of privileges that a change of owner has
// mixed up: what the old and the new owner had becomes the new owner's.
func (g *directs) privilegesAgain() []string {
	was := privileges(g.fact(factACL, ""))
	owner := g.fact(factHolder, "")
	if !slices.ContainsFunc(was, func(p privilege) bool { return p.grantee != owner }) {
		return nil
	}
	target := g.target()
	switch g.object.Kind {
	case kindView, kindMatview:
		target = "TABLE " + quoteRef(g.ref())
	case kindTableSetting:
		target = "TABLE " + quoteRef(g.on())
	case kindDomain:
		target = "TYPE " + quoteRef(g.ref())
	}
	var out, seen []string
	for _, p := range was {
		if slices.Contains(seen, p.grantee) {
			continue
		}
		seen = append(seen, p.grantee)
		out = append(out, "REVOKE ALL ON "+target+" FROM "+grantee(p))
	}
	for _, p := range was {
		out = append(out, backTo(p, was, &pg.GrantStmt{}, target)...)
	}
	return out
}

func grantee(p privilege) string {
	if p.grantee == "" {
		return "PUBLIC"
	}
	return quote(p.grantee)
}

// defaultsDeed changes what is granted on objects that are yet to come.
func (g *directs) defaultsDeed(c planner.Direct, x *pg.AlterDefaultPrivilegesStmt) (deed, error) {
	d := deed{do: []string{c.SQL}, why: "it counts for what is created later"}
	was := privileges(g.fact(factACL, ""))
	for _, p := range g.named(x.Action, g.fact(factRole, "")) {
		held := slices.ContainsFunc(was, func(w privilege) bool { return w.grantee == p.grantee && w.name == p.name })
		if held == x.Action.IsGrant {
			continue
		}
		back := clone(x)
		back.Action.IsGrant = !x.Action.IsGrant
		back.Action.Privileges = []*pg.Node{{Node: &pg.Node_AccessPriv{AccessPriv: &pg.AccessPriv{PrivName: strings.ToLower(p.name)}}}}
		role := &pg.RoleSpec{Roletype: pg.RoleSpecType_ROLESPEC_CSTRING, Rolename: p.grantee}
		if p.grantee == "" {
			role = &pg.RoleSpec{Roletype: pg.RoleSpecType_ROLESPEC_PUBLIC}
		}
		back.Action.Grantees = []*pg.Node{{Node: &pg.Node_RoleSpec{RoleSpec: role}}}
		sql, err := deparse(&pg.Node{Node: &pg.Node_AlterDefaultPrivilegesStmt{AlterDefaultPrivilegesStmt: back}})
		if err != nil {
			return d, err
		}
		d.undo = append(d.undo, sql)
	}
	return d, nil
}
