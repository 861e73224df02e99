package foreign_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/planner/foreign"
)

var (
	postgres = foreign.Lexis{Dollar: true, Nested: true}
	mysql    = foreign.Lexis{Backslash: true, Hash: true, Routines: true}
)

// squeezed takes blank lines away, and blanks at both ends of a line.
func squeezed(text string) string {
	var out []string
	for _, l := range strings.Split(text, "\n") {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return strings.Join(out, "\n")
}

func TestRead(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, path, src string
		lex             foreign.Lexis
		want            foreign.Tool
		left            string
	}{
		{"own", "0007_x.sql", "-- migrate:up a.b = c\nSELECT 1;\n", postgres, foreign.Tool{}, "-- migrate:up a.b = c\nSELECT 1;"},
		{"own, down with a body", "0007_x.sql", "-- migrate:down a.b = c\n", postgres, foreign.Tool{}, "-- migrate:down a.b = c"},
		{
			"goose", "1_x.sql", "-- +goose Up\nA;\n-- +goose Down\nB;\n", postgres,
			foreign.Tool{Name: foreign.Goose, Wraps: true},
			"A;",
		},
		{
			"goose, down first", "1_x.sql", "-- +goose Down\nB;\n-- +goose Up\nA;\n", postgres,
			foreign.Tool{Name: foreign.Goose, Wraps: true},
			"A;",
		},
		{
			"goose without transaction", "1_x.sql", "-- +goose NO TRANSACTION\n-- +goose Up\nA;\n", postgres,
			foreign.Tool{Name: foreign.Goose},
			"A;",
		},
		{
			"goose, marks in strings and comments", "1_x.sql",
			"-- +goose Up\nSELECT '\n-- +goose Down\n', $$\n-- +goose Down\n$$, E'\\'\n-- +goose Down\n' /* /* \n-- +goose Down\n*/ */;\n", postgres,
			foreign.Tool{Name: foreign.Goose, Wraps: true},
			"SELECT '\n-- +goose Down\n', $$\n-- +goose Down\n$$, E'\\'\n-- +goose Down\n' /* /*\n-- +goose Down\n*/ */;",
		},
		{
			"goose, backslashes of MySQL", "1_x.sql", "-- +goose Up\nSELECT 'it\\'s\n-- +goose Down\n';\n", mysql,
			foreign.Tool{Name: foreign.Goose, Wraps: true},
			"SELECT 'it\\'s\n-- +goose Down\n';",
		},
		{
			"dbmate", "1_x.sql", "-- migrate:up\nA;\n-- migrate:down\nB;\n", postgres,
			foreign.Tool{Name: foreign.Dbmate, Wraps: true},
			"A;",
		},
		{
			"dbmate without transaction", "1_x.sql", "-- migrate:up transaction:false\nA;\n-- migrate:down transaction:true\nB;\n", postgres,
			foreign.Tool{Name: foreign.Dbmate},
			"A;",
		},
		{"golang-migrate", "000001_x.up.sql", "A;", postgres, foreign.Tool{Name: foreign.GolangMigrate}, "A;"},
		{"golang-migrate, two statements", "1_x.up.sql", "A; B", postgres, foreign.Tool{Name: foreign.GolangMigrate, Wraps: true}, "A; B"},
		{"golang-migrate, down", "000001_x.down.sql", "A;", postgres, foreign.Tool{Name: foreign.GolangMigrate, Skipped: true}, ""},
		{"flyway", "V1_2__x.sql", "ALTER TABLE ${the-schema}.t;", postgres, foreign.Tool{Name: foreign.Flyway}, "ALTER TABLE __the_schema_.t;"},
		{"flyway, undo", "U1__x.sql", "A;", postgres, foreign.Tool{Name: foreign.Flyway, Skipped: true}, ""},
		{"flyway, repeatable", "R__x.sql", "A;", postgres, foreign.Tool{Name: foreign.Flyway}, "A;"},
		{
			"pg_dump", "dump.sql", "-- PostgreSQL database dump\n\\restrict x\nA;\nCOPY t (a) FROM stdin WITH (x 1);\n1;\n'\n\\.\nB;\n\\.\n", postgres,
			foreign.Tool{Name: foreign.Dump},
			"-- PostgreSQL database dump\nA;\n\nB;",
		},
		{
			"pg_dump, nothing behind the rows", "dump.sql", "\\connect x\r\nCOPY t FROM STDIN;\r\n1\r\n\\.\r\n", postgres,
			foreign.Tool{Name: foreign.Dump},
			"",
		},
		{
			"mysqldump", "dump.sql", "/*M!999999\\- enable the sandbox mode */\n-- MariaDB dump 10.19\n/*!40101 SET x */;\nA;\nDELIMITER ;;\nCREATE TRIGGER t BEGIN B; END ;;\nDELIMITER ;\nC;\n", mysql,
			foreign.Tool{Name: foreign.Dump},
			"-- MariaDB dump 10.19\n;\nA;\nC;",
		},
		{
			"delimiters that never end", "V1__x.sql", "A;\ndelimiter //\nB//\n", mysql,
			foreign.Tool{Name: foreign.Flyway},
			"A;",
		},
		{"a dollar that is a parameter", "1_x.sql", "-- +goose Up\nSELECT $1;\n-- +goose Down\nB $1$;", postgres, foreign.Tool{Name: foreign.Goose, Wraps: true}, "SELECT $1;"},
		{"a dash that is an operator", "1_x.sql", "SELECT 1--1;\n", mysql, foreign.Tool{}, "SELECT 1--1;"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plain, tool := foreign.Read(c.lex, c.path, c.src)
			if tool != c.want {
				t.Errorf("tool %+v, want %+v", tool, c.want)
			}
			if diff := cmp.Diff(squeezed(strings.ReplaceAll(c.left, "\r", "")), squeezed(strings.ReplaceAll(plain, "\r", ""))); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			same(t, c.src, plain)
		})
	}
}

// same: what is left has its bytes where they were, lines among them.
func same(t *testing.T, src, plain string) {
	t.Helper()
	if len(src) != len(plain) || strings.Count(src, "\n") != strings.Count(plain, "\n") {
		t.Fatalf("%d bytes became %d", len(src), len(plain))
	}
	for i := range len(src) {
		if (src[i] == '\n') != (plain[i] == '\n') {
			t.Fatalf("line ends have moved at %d", i)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"-- +goose Up\nA;\n-- +goose Down\n", "-- migrate:up\n-- migrate:down", "\\restrict\nCOPY t FROM stdin;\n\\.", "${a}$tag$x$tag$", "/*!1 */ DELIMITER ;;\n",
		"'\"`$$", "COPY t FROM STDIN;", "E'\\", "-- PostgreSQL database dump\nCOPY a FROM stdin;",
	} {
		f.Add("V1__a.sql", seed)
		f.Add("a.sql", seed)
	}
	f.Fuzz(func(t *testing.T, path, src string) {
		for _, lex := range []foreign.Lexis{postgres, mysql} {
			plain, _ := foreign.Read(lex, path, src)
			same(t, src, plain)
		}
	})
}
