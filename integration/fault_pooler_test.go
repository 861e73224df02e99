package integration

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
)

// fault_pooler_test.go: a pooler that shares sessions is refused, one that does
// not is fine.

// pooler runs PgBouncer before a database, and gives the URL that leads through it.
func pooler(t *testing.T, w *world, mode string) string {
	t.Helper()
	if _, err := exec.LookPath("pgbouncer"); err != nil {
		if out, err := exec.CommandContext(t.Context(), "../scripts/apt.sh", "pgbouncer").CombinedOutput(); err != nil {
			t.Fatalf("this test needs PgBouncer: %v\n%s", err, out)
		}
	}
	u, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal("the test server's URL cannot be parsed")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "migrate-pooler-") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	password, _ := u.User.Password()
	config := fmt.Sprintf(`[databases]
%s = host=%s port=%s user=%s password=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
auth_type = any
pool_mode = %s
unix_socket_dir =
`, w.Name, u.Hostname(), u.Port(), u.User.Username(), password, port, mode)
	path := filepath.Join(dir, "pooler.ini")
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil { //nolint:gosec // the pooler runs as another user
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // as above
		t.Fatal(err)
	}
	args := []string{path}
	if os.Geteuid() == 0 {
		args = []string{"-u", "nobody", path}
	}
	var said output
	cmd := exec.Command("pgbouncer", args...) //nolint:gosec,noctx // the test's own arguments; ended by the cleanup
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	u.Host = net.JoinHostPort("127.0.0.1", port)
	eventually(t, "PgBouncer to listen", func() bool {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", u.Host)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return u.String()
}

func TestPoolerThatSharesSessionsIsRefused(t *testing.T) {
	t.Parallel()
	for _, engine := range servers.Engines() {
		if engine != servers.Postgres {
			continue
		}
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, servers.Fresh(t, engine))
			fillUsers(t, w, 10)
			before := w.look(t)
			c := w.cli(t, map[string]string{"0007_split_name": splitName(w)})
			c.url = pooler(t, w, "transaction")
			for _, command := range []string{"status", "plan", "expand"} {
				contains(t, c.run(t, 1, command).stderr.String(), "pool_mode = transaction", "give a URL of the server itself")
			}
			same(t, "refused, the state", before, w.look(t))
			c.url = pooler(t, w, "session")
			c.run(t, 0, "expand")
		})
	}
}
