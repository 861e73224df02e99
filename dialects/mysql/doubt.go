package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	driver "github.com/go-sql-driver/mysql"
)

// Doubt implements executor.Doubter: the first warning of the last statement, as
// the error that a write in strict mode would have been.
func (s *session) Doubt(ctx context.Context, tx *sql.Tx) error {
	var level, message string
	var code uint16
	err := tx.QueryRowContext(ctx, "SHOW WARNINGS LIMIT 1").Scan(&level, &code, &message)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("reading the server's warnings: %w", err)
	case level == "Note":
		return nil
	}
	return &driver.MySQLError{Number: code, SQLState: [5]byte{'2', '2', '0', '0', '7'}, Message: message}
}
