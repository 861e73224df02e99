package executor

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/expandcontract/migrate/planner/plan"
)

// store reads and writes the executor's own tables. Writes that decide about
// steps take the lease's token along and fail when it is no longer ours.
type store struct {
	db *sql.DB
	l  Layout
}

// runner is what both *sql.DB and *sql.Tx do.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func (s *store) exec(ctx context.Context, r runner, query string, args ...any) (int64, error) {
	res, err := r.ExecContext(ctx, s.l.sqlText(query), args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

// record is a migration as the database remembers it.
type record struct {
	Name   string
	State  State
	Resume State // where a failed migration goes on
	Flag   string
	// Run counts how often the migration has been begun: journal entries of an
	// earlier run, since rolled back, are not this one's.
	Run          int64
	Checksum     string
	Fingerprint  string
	Plan         *plan.Plan // nil for a baseline
	FailedStep   string
	FailedReason string
	// Times are null until they have happened. GraceLeft is in seconds, by the
	// server's clock.
	OpenedAt, GraceUntil sql.NullTime
	GraceLeft            sql.NullFloat64
}

// recordColumns are what scanRecord reads.
const recordColumns = `name, state, resume, flag, run, checksum, fingerprint, plan, failed_step, failed_reason, opened_at, grace_until, {age grace_until}`

func (s *store) scanRecord(row interface{ Scan(...any) error }) (*record, error) {
	var r record
	var planText string
	err := row.Scan(&r.Name, &r.State, &r.Resume, &r.Flag, &r.Run, &r.Checksum, &r.Fingerprint, &planText,
		&r.FailedStep, &r.FailedReason, &r.OpenedAt, &r.GraceUntil, &r.GraceLeft)
	if err != nil {
		return nil, err
	}
	r.GraceLeft.Float64 = -r.GraceLeft.Float64
	if planText != "" {
		r.Plan = &plan.Plan{}
		if err := json.Unmarshal([]byte(planText), r.Plan); err != nil {
			return nil, fmt.Errorf("reading the stored plan of %s: %w", r.Name, err)
		}
	}
	return &r, nil
}

// migration reads one record; nil when there is none.
func (s *store) migration(ctx context.Context, name string) (*record, error) {
	row := s.db.QueryRowContext(ctx, s.l.sqlText(`SELECT `+recordColumns+` FROM {migrations} WHERE name = ?`), name)
	r, err := s.scanRecord(row)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil //nolint:nilnil // no record is an answer, not an error
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of %s: %w", name, err)
	}
	return r, nil
}

// migrations are those that have begun here: the named ones, or all without names.
// The plans of those that are over are left out: they become more and more, and
// nobody asks for them.
func (s *store) migrations(ctx context.Context, names ...string) iter.Seq2[*record, error] {
	columns := strings.Replace(recordColumns, " plan,", " CASE WHEN state IN (?, ?) THEN '' ELSE plan END,", 1)
	where, args := named("name", names)
	return s.records(ctx, columns, where+` ORDER BY name`, append([]any{string(Done), string(RolledBack)}, args...)...)
}

// unfinished are the migrations that are not over.
func (s *store) unfinished(ctx context.Context) iter.Seq2[*record, error] {
	return s.records(ctx, recordColumns, `WHERE state NOT IN (?, ?) ORDER BY name`, string(Done), string(RolledBack))
}

// mostNamed is how many names a question lists: servers bound the parameters of
// a statement.
const mostNamed = 1000

// named is the condition that a column is one of names, and its arguments; there is
// none for no names, nor for more than a question may list.
func named(column string, names []string) (where string, args []any) {
	if len(names) == 0 || len(names) > mostNamed {
		return "", nil
	}
	for _, name := range names {
		args = append(args, name)
	}
	return "WHERE " + column + " IN (?" + strings.Repeat(", ?", len(names)-1) + ")", args
}

// later are the migrations that did something after another one was done, by the
// order of the journal: a clock may have been set back in between.
func (s *store) later(ctx context.Context, name string) iter.Seq2[*record, error] {
	return s.records(ctx, recordColumns, `WHERE state <> ? AND name <> ? AND EXISTS (SELECT 1 FROM {journal} j WHERE j.migration = {migrations}.name
		AND j.run = {migrations}.run AND j.action IN ('do', 'undo')
		AND j.id > (SELECT MAX(k.id) FROM {journal} k WHERE k.migration = ? AND k.action = 'do')) ORDER BY started_at`,
		string(RolledBack), name, name)
}

