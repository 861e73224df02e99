package postgres

import (
	"context"
	"database/sql"
	"net/url"
	"slices"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// life is a migration on a real server that is run by its steps alone: for what
// is seen only between two phases. Walks are left out.
type life struct {
	*world
	plan *plan.Plan
	ran  []plan.Step
}

func (w *world) migration(script string) *life {
	w.Helper()
	f := planner.File{Name: "0007_life", Path: "0007_life.sql", Src: script}
	refs, err := planner.Refer(Dialect{}, f)
	if err != nil {
		w.Fatal(err)
	}
	s, err := w.session.Inspect(w.Context(), refs)
	if err != nil {
		w.Fatal(err)
	}
	p, err := planner.Plan(planner.Input{Dialect: Dialect{}, Schema: s, File: f, Defaults: planner.StandardDefaults})
	if err != nil {
		w.Fatal(err)
	}
	return &life{world: w, plan: p}
}

// phase runs a phase up to its grace.
func (l *life) phase(p plan.PhaseName) {
	l.Helper()
	for _, st := range l.plan.Steps(p) {
		if st.AfterGrace {
			continue
		}
		l.all([]plan.Step{st})
		l.ran = append(l.ran, st)
	}
}

// purge ends the grace.
func (l *life) purge() {
	l.Helper()
	for _, st := range l.plan.Steps(plan.Contract) {
		if st.AfterGrace {
			l.all([]plan.Step{st})
		}
	}
}

// rollback undoes all that ran, the last first.
func (l *life) rollback() {
	l.Helper()
	l.undoAll(l.ran)
	l.ran = nil
}

// role makes a role that may log in, and a pool of its sessions. Roles are the
// whole server's, so that its name is made of the database's, and it goes in the end.
func (w *world) role(prefix string) (name string, pool *sql.DB) {
	w.Helper()
	name = prefix + w.db.Name[len(w.db.Name)-10:]
	admin := w.session.DB()
	run(w, admin, "CREATE ROLE "+name+" LOGIN PASSWORD 'a'")
	w.Cleanup(func() {
		for _, q := range []string{"DROP OWNED BY " + name + " CASCADE", "DROP ROLE " + name} {
			if _, err := admin.ExecContext(context.WithoutCancel(w.Context()), q); err != nil {
				w.Errorf("dropping the role: %v", err)
			}
		}
	})
	u, err := url.Parse(w.db.URL)
	if err != nil {
		w.Fatal("the URL cannot be read")
	}
	u.User = url.UserPassword(name, "a")
	return name, app(w, u.String())
}

// rightsOn is what a sequence's access list, owner and comment say.
func (w *world) rightsOn(sequence string) string {
	w.Helper()
	return text(w, w.session.DB(), `SELECT concat_ws(' / ', relowner::regrole, obj_description(oid, 'pg_class'), (SELECT string_agg(g::text, ' ' ORDER BY g::text)
		FROM aclexplode(coalesce(relacl, acldefault('s', relowner))) g)) FROM pg_class WHERE oid = $1::text::regclass`, sequence)
}

// sequences are those of the schema public, with the columns that own them.
func (w *world) sequences() []string {
	w.Helper()
	return slices.Sorted(slices.Values(w.rows(w.session.DB(), `SELECT c.relname || coalesce(' of ' || d.refobjid::regclass || ' ' || d.deptype::text, '') FROM pg_class c
		LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
		WHERE c.relkind = 'S' AND c.relnamespace = 'public'::regnamespace`)))
}
