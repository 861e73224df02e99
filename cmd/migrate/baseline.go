package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
)

// baselineOptions are what migrate baseline is told.
type baselineOptions struct {
	*factory
	name   string
	output views.Format
}

func newBaselineCommand(f *factory, run func(context.Context, *baselineOptions) error) *cobra.Command {
	o := &baselineOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "baseline NAME",
		Short:   "Record that the database has earlier migrations already",
		GroupID: groupRun,
		Long: `Record all migrations up to NAME, and NAME itself, as done without running them:
for a database that has them already.`,
		Example: example(`migrate baseline 0001_shop`),
		Args:    arguments(1, 1, "the name of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = migrationName(args[0])
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output)
	config.AddFlags(cmd.Flags(), config.WaitFlag...)
	return cmd
}

func runBaseline(ctx context.Context, o *baselineOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	c, err := t.catalog(ctx)
	if err != nil {
		return err
	}
	if _, err := c.pick([]string{o.name}); err != nil {
		return err
	}
	var earlier []executor.Baselined
	var names []string
	for _, f := range c.files {
		if f.Name <= o.name {
			earlier = append(earlier, executor.Baselined{Name: f.Name, Checksum: f.Checksum})
			names = append(names, f.Name)
		}
	}
	if err := t.executor(runOptions{}).Baseline(ctx, earlier); err != nil {
		return err
	}
	return t.outcome(ctx, o.output, names, "")
}
