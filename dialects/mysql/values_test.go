package mysql

import (
	"fmt"
	"testing"
)

// What a column holds after it was set to an expression is what holds says, for
// every type; and it says no of another value.
func TestHoldsWhatWasStored(t *testing.T) {
	cases := []struct{ typ, expr, other string }{
		{"tinyint", "7.4", "8"},
		{"int", "cast('12' as char)", "13"},
		{"int unsigned", "1.5", "1"},
		{"bigint", "9007199254740993", "9007199254740992"},
		{"bigint unsigned", "18446744073709551615", "18446744073709551614"},
		{"decimal(10,2)", "2.345", "2.34"},
		{"decimal(5,0)", "'17'", "18"},
		{"float", "1/3", "0.3"},
		{"double", "1e0/3", "0.3"},
		{"varchar(20)", "concat('Zoë', ' ')", "'zoë '"},
		{"varchar(20)", "5 + 1", "'5'"},
		{"varchar(20) CHARACTER SET latin1", "concat('Zoë', ' ')", "'Zoe '"},
		{"varchar(20) CHARACTER SET latin1 COLLATE latin1_bin", "s", "upper(s)"},
		{"char(5)", "concat('a', '  ')", "'b'"},
		{"text", "repeat('ä', 100)", "repeat('a', 100)"},
		{"varbinary(20)", "s", "upper(s)"},
		{"binary(8)", "'ab'", "'ab '"},
		{"blob", "unhex('00ff')", "unhex('00fe')"},
		{"date", "cast('2024-02-29 13:00:00' as datetime)", "'2024-02-28'"},
		{"datetime", "'2024-02-29 13:00:00.6'", "'2024-02-29 13:00:02'"},
		{"datetime(3)", "'2024-02-29 13:00:00.12345'", "'2024-02-29 13:00:00.124'"},
		{"timestamp(6) NULL", "'2024-02-29 13:00:00.123456'", "'2024-02-29 13:00:00.123455'"},
		{"time(1)", "'10:11:12.34'", "'10:11:12.4'"},
		{"year", "2024", "2023"},
		{"enum('x','Y')", "'y'", "'x'"},
		{"set('x','y')", "'y,x'", "'x'"},
		{"bit(4)", "b'1010'", "b'1011'"},
		{"json", `'{"a": [1, 2]}'`, `'{"a": [1, 3]}'`},
		{"json", "json_object('k', s)", "json_object('k', 'x')"},
	}
	onServers(t, func(t *testing.T, b *bench) {
		for i, c := range cases {
			table := fmt.Sprintf("v%d", i)
			b.exec(fmt.Sprintf("CREATE TABLE %s (id int PRIMARY KEY, s varchar(20), c %s)", table, c.typ),
				fmt.Sprintf("INSERT INTO %s (id, s) VALUES (1, 'Straße')", table),
				fmt.Sprintf("UPDATE %s SET c = %s", table, c.expr))
			tab := b.table(table)
			col := *tab.Column("c")
			ask := func(expr string) string {
				return b.text(fmt.Sprintf("SELECT %s FROM %s", b.d.holds(col, charsetOf(tab, col), "`c`", expr), table))
			}
			if got := ask(c.expr); got != "1" {
				t.Errorf("%s set to %s: holds says %s", c.typ, c.expr, got)
			}
			if got := ask(c.other); got != "0" {
				t.Errorf("%s set to %s: holds says %s of %s", c.typ, c.expr, got, c.other)
			}
			if got := ask("NULL"); got != "0" {
				t.Errorf("%s set to %s: holds says %s of NULL", c.typ, c.expr, got)
			}
			b.exec(fmt.Sprintf("UPDATE %s SET c = NULL", table))
			if got := ask("NULL") + ask(c.expr); got != "10" {
				t.Errorf("%s set to NULL: holds says %s of NULL and %s", c.typ, got, c.expr)
			}
		}
	})
}

// sameBytes tells values apart that a collation takes for equal.
func TestSameBytes(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		for _, c := range []struct{ typ, a, b, want string }{
			{"varchar(9)", "'a'", "'A'", "0"},
			{"varchar(9)", "'a'", "'a '", "0"},
			{"varchar(9)", "'ss'", "'ß'", "0"},
			{"varchar(9)", "NULL", "NULL", "1"},
			{"varchar(9)", "NULL", "''", "0"},
			{"text", "'x'", "'x'", "1"},
			{"int", "1", "1", "1"},
			{"int", "NULL", "0", "0"},
			{"json", `'[1]'`, `'[1]'`, "1"},
			{"json", `'[1]'`, `'[2]'`, "0"},
			{"json", `'null'`, "NULL", "0"},
			{"enum('a','b')", "'a'", "'b'", "0"},
			{"datetime(6)", "'2020-01-01'", "'2020-01-01'", "1"},
		} {
			b.exec("DROP TABLE IF EXISTS two", fmt.Sprintf("CREATE TABLE two (a %[1]s, b %[1]s)", c.typ),
				fmt.Sprintf("INSERT INTO two VALUES (%s, %s)", c.a, c.b))
			if got := b.text("SELECT " + b.d.sameBytes(parseType(c.typ), "a", "b") + " FROM two"); got != c.want {
				t.Errorf("%s: %s and %s: %s", c.typ, c.a, c.b, got)
			}
		}
	})
}

// What down makes of any value, the old type holds.
func TestDownNeverFails(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		for _, c := range []struct{ from, to string }{
			{"tinyint", "bigint"},
			{"smallint", "int"},
			{"mediumint", "bigint"},
			{"int", "bigint"},
			{"tinyint unsigned", "smallint unsigned"},
			{"int unsigned", "bigint unsigned"},
			{"float", "double"},
		} {
			b.exec("DROP TABLE IF EXISTS n", fmt.Sprintf("CREATE TABLE n (id int PRIMARY KEY, a %s, b %s)", c.from, c.to))
			tc := b.d.Compare(b.schema("n"), *b.table("n").Column("a"), c.to)
			if tc.Kind != "compatible" {
				t.Errorf("%s to %s is %s", c.from, c.to, tc.Kind)
				continue
			}
			low, high := "-9223372036854775808", "9223372036854775807"
			switch c.to {
			case "bigint unsigned":
				low, high = "0", "18446744073709551615"
			case "smallint unsigned":
				low, high = "0", "65535"
			case "int":
				low, high = "-2147483648", "2147483647"
			case "double":
				low, high = "-1e300", "1e300"
			}
			back := tc.Down.SQL(func(string) string { return "b" })
			b.exec(fmt.Sprintf("INSERT INTO n VALUES (1, NULL, %s), (2, NULL, %s), (3, NULL, 7), (4, 5, NULL)", low, high),
				"UPDATE n SET a = "+back)
			if got := b.text("SELECT a FROM n WHERE id = 3") + b.text("SELECT a FROM n WHERE id = 4"); got != "7" {
				t.Errorf("%s: 7 and NULL come back as %q", c.from, got)
			}
		}
	})
}
