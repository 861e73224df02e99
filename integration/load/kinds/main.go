// Command kinds measures what users see while the schema changes under them: for every kind of change of
// examples/changes, at a fixed rate of mixed requests of versions of an app from before and from after it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/integration/throwaway"
)

func main() {
	var o options
	var kinds string
	flag.StringVar(&o.Engine, "engine", throwaway.Postgres, "postgres, mysql or mariadb")
	flag.StringVar(&o.Version, "server-version", "", "the server's version; empty: any")
	flag.StringVar(&o.URL, "database-url", "", "a server to use instead of a throwaway one; databases load_* are made there")
	flag.StringVar(&o.Binary, "binary", "bin/migrate", "the migrate to measure; empty: in this process, whose work the app then waits for")
	flag.StringVar(&kinds, "kinds", "", "names of changes, with commas; empty: all")
	flag.Float64Var(&o.Rate, "rate", 0, "requests a second; 0: half of what the server can do, at most 500")
	flag.IntVar(&o.Statements, "statements", 1, "of each request, one after another; 0: as many as make 500 requests a second half of what the server can do")
	flag.IntVar(&o.Rows, "rows", 100_000, "rows of each table")
	flag.DurationVar(&o.Phase, "phase", 5*time.Second, "how long each phase is measured at least")
	flag.IntVar(&o.Requests, "requests", 1000, "how many requests the expand is to have: one that is over sooner is rolled back and done again, a few times")
	flag.BoolVar(&o.Nothing, "nothing", false, "leave migrate out, and measure phases in which nothing happens: what the machine does by itself")
	flag.Parse()
	o.Kinds = strings.FieldsFunc(kinds, func(r rune) bool { return r == ',' })
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1) //nolint:gocritic // the process is over, and with it the signal handler
	}
}

func run(ctx context.Context, o options, out, progress io.Writer) error {
	all, err := changes.All(o.Engine)
	if err != nil {
		return err
	}
	b, err := start(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	var results []*result
	for _, c := range all {
		if len(o.Kinds) > 0 && !slices.Contains(o.Kinds, c.Name) {
			continue
		}
		r, err := b.measure(ctx, c)
		if r == nil {
			r = &result{kind: c.Name}
		}
		if err != nil {
			r.note = err.Error()
		}
		results = append(results, r)
		fmt.Fprintln(progress, r)
		if ctx.Err() != nil {
			break
		}
	}
	return report(out, o, b.weight, results)
}
