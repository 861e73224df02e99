package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Exit codes of the command line that the show relies on.
const (
	exitDone    = 0
	exitBlocked = 3
)

// interruptTimeout is how long a command may take to put its work down after an interrupt.
const interruptTimeout = 15 * time.Second

// migrate shows a migrate command and its output, and fails unless it ends with the exit code wanted.
func (s *show) migrate(ctx context.Context, want int, args ...string) error {
	s.screen.print(styleBold, "  $ migrate "+strings.Join(args, " "))
	out := &lines{screen: s.screen}
	cmd := s.command(ctx, args...)
	cmd.Stdout, cmd.Stderr = out, out // one pipe, so that the two keep their order
	code, err := exitCode(cmd.Run())
	out.flush()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("running migrate %s: %w", args[0], err)
	case code != want:
		return fmt.Errorf("migrate %s ended with exit code %d, not %d", strings.Join(args, " "), code, want)
	}
	return nil
}

// backfill is what `migrate status` knows of the backfill.
type backfill struct {
	rows          int64
	rowsPerSecond float64
}

// status asks `migrate status` for the example migration, unseen.
func (s *show) status(ctx context.Context, name string) (state string, done backfill, err error) {
	var stderr tail
	cmd := s.command(ctx, "status", name, "-o", "json")
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		return "", backfill{}, fmt.Errorf("running migrate status: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	return readStatus(text, name)
}

func readStatus(text []byte, name string) (state string, done backfill, err error) {
	var answer struct {
		Migrations []struct {
			Name     string `json:"name"`
			State    string `json:"state"`
			Backfill []struct {
				RowsDone      int64   `json:"rows_done"`
				RowsPerSecond float64 `json:"rows_per_second"`
			} `json:"backfill"`
		} `json:"migrations"`
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&answer); err != nil {
		return "", backfill{}, fmt.Errorf("reading the output of migrate status: %w", err)
	}
	for _, m := range answer.Migrations {
		if m.Name != name {
			continue
		}
		for _, b := range m.Backfill {
			done.rows += b.RowsDone
			done.rowsPerSecond = max(done.rowsPerSecond, b.RowsPerSecond)
		}
		return m.State, done, nil
	}
	return "", backfill{}, fmt.Errorf("migrate status does not know migration %s", name)
}

// command prepares a migrate command against the shop. The database's URL is not among its arguments, where
// it would show.
func (s *show) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, s.opts.MigrateBinary, args...)
	cmd.Dir = s.workDir
	cmd.Env = append(withoutSettings(os.Environ()), "MIGRATE_DATABASE_URL="+s.stage.shopURL)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptTimeout
	detach(cmd)
	return cmd
}

// withoutSettings drops the user's own settings of migrate, which are not meant for the shop.
func withoutSettings(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(variable string) bool {
		return strings.HasPrefix(variable, "MIGRATE_")
	})
}

// exitCode separates a program that ran and said no from one that did not run.
func exitCode(err error) (int, error) {
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	return exitDone, err
}
