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
		{"tinyint(1)", "", "tinyint", "free", "free", "tinyint"},
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
		{"int unsigned", "", "bigint", "incompatible", "incompatible", "bigint"},
		{"bigint", "", "int", "incompatible", "incompatible", "int"},
		{"int", "", "varchar(20)", "incompatible", "incompatible", "varchar(20)"},
		{"int(10) unsigned zerofill", "", "bigint unsigned", "incompatible", "incompatible", "bigint unsigned"},
		{"decimal(10,2)", "", "decimal(12,2)", "incompatible", "incompatible", "decimal(12,2)"},
		{"datetime", "", "datetime(6)", "incompatible", "incompatible", "datetime(6)"},
		{"varchar(20)", "", "varchar(63)", "free", "free", "varchar(63)"},
		{"varchar(20)", "", "varchar(64)", "compatible", "free", "varchar(64)"},
		{"varchar(32)", "", "varchar(64)", "compatible", "compatible", "varchar(64)"},
		{"varchar(64)", "", "varchar(5000)", "free", "free", "varchar(5000)"},
		{"varchar(20)", "", "varchar(10)", "incompatible", "incompatible", "varchar(10)"},
		{"varchar(20)", "latin1_bin", "varchar(255) COLLATE latin1_bin", "free", "free", "varchar(255)"},
		{"varchar(20)", "latin1_bin", "varchar(20)", "incompatible", "incompatible", "varchar(20)"},
		{"varchar(20)", "", "varchar(20) COLLATE utf8mb4_general_ci", "same", "same", "varchar(20)"},
		{"varchar(20)", "", "varchar(20) CHARACTER SET utf8mb4", "same", "same", "varchar(20)"},
		{"varchar(20)", "", "varchar(20) COLLATE utf8mb4_bin", "incompatible", "incompatible", "varchar(20) COLLATE utf8mb4_bin"},
		{"varchar(20)", "", "varchar(20) CHARACTER SET latin1", "incompatible", "incompatible", "varchar(20) CHARACTER SET latin1"},
		{"varchar(20)", "", "text", "incompatible", "incompatible", "text"},
		{"varbinary(100)", "", "varbinary(200)", "free", "free", "varbinary(200)"},
		{"varbinary(100)", "", "varbinary(300)", "compatible", "free", "varbinary(300)"},
		{"enum('a','b')", "", "enum('a','b','c')", "free", "free", "enum('a','b','c')"},
		{"enum('a','b')", "", "enum('c','a','b')", "incompatible", "incompatible", "enum('c','a','b')"},
		{"set('a','b')", "", "set('a','b','c')", "free", "free", "set('a','b','c')"},
		{"set('1','2','3','4','5','6','7','8')", "", "set('1','2','3','4','5','6','7','8','9')", "incompatible", "incompatible", "set('1','2','3','4','5','6','7','8','9')"},
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
			{"tinyint(1)", "tinyint"},
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
