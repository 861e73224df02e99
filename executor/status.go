package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/expandcontract/migrate/planner/plan"
)

// Status is what status prints, for people's scripts (DESIGN section 9).
type Status struct {
	FormatVersion string            `json:"format_version"`
	Migrations    []MigrationStatus `json:"migrations"`
	// Paused tells who paused the backfills; empty: nobody.
	Paused string `json:"paused,omitempty"`
	// Holder is the executor at work; empty: none.
	Holder string `json:"holder,omitempty"`
	// Throttled tells why the executor at work holds its walk; empty: it does not.
	Throttled string `json:"throttled,omitempty"`
	// GivesWay tells why the executor at work gives way to others, so that its walk is
	// slower than it could be; empty: it does not.
	GivesWay string `json:"gives_way,omitempty"`
	// Throttle is what migrate throttle has set; nil: nothing.
	Throttle *Tuning `json:"throttle,omitempty"`
}

// MigrationStatus is where one migration stands.
type MigrationStatus struct {
	Name     string           `json:"name"`
	State    State            `json:"state"`
	Flag     string           `json:"flag"`
	Gates    []GateResult     `json:"gates"`
	Backfill []BackfillStatus `json:"backfill"`
	// Mismatches counts the inconsistent rows that the last verify found.
	Mismatches int64 `json:"mismatches"`
	// FailedStep and FailedReason say why a failed migration stopped.
	FailedStep   string `json:"failed_step,omitempty"`
	FailedReason string `json:"failed_reason,omitempty"`
	// GraceLeft is how long contracted objects can still be restored, in seconds.
	GraceLeft float64 `json:"grace_left_seconds,omitempty"`
}

// BackfillStatus is the progress of one table.
type BackfillStatus struct {
	Table         string  `json:"table"`
	RowsTotal     int64   `json:"rows_total"`
	RowsDone      int64   `json:"rows_done"`
	RowsPerSecond float64 `json:"rows_per_second"`
	// ETASeconds is 0 when finished or unknown.
	ETASeconds float64 `json:"eta_seconds"`
	// Throttled tells why it is held at this moment; empty: it is not.
	Throttled string `json:"throttled,omitempty"`
	// GivesWay tells why it gives way to others at this moment; empty: it does not.
	GivesWay string `json:"gives_way,omitempty"`
	// Failures is how many rows it has set aside because they cannot be converted.
	Failures int64 `json:"failures,omitempty"`

	step string
}

// Status tells where migrations stand that have begun here: the named ones, or all
// without names. It takes no lease and changes nothing.
func (e *Executor) Status(ctx context.Context, names ...string) (*Status, error) {
	out := &Status{FormatVersion: plan.FormatVersion, Migrations: []MigrationStatus{}}
	ok, err := e.Initialized(ctx)
	if err != nil || !ok {
		return out, err
	}
	var recs []*record
	for rec, err := range e.st.migrations(ctx, names...) {
		if err != nil {
			return nil, err
		}
		// The server is asked by name only as a rule (named).
		if len(names) == 0 || slices.Contains(names, rec.Name) {
			recs = append(recs, rec)
		}
	}
	// One question each for all migrations: they become more and more.
	mismatches, err := e.st.mismatches(ctx)
	if err != nil {
		return nil, err
	}
	backfills, err := e.st.backfills(ctx, names...)
	if err != nil {
		return nil, err
	}
	for _, rec := range recs {
		m := e.statusOf(ctx, rec)
		m.Mismatches = mismatches[rec.Name]
		if b := backfills[rec.Name]; b != nil {
			m.Backfill = b
		}
		out.Migrations = append(out.Migrations, *m)
	}
	paused, by, err := e.st.paused(ctx)
	if err != nil {
		return nil, err
	}
	if paused {
		out.Paused = by
	}
	err = e.st.db.QueryRowContext(ctx, e.st.l.sqlText(`SELECT CASE WHEN {age expires_at} < 0 THEN holder ELSE '' END FROM {lease} WHERE id = 1`)).Scan(&out.Holder)
	if err != nil {
		return nil, fmt.Errorf("reading the lease: %w", err)
	}
	// Tables of an earlier migrate's know nothing of what follows.
	if ok, err = upToDate(ctx, e.s); err != nil || !ok {
		return out, err
	}
	if err := e.addFailures(ctx, out); err != nil {
		return nil, err
	}
	return out, e.addThrottle(ctx, out)
}

// addThrottle adds what holds walks, or slows them down, and their pace.
func (e *Executor) addThrottle(ctx context.Context, s *Status) error {
	set, err := e.st.tuning(ctx)
	if err != nil {
		return err
	}
	if !set.empty() {
		s.Throttle = &set
	}
	// Each is of a step of the executor that is at work.
	for _, one := range []struct {
		query string
		top   *string
		of    func(b *BackfillStatus) *string
	}{
		{`SELECT o.migration, o.step, o.held FROM {pulse} o`, &s.Throttled, func(b *BackfillStatus) *string { return &b.Throttled }},
		{`SELECT o.migration, o.step, o.reason FROM {courtesy} o`, &s.GivesWay, func(b *BackfillStatus) *string { return &b.GivesWay }},
	} {
		var migration, step string
		err = e.st.db.QueryRowContext(ctx, e.st.l.sqlText(one.query+` JOIN {lease} l ON l.id = o.id AND l.token = o.token
			WHERE {age l.expires_at} < 0 AND l.holder <> ''`)).Scan(&migration, &step, one.top)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading what holds the executor: %w", err)
		}
		for _, m := range s.Migrations {
			for i := range m.Backfill {
				if b := &m.Backfill[i]; m.Name == migration && b.step == step {
					*one.of(b) = *one.top
				}
			}
		}
	}
	return nil
}

