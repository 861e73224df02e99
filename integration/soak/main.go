// Command soak wears migrate out: versions of an app of the old and of the new shape write at full speed
// while migrations go there and back without end. A ledger outside of the database knows what every row must
// be. It fails for one failed statement, one row that is lost or says something else, one thing left in the
// catalog, one session left on the server, and for memory or bookkeeping that grows.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

func main() {
	o := options{Log: os.Stderr}
	flag.StringVar(&o.Engine, "engine", throwaway.Postgres, "postgres, mysql or mariadb")
	flag.StringVar(&o.Version, "server-version", "", "the server's version; empty: any")
	flag.StringVar(&o.URL, "database-url", "", "an empty database to use instead of a throwaway server's")
	flag.StringVar(&o.Binary, "binary", "bin/migrate", "the migrate to wear out; empty: in this process only")
	flag.DurationVar(&o.Duration, "duration", time.Hour, "how long to go on")
	flag.IntVar(&o.Rows, "rows", 20_000, "rows that the app may have")
	flag.IntVar(&o.Writers, "writers", 4, "connections of each version of the app")
	flag.DurationVar(&o.Dwell, "dwell", 2*time.Second, "how long both versions write in each open state")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	s, err := run(ctx, o)
	if err := errors.Join(err, s.verdict(os.Stdout)); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1) //nolint:gocritic // the process is over, and with it the signal handler
	}
}
