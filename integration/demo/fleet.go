package demo

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

// stopTimeout is how long a replica may take to answer the requests under way before it is killed.
const stopTimeout = 20 * time.Second

// window is how often a replica reports: short, so that the acts of the show can be told apart.
const window = 100 * time.Millisecond

// fleet is the app's replicas, each a process of its own.
type fleet struct {
	command []string // runs ReplicaMain
	env     []string
	args    []string // the same for all replicas
	report  func(measure.Report)

	died chan error // told of the first replica that ends without being asked

	mu      sync.Mutex
	running []*replica
}

// replica is one process.
type replica struct {
	version string
	slot    int
	cmd     *exec.Cmd
	stdin   io.Closer
	stderr  tail

	serving chan struct{} // closed when it has reported for the first time
	ended   chan struct{} // closed when the process is gone and its last report is read
	err     error         // set before ended is closed
	total   bool          // its last report has arrived; set before ended is closed

	mu    sync.Mutex
	asked bool // to stop
}

func (r *replica) String() string { return fmt.Sprintf("replica %d (%s)", r.slot, r.version) }

// newFleet prepares replicas for a shop; env carries the database's URL, which must not show in the list of
// processes.
func newFleet(opts Options, databaseURL string, report func(measure.Report)) *fleet {
	return &fleet{
		command: opts.ReplicaCommand,
		env:     append(os.Environ(), "SHOP_DATABASE_URL="+databaseURL),
		args: []string{
			"--slots", fmt.Sprint(2 * opts.Replicas), // a new replica serves before the old one it replaces stops
			"--customers", fmt.Sprint(opts.Customers),
			"--rate", fmt.Sprint(opts.Rate),
			"--report-every", fmt.Sprint(window),
			"--stop-with-stdin",
		},
		report: report,
		died:   make(chan error, 1),
	}
}

// start starts a replica; wait for its serving channel to know that it serves.
func (f *fleet) start(version string, slot int) (*replica, error) {
	args := append(append(append([]string{}, f.command[1:]...), version, "--slot", fmt.Sprint(slot)), f.args...)
	r := &replica{
		version: version, slot: slot,
		cmd:     exec.Command(f.command[0], args...), //nolint:noctx // it outlives no context: the fleet stops it in order
		serving: make(chan struct{}), ended: make(chan struct{}),
	}
	r.cmd.Env, r.cmd.Stderr = f.env, &r.stderr
	detach(r.cmd)
	stdin, err := r.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", r, err)
	}
	stdout, err := r.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", r, err)
	}
	if err := r.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", r, err)
	}
	r.stdin = stdin
	f.mu.Lock()
	f.running = append(f.running, r)
	f.mu.Unlock()
	go f.follow(r, stdout)
	return r, nil
}

// follow reads a replica's reports until it ends.
func (f *fleet) follow(r *replica, stdout io.Reader) {
	readErr := f.read(r, stdout)
	if readErr != nil {
		// Unread output would keep it from ever ending.
		_ = r.cmd.Process.Kill()
	}
	r.err = errors.Join(readErr, r.cmd.Wait())
	f.remove(r)
	close(r.ended)
	r.mu.Lock()
	asked := r.asked
	r.mu.Unlock()
	if !asked {
		select {
		case f.died <- fmt.Errorf("%s died: %w", r, r.failure()):
		default: // one death is enough
		}
	}
}

func (f *fleet) read(r *replica, stdout io.Reader) error {
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for first := true; lines.Scan(); {
		var report measure.Report
		if err := json.Unmarshal(lines.Bytes(), &report); err != nil {
			return fmt.Errorf("reading what %s measured: %w", r, err)
		}
		if report.Kind == measure.KindTotal {
			r.total = true
			continue
		}
		f.report(report)
		if first {
			close(r.serving)
			first = false
		}
	}
	return lines.Err()
}

// failure says why a replica ended that should have gone on.
func (r *replica) failure() error {
	err := r.err
	if err == nil {
		err = errors.New("it ended without being asked")
	}
	if said := strings.TrimSpace(r.stderr.String()); said != "" {
		return fmt.Errorf("%w: %s", err, said)
	}
	return err
}

func (f *fleet) remove(gone *replica) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, r := range f.running {
		if r == gone {
			f.running = append(f.running[:i:i], f.running[i+1:]...)
			return
		}
	}
}

// versions counts the running replicas by version.
func (f *fleet) versions() map[string]int {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := map[string]int{}
	for _, r := range f.running {
		count[r.version]++
	}
	return count
}

func (f *fleet) list() []*replica {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]*replica{}, f.running...)
}

// stop asks a replica to stop and waits until it has answered its last request and reported it.
func (f *fleet) stop(r *replica) error {
	r.ask()
	select {
	case <-r.ended:
	case <-time.After(stopTimeout):
		return errors.Join(fmt.Errorf("%s did not stop within %s", r, stopTimeout), r.kill())
	}
	switch {
	case r.err != nil:
		return fmt.Errorf("stopping %s: %w", r, r.failure())
	case !r.total:
		return fmt.Errorf("stopping %s: it ended without its final report", r)
	}
	return nil
}

// stopAll stops every replica, all at the same time.
func (f *fleet) stopAll() error {
	running := f.list()
	for _, r := range running {
		r.ask()
	}
	var errs []error
	for _, r := range running {
		errs = append(errs, f.stop(r))
	}
	return errors.Join(errs...)
}

// abandon ends what still runs when the show is over; nobody asks for reports any more.
func (f *fleet) abandon() error {
	if err := f.stopAll(); err != nil && len(f.list()) > 0 {
		return err
	}
	return nil
}

func (r *replica) ask() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked {
		return
	}
	r.asked = true
	// Not by a signal besides: it could arrive when the replica is done and listens to none any more, and then
	// count as its death.
	_ = r.stdin.Close()
}

func (r *replica) kill() error {
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("killing %s: %w", r, err)
	}
	<-r.ended
	return nil
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 2 << 10

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - tailSize; extra > 0 {
		t.text = append(t.text[:0:0], t.text[extra:]...)
	}
	return len(p), nil
}

// String is the end of what was written.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
