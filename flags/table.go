package flags

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// maxKeyLength is how many characters the tables hold of a flag's key.
const maxKeyLength = 191

// DB is what a [Table] needs of a database: *sql.DB and *sql.Conn have it. A
// transaction has it too, but on PostgreSQL two transactions that set a new flag
// at once make one of them fail.
type DB interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

// Table is the built-in source: the flags that migrate keeps in the target
// database, beside its migrations.
//
// A flag cannot be turned on too early. It is held at the old path until at
// least one migration is tied to it and every migration tied to it has both
// shapes live (open, contracting, grace or done), whatever its percentage. A
// flag nobody has set is off. Times are the database server's.
type Table struct {
	db     DB
	tables Tables
}

var _ Source = (*Table)(nil)

// NewTable makes a source of the tables in db. It does not connect, and it does
// not create the tables: migrate does.
func NewTable(db DB, tables Tables) *Table { return &Table{db: db, tables: tables} }

// Flag is one row of [Table.List].
type Flag struct {
	Key       string
	State     State
	UpdatedAt time.Time // UTC; zero when nobody has set the flag
}

// Rollout reads one flag.
func (t *Table) Rollout(ctx context.Context, key string) (State, error) {
	unknown := State{Origin: t.origin()}
	if err := checkKey(key); err != nil {
		return unknown, fmt.Errorf("reading flag %q: %w", key, err)
	}
	found, err := t.read(ctx, key)
	if err != nil {
		return unknown, fmt.Errorf("reading flag %q from %s: %w", key, t.origin(), err)
	}
	if f := found[key]; f != nil {
		return f.flag(t.origin()).State, nil
	}
	return (&record{key: key}).flag(t.origin()).State, nil
}

// List reads every flag that was set or that a migration is tied to, ordered by
// key.
func (t *Table) List(ctx context.Context) ([]Flag, error) {
	found, err := t.read(ctx, allKeys)
	if err != nil {
		return nil, fmt.Errorf("reading flags from %s: %w", t.origin(), err)
	}
	list := make([]Flag, 0, len(found))
	for _, f := range found {
		list = append(list, f.flag(t.origin()))
	}
	slices.SortFunc(list, func(a, b Flag) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

// setAttempts bounds how often [Table.Set] starts anew: a writer loses at most
// one race to insert the row, and the rest are for deadlocks and serialization
// failures.
const setAttempts = 4

// Set stores the rollout of a flag; 0 to 100 percent, not unknown. It stores
// what was asked even while the flag is held back: it takes effect once the
// migrations tied to the flag are open.
//
// The time since when the flag is full is kept when it was full already, starts
// now when it becomes full, and is cleared when it no longer is. Concurrent
// calls never tear: the row is that of one of them.
func (t *Table) Set(ctx context.Context, key string, rollout Rollout) error {
	if err := checkKey(key); err != nil {
		return fmt.Errorf("setting flag %q: %w", key, err)
	}
	if rollout.Kind() == KindUnknown {
		return fmt.Errorf("setting flag %q: unknown is no rollout that can be set", key)
	}
	var err error
	for range setAttempts {
		// A repetition does no harm: it stores the same rollout again, and keeps
		// full_since if the failed attempt did get through.
		if err = t.upsert(ctx, key, rollout.Percent()); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("setting flag %q in %s: %w", key, t.origin(), err)
	}
	return nil
}

// upsert updates the row, or inserts it when there is none: two statements, each
// atomic by itself, since the engines share no syntax for one. Where another
// writer inserts in between, the insertion fails and the caller repeats.
func (t *Table) upsert(ctx context.Context, key string, percent int) error {
	onUpdate, onInsert := "NULL", "NULL"
	if percent == 100 {
		onInsert = t.tables.now
		onUpdate = "CASE WHEN percent = 100 AND full_since IS NOT NULL THEN full_since ELSE " + t.tables.now + " END"
	}
	// full_since comes first: MySQL assigns from left to right, and the CASE must
	// see the percentage from before.
	result, err := t.db.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET full_since = %s, percent = %d, updated_at = %s WHERE name = %s",
		t.tables.flags, onUpdate, percent, t.tables.now, t.tables.placeholder), key)
	if err != nil {
		return fmt.Errorf("updating the row: %w", err)
	}
	changed, err := result.RowsAffected()
	if err != nil {
		return fmt.Errorf("counting updated rows: %w", err)
	}
	if changed > 0 {
		return nil
	}
	_, err = t.db.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (name, percent, updated_at, full_since) VALUES (%s, %d, %s, %s)",
		t.tables.flags, t.tables.placeholder, percent, t.tables.now, onInsert), key)
	if err != nil {
		return fmt.Errorf("inserting the row: %w", err)
	}
	return nil
}

