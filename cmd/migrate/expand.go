package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// expandOptions are what migrate expand is told.
type expandOptions struct {
	*factory
	names     []string
	planFile  string
	overrides map[string]string
	output    views.Format
}

func newExpandCommand(f *factory, run func(context.Context, *expandOptions) error) *cobra.Command {
	o := &expandOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "expand [NAME...]",
		Short:   "Before the rollout: expand, backfill, verify, then open",
		GroupID: groupRun,
		Long: `Take migrations, or all pending ones in order, to the state open, in which both
shapes are live and equal and versions of the app may roll either way. What only
widens the schema is done then.

It may be interrupted or killed at any moment, and goes on from there when it is
run again. No lock behind which others would wait is waited for longer than
--lock-timeout at a time, and after one the table is let alone for a while if
others use the server (--lock-rest).

A row that cannot be converted stops the backfill, unless --max-failures lets it
set such rows aside: then it fills all others, lists the keys of those that fail
in the table migrate.failures (MySQL, MariaDB: migrate_failures), and fails. Run
it again when they are repaired. Where planning has found such rows already,
--data-checks 0s leaves them to the backfill.`,
		Example: example(`
			migrate expand
			migrate expand 0007_split_name --workers 4
			migrate expand --lock-rest 0s
			migrate expand --metrics-file /var/lib/node_exporter/migrate.prom
			migrate expand --plan plan.json
			migrate expand --override 'flag-off=the flag is shared with a live feature'`),
		Args: arguments(0, -1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.names = migrationsNamed(args)
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output)
	cmd.Flags().StringVar(&o.planFile, "plan", "", "run the plan in a `file` saved by plan --out; exit 5 when it is stale")
	addOverride(cmd, &o.overrides)
	config.AddFlags(cmd.Flags(), config.LockFlags...)
	config.AddFlags(cmd.Flags(), config.PlanFlags...)
	config.AddFlags(cmd.Flags(), config.BackfillFlags...)
	config.AddFlags(cmd.Flags(), config.MetricsFlags...)
	config.AddFlags(cmd.Flags(), config.FailuresFlag...)
	return cmd
}

func runExpand(ctx context.Context, o *expandOptions) error {
	saved, err := loadPlans(o.planFile)
	if err != nil {
		return err
	}
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	c, err := t.catalog(ctx)
	if err != nil {
		return err
	}
	names := o.names
	for _, p := range saved {
		if len(o.names) == 0 {
			names = append(names, p.Migration)
		}
	}
	files, err := c.pick(names)
	if err != nil {
		return err
	}
	if o.planFile != "" && len(names) == 0 {
		files = nil // the plan says that nothing was to be done
	}
	var reached []string
	for _, f := range files {
		if err = t.expand(ctx, o, f, saved); err != nil {
			break
		}
		reached = append(reached, f.Name)
	}
	if len(reached) == 0 && err != nil {
		return err
	}
	return errors.Join(err, t.outcome(ctx, o.output, reached, "Nothing to expand."))
}

// expand runs one migration.
func (t *target) expand(ctx context.Context, o *expandOptions, file planner.File, saved []*plan.Plan) error {
	ex := t.executor(runOptions{overrides: o.overrides})
	state, err := ex.Expand(ctx, file.Name, func(ctx context.Context) (*plan.Plan, error) {
		open, err := ex.Unfinished(ctx)
		if err != nil {
			return nil, err
		}
		p, err := t.plan(ctx, file, open)
		if err != nil || o.planFile == "" {
			return p, err
		}
		return unchanged(saved, p)
	})
	if err == nil && state == executor.Failed {
		return withHint(fmt.Errorf("%s has failed while contracting", file.Name), "migrate contract %s goes on, migrate rollback %s goes back", file.Name, file.Name)
	}
	return err
}

// unchanged finds the saved plan that is to be run, if a plan made just now is
// still the same; else the saved one is stale.
func unchanged(saved []*plan.Plan, now *plan.Plan) (*plan.Plan, error) {
	at := slices.IndexFunc(saved, func(p *plan.Plan) bool { return p.Migration == now.Migration })
	if at < 0 {
		return nil, withHint(fmt.Errorf("the saved plan does not have %s", now.Migration), "plan it with migrate plan %s --out FILE", now.Migration)
	}
	was := saved[at]
	reason := ""
	switch {
	case was.Engine != now.Engine || was.ServerVersion != now.ServerVersion:
		reason = fmt.Sprintf("it was made for %s %s, and this is %s %s", was.Engine, was.ServerVersion, now.Engine, now.ServerVersion)
	case was.Checksum != now.Checksum:
		reason = "the migration's file has changed since"
	case was.Fingerprint != now.Fingerprint:
		reason = "the schema of its tables has changed since"
	default:
		return was, nil
	}
	return nil, &executor.StaleError{Migration: now.Migration, Reason: reason}
}

// loadPlans reads what plan --out saved; nothing from no file.
func loadPlans(path string) ([]*plan.Plan, error) {
	if path == "" {
		return nil, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the plan: %w", err)
	}
	defer func() { _ = file.Close() }()
	var plans []*plan.Plan
	for decoder := json.NewDecoder(file); ; {
		p := &plan.Plan{}
		err := decoder.Decode(p)
		switch {
		case errors.Is(err, io.EOF):
			return plans, nil
		case err != nil:
			return nil, fmt.Errorf("reading the plan %s: %w", path, err)
		case p.FormatVersion != plan.FormatVersion:
			return nil, fmt.Errorf("reading the plan %s: its format_version is %q, and this migrate reads %q", path, p.FormatVersion, plan.FormatVersion)
		case p.Migration != "":
			plans = append(plans, p)
		}
	}
}
