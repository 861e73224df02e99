// Command testservers holds the database servers of a test run.
//
//	testservers run COMMAND [ARGUMENT…]   starts the servers, prints them, runs the command, removes them
//	testservers keep                      is the process that owns them; tests start it by themselves
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/integration/servers/internal/keeper"
)

func main() {
	status, err := run(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testservers:", err)
	}
	os.Exit(status)
}

func run(ctx context.Context, args []string) (status int, err error) {
	switch {
	case len(args) == 1 && args[0] == "keep":
		return keep(ctx)
	case len(args) > 1 && args[0] == "run":
		return around(ctx, args[1:])
	default:
		return 2, errors.New("usage: testservers run COMMAND [ARGUMENT…]")
	}
}

// keep runs the keeper. That there is one already is as good as a success.
func keep(ctx context.Context) (int, error) {
	// The reaper is a container of its own, whose image cannot be had without a registry;
	// the keeper does its work.
	if err := os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true"); err != nil {
		return 1, err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := keeper.Run(ctx, keeper.Linger); err != nil && !errors.Is(err, keeper.ErrTaken) {
		return 1, err
	}
	return 0, nil
}

// around runs a command while it holds the servers; the status is the command's.
func around(ctx context.Context, command []string) (int, error) {
	// An interrupt from the terminal reaches the command too, which ends by itself.
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := servers.Prepare(ctx, os.Stdout); err != nil {
		return 1, err
	}
	// The interrupt is for the command alone: it is not killed, so that it can report.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	runErr := cmd.Run()
	if err := servers.Release(context.WithoutCancel(ctx), os.Stdout); err != nil {
		return 1, errors.Join(err, runErr)
	}
	var exit *exec.ExitError
	if errors.As(runErr, &exit) {
		return max(exit.ExitCode(), 1), nil
	}
	if runErr != nil {
		return 1, runErr
	}
	return 0, nil
}
