package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/docs/rules"
	catalogue "github.com/expandcontract/migrate/planner/rules"
)

// explainOptions are what migrate explain is told.
type explainOptions struct {
	*factory
	rule   string
	output views.Format
}

func newExplainCommand(f *factory, run func(context.Context, *explainOptions) error) *cobra.Command {
	o := &explainOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "explain [RULE]",
		Short:   "Explain a rule of lint and plan, or list them all",
		GroupID: groupAuthor,
		Long: `Explain a rule that lint or plan named: what blocks or breaks, who is affected,
what migrate does about it, and when to allow it, with an example. Without a
RULE, all rules are listed.`,
		Example: example(`
			migrate explain
			migrate explain not-null-without-default`),
		Args: arguments(0, 1, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.rule = strings.Join(args, "")
			return run(cmd.Context(), o)
		},
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, r := range catalogue.All() {
				names = append(names, r.Name+"\t"+r.Summary)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
	}
	addOutput(cmd, &o.output, views.Markdown)
	return cmd
}

func runExplain(_ context.Context, o *explainOptions) error {
	view := views.NewExplain(o.streams, o.output)
	if o.rule == "" {
		return view.Rules(catalogue.All())
	}
	r, ok := catalogue.Find(o.rule)
	if !ok {
		err := fmt.Errorf("there is no rule %q", o.rule)
		if near := catalogue.Nearest(o.rule); len(near) > 0 {
			return withHint(err, "did you mean %s?", strings.Join(near, ", or "))
		}
		return withHint(err, "migrate explain lists them")
	}
	page, err := rules.Read(r.Name)
	if err != nil {
		return err
	}
	return view.Rule(r, page)
}
