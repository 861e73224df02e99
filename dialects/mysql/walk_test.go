package mysql

import (
	"fmt"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/executor"
)

// keyed are tables by the kind of their key, with rows made from a number.
var keyed = []struct{ name, columns, key, row string }{
	{"signed", "id int", "id", "%d - 60"},
	{"positive", "id bigint unsigned", "id", "18446744073709551615 - %d"},
	{"composite", "a smallint, b varchar(9)", "a, b", "%[1]d mod 7, concat('k', %[1]d)"},
	{"triple", "a date, b int, c varchar(9)", "a, b, c", "date_add('2024-01-01', interval %[1]d mod 5 day), %[1]d mod 3, %[1]d"},
	{"words", "w varchar(40) CHARACTER SET utf8mb4", "w", "concat(elt(1 + %[1]d mod 4, 'ä', 'Z', 'ß', 'o''x \\\\'), %[1]d)"},
	{"latin", "w varchar(40) CHARACTER SET latin1", "w", "concat(elt(1 + %[1]d mod 3, 'ä', 'Z', 'ß'), %[1]d)"},
	{"bytes", "w varbinary(16)", "w", "left(unhex(sha2(%d, 256)), 16)"},
	{"fixed", "w binary(4)", "w", "unhex(lpad(hex(%d), 8, '0'))"},
	{"exact", "w decimal(30,10)", "w", "123456789012345678.1234567890 + %d / 1000"},
	{"moments", "w datetime(6)", "w", "date_add('2024-01-01', interval %d microsecond)"},
	{"stamps", "w timestamp(3)", "w", "date_add('2024-01-01', interval %d second)"},
	{"days", "w time(3)", "w", "sec_to_time(%d)"},
}

const keyedRows = 121

func (b *bench) keyedTable(i int) (name string) {
	b.t.Helper()
	k := keyed[i]
	values := make([]string, keyedRows)
	for n := range values {
		row := strings.ReplaceAll(k.row, "%[1]d", "%d")
		args := make([]any, strings.Count(row, "%d"))
		for j := range args {
			args[j] = n
		}
		values[n] = "(" + fmt.Sprintf(row, args...) + ")"
	}
	b.exec(fmt.Sprintf("CREATE TABLE %s (%s, hit int NOT NULL DEFAULT 0, PRIMARY KEY (%s))", k.name, k.columns, k.key),
		fmt.Sprintf("INSERT INTO %s (%s) VALUES %s", k.name, k.key, strings.Join(values, ", ")),
		"ANALYZE TABLE "+k.name)
	return k.name
}

// A walk meets each row once, whatever the key is made of.
func TestWalkMeetsEveryRowOnce(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		for i := range keyed {
			name := b.keyedTable(i)
			table := b.table(name)
			k, err := b.d.keyOf(table)
			if err != nil {
				t.Fatal(err)
			}
			c := k.chunks(table, func(bounds string) string {
				return fmt.Sprintf("UPDATE %s SET hit = hit + 1 WHERE %s", name, bounds)
			}, "TRUE")
			for _, size := range []int64{1, 7, 1000} {
				b.exec("UPDATE " + name + " SET hit = 0")
				w, err := b.s.Walk(t.Context(), *c)
				if err != nil {
					t.Fatal(err)
				}
				var rows, halves int64
				for at := ""; ; {
					p, done, err := w.Next(t.Context(), executor.Span{}, at, size)
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if done {
						break
					}
					rows += p.Rows
					pieces := []executor.Piece{p}
					if one, two, ok, err := w.Split(t.Context(), p); err != nil {
						t.Fatalf("%s: %v", name, err)
					} else if ok {
						pieces = []executor.Piece{one, two}
						halves++
					}
					for _, p := range pieces {
						if _, err := b.db.ExecContext(t.Context(), c.SQL, p.Args...); err != nil {
							t.Fatalf("%s: %v\n%s", name, err, c.SQL)
						}
					}
					at = p.To
				}
				if got := b.text("SELECT CONCAT(COUNT(*), ' rows, ', MIN(hit), ' to ', MAX(hit)) FROM " + name); got != fmt.Sprintf("%d rows, 1 to 1", keyedRows) {
					t.Errorf("%s in pieces of %d: %s", name, size, got)
				}
				if rows != keyedRows || size > 1 && halves == 0 {
					t.Errorf("%s in pieces of %d: %d rows told, %d pieces halved", name, size, rows, halves)
				}
			}
		}
	})
}

// Each piece is found and read by a range of the key, not by a scan.
func TestPiecesAreRanges(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		for i := range keyed {
			name := b.keyedTable(i)
			table := b.table(name)
			k, err := b.d.keyOf(table)
			if err != nil {
				t.Fatal(err)
			}
			c := k.chunks(table, func(bounds string) string {
				return fmt.Sprintf("UPDATE %s SET hit = 1 WHERE %s AND (hit = 0)", name, bounds)
			}, "TRUE")
			w, err := b.s.Walk(t.Context(), *c)
			if err != nil {
				t.Fatal(err)
			}
			first, _, err := w.Next(t.Context(), executor.Span{}, "", 5)
			if err != nil {
				t.Fatal(err)
			}
			second, _, err := w.Next(t.Context(), executor.Span{}, first.To, 5)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range []executor.Piece{first, second} {
				if access, rows := b.explained(c.SQL, p.Args); access != "range" || rows > 15 {
					t.Errorf("%s: a piece of 5 rows is read by %s over %d rows", name, access, rows)
				}
			}
		}
	})
}

