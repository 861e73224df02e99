package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// Walk implements executor.Session: by keyset, over the columns of Chunks.Key.
func (s *session) Walk(ctx context.Context, c plan.Chunks) (executor.Walker, error) {
	if len(c.Key) == 0 {
		return nil, fmt.Errorf("table %s has no key to walk it by", c.Label)
	}
	w := &walker{s: s, table: c.Table, name: c.Label}
	types := map[string]string{}
	rows, err := s.db.QueryContext(ctx, "SELECT column_name, column_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = ?", c.Label)
	if err != nil {
		return nil, s.Redact(err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err tells
	for rows.Next() {
		var name, typ string
		if err := rows.Scan(&name, &typ); err != nil {
			return nil, s.Redact(err)
		}
		types[name] = typ
	}
	if err := rows.Err(); err != nil {
		return nil, s.Redact(err)
	}
	for _, name := range c.Key {
		typ, ok := types[name]
		if !ok {
			return nil, fmt.Errorf("table %s has no column %s to walk it by", c.Label, name)
		}
		w.key = append(w.key, keyColumn{name: name, typ: parseType(typ)})
	}
	return w, nil
}

// walker walks one table.
type walker struct {
	s           *session
	table, name string
	key         key
}

var _ executor.Walker = (*walker)(nil)

// Generation implements executor.Walker: keys are never void.
func (w *walker) Generation(context.Context) (string, error) { return "", nil }

// exactBelow is the number of rows up to which counting is cheap.
const exactBelow = 100_000

// Estimate implements executor.Walker.
func (w *walker) Estimate(ctx context.Context) (int64, error) {
	var n int64
	err := w.s.db.QueryRowContext(ctx, "SELECT COALESCE(table_rows, 0) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", w.name).Scan(&n)
	if err == nil && n < exactBelow {
		err = w.s.db.QueryRowContext(ctx, "SELECT COUNT(*) FROM "+w.table).Scan(&n)
	}
	if err != nil {
		return 0, fmt.Errorf("estimating the rows of %s: %w", w.name, w.s.Redact(err))
	}
	return n, nil
}

// minSpan is how many rows are worth a worker of their own.
const minSpan = 10_000

// Spans implements executor.Walker. A key that starts with an integer, with bytes
// or with a UUID as text is cut into equal ranges of its values, each boundary
// moved to a row that exists.
func (w *walker) Spans(ctx context.Context, n int) ([]executor.Span, error) {
	all := []executor.Span{{}}
	between := w.key[0].between()
	if n < 2 || between == nil {
		return all, nil
	}
	rows, err := w.Estimate(ctx)
	if err != nil {
		return nil, err
	}
	n = min(n, int(rows/minSpan))
	if n < 2 {
		return all, nil
	}
	first := quoteName(w.key[0].name)
	var low, high sql.NullString
	err = w.s.db.QueryRowContext(ctx, fmt.Sprintf("SELECT %s, %s FROM %s",
		w.key[0].textOf("MIN("+first+")"), w.key[0].textOf("MAX("+first+")"), w.table)).Scan(&low, &high)
	if err != nil {
		return nil, fmt.Errorf("cutting %s: %w", w.name, w.s.Redact(err))
	}
	var cuts []string
	for i := 1; i < n; i++ {
		at, ok := between(low.String, high.String, i, n)
		if !ok {
			break
		}
		cursor, err := w.firstFrom(ctx, at)
		if err != nil {
			return nil, err
		}
		if cursor != "" && (len(cuts) == 0 || cuts[len(cuts)-1] != cursor) {
			cuts = append(cuts, cursor)
		}
	}
	out := make([]executor.Span, 0, len(cuts)+1)
	from := ""
	for _, c := range cuts {
		out = append(out, executor.Span{From: from, To: c})
		from = c
	}
	return append(out, executor.Span{From: from}), nil
}

// firstFrom is the cursor of the first row whose first key column is at least a value.
func (w *walker) firstFrom(ctx context.Context, value string) (string, error) {
	arg, err := w.key[0].arg(value)
	if err != nil {
		return "", err
	}
	return w.cursor(ctx, fmt.Sprintf("SELECT %s FROM %s WHERE %s >= %s ORDER BY %s LIMIT 1",
		w.key.texts(), w.table, quoteName(w.key[0].name), w.key[0].param(), w.order()), arg)
}

func (w *walker) order() string { return quoteNames(w.key.names()) }

// cursor reads a key; "" if there is no row.
func (w *walker) cursor(ctx context.Context, query string, args ...any) (string, error) {
	texts := make([]string, len(w.key))
	dest := make([]any, len(texts))
	for i := range texts {
		dest[i] = &texts[i]
	}
	err := w.s.db.QueryRowContext(ctx, query, args...).Scan(dest...)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("walking %s: %w", w.name, w.s.Redact(err))
	}
	return writeCursor(texts)
}

// nth is the key of the n-th row (from 1) between two cursors; "" if there are
// fewer.
func (w *walker) nth(ctx context.Context, from, to string, n int64) (string, error) {
	args, err := w.key.args(from, to)
	if err != nil {
		return "", err
	}
	// Made text of within, the key would be made text of in each row that is passed by.
	return w.cursor(ctx, fmt.Sprintf("SELECT %s FROM (SELECT %s FROM %s WHERE %s ORDER BY %s LIMIT 1 OFFSET ?) AS migrate_nth",
		w.key.texts(), w.order(), w.table, w.key.bounds(), w.order()), append(args, max(0, n-1))...)
}

func (w *walker) count(ctx context.Context, from, to string) (int64, error) {
	args, err := w.key.args(from, to)
	if err != nil {
		return 0, err
	}
	var n int64
	err = w.s.db.QueryRowContext(ctx, fmt.Sprintf("SELECT COUNT(*) FROM %s WHERE %s", w.table, w.key.bounds()), args...).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("walking %s: %w", w.name, w.s.Redact(err))
	}
	return n, nil
}

// Next implements executor.Walker.
func (w *walker) Next(ctx context.Context, span executor.Span, at string, size int64) (executor.Piece, bool, error) {
	if at == cursorEnd || at != "" && at == span.To {
		return executor.Piece{}, true, nil
	}
	size = max(1, size)
	to, err := w.nth(ctx, at, span.To, size)
	if err != nil {
		return executor.Piece{}, false, err
	}
	if to != "" {
		return w.piece(at, to, size)
	}
	n, err := w.count(ctx, at, span.To)
	if err != nil || n == 0 {
		return executor.Piece{}, n == 0, err
	}
	end := span.To
	if end == "" {
		end = cursorEnd
	}
	return w.piece(at, end, n)
}

func (w *walker) piece(from, to string, rows int64) (executor.Piece, bool, error) {
	args, err := w.key.args(from, to)
	return executor.Piece{From: from, To: to, Args: args, Rows: rows}, false, err
}

// Split implements executor.Walker.
func (w *walker) Split(ctx context.Context, p executor.Piece) (a, b executor.Piece, ok bool, err error) {
	n, err := w.count(ctx, p.From, p.To)
	if err != nil || n < 2 {
		return a, b, false, err
	}
	mid, err := w.nth(ctx, p.From, p.To, n/2)
	if err != nil || mid == "" {
		return a, b, false, err
	}
	if a, _, err = w.piece(p.From, mid, n/2); err != nil {
		return a, b, false, err
	}
	b, _, err = w.piece(mid, p.To, n-n/2)
	return a, b, err == nil, err
}
