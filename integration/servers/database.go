package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

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
		if err := killSessions(ctx, db, d.Name); err != nil {
			return err
		}
		_, err := db.ExecContext(ctx, "DROP DATABASE IF EXISTS "+d.Name)
		return err
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

// killSessions ends the sessions of a MySQL or MariaDB database: one that holds a lock on a
// table would block the DROP.
func killSessions(ctx context.Context, db *sql.DB, database string) (err error) {
	rows, err := db.QueryContext(ctx, "SELECT id FROM information_schema.processlist WHERE db = ?", database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var ids []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return err
		}
		ids = append(ids, id)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, id := range ids {
		// The session may have ended by itself since; the DROP shows whether that was so.
		_, _ = db.ExecContext(ctx, fmt.Sprintf("KILL %d", id))
	}
	return nil
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
