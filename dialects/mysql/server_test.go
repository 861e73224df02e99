package mysql

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/integration/servers"
	"github.com/expandcontract/migrate/planner"
)

// bench is a database of a test's own with a session on it.
type bench struct {
	t   testing.TB
	s   *session
	d   *dialect
	db  *sql.DB // as an application has it
	url string
}

// onServers runs a test on a fresh database of every server.
func onServers(t *testing.T, f func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	for _, target := range servers.Matrix() {
		if target.Engine == servers.Postgres {
			continue
		}
		t.Run(target.String(), func(t *testing.T) {
			t.Parallel()
			e := engineNamed(target.Engine)
			fresh := servers.FreshVersion(t, target.Engine, target.Version)
			s := open(t, e, fresh.URL)
			f(t, &bench{t: t, s: s, d: &s.engine.dialect, db: app(t, e, fresh.URL), url: fresh.URL})
		})
	}
}

func (b *bench) exec(statements ...string) {
	b.t.Helper()
	for _, s := range statements {
		if _, err := b.db.ExecContext(b.t.Context(), s); err != nil {
			b.t.Fatalf("%v\n%s", err, s)
		}
	}
}

// fails runs a statement that must fail and returns the error's number.
func (b *bench) fails(statement string) uint16 {
	b.t.Helper()
	_, err := b.db.ExecContext(b.t.Context(), statement)
	if err == nil {
		b.t.Errorf("accepted: %s", statement)
	}
	return number(err)
}

func (b *bench) text(query string, args ...any) string {
	b.t.Helper()
	var s sql.NullString
	if err := b.db.QueryRowContext(b.t.Context(), query, args...).Scan(&s); err != nil {
		b.t.Fatalf("%v\n%s", err, query)
	}
	return s.String
}

func (b *bench) schema(tables ...string) *planner.Schema {
	b.t.Helper()
	refs := make([]planner.Ref, len(tables))
	for i, t := range tables {
		refs[i] = planner.Ref{Name: t}
	}
	s, err := b.s.Inspect(context.Background(), planner.References{Tables: refs})
	if err != nil {
		b.t.Fatal(err)
	}
	return s
}

func (b *bench) table(name string) *planner.Table {
	b.t.Helper()
	t := b.schema(name).Table(planner.Ref{Name: name})
	if t == nil {
		b.t.Fatalf("there is no table %s", name)
	}
	return t
}

// created is a table's definition as the server tells it.
func (b *bench) created(table string) string {
	b.t.Helper()
	var name, text string
	if err := b.db.QueryRowContext(b.t.Context(), "SHOW CREATE TABLE "+quoteName(table)).Scan(&name, &text); err != nil {
		b.t.Fatal(err)
	}
	return text
}

// oddColumns are columns with all that a definition can have.
func oddColumns(maria bool) string {
	columns := []string{
		"id bigint NOT NULL AUTO_INCREMENT PRIMARY KEY",
		"a int unsigned", "b int(11) DEFAULT 5", "c varchar(20) CHARACTER SET latin1 DEFAULT 'o''h \\\\ x\\ny'",
		"d datetime(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3)",
		"e json DEFAULT (json_array())", "f tinyint(1) NOT NULL DEFAULT 0", "g decimal(10,2) DEFAULT 1.5",
		"h bit(3) DEFAULT b'101'", "i varchar(60) DEFAULT (concat('it''s', '\\\\', \"\\n\", '\"q\"', `a`))",
		"j timestamp NULL DEFAULT NULL", "k enum('a','it''s','ü,x') DEFAULT 'it''s'", "l varchar(10) DEFAULT ''",
		"m blob DEFAULT ('x')", "n int INVISIBLE DEFAULT 3 COMMENT 'he''s \\\\'", "p date DEFAULT '2020-01-01'",
		"q varbinary(4) DEFAULT 0x4142", "r double DEFAULT 1e10", "t varchar(9) DEFAULT 'NULL'",
		"u timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP", "v int unsigned zerofill", "w set('x','y') NOT NULL",
		"x char(3) COLLATE utf8mb4_bin NOT NULL DEFAULT 'x'", "y text NOT NULL", "z year DEFAULT 2020",
		"aa time(2) DEFAULT '10:00:00.5'", "bb float", "cc float(7,3) DEFAULT 1.25", "dd binary(2)", "ee date DEFAULT (curdate())",
		"ff bigint DEFAULT -5", "gg varchar(10) DEFAULT '-5'", "`h h``h` mediumtext COLLATE utf8mb4_unicode_ci",
	}
	if maria {
		columns = append(columns, "zz int CHECK (zz > 0)", "yy uuid DEFAULT uuid()", "xx varchar(20) DEFAULT concat('a', `a`)")
	}
	return strings.Join(columns, ", ")
}

// What is inspected and written again is what was there.
func TestDefinitionsSurviveRestating(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE odd (" + oddColumns(b.d.maria) + ") DEFAULT CHARSET=utf8mb4")
		want := b.created("odd")
		for _, c := range b.table("odd").Columns {
			b.exec("ALTER TABLE odd " + b.d.restated(c))
			if got := b.created("odd"); got != want {
				t.Fatalf("restating %s\n%s\nchanges the table from\n%s\nto\n%s", c.Name, b.d.restated(c), want, got)
			}
		}
	})
}

// A column that is added like another is like it.
func TestShadowColumnsAreAlike(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE odd (" + oddColumns(b.d.maria) + ") DEFAULT CHARSET=utf8mb4")
		table := b.table("odd")
		for i, c := range table.Columns[1:] {
			name := fmt.Sprintf("s%d", i)
			low, err := b.d.Lower(b.schema("odd"), planner.OpAddColumns{Table: table, Columns: []planner.NewColumn{
				{ColumnDef: planner.ColumnDef{Name: name, Type: c.Type}, Like: &c, After: c.Name},
			}})
			if err != nil {
				t.Fatal(err)
			}
			b.exec(low.Steps[0].SQL)
			got := *b.table("odd").Column(name)
			want := c
			want.Name, want.NotNull, want.Default, want.Rest = name, false, planner.Expr{}, got.Rest
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("like %+v\n got %+v", want, got)
			}
			if strings.Contains(c.Rest, invisible) != strings.Contains(got.Rest, invisible) {
				t.Errorf("%s: visible in one and not in the other: %q, %q", c.Name, c.Rest, got.Rest)
			}
		}
	})
}
