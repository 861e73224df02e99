package executor

import (
	"context"
	"database/sql"
	"strings"
)

// Sampled is one row of those that something is the matter with.
type Sampled struct {
	// Key is its key as people read it: "id=7", "a=1, b=x".
	Key string `json:"key"`
	// Values are what its columns hold, in both shapes.
	Values []Value `json:"values"`
}

// Value is what a column of a row holds, as text; nil is NULL.
type Value struct {
	Column string  `json:"column"`
	Value  *string `json:"value"`
}

// keysOf are the rows' keys.
func keysOf(rows []Sampled) []string {
	var out []string
	for _, r := range rows {
		out = append(out, r.Key)
	}
	return out
}

// querier is a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// samplesOf reads rows: first their keys, then what is shown of them. key and
// shows name the columns, since the server may call one after the expression
// that makes text of it; a row without a key is named as the server does.
func samplesOf(ctx context.Context, q querier, query string, args []any, key, shows []string) ([]Sampled, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	keys := max(0, len(columns)-len(shows))
	copy(columns[keys:], shows)
	if len(key) == keys {
		copy(columns, key)
	}
	var out []Sampled
	for rows.Next() {
		values := make([]sql.NullString, len(columns))
		ptrs := make([]any, len(columns))
		for i := range values {
			ptrs[i] = &values[i]
		}
		if err := rows.Scan(ptrs...); err != nil {
			return nil, err
		}
		var parts []string
		var row Sampled
		for i, c := range columns {
			switch {
			case i < keys:
				parts = append(parts, c+"="+values[i].String)
			case values[i].Valid:
				row.Values = append(row.Values, Value{c, &values[i].String})
			default:
				row.Values = append(row.Values, Value{c, nil})
			}
		}
		row.Key = strings.Join(parts, ", ")
		out = append(out, row)
	}
	return out, rows.Err()
}
