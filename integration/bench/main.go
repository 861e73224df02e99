// Command bench measures what a change of a column costs: migrate's way, side by
// side in one run on a throwaway server with the one statement that its backfill
// replaces, with the ALTER that blocks, and with whatever other tools are
// installed. Every round measures every variant once, each on a fresh table, so
// that what else the machine does meets all of them; medians count, and ratios
// are those within a round. What an application waits meanwhile is measured in a
// round of its own.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/expandcontract/migrate/integration/throwaway"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	o, err := parseOptions(os.Args[1:], os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err == nil:
		err = run(ctx, o, os.Stdout, os.Stderr)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1) //nolint:gocritic // the process is over, and with it the signal handler
	}
}

// run measures, and prints the result to out and how it goes to log.
func run(ctx context.Context, o options, out, log io.Writer) error {
	binary, err := filepath.Abs(o.binary)
	if err != nil {
		return err
	}
	o.binary = binary
	if o.url == "" {
		fmt.Fprintf(log, "starting a throwaway %s …\n", o.engine)
		server, err := throwaway.Start(ctx, o.engine, throwaway.Options{Version: o.version})
		if err != nil {
			return err
		}
		defer func() { _ = server.Stop() }()
		o.url = server.URL()
	}
	b := &bench{o: o, e: engineOf(o.engine), log: log}
	version, err := b.serverVersion(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s, %d processors, %s/%s, %d workers, medians of %d\n", version, runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, o.workers, o.runs)
	results, failed := b.all(ctx, out)
	if text := growth(results); text != "" {
		fmt.Fprintf(out, "\n## Growth with the table\n\n%s", text)
	}
	if o.plot != "" && len(results) > 0 {
		failed = errors.Join(failed, os.WriteFile(o.plot, []byte(plot(version, results)), 0o600))
	}
	return failed
}

// all measures the scenarios one after the other. When one is interrupted or
// fails, what was measured of it until then is printed, too.
func (b *bench) all(ctx context.Context, out io.Writer) ([]*result, error) {
	var results []*result
	for _, s := range b.o.scenarios() {
		r := newResult(s)
		err := b.scenario(ctx, r)
		if len(r.names) > 0 {
			fmt.Fprintf(out, "\n## %s\n\n%s", s, r.text())
			results = append(results, r)
		}
		if err != nil {
			return results, fmt.Errorf("%s: %w", s, err)
		}
	}
	return results, nil
}

type bench struct {
	o   options
	e   engine
	log io.Writer
}

func (b *bench) serverVersion(ctx context.Context) (version string, err error) {
	db, err := throwaway.OpenURL(b.o.url)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(ctx, b.e.version).Scan(&version); err != nil {
		return "", fmt.Errorf("asking the server for its version: %w", err)
	}
	return version, nil
}

// present are the variants that can be measured here.
func (b *bench) present(r *result) []variant {
	var out []variant
	for _, v := range variantsOf(b.o.engine) {
		if len(b.o.variants) > 0 && !slices.Contains(b.o.variants, v.name) {
			continue
		}
		if why := v.absent(); why != "" {
			r.missing(v.name, why)
			continue
		}
		out = append(out, v)
	}
	return out
}

// scenario measures all variants on one kind of table.
func (b *bench) scenario(ctx context.Context, r *result) error {
	present, s := b.present(r), r.scenario
	quiet := b.o
	quiet.load = 0
	for n := range b.o.runs {
		r.round()
		for i := range present {
			v := present[(i+n)%len(present)] // none is always the first
			parts, _, err := b.one(ctx, quiet, s, v)
			if err := b.take(ctx, r, v, parts, err); err != nil {
				return err
			}
			for _, p := range parts {
				fmt.Fprintf(b.log, "%s, round %d of %d: %s %.2f s\n", s, n+1, b.o.runs, p.name, p.took.Seconds())
			}
		}
	}
	if b.o.load == 0 {
		return nil
	}
	for _, v := range present {
		fmt.Fprintf(b.log, "%s, with %d requests/s: %s\n", s, b.o.load, v.name)
		_, phases, err := b.one(ctx, b.o, s, v)
		if err := b.take(ctx, r, v, nil, err); err != nil {
			return err
		}
		b.tellErrors(phases)
		r.traffic = append(r.traffic, trafficOf{v.name, phases})
	}
	return nil
}

// tellErrors says what the application's requests failed with.
func (b *bench) tellErrors(phases []phaseReport) {
	for _, p := range phases {
		for _, err := range []error{p.reads.FirstError, p.writes.FirstError} {
			if err != nil {
				fmt.Fprintf(b.log, "%s: a request failed: %v\n", p.name, err)
			}
		}
	}
}

// take keeps what was measured. That another tool fails is a result, too.
func (b *bench) take(ctx context.Context, r *result, v variant, parts []part, err error) error {
	if err == nil {
		r.add(parts)
		return nil
	}
	if v.program == "" || ctx.Err() != nil {
		return fmt.Errorf("measuring %s: %w", v.name, err)
	}
	fmt.Fprintf(b.log, "%s failed: %v\n", v.name, err)
	r.missing(v.name, "failed: "+lastLine(err.Error()))
	return nil
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

// one measures a variant once, in a database of its own.
func (b *bench) one(ctx context.Context, o options, s scenario, v variant) (parts []part, phases []phaseReport, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, b.o.limit, fmt.Errorf("it has taken longer than %s (--limit)", b.o.limit))
	defer cancel()
	t, err := newSubject(ctx, o, b.e, s)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, t.close(context.WithoutCancel(ctx))) }()
	if o.load == 0 {
		parts, err = v.run(ctx, t)
		return parts, nil, err
	}
	f, err := startTraffic(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	t.phase = f.phase
	parts, err = t.amid(ctx, v)
	return parts, f.stop(), err
}

// amid changes the table in the midst of traffic.
func (t *subject) amid(ctx context.Context, v variant) ([]part, error) {
	if err := pause(ctx, lingering/2); err != nil {
		return nil, err
	}
	t.phase("before")
	if err := t.linger(ctx); err != nil {
		return nil, err
	}
	parts, err := v.run(ctx, t)
	if err != nil {
		return nil, err
	}
	t.phase("after")
	return parts, t.linger(ctx)
}
