package main

import (
	"cmp"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
)

// statusOptions are what migrate status is told.
type statusOptions struct {
	*factory
	name   string
	output views.Format
}

func newStatusCommand(f *factory, run func(context.Context, *statusOptions) error) *cobra.Command {
	o := &statusOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "status [NAME]",
		Short:   "Show where migrations stand, and what they wait for",
		GroupID: groupWatch,
		Long: `Show the state of a migration, or of all: its flag, the progress of its
backfill, the inconsistent rows that were found last, and the gates before its
next phase. It changes nothing and can be run while migrate is at work.`,
		Example: example(`
			migrate status
			migrate status 0007_split_name -o json`),
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
	return cmd
}

func runStatus(ctx context.Context, o *statusOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	var names []string
	if o.name != "" {
		names = []string{o.name}
	}
	status, err := t.executor(runOptions{}).Status(ctx, names...)
	if err != nil {
		return err
	}
	there, err := t.addPlanned(status, o.name)
	if err != nil {
		return err
	}
	if o.name != "" && len(status.Migrations) == 0 {
		return unknown(o.name, there)
	}
	return views.NewStatus(t.streams, o.output).Status(status)
}

// addPlanned adds the migrations that the database does not know yet, or the one
// that is asked for, and returns the names of all that have a file.
func (t *target) addPlanned(s *executor.Status, only string) ([]string, error) {
	var there []string
	for f, err := range planner.Files(t.config.Dir) {
		if err != nil {
			return nil, err
		}
		there = append(there, f.Name)
		if only != "" && f.Name != only || slices.ContainsFunc(s.Migrations, func(m executor.MigrationStatus) bool { return m.Name == f.Name }) {
			continue
		}
		s.Migrations = append(s.Migrations, executor.MigrationStatus{
			Name: f.Name, State: executor.Planned, Flag: t.flagOf(f),
			Gates: []executor.GateResult{}, Backfill: []executor.BackfillStatus{},
		})
	}
	slices.SortFunc(s.Migrations, func(a, b executor.MigrationStatus) int { return cmp.Compare(a.Name, b.Name) })
	return there, nil
}
