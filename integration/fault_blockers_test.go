package integration

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"
	"syscall"
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

// tells reports whether the server tells who holds a lock on a table: MariaDB has
// to be asked for it.
func (w *world) tells(t *testing.T) bool {
	t.Helper()
	return w.postgres() || w.number(t, "SELECT @@performance_schema") == 1
}

// disturbed reports whether a transaction's session has been ended.
func disturbed(t *testing.T, tx *sql.Tx) bool {
	t.Helper()
	_, err := tx.ExecContext(t.Context(), "SELECT 1")
	return err != nil
}

// checkout is a transaction of an ordinary user that has nothing to do with it.
func (w *world) checkout(t *testing.T, shop *world) *sql.Tx {
	t.Helper()
	w.exec(t, "CREATE TABLE orders (id int PRIMARY KEY, paid int NOT NULL)")
	w.exec(t, "INSERT INTO orders (id, paid) VALUES (1, 0)")
	if w.postgres() {
		w.exec(t, "GRANT ALL ON orders TO "+shop.user(t))
	}
	tx, _ := block(t, shop, "UPDATE orders SET paid = 1 WHERE id = 1")
	return tx
}

func (w *world) user(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal("the test server's URL cannot be parsed")
	}
	return u.User.Username()
}

func TestBlockersAreEndedOnRequest(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		fillUsers(t, w, 10)
		c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
		const secret = "kept-from-the-log@example.com"
		shop := w.as(t, "shop")
		tx, pid := block(t, shop, "UPDATE users SET email = '"+secret+"' WHERE id = 1")
		innocent := w.checkout(t, shop)

		// Nobody is ended unless somebody says so.
		c.run(t, 1, "expand", "--lock-deadline", "3s")
		if disturbed(t, tx) {
			t.Fatal("without the flag, the session in the way was disturbed")
		}
		if !w.tells(t) {
			w.suspectsAreLeftAlone(t, c, tx, innocent)
			return
		}
		p := c.run(t, 0, "expand", "--kill-blockers-after", "1s", "--lock-deadline", "1m")
		contains(t, p.stderr.String(), "ended a session in the way of a lock", fmt.Sprintf("pid %d", pid), "users")
		if !disturbed(t, tx) {
			t.Error("the session in the way was not ended")
		}
		_ = tx.Rollback()
		if err := innocent.Commit(); err != nil {
			t.Errorf("a session that held no lock on the table was disturbed: %v", err)
		}
		hides(t, p.said()+strings.Join(w.strings(t, "SELECT detail FROM "+w.own("journal")), "\n"), secret)
		if diff := cmp.Diff([]string{"intent", "done"}, w.kills(t)); diff != "" {
			t.Errorf("the journal tells otherwise (-want +got):\n%s", diff)
		}
		if s := c.status(t, "0007_split_name"); s.State != executor.Open {
			t.Errorf("the end is %s, want open", s.State)
		}
	})
}

// suspectsAreLeftAlone: where the server does not tell who holds a lock, nobody is
// ended, whoever it may be; it is said once, with what would help.
func (w *world) suspectsAreLeftAlone(t *testing.T, c *cli, all ...*sql.Tx) {
	t.Helper()
	p := c.run(t, 1, "expand", "--kill-blockers-after", "500ms", "--lock-deadline", "4s")
	contains(t, p.stderr.String(), "left alone", "does not tell who holds the lock", "wait/lock/metadata/sql/mdl", "not known to hold the lock")
	for _, tx := range all {
		if err := tx.Commit(); err != nil {
			t.Errorf("a session that was merely suspected was disturbed: %v", err)
		}
	}
	if kills := w.kills(t); len(kills) > 0 {
		t.Errorf("the journal has %v", kills)
	}
	c.run(t, 0, "expand")
}

// A server of MariaDB's that is left as it comes.
func TestSuspectsAreNeverEnded(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	for _, target := range servers.Matrix() {
		if target.Engine != servers.MariaDB {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			_, serverURL := container(t, servers.MariaDB, nil, []string{"--performance-schema=OFF"})
			exact(t, openURL(t, serverURL), "CREATE DATABASE shop_of_suspects")
			w := newWorld(t, &servers.Database{
				Engine: servers.MariaDB, URL: strings.TrimSuffix(serverURL, "mysql") + "shop_of_suspects", AdminURL: serverURL, Name: "shop_of_suspects",
			})
			fillUsers(t, w, 10)
			c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
			shop := w.as(t, "shop")
			tx, _ := block(t, shop, "UPDATE users SET email = 'y' WHERE id = 1")
			w.suspectsAreLeftAlone(t, c, tx, w.checkout(t, shop))
		})
	}
}

