package mysql

import (
	"testing"

	"github.com/expandcontract/migrate/planner"
)

func TestCompare(t *testing.T) {
	t.Parallel()
	cases := []struct {
		from, collation, to string
		mysql, maria        planner.TypeKind
		canonical           string // on MySQL
	}{
		{"int", "", "int(11)", "same", "same", "int"},
		{"int", "", "INTEGER", "same", "same", "int"},
		{"tinyint(1)", "", "bool", "same", "same", "tinyint(1)"},
		{"tinyint(1)", "", "tinyint", "incompatible", "incompatible", "tinyint"},
		{"tinyint(1)", "", "int", "incompatible", "incompatible", "int"},
		{"tinyint", "", "tinyint(1)", "incompatible", "incompatible", "tinyint(1)"},
		{"tinyint unsigned", "", "smallint", "compatible", "compatible", "smallint"},
		{"double", "", "real", "same", "same", "double"},
		{"decimal(10,0)", "", "numeric", "same", "same", "decimal(10,0)"},
		{"datetime", "", "datetime(0)", "same", "same", "datetime"},
		{"json", "", "json", "same", "same", "json"},
		{"point", "", "POINT", "same", "same", "point"},
		{"int", "", "bigint", "compatible", "compatible", "bigint"},
		{"int unsigned", "", "bigint unsigned", "compatible", "compatible", "bigint unsigned"},
		{"smallint", "", "mediumint", "compatible", "compatible", "mediumint"},
		{"float", "", "double", "compatible", "compatible", "double"},
		{"int", "", "bigint unsigned", "incompatible", "incompatible", "bigint unsigned"},
		{"int unsigned", "", "bigint", "compatible", "compatible", "bigint"},
		{"int unsigned", "", "int", "incompatible", "incompatible", "int"},
		{"int", "", "int unsigned", "incompatible", "incompatible", "int unsigned"},
		{"bigint", "", "int", "incompatible", "incompatible", "int"},
		{"int", "", "varchar(20)", "incompatible", "incompatible", "varchar(20)"},
		{"int(10) unsigned zerofill", "", "bigint unsigned", "incompatible", "incompatible", "bigint unsigned"},
		{"decimal(10,2)", "", "decimal(12,2)", "compatible", "compatible", "decimal(12,2)"},
		{"decimal(10,2)", "", "decimal(12,4)", "compatible", "compatible", "decimal(12,4)"},
		{"decimal(10,2)", "", "decimal(10,4)", "incompatible", "incompatible", "decimal(10,4)"},
		{"decimal(10,2)", "", "decimal(9,2)", "incompatible", "incompatible", "decimal(9,2)"},
		{"decimal(10,2)", "", "double", "incompatible", "incompatible", "double"},
		{"double", "", "float", "incompatible", "incompatible", "float"},
		{"datetime", "", "datetime(6)", "compatible", "compatible", "datetime(6)"},
		{"datetime(6)", "", "datetime", "incompatible", "incompatible", "datetime"},
		{"time", "", "time(3)", "compatible", "compatible", "time(3)"},
		{"timestamp", "", "timestamp(6)", "incompatible", "incompatible", "timestamp(6)"},
		{"date", "", "datetime", "incompatible", "incompatible", "datetime"},
		{"varchar(20)", "", "varchar(63)", "free", "free", "varchar(63)"},
		{"varchar(20)", "", "varchar(64)", "compatible", "free", "varchar(64)"},
		{"varchar(32)", "", "varchar(64)", "compatible", "compatible", "varchar(64)"},
		{"varchar(64)", "", "varchar(5000)", "free", "free", "varchar(5000)"},
		{"varchar(20)", "", "varchar(10)", "incompatible", "incompatible", "varchar(10)"},
		{"varchar(20)", "latin1_bin", "varchar(255) COLLATE latin1_bin", "free", "free", "varchar(255)"},
		{"varchar(20)", "latin1_bin", "varchar(20)", "incompatible", "incompatible", "varchar(20)"},
		{"varchar(20)", "", "varchar(20) COLLATE utf8mb4_general_ci", "same", "same", "varchar(20)"},
		{"varchar(20)", "", "varchar(20) CHARACTER SET utf8mb4", "same", "same", "varchar(20)"},
		{"varchar(20)", "", "varchar(20) COLLATE utf8mb4_bin", "compatible", "compatible", "varchar(20) COLLATE utf8mb4_bin"},
		{"varchar(20)", "latin1_bin", "varchar(40) CHARACTER SET utf8mb4", "compatible", "compatible", "varchar(40) CHARACTER SET utf8mb4"},
		{"varchar(20)", "latin1_bin", "varchar(10) CHARACTER SET utf8mb4", "incompatible", "incompatible", "varchar(10) CHARACTER SET utf8mb4"},
		{"varchar(20)", "", "varchar(20) CHARACTER SET latin1", "incompatible", "incompatible", "varchar(20) CHARACTER SET latin1"},
		{"varchar(20)", "", "text", "compatible", "compatible", "text"},
		{"varchar(64)", "", "tinytext", "incompatible", "incompatible", "tinytext"},
		{"varchar(63)", "", "tinytext", "compatible", "compatible", "tinytext"},
		{"text", "", "varchar(100)", "incompatible", "incompatible", "varchar(100)"},
		{"text", "", "mediumtext", "compatible", "compatible", "mediumtext"},
		{"mediumtext", "", "text", "incompatible", "incompatible", "text"},
		{"char(10)", "", "varchar(10)", "compatible", "compatible", "varchar(10)"},
		{"varchar(10)", "", "char(10)", "incompatible", "incompatible", "char(10)"},
		{"char(10)", "", "char(20)", "compatible", "compatible", "char(20)"},
		{"binary(4)", "", "binary(8)", "incompatible", "incompatible", "binary(8)"},
		{"blob", "", "mediumblob", "compatible", "compatible", "mediumblob"},
		{"blob", "", "text", "incompatible", "incompatible", "text"},
		{"varbinary(100)", "", "varbinary(200)", "free", "free", "varbinary(200)"},
		{"varbinary(100)", "", "varbinary(300)", "compatible", "free", "varbinary(300)"},
		{"enum('a','b')", "", "enum('a','b','c')", "free", "free", "enum('a','b','c')"},
		{"enum('a','b')", "", "enum('c','a','b')", "compatible", "compatible", "enum('c','a','b')"},
		{"enum('a','b')", "", "enum('a','c')", "incompatible", "incompatible", "enum('a','c')"},
		{"enum('a','b')", "", "enum('a')", "incompatible", "incompatible", "enum('a')"},
		{"enum('a','bcd')", "", "varchar(3)", "compatible", "compatible", "varchar(3)"},
		{"enum('a','bcd')", "", "varchar(2)", "incompatible", "incompatible", "varchar(2)"},
		{"set('a','b')", "", "set('b','a')", "compatible", "compatible", "set('b','a')"},
		{"set('a','b')", "", "set('a')", "incompatible", "incompatible", "set('a')"},
		{"set('a','b')", "", "set('a','b','c')", "free", "free", "set('a','b','c')"},
		{"set('1','2','3','4','5','6','7','8')", "", "set('1','2','3','4','5','6','7','8','9')", "compatible", "compatible", "set('1','2','3','4','5','6','7','8','9')"},
	}
	for _, c := range cases {
		for _, d := range []*dialect{{}, {maria: true}} {
			from := planner.Column{Name: "c", Type: c.from, Collation: c.collation}
			if c.collation != "" {
				from.Charset = "latin1"
			}
			s := &planner.Schema{VersionNum: 90700, Tables: []*planner.Table{{
				Ref: planner.Ref{Name: "t"}, Columns: []planner.Column{from}, Facts: map[string]string{factCollation: "utf8mb4_general_ci"},
			}}}
			want := c.mysql
			if d.maria {
				want, s.VersionNum = c.maria, 110800
			}
			got := d.Compare(s, from, c.to)
			if got.Kind != want || got.Why == "" {
				t.Errorf("%s: %s %s to %s is %s (%s), not %s", d.Engine(), c.from, c.collation, c.to, got.Kind, got.Why, want)
			}
			if !d.maria && got.Canonical != c.canonical {
				t.Errorf("%s is called %s, not %s", c.to, got.Canonical, c.canonical)
			}
			if (got.Kind == planner.TypeCompatible) != (!got.Up.IsZero() && !got.Down.IsZero()) {
				t.Errorf("%s to %s is %s, with up %v and down %v", c.from, c.to, got.Kind, got.Up, got.Down)
			}
		}
	}
}

