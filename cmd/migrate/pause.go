package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
)

// pauseOptions are what migrate pause is told.
type pauseOptions struct {
	*factory
	output views.Format
}

func newPauseCommand(f *factory, run func(context.Context, *pauseOptions) error) *cobra.Command {
	o := &pauseOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "pause",
		Short:   "Make backfills wait, from another terminal",
		GroupID: groupWatch,
		Long: `Make running and future backfills and verifications wait between two chunks,
within about a second, until migrate resume. Shadow writes go on.`,
		Example: example(`migrate pause`),
		Args:    arguments(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	addOutput(cmd, &o.output)
	return cmd
}

func runPause(ctx context.Context, o *pauseOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.executor(runOptions{}).Pause(ctx); err != nil {
		return err
	}
	return t.results(o.output).Done(views.Done{Message: "Backfills are paused."})
}
