package main

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"sync/atomic"
)

// crew are the replicas of one version of the app, each writing as fast as it can over one connection.
type crew struct {
	ledger *ledger
	db     *sql.DB
	shape  shape
	size   int
	serial *atomic.Int64 // gives every written value a number of its own

	stop chan struct{} // nil while nobody writes
	done sync.WaitGroup
}

func (c *crew) start(ctx context.Context) {
	if c.stop != nil {
		return
	}
	c.stop = make(chan struct{})
	for range c.size {
		stop, seed := c.stop, uint64(c.serial.Add(1)) //nolint:gosec // it counts up from 1
		c.done.Go(func() {
			r := rand.New(rand.NewPCG(seed, 11)) //nolint:gosec // a repeatable sequence is wanted
			for {
				select {
				case <-stop:
					return
				default:
				}
				c.ledger.write(ctx, c.db, c.shape, r, c.serial.Add(1))
			}
		})
	}
}

// end waits until the last statement has been answered.
func (c *crew) end() {
	if c.stop == nil {
		return
	}
	close(c.stop)
	c.done.Wait()
	c.stop = nil
}
