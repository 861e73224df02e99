package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// planOptions are what migrate plan is told.
type planOptions struct {
	*factory
	names            []string
	detailedExitCode bool
	out              string
	output           views.Format
}

func newPlanCommand(f *factory, run func(context.Context, *planOptions) error) *cobra.Command {
	o := &planOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "plan [NAME]",
		Short:   "Show what will happen, step by step, with locks and risks",
		GroupID: groupAuthor,
		Long: `Show what migrate will do for a migration, or for all pending ones: every step
with its lock, its work and an estimate, the gates of each phase, and what may
hurt, with what to do instead. It reads the database and never writes to it; it
also looks, for as long as --data-checks says, for rows that will be in the way,
such as duplicates or values that cannot be converted, and names a few of them.

A migration that has begun is shown as it was planned then. -v shows the SQL;
-o markdown is made for a comment on a pull request, -o sql for reading the SQL
at length. -o json writes one document per migration.`,
		Example: example(`
			migrate plan
			migrate plan 0007_split_name -o markdown
			migrate plan 0007_split_name --out plan.json && migrate expand --plan plan.json`),
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = migrationsNamed(args)
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output, views.Markdown, views.SQL)
	cmd.Flags().BoolVar(&o.detailedExitCode, "detailed-exitcode", false, "exit with 2 when there are changes")
	cmd.Flags().StringVar(&o.out, "out", "", "also save the plan in a `file`, for expand --plan")
	config.AddFlags(cmd.Flags(), config.PlanFlags...)
	return cmd
}

func runPlan(ctx context.Context, o *planOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	c, err := t.catalog(ctx)
	if err != nil {
		return err
	}
	files, err := c.pick(o.names)
	if err != nil {
		return err
	}
	plans, err := t.plans(ctx, c, files)
	if err != nil {
		return err
	}
	if err := views.NewPlan(t.streams, o.output, t.verbose, readSource).Plans(plans); err != nil {
		return err
	}
	if o.out != "" {
		if err := savePlans(o.out, plans); err != nil {
			return err
		}
	}
	if o.detailedExitCode && slices.ContainsFunc(plans, func(p *plan.Plan) bool { return !p.Empty() }) {
		return errChanges
	}
	return nil
}

// plans makes the plans of migrations, or finds those that were stored when the
// migrations began. What depends on a migration that is itself pending can only
// be planned when that one is done: it is left out, and said so.
func (t *target) plans(ctx context.Context, c *catalog, files []planner.File) ([]*plan.Plan, error) {
	var plans []*plan.Plan
	var errs []error
	for i, f := range files {
		if k := c.known[f.Name]; k.State != "" && k.State != executor.RolledBack {
			if k.Plan == nil || k.State == executor.Done {
				t.log.Info("nothing left to do", "migration", f.Name, "state", string(k.State))
				continue
			}
			plans = append(plans, k.Plan)
			continue
		}
		p, err := t.plan(ctx, f, c.open)
		if before := t.dependsOn(f, files[:i]); err != nil && before != "" {
			t.log.Warn("cannot be planned before an earlier migration is done", "migration", f.Name, "earlier", before)
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		plans = append(plans, p)
	}
	return plans, errors.Join(errs...)
}

// dependsOn finds an earlier migration that is about one of the same tables;
// empty if there is none. A file that cannot be read depends on nothing.
func (t *target) dependsOn(file planner.File, earlier []planner.File) string {
	mine, err := planner.Refer(t.engine, file)
	if err != nil {
		return ""
	}
	for _, f := range earlier {
		theirs, err := planner.Refer(t.engine, f)
		if err != nil {
			continue
		}
		for _, table := range theirs.Tables {
			if slices.ContainsFunc(mine.Tables, func(r planner.Ref) bool { return r.Name == table.Name }) {
				return f.Name
			}
		}
	}
	return ""
}

// readSource reads a migration, to show places in it; empty when it is gone.
func readSource(file string) string {
	content, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(content)
}

// savePlans writes plans as -o json does.
func savePlans(path string, plans []*plan.Plan) (err error) {
	file, err := os.Create(path) //nolint:gosec // the user's umask decides
	if err != nil {
		return fmt.Errorf("saving the plan: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	return views.NewPlan(streams.Buffers(file, io.Discard), views.JSON, false, nil).Plans(plans)
}
