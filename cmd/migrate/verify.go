package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
)

// verifyOptions are what migrate verify is told.
type verifyOptions struct {
	*factory
	name   string
	repair string
	output views.Format
}

func newVerifyCommand(f *factory, run func(context.Context, *verifyOptions) error) *cobra.Command {
	o := &verifyOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "verify [NAME]",
		Short:   "Count the rows whose two shapes disagree, and repair them",
		GroupID: groupWatch,
		Long: `Compare both shapes in every row of a migration's tables, or of all migrations
that are open, in small pieces. It fails when it finds an inconsistent row.

--repair up trusts the old shape and derives the new one from it, --repair down
the other way round.`,
		Example: example(`
			migrate verify
			migrate verify 0007_split_name --repair up`),
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				o.name = migrationName(args[0])
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output)
	sides := &choiceFlag{&o.repair, []string{string(executor.RepairUp), string(executor.RepairDown)}}
	cmd.Flags().Var(sides, "repair", "make inconsistent rows consistent, trusting the old (up) or the new (down) shape")
	complete(cmd, "repair", sides.among...)
	config.AddFlags(cmd.Flags(), config.WaitFlag...)
	config.AddFlags(cmd.Flags(), config.BackfillFlags...)
	return cmd
}

func runVerify(ctx context.Context, o *verifyOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	tables, err := t.executor(runOptions{}).Verify(ctx, o.name, executor.Side(o.repair))
	if err != nil {
		return err
	}
	if err := t.results(o.output).Verified(tables); err != nil {
		return err
	}
	inconsistent := int64(0)
	for _, table := range tables {
		inconsistent += table.Mismatches
	}
	if inconsistent > 0 {
		return withHint(fmt.Errorf("%s found", views.Plural(int(inconsistent), "inconsistent row")),
			"look at them, then run migrate verify --repair up (the old shape is right) or down (the new one is)")
	}
	return nil
}
