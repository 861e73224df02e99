package integration

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// fault_blockers_test.go: sessions in the way of a lock are ended for who asks
// for it, and nobody else's; a superuser's never.

// as is the world seen by an ordinary user, who may use this database only.
func (w *world) as(t *testing.T, user string) *world {
	t.Helper()
	name := user + "_" + w.Name[len(w.Name)-10:]
	const password = "ordinary"
	if w.postgres() {
		w.exec(t, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; GRANT ALL ON ALL TABLES IN SCHEMA public TO %[1]s", name, password))
		t.Cleanup(func() { w.lastly(t, "DROP OWNED BY "+name, "DROP ROLE "+name) })
	} else {
		w.exec(t, fmt.Sprintf("CREATE USER %s IDENTIFIED BY '%s'; GRANT ALL ON %s.* TO %[1]s", name, password, w.Name))
		t.Cleanup(func() { w.lastly(t, "DROP USER "+name) })
	}
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal("the test server's URL cannot be parsed")
	}
	u.User = url.UserPassword(name, password)
	d := *w.Database
	d.URL = u.String()
	return newWorld(t, &d)
}

// lastly runs statements at a test's end.
func (w *world) lastly(t *testing.T, statements ...string) {
	t.Helper()
	db, err := throwaway.OpenURL(w.URL)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = db.Close() }()
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil { //nolint:noctx // the test's context has ended
			t.Errorf("%s: %v", s, err)
		}
	}
}

func (w *world) kills(t *testing.T) []string {
	t.Helper()
	return w.strings(t, "SELECT event FROM "+w.own("journal")+" WHERE action = 'kill' ORDER BY id")
}

func TestBlockersAreEndedOnRequest(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		const secret = "kept-from-the-log@example.com"
		tx, pid := block(t, w.as(t, "shop"), "UPDATE users SET email = '"+secret+"' WHERE id = 1")

		// Nobody is ended unless somebody says so.
		c.run(t, 1, "expand", "--lock-deadline", "3s")
		if _, err := tx.ExecContext(t.Context(), "UPDATE users SET email = 'z' WHERE id = 1"); err != nil {
			t.Fatalf("without the flag, the session in the way was disturbed: %v", err)
		}
		p := c.run(t, 0, "expand", "--kill-blockers-after", "1s")
		contains(t, p.stderr.String(), "ended a session in the way of a lock", fmt.Sprintf("pid %d", pid), "users")
		if _, err := tx.ExecContext(t.Context(), "UPDATE users SET email = 'z' WHERE id = 2"); err == nil {
			t.Error("the session in the way was not ended")
		}
		_ = tx.Rollback()
		hides(t, p.said()+strings.Join(w.strings(t, "SELECT detail FROM "+w.own("journal")), "\n"), secret)
		if diff := cmp.Diff([]string{"intent", "done"}, w.kills(t)); diff != "" {
			t.Errorf("the journal tells otherwise (-want +got):\n%s", diff)
		}
		if s := c.status(t, "0007_split_name"); s.State != executor.Open {
			t.Errorf("the end is %s, want open", s.State)
		}
	})
}

func TestSuperusersAreNeverEnded(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		tx, pid := block(t, w, "UPDATE users SET email = 'y' WHERE id = 1")
		p := c.run(t, 1, "expand", "--kill-blockers-after", "500ms", "--lock-deadline", "4s")
		contains(t, p.stderr.String(), "left alone", fmt.Sprintf("pid %d", pid), w.either("a superuser's", "privilege SUPER"))
		if _, err := tx.ExecContext(t.Context(), "UPDATE users SET email = 'z' WHERE id = 2"); err != nil {
			t.Errorf("the superuser's session was disturbed: %v", err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"intent", "failed"}, w.kills(t)); diff != "" {
			t.Errorf("the journal tells otherwise (-want +got):\n%s", diff)
		}
		c.run(t, 0, "expand")
	})
}
