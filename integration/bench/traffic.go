package main

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"net/url"

	"github.com/expandcontract/migrate/integration/load"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// readShare is how many of a hundred requests read.
const readShare = 80

// traffic is an application: it reads and writes single rows at a fixed rate.
type traffic struct {
	db            *sql.DB
	reads, writes *load.Generator
}

// phaseReport is what users saw in one phase.
type phaseReport struct {
	name          string
	reads, writes load.Report
}

// Traffic before the first phase that counts, so that connections are there.
const warmUp = "warm-up"

func startTraffic(ctx context.Context, t *subject) (*traffic, error) {
	u, err := url.Parse(t.url)
	if err != nil {
		return nil, fmt.Errorf("connecting the application: its URL cannot be parsed")
	}
	if t.e.urlOptions != "" {
		u.RawQuery += "&" + t.e.urlOptions
	}
	db, err := throwaway.OpenURL(u.String())
	if err != nil {
		return nil, err
	}
	const connections = 16
	db.SetMaxOpenConns(2 * connections)
	db.SetMaxIdleConns(2 * connections)
	row := func(r *rand.Rand) string { return t.e.id[t.s.key](1 + r.IntN(t.s.rows)) }
	rate := float64(t.o.load)
	return &traffic{
		db: db,
		reads: load.Start(ctx, load.Options{Rate: rate * readShare / 100, Connections: connections, Seed: 1}, warmUp, func(ctx context.Context, r *rand.Rand) error {
			var a int64
			var pad string
			return db.QueryRowContext(ctx, "SELECT a, pad FROM bench WHERE id = "+row(r)).Scan(&a, &pad)
		}),
		writes: load.Start(ctx, load.Options{Rate: rate * (100 - readShare) / 100, Connections: connections, Seed: 2}, warmUp, func(ctx context.Context, r *rand.Rand) error {
			_, err := db.ExecContext(ctx, fmt.Sprintf("UPDATE bench SET a = %d WHERE id = %s", r.Int32(), row(r)))
			return err
		}),
	}, nil
}

func (f *traffic) phase(name string) {
	f.reads.Phase(name)
	f.writes.Phase(name)
}

// stop ends the traffic and says what it saw, the warm-up left out.
func (f *traffic) stop() []phaseReport {
	reads, writes := f.reads.Stop(), f.writes.Stop()
	_ = f.db.Close()
	var out []phaseReport
	for i, r := range reads {
		if r.Phase != warmUp && r.Requests+writes[i].Requests > 0 {
			out = append(out, phaseReport{r.Phase, r, writes[i]})
		}
	}
	return out
}
