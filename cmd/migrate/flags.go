package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/planner"
)

// outputFlag is -o: one of the formats that a command can write.
type outputFlag struct {
	format *views.Format
	among  []views.Format
}

var _ pflag.Value = (*outputFlag)(nil)

// addOutput offers -o with text and JSON, and whatever more a command can.
func addOutput(cmd *cobra.Command, format *views.Format, more ...views.Format) {
	*format = views.Text
	flag := &outputFlag{format, append([]views.Format{views.Text, views.JSON}, more...)}
	cmd.Flags().VarP(flag, "output", "o", "how to write the result")
	complete(cmd, "output", flag.names()...)
}

// String is the format chosen.
func (f *outputFlag) String() string {
	if f.format == nil { // pflag compares with a zero value
		return ""
	}
	return string(*f.format)
}

// Set chooses a format.
func (f *outputFlag) Set(text string) error {
	for _, one := range f.among {
		if string(one) == text {
			*f.format = one
			return nil
		}
	}
	return fmt.Errorf("expected one of %s", strings.Join(f.names(), ", "))
}

// Type lists the formats in usage messages.
func (f *outputFlag) Type() string { return strings.Join(f.names(), "|") }

func (f *outputFlag) names() []string {
	names := make([]string, len(f.among))
	for i, one := range f.among {
		names[i] = string(one)
	}
	return names
}

// overrideFlag is --override GATE=REASON, which may be repeated.
type overrideFlag map[string]string

var _ pflag.Value = overrideFlag(nil)

// addOverride offers --override.
func addOverride(cmd *cobra.Command, overrides *map[string]string) {
	*overrides = map[string]string{}
	cmd.Flags().Var(overrideFlag(*overrides), "override", "pass a gate by, with the reason that is recorded; may be repeated")
}

// String lists the gates.
func (o overrideFlag) String() string {
	if len(o) == 0 {
		return ""
	}
	gates := make([]string, 0, len(o))
	for gate := range o {
		gates = append(gates, gate)
	}
	return strings.Join(gates, ",")
}

// Set reads "GATE=REASON", or "GATE REASON".
func (o overrideFlag) Set(text string) error {
	at := strings.IndexAny(text, "= ")
	if at < 0 {
		at = len(text)
	}
	gate, reason := text[:at], strings.Trim(text[at:], `="' `)
	switch {
	case gate == "":
		return fmt.Errorf("expected GATE=REASON")
	case reason == "":
		return fmt.Errorf("gate %s needs a reason, as in --override '%s=REASON'", gate, gate)
	}
	o[gate] = reason
	return nil
}

// Type describes the value in usage messages.
func (o overrideFlag) Type() string { return "GATE=REASON" }

// choiceFlag is a flag with few values; the empty one means not given.
type choiceFlag struct {
	value *string
	among []string
}

var _ pflag.Value = (*choiceFlag)(nil)

// String is the value chosen.
func (f *choiceFlag) String() string {
	if f.value == nil {
		return ""
	}
	return *f.value
}

// Set chooses a value.
func (f *choiceFlag) Set(text string) error {
	for _, one := range f.among {
		if one == text {
			*f.value = one
			return nil
		}
	}
	return fmt.Errorf("expected one of %s", strings.Join(f.among, ", "))
}

// Type lists the values in usage messages.
func (f *choiceFlag) Type() string { return strings.Join(f.among, "|") }

// complete lets the shell complete the values of a flag.
func complete(cmd *cobra.Command, flag string, values ...string) {
	err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	if err != nil {
		panic(err) // the flag does not exist: a mistake in this program
	}
}

// arguments says how many arguments a command takes, in words that its error uses.
func arguments(least, most int, needs string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return withHint(fmt.Errorf("%s needs %s", cmd.CommandPath(), needs), "%s --help shows how to use it", cmd.CommandPath())
		case most >= 0 && len(args) > most:
			return withHint(fmt.Errorf("%s does not know what to do with %q", cmd.CommandPath(), args[most]), "%s --help shows how to use it", cmd.CommandPath())
		}
		return nil
	}
}

// migrationNames completes the names of migrations.
func (f *factory) migrationNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if err := f.prepare(cmd.Flags()); err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	given := map[string]bool{}
	for _, a := range args {
		given[a] = true
	}
	var names []string
	for file, err := range planner.Files(f.config.Dir) {
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		if !given[file.Name] {
			names = append(names, file.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// migrationName is what a person means by an argument: a name, or the path of
// the file, which shells complete so easily.
func migrationName(argument string) string {
	name := argument
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	return strings.TrimSuffix(name, ".sql")
}

// migrationsNamed applies migrationName to all arguments.
func migrationsNamed(arguments []string) []string {
	names := make([]string, len(arguments))
	for i, a := range arguments {
		names[i] = migrationName(a)
	}
	return names
}
