package throwaway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// stopTimeout is how long a server may take to shut down before it is killed.
const stopTimeout = 20 * time.Second

// portAttempts is how often a start is repeated with another port.
const portAttempts = 3

// A recipe is how an engine's binaries are found, made to initialize a directory and run.
type recipe interface {
	// find returns the directory of the binaries that fit the version.
	find(ctx context.Context, version string) (string, error)
	// users are the accounts that root gives the server to, by preference.
	users() []string
	initialize(ctx context.Context, bin string, home home, password string) error
	// serve gives the command line of the server.
	serve(bin string, home home, port string) []string
	// shutdown is the signal that ends the server without leaving anything behind.
	shutdown() syscall.Signal
}

var recipes = map[string]recipe{
	Postgres: postgresRecipe{},
	MySQL:    mysqlRecipe{engine: MySQL},
	MariaDB:  mysqlRecipe{engine: MariaDB},
}

// home is the directory of one server and the account that owns it.
type home struct {
	dir   string
	owner *user.User // nil: the account of this process
}

func (h home) path(name string) string { return filepath.Join(h.dir, name) }

// newHome makes the directory. Servers refuse to run as root, so root gives it away.
func newHome(parent string, accounts []string) (home, error) {
	dir, err := os.MkdirTemp(parent, "migrate-throwaway-")
	if err != nil {
		return home{}, fmt.Errorf("making a data directory: %w", err)
	}
	h := home{dir: dir}
	if os.Geteuid() != 0 {
		return h, nil
	}
	for _, name := range accounts {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		h.owner = account
		return h, h.give(dir)
	}
	_ = os.RemoveAll(dir)
	return home{}, fmt.Errorf("%w: a server does not run as root, and there is none of the users %s", ErrUnavailable, strings.Join(accounts, ", "))
}

// give makes the owner the owner of a file.
func (h home) give(path string) error {
	if h.owner == nil {
		return nil
	}
	uid, err := strconv.Atoi(h.owner.Uid)
	if err != nil {
		return fmt.Errorf("reading the id of user %s: %w", h.owner.Username, err)
	}
	gid, err := strconv.Atoi(h.owner.Gid)
	if err != nil {
		return fmt.Errorf("reading the group of user %s: %w", h.owner.Username, err)
	}
	return os.Chown(path, uid, gid)
}

// writeSecret writes a file that only the owner reads.
func (h home) writeSecret(name, content string) (string, error) {
	path := h.path(name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return "", err
	}
	return path, h.give(path)
}

// command prepares a command that runs as the owner, in the directory.
func (h home) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Dir = h.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.dir, "TMPDIR=" + h.dir, "LC_ALL=" + locale()}
	cmd.SysProcAttr = processAttributes(h.owner)
	return cmd
}

// run runs a command to its end; its output becomes part of the error.
func (h home) run(ctx context.Context, args ...string) error {
	cmd := h.command(ctx, args...)
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("running %s: %w\n%s", filepath.Base(args[0]), err, tail(output.String()))
	}
	return nil
}

// locale is one that needs no installation, with UTF-8 and letters beyond ASCII.
func locale() string {
	if runtime.GOOS == "linux" {
		return "C.UTF-8"
	}
	return "en_US.UTF-8"
}

// startBinaries initializes a directory and starts the installed server on it.
func startBinaries(ctx context.Context, engine string, opts Options) (*Server, error) {
	r := recipes[engine]
	bin, err := r.find(ctx, opts.Version)
	if err != nil {
		return nil, err
	}
	h, err := newHome(opts.Dir, r.users())
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	password := newPassword()
	if err := r.initialize(ctx, bin, h, password); err != nil {
		return nil, errors.Join(fmt.Errorf("initializing a data directory: %w", err), os.RemoveAll(h.dir))
	}
	for attempt := 1; ; attempt++ {
		server, err := serve(ctx, engine, bin, h, password)
		if err == nil {
			return server, nil
		}
		if attempt == portAttempts || ctx.Err() != nil {
			return nil, errors.Join(err, os.RemoveAll(h.dir))
		}
	}
}

// serve starts the server's process on an initialized directory and waits for its answer.
func serve(ctx context.Context, engine, bin string, h home, password string) (*Server, error) {
	port, err := freePort(ctx)
	if err != nil {
		return nil, err
	}
	databaseURL := serverURL(engine, password, "127.0.0.1:"+port)
	p, err := launch(ctx, engine, bin, h, port, databaseURL)
	if err != nil {
		return nil, err
	}
	var current atomic.Pointer[process]
	current.Store(p)
	return &Server{
		engine: engine,
		source: bin,
		url:    databaseURL,
		stop:   func() error { return errors.Join(current.Load().stop(), os.RemoveAll(h.dir)) },
		kill:   func() error { return current.Load().kill() },
		again: func(ctx context.Context) error {
			// The children of a killed PostgreSQL server may outlive it for a moment, and
			// until they are gone there is no other on its directory.
			for {
				p, err := launch(ctx, engine, bin, h, port, databaseURL)
				if err == nil {
					current.Store(p)
					return nil
				}
				select {
				case <-ctx.Done():
					return err
				case <-time.After(pollInterval):
				}
			}
		},
	}, nil
}

// launch starts the server's process on a port and waits for its answer.
func launch(ctx context.Context, engine, bin string, h home, port, databaseURL string) (*process, error) {
	r := recipes[engine]
	logPath := h.path("server.log")
	logFile, err := os.Create(logPath)
	if err != nil {
		return nil, fmt.Errorf("making the server's log: %w", err)
	}
	defer func() { _ = logFile.Close() }()
	// The server outlives the context of its start.
	cmd := h.command(context.WithoutCancel(ctx), r.serve(bin, h, port)...)
	cmd.Stdout, cmd.Stderr = logFile, logFile
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", cmd.Path, err)
	}
	p := &process{cmd: cmd, done: make(chan struct{}), shutdown: r.shutdown()}
	go p.wait()
	if err := AwaitReady(ctx, databaseURL, p.done); err != nil {
		err = errors.Join(err, p.kill())
		if log, readErr := os.ReadFile(logPath); readErr == nil {
			err = fmt.Errorf("%w\n%s", err, tail(string(log)))
		}
		return nil, err
	}
	return p, nil
}

// process is a server's process, waited for by one goroutine.
type process struct {
	cmd      *exec.Cmd
	shutdown syscall.Signal
	done     chan struct{} // closed when the process has ended
}

func (p *process) wait() {
	_ = p.cmd.Wait() // a server that is told to end may well report an error
	close(p.done)
}

// stop asks the process to end and kills it when it does not.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(p.shutdown); err != nil {
		return p.kill() // it has ended, or this system has no such signal
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return p.kill()
	}
}

// kill ends the process and its children, and waits for it.
func (p *process) kill() error {
	if err := killGroup(p.cmd.Process); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing the server: %w", err)
	}
	<-p.done
	return nil
}

// firstExecutable returns the first of the paths that is an executable file.
func firstExecutable(paths []string) (string, bool) {
	for _, path := range paths {
		if found, err := exec.LookPath(path); err == nil {
			return found, true
		}
	}
	return "", false
}

// tail returns the last lines of a log.
func tail(log string) string {
	const lines = 15
	all := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
