package main

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/flags"
)

// testFactory is a factory without an environment that writes to buffers.
func testFactory(out, err io.Writer) *factory {
	return newFactory(streams.Buffers(out, err), func(string) (string, bool) { return "", false })
}

// parsed runs a command of its own with arguments, and returns what its run
// function was given.
func parsed[T any](t *testing.T, command func(*factory, func(context.Context, *T) error) *cobra.Command, args ...string) (*T, error) {
	t.Helper()
	var got *T
	cmd := command(testFactory(io.Discard, io.Discard), func(_ context.Context, o *T) error {
		got = o
		return nil
	})
	cmd.SetArgs(args)
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	return got, cmd.ExecuteContext(t.Context())
}

func check[T any](t *testing.T, got *T, err error, want T) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	ignore := cmpopts.IgnoreTypes(&factory{})
	if diff := cmp.Diff(&want, got, ignore, cmp.AllowUnexported(want, flags.Rollout{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the options differ (-want +got):\n%s", diff)
	}
}

func TestOptionsOfCommands(t *testing.T) {
	t.Parallel()
	t.Run("plan", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newPlanCommand, "migrations/0007_split_name.sql", "-o", "sql", "--detailed-exitcode", "--out", "p.json")
		check(t, got, err, planOptions{names: []string{"0007_split_name"}, detailedExitCode: true, out: "p.json", output: views.SQL})
	})
	t.Run("expand", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newExpandCommand, "a", "b", "--override", "flag-off=we know", "--override", `verified "as well"`, "--plan", "p.json")
		check(t, got, err, expandOptions{
			names: []string{"a", "b"}, planFile: "p.json", output: views.Text,
			overrides: map[string]string{"flag-off": "we know", "verified": "as well"},
		})
	})
	t.Run("contract", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newContractCommand, "-o", "json")
		check(t, got, err, contractOptions{output: views.JSON})
		grace := time.Duration(0)
		got, err = parsed(t, newContractCommand, "a", "--grace", "0s")
		check(t, got, err, contractOptions{names: []string{"a"}, grace: &grace, output: views.Text})
	})
	t.Run("rollback", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newRollbackCommand, "a.sql", "--discard-data")
		check(t, got, err, rollbackOptions{name: "a", discardData: true, output: views.Text})
	})
	t.Run("verify", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newVerifyCommand, "a", "--repair", "down")
		check(t, got, err, verifyOptions{name: "a", repair: "down", output: views.Text})
	})
	t.Run("flag set", func(t *testing.T) {
		t.Parallel()
		quarter, err := flags.Partial(25)
		if err != nil {
			t.Fatal(err)
		}
		got, err := parsed(t, newFlagSetCommand, "users.split-name", "25%")
		check(t, got, err, flagSetOptions{name: "users.split-name", rollout: quarter, output: views.Text})
	})
	t.Run("throttle", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newThrottleCommand)
		check(t, got, err, throttleOptions{output: views.Text})
		one, rate, target := 1, 5000.0, int64(50)
		got, err = parsed(t, newThrottleCommand, "--workers", "1", "--rows-per-second", "5000", "--chunk-target", "50ms")
		check(t, got, err, throttleOptions{change: executor.Tuning{Workers: &one, RowsPerSecond: &rate, ChunkTargetMS: &target}, output: views.Text})
		none := 0.0
		got, err = parsed(t, newThrottleCommand, "--rows-per-second", "0", "-o", "json")
		check(t, got, err, throttleOptions{change: executor.Tuning{RowsPerSecond: &none}, output: views.JSON})
		got, err = parsed(t, newThrottleCommand, "--off")
		check(t, got, err, throttleOptions{off: true, output: views.Text})
	})
	t.Run("demo", func(t *testing.T) {
		t.Parallel()
		got, err := parsed(t, newDemoCommand, "--engine", "mariadb", "--customers", "1000")
		check(t, got, err, demoOptions{engine: "mariadb", customers: 1000})
	})
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		args []string
		want string
	}{
		{[]string{"bogus"}, "error: unknown command \"bogus\" for \"migrate\"\nhint: migrate --help lists the commands\n"},
		{[]string{"plan", "--bogus"}, "error: unknown flag: --bogus\nhint: migrate plan --help shows how to use it\n"},
		{[]string{"plan", "a", "b"}, "error: migrate plan does not know what to do with \"b\"\nhint: migrate plan --help shows how to use it\n"},
		{[]string{"plan", "-o", "yaml"}, "expected one of text, json, markdown, sql"},
		{[]string{"expand", "-o", "sql"}, "expected one of text, json"},
		{[]string{"expand", "--override", "soaked"}, "gate soaked needs a reason, as in --override 'soaked=REASON'"},
		{[]string{"expand", "--override", "=why"}, "expected GATE=REASON"},
		{[]string{"contract", "--grace", "-1s"}, "a grace of -1s makes no sense"},
		{[]string{"rollback"}, "error: migrate rollback needs the name of a migration\n"},
		{[]string{"verify", "--repair", "sideways"}, "expected one of up, down"},
		{[]string{"throttle", "--workers", "0"}, "--workers: expected a number from 1 to 64"},
		{[]string{"throttle", "--rows-per-second", "-1"}, "--rows-per-second: expected a number from 0"},
		{[]string{"throttle", "--chunk-target", "10us"}, "--chunk-target: expected at least 1ms"},
		{[]string{"throttle", "--off", "--workers", "2"}, "off workers"},
		{[]string{"flag", "set", "a"}, "needs a flag and its value"},
		{[]string{"flag", "set", "a", "120%"}, "a percentage lies between 0% and 100%"},
		{[]string{"demo", "--engine", "oracle"}, "expected one of postgres, mysql, mariadb"},
		{[]string{"completion", "tcsh"}, "unknown shell \"tcsh\""},
		{[]string{"new", "..."}, `error: "..." has no letter or digit to name a migration by`},
		{[]string{"-q", "-v", "version"}, "quiet verbose"},
		{[]string{"plan"}, "error: no database was given\nhint: give it with --database-url"},
		{[]string{"plan", "--database-url", "db:5432"}, "has no scheme"},
		{[]string{"plan", "--database-url", "oracle://db"}, `unknown database URL scheme "oracle"`},
	}
	for _, test := range tests {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			t.Parallel()
			var out, err bytes.Buffer
			code := execute(t.Context(), testFactory(&out, &err), test.args)
			if code != exitError {
				t.Errorf("exit code %d, want %d", code, exitError)
			}
			if !strings.Contains(err.String(), test.want) {
				t.Errorf("stderr says\n%s\nwant in it\n%s", err.String(), test.want)
			}
			if out.Len() > 0 {
				t.Errorf("stdout has %q", out.String())
			}
		})
	}
}

// Each command that people run says what it is for and shows it.
func TestHelp(t *testing.T) {
	t.Parallel()
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			if !sub.Hidden && sub.Name() != "help" {
				visit(sub)
			}
		}
		if cmd.Short == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: the short description is %q", cmd.CommandPath(), cmd.Short)
		}
		if !strings.Contains(cmd.Example, "migrate") {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		if cmd.HasParent() && cmd.Parent() == cmd.Root() && cmd.GroupID == "" {
			t.Errorf("%s belongs to no group", cmd.CommandPath())
		}
		for _, line := range strings.Split(cmd.Long, "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("%s: a line of the help is longer than 80 columns: %s", cmd.CommandPath(), line)
			}
		}
	}
	visit(newRootCommand(testFactory(io.Discard, io.Discard)))
}

func TestSlug(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"split_name": "split_name", "Split the users' names!": "split_the_users_names", "näme.sql": "näme",
		"../etc/passwd": "etc_passwd", "...": "", "a--b": "a_b",
	} {
		if got := slugOf(name); got != want {
			t.Errorf("slugOf(%q) = %q, want %q", name, got, want)
		}
	}
}