func (e *Executor) statusOf(ctx context.Context, rec *record) *MigrationStatus {
	m := &MigrationStatus{
		Name: rec.Name, State: rec.State, Flag: rec.Flag, Gates: []GateResult{}, Backfill: []BackfillStatus{},
		FailedStep: rec.FailedStep, FailedReason: rec.FailedReason,
	}
	if rec.State == Grace {
		m.GraceLeft = e.graceLeft(rec).Seconds()
	}
	for _, g := range gatesOf(rec) {
		m.Gates = append(m.Gates, e.gate(ctx, rec, g))
	}
	return m
}

// mismatches counts the inconsistent rows that were found last, by migration.
func (s *store) mismatches(ctx context.Context) (map[string]int64, error) {
	rows, err := s.db.QueryContext(ctx, s.l.sqlText(`SELECT migration, mismatches FROM {verifications} WHERE mismatches > 0`))
	if err != nil {
		return nil, fmt.Errorf("reading the verifications: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]int64{}
	for rows.Next() {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return nil, fmt.Errorf("reading the verifications: %w", err)
		}
		out[name] += n
	}
	return out, rows.Err()
}

// backfills reads the progress of walks, those of the named migrations or of all,
// by migration.
func (s *store) backfills(ctx context.Context, names ...string) (map[string][]BackfillStatus, error) {
	where, args := named("w.migration", names)
	rows, err := s.db.QueryContext(ctx, s.l.sqlText(`SELECT w.migration, w.step, w.label, w.rows_total, w.rows_per_second, w.finished,
		COALESCE((SELECT SUM(c.rows_done) FROM {checkpoints} c WHERE c.migration = w.migration AND c.step = w.step), 0)
		FROM {walks} w `+where+` ORDER BY w.migration, w.step`), args...)
	if err != nil {
		return nil, fmt.Errorf("reading the progress: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string][]BackfillStatus{}
	for rows.Next() {
		var name string
		var b BackfillStatus
		var finished int
		if err := rows.Scan(&name, &b.step, &b.Table, &b.RowsTotal, &b.RowsPerSecond, &finished, &b.RowsDone); err != nil {
			return nil, fmt.Errorf("reading the progress: %w", err)
		}
		b.RowsTotal = max(b.RowsTotal, b.RowsDone)
		if finished != 0 {
			b.RowsTotal = b.RowsDone // the estimate has become a count
		} else if b.RowsPerSecond > 0 {
			b.ETASeconds = float64(b.RowsTotal-b.RowsDone) / b.RowsPerSecond
		}
		out[name] = append(out[name], b)
	}
	return out, rows.Err()
}

// Pause makes running and future backfills wait, within about a second.
func (e *Executor) Pause(ctx context.Context) error { return e.setPaused(ctx, 1) }

// Resume lets them go on.
func (e *Executor) Resume(ctx context.Context) error { return e.setPaused(ctx, 0) }

func (e *Executor) setPaused(ctx context.Context, on int) error {
	if err := prepare(ctx, e.s); err != nil {
		return err
	}
	_, err := e.st.exec(ctx, e.st.db, `UPDATE {control} SET paused = ?, paused_by = ?, updated_at = {now} WHERE id = 1`, on, e.o.Holder)
	if err != nil {
		return fmt.Errorf("telling the executor: %w", err)
	}
	return nil
}

func (s *store) paused(ctx context.Context) (bool, string, error) {
	var on int
	var by string
	err := s.db.QueryRowContext(ctx, s.l.sqlText(`SELECT paused, paused_by FROM {control} WHERE id = 1`)).Scan(&on, &by)
	if err != nil {
		return false, "", fmt.Errorf("asking whether to pause: %w", err)
	}
	return on != 0, by, nil
}

// OpenMigration is a migration whose two shapes live, for the planner.
type OpenMigration struct {
	Name    string
	Touches []string
}

// Known tells the state, and the file's checksum, of every migration that has
// begun here, and which are open. It changes nothing.
func (e *Executor) Known(ctx context.Context) (map[string]KnownMigration, []OpenMigration, error) {
	out := map[string]KnownMigration{}
	ok, err := e.Initialized(ctx)
	if err != nil || !ok {
		return out, nil, err
	}
	var open []OpenMigration
	for rec, err := range e.st.migrations(ctx) {
		if err != nil {
			return nil, nil, err
		}
		out[rec.Name] = KnownMigration{State: rec.State, Flag: rec.Flag, Checksum: rec.Checksum, Plan: rec.Plan}
		if rec.State != Done && rec.State != RolledBack {
			open = rec.addTo(open)
		}
	}
	return out, open, nil
}

// Unfinished are the open migrations that Known tells of. It reads nothing of those
// that are over, which become more and more.
func (e *Executor) Unfinished(ctx context.Context) ([]OpenMigration, error) {
	ok, err := e.Initialized(ctx)
	if err != nil || !ok {
		return nil, err
	}
	var open []OpenMigration
	for rec, err := range e.st.unfinished(ctx) {
		if err != nil {
			return nil, err
		}
		open = rec.addTo(open)
	}
	return open, nil
}

// addTo adds an unfinished migration to the open ones; a baseline has no plan.
func (rec *record) addTo(open []OpenMigration) []OpenMigration {
	if rec.Plan == nil {
		return open
	}
	return append(open, OpenMigration{Name: rec.Name, Touches: rec.Plan.Touches})
}

// KnownMigration is what the database remembers of a migration.
type KnownMigration struct {
	State    State
	Flag     string
	Checksum string
	Plan     *plan.Plan // nil for a baseline, and for what is done or rolled back
}
