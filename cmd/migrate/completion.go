package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newCompletionCommand(f *factory) *cobra.Command {
	shells := []string{"bash", "zsh", "fish", "powershell"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell",
		Short: "Print a script that lets the shell complete commands",
		Long: `Print a script that lets the shell complete migrate's commands, flags and the
names of migrations. Source it in the shell's start-up file.`,
		Example: example(`
			source <(migrate completion bash)
			migrate completion zsh > "${fpath[1]}/_migrate"
			migrate completion fish > ~/.config/fish/completions/migrate.fish`),
		GroupID:               groupMore,
		DisableFlagsInUseLine: true,
		ValidArgs:             shells,
		Args:                  arguments(1, 1, "a shell: bash, zsh, fish or powershell"),
		RunE: func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), f.streams.Out
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			case "powershell":
				return root.GenPowerShellCompletionWithDesc(out)
			default:
				return fmt.Errorf("unknown shell %q: use one of bash, zsh, fish, powershell", args[0])
			}
		},
	}
}
