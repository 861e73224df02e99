package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
)

// Other tools that change a table beside its traffic, told to make the same
// change, with their own defaults where they need not be told otherwise.

// connection is where a tool finds the table.
type connection struct {
	host, port, user, password, database string
}

func connectionOf(databaseURL string) (connection, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return connection{}, errors.New("the database URL cannot be parsed") // the cause would quote the password
	}
	c := connection{host: u.Hostname(), port: u.Port(), user: u.User.Username()}
	c.password, _ = u.User.Password()
	if c.port == "" {
		c.port = "3306"
	}
	if len(u.Path) > 1 {
		c.database = u.Path[1:]
	}
	return c, nil
}

// client is the options file that keeps the password off the command line.
func (c connection) client() string {
	return fmt.Sprintf("[client]\nuser=%s\npassword=%s\nhost=%s\nport=%s\n", c.user, c.password, c.host, c.port)
}

// tool is one for MySQL or MariaDB.
type tool struct {
	program string
	// args are its arguments, given the options file and a directory for files of its own.
	args func(c connection, file, dir string) []string
}

const (
	modify = "MODIFY a bigint NOT NULL"
	// wholeAlter is the statement for tools that are given one.
	wholeAlter = "ALTER TABLE " + tableName + " " + modify
)

var tools = []tool{
	{program: "gh-ost", args: ghostArgs},
	{program: "spirit", args: spiritArgs},
	{program: "pt-online-schema-change", args: percona},
}

// ghostArgs follow gh-ost's doc/command-line-flags.md: there is no replica to
// work from; a server in a container has another port within than without; its
// binary log has rows; and the old table is dropped, as the others do.
func ghostArgs(c connection, file, dir string) []string {
	return []string{
		"--conf=" + file, "--host=" + c.host, "--port=" + c.port, "--database=" + c.database, "--table=" + tableName,
		"--alter=" + modify, "--allow-on-master", "--skip-port-validation", "--assume-rbr", "--ok-to-drop-table",
		"--serve-socket-file=" + filepath.Join(dir, "gh-ost.sock"),
		"--throttle-additional-flag-file=" + filepath.Join(dir, "gh-ost.throttle"), "--execute",
	}
}

// spiritArgs follow spirit's docs/migrate.md.
func spiritArgs(c connection, file, _ string) []string {
	return []string{
		"migrate", "--conf=" + file, "--host=" + c.host + ":" + c.port, "--database=" + c.database, "--statement=" + wholeAlter,
	}
}

// percona follows pt-online-schema-change's manual, section DSN OPTIONS.
func percona(c connection, file, _ string) []string {
	return []string{
		"--alter=" + modify, "--execute",
		fmt.Sprintf("F=%s,h=%s,P=%s,D=%s,t=%s", file, c.host, c.port, c.database, tableName),
	}
}

func (u tool) run(ctx context.Context, t *subject) ([]part, error) {
	c, err := connectionOf(t.url)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(t.dir, "client.cnf")
	if err := os.WriteFile(file, []byte(c.client()), 0o600); err != nil {
		return nil, err
	}
	t.phase("during")
	p, err := t.measure(ctx, u.program, func() (usage, error) {
		return t.program(ctx, u.program, u.args(c, file, t.dir))
	})
	if err != nil {
		return nil, err
	}
	return []part{p}, t.changed(ctx)
}

// The lines of pgroll: until both shapes are there, and until the old one is gone.
const (
	pgrollStart = "pgroll: start"
	pgrollWhole = "pgroll: start + complete"
)

// pgrollFile follows pgroll's docs/operations/alter_column.
func pgrollFile() ([]byte, error) {
	type alterColumn struct {
		Table  string `json:"table"`
		Column string `json:"column"`
		Type   string `json:"type"`
		Up     string `json:"up"`
		Down   string `json:"down"`
	}
	type operation struct {
		AlterColumn alterColumn `json:"alter_column"`
	}
	return json.Marshal(map[string]any{"operations": []operation{{alterColumn{
		Table: tableName, Column: "a", Type: "bigint", Up: "CAST(a AS bigint)", Down: "CAST(a AS integer)",
	}}}})
}

func runPgroll(ctx context.Context, t *subject) ([]part, error) {
	content, err := pgrollFile()
	if err != nil {
		return nil, err
	}
	file := filepath.Join(t.dir, migrationName+".json")
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return nil, err
	}
	pgroll := func(args ...string) (usage, error) {
		return t.program(ctx, "pgroll", args, "PGROLL_PG_URL="+t.url)
	}
	t.phase("init")
	if _, err := pgroll("init"); err != nil {
		return nil, err
	}
	// It migrates only tables that it knows of.
	if _, err := pgroll("baseline", "0_bench", t.dir, "--yes"); err != nil {
		return nil, err
	}
	t.phase("start")
	start, err := t.measure(ctx, pgrollStart, func() (usage, error) { return pgroll("start", file) })
	if err != nil {
		return nil, err
	}
	t.phase("open")
	if err := t.linger(ctx); err != nil {
		return nil, err
	}
	t.phase("complete")
	complete, err := t.measure(ctx, pgrollWhole, func() (usage, error) { return pgroll("complete") })
	if err != nil {
		return nil, err
	}
	return []part{start, both(pgrollWhole, start, complete)}, t.changed(ctx)
}
