package mysql

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/planner"
)

// busy is a table in which every column has somebody who depends on it.
func (b *bench) busy() *planner.Table {
	b.t.Helper()
	b.exec("CREATE TABLE parent (id int PRIMARY KEY)",
		`CREATE TABLE busy (id int NOT NULL AUTO_INCREMENT PRIMARY KEY, free int, indexed int, p int, gone int, checked int, both_a int, both_b int,
			base int, made int AS (base + 1) STORED, words text, u1 int NOT NULL, u2 int NOT NULL, seen int, moved int, code varchar(9),
			KEY k (indexed), FULLTEXT KEY ft (words), UNIQUE KEY uu (u1, u2), UNIQUE KEY uc (code),
			CONSTRAINT fp FOREIGN KEY (p) REFERENCES parent (id) ON UPDATE CASCADE,
			CONSTRAINT fg FOREIGN KEY (gone) REFERENCES parent (id) ON DELETE CASCADE,
			CONSTRAINT ck CHECK (checked > 0), CONSTRAINT ck2 CHECK (both_a < both_b))`,
		"CREATE TABLE child (id int PRIMARY KEY, c varchar(9), CONSTRAINT fc FOREIGN KEY (c) REFERENCES busy (code))",
		"CREATE VIEW looks AS SELECT seen FROM busy",
		"CREATE TRIGGER tr AFTER UPDATE ON busy FOR EACH ROW SET @x = NEW.moved",
		"CREATE TRIGGER tr_parent AFTER INSERT ON parent FOR EACH ROW UPDATE busy SET moved = 1",
		"CREATE TRIGGER ours BEFORE INSERT ON busy FOR EACH ROW SET NEW.free = IF(@migrate_bypass, 1, 2)",
		"CREATE PROCEDURE nothing() SELECT 1")
	return b.table("busy")
}

func TestBlockers(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		table := b.busy()
		names := func(column string, wish planner.Wish) string {
			var columns []string
			if column != "" {
				columns = []string{column}
			}
			var out []string
			for _, bl := range b.d.Blockers(nil, table, columns, wish) {
				if bl.Reason == "" {
					t.Errorf("%s is in the way without a reason", bl.Object)
				}
				out = append(out, bl.Object)
			}
			slices.Sort(out)
			return strings.Join(out, "; ")
		}
		for _, c := range []struct {
			column                string
			sync, rename, replace string
			drop                  string
		}{
			{"free", "", "", "", ""},
			{"indexed", "", "", "", ""},
			{
				"id", "column busy.id", "column busy.id; the primary key of busy", "column busy.id; the primary key of busy",
				"the primary key of busy",
			},
			{"p", "foreign key fp", "", "foreign key fp", "foreign key fp"},
			{"gone", "", "", "foreign key fg", "foreign key fg"},
			{"base", "", "generated column made", "generated column made", "generated column made"},
			{"made", "column busy.made", "column busy.made", "column busy.made", ""},
			{"words", "", "", "", ""},
			{"u1", "", "", "", "index uu"},
			{"code", "", "", "foreign key fc of child", "foreign key fc of child"},
			{"seen", "", "view looks", "", "view looks"},
			{"moved", "", "trigger tr; trigger tr_parent", "", "trigger tr; trigger tr_parent"},
			{"checked", "", "check constraint ck", "check constraint ck", "check constraint ck"},
			{"both_a", "", "check constraint ck2", "check constraint ck2", "check constraint ck2"},
		} {
			want := []string{c.sync, c.rename, c.replace, c.drop}
			if b.d.maria { // it renames what a check or an index mentions along
				switch c.column {
				case "checked":
					want[1], want[3] = "", ""
				case "both_a", "base":
					want[1] = ""
				}
			}
			var got []string
			for _, w := range []planner.Wish{planner.WishSync, planner.WishRename, planner.WishReplace, planner.WishDrop} {
				got = append(got, names(c.column, w))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: sync, rename, replace, drop (-want +got):\n%s", c.column, diff)
			}
		}
		if got := names("", planner.WishDrop); got != "foreign key fc of child; view looks" {
			t.Errorf("dropping the table: %s", got)
		}
		if got := table.Facts[factUpdateTriggers]; got != "tr" {
			t.Errorf("the backfill fires %q", got)
		}
	})
}

// The best key is the primary key, else a unique one that can be walked.
func TestBestKey(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		for i, c := range []struct{ columns, want string }{
			{"a int, b int, PRIMARY KEY (b, a)", "b,a"},
			{"a int, b int", ""},
			{"a int NOT NULL, b int, UNIQUE KEY x (b), UNIQUE KEY y (a)", "a"},
			{"a varchar(99) NOT NULL, UNIQUE KEY (a(10))", ""},
			{"a enum('x') NOT NULL, b int NOT NULL, UNIQUE KEY (a), UNIQUE KEY (b)", "b"},
			{"a float PRIMARY KEY, b int NOT NULL, UNIQUE KEY (b)", "b"},
		} {
			name := "t" + string(rune('a'+i))
			b.exec("CREATE TABLE " + name + " (" + c.columns + ")")
			if got := strings.Join(b.table(name).Key, ","); got != c.want {
				t.Errorf("%s: the key is %q, not %q", c.columns, got, c.want)
			}
		}
	})
}

// Tables that plans must know to avoid are told apart.
func TestKinds(t *testing.T) {
	onServers(t, func(t *testing.T, b *bench) {
		b.exec("CREATE TABLE plain (id int PRIMARY KEY)", "CREATE VIEW v AS SELECT * FROM plain",
			"CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY HASH (id) PARTITIONS 2", "CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM")
		got := map[string]string{}
		s := b.schema("plain", "v", "parts", "old", "none", "PLAIN")
		for _, table := range s.Tables {
			got[table.Ref.Name] = table.Kind + " " + table.Facts[factEngine]
		}
		want := map[string]string{"plain": "table InnoDB", "v": "view ", "parts": "partitioned InnoDB", "old": "table MyISAM"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		ref, ok, err := b.s.InspectIndex(t.Context(), "", "PRIMARY")
		if err != nil || !ok || ref.Name != "old" {
			t.Errorf("the table of an index: %v, %t, %v", ref, ok, err)
		}
		if _, ok, err := b.s.InspectIndex(t.Context(), "", "none"); err != nil || ok {
			t.Errorf("the table of no index: %t, %v", ok, err)
		}
	})
}
