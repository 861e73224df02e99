// Command migrate changes a live database's schema without downtime. It reads
// plain SQL migrations, plans them in phases that old and new versions of an
// application can both work with, and runs each phase when it is safe to.
package main

import (
	"context"
	"os"

	"github.com/expandcontract/migrate/cmd/internal/streams"
)

func main() { os.Exit(run(os.Args[1:])) }

// run is the whole program, with the process's own surroundings.
func run(args []string) int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	return execute(ctx, newFactory(streams.System(os.LookupEnv), os.LookupEnv), args)
}
