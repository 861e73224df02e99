package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// Rows that a backfill cannot convert: up to Options.MaxFailures of them are set
// aside, each with its key, so that one run finds all that must be repaired.

// errTooManyFailures ends a walk that has met more failing rows than it may.
var errTooManyFailures = errors.New("too many rows fail")

// failureKeys is how many keys a FailuresError names.
const failureKeys = 5

// FailuresError says that a backfill has set rows aside, so that it is not done.
type FailuresError struct {
	// Label is the table whose rows they are.
	Label string
	// Count is how many rows were set aside.
	Count int64
	// Keys are those of the first few.
	Keys []string
	// Where is the table that lists all of them.
	Where string
	// Most is how many it might have met; more have ended it before its end.
	Most int
	// Reason is the first one's error, without its values.
	Reason string
}

func (e *FailuresError) Error() string {
	rows := "rows"
	if e.Count == 1 {
		rows = "row"
	}
	s := fmt.Sprintf("%d %s of %s cannot be converted", e.Count, rows, e.Label)
	if e.Stopped() {
		s += fmt.Sprintf(", and it stopped: %d may fail", e.Most)
	}
	s += ": " + strings.Join(e.Keys, "; ")
	if more := e.Count - int64(len(e.Keys)); more > 0 {
		s += fmt.Sprintf("; and %d more", more)
	}
	return s + "; table " + e.Where + " lists them, each with its error: " + e.Reason
}

// Stopped reports whether the walk has ended before its end.
func (e *FailuresError) Stopped() bool { return e.Count > int64(e.Most) }

// collects reports whether failing rows are set aside.
func (w *walk) collects() bool { return w.durable && w.o.MaxFailures > 0 }

// isolate does a piece in which a row fails: all of its rows but those that fail.
// It goes from the piece's beginning to its end, as checkpoints do.
func (w *worker) isolate(ctx context.Context, p position, piece Piece, cause error) error {
	a, b, ok, err := w.walker.Split(ctx, piece)
	if err != nil {
		return fmt.Errorf("looking for the rows of %s that fail: %w", w.chunks.Label, w.s.Redact(err))
	}
	if !ok {
		return w.setAside(ctx, p, piece, cause)
	}
	// Only a piece that may take its time is done to its end, or fails for good:
	// what has been passed is not met a second time.
	if err := w.persist(ctx, p, a, longest); err != nil {
		return err
	}
	p.at = a.To
	return w.persist(ctx, p, b, longest)
}

// setAside records a row that fails, and goes past it.
func (w *worker) setAside(ctx context.Context, p position, piece Piece, cause error) error {
	const tries = 20
	for n := 1; ; n++ {
		err := w.setAsideOnce(ctx, p, piece, cause)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if moved := (*elsewhereError)(nil); errors.As(err, &moved) {
			return err
		}
		switch w.s.Classify(err) {
		case Disconnected:
			w.close()
			w.conn = nil
		case LockTimeout, Transient:
		case BadRow, Exists, Other:
			n = tries
		}
		if n == tries {
			return fmt.Errorf("recording a row of %s that fails: %w", w.chunks.Label, w.s.Redact(err))
		}
		if err := sleep(ctx, jitter(n)); err != nil {
			return err
		}
	}
	if w.failed.Add(1) > int64(w.o.MaxFailures) {
		return errTooManyFailures
	}
	return nil
}

