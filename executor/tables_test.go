package executor

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func testLayout() Layout {
	return Layout{
		Table:        func(n string) string { return "own." + n },
		Placeholder:  func(i int) string { return fmt.Sprintf("$%d", i) },
		Types:        Types{Key: "K", Text: "T", Time: "TS", Double: "D", SerialPK: "S"},
		Now:          "clock()",
		AddSeconds:   func(at, s string) string { return at + " plus " + s },
		SecondsSince: func(at string) string { return "since(" + at + ")" },
		ForShare:     "FOR SHARE",
		Late:         "late()",
	}
}

func TestSQLText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"UPDATE {lease} SET a = 1 WHERE {late}":               "UPDATE own.lease SET a = 1 WHERE late()",
		"SELECT a FROM {lease} WHERE x = ? AND y = ? {share}": "SELECT a FROM own.lease WHERE x = $1 AND y = $2 FOR SHARE",
		"{key} {text} {time} {double} {serial}":               "K T TS D S",
		"SELECT {age opened_at}, {now}, {now+15}":             "SELECT since(opened_at), clock(), clock() plus 15",
	} {
		if got := testLayout().sqlText(in); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}

func TestOwnTablesAreFilledInCompletely(t *testing.T) {
	t.Parallel()
	for _, stmt := range append(slices.Clone(ownTables), migrationsTable) {
		got := testLayout().sqlText(stmt)
		if strings.ContainsAny(got, "{}?") {
			t.Errorf("something is left to fill in:\n%s", got)
		}
	}
}
