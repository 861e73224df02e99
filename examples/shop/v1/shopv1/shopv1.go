// Package shopv1 is version 1 of the shop: a customer's name is the column customers.name.
package shopv1

import (
	"context"
	"fmt"
	"io"

	"github.com/expandcontract/migrate/examples/shop/database"
	"github.com/expandcontract/migrate/examples/shop/internal/replica"
	"github.com/expandcontract/migrate/examples/shop/measure"
)

// Run serves one replica until ctx ends; args are its command line, see -help.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	return replica.Main(ctx, "v1", args, stdout, stderr,
		func(db *database.DB, _ *measure.Recorder) replica.Shop { return New(db) })
}

// Shop is version 1.
type Shop struct{ db *database.DB }

var _ replica.Shop = (*Shop)(nil)

// New makes version 1 of the shop on a database.
func New(db *database.DB) *Shop { return &Shop{db: db} }

// SignUp adds a customer and reads the name back.
func (s *Shop) SignUp(ctx context.Context, email string, name replica.Name) (int64, error) {
	id, err := s.db.Insert(ctx, "INSERT INTO customers (name, email) VALUES (?, ?)", name.Full(), email)
	if err != nil {
		return 0, fmt.Errorf("inserting customer: %w", err)
	}
	return id, s.expect(ctx, id, name)
}

// Rename changes a customer's name and reads it back.
func (s *Shop) Rename(ctx context.Context, id int64, name replica.Name) error {
	changed, err := s.db.Exec(ctx, "UPDATE customers SET name = ?, revision = revision + 1 WHERE id = ?", name.Full(), id)
	if err != nil {
		return fmt.Errorf("updating customer %d: %w", id, err)
	}
	if changed != 1 {
		return fmt.Errorf("updating customer %d: %d rows changed, not one", id, changed)
	}
	return s.expect(ctx, id, name)
}

func (s *Shop) expect(ctx context.Context, id int64, wrote replica.Name) error {
	read, err := s.Profile(ctx, id)
	if err != nil {
		return err
	}
	return replica.Expect(fmt.Sprintf("name of customer %d", id), read.Full(), wrote.Full())
}

// Profile reads a customer's name.
func (s *Shop) Profile(ctx context.Context, id int64) (replica.Name, error) {
	var name string
	if err := s.db.Row(ctx, "SELECT name FROM customers WHERE id = ?", id).Scan(&name); err != nil {
		return replica.Name{}, fmt.Errorf("reading customer %d: %w", id, err)
	}
	return replica.Name{First: name}, nil
}

// Newest reads the names of the last customers to sign up.
func (s *Shop) Newest(ctx context.Context, _ int64, limit int) (names []replica.Name, err error) {
	rows, err := s.db.Rows(ctx, "SELECT name FROM customers ORDER BY id DESC LIMIT ?", limit)
	if err != nil {
		return nil, fmt.Errorf("listing customers: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("listing customers: %w", err)
		}
		names = append(names, replica.Name{First: name})
	}
	return names, rows.Err()
}

// Order places an order.
func (s *Shop) Order(ctx context.Context, customer, cents int64) error {
	_, err := s.db.Insert(ctx, "INSERT INTO orders (customer_id, amount_cents) VALUES (?, ?)", customer, cents)
	if err != nil {
		return fmt.Errorf("placing order for customer %d: %w", customer, err)
	}
	return nil
}
