package replica

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/examples/shop/measure"
)

// connections per replica: a stalled server must be able to hold some requests without stopping all others.
const connections = 8

// Main runs one replica of the given version from its command line, writing measurements to stdout and usage
// to stderr. It serves until ctx ends, then answers what is under way and returns nil.
func Main(
	ctx context.Context, version string, args []string, stdout, stderr io.Writer,
	open func(*database.DB, *measure.Recorder) Shop,
) error {
	config, err := ParseArgs(version, args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("starting shop %s: %w", version, err)
	}
	db, err := database.Open(config.DatabaseURL, "shop "+version)
	if err != nil {
		return fmt.Errorf("starting shop %s: %w", version, err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	recorder := measure.NewRecorder(stdout, version, config.Slot, time.Now())
	return errors.Join(
		serve(ctx, config, open(db, recorder), recorder),
		db.Close(),
	)
}

// serve sends requests on a fixed clock, however long the answers take, as users do who know nothing of each
// other. Latencies count from when a request was due.
func serve(ctx context.Context, config Config, shop Shop, recorder *measure.Recorder) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if config.Stdin != nil {
		// Not waited for: nothing can interrupt a read from standard input.
		go func() {
			_, _ = io.Copy(io.Discard, config.Stdin)
			stop()
		}()
	}

	start := time.Now()
	load := newWorkload(config, shop, recorder, start)
	var wg sync.WaitGroup
	reporting := make(chan error, 1)
	go func() { reporting <- report(ctx, stop, recorder, config.Every) }()

	interval := time.Duration(float64(time.Second) / config.Rate)
	for n := 0; waitUntil(ctx, start.Add(time.Duration(n)*interval)); n++ {
		due := start.Add(time.Duration(n) * interval)
		visit := load.next()
		wg.Go(func() {
			// A request that was accepted is answered, even while the replica stops.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTimeout)
			defer cancel()
			err := visit.run(ctx)
			if err != nil {
				err = fmt.Errorf("%s: %w", visit.what, err)
			}
			recorder.Done(time.Since(due), err)
			load.release(visit)
		})
	}
	wg.Wait()
	return errors.Join(<-reporting, recorder.Close(time.Now()))
}

// report writes what was measured at regular intervals until ctx ends. When nobody can be told any more it
// calls stop: the replica would be serving unobserved.
func report(ctx context.Context, stop func(), recorder *measure.Recorder, every time.Duration) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			if err := recorder.Flush(now); err != nil {
				stop()
				return err
			}
		}
	}
}

// waitUntil returns true at the instant, at once when it has passed, and false as soon as ctx has ended.
func waitUntil(ctx context.Context, instant time.Time) bool {
	timer := time.NewTimer(time.Until(instant))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil
	}
}
