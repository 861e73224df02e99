package executor

import (
	"context"
	"fmt"
	"strings"
)

// mostIncomparable is how many rows a comparison passes that it cannot compare: each
// is looked for by halves.
const mostIncomparable = 1000

// incomparable compares a piece in which the server fails on a row's value: a row
// whose shapes cannot be compared is one whose shapes are not consistent.
func (w *worker) incomparable(ctx context.Context, p position, piece Piece, cause error) error {
	a, b, ok, err := w.walker.Split(ctx, piece)
	if err != nil {
		return fmt.Errorf("looking for the rows of %s that cannot be compared: %w", w.chunks.Label, w.s.Redact(err))
	}
	if ok {
		if err := w.persist(ctx, p, a, longest); err != nil {
			return err
		}
		return w.persist(ctx, p, b, longest)
	}
	rows, err := w.list(ctx, w.chunks.Whole, piece)
	if err != nil {
		return fmt.Errorf("reading the rows of %s that cannot be compared: %w", w.chunks.Label, w.s.Redact(err))
	}
	w.tally(int64(len(rows)), int64(len(rows)), rows)
	if w.failed.Add(1) > mostIncomparable {
		return &BadRowError{Table: w.chunks.Label, Key: strings.Join(keysOf(rows), " or "), Err: w.s.Redact(cause)}
	}
	return nil
}
