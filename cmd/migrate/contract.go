package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// contractOptions are what migrate contract is told.
type contractOptions struct {
	*factory
	names     []string
	grace     *time.Duration // nil: as planned
	overrides map[string]string
	output    views.Format
}

func newContractCommand(f *factory, run func(context.Context, *contractOptions) error) *cobra.Command {
	o := &contractOptions{factory: f}
	var grace time.Duration
	cmd := &cobra.Command{
		Use:     "contract [NAME...]",
		Short:   "After the rollout: remove the old shape, if every gate passes",
		GroupID: groupRun,
		Long: `Contract migrations, or all open ones whose gates pass: tables take their final
shape, and what is dropped is kept under another name for a grace, during which
migrate rollback brings it back with no data lost. Run it again when the grace
is over to purge what was kept.

On MySQL and MariaDB a table's final shape takes several changes under one lock.
They are rehearsed first, on a table of migrate's own, and wait for a better
moment while the server takes longer for them than --lock-hold. After a lock the
table is let alone for a while if others use the server (--lock-rest).

A gate that does not pass leaves its migration as it is: exit code 3 when one
blocks, 4 when one is inconclusive.`,
		Example: example(`
			migrate contract
			migrate contract 0007_split_name --grace 0s
			migrate contract --lock-hold 500ms
			migrate contract --override 'soaked=the old version is gone since yesterday'`),
		Args: arguments(0, -1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = migrationsNamed(args)
			if cmd.Flags().Changed("grace") {
				o.grace = &grace
			}
			if grace < 0 {
				return fmt.Errorf("a grace of %s makes no sense", grace)
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output)
	cmd.Flags().DurationVar(&grace, "grace", 0, "keep what is dropped for this long, not as long as planned; 0s purges at once")
	cmd.Flags().Lookup("grace").DefValue = ""
	addOverride(cmd, &o.overrides)
	config.AddFlags(cmd.Flags(), config.LockFlags...)
	config.AddFlags(cmd.Flags(), config.BackfillFlags...)
	config.AddFlags(cmd.Flags(), config.MetricsFlags...)
	return cmd
}

func runContract(ctx context.Context, o *contractOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	ex := t.executor(runOptions{overrides: o.overrides})
	names := o.names
	if len(names) == 0 {
		if names, err = contractible(ctx, ex); err != nil {
			return err
		}
	}
	var reached []string
	var errs []error
	for _, name := range names {
		_, err := ex.Contract(ctx, name, o.grace)
		var gate *executor.GateError
		if err == nil {
			reached = append(reached, name)
			continue
		}
		errs = append(errs, err)
		if !errors.As(err, &gate) {
			break // what a gate holds back is no reason to hold back others
		}
	}
	if len(reached) > 0 || len(errs) == 0 {
		errs = append(errs, t.outcome(ctx, o.output, reached, "Nothing to contract."))
	}
	return errors.Join(errs...)
}

// contractible lists the migrations that have begun and have something to
// contract. Those that are not open yet are among them: their gates say why not.
func contractible(ctx context.Context, ex *executor.Executor) ([]string, error) {
	known, _, err := ex.Known(ctx)
	if err != nil {
		return nil, err
	}
	var names []string
	for name, k := range known {
		switch k.State {
		case executor.Done, executor.RolledBack, executor.Planned:
			continue
		case executor.Expanding, executor.Backfilling, executor.Verifying, executor.Open,
			executor.Contracting, executor.Grace, executor.Failed:
		}
		if k.Plan != nil && len(k.Plan.Steps(plan.Contract)) > 0 {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
