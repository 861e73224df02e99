// Package throwaway starts private database servers that are meant to be thrown away:
// for `migrate demo` and for tests that must be free to stop or kill their server.
//
// A server comes from the binaries installed on the machine, on a temporary directory and
// a free port, or from Docker through its command line. Its data survives no crash of the
// machine (fsync is off where the engine allows it) and is removed by Stop.
package throwaway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
	"time"
)

// The engines that Start knows.
const (
	Postgres = "postgres"
	MySQL    = "mysql"
	MariaDB  = "mariadb"
)

// A Source is a place that servers come from.
type Source string

// The sources, in the order in which Start tries them by default.
const (
	Binaries Source = "installed binaries"
	Docker   Source = "docker"
)

// startTimeout bounds the initialization of a data directory and the server's first answer.
// The download of an image is not counted.
const startTimeout = 2 * time.Minute

// ErrUnavailable says that a source has no such server: nothing is installed, or no engine
// runs. Other errors mean that there is one and it did not start.
var ErrUnavailable = errors.New("not available")

// Options say which server is wanted.
type Options struct {
	// Version is the beginning of the server's version, such as "17" or "11.8". Empty means
	// any: the newest of the installed ones, or the default image.
	Version string
	// Sources are tried in order; empty means Binaries, then Docker.
	Sources []Source
	// Dir is where a server from binaries keeps its data, in a directory of its own.
	// Empty means the system's temporary directory.
	Dir string
}

// A Server is a running server that belongs to its caller alone.
type Server struct {
	engine string
	source string
	url    string
	stop   func() error
	kill   func() error
	again  func(ctx context.Context) error

	once    sync.Once
	stopErr error
}

// URL is the migrate URL of the server's initial database, with its superuser and password:
// postgres://…, mysql://… or mariadb://….
func (s *Server) URL() string { return s.url }

// Engine is the engine's name.
func (s *Server) Engine() string { return s.engine }

// Source says where the server came from, for people: a directory of binaries or an image.
func (s *Server) Source() string { return s.source }

// Stop ends the server and removes its data. Later calls return the first one's result.
func (s *Server) Stop() error {
	s.once.Do(func() { s.stopErr = s.stop() })
	return s.stopErr
}

// Kill ends the server at once with SIGKILL, as a crash would. Its files stay until Stop.
func (s *Server) Kill() error { return s.kill() }

// Restart starts a server again that Kill has ended, and returns when it answers queries. It
// has the data and the address that it had; only a Docker of another machine may give it
// another port, and then URL tells. ctx bounds the start only.
func (s *Server) Restart(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	if err := s.again(ctx); err != nil {
		return fmt.Errorf("starting the %s server again: %w", engines[s.engine].title, err)
	}
	return nil
}

// Start starts a server and returns when it answers queries. ctx bounds the start only: the
// server lives until Stop. The error names what each source lacked and what to install.
func Start(ctx context.Context, engine string, opts Options) (*Server, error) {
	if _, ok := engines[engine]; !ok {
		return nil, fmt.Errorf("starting a throwaway server: unknown engine %q", engine)
	}
	sources := opts.Sources
	if len(sources) == 0 {
		sources = []Source{Binaries, Docker}
	}
	var failures []error
	for _, source := range sources {
		server, err := startFrom(ctx, source, engine, opts)
		if err == nil {
			return server, nil
		}
		failures = append(failures, fmt.Errorf("%s: %w", source, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, &StartError{Engine: engine, Version: opts.Version, Causes: failures}
}

func startFrom(ctx context.Context, source Source, engine string, opts Options) (*Server, error) {
	switch source {
	case Binaries:
		return startBinaries(ctx, engine, opts)
	case Docker:
		return startDocker(ctx, engine, opts)
	default:
		return nil, fmt.Errorf("unknown source %q", source)
	}
}

// A StartError says why no source had a server and what would help.
type StartError struct {
	Engine  string
	Version string
	Causes  []error
}

// Error lists what each source said, then what to install.
func (e *StartError) Error() string {
	wanted := engines[e.Engine].title
	if e.Version != "" {
		wanted += " " + e.Version
	}
	return fmt.Sprintf("no %s server could be started:\n%v\n%s", wanted, errors.Join(e.Causes...), engines[e.Engine].advice)
}

// Unwrap gives the causes, one per source.
func (e *StartError) Unwrap() []error { return e.Causes }

// engineInfo is what differs between engines outside of starting them.
type engineInfo struct {
	title    string
	user     string // the superuser
	database string // the initial database
	advice   string
	image    string // the official image without its tag
	version  string // the version of the default image
	port     string // inside the container
}

var engines = map[string]engineInfo{
	Postgres: {
		title: "PostgreSQL", user: "postgres", database: "postgres",
		advice: "install one (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql@17) or start Docker",
		image:  "postgres", version: "17", port: "5432",
	},
	MySQL: {
		title: "MySQL", user: "root", database: "mysql",
		advice: "install one (Ubuntu: apt-get install mysql-server; macOS: brew install mysql) or start Docker",
		image:  "mysql", version: "9", port: "3306",
	},
	MariaDB: {
		title: "MariaDB", user: "root", database: "mysql",
		advice: "install one (Debian, Ubuntu: apt-get install mariadb-server; macOS: brew install mariadb) or start Docker",
		image:  "mariadb", version: "11.8", port: "3306",
	},
}

// serverURL builds the URL of the initial database.
func serverURL(engine, password, address string) string {
	info := engines[engine]
	u := url.URL{
		Scheme: engine,
		User:   url.UserPassword(info.user, password),
		Host:   address,
		Path:   "/" + info.database,
	}
	if engine == Postgres {
		u.RawQuery = "sslmode=disable"
	}
	return u.String()
}

// freePort finds a port of the loopback interface that nothing listens on. Another process
// may take it before the server does: the start then fails and is repeated with another.
func freePort(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	if err := listener.Close(); err != nil {
		return "", fmt.Errorf("finding a free port: %w", err)
	}
	return port, nil
}

func newPassword() string { return rand.Text() }
