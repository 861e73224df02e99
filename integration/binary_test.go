package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/expandcontract/migrate/executor"
)

// binary_test.go runs the program as people do: another process, told by its
// command line, judged by its exit code and what it prints.

// program is the one that people run; crashing is the one that kills itself at
// a crash point (executor/crashpoint_kill.go).
var program, crashing build

// build is the program, built once.
type build struct {
	once sync.Once
	path string
	err  error
}

// TestMain lets more tests run side by side than there are processors: they
// wait for servers and for processes, and some for locks that are held for long.
// At the end it removes the program that the tests built.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("4")
	}
	code := m.Run()
	for _, b := range []*build{&program, &crashing} {
		if b.path != "" {
			_ = os.RemoveAll(filepath.Dir(b.path))
		}
	}
	os.Exit(code)
}

// with builds the program, unless that has been done, and says where it is.
func (b *build) with(t *testing.T, flags ...string) string {
	t.Helper()
	b.once.Do(func() {
		dir, err := os.MkdirTemp("", "migrate-integration-")
		if err != nil {
			b.err = err
			return
		}
		b.path = filepath.Join(dir, "migrate")
		args := append([]string{"build", "-o", b.path}, flags...)
		out, err := exec.CommandContext(context.Background(), "go", append(args, "../cmd/migrate")...).CombinedOutput() //nolint:gosec // fixed arguments
		if err != nil {
			b.err = fmt.Errorf("building the program: %w\n%s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	return b.path
}

// cli is the program with a folder of migrations and a database.
type cli struct {
	dir string
	url string
	// program is the one to run, if it is not the one that people do; env is
	// added to its environment.
	program string
	env     []string
}

// cli makes a folder with migrations, by name.
func (w *world) cli(t *testing.T, migrations map[string]string) *cli {
	t.Helper()
	dir := t.TempDir()
	for name, src := range migrations {
		writeMigration(t, dir, name, src)
	}
	return &cli{dir: dir, url: w.URL}
}

func writeMigration(t *testing.T, dir, name, src string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "migrations"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "migrations", name+".sql"), []byte(src), 0o600); err != nil {
		t.Fatal(err)
	}
}

// output collects what a process writes while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// process is the program at work.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	done           chan struct{}
	code           int
}

// start runs a command in the background; it is killed if the test ends first.
func (c *cli) start(t *testing.T, args ...string) *process {
	t.Helper()
	p := &process{done: make(chan struct{})}
	path := c.program
	if path == "" {
		path = program.with(t, raceFlags...)
	}
	p.cmd = exec.Command(path, args...) //nolint:gosec,noctx // the test's own arguments; ended by the cleanup
	p.cmd.Dir = c.dir
	p.cmd.Env = append(append(os.Environ(), "MIGRATE_DATABASE_URL="+c.url, "MIGRATE_LOCKS_REST=0s"), c.env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.done)
		err := p.cmd.Wait()
		var exit *exec.ExitError
		switch {
		case errors.As(err, &exit):
			p.code = exit.ExitCode()
		case err != nil:
			p.code = -2
		}
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// wait waits for the end and returns the exit code; -1 is a signal's.
func (p *process) wait() int {
	<-p.done
	return p.code
}

// signal sends one to the process.
func (p *process) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// running reports whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// said is everything that the process wrote.
func (p *process) said() string { return p.stdout.String() + p.stderr.String() }

// run runs a command to its end, which must have the exit code wanted.
func (c *cli) run(t *testing.T, want int, args ...string) *process {
	t.Helper()
	p := c.start(t, args...)
	if got := p.wait(); got != want {
		t.Fatalf("migrate %s exits %d, want %d\n%s", strings.Join(args, " "), got, want, p.said())
	}
	return p
}

// status reads status -o json.
func (c *cli) status(t *testing.T, name string) executor.MigrationStatus {
	t.Helper()
	p := c.run(t, 0, "status", "-o", "json")
	var s executor.Status
	if err := json.Unmarshal([]byte(p.stdout.String()), &s); err != nil {
		t.Fatalf("%v\n%s", err, p.stdout.String())
	}
	for _, m := range s.Migrations {
		if m.Name == name {
			return m
		}
	}
	t.Fatalf("status does not know %s:\n%s", name, p.stdout.String())
	return executor.MigrationStatus{}
}

// contains fails unless the text has all the parts.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// hides fails if the text has one of the parts.
func hides(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if strings.Contains(text, part) {
			t.Errorf("%q must not be in:\n%s", part, text)
		}
	}
}
