package streams_test

import (
	"bytes"
	"testing"

	"github.com/expandcontract/migrate/cmd/internal/streams"
)

func TestConsoleKeepsStatusBelowLines(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	console := streams.NewConsole(&out, true, func() int { return 10 })

	console.Status("working")
	write(t, console, "a line\n")
	console.Status("working") // unchanged: not drawn again
	console.Status("")
	write(t, console, "the end\n")

	const erase = "\r\x1b[2K"
	want := erase + "working" + erase + "a line\nworking" + erase + "the end\n"
	if got := out.String(); got != want {
		t.Errorf("the console wrote %q, want %q", got, want)
	}
}

func TestConsoleCutsStatusToWidth(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	streams.NewConsole(&out, true, func() int { return 8 }).Status("0123456789")
	if got, want := out.String(), "\r\x1b[2K012345…"; got != want {
		t.Errorf("the console wrote %q, want %q", got, want)
	}
}

func TestConsoleWithoutTerminalHasNoStatus(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	console := streams.NewConsole(&out, false, func() int { return 80 })
	console.Status("working")
	write(t, console, "a line\n")
	if got, want := out.String(), "a line\n"; got != want {
		t.Errorf("the console wrote %q, want %q", got, want)
	}
}

func write(t *testing.T, console *streams.Console, line string) {
	t.Helper()
	n, err := console.Write([]byte(line))
	if err != nil || n != len(line) {
		t.Fatalf("Write(%q) = %d, %v", line, n, err)
	}
}
