// Command bench measures a backfill against the one statement it replaces, side
// by side in one run on a throwaway server: a plain UPDATE of the same column on
// the same rows. It prints medians, and their ratio, which is what can be
// compared between machines.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

type options struct {
	engine, version, binary, url string
	rows, runs                   int
}

func main() {
	var o options
	flag.StringVar(&o.engine, "engine", throwaway.Postgres, "postgres, mysql or mariadb")
	flag.StringVar(&o.version, "server-version", "", "the server's version; empty: any")
	flag.StringVar(&o.binary, "binary", "bin/migrate", "the migrate to measure")
	flag.StringVar(&o.url, "database-url", "", "a server to use instead of a throwaway one; tables bench_* are replaced there")
	flag.IntVar(&o.rows, "rows", 1_000_000, "rows of the table")
	flag.IntVar(&o.runs, "runs", 3, "runs of each; the median counts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1) //nolint:gocritic // the process is over, and with it the signal handler
	}
}

func run(ctx context.Context, o options) error {
	if o.url == "" {
		fmt.Fprintf(os.Stderr, "starting a throwaway %s …\n", o.engine)
		server, err := throwaway.Start(ctx, o.engine, throwaway.Options{Version: o.version})
		if err != nil {
			return err
		}
		defer func() { _ = server.Stop() }()
		if o.url, err = ownDatabase(ctx, server.URL()); err != nil {
			return err
		}
	}
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer b.close()
	var plain, fill []time.Duration
	var memory int64
	for n := 1; n <= o.runs; n++ {
		p, err := b.plainUpdate(ctx)
		if err != nil {
			return fmt.Errorf("measuring the plain UPDATE: %w", err)
		}
		f, peak, err := b.backfill(ctx, n)
		if err != nil {
			return fmt.Errorf("measuring the backfill: %w", err)
		}
		fmt.Fprintf(os.Stderr, "run %d of %d: plain UPDATE %.2fs, backfill %.2fs, ratio %.2f\n", n, o.runs, p.Seconds(), f.Seconds(), f.Seconds()/p.Seconds())
		plain, fill, memory = append(plain, p), append(fill, f), max(memory, peak)
	}
	return b.print(plain, fill, memory)
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}

func (b *bench) print(plain, fill []time.Duration, memory int64) error {
	p, f := median(plain), median(fill)
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "engine\trows\tplain UPDATE\tbackfill, trigger in place\tratio\tpeak memory of migrate\n")
	fmt.Fprintf(w, "%s\t%d\t%.2fs\t%.2fs\t%.2f\t%.1f MiB\n", b.o.engine, b.o.rows, p.Seconds(), f.Seconds(), f.Seconds()/p.Seconds(), float64(memory)/(1<<20))
	return w.Flush()
}
