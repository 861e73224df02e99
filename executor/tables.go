package executor

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ownTables are the tables that migrate keeps in the target database, with
// {types} and {names} that the engine's layout fills in.
var ownTables = []string{
	`CREATE TABLE IF NOT EXISTS {journal} (
  id {serial},
  migration {key} NOT NULL,
  run bigint NOT NULL,
  step varchar(64) NOT NULL,
  action varchar(16) NOT NULL,
  event varchar(16) NOT NULL,
  detail {text} NOT NULL,
  holder {key} NOT NULL,
  token bigint NOT NULL,
  happened_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {walks} (
  migration {key} NOT NULL,
  step varchar(64) NOT NULL,
  label {key} NOT NULL,
  generation {key} NOT NULL,
  pass int NOT NULL,
  rows_total bigint NOT NULL,
  rows_per_second {double} NOT NULL DEFAULT 0,
  finished smallint NOT NULL DEFAULT 0,
  started_at {time} NOT NULL,
  updated_at {time} NOT NULL,
  PRIMARY KEY (migration, step)
)`,
	`CREATE TABLE IF NOT EXISTS {checkpoints} (
  migration {key} NOT NULL,
  step varchar(64) NOT NULL,
  span int NOT NULL,
  span_from {text} NOT NULL,
  span_to {text} NOT NULL,
  position {text} NOT NULL,
  finished smallint NOT NULL DEFAULT 0,
  rows_done bigint NOT NULL DEFAULT 0,
  rows_changed bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (migration, step, span)
)`,
	`CREATE TABLE IF NOT EXISTS {verifications} (
  migration {key} NOT NULL,
  label {key} NOT NULL,
  rows_checked bigint NOT NULL,
  mismatches bigint NOT NULL,
  sample {text} NOT NULL,
  verified_at {time} NOT NULL,
  PRIMARY KEY (migration, label)
)`,
	`CREATE TABLE IF NOT EXISTS {lease} (
  id smallint NOT NULL PRIMARY KEY,
  token bigint NOT NULL,
  holder {key} NOT NULL,
  acquired_at {time} NOT NULL,
  expires_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {control} (
  id smallint NOT NULL PRIMARY KEY,
  paused smallint NOT NULL,
  paused_by {key} NOT NULL,
  updated_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {throttle} (
  id smallint NOT NULL PRIMARY KEY,
  workers int NULL,
  rows_per_second {double} NULL,
  chunk_target_ms bigint NULL,
  set_by {key} NOT NULL,
  updated_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {pulse} (
  id smallint NOT NULL PRIMARY KEY,
  token bigint NOT NULL,
  beat bigint NOT NULL,
  migration {key} NOT NULL,
  step varchar(64) NOT NULL,
  held {text} NOT NULL,
  updated_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {courtesy} (
  id smallint NOT NULL PRIMARY KEY,
  token bigint NOT NULL,
  migration {key} NOT NULL,
  step varchar(64) NOT NULL,
  reason {text} NOT NULL,
  updated_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {receipts} (
  token bigint NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (token, number)
)`,
	`CREATE TABLE IF NOT EXISTS {failures} (
  id {serial},
  migration {key} NOT NULL,
  step varchar(64) NOT NULL,
  label {key} NOT NULL,
  row_key {text} NOT NULL,
  error {text} NOT NULL,
  happened_at {time} NOT NULL
)`,
	`CREATE TABLE IF NOT EXISTS {flags} (
  name {key} NOT NULL PRIMARY KEY,
  percent smallint NOT NULL,
  updated_at {time} NOT NULL,
  full_since {time} NULL
)`,
	`CREATE TABLE IF NOT EXISTS {observations} (
  flag {key} NOT NULL PRIMARY KEY,
  origin {key} NOT NULL,
  full_since {time} NOT NULL
)`,
}

// migrationsTable is made last of all, and after the singletons: Layout.Exists
// looks for it, and whoever was cut off before is to begin again.
const migrationsTable = `CREATE TABLE IF NOT EXISTS {migrations} (
  name {key} NOT NULL PRIMARY KEY,
  state varchar(32) NOT NULL,
  resume varchar(32) NOT NULL DEFAULT '',
  flag {key} NOT NULL,
  run bigint NOT NULL DEFAULT 0,
  checksum varchar(64) NOT NULL,
  fingerprint varchar(64) NOT NULL,
  plan {text} NOT NULL,
  failed_step varchar(64) NOT NULL DEFAULT '',
  failed_reason {text} NOT NULL,
  started_at {time} NULL,
  opened_at {time} NULL,
  contracted_at {time} NULL,
  grace_until {time} NULL,
  finished_at {time} NULL,
  updated_at {time} NOT NULL
)`

