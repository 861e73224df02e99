package mysql

import (
	"strings"
	"testing"

	"github.com/expandcontract/migrate/planner"
)

// How columns are added and dropped by version and table: what runs in
// TestFacts is tried on servers, the rest is as the manual has it.
func TestManners(t *testing.T) {
	t.Parallel()
	const (
		inst = instant
		inpl = inplace
		shar = inplaceShared
	)
	words := planner.Index{Name: "ft", Columns: []string{"b"}, Definition: "CREATE FULLTEXT INDEX `ft` ON `t` (`b`)"}
	virtual := planner.Index{Name: "kv", Columns: []string{"v"}, Simple: true, Definition: "CREATE INDEX `kv` ON `t` (`v`)"}
	for _, c := range []struct {
		engine                     string
		version                    int
		facts                      string // name=value
		index                      *planner.Index
		end, first, drop, nullable string
	}{
		{"mysql", 80011, "", nil, inpl, inpl, inpl, inpl},
		{"mysql", 80012, "", nil, inst, inpl, inpl, inpl},
		{"mysql", 80028, "", nil, inst, inpl, inpl, inpl},
		{"mysql", 80029, "", nil, inst, inst, inst, inpl},
		{"mysql", 80400, "row_versions=56", nil, inst, inst, inst, inpl},
		{"mysql", 80400, "row_versions=57", nil, inpl, inpl, inpl, inpl},
		{"mysql", 90100, "row_versions=57", nil, inst, inst, inst, inpl},
		{"mysql", 90100, "row_versions=248", nil, inpl, inpl, inpl, inpl},
		{"mysql", 90700, "row_format=compressed", nil, inpl, inpl, inpl, inpl},
		{"mysql", 90700, "hidden_columns=yes", nil, inpl, inpl, inpl, inpl},
		{"mysql", 90700, "", &words, copyShared, copyShared, copyShared, copyShared},
		{"mysql", 90700, "", &virtual, inst, inst, inst, inpl},
		{"mariadb", 101100, "", nil, inst, copyShared, inst, inpl}, // before the virtual column
		{"mariadb", 110800, "", nil, inst, copyNone, inst, inpl},
		{"mariadb", 110800, "row_versions=250", nil, inst, copyNone, inst, inpl},
		{"mariadb", 101100, "", &words, shar, copyShared, shar, shar},
		{"mariadb", 110800, "", &words, copyNone, copyNone, copyNone, copyNone},
		{"mariadb", 101100, "", &virtual, shar, copyShared, shar, copyShared},
		{"mariadb", 110800, "", &virtual, copyNone, copyNone, copyNone, copyNone},
		{"mariadb", 110800, "hidden_columns=yes", nil, inpl, copyNone, inpl, inpl},
	} {
		d := &dialect{maria: c.engine == "mariadb"}
		s := &planner.Schema{VersionNum: c.version, Facts: map[string]string{}}
		table := &planner.Table{Ref: planner.Ref{Name: "t"}, Facts: map[string]string{}, Columns: []planner.Column{
			{Name: "id", Type: "int"}, {Name: "b", Type: "text"}, {Name: "v", Type: "int", Generated: "virtual"},
		}}
		if name, value, ok := strings.Cut(c.facts, "="); ok {
			table.Facts[name] = value
		}
		if c.index != nil {
			table.Indexes = []planner.Index{*c.index}
		}
		for what, got := range map[string][2]string{
			"adding at the end": {d.adding(s, table, []string{placeEnd}).how, c.end},
			"adding first":      {d.adding(s, table, []string{placeEnd, placeFirst}).how, c.first},
			"dropping":          {d.dropping(s, table, false).how, c.drop},
			"allowing NULL":     {d.allowing(s, table).how, c.nullable},
		} {
			if got[0] != got[1] {
				t.Errorf("%s %d %s %v, %s: %s, not %s", c.engine, c.version, c.facts, c.index != nil, what, got[0], got[1])
			}
		}
	}
}
