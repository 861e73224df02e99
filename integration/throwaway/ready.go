package throwaway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/go-sql-driver/mysql"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// pollInterval is the pause between two attempts to reach a server that is starting.
const pollInterval = 100 * time.Millisecond

// OpenURL opens a database by its migrate URL: PostgreSQL through pgx, MySQL and MariaDB
// through go-sql-driver, with times parsed, in UTC, and several statements per Exec allowed.
// It is meant for set-up and checks around a server, not for migrating.
func OpenURL(databaseURL string) (*sql.DB, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		// The parser's error quotes the URL, and with it the password.
		return nil, errors.New("opening a database: its URL cannot be parsed")
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		return sql.Open("pgx", databaseURL)
	case MySQL, MariaDB:
		config := mysql.NewConfig()
		config.Net = "tcp"
		config.Addr = u.Host
		if u.Port() == "" {
			config.Addr = u.Hostname() + ":3306"
		}
		config.User = u.User.Username()
		config.Passwd, _ = u.User.Password()
		if len(u.Path) > 1 {
			config.DBName = u.Path[1:]
		}
		config.ParseTime = true
		config.MultiStatements = true
		config.Logger = silent{}
		connector, err := mysql.NewConnector(config)
		if err != nil {
			return nil, fmt.Errorf("opening a database: %w", err)
		}
		return sql.OpenDB(connector), nil
	default:
		return nil, fmt.Errorf("opening a database: unknown scheme %q in its URL", u.Scheme)
	}
}

// silent drops the driver's own messages: a server that is starting makes it complain about
// connections that were cut, which is no news.
type silent struct{}

func (silent) Print(...any) {}

// AwaitReady returns when the server at the URL answers a query. It gives up when ctx ends or
// when died is closed, and then returns the last error of the server.
func AwaitReady(ctx context.Context, databaseURL string, died <-chan struct{}) error {
	db, err := OpenURL(databaseURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		var one int
		err := db.QueryRowContext(ctx, "SELECT 1").Scan(&one)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the server to answer: %w (last: %w)", ctx.Err(), err)
		case <-died:
			return errors.New("the server ended while starting")
		case <-ticker.C:
		}
	}
}