// setAsideOnce commits the record together with the checkpoint that passes the
// row: a run that is killed has either both or neither.
func (w *worker) setAsideOnce(ctx context.Context, p position, piece Piece, cause error) error {
	if err := w.connect(ctx); err != nil {
		return err
	}
	rows, err := w.samples(ctx, piece)
	if err != nil {
		return err
	}
	key := strings.Join(keysOf(rows), " or ")
	if key == "" {
		key = "unknown" // it has been deleted meanwhile, or repaired
	}
	tx, err := w.s.Begin(ctx, w.conn, Bounds{Lock: time.Second, Statement: longest})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var at string
	err = tx.QueryRowContext(ctx, w.st.l.sqlText(`SELECT position FROM {checkpoints} WHERE migration = ? AND step = ? AND span = ?`),
		w.rec.Name, w.step, p.n).Scan(&at)
	if err != nil {
		return err
	}
	if at == piece.To {
		return nil // the connection was lost, but what it was to commit was not
	}
	if at != p.at {
		return &elsewhereError{at: at}
	}
	_, err = w.st.exec(ctx, tx, `INSERT INTO {failures} (migration, step, label, row_key, error, happened_at) VALUES (?, ?, ?, ?, ?, {now})`,
		w.rec.Name, w.step, w.chunks.Label, key, w.s.Redact(cause).Error())
	if err != nil {
		return err
	}
	n, err := w.st.exec(ctx, tx, `UPDATE {checkpoints} SET position = ?, rows_done = rows_done + ? WHERE migration = ? AND step = ? AND span = ? AND position = ?`,
		piece.To, piece.Rows, w.rec.Name, w.step, p.n, p.at)
	if err != nil {
		return err
	}
	if n == 0 {
		return w.elsewhere(ctx, tx, p)
	}
	if err := w.lease.fence(ctx, tx); err != nil {
		return err
	}
	crashpoint(w.step + ", before the commit")
	if err := tx.Commit(); err != nil {
		return err
	}
	crashpoint(w.step + ", after the commit")
	return nil
}

// retry forgets the rows that an earlier run has set aside, and its checkpoints,
// which are past them: the walk finds whatever is not filled yet.
func (r *run) retry(ctx context.Context, tx *sql.Tx, s plan.Step) error {
	n, err := r.forgetFailures(ctx, tx, s)
	if err != nil || n == 0 {
		return err
	}
	return r.st.forget(ctx, tx, r.rec.Name, s.ID)
}

func (r *run) forgetFailures(ctx context.Context, tx *sql.Tx, s plan.Step) (int64, error) {
	n, err := r.st.exec(ctx, tx, `DELETE FROM {failures} WHERE migration = ? AND step = ?`, r.rec.Name, s.ID)
	if err != nil {
		return 0, fmt.Errorf("forgetting the rows that failed: %w", err)
	}
	return n, nil
}

// failures is the error of the rows that a walk has set aside; nil if there are none.
func (r *run) failures(ctx context.Context, s plan.Step) error {
	e := &FailuresError{Label: s.Chunks.Label, Where: strings.Trim(r.st.l.Table("failures"), "`\""), Most: r.o.MaxFailures}
	rows, err := r.st.db.QueryContext(ctx, r.st.l.sqlText(`SELECT row_key, error FROM {failures} WHERE migration = ? AND step = ? ORDER BY id`),
		r.rec.Name, s.ID)
	if err != nil {
		return fmt.Errorf("reading the rows that failed: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key, reason string
		if err := rows.Scan(&key, &reason); err != nil {
			return fmt.Errorf("reading the rows that failed: %w", err)
		}
		if e.Count++; e.Count == 1 {
			e.Reason = reason
		}
		if len(e.Keys) < failureKeys {
			e.Keys = append(e.Keys, key)
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("reading the rows that failed: %w", err)
	}
	if e.Count == 0 {
		return nil
	}
	return e
}

// addFailures adds how many rows each backfill has set aside.
func (e *Executor) addFailures(ctx context.Context, s *Status) error {
	rows, err := e.st.db.QueryContext(ctx, e.st.l.sqlText(`SELECT migration, step, count(*) FROM {failures} GROUP BY migration, step`))
	if err != nil {
		return fmt.Errorf("counting the rows that failed: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var migration, step string
		var n int64
		if err := rows.Scan(&migration, &step, &n); err != nil {
			return fmt.Errorf("counting the rows that failed: %w", err)
		}
		for _, m := range s.Migrations {
			for i := range m.Backfill {
				if b := &m.Backfill[i]; m.Name == migration && b.step == step {
					b.Failures = n
				}
			}
		}
	}
	return rows.Err()
}
