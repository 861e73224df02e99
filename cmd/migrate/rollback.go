package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
)

// rollbackOptions are what migrate rollback is told.
type rollbackOptions struct {
	*factory
	name        string
	discardData bool
	overrides   map[string]string
	output      views.Format
}

func newRollbackCommand(f *factory, run func(context.Context, *rollbackOptions) error) *cobra.Command {
	o := &rollbackOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "rollback NAME",
		Short:   "Go back: from grace to open, from open to the schema before",
		GroupID: groupRun,
		Long: `Take a contracted migration that is still in its grace back to open, and any
earlier one back to the schema before it. Nothing is lost: where rows hold what
the schema before has no place for, rollback refuses, unless told to discard it.

While others use the server, tables are let alone for a while after each lock;
--lock-rest 0s is for those in a hurry.`,
		Example: example(`
			migrate rollback 0007_split_name
			migrate rollback 0007_split_name --lock-rest 0s
			migrate rollback 0008_add_note --discard-data`),
		Args: arguments(1, 1, "the name of a migration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = migrationName(args[0])
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output)
	cmd.Flags().BoolVar(&o.discardData, "discard-data", false, "undo even steps whose data would be lost")
	addOverride(cmd, &o.overrides)
	config.AddFlags(cmd.Flags(), config.LockFlags...)
	config.AddFlags(cmd.Flags(), config.BackfillFlags...)
	config.AddFlags(cmd.Flags(), config.MetricsFlags...)
	return cmd
}

func runRollback(ctx context.Context, o *rollbackOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	ex := t.executor(runOptions{overrides: o.overrides, discardData: o.discardData})
	if _, err := ex.Rollback(ctx, o.name); err != nil {
		return err
	}
	return t.outcome(ctx, o.output, []string{o.name}, "")
}
