// Package keeper owns the database servers that the test processes of one user share. A
// keeper is a process of its own: go test runs every package in another process, and none of
// them knows which is the last. The keeper sees their connections instead, and ends with its
// servers when there has been none for a while, however the test processes ended.
package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
)

// Linger is how long a keeper without connections waits for the next one, so that repeated
// runs of go test find the servers warm.
const Linger = 30 * time.Second

// ErrTaken says that this user has a keeper already.
var ErrTaken = errors.New("another keeper is running")

// A server is a running server that can be removed.
type server struct {
	url    string
	source string
	stop   func() error
	// alive says whether the server still answers: somebody may have restarted the engine of
	// its container.
	alive func(context.Context) bool
}

// slot holds the server of one kind; its lock makes others wait while it starts.
type slot struct {
	mu       sync.Mutex
	server   *server
	failure  error // of the last start
	failedAt time.Time
}

type keeper struct {
	ctx      context.Context // of the keeper's life: servers must not start after it
	start    func(context.Context, wire.Request) (*server, error)
	listener net.Listener
	linger   time.Duration

	mu      sync.Mutex
	claims  int
	closing bool
	idle    *time.Timer
	slots   map[wire.Request]*slot
}

// Run keeps servers until ctx ends or nobody has claimed any for the time of linger; then it
// removes them and returns. It returns ErrTaken when another keeper runs.
func Run(ctx context.Context, linger time.Duration) error {
	if _, err := wire.Dir(); err != nil {
		return err
	}
	unlock, err := lock(wire.Lock())
	if err != nil {
		return err
	}
	defer unlock()
	// What is left in the directory is of a keeper that was killed.
	if err := os.Remove(wire.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("removing an old socket: %w", err)
	}
	if err := removeLeftovers(ctx); err != nil {
		slog.Warn("removing containers of a killed keeper", "err", err)
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "unix", wire.Socket())
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	return serve(ctx, listener, linger, startServer)
}

// lock takes the keeper's lock, which the system frees when the process ends.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrTaken
		}
		return nil, fmt.Errorf("locking: %w", err)
	}
	return func() { _ = file.Close() }, nil
}

// serve answers connections until the keeper ends, then stops its servers. The connections
// are closed after that: a client that waits for the end sees it.
func serve(ctx context.Context, listener net.Listener, linger time.Duration, start func(context.Context, wire.Request) (*server, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k := &keeper{ctx: ctx, start: start, listener: listener, linger: linger, slots: map[wire.Request]*slot{}}
	k.idle = time.AfterFunc(linger, k.endIfIdle)
	defer k.idle.Stop()
	defer context.AfterFunc(ctx, k.end)()

	var connections []net.Conn
	for {
		c, err := listener.Accept()
		if err != nil {
			break // closed by end
		}
		connections = append(connections, c)
		go k.handle(wire.NewConn(c))
	}
	cancel() // starts that are under way give up
	err := k.stopServers()
	for _, c := range connections {
		_ = c.Close()
	}
	return err
}

// handle serves one connection; it counts as a claim until it closes or is released.
func (k *keeper) handle(c *wire.Conn) {
	defer func() { _ = c.Close() }()
	if !k.claim() {
		return // the client tries again and finds the next keeper
	}
	release := sync.OnceFunc(k.release)
	defer release()
	for {
		var request wire.Request
		if err := c.Receive(&request); err != nil {
			return
		}
		if request.Release {
			k.mu.Lock()
			k.linger = 0
			k.mu.Unlock()
			_ = c.Send(wire.Reply{}) // before the end, which closes the connection
			release()
			continue
		}
		if err := c.Send(k.serverFor(request)); err != nil {
			return
		}
	}
}

func (k *keeper) claim() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closing {
		return false
	}
	k.claims++
	k.idle.Stop()
	return true
}

func (k *keeper) release() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.claims--
	if k.claims == 0 && !k.closing {
		k.idle.Reset(k.linger)
	}
}

func (k *keeper) endIfIdle() {
	k.mu.Lock()
	idle := k.claims == 0
	k.closing = k.closing || idle
	k.mu.Unlock()
	if idle {
		k.end()
	}
}

func (k *keeper) end() {
	k.mu.Lock()
	k.closing = true
	k.mu.Unlock()
	_ = k.listener.Close()
}

// serverFor returns the server of a request and starts it at the first. A failed start is
// the answer to all who asked before it failed, but not to those who ask later: what was
// missing may have been installed by then.
func (k *keeper) serverFor(request wire.Request) wire.Reply {
	asked := time.Now()
	k.mu.Lock()
	s, ok := k.slots[request]
	if !ok {
		s = &slot{}
		k.slots[request] = s
	}
	k.mu.Unlock()

	s.mu.Lock()
	defer s.mu.Unlock()
	if err := k.ctx.Err(); err != nil {
		return wire.Reply{Error: "the keeper is ending"}
	}
	if s.failure != nil && asked.Before(s.failedAt) {
		return wire.Reply{Error: s.failure.Error()}
	}
	if s.server != nil && !s.server.alive(k.ctx) {
		slog.Warn("replacing a server that does not answer any more", "source", s.server.source, "stop", s.server.stop())
		s.server = nil
	}
	if s.server == nil {
		started := time.Now()
		server, err := k.start(k.ctx, request)
		if err != nil {
			s.failure, s.failedAt = err, time.Now()
			return wire.Reply{Error: err.Error()}
		}
		slog.Info("started", "engine", request.Engine, "wanted", request.Version, "source", server.source, "after", time.Since(started))
		s.server = server
	}
	return wire.Reply{URL: s.server.url, Source: s.server.source}
}

func (k *keeper) stopServers() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	errs := make(chan error, len(k.slots))
	for _, s := range k.slots {
		go func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.server == nil {
				errs <- nil
				return
			}
			errs <- s.server.stop()
		}()
	}
	var all []error
	for range k.slots {
		all = append(all, <-errs)
	}
	return errors.Join(all...)
}
