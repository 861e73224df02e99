package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/expandcontract/migrate/executor"
)

// Classify sorts an error by its SQLSTATE (PostgreSQL docs, appendix A) or, for
// errors of the connection, by what failed.
func (s *session) Classify(err error) executor.Class {
	if pe := (*pgconn.PgError)(nil); errors.As(err, &pe) {
		return classOf(pe.Code)
	}
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return executor.Other
	}
	netErr := net.Error(nil)
	connectErr := (*pgconn.ConnectError)(nil)
	switch {
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		errors.As(err, &netErr), errors.As(err, &connectErr), pgconn.SafeToRetry(err):
		return executor.Disconnected
	}
	return executor.Other
}

func classOf(code string) executor.Class {
	switch code {
	case "55P03":
		return executor.LockTimeout
	case "40001", "40P01":
		return executor.Transient
	case "57P01", "57P02", "57P03", "57P05", "25P03":
		return executor.Disconnected
	case "42P07", "42701", "42710", "42P06", "42723":
		return executor.Exists
	case "P0001", "P0004": // raised by a user's trigger or function, over a row
		return executor.BadRow
	}
	switch code[:min(2, len(code))] {
	case "08":
		return executor.Disconnected
	case "22", "23":
		return executor.BadRow
	}
	return executor.Other
}

// redacted keeps an error's meaning and hides its text.
type redacted struct {
	text string
	err  error
}

func (r *redacted) Error() string { return r.text }
func (r *redacted) Unwrap() error { return r.err }

// Redact hides values. Errors about data (classes 22 and 23, and what users'
// functions raise) show them in their messages; what stays are the SQLSTATE
// and the names of objects. DETAIL is shown where it is a list of objects.
func (s *session) Redact(err error) error {
	pe := (*pgconn.PgError)(nil)
	if !errors.As(err, &pe) {
		return err
	}
	const dependentObjects = "2BP01"
	if pe.Code == dependentObjects && pe.Detail != "" {
		full := pe.Severity + ": " + pe.Message + ": " + strings.ReplaceAll(pe.Detail, "\n", "; ") + " (SQLSTATE " + pe.Code + ")"
		return &redacted{text: strings.ReplaceAll(err.Error(), pe.Error(), full), err: err}
	}
	if classOf(pe.Code) != executor.BadRow {
		return err
	}
	clean := pe.Severity + ": " + withoutValues(pe) + " (SQLSTATE " + pe.Code + ")"
	return &redacted{text: strings.ReplaceAll(err.Error(), pe.Error(), clean), err: err}
}

func withoutValues(pe *pgconn.PgError) string {
	if pe.Code[0] == 'P' {
		return "a function of the database raised an exception"
	}
	message := pe.Message
	if pe.Code[:2] == "22" {
		message, _, _ = strings.Cut(message, ": ")
		message = strings.TrimSpace(message)
	}
	message = hideQuoted(message, []string{pe.ConstraintName, pe.ColumnName, pe.TableName, pe.SchemaName, pe.DataTypeName})
	for _, object := range [][2]string{{"column", pe.ColumnName}, {"constraint", pe.ConstraintName}} {
		if object[1] != "" && !strings.Contains(message, `"`+object[1]+`"`) {
			message += ", " + object[0] + " " + object[1]
		}
	}
	return message
}

// quotes are those in which the server's messages put values, in any language.
const quotes = "\"'`«»„“”‚‘’‹›「」"

// hideQuoted replaces everything from the first quoted text that is no known
// name to the last quote: a value may contain quotes itself.
func hideQuoted(message string, known []string) string {
	rest := message
	done := 0
	for {
		open := strings.IndexAny(rest[done:], quotes)
		if open < 0 {
			return rest
		}
		open += done
		name := slices.IndexFunc(known, func(k string) bool { return k != "" && strings.HasPrefix(rest[open+1:], k+`"`) })
		if name < 0 {
			end := strings.LastIndexAny(rest, quotes)
			return rest[:open] + "…" + strings.TrimLeft(rest[end:], quotes)
		}
		done = open + len(known[name]) + 2
	}
}