// Who holds a row for long is in the way of a chunk, as of a lock on a table.
func TestRowBlockersAreEndedOnRequest(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		const rows = 2000
		bigTable(t, w, rows)
		c := w.cli(t, map[string]string{"0007_double": addB})
		shop := w.as(t, "shop")
		innocent := w.checkout(t, shop)

		// Paused, the backfill lets us lock a row that it will come to.
		c.run(t, 0, "pause")
		p := c.start(t, "expand", "--kill-blockers-after", "1s", "--lock-deadline", "1m")
		eventually(t, "the backfill to begin", func() bool {
			if !p.running() {
				t.Fatalf("expand ended (exit %d):\n%s", p.wait(), p.said())
			}
			return w.state(t) == string(executor.Backfilling)
		})
		tx, pid := block(t, shop, "UPDATE t SET label = 'mine' WHERE id = 1000")
		c.run(t, 0, "resume")
		if code := p.wait(); code != 0 {
			t.Fatalf("expand exits %d\n%s", code, p.said())
		}
		contains(t, p.stderr.String(), "ended a session in the way of a lock", fmt.Sprintf("pid %d", pid))
		if !disturbed(t, tx) {
			t.Error("the session that held the row was not ended")
		}
		_ = tx.Rollback()
		if err := innocent.Commit(); err != nil {
			t.Errorf("a session that held no row of the table was disturbed: %v", err)
		}
		if diff := cmp.Diff([]string{"intent", "done"}, w.kills(t)); diff != "" {
			t.Errorf("the journal tells otherwise (-want +got):\n%s", diff)
		}
		if n := w.number(t, "SELECT count(*) FROM t WHERE b IS NULL OR b <> a * 2"); n != 0 {
			t.Errorf("%d rows are wrong", n)
		}
	})
}

// A concurrent index build waits for every transaction that began before it. It
// tells for whom, and ends it on request.
func TestTransactionsThatAnIndexBuildWaitsFor(t *testing.T) {
	t.Parallel()
	servers.Each(t, func(t *testing.T, d *servers.Database) {
		w := newWorld(t, d)
		if !w.postgres() {
			t.Skip("its index builds wait for locks on the table only")
		}
		bigTable(t, w, 100)
		c := w.cli(t, map[string]string{"0007_index": "CREATE INDEX t_label ON t (label);\n"})
		shop := w.as(t, "shop")
		tx, pid := block(t, shop, "UPDATE t SET label = 'mine' WHERE id = 50")
		defer func() { _ = tx.Rollback() }()
		p := c.start(t, "expand")
		eventually(t, "the build to say for whom it waits", func() bool {
			if !p.running() {
				t.Fatalf("expand ended (exit %d):\n%s", p.wait(), p.said())
			}
			return strings.Contains(p.stderr.String(), fmt.Sprintf("pid %d", pid))
		})
		if disturbed(t, tx) {
			t.Fatal("without the flag, the transaction waited for was disturbed")
		}
		p.signal(t, syscall.SIGINT)
		if code := p.wait(); code != 130 {
			t.Fatalf("interrupted, expand exits %d\n%s", code, p.said())
		}
		p = c.run(t, 0, "expand", "--kill-blockers-after", "1s", "--lock-deadline", "1m")
		contains(t, p.stderr.String(), "ended a session in the way of a lock", fmt.Sprintf("pid %d", pid))
		if !disturbed(t, tx) {
			t.Error("the transaction waited for was not ended")
		}
		if diff := cmp.Diff([]string{"intent", "done"}, w.kills(t)); diff != "" {
			t.Errorf("the journal tells otherwise (-want +got):\n%s", diff)
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
		reason := w.either("a superuser's", "privilege SUPER")
		if !w.tells(t) {
			reason = "does not tell who holds the lock"
		}
		contains(t, p.stderr.String(), "left alone", fmt.Sprintf("pid %d", pid), reason)
		if _, err := tx.ExecContext(t.Context(), "UPDATE users SET email = 'z' WHERE id = 2"); err != nil {
			t.Errorf("the superuser's session was disturbed: %v", err)
		}
		if err := tx.Commit(); err != nil {
			t.Error(err)
		}
		want := []string{"intent", "failed"}
		if !w.tells(t) {
			want = nil
		}
		if diff := cmp.Diff(want, w.kills(t)); diff != "" {
			t.Errorf("the journal tells otherwise (-want +got):\n%s", diff)
		}
		c.run(t, 0, "expand")
	})
}
