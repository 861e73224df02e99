package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// subject is the table that a variant changes, in a database of its own.
type subject struct {
	o   options
	e   engine
	s   scenario
	url string
	db  *sql.DB
	dir string // for files
	// phase says that another part of the change begins.
	phase func(name string)
}

// newSubject makes a fresh table, and brings the server to rest.
func newSubject(ctx context.Context, o options, e engine, s scenario) (*subject, error) {
	t := &subject{o: o, e: e, s: s, phase: func(string) {}}
	err := t.open(ctx)
	if err == nil {
		for _, q := range e.create(s) {
			if _, err = t.db.ExecContext(ctx, q); err != nil {
				err = fmt.Errorf("filling the table: %w", err)
				break
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, t.close(context.WithoutCancel(ctx)))
	}
	return t, nil
}

// databaseName is unlike that of any benchmark that runs at the same time.
func databaseName() string { return fmt.Sprintf("migrate_bench_%d", os.Getpid()) }

func (t *subject) open(ctx context.Context) error {
	u, err := url.Parse(t.o.url)
	if err != nil {
		return errors.New("the server's URL cannot be parsed")
	}
	if err := t.administer(ctx, "CREATE DATABASE %s"); err != nil {
		return fmt.Errorf("making a database: %w", err)
	}
	u.Path = "/" + databaseName()
	t.url = u.String()
	if t.dir, err = os.MkdirTemp("", "migrate-bench-"); err != nil {
		return fmt.Errorf("making a folder for files: %w", err)
	}
	t.db, err = throwaway.OpenURL(t.url)
	return err
}

// close removes the database, if it was made, and the files.
func (t *subject) close(ctx context.Context) error {
	var err error
	if t.db != nil {
		err = t.db.Close()
	}
	if t.url != "" {
		err = errors.Join(err, t.administer(ctx, t.e.drop))
	}
	if t.dir != "" {
		err = errors.Join(err, os.RemoveAll(t.dir))
	}
	return err
}

// administer runs a statement about the database on the server's own one.
func (t *subject) administer(ctx context.Context, statement string) error {
	db, err := throwaway.OpenURL(t.o.url)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, fmt.Sprintf(statement, databaseName()))
	return err
}

// statement runs one, and measures it.
func (t *subject) statement(ctx context.Context, name, query string) ([]part, error) {
	t.phase("during")
	p, err := t.measure(ctx, name, func() (usage, error) {
		_, err := t.db.ExecContext(ctx, query)
		return usage{}, err
	})
	return []part{p}, err
}

// measure does f and says what it took.
func (t *subject) measure(ctx context.Context, name string, f func() (usage, error)) (part, error) {
	p := part{name: name}
	var err error
	if p.before, err = t.bytes(ctx); err != nil {
		return p, err
	}
	log, err := t.e.counters(ctx, t.db)
	if err != nil {
		return p, fmt.Errorf("reading how much log there is: %w", err)
	}
	begun := time.Now()
	if p.usage, err = f(); err != nil {
		return p, err
	}
	p.took = time.Since(begun)
	after, err := t.e.counters(ctx, t.db)
	if err != nil {
		return p, fmt.Errorf("reading how much log there is: %w", err)
	}
	p.log = after.since(log)
	p.after, err = t.bytes(ctx)
	return p, err
}

func (t *subject) bytes(ctx context.Context) (n int64, err error) {
	if err = t.db.QueryRowContext(ctx, t.e.size).Scan(&n); err != nil {
		err = fmt.Errorf("measuring the table: %w", err)
	}
	return n, err
}

// changed makes sure that the table is there as it should be in the end. The sum
// is what it was unless an application wrote meanwhile.
func (t *subject) changed(ctx context.Context) error {
	var kind string
	if err := t.db.QueryRowContext(ctx, t.e.kind).Scan(&kind); err != nil {
		return fmt.Errorf("looking at the changed table: %w", err)
	}
	var rows, sum int64
	if err := t.db.QueryRowContext(ctx, "SELECT count(*), CAST(sum(a) AS DECIMAL(30,0)) FROM bench").Scan(&rows, &sum); err != nil {
		return fmt.Errorf("looking at the changed table: %w", err)
	}
	n := int64(t.s.rows)
	if kind != "bigint" || rows != n || t.o.load == 0 && sum != n*(n+1)/2 {
		return fmt.Errorf("after the change column a is a %s, and there are %d rows with a sum of %d", kind, rows, sum)
	}
	return nil
}