// explained is how the server would read the first table of a statement.
func (b *bench) explained(query string, args []any) (access string, rows int64) {
	b.t.Helper()
	explain := "EXPLAIN "
	if !b.d.maria {
		explain = "EXPLAIN FORMAT=TRADITIONAL "
	}
	found, err := b.db.QueryContext(b.t.Context(), explain+query, args...)
	if err != nil {
		b.t.Fatal(err)
	}
	defer found.Close() //nolint:errcheck // read to its end
	names, err := found.Columns()
	if err != nil {
		b.t.Fatal(err)
	}
	if !found.Next() {
		b.t.Fatalf("nothing explained: %v", found.Err())
	}
	var skip any
	dest := make([]any, len(names))
	for i, n := range names {
		dest[i] = &skip
		switch n {
		case "type":
			dest[i] = &access
		case "rows":
			dest[i] = &rows
		}
	}
	if err := found.Scan(dest...); err != nil {
		b.t.Fatal(err)
	}
	return access, rows
}

// The spans of a large table are disjoint and cover it, new rows at its end too.
func TestSpansCover(t *testing.T) {
	const uuid = "insert(insert(insert(insert(left(sha2(%[1]s, 256), 32), 21, 0, '-'), 17, 0, '-'), 13, 0, '-'), 9, 0, '-')"
	onServers(t, func(_ *testing.T, b *bench) {
		const n = 50_000
		b.exec("CREATE TABLE digit (d int)", "INSERT INTO digit VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9)")
		for name, c := range map[string]struct{ typ, row, later string }{
			"numbers": {"bigint", "3 * %[1]s - 7000", "(1000000), (-1000000)"},
			"octets":  {"binary(16)", "unhex(left(sha2(%[1]s, 256), 32))", "(repeat(x'00', 16)), (repeat(x'ff', 16))"},
			"uuids":   {"char(36)", uuid, "('00000000-0000-0000-0000-000000000000'), ('ffffffff-ffff-ffff-ffff-ffffffffffff')"},
			"shouted": {"varchar(36) CHARACTER SET ascii COLLATE ascii_bin", "upper(" + uuid + ")", "('00000000-0000-0000-0000-000000000000'), ('FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF')"},
		} {
			b.exec(fmt.Sprintf("CREATE TABLE %s (id %s PRIMARY KEY, hit int NOT NULL DEFAULT 0)", name, c.typ),
				fmt.Sprintf("INSERT INTO %s (id) SELECT %s FROM digit a, digit b, digit c, digit e, digit f WHERE f.d < %d", name,
					fmt.Sprintf(c.row, "(a.d + 10 * b.d + 100 * c.d + 1000 * e.d + 10000 * f.d)"), n/10_000))
			b.spansCover(name, "INSERT INTO "+name+" (id) VALUES "+c.later)
		}
	})
}

// spansCover walks the spans of a table, after rows have come.
func (b *bench) spansCover(name, insert string) {
	t := b.t
	t.Helper()
	table := b.table(name)
	k, err := b.d.keyOf(table)
	if err != nil {
		t.Fatal(err)
	}
	c := k.chunks(table, func(bounds string) string { return "UPDATE " + name + " SET hit = hit + 1 WHERE " + bounds }, "TRUE")
	w, err := b.s.Walk(t.Context(), *c)
	if err != nil {
		t.Fatal(err)
	}
	spans, err := w.Spans(t.Context(), 4)
	if err != nil {
		t.Fatal(err)
	}
	if len(spans) != 4 {
		t.Fatalf("%s: %d spans, not 4: %v", name, len(spans), spans)
	}
	b.exec(insert)
	for i, s := range spans {
		rows := int64(0)
		for at := s.From; ; {
			p, done, err := w.Next(t.Context(), s, at, 20_000)
			if err != nil {
				t.Fatal(err)
			}
			if done {
				break
			}
			rows += p.Rows
			if _, err := b.db.ExecContext(t.Context(), c.SQL, p.Args...); err != nil {
				t.Fatal(err)
			}
			at = p.To
		}
		if rows < 11_000 || rows > 14_000 {
			t.Errorf("%s: span %d of 4 has %d of 50,000 rows", name, i+1, rows)
		}
	}
	if got := b.text("SELECT CONCAT(COUNT(*), ' rows, ', MIN(hit), ' to ', MAX(hit)) FROM " + name); got != "50002 rows, 1 to 1" {
		t.Errorf("%s: %s", name, got)
	}
}

// Where a key cannot be computed with, a table is one span.
func TestBetween(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, low, high, want string }{
		{"int", "-10", "30", "10"},
		{"bigint unsigned", "0", "18446744073709551615", "9223372036854775807"},
		{"binary(16)", "00", "FFFFFFFFFFFFFFFFFF", "7FFFFFFFFFFFFFFF"},
		{"varbinary(3)", "10", "20", "1800000000000000"},
		{"char(36)", "00000000-0000-0000-0000-000000000000", "f0000000-0000-0000-0000-000000000000", "78000000"},
		{"char(36)", "10000000-0000-0000-0000-000000000000", "F0000000-0000-0000-0000-000000000000", "80000000"},
		{"char(36)", "zebra", "zoo", ""},
		{"char(36)", "zzzzzzzz-0000-0000-0000-000000000000", "zzzzzzzz-0000-0000-0000-000000000000", ""},
		{"datetime", "2024-01-01 00:00:00", "2025-01-01 00:00:00", ""},
	} {
		got := ""
		if between := (keyColumn{typ: parseType(c.typ)}).between(); between != nil {
			got, _ = between(c.low, c.high, 1, 2)
		}
		if got != c.want {
			t.Errorf("half way from %s to %s as %s is %q, want %q", c.low, c.high, c.typ, got, c.want)
		}
	}
}
