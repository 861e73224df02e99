package flags_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"

	"github.com/expandcontract/migrate/flags"
)

// Users writes users in the shape that the flag tells.
type Users struct {
	db    *sql.DB
	paths *flags.Client
}

// NewUsers shares the application's own connection pool with the flags: they
// live in the database that is being migrated.
func NewUsers(db *sql.DB) *Users {
	table := flags.NewTable(db, flags.InSchema("migrate")) // flags.WithPrefix("migrate_") on MySQL and MariaDB
	return &Users{db: db, paths: flags.NewClient(table, flags.ClientConfig{})}
}

// Rename takes the new path for the users that the rollout includes. Both paths
// may run side by side: the migration keeps the two shapes equal.
func (u *Users) Rename(ctx context.Context, id, first, last string) error {
	if u.paths.Enabled(ctx, "users.split-name", id) {
		_, err := u.db.ExecContext(ctx, "UPDATE users SET first_name = $1, last_name = $2 WHERE id = $3", first, last, id)
		return err
	}
	_, err := u.db.ExecContext(ctx, "UPDATE users SET name = $1 WHERE id = $2", first+" "+last, id)
	return err
}

// An application keeps a client beside its connection pool and asks it which
// path to take.
func Example() {
	// In a program that has no database at hand, the flags may come from the
	// environment instead.
	source := flags.Env{Lookup: func(name string) (string, bool) {
		return "25%", name == "MIGRATE_FLAG_USERS_SPLIT_NAME"
	}}
	paths := flags.NewClient(source, flags.ClientConfig{})
	for _, user := range []string{"1", "42"} {
		fmt.Println("user", user, "takes the new path:", paths.Enabled(context.Background(), "users.split-name", user))
	}
	// Output:
	// user 1 takes the new path: false
	// user 42 takes the new path: true
}

// An evaluation explains an answer, for a log line or a page for support.
func ExampleClient_Evaluate() {
	source := flags.SourceFunc(func(context.Context, string) (flags.State, error) {
		return flags.State{
			Rollout: flags.Full(),
			Held:    true,
			Reason:  "held at the old path: migration 0007_split_name is backfilling",
			Origin:  "table migrate.flags",
		}, nil
	})
	paths := flags.NewClient(source, flags.ClientConfig{})
	answer := paths.Evaluate(context.Background(), "users.split-name", "42")
	fmt.Printf("new path: %t; set to %v in %s, %s\n", answer.Enabled, answer.State.Rollout, answer.State.Origin, answer.State.Reason)
	// Output:
	// new path: false; set to full in table migrate.flags, held at the old path: migration 0007_split_name is backfilling
}

// A flagd file is read as a definition: the share of all requests, or unknown
// where that depends on who asks.
func ExampleFlagdFile() {
	dir, err := os.MkdirTemp("", "flags")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "flags.json")
	err = os.WriteFile(path, []byte(`{"flags": {
		"users.split-name": {
			"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
			"targeting": {"fractional": [["on", 25], ["off", 75]]}
		},
		"orders.total-cents": {
			"state": "ENABLED", "variants": {"on": true, "off": false}, "defaultVariant": "off",
			"targeting": {"if": [{"ends_with": [{"var": "email"}, "@example.com"]}, "on"]}
		}
	}}`), 0o600)
	if err != nil {
		fmt.Println(err)
		return
	}
	source := flags.NewFlagdFile(path)
	for _, key := range []string{"users.split-name", "orders.total-cents"} {
		state, err := source.Rollout(context.Background(), key)
		fmt.Println(key, state.Rollout, state.Reason, err)
	}
	// Output:
	// users.split-name 25%  <nil>
	// orders.total-cents unknown its targeting (if) depends on who asks; only fractional is a share of all <nil>
}

// Parse reads what people write on a command line.
func ExampleParse() {
	for _, text := range []string{"off", "25%", "100%", "25"} {
		rollout, err := flags.Parse(text)
		fmt.Println(rollout, err)
	}
	// Output:
	// off <nil>
	// 25% <nil>
	// full <nil>
	// unknown reading rollout "25": a percentage needs its sign, as in 25%
}
