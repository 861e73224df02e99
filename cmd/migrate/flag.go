package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/flags"
	"github.com/expandcontract/migrate/planner"
)

// flagGetOptions are what migrate flag get is told.
type flagGetOptions struct {
	*factory
	name   string // empty: all
	output views.Format
}

// flagSetOptions are what migrate flag set is told.
type flagSetOptions struct {
	*factory
	name    string
	rollout flags.Rollout
	output  views.Format
}

func newFlagCommand(f *factory, get func(context.Context, *flagGetOptions) error, set func(context.Context, *flagSetOptions) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "flag",
		Short:   "Read and set the flags that migrations are tied to",
		GroupID: groupWatch,
		Long: `Read and set the feature flags that migrations are tied to. A flag decides which
share of the app's users takes the new path. It is held at the old path until
the migrations tied to it are open, whatever it is set to.

NAME is a migration's name or a flag's key.`,
		Example: example(`
			migrate flag get users.split-name
			migrate flag set users.split-name 25%`),
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newFlagGetCommand(f, get), newFlagSetCommand(f, set))
	return cmd
}

func newFlagGetCommand(f *factory, run func(context.Context, *flagGetOptions) error) *cobra.Command {
	o := &flagGetOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "get [NAME]",
		Short: "Show a flag, or all",
		Example: example(`
			migrate flag get
			migrate flag get users.split-name -o json`),
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = strings.Join(args, "")
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: f.migrationNames,
	}
	addOutput(cmd, &o.output)
	return cmd
}

func newFlagSetCommand(f *factory, run func(context.Context, *flagSetOptions) error) *cobra.Command {
	o := &flagSetOptions{factory: f}
	cmd := &cobra.Command{
		Use:   "set NAME off|full|PERCENT%",
		Short: "Set a flag of the built-in table",
		Example: example(`
			migrate flag set users.split-name 25%
			migrate flag set 0007_split_name full`),
		Args: arguments(2, 2, "a flag and its value: off, full or a percentage such as 25%"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			o.name = args[0]
			if o.rollout, err = flags.Parse(args[1]); err != nil {
				return err
			}
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return f.migrationNames(cmd, args, word)
			}
			return []string{"off", "1%", "10%", "25%", "50%", "full"}, cobra.ShellCompDirectiveNoFileComp
		},
	}
	addOutput(cmd, &o.output)
	return cmd
}

func runFlagGet(ctx context.Context, o *flagGetOptions) error {
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	keys, err := t.flagKeys(ctx)
	if err != nil {
		return err
	}
	wanted := slices.Sorted(maps.Values(keys))
	if o.name != "" {
		key, err := keyOf(o.name, keys)
		if err != nil {
			return err
		}
		wanted = []string{key}
	}
	return t.showFlags(ctx, o.output, slices.Compact(wanted))
}

func runFlagSet(ctx context.Context, o *flagSetOptions) error {
	if source := o.config.FlagSource; source != config.FlagsInTable {
		return withHint(fmt.Errorf("flags are kept in %s, where migrate only reads them", source), "set it there, or use the built-in table: flags.source: table")
	}
	t, err := o.connect(ctx)
	if err != nil {
		return err
	}
	defer t.close()
	keys, err := t.flagKeys(ctx)
	if err != nil {
		return err
	}
	key, err := keyOf(o.name, keys)
	if err != nil {
		return err
	}
	if err := t.executor(runOptions{}).Init(ctx); err != nil {
		return err
	}
	if err := t.flagTable().Set(ctx, key, o.rollout); err != nil {
		return err
	}
	return t.showFlags(ctx, o.output, []string{key})
}

// flagKeys finds the flags that migrations are tied to, by the migrations'
// names: those that the database knows, and those that have only a file yet.
func (t *target) flagKeys(ctx context.Context) (map[string]string, error) {
	known, _, err := t.executor(runOptions{}).Known(ctx)
	if err != nil {
		return nil, err
	}
	keys := map[string]string{}
	for name, k := range known {
		keys[name] = k.Flag
	}
	planned := map[string]string{}
	for f, err := range planner.Files(t.config.Dir) {
		switch {
		case err != nil && len(keys) == 0:
			return nil, err
		case err != nil:
			return keys, nil // what the database knows can be set all the same
		}
		if _, ok := keys[f.Name]; !ok {
			planned[f.Name] = t.flagOf(f)
		}
	}
	maps.Copy(keys, planned)
	return keys, nil
}

// keyOf finds the flag that a migration's name or a key means. A key that no
// migration is tied to would never have an effect: it is a mistake.
func keyOf(name string, keys map[string]string) (string, error) {
	if key, ok := keys[migrationName(name)]; ok {
		return key, nil
	}
	for _, key := range keys {
		if key == name {
			return key, nil
		}
	}
	err := fmt.Errorf("no migration is named %q, and none is tied to a flag of that name", name)
	if all := slices.Compact(slices.Sorted(maps.Values(keys))); len(all) > 0 {
		return "", withHint(err, "there are: %s", strings.Join(all, ", "))
	}
	return "", err
}

// showFlags reads flags where they are kept.
func (t *target) showFlags(ctx context.Context, format views.Format, keys []string) error {
	source := t.flags()
	if t.config.FlagSource == config.FlagsInTable {
		there, err := t.executor(runOptions{}).Initialized(ctx)
		if err != nil {
			return err
		}
		if !there {
			source = flags.SourceFunc(untouched)
		}
	}
	var shown views.Flags
	for _, key := range keys {
		state, err := source.Rollout(ctx, key)
		if err != nil {
			return err
		}
		f := views.Flag{
			Key: key, Rollout: state.Rollout.String(), Effective: state.Effective().String(),
			Held: state.Held, Origin: state.Origin, Reason: state.Reason,
		}
		if !state.FullSince.IsZero() {
			f.FullSince = &state.FullSince
		}
		shown.Flags = append(shown.Flags, f)
	}
	return t.results(format).Flags(shown)
}

// untouched is the state of every flag in a database that migrate has not
// written to: reading a flag creates no table.
func untouched(context.Context, string) (flags.State, error) {
	return flags.State{Rollout: flags.Off(), Held: true, Origin: "nowhere yet", Reason: "held at the old path: nothing has been expanded here"}, nil
}
