package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/expandcontract/migrate/examples/changes"
	"github.com/expandcontract/migrate/integration/drive"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// place is what a kind is measured in: a database with the example's tables, and one on which the file was
// run as it is, which tells what the new version of the app knows.
type place struct {
	url       string
	db        *sql.DB
	control   *sql.DB
	old, new  *app
	sessions  []string // of both versions of the app, as the server numbers them
	databases []string
	dir       string // of the migration's file
}

const controlRows = 1000

func (b *bench) prepare(ctx context.Context, c changes.Change) (_ *place, err error) {
	p := &place{}
	if p.dir, err = os.MkdirTemp("", "load"); err != nil {
		return p, err
	}
	defer func() {
		if err != nil {
			p.close(ctx, b.url)
		}
	}()
	suffix := fmt.Sprintf("%x", time.Now().UnixNano())
	naive, naiveDB, err := b.database(ctx, p, "load_naive_"+suffix, c.Before, c.Migration)
	if err != nil {
		return p, err
	}
	_ = naiveDB.Close()
	target, db, err := b.database(ctx, p, "load_"+suffix, c.Before)
	if err != nil {
		return p, err
	}
	p.db = db
	old, err := b.d.read(ctx, db)
	if err != nil {
		return p, err
	}
	unite(old, naive.tables)
	for _, t := range old {
		if err := b.d.grow(ctx, db, t, b.o.Rows); err != nil {
			return p, err
		}
	}
	p.url = target.url
	if p.sessions, err = sessionsOf(ctx, b.o.Engine, db, connections); err != nil {
		return p, err
	}
	p.old, p.new = newApp(b.d, db, old, b.o.Rows, 1), newApp(b.d, db, naive.tables, b.o.Rows, 2)
	p.new.whole = true
	for _, q := range []string{
		"CREATE TABLE load_control (id int PRIMARY KEY, n int NOT NULL)",
		fmt.Sprintf("INSERT INTO load_control SELECT a.n * 100 + b.n, 0 FROM (%[1]s) a, (%[1]s) b WHERE a.n * 100 + b.n < %[2]d", hundred, controlRows),
	} {
		if _, err := db.ExecContext(ctx, q); err != nil {
			return p, fmt.Errorf("making the control table: %w", err)
		}
	}
	if p.control, err = throwaway.OpenURL(p.url); err != nil {
		return p, err
	}
	p.control.SetMaxOpenConns(10)
	p.control.SetMaxIdleConns(10)
	return p, nil
}

// hundred are the numbers from 0 to 99.
const hundred = "SELECT x.d + 10 * y.d AS n FROM (" + ten + ") x, (" + ten + ") y"

const ten = "SELECT 0 AS d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4 UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9"

type made struct {
	url    string
	tables []*table
}

// database makes one, runs scripts on it, and reads what is in it.
func (b *bench) database(ctx context.Context, p *place, dbName string, scripts ...string) (made, *sql.DB, error) {
	u, err := drive.NewDatabase(ctx, b.url, dbName)
	if err != nil {
		return made{}, nil, err
	}
	p.databases = append(p.databases, dbName)
	db, err := throwaway.OpenURL(u)
	if err != nil {
		return made{}, nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	for _, s := range scripts {
		if _, err := db.ExecContext(ctx, s); err != nil {
			return made{}, nil, errors.Join(fmt.Errorf("running the example's SQL: %w", err), db.Close())
		}
	}
	tables, err := b.d.read(ctx, db)
	if err != nil {
		return made{}, nil, errors.Join(err, db.Close())
	}
	return made{u, tables}, db, nil
}

func (p *place) close(ctx context.Context, serverURL string) {
	_ = os.RemoveAll(p.dir)
	for _, db := range []*sql.DB{p.db, p.control} {
		if db != nil {
			_ = db.Close()
		}
	}
	server, err := throwaway.OpenURL(serverURL)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	for _, n := range p.databases {
		_, _ = server.ExecContext(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+n)
	}
}
