// Package shopv2 is version 2 of the shop: a customer's name is the columns first_name and last_name, for
// those customers for whom the flag is on. For the others it still is the column name, as in version 1.
package shopv2

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/expandcontract/migrate/examples/shop"
	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/examples/shop/internal/replica"
	"github.com/expandcontract/migrate/examples/shop/measure"
	"github.com/expandcontract/migrate/examples/shop/v1/shopv1"
	"github.com/expandcontract/migrate/flags"
)

// refresh is how old a flag's value may be. It must be well below the migration's soak.
const refresh = time.Second

// Run serves one replica until ctx ends; args are its command line, see -help.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return replica.Main(ctx, "v2", args, stdout, stderr,
		func(db *database.DB, recorder *measure.Recorder) replica.Shop {
			return New(db, Flags(db), recorder.TookNewPath)
		})
}

// Flags asks the flags that migrate keeps in the shop's own database.
func Flags(db *database.DB) *flags.Client {
	tables := flags.WithPrefix("migrate_")
	if db.Engine() == database.Postgres {
		tables = flags.InSchema("migrate")
	}
	return flags.NewClient(flags.NewTable(db.DB, tables), flags.ClientConfig{TTL: refresh})
}

// Decider tells which customers take the new path; *flags.Client does.
type Decider interface {
	Enabled(ctx context.Context, key, unit string) bool
}

// Shop is version 2.
type Shop struct {
	old     *shopv1.Shop // version 1's code is the old path, unchanged
	db      *database.DB
	paths   Decider
	newPath func() // told of every decision for the new path
}

var (
	_ replica.Shop = (*Shop)(nil)
	_ Decider      = (*flags.Client)(nil)
)

// New makes version 2 of the shop on a database.
func New(db *database.DB, paths Decider, newPath func()) *Shop {
	return &Shop{old: shopv1.New(db), db: db, paths: paths, newPath: newPath}
}

// split decides the path of one request. The decision is taken once: the flag may change in between.
func (s *Shop) split(ctx context.Context, unit string) bool {
	enabled := s.paths.Enabled(ctx, shop.SplitNameFlag, unit)
	if enabled {
		s.newPath()
	}
	return enabled
}

func unit(id int64) string { return strconv.FormatInt(id, 10) }

// SignUp adds a customer and reads the name back. There is no id to decide by yet, so the email decides.
func (s *Shop) SignUp(ctx context.Context, email string, name replica.Name) (int64, error) {
	if !s.split(ctx, email) {
		return s.old.SignUp(ctx, email, name)
	}
	id, err := s.db.Insert(ctx, "INSERT INTO customers (first_name, last_name, email) VALUES (?, ?, ?)",
		name.First, name.Last, email)
	if err != nil {
		return 0, fmt.Errorf("inserting customer: %w", err)
	}
	return id, s.expect(ctx, id, name)
}

// Rename changes a customer's name and reads it back.
func (s *Shop) Rename(ctx context.Context, id int64, name replica.Name) error {
	if !s.split(ctx, unit(id)) {
		return s.old.Rename(ctx, id, name)
	}
	changed, err := s.db.Exec(ctx,
		"UPDATE customers SET first_name = ?, last_name = ?, revision = revision + 1 WHERE id = ?",
		name.First, name.Last, id)
	if err != nil {
		return fmt.Errorf("updating customer %d: %w", id, err)
	}
	if changed != 1 {
		return fmt.Errorf("updating customer %d: %d rows changed, not one", id, changed)
	}
	return s.expect(ctx, id, name)
}

// expect compares the parts one by one: 'Mary Ann' 'Smith' must not come back as 'Mary' 'Ann Smith'.
func (s *Shop) expect(ctx context.Context, id int64, wrote replica.Name) error {
	read, err := s.read(ctx, id)
	if err != nil {
		return err
	}
	if err := replica.Expect(fmt.Sprintf("first name of customer %d", id), read.First, wrote.First); err != nil {
		return err
	}
	return replica.Expect(fmt.Sprintf("last name of customer %d", id), read.Last, wrote.Last)
}

// Profile reads a customer's name.
func (s *Shop) Profile(ctx context.Context, id int64) (replica.Name, error) {
	if !s.split(ctx, unit(id)) {
		return s.old.Profile(ctx, id)
	}
	return s.read(ctx, id)
}

func (s *Shop) read(ctx context.Context, id int64) (name replica.Name, err error) {
	row := s.db.Row(ctx, "SELECT first_name, last_name FROM customers WHERE id = ?", id)
	if err := row.Scan(&name.First, &name.Last); err != nil {
		return replica.Name{}, fmt.Errorf("reading customer %d: %w", id, err)
	}
	return name, nil
}

// Newest reads the names of the last customers to sign up.
func (s *Shop) Newest(ctx context.Context, visitor int64, limit int) (names []replica.Name, err error) {
	if !s.split(ctx, unit(visitor)) {
		return s.old.Newest(ctx, visitor, limit)
	}
	rows, err := s.db.Rows(ctx, "SELECT first_name, last_name FROM customers ORDER BY id DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("listing customers: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name replica.Name
		if err := rows.Scan(&name.First, &name.Last); err != nil {
			return nil, fmt.Errorf("listing customers: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Order places an order; orders have one shape.
func (s *Shop) Order(ctx context.Context, customer, cents int64) error {
	return s.old.Order(ctx, customer, cents)
}
