package mysql

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cockroachdb/datadriven"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// TestLower reads testdata/lower: an operation of fixtureOps in, its steps out.
//
//	lower OP [mariadb] [version=N] [format=compressed] [fulltext] [follows] [rows=N] [nokey] [notriggers]
//	verify [mariadb]
func TestLower(t *testing.T) {
	t.Parallel()
	datadriven.RunTest(t, "testdata/lower", func(t *testing.T, td *datadriven.TestData) string {
		t.Helper()
		d := &dialect{maria: td.HasArg("mariadb")}
		s := fixture(d, td)
		switch td.Cmd {
		case "lower":
			return shorter.Replace(dumpLowered(d.Lower(s, fixtureOp(t, d, s.Tables[0], td.CmdArgs[0].Key))))
		case "verify":
			v, err := d.Verify(s, fixtureSync(t, d, s.Tables[0], "open"))
			if err != nil {
				return err.Error() + "\n"
			}
			out := "counts\n" + dumpChunks(&v.Counts)
			if v.Strict != nil {
				out += "strict\n" + dumpChunks(v.Strict)
			}
			return shorter.Replace(out + "repair up\n" + dumpChunks(v.RepairUp) + "repair down\n" + dumpChunks(v.RepairDown))
		}
		t.Fatalf("unknown command %s", td.Cmd)
		return ""
	})
}

// fixture is a schema with the table users.
func fixture(d *dialect, td *datadriven.TestData) *planner.Schema {
	s := &planner.Schema{Engine: d.Engine(), VersionNum: 90700, Default: "shop", Facts: map[string]string{factLowerCase: "0"}}
	if d.maria {
		s.VersionNum = 110800
	}
	text := func(literal string) planner.Expr { return planner.Expr{Parts: []planner.Part{{Text: literal}}} }
	users := &planner.Table{
		Ref: planner.Ref{Name: "users"}, Kind: "table", Rows: 200_000, Bytes: 64 << 20, Key: []string{"id"},
		Facts: map[string]string{factEngine: "InnoDB", factCollation: "utf8mb4_bin", factCharset: "utf8mb4", factRowFormat: "dynamic"},
		Columns: []planner.Column{
			{Name: "id", Type: "bigint", NotNull: true, Generated: "auto_increment"},
			{Name: "name", Type: "varchar(200)", NotNull: true, Comment: "it's"},
			{Name: "mail", Type: "varchar(20)", NotNull: true, Default: text("'x'"), Charset: "latin1", Collation: "latin1_bin"},
			{Name: "hits", Type: "int", NotNull: true},
			{Name: "kind", Type: "enum('a','b')"},
			{Name: "touched", Type: "datetime(6)", Rest: "ON UPDATE CURRENT_TIMESTAMP(6)"},
		},
		Indexes: []planner.Index{
			{Name: "PRIMARY", Columns: []string{"id"}, Unique: true, Primary: true, Simple: true, Definition: "CREATE UNIQUE INDEX `PRIMARY` ON `users` (`id`)"},
			{Name: "users_hits", Columns: []string{"hits", "mail"}, Simple: true, Definition: "CREATE INDEX `users_hits` ON `users` (`hits` DESC, `mail`(5))"},
		},
	}
	s.Tables = []*planner.Table{users}
	for _, a := range td.CmdArgs {
		switch a.Key {
		case "version":
			s.VersionNum = atoi(a.Vals[0])
		case "format":
			users.Facts[factRowFormat] = a.Vals[0]
		case "rows":
			users.Rows, users.Bytes = int64(atoi(a.Vals[0])), 1<<20
		case "engine":
			users.Facts[factEngine] = a.Vals[0]
		case "versions":
			users.Facts[factRowVersions] = a.Vals[0]
		case "notriggers":
			s.Facts[factNoTriggers] = "yes"
		case "nokey":
			users.Key = nil
		case "follows":
			users.Constraints = append(users.Constraints, planner.Constraint{
				Name: "fk", Kind: "foreign key", Columns: []string{"hits"}, Definition: "FOREIGN KEY (`hits`) REFERENCES `parents` (`id`) ON DELETE CASCADE",
			})
		case "fulltext":
			users.Indexes = append(users.Indexes, planner.Index{Name: "ft", Columns: []string{"name"}, Definition: "CREATE FULLTEXT INDEX `ft` ON `users` (`name`)"})
		}
	}
	return s
}

