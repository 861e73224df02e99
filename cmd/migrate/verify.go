package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/executor"
)

// verifyOptions are what migrate verify is told.
type verifyOptions struct {
	*factory
	name   string
	repair string
	values bool
	output views.Format
}

func newVerifyCommand(f *factory, run func(context.Context, *verifyOptions) error) *cobra.Command {
	o := &verifyOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "verify [NAME]",
		Short:   "Count the rows whose two shapes disagree, and repair them",
		GroupID: groupWatch,
		Long: `Compare both shapes in every row of a migration's tables, or of all migrations
that are open, in small pieces. It fails when it finds an inconsistent row; one
whose values the server cannot convert is one.

--values shows what both shapes of such rows hold. --repair up trusts the old
shape and derives the new one from it, --repair down the other way round.

With --replica-url the rows are read on a replica, once it shows what the
database holds now. Where rows disagree there, the database itself is asked.`,
		Example: example(`
			migrate verify
			migrate verify 0007_split_name --values
			migrate verify --replica-url-file /run/secrets/replica-url
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
	cmd.Flags().BoolVar(&o.values, "values", false, "show what both shapes of inconsistent rows hold: it may be people's data")
	config.AddFlags(cmd.Flags(), config.ReplicaFlags...)
	config.AddFlags(cmd.Flags(), config.WaitFlag...)
	config.AddFlags(cmd.Flags(), config.BackfillFlags...)
	config.AddFlags(cmd.Flags(), config.MetricsFlags...)
	return cmd
}

func runVerify(ctx context.Context, o *verifyOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	replica, err := t.replica(ctx)
	if err != nil {
		return err
	}
	options := runOptions{}
	if replica != nil {
		defer func() { _ = replica.Close() }()
		options.verifyOn = replica
	}
	tables, err := t.executor(options).Verify(ctx, o.name, executor.Side(o.repair))
	if err != nil {
		return err
	}
	if !o.values {
		for i := range tables {
			tables[i].Differences = nil
		}
	}
	if err := t.results(o.output).Verified(tables); err != nil {
		return err
	}
	inconsistent, there := int64(0), int64(0)
	for _, table := range tables {
		inconsistent += table.Mismatches
		there += table.OnReplica
	}
	if inconsistent == 0 && there > 0 {
		return withHint(fmt.Errorf("%s found on the replica, which the database itself does not have", views.Plural(int(there), "inconsistent row")),
			"the replica is not a faithful one; build it anew")
	}
	if inconsistent > 0 {
		return withHint(fmt.Errorf("%s found", views.Plural(int(inconsistent), "inconsistent row")),
			"look at them, then run migrate verify --repair up (the old shape is right) or down (the new one is)")
	}
	return nil
}

// replica opens the replica that the configuration names; nil: none.
func (t *target) replica(ctx context.Context) (dialects.Session, error) {
	url, err := t.config.ReplicaURL()
	if err != nil || url == "" {
		return nil, err
	}
	engine, err := t.engines.ForURL(url)
	if err != nil || engine.Engine() != t.engine.Engine() {
		return nil, fmt.Errorf("the replica's URL is not that of a %s database", t.engine.Engine())
	}
	session, err := engine.Open(ctx, url, dialects.Options{Application: "migrate", MaxConns: t.config.Workers + 2})
	if err != nil {
		return nil, fmt.Errorf("opening the replica: %w", err)
	}
	return session, nil
}
