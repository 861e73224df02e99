package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/integration/demo"
)

// demoOptions are what migrate demo is told.
type demoOptions struct {
	*factory
	engine    string
	ownServer bool // the command line names a server
	customers int64
	keep      bool
}

func newDemoCommand(f *factory, run func(context.Context, *demoOptions) error) *cobra.Command {
	o := &demoOptions{factory: f, engine: "postgres"}
	cmd := &cobra.Command{
		Use:     "demo",
		GroupID: groupMore,
		Short:   "Watch a shop's schema change under traffic",
		Long: `Start a throwaway database, open a shop with 200,000 customers and four replicas
of an app under steady traffic, and take the shop through a migration: plan,
expand, a rolling deploy, a ramp of the feature flag, contract. It ends with the
number of failed requests and inconsistent rows, and fails unless both are zero.

With --database-url it works on that server instead, in databases of its own
that it drops at the end. MIGRATE_DATABASE_URL and migrate.yaml do not count
here: nobody wants a demo on the database that they work on.`,
		Example: example(`
			migrate demo
			migrate demo --engine mariadb`),
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.ownServer = cmd.Flags().Changed("database-url") || cmd.Flags().Changed("database-url-file")
			if o.ownServer && !cmd.Flags().Changed("engine") {
				o.engine = ""
			}
			return run(cmd.Context(), o)
		},
	}
	engines := &choiceFlag{&o.engine, []string{"postgres", "mysql", "mariadb"}}
	cmd.Flags().Var(engines, "engine", "the database engine")
	complete(cmd, "engine", engines.among...)
	cmd.Flags().Int64Var(&o.customers, "customers", 200_000, "how many customers the shop has")
	cmd.Flags().BoolVar(&o.keep, "keep", false, "leave the shop's database for a look around")
	return cmd
}

func runDemo(ctx context.Context, o *demoOptions) error {
	url := ""
	if o.ownServer {
		var err error
		if url, err = o.config.URL(); err != nil {
			return err
		}
	}
	if o.engine == "" {
		engine, err := o.engines.ForURL(url)
		if err != nil {
			return err
		}
		o.engine = engine.Engine()
	}
	return demo.Run(ctx, demo.Options{
		Engine: o.engine, DatabaseURL: url, Customers: o.customers, Keep: o.keep,
		Out: o.streams.Out, Color: o.streams.OutIsColored(), Live: o.streams.OutIsTerminal(),
	})
}

// newDemoReplicaCommand is one replica of the demo's app. The demo starts it.
func newDemoReplicaCommand() *cobra.Command {
	return &cobra.Command{
		Use:                "demo-replica VERSION",
		Short:              "Run one replica of the demo's app",
		Hidden:             true,
		DisableFlagParsing: true, // the app has flags of its own
		RunE:               func(cmd *cobra.Command, args []string) error { return demo.ReplicaMain(cmd.Context(), args) },
	}
}
