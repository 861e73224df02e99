package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// maxLines is MaxHeapTuplesPerPage of pages of 8 kB: no line number is higher.
const maxLines = 291

// walker walks a heap in page order. Cursors are "page", or "page:line" within
// a page that was split.
type walker struct {
	db    *sql.DB
	table string // quoted
	// bounded: the walk ends where the table ended when it began.
	bounded bool
	// density is the number of rows per page.
	density float64
}

// heaps are the tables that hold the rows of a table: itself, or the leaves of a
// partitioned one. Those are walked side by side: a piece is the same pages of each.
const heaps = "(SELECT $1::regclass::oid EXCEPT SELECT oid FROM pg_class WHERE oid = $1::regclass AND relkind = 'p' " +
	"UNION SELECT relid FROM pg_partition_tree($1::regclass) WHERE isleaf)"

// Walk prepares to walk a table.
func (s *session) Walk(ctx context.Context, c plan.Chunks) (executor.Walker, error) {
	w := &walker{db: s.db, table: c.Table, bounded: c.Bounded}
	var tuples, pages float64
	err := s.db.QueryRowContext(ctx, "SELECT coalesce(sum(reltuples::float8) FILTER (WHERE reltuples >= 0), 0), coalesce(max(relpages::float8), 0) "+
		"FROM pg_class WHERE oid IN "+heaps, c.Table).Scan(&tuples, &pages)
	if err != nil {
		return nil, fmt.Errorf("walking %s: %w", c.Label, err)
	}
	if w.density = tuples / pages; tuples <= 0 || pages <= 0 {
		w.density, err = w.sampleDensity(ctx)
	}
	return w, err
}

// samplePages is how many pages are counted of a table without statistics.
const samplePages = 16

func (w *walker) sampleDensity(ctx context.Context) (float64, error) {
	pages, err := w.pages(ctx)
	if err != nil || pages == 0 {
		return 1, err
	}
	var rows float64
	// A LIMIT within the first pages: the planner's choice of scan does not matter.
	query := fmt.Sprintf("SELECT count(*) FROM (SELECT ctid FROM %s LIMIT %d) AS head WHERE ctid < '(%d,0)'::tid", w.table, samplePages*maxLines, samplePages)
	if err := w.db.QueryRowContext(ctx, query).Scan(&rows); err != nil {
		return 0, fmt.Errorf("sampling %s: %w", w.table, err)
	}
	return max(1, rows/float64(min(pages, samplePages))), nil
}

// pages is the heap's current size.
func (w *walker) pages(ctx context.Context) (int64, error) {
	var n int64
	err := w.db.QueryRowContext(ctx, "SELECT coalesce(max(pg_relation_size(oid)), 0) / current_setting('block_size')::bigint FROM pg_class WHERE oid IN "+heaps, w.table).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("measuring %s: %w", w.table, err)
	}
	return n, nil
}

// Generation is the heap's file: a rewrite gives it another.
func (w *walker) Generation(ctx context.Context) (string, error) {
	var file string
	err := w.db.QueryRowContext(ctx, "SELECT CASE count(*) WHEN 1 THEN max(pg_relation_filenode(oid)::text) "+
		"ELSE md5(coalesce(string_agg(pg_relation_filenode(oid)::text, ' ' ORDER BY oid), '')) END FROM pg_class WHERE oid IN "+heaps, w.table).Scan(&file)
	if err != nil {
		return "", fmt.Errorf("identifying the heap of %s: %w", w.table, err)
	}
	return file, nil
}

// Estimate is pages times density.
func (w *walker) Estimate(ctx context.Context) (int64, error) {
	pages, err := w.pages(ctx)
	return int64(math.Round(float64(pages) * w.density)), err
}

// Spans cuts the heap into parts of equally many pages. The last is open, so
// that pages that come while walking belong to it, unless the walk is bounded.
func (w *walker) Spans(ctx context.Context, n int) ([]executor.Span, error) {
	pages, err := w.pages(ctx)
	if err != nil {
		return nil, err
	}
	count := max(1, min(int64(n), pages))
	spans := make([]executor.Span, count)
	for i := range spans {
		if i > 0 {
			edge := strconv.FormatInt(pages*int64(i)/count, 10)
			spans[i].From, spans[i-1].To = edge, edge
		}
	}
	if w.bounded {
		spans[count-1].To = strconv.FormatInt(pages, 10)
	}
	return spans, nil
}

// Next cuts the next piece off a span.
func (w *walker) Next(ctx context.Context, span executor.Span, at string, size int64) (p executor.Piece, done bool, err error) {
	if at == "" {
		at = span.From
	}
	from, err := parseTID(at)
	if err != nil {
		return executor.Piece{}, false, err
	}
	var end int64
	if span.To != "" {
		to, err := parseTID(span.To)
		if err != nil {
			return executor.Piece{}, false, err
		}
		end = to.page
	} else if end, err = w.pages(ctx); err != nil {
		return executor.Piece{}, false, err
	}
	if from.page >= end {
		return executor.Piece{}, true, nil
	}
	pages := max(1, int64(math.Round(float64(size)/w.density)))
	return w.piece(from, tid{page: min(end, from.page+pages)}), false, nil
}

// Split halves a piece, down to a single row.
func (w *walker) Split(_ context.Context, p executor.Piece) (a, b executor.Piece, ok bool, err error) {
	from, err := parseTID(p.From)
	if err != nil {
		return a, b, false, err
	}
	to, err := parseTID(p.To)
	if err != nil {
		return a, b, false, err
	}
	var middle tid
	switch last := to.page + min(to.line, 1); {
	case last-from.page > 1:
		middle = tid{page: (from.page + last) / 2}
	default:
		end := to.line
		if to.page > from.page {
			end = maxLines + 1
		}
		if end-from.line <= 1 {
			return a, b, false, nil
		}
		middle = tid{page: from.page, line: (from.line + end) / 2}
	}
	return w.piece(from, middle), w.piece(middle, to), true, nil
}

func (w *walker) piece(from, to tid) executor.Piece {
	rows := float64(to.page-from.page) * w.density
	return executor.Piece{
		From: from.cursor(), To: to.cursor(), Args: []any{from.String(), to.String()},
		Rows: max(1, int64(math.Round(rows))),
	}
}

// tid is a place in a heap.
type tid struct{ page, line int64 }

func (t tid) String() string { return fmt.Sprintf("(%d,%d)", t.page, t.line) }

func (t tid) cursor() string {
	if t.line == 0 {
		return strconv.FormatInt(t.page, 10)
	}
	return fmt.Sprintf("%d:%d", t.page, t.line)
}

func parseTID(cursor string) (tid, error) {
	if cursor == "" {
		return tid{}, nil
	}
	page, line, within := strings.Cut(cursor, ":")
	var t tid
	var err error
	if t.page, err = strconv.ParseInt(page, 10, 64); err == nil && within {
		t.line, err = strconv.ParseInt(line, 10, 64)
	}
	if err != nil {
		return tid{}, fmt.Errorf("reading the cursor %q: %w", cursor, err)
	}
	return t, nil
}