// singletons are the rows that exist once.
var singletons = []struct{ table, insert string }{
	{"{lease}", `INSERT INTO {lease} (id, token, holder, acquired_at, expires_at) VALUES (1, 0, '', {now}, {now})`},
	{"{throttle}", `INSERT INTO {throttle} (id, set_by, updated_at) VALUES (1, '', {now})`},
	{"{pulse}", `INSERT INTO {pulse} (id, token, beat, migration, step, held, updated_at) VALUES (1, 0, 0, '', '', '', {now})`},
	{"{courtesy}", `INSERT INTO {courtesy} (id, token, migration, step, reason, updated_at) VALUES (1, 0, '', '', '', {now})`},
	{"{control}", `INSERT INTO {control} (id, paused, paused_by, updated_at) VALUES (1, 0, '', {now})`},
}

// sqlText fills in a query's {names}, {types}, {now} and ? parameters.
func (l Layout) sqlText(query string) string {
	var b strings.Builder
	n := 0
	for i := 0; i < len(query); i++ {
		switch query[i] {
		case '?':
			n++
			b.WriteString(l.Placeholder(n))
		case '{':
			end := strings.IndexByte(query[i:], '}')
			b.WriteString(l.word(query[i+1 : i+end]))
			i += end
		default:
			b.WriteByte(query[i])
		}
	}
	return b.String()
}

func (l Layout) word(w string) string {
	switch w {
	case "text":
		return l.Types.Text
	case "time":
		return l.Types.Time
	case "double":
		return l.Types.Double
	case "key":
		return l.Types.Key
	case "serial":
		return l.Types.SerialPK
	case "now":
		return l.Now
	case "share":
		return l.ForShare
	case "late":
		return l.Late
	}
	if secs, ok := strings.CutPrefix(w, "now+"); ok {
		return l.AddSeconds(l.Now, secs)
	}
	if col, ok := strings.CutPrefix(w, "age "); ok {
		return l.SecondsSince(col)
	}
	return l.Table(w)
}

// bootstrapped reports whether the executor's tables are there.
func bootstrapped(ctx context.Context, db *sql.DB, l Layout) (bool, error) {
	var n int
	err := db.QueryRowContext(ctx, l.Exists).Scan(&n)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("looking for migrate's own tables: %w", err)
	}
	return err == nil && n > 0, nil
}

// upToDate reports whether tables are there, and filled, that an earlier migrate
// did not make yet. It is asked where bootstrapped has said yes: whoever needs
// them lets bootstrap add what is missing, and whoever may change nothing does
// without. New tables, and never new columns: those would have to wait for
// whoever reads the old ones.
func upToDate(ctx context.Context, s Session) (bool, error) {
	var n int
	err := s.DB().QueryRowContext(ctx, s.Layout().sqlText(`SELECT 1 FROM {throttle} t, {pulse} p, {courtesy} c WHERE t.id = p.id AND c.id = p.id
		AND NOT EXISTS (SELECT 1 FROM {failures} f WHERE f.id < 0) AND NOT EXISTS (SELECT 1 FROM {receipts} r WHERE r.token < 0)`)).Scan(&n)
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case errors.Is(err, sql.ErrNoRows), s.Classify(err) == Other:
		return false, nil
	}
	return false, fmt.Errorf("looking for migrate's own tables: %w", err)
}

// prepare sees to it that all tables are there. Where they are, it asks for
// that once, and no more: statements that create what there is take locks, too.
func prepare(ctx context.Context, s Session) error {
	ok, err := bootstrapped(ctx, s.DB(), s.Layout())
	if err == nil && ok {
		ok, err = upToDate(ctx, s)
	}
	if err != nil || ok {
		return err
	}
	return bootstrap(ctx, s)
}

// bootstrap creates the executor's tables where they are missing. It may run
// any number of times, and side by side.
func bootstrap(ctx context.Context, s Session) error {
	l := s.Layout()
	for _, stmt := range append(append([]string{}, l.Prelude...), ownTables...) {
		if err := createTolerantly(ctx, s, l.sqlText(stmt)); err != nil {
			return err
		}
	}
	for _, one := range singletons {
		var n int
		if err := s.DB().QueryRowContext(ctx, l.sqlText("SELECT count(*) FROM "+one.table)).Scan(&n); err != nil {
			return fmt.Errorf("reading migrate's own tables: %w", err)
		}
		if n > 0 {
			continue
		}
		// A second executor may have inserted it just now: then it is there.
		_, err := s.DB().ExecContext(ctx, l.sqlText(one.insert))
		if err != nil && s.Classify(err) != BadRow {
			return fmt.Errorf("filling migrate's own tables: %w", err)
		}
		crashpoint("after " + one.table + " got its row")
	}
	return createTolerantly(ctx, s, l.sqlText(migrationsTable))
}

// createTolerantly runs a CREATE … IF NOT EXISTS, which two sessions at once can
// still make fail with "exists" or a duplicate key in the catalog.
func createTolerantly(ctx context.Context, s Session, stmt string) error {
	for try := 1; ; try++ {
		_, err := s.DB().ExecContext(ctx, stmt)
		if err == nil {
			crashpoint("after a table of ours was made")
			return nil
		}
		switch c := s.Classify(err); {
		case try < 5 && (c == Exists || c == BadRow || c == Transient):
		default:
			return fmt.Errorf("creating migrate's own tables (try %s): %w", strconv.Itoa(try), err)
		}
	}
}
