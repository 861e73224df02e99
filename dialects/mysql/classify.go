package mysql

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	sqldriver "github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/executor"
)

// The servers' error numbers that mean something to us (MySQL Error Message
// Reference; MariaDB Error Codes).
const (
	errSpecificAccess = 1227
	errBadField       = 1054
	errSyntax         = 1064
	errUnknownTable   = 1109

	errUnknownVariable = 1193
	errTableAccess     = 1142
	errNeedReprepare   = 1615
	errLockWait        = 1205
	errNoSuchThread    = 1094
	errOnlineLog       = 1799
)

var classes = map[uint16]executor.Class{
	errLockWait:      executor.LockTimeout, // lock wait timeout exceeded
	3572:             executor.LockTimeout, // NOWAIT is set
	1213:             executor.Transient,   // deadlock
	1020:             executor.Transient,   // record has changed since last read (MariaDB's snapshot isolation)
	1412:             executor.Transient,   // table definition has changed
	errNeedReprepare: executor.Transient,   // prepared statement needs to be prepared again

	1048: executor.BadRow, // column cannot be null
	1062: executor.BadRow, // duplicate entry
	1138: executor.BadRow, // invalid use of NULL value
	1264: executor.BadRow, // out of range for column
	1265: executor.BadRow, // data truncated
	1292: executor.BadRow, // incorrect value
	1364: executor.BadRow, // no default
	1365: executor.BadRow, // division by 0
	1366: executor.BadRow, // incorrect value
	1406: executor.BadRow, // data too long
	1411: executor.BadRow, // incorrect value for function
	1451: executor.BadRow, // foreign key, parent
	1452: executor.BadRow, // foreign key, child
	1586: executor.BadRow, // duplicate entry
	1690: executor.BadRow, // value is out of range
	3140: executor.BadRow, // invalid JSON text
	3141: executor.BadRow, // invalid JSON text in argument
	3156: executor.BadRow, // invalid JSON value for CAST
	3685: executor.BadRow, // illegal argument to a regular expression
	3751: executor.BadRow, // data truncated (functional index)
	3819: executor.BadRow, // check constraint is violated (MySQL)
	3854: executor.BadRow, // cannot convert string
	4025: executor.BadRow, // constraint failed (MariaDB)
	4038: executor.BadRow, // syntax error in JSON text (MariaDB)

	1053: executor.Disconnected, // server shutdown
	1927: executor.Disconnected, // connection was killed (MariaDB)
	2006: executor.Disconnected, // server has gone away
	2013: executor.Disconnected, // lost connection
	3169: executor.Disconnected, // session was killed
	4031: executor.Disconnected, // disconnected because of inactivity

	1050: executor.Exists, // table
	1060: executor.Exists, // column
	1061: executor.Exists, // index
	1359: executor.Exists, // trigger
	3822: executor.Exists, // check constraint
	1826: executor.Exists, // constraint
}

// number is a server error's number; 0 for other errors.
func number(err error) uint16 {
	var me *sqldriver.MySQLError
	if errors.As(err, &me) {
		return me.Number
	}
	return 0
}

// Classify implements executor.Session.
func (s *session) Classify(err error) executor.Class {
	var net net.Error
	switch {
	case errors.Is(err, errLockTimeout):
		return executor.LockTimeout
	case errors.Is(err, errStatementTimeout):
		// A smaller piece may get through.
		return executor.Transient
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return executor.Other
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sqldriver.ErrInvalidConn), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, io.EOF), errors.As(err, &net):
		return executor.Disconnected
	}
	if c, ok := classes[number(err)]; ok {
		return c
	}
	return executor.Other
}

// redacted is an error whose text shows no value.
type redacted struct {
	text string
	err  error
}

func (e *redacted) Error() string { return e.text }
func (e *redacted) Unwrap() error { return e.err }

// Redact implements executor.Session. Server errors may quote rows' values and
// pieces of statements.
func (s *session) Redact(err error) error {
	var stopped *stoppedError
	if errors.As(err, &stopped) {
		return &redacted{text: stopped.cause.Error(), err: stopped.cause}
	}
	var me *sqldriver.MySQLError
	if !errors.As(err, &me) {
		return err
	}
	clean := &sqldriver.MySQLError{Number: me.Number, SQLState: me.SQLState, Message: cleaned(me.Number, me.Message) + advice[me.Number]}
	return &redacted{text: strings.ReplaceAll(err.Error(), me.Error(), clean.Error()), err: clean}
}

// advice says what to do where the server's message does not.
var advice = map[uint16]string{
	errOnlineLog: " While the table was rebuilt beside its writers, they wrote more than the server keeps in mind for that: " +
		"SET GLOBAL innodb_online_alter_log_max_size to more (it is a file that is gone afterwards), or run it at a quieter hour",
}

// namesOnly are the errors whose messages quote nothing but names.
var namesOnly = map[uint16]bool{
	3: true, 1021: true, 1026: true, 1114: true, 1044: true, 1045: true, 1046: true, 1048: true, 1049: true, 1050: true, 1051: true, 1054: true, 1060: true, 1061: true, 1072: true,
	1075: true, 1091: true, 1100: true, 1109: true, 1142: true, 1143: true, 1146: true, 1193: true, 1205: true, 1213: true, 1227: true, 1264: true,
	1265: true, 1305: true, 1317: true, 1359: true, 1360: true, 1364: true, 1365: true, 1406: true, 1419: true, 1442: true, 1553: true,
	errOnlineLog: true, 1828: true, 1829: true, 1845: true, 1846: true, 3108: true, 3819: true, 3837: true, 3959: true, 4025: true,
}

// cleaned takes the values out of a server's message. A value may hold quotes
// itself, so what stands between the first and the last of them goes.
func cleaned(number uint16, msg string) string {
	if namesOnly[number] {
		return msg
	}
	head, rest, ok := strings.Cut(msg, "'")
	if !ok {
		return msg
	}
	if number == errSyntax {
		// It quotes the rest of a statement of ours.
		if i := strings.LastIndex(rest, "' at line "); i >= 0 {
			return head + "'" + masked(rest[:i]) + rest[i:]
		}
	}
	for _, tail := range []string{"' for key '", "' for column "} {
		if i := strings.LastIndex(rest, tail); i >= 0 {
			return head + "'?" + rest[i:]
		}
	}
	if i := strings.LastIndex(rest, "'"); i >= 0 {
		return head + "'?" + rest[i:]
	}
	return head + "'?'"
}
