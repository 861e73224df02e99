// Package database opens the shop's database on any of the engines it runs on, and evens out the two
// differences between them that the shop's statements would see: placeholders and generated keys.
package database

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Engines.
const (
	Postgres = "postgres"
	MySQL    = "mysql"
	MariaDB  = "mariadb"
)

// DB is a pool of connections to the shop's database.
type DB struct {
	*sql.DB
	engine string
}

// Open prepares a pool for a URL (postgres://…, mysql://… or mariadb://…). The server knows its connections
// by the name application. Nothing is sent to the server yet; an unusable URL is an error that does not
// repeat it, since it may hold a password.
func Open(databaseURL, application string) (*DB, error) {
	scheme, _, _ := strings.Cut(databaseURL, "://")
	switch scheme {
	case "postgres", "postgresql":
		return openPostgres(databaseURL, application)
	case MySQL, MariaDB:
		return openMySQL(scheme, databaseURL, application)
	default:
		return nil, fmt.Errorf("database URL must start with postgres://, mysql:// or mariadb://")
	}
}

func openPostgres(databaseURL, application string) (*DB, error) {
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		// The error's own text may quote the URL.
		return nil, fmt.Errorf("reading the PostgreSQL URL: not a valid connection URL")
	}
	config.RuntimeParams["application_name"] = application
	return &DB{DB: stdlib.OpenDB(*config), engine: Postgres}, nil
}

func openMySQL(engine, databaseURL, application string) (*DB, error) {
	parsed, err := url.Parse(databaseURL)
	if err != nil {
		return nil, fmt.Errorf("reading the %s URL: not a valid URL", engine)
	}
	config := mysql.NewConfig()
	config.User = parsed.User.Username()
	config.Passwd, _ = parsed.User.Password()
	config.Net, config.Addr = "tcp", parsed.Host
	if parsed.Port() == "" {
		config.Addr = parsed.Hostname() + ":3306"
	}
	if socket := parsed.Query().Get("socket"); socket != "" {
		config.Net, config.Addr = "unix", socket
	}
	config.DBName = strings.TrimPrefix(parsed.Path, "/")
	config.ConnectionAttributes = "program_name:" + application
	config.MultiStatements = true   // for Script
	config.InterpolateParams = true // one round trip per statement
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("preparing connections to %s: %w", engine, err)
	}
	return &DB{DB: sql.OpenDB(connector), engine: engine}, nil
}

// Engine is postgres, mysql or mariadb, as the URL said.
func (d *DB) Engine() string { return d.engine }

// Exec runs one statement, in which every ? stands for one argument, and returns how many rows it touched.
func (d *DB) Exec(ctx context.Context, statement string, args ...any) (int64, error) {
	result, err := d.ExecContext(ctx, d.rebind(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Insert runs one INSERT into a table whose key id the server generates, and returns that key.
func (d *DB) Insert(ctx context.Context, statement string, args ...any) (int64, error) {
	if d.engine == Postgres {
		var id int64
		err := d.QueryRowContext(ctx, d.rebind(statement)+" RETURNING id", args...).Scan(&id)
		return id, err
	}
	result, err := d.ExecContext(ctx, statement, args...)
	if err != nil {
		return 0, err
	}
	return result.LastInsertId()
}

// Row runs a query that returns one row, in which every ? stands for one argument.
func (d *DB) Row(ctx context.Context, query string, args ...any) *sql.Row {
	return d.QueryRowContext(ctx, d.rebind(query), args...)
}

// Rows runs a query, in which every ? stands for one argument. The caller closes the rows.
func (d *DB) Rows(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return d.QueryContext(ctx, d.rebind(query), args...)
}

// Script runs a text of several statements without arguments, such as a migration file.
func (d *DB) Script(ctx context.Context, text string) error {
	// Without arguments pgx takes the simple protocol, the only one with several statements at a time.
	_, err := d.ExecContext(ctx, text)
	return err
}

// rebind numbers the placeholders for PostgreSQL. The shop's statements hold no ? but placeholders.
func (d *DB) rebind(statement string) string {
	if d.engine != Postgres {
		return statement
	}
	parts := strings.Split(statement, "?")
	var out strings.Builder
	for i, part := range parts {
		if i > 0 {
			out.WriteString("$" + strconv.Itoa(i))
		}
		out.WriteString(part)
	}
	return out.String()
}
