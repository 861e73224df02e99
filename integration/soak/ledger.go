package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// ledger is what the writers know of the rows, outside of the database. Whoever writes or reads a row holds
// its entry, so that what the row must be is known at any moment, to versions of both shapes.
type ledger struct {
	engine  string
	entries []entry // by id - 1

	statements atomic.Int64
	errors     tally // statements that failed
	wrong      tally // rows that were not as the ledger says
}

type entry struct {
	mu    sync.Mutex
	there bool
	person
}

// tally counts what must not happen, and keeps the first few.
type tally struct {
	mu    sync.Mutex
	n     int64
	first []error
}

func (t *tally) add(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
	if len(t.first) < 5 {
		t.first = append(t.first, err)
	}
}

func (t *tally) count() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

func newLedger(engine string, rows int) *ledger {
	return &ledger{engine: engine, entries: make([]entry, rows)}
}

// fill writes all rows that the ledger has, or makes half of them if it has none, into an empty table.
func (l *ledger) fill(ctx context.Context, db *sql.DB, s shape, fresh bool) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("filling the table: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	insert, err := tx.PrepareContext(ctx, s.insert)
	if err != nil {
		return fmt.Errorf("filling the table: %w", err)
	}
	defer func() { _ = insert.Close() }()
	for i := range l.entries {
		e := &l.entries[i]
		if fresh && i%2 == 0 {
			e.there, e.person = true, newPerson(int64(i))
		}
		if !e.there {
			continue
		}
		if _, err := insert.ExecContext(ctx, append([]any{i + 1}, s.row(e.person)...)...); err != nil {
			return fmt.Errorf("filling the table: %w", err)
		}
	}
	return tx.Commit()
}

// newPerson makes values that no row had before; n tells them apart. Some want care: quotes, and letters that
// are equal to a collation only.
func newPerson(n int64) person {
	first := []string{"Ada", "Zoë", "D'Arcy", "ada", `Back\slash`}[n%5]
	return person{first: fmt.Sprintf("%s%d", first, n), last: fmt.Sprintf("Lovelace%d", n), mail: fmt.Sprintf("p%d@example.com", n)}
}

// write is one statement of one version of the app, on a random row. n is new each time.
func (l *ledger) write(ctx context.Context, db *sql.DB, s shape, r *rand.Rand, n int64) {
	i := r.IntN(len(l.entries))
	e := &l.entries[i]
	e.mu.Lock()
	defer e.mu.Unlock()
	l.statements.Add(1)
	before, after := *holding(e), *holding(e)
	err := func() error {
		switch what := r.IntN(20); {
		case !e.there && what < 12:
			after = held{true, newPerson(n)}
			return l.exec(ctx, db, i, s.insert, append([]any{i + 1}, s.row(after.person)...)...)
		case what >= 17:
			fresh := newPerson(n)
			if after = (held{true, fresh}); e.there {
				after = held{true, e.person}
				after.mail = fresh.mail
			}
			return l.exec(ctx, db, i, s.upsert, append([]any{i + 1}, s.row(fresh)...)...)
		case !e.there || what < 5:
			return l.read(ctx, db, i, s, before)
		case what == 5:
			after = held{}
			return l.exec(ctx, db, i, fmt.Sprintf("DELETE FROM people WHERE id = %d", i+1))
		}
		u, fresh := s.updates[r.IntN(len(s.updates))], newPerson(n)
		after.person = u.next(e.person, fresh)
		query := fmt.Sprintf("UPDATE people SET %s WHERE id = %d", u.set, i+1)
		if l.engine == throwaway.Postgres {
			query = numbered(query)
		}
		return l.exec(ctx, db, i, query, u.values(fresh)...)
	}()
	if err != nil {
		l.errors.add(fmt.Errorf("the version with the shape %s: %w", s.name, err))
		after = l.found(ctx, db, i, s, before, after)
	}
	e.there, e.person = after.there, after.person
}

// held is an entry's content.
type held struct {
	there bool
	person
}

func holding(e *entry) *held { return &held{e.there, e.person} }

// exec runs a statement that must find its row.
func (l *ledger) exec(ctx context.Context, db *sql.DB, i int, query string, args ...any) error {
	result, err := db.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		l.wrong.add(fmt.Errorf("row %d is lost: %s changes nothing", i+1, query))
	}
	return err
}

// read compares a row with the ledger.
func (l *ledger) read(ctx context.Context, db *sql.DB, i int, s shape, want held) error {
	got, there, err := fetch(ctx, db, i, s)
	if err != nil {
		return err
	}
	if !is(got, there, s, want) {
		l.wrong.add(fmt.Errorf("row %d: the version with the shape %s reads %q (there: %t), want %q (there: %t)", i+1, s.name, got, there, text(s.row(want.person)), want.there))
	}
	return nil
}

// found finds out whether a statement that failed was done; it may be only what it was, or what it should be.
func (l *ledger) found(ctx context.Context, db *sql.DB, i int, s shape, before, after held) held {
	got, there, err := fetch(ctx, db, i, s)
	switch {
	case err != nil:
		l.errors.add(fmt.Errorf("after an error, the version with the shape %s: %w", s.name, err))
		return before
	case is(got, there, s, before):
		return before
	case is(got, there, s, after):
		return after
	}
	l.wrong.add(fmt.Errorf("row %d, after an error, is neither what it was nor what it should be", i+1))
	return before
}

func fetch(ctx context.Context, db *sql.DB, i int, s shape) ([]string, bool, error) {
	got := make([]string, len(s.row(person{})))
	into := make([]any, len(got))
	for c := range got {
		into[c] = &got[c]
	}
	err := db.QueryRowContext(ctx, s.read, i+1).Scan(into...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return got, err == nil, err
}

func is(got []string, there bool, s shape, want held) bool {
	if there != want.there {
		return false
	}
	return !there || fmt.Sprint(got) == fmt.Sprint(text(s.row(want.person)))
}

func text(values []any) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// compare holds every row against the ledger, at one moment: nobody writes meanwhile. It returns how many
// rows there are.
func (l *ledger) compare(ctx context.Context, db *sql.DB, s shape) (int, error) {
	for i := range l.entries {
		l.entries[i].mu.Lock()
		defer l.entries[i].mu.Unlock()
	}
	rows, err := db.QueryContext(ctx, s.all)
	if err != nil {
		return 0, fmt.Errorf("comparing the rows with the ledger: %w", err)
	}
	defer func() { _ = rows.Close() }()
	seen := make([]bool, len(l.entries))
	n := 0
	for rows.Next() {
		var id int
		got := make([]string, len(s.row(person{})))
		into := []any{&id}
		for c := range got {
			into = append(into, &got[c])
		}
		if err := rows.Scan(into...); err != nil {
			return 0, fmt.Errorf("comparing the rows with the ledger: %w", err)
		}
		n++
		if id < 1 || id > len(seen) || seen[id-1] {
			l.wrong.add(fmt.Errorf("row %d is there and should not be", id))
			continue
		}
		seen[id-1] = true
		if want := *holding(&l.entries[id-1]); !is(got, true, s, want) {
			l.wrong.add(fmt.Errorf("row %d is %q in the shape %s, want %q (there: %t)", id, got, s.name, text(s.row(want.person)), want.there))
		}
	}
	for i := range l.entries {
		if l.entries[i].there && !seen[i] {
			l.wrong.add(fmt.Errorf("row %d is lost", i+1))
		}
	}
	return n, rows.Err()
}
