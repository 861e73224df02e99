package main

import (
	"context"

	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
)

// outcome shows where migrations stand after a command worked on them.
func (t *target) outcome(ctx context.Context, format views.Format, names []string, none string) error {
	status, err := t.executor(runOptions{}).Status(ctx, names...)
	if err != nil {
		return err
	}
	if len(names) == 0 { // it worked on none
		status.Migrations = []executor.MigrationStatus{}
	}
	return views.NewStatus(t.streams, format).Outcome(status, none)
}
