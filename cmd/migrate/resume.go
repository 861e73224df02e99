package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
)

// resumeOptions are what migrate resume is told.
type resumeOptions struct {
	*factory
	output views.Format
}

func newResumeCommand(f *factory, run func(context.Context, *resumeOptions) error) *cobra.Command {
	o := &resumeOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "resume",
		Short:   "Let paused backfills go on",
		GroupID: groupWatch,
		Example: example(`migrate resume`),
		Args:    arguments(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	addOutput(cmd, &o.output)
	return cmd
}

func runResume(ctx context.Context, o *resumeOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	if err := t.executor(runOptions{}).Resume(ctx); err != nil {
		return err
	}
	return t.results(o.output).Done(views.Done{Message: "Backfills go on."})
}