// record gathers what the tables say of one flag.
type record struct {
	key       string
	percent   int64
	updatedAt time.Time
	fullSince time.Time
	tied      int
	waiting   []string // "0007_split_name is backfilling"
}

// allKeys makes [Table.read] read every flag; no flag has this key.
const allKeys = ""

// read gathers one flag, or all, and the migrations tied to them in one
// statement, and so from one snapshot: a percentage is never paired with a
// migration's state from another moment.
func (t *Table) read(ctx context.Context, only string) (found map[string]*record, err error) {
	var whereFlag, whereMigration string
	var args []any
	if only != allKeys {
		whereFlag = " WHERE name = " + t.tables.placeholder
		whereMigration = " WHERE flag = " + t.tables.placeholder
		args = t.tables.repeated(only)
	}
	query := fmt.Sprintf("SELECT name, percent, %s, %s, '', '' FROM %s%s"+
		" UNION ALL SELECT flag, NULL, NULL, NULL, name, CASE WHEN state = 'failed' AND resume IN ('open', 'contracting', 'grace') THEN resume ELSE state END FROM %s%s ORDER BY 5",
		t.tables.updatedAt, t.tables.fullSince, t.tables.flags, whereFlag, t.tables.migrations, whereMigration)
	rows, err := t.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	found = map[string]*record{}
	for rows.Next() {
		var key, migration, state string
		var percent sql.NullInt64
		var updatedAt, fullSince utcTime
		if err := rows.Scan(&key, &percent, &updatedAt, &fullSince, &migration, &state); err != nil {
			return nil, fmt.Errorf("scanning a row: %w", err)
		}
		if only != allKeys {
			// The server compared, under the collation that Set is subject to too.
			key = only
		}
		f := found[key]
		if f == nil {
			f = &record{key: key}
			found[key] = f
		}
		if percent.Valid {
			f.percent, f.updatedAt, f.fullSince = percent.Int64, updatedAt.Time, fullSince.Time
			continue
		}
		f.tied++
		if !live(state) {
			f.waiting = append(f.waiting, migration+" is "+state)
		}
	}
	return found, rows.Err()
}

// flag turns a record into what sources report.
func (f *record) flag(origin string) Flag {
	flag := Flag{Key: f.key, UpdatedAt: f.updatedAt, State: State{Origin: origin}}
	rollout, err := Partial(int(f.percent))
	if err != nil {
		flag.State.Reason = err.Error()
		return flag
	}
	flag.State.Rollout = rollout
	if rollout == Full() {
		flag.State.FullSince = f.fullSince
	}
	switch {
	case f.tied == 0:
		flag.State.Held = true
		flag.State.Reason = "held at the old path: no migration is tied to the flag"
	case len(f.waiting) > 0:
		flag.State.Held = true
		flag.State.Reason = "held at the old path: migration " + strings.Join(f.waiting, ", ")
	}
	return flag
}

// origin names the table for people.
func (t *Table) origin() string { return "table " + t.tables.origin }

// live tells whether the new path may be used while a migration is in this
// state: whether both shapes are equal, or the new one is all there is. Of a
// failed one the state counts in which it failed: a contract that stopped half
// way must not send the app back to columns that may be gone.
func live(state string) bool {
	return slices.Contains([]string{"open", "contracting", "grace", "done"}, state)
}

// checkKey refuses keys that the tables cannot hold or that nobody can read
// apart.
func checkKey(key string) error {
	switch {
	case key == "":
		return errors.New("a flag's key is not empty")
	case !utf8.ValidString(key):
		return errors.New("a flag's key is UTF-8")
	case utf8.RuneCountInString(key) > maxKeyLength:
		return fmt.Errorf("a flag's key has at most %d characters", maxKeyLength)
	case strings.TrimSpace(key) != key, strings.ContainsFunc(key, unicode.IsControl):
		return errors.New("a flag's key has no control characters and no space at its ends")
	}
	return nil
}

// utcTime scans a time that may be NULL: a timestamp with its zone, or the text
// of a zoneless one that is in UTC.
type utcTime struct{ time.Time }

var _ sql.Scanner = (*utcTime)(nil)

// Scan implements sql.Scanner.
func (u *utcTime) Scan(value any) error {
	var text string
	switch v := value.(type) {
	case nil:
		u.Time = time.Time{}
		return nil
	case time.Time:
		u.Time = v.UTC()
		return nil
	case []byte:
		text = string(v)
	case string:
		text = v
	default:
		return fmt.Errorf("reading a time: unexpected type %T", value)
	}
	parsed, err := time.Parse("2006-01-02 15:04:05.999999", text)
	if err != nil {
		return fmt.Errorf("reading a time: %w", err)
	}
	u.Time = parsed
	return nil
}
