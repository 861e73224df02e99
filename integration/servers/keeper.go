package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
)

// keeperCommand is the package of the command that keeps the servers.
const keeperCommand = "github.com/expandcontract/migrate/integration/servers/cmd/testservers"

// keeperPatience is how long a keeper may take to build and to listen.
const keeperPatience = 4 * time.Minute

// workDir is the directory in which the process began, inside the module: a test may leave it.
var workDir, workDirErr = os.Getwd()

// claims are the connections to the keeper. They stay open as long as the process lives: the
// keeper sees by them that its servers are in use.
var (
	claimsMu sync.Mutex
	claims   []net.Conn
)

// connecting makes the goroutines of this process start one keeper, not one each.
var connecting sync.Mutex

// ask asks the keeper for a server, and starts a keeper when there is none.
func ask(ctx context.Context, request wire.Request) (wire.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, keeperPatience)
	defer cancel()
	for {
		connection, err := connect(ctx)
		if err != nil {
			return wire.Reply{}, err
		}
		var reply wire.Reply
		if err := exchange(ctx, connection, request, &reply); err == nil {
			claimsMu.Lock()
			claims = append(claims, connection)
			claimsMu.Unlock()
			return reply, nil
		}
		// The keeper was about to end; the next one will answer.
		_ = connection.Close()
		if err := ctx.Err(); err != nil {
			return wire.Reply{}, fmt.Errorf("asking the keeper of the test servers: %w", err)
		}
	}
}

func exchange(ctx context.Context, connection net.Conn, request wire.Request, reply *wire.Reply) error {
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()
	c := wire.NewConn(connection)
	if err := c.Send(request); err != nil {
		return err
	}
	return c.Receive(reply)
}

// connect reaches the keeper. Many processes may start one at the same time: one of them gets
// the lock, the others end, and all of the processes reach that one.
func connect(ctx context.Context) (net.Conn, error) {
	connecting.Lock()
	defer connecting.Unlock()
	var dialer net.Dialer
	var keeper *exec.Cmd
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		connection, err := dialer.DialContext(ctx, "unix", wire.Socket())
		if err == nil {
			return connection, nil
		}
		if keeper == nil {
			if keeper, err = startKeeper(ctx); err != nil {
				return nil, fmt.Errorf("starting the keeper of the test servers: %w", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the keeper of the test servers (see %s): %w", wire.Log(), ctx.Err())
		case <-ticker.C:
		}
		ended, err := hasEnded(keeper)
		if err != nil {
			return nil, err
		}
		if ended {
			keeper = nil // because there is another, which may just be going
		}
	}
}

// startKeeper starts the command in a session of its own, so that neither the end of this
// process nor an interrupt from the terminal ends it.
func startKeeper(ctx context.Context) (*exec.Cmd, error) {
	if workDirErr != nil {
		return nil, workDirErr
	}
	if _, err := wire.Dir(); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(wire.Log(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "go", "run", keeperCommand, "keep")
	cmd.Dir = workDir
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

// hasEnded asks without waiting: a goroutine that waits would outlive the tests, and those
// that look for leaked goroutines would find it.
func hasEnded(cmd *exec.Cmd) (bool, error) {
	var status syscall.WaitStatus
	pid, err := syscall.Wait4(cmd.Process.Pid, &status, syscall.WNOHANG, nil)
	if err != nil {
		return false, fmt.Errorf("waiting for the keeper of the test servers: %w", err)
	}
	if pid == 0 {
		return false, nil
	}
	if status.ExitStatus() != 0 {
		return true, keeperFailed(status.ExitStatus())
	}
	return true, nil
}

// keeperFailed adds the end of the keeper's log.
func keeperFailed(status int) error {
	text, err := os.ReadFile(wire.Log())
	const limit = 2000
	return errors.Join(
		fmt.Errorf("the keeper of the test servers failed with exit status %d\n%s", status, text[max(0, len(text)-limit):]),
		err,
	)
}
