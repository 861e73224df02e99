package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// app is a version of an application that knows tables of one shape: it reads, inserts, updates and deletes
// rows by their keys.
type app struct {
	db     *sql.DB
	tables []*appTable
	// whole says that updates write all columns: the values of some need not follow from those of others.
	whole bool
	busy  atomic.Int64 // requests under way
	anew  atomic.Int64 // statements that had to be prepared anew
}

// appTable is a table with the app's statements.
type appTable struct {
	*table
	read, insert, remove, updateAll string
	update                          []string // of one column
	// present: keys from 1 up to it are there from the beginning; inserted are the keys of this version, behind
	// first.
	present  int
	first    int64
	inserted atomic.Int64
}

// ownKeys is where the keys begin that a version of the app inserts.
const ownKeys = 10_000_000

// newApp writes the statements. Versions of the app differ in the number.
func newApp(d dialect, db *sql.DB, tables []*table, rows, version int) *app {
	a := &app{db: db}
	for _, t := range tables {
		at := &appTable{table: t, present: max(1, rows), first: ownKeys * int64(version)}
		var names, marks, sets []string
		if !t.given {
			names, marks = append(names, d.name(t.key)), append(marks, d.placeholder(1))
		}
		for i, c := range t.columns {
			names, marks = append(names, d.name(c.name)), append(marks, d.placeholder(len(marks)+1))
			sets = append(sets, fmt.Sprintf("%s = %s", d.name(c.name), d.placeholder(i+1)))
			at.update = append(at.update, fmt.Sprintf(mark+"UPDATE %s SET %s = %s WHERE %s = %s",
				d.name(t.name), d.name(c.name), d.placeholder(1), d.name(t.key), d.placeholder(2)))
		}
		at.insert = fmt.Sprintf(mark+"INSERT INTO %s (%s) VALUES (%s)", d.name(t.name), strings.Join(names, ", "), strings.Join(marks, ", "))
		at.updateAll = fmt.Sprintf(mark+"UPDATE %s SET %s WHERE %s = %s", d.name(t.name), strings.Join(sets, ", "), d.name(t.key), d.placeholder(len(sets)+1))
		where := fmt.Sprintf("FROM %s WHERE %s = %s", d.name(t.name), d.name(t.key), d.placeholder(1))
		at.read, at.remove = fmt.Sprintf(mark+"SELECT %s %s", strings.Join(append([]string{d.name(t.key)}, columnNames(d, t)...), ", "), where), mark+"DELETE "+where
		a.tables = append(a.tables, at)
	}
	return a
}

func columnNames(d dialect, t *table) []string {
	out := make([]string, len(t.columns))
	for i, c := range t.columns {
		out[i] = d.name(c.name)
	}
	return out
}

// statement does one of the things that users ask for: half of them read.
func (a *app) statement(ctx context.Context, r *rand.Rand) error {
	t := a.tables[r.IntN(len(a.tables))]
	key := int64(1 + r.IntN(t.present))
	what := r.IntN(100)
	if len(t.rows) == 0 {
		what = 0 // nobody knows which values make sense
	}
	switch {
	case what < 50:
		return a.read(ctx, t, key)
	case what < 80:
		row, c := t.values(r, key), r.IntN(len(t.columns))
		if a.whole || r.IntN(2) == 0 {
			return a.exec(ctx, t.updateAll, append(row, t.keyed(key))...)
		}
		return a.exec(ctx, t.update[c], row[c], t.keyed(key))
	case what < 95 || t.given:
		key = t.first + t.inserted.Add(1)
		row := t.values(r, key)
		if !t.given {
			row = append([]any{t.keyed(key)}, row...)
		}
		return a.exec(ctx, t.insert, row...)
	default:
		return a.exec(ctx, t.remove, t.keyed(t.first+1+r.Int64N(t.inserted.Load()+1)))
	}
}

// values are those of one of the example's rows, for a row with the key.
func (t *appTable) values(r *rand.Rand, key int64) []any {
	from := t.rows[r.IntN(len(t.rows))]
	out := make([]any, len(from))
	for i, v := range from {
		switch {
		case !v.Valid:
		case t.columns[i].unique:
			out[i] = fmt.Sprint(key) + v.String
		default:
			out[i] = v.String
		}
	}
	return out
}

func (t *appTable) keyed(key int64) any {
	if t.textKey {
		return fmt.Sprintf("k%d", key)
	}
	return key
}

func (a *app) read(ctx context.Context, t *appTable, key int64) error {
	values := make([]sql.NullString, 1+len(t.columns))
	into := make([]any, len(values))
	for i := range values {
		into[i] = &values[i]
	}
	err := a.twice(func() error { return a.db.QueryRowContext(ctx, t.read, t.keyed(key)).Scan(into...) })
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return described(err, t.read)
}

// twice does again what failed because the type of a column that a prepared statement returns is another than
// when it was prepared: PostgreSQL says so once in each session, and many drivers (pgjdbc, asyncpg) and
// frameworks (Rails) prepare it anew by themselves.
func (a *app) twice(do func() error) error {
	err := do()
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Message == "cached plan must not change result type" {
		a.anew.Add(1)
		return do()
	}
	return err
}

func (a *app) exec(ctx context.Context, query string, args ...any) error {
	_, err := a.db.ExecContext(ctx, query, args...)
	return described(err, query)
}

func described(err error, query string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w (%s)", err, query)
}

// fleet are the versions of the app that run, as an orchestrator has them: any request goes to one of them.
type fleet struct {
	running    atomic.Pointer[[]*app]
	statements int // of each request
}

// roll lets the given versions run, and returns when no request is under way in any other.
func (f *fleet) roll(ctx context.Context, to ...*app) error {
	was := f.running.Swap(&to)
	if was == nil {
		return nil
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for _, a := range *was {
		for !contains(to, a) && a.busy.Load() > 0 {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-tick.C:
			}
		}
	}
	return nil
}

func contains(in []*app, a *app) bool {
	for _, b := range in {
		if a == b {
			return true
		}
	}
	return false
}

// request is one user's, to one of the versions that run.
func (f *fleet) request(ctx context.Context, r *rand.Rand) error {
	for {
		running := f.running.Load()
		a := (*running)[r.IntN(len(*running))]
		a.busy.Add(1)
		if f.running.Load() != running { // it may be about to end
			a.busy.Add(-1)
			continue
		}
		defer a.busy.Add(-1)
		for range f.statements {
			if err := a.statement(ctx, r); err != nil {
				return err
			}
		}
		return nil
	}
}