// What Compare calls free, the server does as the plan says; what it calls the
// server's own words, the server says.
func TestFreeTypesAreFree(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		for _, c := range []struct{ from, to string }{
			{"varchar(20)", "varchar(63)"},
			{"varchar(31)", "varchar(200)"},
			{"varchar(64)", "varchar(5000)"},
			{"varbinary(100)", "varbinary(200)"},
			{"varbinary(100)", "varbinary(300)"},
			{"enum('a','b')", "enum('a','b','it''s')"},
			{"set('a')", "set('a','b')"},
		} {
			b.exec("DROP TABLE IF EXISTS t", "CREATE TABLE t (id int PRIMARY KEY, c "+c.from+") DEFAULT CHARSET=utf8mb4")
			s := b.schema("t")
			col := *s.Tables[0].Column("c")
			tc := b.d.Compare(s, col, c.to)
			if tc.Kind != planner.TypeFree {
				if b.d.maria {
					t.Errorf("%s to %s is %s", c.from, c.to, tc.Kind)
				}
				continue
			}
			low, err := b.d.Lower(s, planner.OpWidenType{Table: s.Tables[0], Column: col, Type: tc.Canonical})
			if err != nil {
				t.Fatal(err)
			}
			before := b.created("t")
			for _, st := range low.Steps[0].Statements {
				b.exec(st.SQL)
				if st.Probe != "" && b.text(st.Probe) != "1" {
					t.Errorf("%s to %s: the probe does not see it: %s", c.from, c.to, st.Probe)
				}
			}
			for _, st := range low.Steps[0].UndoStatements {
				b.exec(st.SQL)
			}
			if after := b.created("t"); after != before {
				t.Errorf("%s to %s and back: %s", c.from, c.to, after)
			}
		}
	})
}

