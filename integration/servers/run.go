package servers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/expandcontract/migrate/integration/servers/internal/wire"
)

// releasePatience is how long Release waits for the keeper to remove its servers.
const releasePatience = time.Minute

// Prepare starts the servers of Matrix, at the same time, and prints a line about each: its
// name, what version it reports and where it comes from. The error tells of all that failed.
func Prepare(ctx context.Context, out io.Writer) error {
	type result struct {
		server server
		err    error
	}
	targets := Matrix()
	results := make([]chan result, len(targets))
	for i, target := range targets {
		results[i] = make(chan result, 1)
		go func() {
			found, err := find(ctx, target, false)
			results[i] <- result{found, err}
		}()
	}
	var errs []error
	for i, target := range targets {
		r := <-results[i]
		if r.err != nil {
			errs = append(errs, r.err)
			continue
		}
		if _, err := fmt.Fprintf(out, "test server: %-10s %-8s from %s\n", target.Engine, r.server.version, r.server.source); err != nil {
			return err
		}
	}
	return errors.Join(errs...)
}

// Release gives up this process's claim on the servers and waits until they are removed. When
// other processes still use them, they remove them later, and Release says so at out.
func Release(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, releasePatience)
	defer cancel()
	claimsMu.Lock()
	defer claimsMu.Unlock()
	for i, claim := range claims {
		c := wire.NewConn(claim)
		if err := c.Send(wire.Request{Release: true}); err != nil {
			return fmt.Errorf("releasing the test servers: %w", err)
		}
		var reply wire.Reply
		if err := c.Receive(&reply); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("releasing the test servers: %w", err)
		}
		if i < len(claims)-1 {
			continue
		}
		// The keeper closes the connection when it has removed everything.
		defer context.AfterFunc(ctx, func() { _ = claim.Close() })()
		if err := c.Receive(&reply); err != nil && ctx.Err() != nil {
			_, err := fmt.Fprintln(out, "test servers: still in use by another run, which will remove them")
			return err
		}
	}
	return nil
}
