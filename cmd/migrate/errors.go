package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/logs"
	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// hintedError is an error that says what helps.
type hintedError struct {
	err  error
	hint string
}

func (e *hintedError) Error() string { return e.err.Error() }
func (e *hintedError) Unwrap() error { return e.err }

// withHint adds what helps to an error.
func withHint(err error, format string, args ...any) error {
	return &hintedError{err, fmt.Sprintf(format, args...)}
}

// printError tells a person why a command failed: "error: …", the place in the
// migration where there is one, and "hint: …".
func printError(ctx context.Context, s *streams.Streams, err error) {
	if errors.Is(context.Cause(ctx), errInterrupted) {
		err = errInterrupted
	}
	if errors.Is(err, errChanges) || errors.Is(err, errHazards) {
		return
	}
	said := ""
	for _, one := range leaves(err) {
		fmt.Fprintf(s.Err, "%s %s\n", s.ErrTheme.Bad.Render("error:"), logs.Redact(message(one)))
		if e := (*planner.Error)(nil); errors.As(one, &e) {
			printPlace(s, e.Pos)
		}
		if h := hint(one); h != "" && h != said {
			fmt.Fprintf(s.Err, "%s %s\n", s.ErrTheme.Accent.Render("hint:"), logs.Redact(h))
			said = h
		}
	}
}

// message is an error's text without the advice, which becomes the hint.
func message(err error) string {
	var place *planner.Error
	var usage *executor.UsageError
	var gate *executor.GateError
	switch {
	case errors.As(err, &gate):
		// One gate per line, aligned behind "error: ".
		return strings.ReplaceAll(err.Error(), "; gate ", ";\n       gate ")
	case errors.As(err, &place):
		return strings.Replace(err.Error(), place.Error(), place.String()+": "+place.Message, 1)
	case errors.As(err, &usage):
		return strings.Replace(err.Error(), usage.Error(), usage.Message, 1)
	default:
		return err.Error()
	}
}

// printPlace shows the line that an error is about, with a caret below.
func printPlace(s *streams.Streams, at plan.Pos) {
	content, err := os.ReadFile(at.File)
	if err != nil {
		return // the message names the place; a file that is gone cannot be shown
	}
	lines := strings.Split(string(content), "\n")
	if at.Line < 1 || at.Line > len(lines) {
		return
	}
	line := strings.TrimSuffix(lines[at.Line-1], "\r")
	// The caret stands below the character, however wide those before it are.
	var indent strings.Builder
	for _, r := range []rune(line)[:min(max(at.Column-1, 0), len([]rune(line)))] {
		if r == '\t' {
			indent.WriteByte('\t')
			continue
		}
		indent.WriteString(strings.Repeat(" ", ansi.StringWidth(string(r))))
	}
	number := fmt.Sprint(at.Line)
	fmt.Fprintf(s.Err, "  %s %s\n", s.ErrTheme.Faint.Render(number+" |"), ansi.Strip(line))
	fmt.Fprintf(s.Err, "  %s %s%s\n", s.ErrTheme.Faint.Render(strings.Repeat(" ", len(number))+" |"), indent.String(), s.ErrTheme.Bad.Render("^"))
}

// hint says what helps against an error; empty if we do not know.
func hint(err error) string {
	var (
		hinted   *hintedError
		place    *planner.Error
		usage    *executor.UsageError
		gate     *executor.GateError
		stale    *executor.StaleError
		held     *executor.LeaseHeldError
		blocked  *executor.BlockedError
		slow     *executor.SlowError
		loss     *executor.LossError
		password *config.PasswordError
		failures *executor.FailuresError
	)
	switch {
	case errors.As(err, &hinted):
		return hinted.hint
	case errors.As(err, &place):
		return place.Instead
	case errors.As(err, &usage):
		return usage.Instead
	case errors.As(err, &gate):
		return gateHint(gate)
	case errors.As(err, &stale):
		return "make the plan anew with migrate plan --out FILE, review it, and expand that"
	case errors.As(err, &held):
		return "migrate status shows how far it is; --wait 10m waits for it"
	case errors.As(err, &blocked):
		return "end the session in the way, or try for longer with --lock-deadline"
	case errors.As(err, &slow):
		return "try again when the server has less to do, or let the table be locked for longer with --lock-hold"
	case errors.As(err, &loss):
		return "--discard-data rolls back all the same; what it says is then lost"
	case errors.As(err, &failures):
		return failuresHint(failures)
	case errors.As(err, &password):
		return password.Instead()
	case errors.Is(err, config.ErrNoDatabase):
		return "give it with --database-url, MIGRATE_DATABASE_URL or --database-url-file: postgres://USER@HOST/DATABASE, mysql://… or mariadb://…"
	default:
		return ""
	}
}

// failuresHint says what to do about rows that cannot be converted.
func failuresHint(e *executor.FailuresError) string {
	s := "repair the rows listed in " + e.Where + ", then run migrate expand again, which tries them anew"
	if e.Stopped() {
		s += "; a higher --max-failures finds more of them in one run"
	}
	return s
}

// gateHint says how a gate that does not pass can be made to: the one that must
// pass before the others can.
func gateHint(e *executor.GateError) string {
	order := []string{
		planner.GateBackfilled, planner.GateVerified, planner.GateFlagOff, planner.GateFlagFull, planner.GateSoaked,
	}
	first, rank := "", len(order)+1
	for _, g := range e.Results {
		at := slices.Index(order, g.Gate)
		if at < 0 {
			at = len(order)
		}
		if g.Result != executor.Pass && at < rank {
			first, rank = g.Gate, at
		}
	}
	override := fmt.Sprintf("--override '%s=REASON' passes it by, and is recorded", first)
	switch first {
	case planner.GateBackfilled:
		return "run migrate expand " + e.Migration + " to its end first"
	case planner.GateVerified:
		return "see the rows with migrate verify " + e.Migration + "; --repair up or down makes them consistent"
	case planner.GateFlagOff:
		return "turn the flag off until the migration is open; " + override
	case planner.GateFlagFull:
		return "ramp the flag first (migrate flag set " + e.Migration + " full); " + override
	case planner.GateSoaked:
		return "run the same command again later; " + override
	default:
		return override
	}
}
