package main

import (
	"context"
	"slices"

	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
)

// outcome shows where migrations stand after a command worked on them.
func (t *target) outcome(ctx context.Context, format views.Format, names []string, none string) error {
	status, err := t.executor(runOptions{}).Status(ctx)
	if err != nil {
		return err
	}
	status.Migrations = slices.DeleteFunc(status.Migrations, func(m executor.MigrationStatus) bool {
		return !slices.Contains(names, m.Name)
	})
	return views.NewStatus(t.streams, format).Outcome(status, none)
}