func TestSameDefault(t *testing.T) {
	t.Parallel()
	d := &dialect{}
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"5", "'5'", true},
		{"1.5", "'1.50'", true},
		{"'1.5'", "'1.50'", false},
		{"TRUE", "1", true},
		{"-5", "'-5'", true},
		{"'a'", "'A'", false},
		{"'a'", `"a"`, true},
		{"now()", "CURRENT_TIMESTAMP", true},
		{"now(6)", "CURRENT_TIMESTAMP(6)", true},
		{"now(6)", "now(3)", false},
		{"curdate()", "current_date()", true},
		{"uuid()", "UUID()", true},
		{"concat('a',b)", "CONCAT('a', b)", true},
		{"NULL", "'NULL'", false},
		{"0", "''", false},
	} {
		a, err := d.parseExpr(c.a)
		if err != nil {
			t.Fatal(err)
		}
		b, err := d.parseExpr(c.b)
		if err != nil {
			t.Fatal(err)
		}
		if got := d.SameDefault(a, b); got != c.want || d.SameDefault(b, a) != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, got)
		}
	}
	null, err := d.parseExpr("NULL")
	if err != nil {
		t.Fatal(err)
	}
	if !d.SameDefault(planner.Expr{}, null) || d.SameDefault(planner.Expr{}, planner.ColumnExpr("x")) {
		t.Error("no default is DEFAULT NULL, and nothing else")
	}
}

