package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/expandcontract/migrate/dialects"
)

// errPooled says that sessions are not ours for longer than a transaction.
var errPooled = errors.New("this URL leads to a pooler that hands out the server's connections per transaction " +
	"(such as PgBouncer with pool_mode = transaction), where locks and settings of a session are not safe; " +
	"give a URL of the server itself, or of a pool with pool_mode = session")

// refusePooling fails behind a pooler that shares sessions. That there is a
// pooler shows in the process number told while connecting, which is its own;
// that it shares, when a second connection of ours has the same session, or the
// first has another one while the second holds it.
func (s *session) refusePooling(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialects.ConnectTimeout)
	defer cancel()
	one, err := s.db.Conn(ctx)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = one.Close() }()
	first, err := backend(ctx, one)
	if err != nil {
		return err
	}
	var told uint32
	err = one.Raw(func(c any) error {
		conn, ok := c.(*stdlib.Conn)
		if !ok {
			return errors.New("the connection is not of this driver")
		}
		told = conn.Conn().PgConn().PID()
		return nil
	})
	if err != nil || int64(told) == first {
		return err
	}
	two, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer func() { _ = two.Rollback() }()
	second, err := backend(ctx, two)
	if err != nil {
		return err
	}
	if second == first {
		return errPooled
	}
	if now, err := backend(ctx, one); err != nil || now != first {
		return errors.Join(err, errPooled)
	}
	return nil
}

// backend asks for the number of the server's process, without a prepared statement,
// which a pooler may have given to somebody else.
func backend(ctx context.Context, c interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
},
) (int64, error) {
	var pid int64
	if err := c.QueryRowContext(ctx, "SELECT pg_backend_pid()", pgx.QueryExecModeSimpleProtocol).Scan(&pid); err != nil {
		return 0, fmt.Errorf("asking which process serves us: %w", err)
	}
	return pid, nil
}
