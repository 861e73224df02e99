// Package demo is the show behind `migrate demo`: a shop with customers and traffic on a real server, whose
// schema changes while it is open. Everything in it is what users run themselves: the app's replicas are
// separate processes of examples/shop, and the migration goes through the real command line.
//
// The show is also a test. It counts every request that failed, every row whose two shapes disagree and every
// write that got lost, and [Run] fails when there is one.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/expandcontract/migrate/examples/shop"
)

// Options say what the show is played with. Zero values mean the defaults named at each field.
type Options struct {
	// Engine is postgres, mysql or mariadb. Default: that of DatabaseURL, else postgres.
	Engine string
	// DatabaseURL is a server of the user's own. The show works inside databases that it creates there, named
	// migrate_demo_…, and drops them at the end. Empty: a throwaway server is started.
	DatabaseURL string
	// MigrateBinary is the program whose commands are shown. Default: the running one.
	MigrateBinary string
	// ReplicaCommand is the command line that runs [ReplicaMain]. Default: MigrateBinary demo-replica.
	ReplicaCommand []string
	// Out takes the show.
	Out io.Writer
	// Color allows escape sequences for colors in Out.
	Color bool
	// Live says that Out is a terminal: the traffic is shown as one line that is redrawn.
	Live bool
	// Customers the shop opens with; default 200,000.
	Customers int64
	// Replicas of the app; default 4.
	Replicas int
	// Rate is how many requests per second each replica gets; default 100.
	Rate float64
	// Pace is how long the show dwells on a scene; default 3 s.
	Pace time.Duration
	// Keep leaves the shop's databases in place. A throwaway server then runs until ctx ends.
	Keep bool

	soak time.Duration // defaultSoak, except in tests
}

func (o Options) withDefaults() (Options, error) {
	if o.Engine == "" {
		o.Engine = "postgres"
		if scheme, _, found := strings.Cut(o.DatabaseURL, "://"); found && scheme != "postgresql" {
			o.Engine = scheme
		}
	}
	if o.MigrateBinary == "" {
		self, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("finding the running program: %w", err)
		}
		o.MigrateBinary = self
	}
	if len(o.ReplicaCommand) == 0 {
		o.ReplicaCommand = []string{o.MigrateBinary, "demo-replica"}
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Customers == 0 {
		o.Customers = 200_000
	}
	if o.Replicas == 0 {
		o.Replicas = 4
	}
	if o.Rate == 0 {
		o.Rate = 100
	}
	if o.Pace == 0 {
		o.Pace = 3 * time.Second
	}
	if o.soak == 0 {
		o.soak = defaultSoak
	}
	switch {
	case o.Customers < int64(2*o.Replicas), o.Replicas < 1:
		return o, fmt.Errorf("%d replicas with %d customers: the shop needs a replica and two customers for each", o.Replicas, o.Customers)
	case o.Rate < 0, o.Pace < 0:
		return o, errors.New("rate and pace must be positive")
	}
	return o, nil
}

// Run plays the show and cleans up after itself, also when ctx ends early. It returns an error when a request
// failed, a row was inconsistent or lost, a replica died, the final schema differs from the naive
// migration's, or a command did not do what the show expects of it.
func Run(ctx context.Context, opts Options) (err error) {
	opts, err = opts.withDefaults()
	if err != nil {
		return fmt.Errorf("preparing the demo: %w", err)
	}
	show := &show{opts: opts, ledger: newLedger()}
	show.screen = newScreen(opts, show.gauge)
	defer show.screen.close()
	defer func() { err = errors.Join(err, show.cleanUp(ctx)) }()

	err = show.play(ctx)
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx) // whatever broke, broke because of it
	}
	return err
}

// show is the state of one performance.
type show struct {
	opts   Options
	screen *screen
	ledger *ledger

	stage   *stage // the server and the shop's databases; nil before they exist
	fleet   *fleet // nil before replicas run
	workDir string // where the migrate commands run; holds migrations/

	inconsistent   int64 // the most that one count found
	counts         int   // how often inconsistent rows were counted
	backfill       backfill
	schemaProblems []string
	dataProblems   []string
	dataFacts      string
}

// writeMigrations makes the directory that the user would have in a repository. The soak is made short enough
// to watch; everything else is the example's file as it is.
func (s *show) writeMigrations() error {
	dir, err := os.MkdirTemp("", "migrate-demo-")
	if err != nil {
		return fmt.Errorf("making a directory for the migrations: %w", err)
	}
	s.workDir = dir
	if err := os.Mkdir(filepath.Join(dir, "migrations"), 0o700); err != nil {
		return fmt.Errorf("making a directory for the migrations: %w", err)
	}
	for _, name := range []string{shop.BaseSchema, shop.SplitName} {
		text, err := shop.Migration(s.opts.Engine, name)
		if err != nil {
			return err
		}
		if name == shop.SplitName {
			text = fmt.Sprintf("-- migrate:soak %s\n%s", s.opts.soak, text)
		}
		path := filepath.Join(dir, "migrations", name+".sql")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return fmt.Errorf("writing migration %s: %w", name, err)
		}
	}
	return nil
}

// cleanUp leaves nothing behind, whatever has happened before.
func (s *show) cleanUp(ctx context.Context) error {
	var errs []error
	if s.fleet != nil {
		errs = append(errs, s.fleet.abandon())
	}
	if s.stage != nil {
		// The user's interrupt must not keep the databases from being dropped.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTimeout)
		defer cancel()
		errs = append(errs, s.stage.close(ctx))
	}
	if s.workDir != "" {
		errs = append(errs, os.RemoveAll(s.workDir))
	}
	return errors.Join(errs...)
}

const cleanUpTimeout = 30 * time.Second

// defaultSoak is how long the flag must have been full in the show: long enough to see the gate hold.
const defaultSoak = 5 * time.Second