func mustAssign(t *testing.T, d *dialect, body string) planner.Assign {
	t.Helper()
	_, a, err := d.ParseAssign("users." + body)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fixtureSync splits name, widens hits (to _new_hits) and derives half.
func fixtureSync(t *testing.T, d *dialect, users *planner.Table, state string) *planner.Sync {
	t.Helper()
	assign := func(body string) planner.Assign { return mustAssign(t, d, body) }
	s := &planner.Sync{Migration: "0007_users", Table: users, Name: "0007_users_1a2b3c4d", State: state}
	s.Columns = append(append(s.Columns, users.Columns...),
		planner.Column{Name: "first", Type: "varchar(100)"}, planner.Column{Name: "last", Type: "varchar(100)"},
		planner.Column{Name: "_new_hits", Type: "bigint"}, planner.Column{Name: "half", Type: "decimal(12,1)"})
	s.Groups = []planner.Group{
		{
			Old: []string{"name"}, New: []string{"first", "last"},
			Up:          []planner.Assign{assign("first = substring_index(name, ' ', 1)"), assign("last = substring_index(name, ' ', -1)")},
			Down:        []planner.Assign{assign("name = concat(first, ' ', last)")},
			NewDefaults: []planner.Assign{assign("first = 'Anon'")},
		},
		{
			Old: []string{"hits"}, New: []string{"_new_hits"},
			Up:          []planner.Assign{{Column: "_new_hits", Expr: planner.ColumnExpr("hits")}},
			Down:        []planner.Assign{assign("hits = least(greatest(_new_hits, -2147483648), 2147483647)")},
			OldDefaults: []planner.Assign{assign("hits = 0")},
		},
		{Old: []string{"hits"}, New: []string{"half"}, Up: []planner.Assign{assign("half = hits / 2")}},
	}
	if state == "grace" {
		for i, c := range s.Columns {
			if to, ok := map[string]string{"name": "_old_name", "hits": "_old_hits", "_new_hits": "hits"}[c.Name]; ok {
				s.Columns[i].Name = to
			}
		}
		s.Groups = []planner.Group{
			{Old: []string{"_old_name"}, New: []string{"first", "last"}, Down: []planner.Assign{assign("_old_name = concat(first, ' ', last)")}},
			{Old: []string{"_old_hits"}, New: []string{"hits"}, Down: []planner.Assign{assign("_old_hits = least(greatest(hits, -2147483648), 2147483647)")}},
		}
	}
	return s
}

func fixtureOp(t *testing.T, d *dialect, users *planner.Table, name string) planner.Op {
	t.Helper()
	column := func(n string) planner.Column { return *users.Column(n) }
	def := func(text string) planner.Expr { return mustAssign(t, d, "x = "+text).Expr }
	sync := func() *planner.Sync { return fixtureSync(t, d, users, "open") }
	ops := map[string]func() planner.Op{
		"create-table": func() planner.Op {
			return planner.OpCreateTable{Change: planner.CreateTable{Table: planner.Ref{Name: "o`rders"}, SQL: "CREATE TABLE `o``rders` (id int)"}}
		},
		"add-columns": func() planner.Op {
			return planner.OpAddColumns{Table: users, Columns: []planner.NewColumn{
				{ColumnDef: planner.ColumnDef{Name: "first", Type: "varchar(100)", Comment: "c", Rest: "AFTER `id`"}},
				{ColumnDef: planner.ColumnDef{Name: "note", Type: "varchar(99)", Default: def("'x'")}, Guarded: true},
				{ColumnDef: planner.ColumnDef{Name: "mail2", Type: "varchar(20)"}, Like: users.Column("mail"), After: "mail"},
			}}
		},
		"add-text": func() planner.Op {
			return planner.OpAddColumns{Table: users, Columns: []planner.NewColumn{
				{ColumnDef: planner.ColumnDef{Name: "note", Type: "text", Default: def("'x'")}, Guarded: true},
			}}
		},
		"set-default": func() planner.Op {
			return planner.OpSetDefault{Table: users, Column: column("name"), Default: def("'n'")}
		},
		"set-now": func() planner.Op {
			return planner.OpSetDefault{Table: users, Column: column("touched"), Default: def("now(6)")}
		},
		"set-uuid": func() planner.Op {
			return planner.OpSetDefault{Table: users, Column: column("name"), Default: def("uuid()")}
		},
		"drop-default": func() planner.Op {
			return planner.OpSetDefault{Table: users, Column: column("mail"), Before: def("'x'")}
		},
		"drop-not-null": func() planner.Op {
			return planner.OpDropNotNull{Table: users, Column: column("mail")}
		},
		"set-not-null": func() planner.Op {
			return planner.OpSetNotNull{Table: users, Columns: []planner.Column{column("kind"), column("touched")}}
		},
		"widen-varchar": func() planner.Op {
			return planner.OpWidenType{Table: users, Column: column("mail"), Type: "varchar(60)"}
		},
		"widen-enum": func() planner.Op {
			return planner.OpWidenType{Table: users, Column: column("kind"), Type: "enum('a','b','c')"}
		},
		"create-index": func() planner.Op {
			return planner.OpCreateIndex{Table: users, Change: planner.CreateIndex{Name: "u", Unique: true, SQL: "CREATE UNIQUE INDEX `u` ON `users` (`mail`)"}}
		},
		"copy-indexes": func() planner.Op {
			return planner.OpCopyIndexes{Table: users, Columns: map[string]string{"hits": "_new_hits"}, Names: map[string]string{"users_hits": "_new_users_hits"}}
		},
		"drop-index": func() planner.Op { return planner.OpDropIndex{Table: users, Index: users.Indexes[1]} },
		"add-check": func() planner.Op {
			return planner.OpAddCheck{Table: users, Change: planner.AddCheck{Check: def("hits >= 0")}}
		},
		"install-shadow": func() planner.Op { return planner.OpInstallShadow{Sync: sync()} },
		"zoned-shadow": func() planner.Op {
			return planner.OpInstallShadow{Sync: &planner.Sync{
				Table: users, Name: "z", State: "open",
				Columns: []planner.Column{{Name: "touched", Type: "datetime(6)"}, {Name: "at", Type: "timestamp(6)"}},
				Groups: []planner.Group{{
					Old: []string{"touched"}, New: []string{"at"},
					Up:   []planner.Assign{{Column: "at", Expr: planner.ColumnExpr("touched")}},
					Down: []planner.Assign{{Column: "touched", Expr: planner.ColumnExpr("at")}},
				}},
			}}
		},
		"drop-shadow": func() planner.Op { return planner.OpDropShadow{Sync: sync()} },
		"backfill":    func() planner.Op { return planner.OpBackfill{Table: users, Sync: sync()} },
		"backfill-one": func() planner.Op {
			s := sync()
			s.Groups = s.Groups[:1]
			return planner.OpBackfill{Table: users, Sync: s}
		},
		"fill-and-repair": func() planner.Op {
			return planner.OpBackfill{
				Table: users, Fills: []planner.Assign{{Column: "token", Expr: def("uuid()")}},
				Repairs: []planner.Repair{
					{Set: []planner.Assign{mustAssign(t, d, "mail = ''")}, Where: def("mail = 'none'")},
					{Set: []planner.Assign{mustAssign(t, d, "kind = if(mail = '', 'a', 'b')")}},
				},
			}
		},
		"switch": func() planner.Op {
			return planner.OpSwitch{
				Table: users, Open: sync(), Grace: fixtureSync(t, d, users, "grace"),
				Columns: []planner.Rename{{From: "name", To: "_old_name"}, {From: "hits", To: "_old_hits"}, {From: "_new_hits", To: "hits"}},
				Indexes: []planner.Rename{{From: "users_hits", To: "_old_users_hits"}, {From: "_new_users_hits", To: "users_hits"}},
			}
		},
		"switch-plain": func() planner.Op {
			return planner.OpSwitch{Table: users, Columns: []planner.Rename{{From: "kind", To: "_old_kind"}}}
		},
		"purge": func() planner.Op {
			return planner.OpPurge{
				Table: users, Columns: []string{"_old_hits"}, Indexes: []string{"_old_users_hits"}, Sync: fixtureSync(t, d, users, "grace"),
			}
		},
		"purge-indexed": func() planner.Op {
			return planner.OpPurge{
				Table: users, Columns: []string{"_migrate_old_1a2b3c4d_mail"}, Indexed: []string{"_migrate_old_1a2b3c4d_mail"},
			}
		},
		"fence":       func() planner.Op { return planner.OpFenceTable{Table: users, Name: "_old_users"} },
		"purge-table": func() planner.Op { return planner.OpPurgeTable{Table: users, Name: "_old_users"} },
		"opaque":      func() planner.Op { return planner.OpOpaque{SQL: "CREATE VIEW v AS SELECT 1", Undo: "DROP VIEW v"} },
	}
	op := ops[name]
	if op == nil {
		t.Fatalf("no operation %s", name)
	}
	return op()
}

// shorter writes what comes again and again in a word.
var shorter = strings.NewReplacer(
	"table_schema = DATABASE() AND table_name = 'users' AND CAST(table_name AS BINARY) = CAST('users' AS BINARY)", "<users>",
	"information_schema.", "i_s.", setMode, "<strict mode>", "(? OR `id` > ?) AND (? OR `id` <= ?)", "<piece>",
)

func dumpLowered(l planner.Lowered, err error) string {
	var un *planner.Unsupported
	if errors.As(err, &un) {
		return "unsupported: " + un.Error() + "\n"
	}
	if err != nil {
		return "error: " + err.Error() + "\n"
	}
	var b strings.Builder
	for _, s := range l.Steps {
		fmt.Fprintf(&b, "[%s] %s, %s, %s %s, lock timeout %d ms, %d rows\n", s.Title, s.Mode, s.Work, s.Lock.Mode, s.Lock.Object, s.LockTimeoutMS, s.Rows)
		dumpStatements(&b, s.Statements)
		if s.Chunks != nil {
			b.WriteString(dumpChunks(s.Chunks))
		}
		if s.UndoFirst != nil {
			b.WriteString("undo first\n" + dumpChunks(s.UndoFirst))
		}
		if len(s.UndoStatements) > 0 {
			b.WriteString("undo\n")
			dumpStatements(&b, s.UndoStatements)
		}
		if s.UndoLoses != nil {
			fmt.Fprintf(&b, "undo loses if %s: %s\n", s.UndoLoses.SQL, s.UndoLoses.Message)
		}
	}
	for _, h := range l.Hazards {
		fmt.Fprintf(&b, "%s %s: %s; instead: %s\n", h.Severity, h.Rule, h.Message, h.Instead)
	}
	for _, n := range l.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

func dumpStatements(b *strings.Builder, ss []plan.Statement) {
	for _, s := range ss {
		fmt.Fprintf(b, "  %s\n", strings.ReplaceAll(s.SQL, "\n", "\n  "))
		if s.Probe != "" {
			fmt.Fprintf(b, "    unless %s\n", s.Probe)
		}
	}
}

func dumpChunks(c *plan.Chunks) string {
	if c == nil {
		return "  none\n"
	}
	out := fmt.Sprintf("  by %s: %s\n  sample: %s\n", strings.Join(c.Key, ","), c.SQL, c.Sample)
	if c.Left != "" {
		out += "  left: " + c.Left + "\n"
	}
	return out
}

// Every operation is lowered in the golden file, on both servers.
func TestEveryOperationIsLowered(t *testing.T) {
	t.Parallel()
	for _, maria := range []bool{false, true} {
		d := &dialect{maria: maria}
		s := fixture(d, &datadriven.TestData{})
		for _, op := range []string{
			"create-table", "add-columns", "set-default", "drop-not-null", "widen-varchar", "create-index", "copy-indexes", "install-shadow",
			"backfill", "set-not-null", "add-check", "drop-index", "switch", "fence", "purge", "purge-table", "drop-shadow", "opaque",
		} {
			l, err := d.Lower(s, fixtureOp(t, d, s.Tables[0], op))
			if err != nil || len(l.Steps) == 0 {
				t.Errorf("%s on %s: %d steps, %v", op, d.Engine(), len(l.Steps), err)
				continue
			}
			for _, st := range l.Steps {
				if st.ID != "" || st.Title == "" || st.SQL == "" || st.Work == "" || st.Mode == "" {
					t.Errorf("%s on %s: an incomplete step: %+v", op, d.Engine(), st)
				}
				for _, x := range st.Statements {
					if strings.HasPrefix(x.SQL, "ALTER TABLE") && !strings.Contains(x.SQL, "ALGORITHM=") {
						t.Errorf("%s on %s says no algorithm: %s", op, d.Engine(), x.SQL)
					}
				}
			}
		}
	}
}
