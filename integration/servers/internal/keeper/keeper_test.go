package keeper

import (
	"context"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
)

// forever is a linger that no test outlives: what ends such a keeper is not the time.
const forever = time.Hour

// bench is a keeper whose servers are counted instead of started.
type bench struct {
	address string
	ended   chan error
	cancel  context.CancelFunc

	started, stopped atomic.Int32
	broken           atomic.Bool // makes starts fail
	dead             atomic.Bool // makes servers not answer
}

func newBench(t *testing.T, linger time.Duration) *bench {
	t.Helper()
	var config net.ListenConfig
	// A TCP port: the path of a socket in a test's directory may be too long.
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	b := &bench{address: listener.Addr().String(), ended: make(chan error, 1), cancel: cancel}
	go func() { b.ended <- serve(ctx, listener, linger, b.start) }()
	t.Cleanup(cancel)
	return b
}

func (b *bench) start(_ context.Context, request wire.Request) (*server, error) {
	if b.broken.Load() {
		return nil, errors.New("no image")
	}
	b.started.Add(1)
	return &server{
		url:   request.Engine + "://server",
		stop:  func() error { b.stopped.Add(1); return nil },
		alive: func(context.Context) bool { return !b.dead.Swap(false) },
	}, nil
}

// connect is a test process that appears.
func (b *bench) connect(t *testing.T) *wire.Conn {
	t.Helper()
	var dialer net.Dialer
	connection, err := dialer.DialContext(t.Context(), "tcp", b.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return wire.NewConn(connection)
}

func ask(t *testing.T, c *wire.Conn, request wire.Request) wire.Reply {
	t.Helper()
	var reply wire.Reply
	if err := errors.Join(c.Send(request), c.Receive(&reply)); err != nil {
		t.Fatal(err)
	}
	return reply
}

// await waits for the keeper's end and checks that it took all of its servers with it.
func (b *bench) await(t *testing.T) {
	t.Helper()
	if err := <-b.ended; err != nil {
		t.Fatal(err)
	}
	if started, stopped := b.started.Load(), b.stopped.Load(); started != stopped {
		t.Errorf("%d servers were started and %d stopped", started, stopped)
	}
}

func TestServersAreShared(t *testing.T) {
	t.Parallel()
	b := newBench(t, forever)
	var all sync.WaitGroup
	for range 10 {
		c := b.connect(t)
		all.Go(func() {
			for _, engine := range []string{"postgres", "mysql"} {
				if reply := ask(t, c, wire.Request{Engine: engine}); reply.URL != engine+"://server" {
					t.Errorf("asked for %s, got %+v", engine, reply)
				}
			}
		})
	}
	all.Wait()
	if got := b.started.Load(); got != 2 {
		t.Errorf("%d servers were started for two engines", got)
	}
	b.cancel()
	b.await(t)
}

func TestKeeperEndsWhenNobodyComes(t *testing.T) {
	t.Parallel()
	newBench(t, time.Millisecond).await(t)
}

func TestKeeperEndsAfterTheLastConnection(t *testing.T) {
	t.Parallel()
	b := newBench(t, 50*time.Millisecond)
	first, second := b.connect(t), b.connect(t)
	ask(t, first, wire.Request{Engine: "postgres"})
	ask(t, second, wire.Request{Engine: "postgres"})
	_ = first.Close() // as the system does when a process is killed
	ask(t, second, wire.Request{Engine: "mysql"})
	_ = second.Close()
	b.await(t)
}

func TestReleaseEndsAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t, forever)
	c := b.connect(t)
	ask(t, c, wire.Request{Engine: "postgres"})
	ask(t, c, wire.Request{Release: true})
	// The connection closes when the servers are gone, not before.
	var reply wire.Reply
	if err := c.Receive(&reply); !errors.Is(err, io.EOF) {
		t.Errorf("got %+v, %v after the release, want the end", reply, err)
	}
	if b.stopped.Load() != 1 {
		t.Error("the connection was closed before the server was stopped")
	}
	b.await(t)
}

func TestReleaseLeavesServersToOthers(t *testing.T) {
	t.Parallel()
	b := newBench(t, forever)
	mine, theirs := b.connect(t), b.connect(t)
	ask(t, mine, wire.Request{Engine: "postgres"})
	ask(t, theirs, wire.Request{Engine: "postgres"})
	ask(t, mine, wire.Request{Release: true})
	ask(t, theirs, wire.Request{Engine: "mysql"})
	if b.stopped.Load() != 0 {
		t.Error("a server was stopped that another process uses")
	}
	_ = theirs.Close()
	b.await(t)
}

func TestFailureIsNotKept(t *testing.T) {
	t.Parallel()
	b := newBench(t, forever)
	c := b.connect(t)
	b.broken.Store(true)
	if reply := ask(t, c, wire.Request{Engine: "postgres"}); reply.Error != "no image" || reply.URL != "" {
		t.Errorf("got %+v of a start that fails", reply)
	}
	b.broken.Store(false)
	if reply := ask(t, c, wire.Request{Engine: "postgres"}); reply.URL == "" {
		t.Errorf("got %+v of a start that works again", reply)
	}
	b.cancel()
	b.await(t)
}

func TestDeadServerIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t, forever)
	c := b.connect(t)
	ask(t, c, wire.Request{Engine: "postgres"})
	b.dead.Store(true)
	if reply := ask(t, c, wire.Request{Engine: "postgres"}); reply.URL == "" {
		t.Errorf("got %+v after the server had died", reply)
	}
	if got := b.started.Load(); got != 2 {
		t.Errorf("%d servers were started, want a second one for the first", got)
	}
	b.cancel()
	b.await(t)
}

// A hundred tests that wait for the same start must not try it one after another.
func TestFailureIsSharedByThoseWhoWait(t *testing.T) {
	t.Parallel()
	var attempts atomic.Int32
	k := &keeper{ctx: t.Context(), slots: map[wire.Request]*slot{}}
	k.start = func(context.Context, wire.Request) (*server, error) {
		attempts.Add(1)
		return nil, errors.New("no image")
	}
	request := wire.Request{Engine: "postgres"}
	// The slot is busy while they ask, and its start fails after that.
	busy := &slot{failure: errors.New("no image"), failedAt: time.Now().Add(forever)}
	k.slots[request] = busy
	for range 10 {
		if reply := k.serverFor(request); reply.Error != "no image" {
			t.Errorf("got %+v", reply)
		}
	}
	if got := attempts.Load(); got != 0 {
		t.Errorf("%d more starts were tried", got)
	}
}

func TestOneKeeperAtATime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(path); !errors.Is(err, ErrTaken) {
		t.Errorf("got %v from a second lock, want ErrTaken", err)
	}
	unlock()
	again, err := lock(path)
	if err != nil {
		t.Fatalf("the lock is not free after its keeper: %v", err)
	}
	again()
}
