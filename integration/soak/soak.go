package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/expandcontract/migrate/integration/drive"
	"github.com/expandcontract/migrate/integration/throwaway"
)

// options say what is worn out, and for how long.
type options struct {
	// Engine is postgres, mysql or mariadb; Version the server's.
	Engine, Version string
	// URL is a database to use; empty: a throwaway server's.
	URL string
	// Binary is the migrate that leads every second pair of migrations; empty: all are led in this process.
	Binary string
	// Duration is how long to go on; the migration that is under way then is brought to its end.
	Duration time.Duration
	// Rows that the app may have, and Writers of each version.
	Rows, Writers int
	// Dwell is how long versions of both shapes write in each open state.
	Dwell time.Duration
	// Log takes a line for each migration.
	Log io.Writer
}

// soak is one run.
type soak struct {
	o      options
	server *throwaway.Server // nil: it is not ours
	url    string
	db     *sql.DB
	dir    string // of the program's migrations
	temp   string // of the program's temporary files
	begun  time.Time

	ledger   *ledger
	crews    [2]*crew // by shape: whole, parts
	inside   *drive.InProcess
	program  *drive.Program
	serial   atomic.Int64
	samples  []sample
	catalogs [2][]string // as each shape was first seen
	// problems besides those that the ledger counts: rows inconsistent, leftovers, sessions, files.
	problems     tally
	inconsistent int64
	looks        int // at the rows for inconsistent ones
	renewed      int // how often the table was made anew
}

// run wears migrate out, and returns what it saw. The error is for what kept it from going on; what it saw
// that must not be is in the result.
func run(ctx context.Context, o options) (*soak, error) {
	s := &soak{o: o, begun: time.Now()}
	defer s.close()
	if err := s.prepare(ctx); err != nil {
		return s, err
	}
	s.begun = time.Now()
	defer func() {
		for _, c := range s.crews {
			c.end()
		}
	}()
	// Statements of the app are not cut off when the soak is: whether they were done would not be known.
	app := context.WithoutCancel(ctx)
	s.crews[0].start(app)
	for k := 0; time.Since(s.begun) < o.Duration; k++ {
		if err := s.migration(ctx, app, k); err != nil {
			return s, fmt.Errorf("migration %d: %w", k, err)
		}
		if err := s.renew(ctx, k); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *soak) prepare(ctx context.Context) (err error) {
	if s.url = s.o.URL; s.url == "" {
		if s.server, err = throwaway.Start(ctx, s.o.Engine, throwaway.Options{Version: s.o.Version}); err != nil {
			return err
		}
		if s.url, err = drive.NewDatabase(ctx, s.server.URL(), "soak"); err != nil {
			return err
		}
	}
	if s.dir, err = os.MkdirTemp("", "migrate-soak-"); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	s.temp = filepath.Join(s.dir, "tmp")
	if err := os.Mkdir(s.temp, 0o700); err != nil {
		return fmt.Errorf("making a directory: %w", err)
	}
	if s.db, err = throwaway.OpenURL(s.url); err != nil {
		return err
	}
	connections := 2*s.o.Writers + 2
	s.db.SetMaxOpenConns(connections)
	s.db.SetMaxIdleConns(connections)
	s.inside = &drive.InProcess{URL: s.url, Migrations: map[string]string{}}
	s.program = &drive.Program{Binary: s.o.Binary, URL: s.url, Dir: s.dir, Temp: s.temp, Env: []string{"MIGRATE_LOCKS_REST=0s"}} // there is to be no rest
	whole, parts := shapes(s.o.Engine)
	s.ledger = newLedger(s.o.Engine, s.o.Rows)
	s.serial.Store(int64(s.o.Rows))
	for i, sh := range []shape{whole, parts} {
		s.crews[i] = &crew{ledger: s.ledger, db: s.db, shape: sh, size: s.o.Writers, serial: &s.serial}
	}
	if _, err := s.db.ExecContext(ctx, whole.create); err != nil {
		return fmt.Errorf("making the table: %w", err)
	}
	return s.ledger.fill(ctx, s.db, whole, true)
}

func (s *soak) close() {
	if s.db != nil {
		_ = s.db.Close()
	}
	if s.dir != "" {
		_ = os.RemoveAll(s.dir)
	}
	if s.server != nil {
		_ = s.server.Stop()
	}
}

// migration leads the app's table from one shape to the other and back and there again, as a team that
// changes its mind does.
func (s *soak) migration(ctx, app context.Context, k int) error {
	begun, statements := time.Now(), s.ledger.statements.Load()
	old, young := s.crews[k%2], s.crews[1-k%2]
	name, text := fmt.Sprintf("%04d_split", k), split(s.o.Engine)
	if k%2 == 1 {
		name, text = fmt.Sprintf("%04d_merge", k), merge(s.o.Engine)
	}
	m, inProcess, err := s.leader(name, text, k)
	if err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"expand", func() error { return m.Expand(ctx, name) }},
		{"rollback", func() error { return m.Rollback(ctx, name) }},
		{"expand again", func() error { return m.Expand(ctx, name) }},
		{"open", func() error { young.start(app); return s.both(ctx, name+", open") }},
		{"flag", func() error { old.end(); return m.Flag(ctx, name, true) }},
		{"contract", func() error { return m.Contract(ctx, name, time.Hour) }},
		{"rollback from the grace", func() error { return m.Rollback(ctx, name) }},
		{"open again", func() error { old.start(app); return s.both(ctx, name+", open again") }},
		{"contract for good", func() error { old.end(); return m.Contract(ctx, name, 0) }},
	} {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.what, err)
		}
	}
	rows, err := s.ledger.compare(ctx, s.db, young.shape)
	if err != nil {
		return err
	}
	sm, catalog, err := s.look(ctx)
	if err != nil {
		return err
	}
	sm.inProcess, sm.took, sm.peak = inProcess, time.Since(begun), s.program.Peak
	s.judge(k, name, sm, catalog)
	fmt.Fprintf(s.o.Log, "%7s  %s: %.1fs, %d statements, %d rows; failed %d, wrong %d, inconsistent %d, other problems %d; heap %.1f MiB, peak of the program %.1f MiB\n",
		time.Since(s.begun).Round(time.Second), name, sm.took.Seconds(), s.ledger.statements.Load()-statements, rows,
		s.ledger.errors.count(), s.ledger.wrong.count(), s.inconsistent, s.problems.count(), float64(sm.heap)/mib, float64(sm.peak)/mib)
	return nil
}

