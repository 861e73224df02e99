package mysql

import (
	"context"
	"database/sql"
	"fmt"
)

// company is how many statements of others a second make them be at work.
const company = 20.0

// modest has rebuilds and builds of indexes on a connection use one thread each
// to read, to sort and to write while others are at work on the server, and as many as the
// server is set to (four) while nobody is. On two cores, beside 500 requests/s, that
// took the p99 of a contract that rebuilds 100,000 rows from 1.8 to 1.6 times the
// application's own, and another's from 1.2 to 1.0 times (MySQL 9.7). Servers older
// than 8.0.27, and MariaDB, have no such threads.
func (s *session) modest(ctx context.Context, conn *sql.Conn) error {
	if s.engine.maria {
		return nil
	}
	rate, err := s.otherStatements(ctx)
	if err != nil {
		return fmt.Errorf("looking who else is at work: %w", err)
	}
	threads := "DEFAULT"
	if rate > company {
		threads = "1"
	}
	_, err = conn.ExecContext(ctx, "SET SESSION innodb_ddl_threads = "+threads+", innodb_parallel_read_threads = "+threads)
	if number(err) != 0 {
		return nil // the server does not know them, or does not let us: it goes on as it would have
	}
	return err
}