// records reads them one after the other: the text of a plan alone has some 40 KB, and
// a database may have seen thousands. An error ends them.
func (s *store) records(ctx context.Context, columns, which string, args ...any) iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		rows, err := s.db.QueryContext(ctx, s.l.sqlText(`SELECT `+columns+` FROM {migrations} `+which), args...)
		if err != nil {
			yield(nil, fmt.Errorf("reading the migrations' states: %w", err))
			return
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			r, err := s.scanRecord(rows)
			if err != nil {
				yield(nil, fmt.Errorf("reading the migrations' states: %w", err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// begin records that a plan is about to run: a new row, or a new run of one
// that was rolled back.
func (s *store) begin(ctx context.Context, tx *sql.Tx, p *plan.Plan, state State) error {
	text, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("storing the plan: %w", err)
	}
	n, err := s.exec(ctx, tx, `UPDATE {migrations} SET state = ?, resume = '', run = run + 1, flag = ?, checksum = ?, fingerprint = ?, plan = ?,
		failed_step = '', failed_reason = '', started_at = {now}, opened_at = NULL, contracted_at = NULL, grace_until = NULL,
		finished_at = NULL, updated_at = {now} WHERE name = ?`,
		string(state), p.Flag, p.Checksum, p.Fingerprint, string(text), p.Migration)
	if err == nil && n == 0 {
		_, err = s.exec(ctx, tx, `INSERT INTO {migrations} (name, state, flag, run, checksum, fingerprint, plan, failed_reason, started_at, updated_at)
			VALUES (?, ?, ?, 1, ?, ?, ?, '', {now}, {now})`, p.Migration, string(state), p.Flag, p.Checksum, p.Fingerprint, string(text))
	}
	if err != nil {
		return fmt.Errorf("recording the beginning of %s: %w", p.Migration, err)
	}
	for _, t := range []string{"{walks}", "{checkpoints}", "{failures}", "{verifications}"} {
		if _, err := s.exec(ctx, tx, `DELETE FROM `+t+` WHERE migration = ?`, p.Migration); err != nil {
			return fmt.Errorf("recording the beginning of %s: %w", p.Migration, err)
		}
	}
	return nil
}

// setState moves a migration on, with what becomes true at that moment.
func (s *store) setState(ctx context.Context, tx *sql.Tx, name string, to State, graceUntil time.Time) error {
	args := []any{string(to)}
	set := ""
	switch to {
	case Open:
		set = ", opened_at = COALESCE(opened_at, {now}), contracted_at = NULL, grace_until = NULL"
	case Grace:
		set = ", contracted_at = {now}, grace_until = ?"
		args = append(args, graceUntil)
	case Done, RolledBack:
		set = ", finished_at = {now}"
	case Planned, Expanding, Backfilling, Verifying, Contracting, Failed:
	}
	_, err := s.exec(ctx, tx, `UPDATE {migrations} SET state = ?, resume = '', failed_step = '', failed_reason = '', updated_at = {now}`+set+
		` WHERE name = ?`, append(args, name)...)
	if err != nil {
		return fmt.Errorf("recording state %s of %s: %w", to, name, err)
	}
	return nil
}

func (s *store) setFailed(ctx context.Context, tx *sql.Tx, name string, at State, step, reason string) error {
	_, err := s.exec(ctx, tx, `UPDATE {migrations} SET state = ?, resume = ?, failed_step = ?, failed_reason = ?, updated_at = {now} WHERE name = ?`,
		string(Failed), string(at), step, reason, name)
	return err
}

// entry is a journal entry.
type entry struct {
	Migration string
	Run       int64
	Step      string
	Action    string // "do", "undo", "gate", "kill"
	Event     string // "intent", "done", "failed", "override"
	Detail    string
	Holder    string
	Token     int64
}

const (
	actionDo   = "do"
	actionUndo = "undo"
	actionGate = "gate"
	actionKill = "kill" // of a session in the way

	eventIntent   = "intent"
	eventDone     = "done"
	eventFailed   = "failed"
	eventOverride = "override"
)

func (s *store) journal(ctx context.Context, tx *sql.Tx, e entry) error {
	_, err := s.exec(ctx, tx, `INSERT INTO {journal} (migration, run, step, action, event, detail, holder, token, happened_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, {now})`, e.Migration, e.Run, e.Step, e.Action, e.Event, e.Detail, e.Holder, e.Token)
	if err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	return nil
}

// stepState is what the journal knows of a step in the present run.
type stepState struct {
	action, event string
}

func (st stepState) done() bool { return st.action == actionDo && st.event == eventDone }
func (st stepState) undone() bool {
	return st.action == "" || st.action == actionUndo && st.event == eventDone
}
func (st stepState) partial() bool { return !st.done() && !st.undone() }

// steps reads the last word of the journal about each step of a run.
func (s *store) steps(ctx context.Context, name string, run int64) (map[string]stepState, error) {
	rows, err := s.db.QueryContext(ctx, s.l.sqlText(`SELECT step, action, event FROM {journal}
		WHERE migration = ? AND run = ? AND action IN ('do', 'undo') ORDER BY id`), name, run)
	if err != nil {
		return nil, fmt.Errorf("reading the journal: %w", err)
	}
	defer func() { _ = rows.Close() }()
	out := map[string]stepState{}
	for rows.Next() {
		var step string
		var st stepState
		if err := rows.Scan(&step, &st.action, &st.event); err != nil {
			return nil, fmt.Errorf("reading the journal: %w", err)
		}
		out[step] = st
	}
	return out, rows.Err()
}
