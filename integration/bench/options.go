package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// options say what is measured.
type options struct {
	engine, version, url string
	binary               string
	rows, indexes        []int
	keys, widths         []string
	variants             []string // empty: all
	runs, workers        int
	load                 int // requests a second; 0: no traffic
	limit                time.Duration
	plot                 string
}

// The kinds of key and the widths of rows.
const (
	keyBigint = "bigint"
	keyUUID   = "uuid"
	narrow    = "narrow"
	wide      = "wide"
)

// maxIndexes is how many columns a table has for secondary indexes.
const maxIndexes = 4

// parseOptions reads the command line; usage goes to out. Its error is
// flag.ErrHelp where help was asked for.
func parseOptions(args []string, out io.Writer) (options, error) {
	var o options
	var rows, keys, widths, indexes, variants string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.engine, "engine", throwaway.Postgres, "postgres, mysql or mariadb")
	f.StringVar(&o.version, "server-version", "", "the server's version; empty: any")
	f.StringVar(&o.url, "database-url", "", "a server to use instead of a throwaway one; databases are made there, and dropped again")
	f.StringVar(&o.binary, "binary", "bin/migrate", "the migrate to measure")
	f.StringVar(&rows, "rows", "1000000", "rows of the table, with commas between several")
	f.StringVar(&keys, "keys", "bigint,uuid", "kinds of key: bigint, uuid")
	f.StringVar(&widths, "width", narrow, "widths of rows: narrow (about 100 bytes), wide (about 1 kB)")
	f.StringVar(&indexes, "indexes", "1", "numbers of secondary indexes, 0 to 4")
	f.StringVar(&variants, "variants", "", "what to measure, with commas between several; empty: all that there are for the engine")
	f.IntVar(&o.runs, "runs", 5, "runs of each; medians count")
	f.IntVar(&o.workers, "workers", 2, "workers of migrate's backfill")
	f.IntVar(&o.load, "load", 200, "requests a second of an application, in a run of its own for each variant; 0: none")
	f.DurationVar(&o.limit, "limit", 15*time.Minute, "how long one variant may take before it is ended")
	f.StringVar(&o.plot, "plot", "", "a file to draw the result into, as SVG")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q", f.Arg(0))
	}
	var err error
	if o.rows, err = numbers("rows", rows); err != nil {
		return o, err
	}
	if o.indexes, err = numbers("indexes", indexes); err != nil {
		return o, err
	}
	o.keys, o.widths, o.variants = list(keys), list(widths), list(variants)
	return o, o.check()
}

func (o options) check() error {
	known := []string{throwaway.Postgres, throwaway.MySQL, throwaway.MariaDB}
	return errors.Join(
		among("engine", []string{o.engine}, known),
		among("keys", o.keys, []string{keyBigint, keyUUID}),
		among("width", o.widths, []string{narrow, wide}),
		among("variants", o.variants, variantNames(o.engine)),
		within("rows", o.rows, 1, 100_000_000),
		within("indexes", o.indexes, 0, maxIndexes),
		within("runs", []int{o.runs}, 1, 1000),
		within("workers", []int{o.workers}, 1, 256),
		within("load", []int{o.load}, 0, 20_000),
	)
}

func list(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == ' ' })
}

func numbers(flag, s string) ([]int, error) {
	var out []int
	for _, text := range list(s) {
		n, err := strconv.Atoi(strings.ReplaceAll(text, "_", ""))
		if err != nil {
			return nil, fmt.Errorf("--%s: %q is no number", flag, text)
		}
		out = append(out, n)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("--%s: at least one is needed", flag)
	}
	return out, nil
}

func among(flag string, values, known []string) error {
	for _, v := range values {
		if !slices.Contains(known, v) {
			return fmt.Errorf("--%s: unknown %q: use %s", flag, v, strings.Join(known, ", "))
		}
	}
	return nil
}

func within(flag string, values []int, least, most int) error {
	for _, v := range values {
		if v < least || v > most {
			return fmt.Errorf("--%s: %d is not within %d and %d", flag, v, least, most)
		}
	}
	return nil
}

// scenario is a table to change.
type scenario struct {
	rows    int
	key     string
	width   string
	indexes int
}

// scenarios are all combinations of what was chosen, the small tables first.
func (o options) scenarios() []scenario {
	var out []scenario
	for _, rows := range o.rows {
		for _, key := range o.keys {
			for _, width := range o.widths {
				for _, indexes := range o.indexes {
					out = append(out, scenario{rows, key, width, indexes})
				}
			}
		}
	}
	return out
}

func (s scenario) String() string {
	plural := "es"
	if s.indexes == 1 {
		plural = ""
	}
	return fmt.Sprintf("%s rows, %s key, %s, %d secondary index%s", thousands(s.rows), s.key, s.width, s.indexes, plural)
}

// thousands writes a number with commas: 1,000,000.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
