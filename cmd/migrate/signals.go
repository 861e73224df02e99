package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// errInterrupted is the cause of a context that a signal ended.
var errInterrupted = errors.New("interrupted; it is safe to run the same command again")

// sameSignal is how soon after the first a signal is the same wish: a terminal
// and a supervisor (timeout, a shell) may both pass one interrupt on.
const sameSignal = 100 * time.Millisecond

// withSignals returns a context that ends with the first SIGINT or SIGTERM: the
// work at hand is finished or canceled, recorded and released. A second signal
// ends the process at once; what is under way is then found by the next run.
func withSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	finished := make(chan struct{})
	go func() {
		select {
		case <-signals:
			cancel(errInterrupted)
		case <-finished:
			return
		}
		first := time.Now()
		for {
			select {
			case <-signals:
				if time.Since(first) > sameSignal {
					os.Exit(exitInterrupted)
				}
			case <-finished:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(finished)
		cancel(context.Canceled)
	}
}
