package drive

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/executor"
)

// program is a Program that is a shell script.
func program(t *testing.T, script string) *Program {
	t.Helper()
	path := filepath.Join(t.TempDir(), "migrate")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	return &Program{Binary: path, Dir: t.TempDir()}
}

// TestStatesOfAProgram: they are told in their order, whatever else it writes, and what it writes is kept for
// the error.
func TestStatesOfAProgram(t *testing.T) {
	t.Parallel()
	p := program(t, `
printf '{"level":"INFO","msg":"expanding","migration":"m",'
sleep 0.05
echo '"was":"planned"}'
echo 'not JSON'
echo '{"level":"INFO","msg":"a step","migration":"m"}'
echo '{"level":"INFO","msg":"backfilling","migration":"m","was":"expanding"}' >&2
case "$*" in *"--log-format json"*) exit 7 ;; esac`)
	var states []executor.State
	p.Entered = func(s executor.State) { states = append(states, s) }
	err := p.Expand(t.Context(), "m")
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 || !strings.Contains(err.Error(), "not JSON") {
		t.Errorf("the error is %v", err)
	}
	if want := []executor.State{executor.Expanding, executor.Backfilling}; !slices.Equal(states, want) {
		t.Errorf("it was told of %v, want %v", states, want)
	}
}
