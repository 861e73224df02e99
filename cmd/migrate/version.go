package main

import (
	"context"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
)

// version is set by the linker in releases.
var version = ""

// versionOptions are what migrate version is told.
type versionOptions struct {
	*factory
	output views.Format
}

func newVersionCommand(f *factory, run func(context.Context, *versionOptions) error) *cobra.Command {
	o := &versionOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "version",
		GroupID: groupMore,
		Short:   "Print the version",
		Example: example(`migrate version -o json`),
		Args:    arguments(0, 0, ""),
		RunE:    func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), o) },
	}
	addOutput(cmd, &o.output)
	return cmd
}

func runVersion(_ context.Context, o *versionOptions) error {
	b := build()
	message := "migrate " + b.Version
	if b.Revision != "" {
		message += " (" + b.Revision + ")"
	}
	return o.results(o.output).Done(views.Done{Message: message + ", " + b.Go + ", " + b.Platform, Build: b})
}

// build describes this program from what the linker and the go command left in it.
func build() *views.Build {
	b := &views.Build{Version: version, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Revision = s.Value[:min(12, len(s.Value))]
		}
	}
	return b
}
