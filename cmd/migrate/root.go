package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
)

const rootLong = `migrate changes a live database's schema without downtime.

You write the migration you would write if you could stop the world. migrate
turns it into one that never does: expand widens the schema and fills the new
shape while triggers keep both shapes equal; contract removes the old shape once
it is proven that nobody needs it.

  migrate plan       in review: what will happen, with locks and risks
  migrate expand     before the rollout: expand, backfill, verify, then open
  migrate contract   after the rollout: only if every gate passes

Settings come from flags, then environment variables (MIGRATE_DATABASE_URL, …),
then migrate.yaml.

Exit codes: 0 done, 1 error, 2 there are changes (plan --detailed-exitcode),
3 a gate blocks, 4 a gate is inconclusive, 5 the plan is stale, 130 interrupted.`

const rootExample = `  export MIGRATE_DATABASE_URL=postgres://shop@localhost/shop
  migrate new split_name
  migrate plan
  migrate expand
  migrate flag set users.split-name full
  migrate contract`

// execute runs one command line and returns its exit code.
func execute(ctx context.Context, f *factory, args []string) int {
	root := newRootCommand(f) //nolint:contextcheck // commands get the context from ExecuteContext
	root.SetArgs(args)
	root.SetOut(f.streams.Out)
	root.SetErr(f.streams.Err)
	err := root.ExecuteContext(ctx)
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") {
		err = withHint(err, "migrate --help lists the commands")
	}
	code := exitCode(ctx, err)
	f.metrics.Close(code)
	if err != nil {
		printError(ctx, f.streams, err)
	}
	return code
}

func newRootCommand(f *factory) *cobra.Command {
	root := &cobra.Command{
		Use:           "migrate",
		Short:         "Change a live database's schema without downtime",
		Long:          rootLong,
		Example:       rootExample,
		SilenceUsage:  true,
		SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := f.prepare(cmd.Flags()); err != nil {
				return err
			}
			return f.measure(cmd.Context(), cmd)
		},
	}
	flags := root.PersistentFlags()
	config.AddFlags(flags, config.GlobalFlags...)
	flags.StringVar(&f.configFile, "config", config.DefaultFile, "the configuration `file`")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "log warnings and errors only")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "log more, and show more in text")
	root.MarkFlagsMutuallyExclusive("quiet", "verbose")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return withHint(err, "%s --help shows how to use it", cmd.CommandPath())
	})

	root.AddGroup(
		&cobra.Group{ID: groupAuthor, Title: "Write and review:"},
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupWatch, Title: "Watch and steer:"},
		&cobra.Group{ID: groupMore, Title: "More:"},
	)
	root.AddCommand(
		newInitCommand(f, runInit), newNewCommand(f, runNew), newLintCommand(f, runLint), newPlanCommand(f, runPlan), newExplainCommand(f, runExplain),
		newBaselineCommand(f, runBaseline),
		newExpandCommand(f, runExpand), newContractCommand(f, runContract), newRollbackCommand(f, runRollback),
		newStatusCommand(f, runStatus), newVerifyCommand(f, runVerify),
		newPauseCommand(f, runPause), newResumeCommand(f, runResume), newThrottleCommand(f, runThrottle), newFlagCommand(f, runFlagGet, runFlagSet),
		newDemoCommand(f, runDemo), newDemoReplicaCommand(), newVersionCommand(f, runVersion), newCompletionCommand(f),
	)
	root.SetHelpCommandGroupID(groupMore)
	return root
}

// The groups of commands in the help.
const (
	groupAuthor = "author"
	groupRun    = "run"
	groupWatch  = "watch"
	groupMore   = "more"
)

// example indents an example as cobra shows them.
func example(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i := range lines {
		lines[i] = "  " + strings.TrimSpace(lines[i])
	}
	return strings.Join(lines, "\n")
}