// What Compare calls compatible loses nothing on the way to the new type and
// back, and no value of the new type stops a write on its way to the old one.
func TestConversions(t *testing.T) {
	cases := []struct {
		from, to string
		old      []string // values of the old type, as SQL
		wide     []string // further ones of the new type
	}{
		{"int", "bigint", []string{"0", "-2147483648", "2147483647"}, []string{"9223372036854775807", "-9223372036854775808"}},
		{"int unsigned", "bigint", []string{"0", "4294967295"}, []string{"-1", "9223372036854775807"}},
		{"tinyint unsigned", "smallint unsigned", []string{"255"}, []string{"65535"}},
		{"float", "double", []string{"0", "-1.5", "1e30"}, []string{"1e300", "-1e300"}},
		{"decimal(5,2)", "decimal(9,2)", []string{"-999.99", "999.99", "0.01"}, []string{"1234567.89", "-1234567.89"}},
		{"decimal(5,2)", "decimal(9,4)", []string{"-999.99", "999.99", "0.01"}, []string{"1.2345", "999.9999", "-99999.9999"}},
		{"decimal(2,2)", "decimal(9,2)", []string{"-0.99", "0.99"}, []string{"1", "-1"}},
		{"varchar(3)", "varchar(300)", []string{"''", "'äöü'", "'a '"}, []string{"'äöüß'", "repeat('€', 300)"}},
		{"varchar(3)", "text", []string{"''", "'äöü'", "'a '"}, []string{"repeat('€', 300)"}},
		{"tinytext", "text", []string{"''", "repeat('x', 255)"}, []string{"repeat('€', 300)", "repeat('x', 256)"}},
		{"text", "longtext", []string{"repeat('x', 65535)"}, []string{"repeat('€', 65535)", "repeat('x', 65536)"}},
		{"char(3)", "varchar(3)", []string{"''", "'äöü'", "'a'"}, nil},
		{"char(3)", "char(5)", []string{"''", "'äöü'"}, []string{"'abcde'"}},
		{"varbinary(3)", "varbinary(300)", []string{"x'00ff'", "''"}, []string{"repeat(x'ff', 300)"}},
		{"tinyblob", "blob", []string{"repeat(x'ff', 255)"}, []string{"repeat(x'ff', 256)"}},
		{"enum('a','b')", "enum('z','b','a')", []string{"'a'", "'b'"}, []string{"'z'"}},
		{"enum('a','it''s')", "varchar(20)", []string{"'a'", "'it''s'"}, []string{"'else'", "''"}},
		{"set('a','b')", "set('z','b','a')", []string{"'a,b'", "''", "'b'"}, []string{"'z'", "'z,a'"}},
		{"datetime", "datetime(6)", []string{"'2020-01-01 10:00:00'", "'9999-12-31 23:59:59'"}, []string{"'9999-12-31 23:59:59.999999'", "'2020-01-01 10:00:00.5'"}},
		{"datetime(3)", "datetime(6)", []string{"'2020-01-01 10:00:00.123'"}, []string{"'9999-12-31 23:59:59.999999'"}},
		{"time", "time(2)", []string{"'-838:59:59'", "'10:00:00'"}, []string{"'10:00:00.99'", "'-10:00:00.99'"}},
		{"varchar(9) CHARACTER SET latin1", "varchar(9) CHARACTER SET utf8mb4", []string{"'Zoë'", "'a '"}, []string{"'日本'", "repeat('😀', 9)"}},
		{"varchar(9) CHARACTER SET ascii", "text CHARACTER SET utf8mb4", []string{"'Zoe'"}, []string{"'Zoë'"}},
		{"varchar(9) CHARACTER SET utf8mb3", "varchar(20) CHARACTER SET utf8mb4", []string{"'Zoë日本'"}, []string{"'😀'", "repeat('😀', 20)"}},
		{"varchar(9)", "varchar(9) COLLATE utf8mb4_bin", []string{"'Zoë'", "'ZOË'"}, nil},
	}
	onServers(t, func(t *testing.T, b *bench) {
		for _, c := range cases {
			b.exec("DROP TABLE IF EXISTS t", "CREATE TABLE t (id int PRIMARY KEY, a "+c.from+", b "+c.to+", back "+c.from+", n int) DEFAULT CHARSET=utf8mb4")
			s := b.schema("t")
			tc := b.d.Compare(s, *s.Tables[0].Column("a"), c.to)
			if tc.Kind != planner.TypeCompatible {
				if tc.Kind != planner.TypeFree || !b.d.maria {
					t.Errorf("%s to %s is %s: %s", c.from, c.to, tc.Kind, tc.Why)
				}
				continue
			}
			of := func(e planner.Expr) string { return e.SQL(func(string) string { return "`b`" }) }
			down := of(tc.Down)
			for _, v := range c.old {
				b.exec("DELETE FROM t", "INSERT INTO t (id, a) VALUES (1, "+v+")", "UPDATE t SET b = "+tc.Up.SQL(quoteName), "UPDATE t SET back = "+down)
				if b.text("SELECT CAST(a AS BINARY) <=> CAST(back AS BINARY) AND a IS NOT NULL FROM t") != "1" {
					t.Errorf("%s to %s: %s comes back as %s", c.from, c.to, v, b.text("SELECT back FROM t"))
				}
			}
			for _, v := range append([]string{"NULL"}, c.wide...) {
				b.exec("DELETE FROM t", "INSERT INTO t (id, b) VALUES (1, "+v+")", "UPDATE t SET back = "+down)
				if tc.Fit.IsZero() || v == "NULL" {
					continue
				}
				b.exec("UPDATE t SET back = " + of(tc.Fit))
				if got := b.text("SELECT back IS NULL FROM t"); got != "1" {
					t.Errorf("%s to %s: %s is said to fit, as %s", c.from, c.to, v, b.text("SELECT back FROM t"))
				}
			}
		}
	})
}
