package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// create makes the database; its name needs no quoting.
func (d *Database) create(ctx context.Context) error {
	return d.administer("creating a test's database", func(db *sql.DB) error {
		statement := "CREATE DATABASE " + d.Name
		if d.Engine == Postgres {
			// The default template may be in use by another session; this one never is.
			statement += " TEMPLATE template0"
		}
		_, err := db.ExecContext(ctx, statement)
		return err
	})
}

// drop removes the database and ends the sessions that a failed test may have left in it.
func (d *Database) drop(ctx context.Context) error {
	return d.administer("dropping a test's database", func(db *sql.DB) error {
		if d.Engine == Postgres {
			_, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+d.Name+" WITH (FORCE)")
			return err
		}
		return dropMySQL(ctx, db, d.Name)
	})
}

// administer runs f on the server's own database.
func (d *Database) administer(what string, f func(*sql.DB) error) error {
	db, err := throwaway.OpenURL(d.AdminURL)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	defer func() { _ = db.Close() }()
	if err := f(db); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// dropTries bounds how often sessions in the way of a DROP are ended.
const dropTries = 5

// dropMySQL removes a database of MySQL or MariaDB. Only when somebody holds a lock in it
// are its sessions ended: MariaDB shows a session that reads information_schema.triggers,
// for as long as it parses a trigger, as one in that trigger's database, whichever its own is.
func dropMySQL(ctx context.Context, db *sql.DB, database string) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "SET SESSION lock_wait_timeout = 1"); err != nil {
		return err
	}
	for try := 1; ; try++ {
		_, err := conn.ExecContext(ctx, "DROP DATABASE IF EXISTS "+database)
		var refused *mysql.MySQLError
		const lockWaitTimeout = 1205
		if !errors.As(err, &refused) || refused.Number != lockWaitTimeout || try == dropTries {
			return err
		}
		if err := killSessions(ctx, conn, database); err != nil {
			return err
		}
	}
}

// killSessions ends those that stay in a database for two looks.
func killSessions(ctx context.Context, conn *sql.Conn, database string) error {
	first, err := sessionsIn(ctx, conn, database)
	if err != nil {
		return err
	}
	time.Sleep(100 * time.Millisecond)
	second, err := sessionsIn(ctx, conn, database)
	if err != nil {
		return err
	}
	for _, id := range second {
		if slices.Contains(first, id) {
			// The session may have ended by itself since; the DROP shows whether that was so.
			_, _ = conn.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
		}
	}
	return nil
}

func sessionsIn(ctx context.Context, conn *sql.Conn, database string) (ids []int64, err error) {
	rows, err := conn.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = ?", database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// reportedVersion asks a server for its version and whether it is the engine it should be.
func reportedVersion(ctx context.Context, engine, serverURL string) (string, error) {
	db, err := throwaway.OpenURL(serverURL)
	if err != nil {
		return "", err
	}
	defer func() { _ = db.Close() }()
	query := "SELECT version()"
	if engine == Postgres {
		query = "SHOW server_version"
	}
	var reported string
	if err := db.QueryRowContext(ctx, query).Scan(&reported); err != nil {
		return "", fmt.Errorf("asking the %s server for its version: %w", engine, err)
	}
	if engine != Postgres && strings.Contains(reported, "MariaDB") != (engine == MariaDB) {
		return "", fmt.Errorf("the server given for %s says that it is %s", engine, reported)
	}
	// 17.2 (Debian 17.2-1), 9.7.0-1, 11.8.3-MariaDB-1
	version, _, _ := strings.Cut(reported, " ")
	version, _, _ = strings.Cut(version, "-")
	return version, nil
}