// leader is who leads the k-th migration: the program and this process in turn, each there and back.
func (s *soak) leader(name, text string, k int) (drive.Migrate, bool, error) {
	s.program.Peak = 0
	if s.o.Binary != "" {
		if err := s.program.Write(name, text); err != nil {
			return nil, false, err
		}
		if k/2%2 == 0 {
			return s.program, false, nil
		}
	}
	clear(s.inside.Migrations) // what was done is not needed any more, and would count as growth
	s.inside.Migrations[name] = text
	return s.inside, true, nil
}

// both lets versions of both shapes write for a while, and looks for rows that are not the same in both.
func (s *soak) both(ctx context.Context, where string) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(s.o.Dwell):
	}
	n, err := number(ctx, s.db, inconsistent(s.o.Engine))
	if err != nil {
		return fmt.Errorf("counting inconsistent rows: %w", err)
	}
	s.looks++
	s.inconsistent += n
	if n > 0 {
		s.problems.add(fmt.Errorf("%s: %d rows are inconsistent", where, n))
	}
	return nil
}

// judge keeps a sample and counts what it shows that must not be.
func (s *soak) judge(k int, name string, sm sample, catalog []string) {
	s.samples = append(s.samples, sm)
	shape := 1 - k%2
	if s.catalogs[shape] == nil {
		s.catalogs[shape] = catalog
	}
	for _, l := range leftovers(s.catalogs[shape], catalog) {
		s.problems.add(fmt.Errorf("after %s the catalog is not what it was: %s", name, l))
	}
	if sm.sessions > 0 {
		s.problems.add(fmt.Errorf("after %s, %d sessions are left on the server", name, sm.sessions))
	}
	if sm.temporary > 0 {
		s.problems.add(fmt.Errorf("after %s, %d temporary files or half-built tables are left", name, sm.temporary))
	}
}

// mostColumns that a table has ever had before it is made anew: PostgreSQL has room for 1600, and a dropped
// column keeps its place for as long as the table lives.
const mostColumns = 1500

// renew makes the table anew, with the rows that it should have, before the server's room for columns is used
// up. Nobody writes meanwhile.
func (s *soak) renew(ctx context.Context, k int) error {
	query := queriesFor(s.o.Engine).columns
	if query == "" {
		return nil
	}
	n, err := number(ctx, s.db, query)
	if err != nil || n < mostColumns {
		return err
	}
	app := s.crews[1-k%2]
	app.end()
	for _, q := range []string{"DROP TABLE people", app.shape.create} {
		if _, err := s.db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("making the table anew: %w", err)
		}
	}
	s.renewed++
	if err := s.ledger.fill(ctx, s.db, app.shape, false); err != nil {
		return err
	}
	app.start(context.WithoutCancel(ctx))
	return nil
}

// verdict prints the summary, and returns an error if anything was not as it must be.
func (s *soak) verdict(w io.Writer) error {
	lines, grew := grown(s.samples)
	took := time.Since(s.begun)
	fmt.Fprintf(w, "\n%s, %s: %d migrations, each expand, rollback, expand, contract, rollback, contract\n", s.o.Engine, took.Round(time.Second), len(s.samples))
	if s.ledger == nil {
		return errors.New("it did not begin")
	}
	n := s.ledger.statements.Load()
	fmt.Fprintf(w, "statements of the app: %d (%.0f a second), failed: %d\n", n, float64(n)/took.Seconds(), s.ledger.errors.count())
	fmt.Fprintf(w, "rows lost, or not as the ledger says: %d\ninconsistent rows: %d, in %d looks\nleftovers, sessions, files: %d\n",
		s.ledger.wrong.count(), s.inconsistent, s.looks, s.problems.count())
	for _, l := range lines {
		fmt.Fprintln(w, l)
	}
	if s.renewed > 0 {
		fmt.Fprintf(w, "the table was made anew %d times, since dropped columns keep their places\n", s.renewed)
	}
	var errs []error
	for _, t := range []*tally{&s.ledger.errors, &s.ledger.wrong, &s.problems} {
		errs = append(errs, t.first...)
	}
	if grew {
		errs = append(errs, errors.New("something grows"))
	}
	return errors.Join(errs...)
}
