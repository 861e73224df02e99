package throwaway

import (
	"context"
	"database/sql"
	"errors"
	"net"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// startFor starts a server for a test, from whatever source has one.
func startFor(t *testing.T, engine string, opts Options) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a database server: left out by -short")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	server, err := Start(ctx, engine, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return server
}

func open(t *testing.T, server *Server) *sql.DB {
	t.Helper()
	db, err := OpenURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// refuses says whether nothing listens any more where the server was.
func refuses(t *testing.T, server *Server) bool {
	t.Helper()
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	var dialer net.Dialer
	connection, err := dialer.DialContext(t.Context(), "tcp", u.Host)
	if err != nil {
		return true
	}
	_ = connection.Close()
	return false
}

func TestStart(t *testing.T) {
	t.Parallel()
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			dir, err := os.MkdirTemp("", "throwaway-test-")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(dir) })
			// The server's user has to get through.
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			server := startFor(t, engine, Options{Dir: dir})
			t.Logf("%s from %s", engine, server.Source())
			if !strings.HasPrefix(server.URL(), engine+"://") {
				t.Errorf("the URL does not begin with %s://", engine)
			}
			db := open(t, server)
			if _, err := db.ExecContext(t.Context(), "CREATE TABLE thrown_away (id int PRIMARY KEY)"); err != nil {
				t.Fatal(err)
			}
			if err := server.Stop(); err != nil {
				t.Fatal(err)
			}
			if !refuses(t, server) {
				t.Error("something still listens at the port of a stopped server")
			}
			left, err := os.ReadDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(left) > 0 {
				t.Errorf("Stop left %s behind", left[0].Name())
			}
		})
	}
}

// The sources are equal: the same engine from each of those that this machine has.
func TestSources(t *testing.T) {
	t.Parallel()
	for engine := range engines {
		for _, source := range []Source{Binaries, Docker} {
			t.Run(engine+" from "+string(source), func(t *testing.T) {
				t.Parallel()
				if testing.Short() {
					t.Skip("needs a database server: left out by -short")
				}
				server, err := Start(t.Context(), engine, Options{Sources: []Source{source}})
				if errors.Is(err, ErrUnavailable) {
					// TestStart fails when no source has it.
					t.Logf("not on this machine: %v", err)
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if err := server.Kill(); err != nil {
					t.Errorf("killing: %v", err)
				}
				if !refuses(t, server) {
					t.Error("something still listens at the port of a killed server")
				}
				if err := server.Restart(t.Context()); err != nil {
					t.Errorf("restarting: %v", err)
				}
				if err := server.Kill(); err != nil {
					t.Errorf("killing the restarted server: %v", err)
				}
				if err := server.Stop(); err != nil {
					t.Errorf("stopping after a kill: %v", err)
				}
			})
		}
	}
}

func TestNobodyConnectsWithoutPassword(t *testing.T) {
	t.Parallel()
	for engine := range engines {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			server := startFor(t, engine, Options{})
			u, err := url.Parse(server.URL())
			if err != nil {
				t.Fatal(err)
			}
			u.User = url.UserPassword(u.User.Username(), "")
			db, err := OpenURL(u.String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = db.Close() })
			if err := db.PingContext(t.Context()); err == nil {
				t.Error("the superuser got in without a password")
			}
		})
	}
}

func TestStartSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	for engine, info := range engines {
		_, err := Start(t.Context(), engine, Options{Version: "0.1", Sources: []Source{Binaries}})
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: got %v, want an error that is ErrUnavailable", engine, err)
			continue
		}
		for _, want := range []string{info.title + " 0.1", string(Binaries), "install", "Docker"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the message lacks %q:\n%v", engine, want, err)
			}
		}
	}
}

func TestStartRefusesUnknownEngines(t *testing.T) {
	t.Parallel()
	if _, err := Start(t.Context(), "oracle", Options{}); err == nil {
		t.Error("started an engine that does not exist")
	}
}

func TestOpenURLKeepsSecrets(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"postgres://me:s3cret@host:port/db", "oracle://me:s3cret@host/db", "mysql://me:s3cret@ho st/"} {
		_, err := OpenURL(bad)
		if err == nil {
			t.Errorf("opened %q", bad)
			continue
		}
		if strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
