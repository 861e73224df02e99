package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/expandcontract/migrate/cmd/internal/config"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/cli.md")

// generated begins the part of docs/cli.md that follows from the commands.
const generated = "<!-- From here on this file follows from the commands: go test ./cmd/migrate -run TestDocs -update -->\n"

func TestDocs(t *testing.T) {
	t.Parallel()
	const path = "../../docs/cli.md"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	written, _, ok := strings.Cut(string(content), generated)
	if !ok {
		t.Fatalf("%s lacks the line %q", path, generated)
	}
	want := written + generated + reference()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, string(content)); diff != "" {
		t.Errorf("%s is behind the commands; run this test with -update (-want +got):\n%s", path, diff)
	}
}

// reference documents every command and every setting.
func reference() string {
	var b strings.Builder
	root := newRootCommand(testFactory(io.Discard, io.Discard))
	b.WriteString("\n## Flags of every command\n\n")
	flagTable(&b, root.PersistentFlags())
	b.WriteString("\n## Settings\n\n| key in `migrate.yaml` | variable | flag | meaning |\n|---|---|---|---|\n")
	for _, o := range config.Options {
		name := ""
		if o.Flag != "" {
			name = "`--" + o.Flag + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", o.Key, o.Env, name, o.Usage)
	}
	b.WriteString("\n## Commands\n")
	document(&b, root)
	return b.String()
}

func document(b *strings.Builder, parent *cobra.Command) {
	for _, cmd := range parent.Commands() {
		if cmd.Hidden || cmd.Name() == "help" {
			continue
		}
		fmt.Fprintf(b, "\n### migrate %s\n\n%s.\n", strings.TrimPrefix(cmd.UseLine(), "migrate "), cmd.Short)
		if cmd.Long != "" {
			fmt.Fprintf(b, "\n%s\n", cmd.Long)
		}
		fmt.Fprintf(b, "\n```sh\n%s\n```\n", strings.ReplaceAll(strings.TrimPrefix(cmd.Example, "  "), "\n  ", "\n"))
		if cmd.LocalNonPersistentFlags().HasAvailableFlags() {
			b.WriteByte('\n')
			flagTable(b, cmd.LocalNonPersistentFlags())
		}
		document(b, cmd)
	}
}

func flagTable(b *strings.Builder, flags *pflag.FlagSet) {
	b.WriteString("| flag | meaning |\n|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		name := strings.TrimSpace("--" + f.Name + " " + kind)
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if f.DefValue != "" && f.DefValue != "false" {
			usage += " (default " + f.DefValue + ")"
		}
		fmt.Fprintf(b, "| `%s` | %s |\n", strings.ReplaceAll(name, "|", `\|`), usage)
	})
}
