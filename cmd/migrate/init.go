package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
)

// initOptions are what migrate init is told.
type initOptions struct {
	*factory
	output views.Format
}

func newInitCommand(f *factory, run func(context.Context, *initOptions) error) *cobra.Command {
	o := &initOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "init",
		Short:   "Prepare a project, and its database",
		GroupID: groupAuthor,
		Long: `Create migrate.yaml and the directory of the migrations and, if a database is
given, migrate's own tables in it. What is there already stays as it is.`,
		Example: example(`
			migrate init
			migrate init --database-url postgres://shop@localhost/shop`),
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	addOutput(cmd, &o.output)
	return cmd
}

// template is a configuration file in which everything is left as it is.
const template = `# Settings of migrate. Environment variables win over this file, flags over those.
# The values shown are the defaults.

# The database, without its password. Where it has one, set MIGRATE_DATABASE_URL,
# or name a file that holds the URL.
# database_url: postgres://shop@localhost/shop
# database_url_file: /run/secrets/database-url

# dir: migrations

# For migrations that do not say their own: how long a flag must have been full
# before contract, and how long contracted objects stay restorable.
# soak: 10m
# grace: 24h

backfill:
  # workers: 0            # chosen from the server
  # chunk_target: 0s      # 50 ms, and less while others are at work on the server
  # rows_per_second: 0    # as many as it can
  # max_failures: 0       # the first row that cannot be converted stops it

# What holds backfills and verifications back; see docs/THROTTLING.md.
throttle:
  # replica_lag: {limit: 5s}
  # active_sessions: {limit: 50}
  # query: {sql: SELECT count(*) FROM jobs WHERE waiting, limit: 100}

# What Prometheus is told; see docs/METRICS.md.
metrics:
  # listen: 127.0.0.1:9900
  # file: /var/lib/node_exporter/migrate.prom

locks:
  # timeout: 300ms
  # deadline: 10m
  # rest: 3s         # between locks, at most, while others use the server; 0s: none

flags:
  # source: table    # or env, or flagd with a file
  # file: flags.json
`

func runInit(ctx context.Context, o *initOptions) error {
	done := views.Done{Message: "Everything is there already."}
	switch err := createFile(o.configFile, template); {
	case err == nil:
		done.Files = append(done.Files, o.configFile)
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	switch err := os.Mkdir(o.config.Dir, 0o777); { //nolint:gosec // the user's umask decides
	case err == nil:
		done.Files = append(done.Files, o.config.Dir)
	case !errors.Is(err, fs.ErrExist):
		return fmt.Errorf("creating the directory of the migrations: %w", err)
	}
	if len(done.Files) > 0 {
		done.Message = "Created:"
	}
	if o.config.HasDatabase() {
		created, err := initDatabase(ctx, o.factory)
		if err != nil {
			return err
		}
		if created {
			o.log.Info("created migrate's own tables in the database")
		}
	}
	return o.results(o.output).Done(done)
}

// initDatabase creates migrate's own tables, and tells whether there were none.
func initDatabase(ctx context.Context, f *factory) (created bool, err error) {
	t, err := f.connect(ctx)
	if err != nil {
		return false, err
	}
	defer t.close()
	ex := t.executor(runOptions{})
	there, err := ex.Initialized(ctx)
	if err != nil || there {
		return false, err
	}
	return true, ex.Init(ctx)
}
