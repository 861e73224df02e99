package mysql

import (
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// parse_soften.go reads, in an ALTER TABLE, the words that the grammar does not
// know and this dialect does, and blanks them, so that the grammar can read the
// rest and every place stays where it was.

// softened is what was blanked.
type softened struct {
	sql string
	// ifTable: the statement does nothing where the table is not there.
	ifTable string
	// ifExists, spatial and invisible hold the names that IF EXISTS, SPATIAL and
	// INVISIBLE stood by.
	ifExists, spatial, invisible map[string]bool
	// own are the changes of the clauses that were blanked as a whole.
	own []planner.Change
	// empty: no clause is left for the grammar.
	empty bool
	// stats are the clauses about statistics, of which the grammar loses values.
	stats []string
}

type softener struct {
	softened
	d      *dialect
	p      piece
	text   []byte
	offset int
	table  planner.Ref
}

// soften blanks what only this dialect knows. Statements other than ALTER TABLE
// it leaves alone.
func (d *dialect) soften(p piece, sql string) softened {
	s := &softener{
		softened: softened{sql: sql, ifExists: map[string]bool{}, spatial: map[string]bool{}, invisible: map[string]bool{}},
		d:        d, p: p, text: []byte(sql), offset: p.start(),
	}
	i := 1
	if p.word(i) == "ONLINE" {
		s.blank(i, i+1)
		i++
	}
	if p.word(0) != "ALTER" || p.word(i) != "TABLE" {
		return s.softened
	}
	i++
	ifTable := p.word(i) == "IF" && p.word(i+1) == "EXISTS"
	if ifTable {
		s.blank(i, i+2)
		i += 2
	}
	if i >= len(p.tokens) {
		return s.softened
	}
	s.table.Name = p.tokens[i].text
	if ifTable {
		s.ifTable = s.table.Name
	}
	i++
	if i < len(p.tokens) && p.tokens[i].text == "." {
		i += 2
	}
	switch p.word(i) {
	case "NOWAIT":
		s.blank(i, i+1)
		i++
	case "WAIT":
		s.blank(i, i+2)
		i += 2
	}
	s.clauses(i)
	s.sql = string(s.text)
	return s.softened
}

// blank overwrites tokens with spaces.
func (s *softener) blank(from, to int) {
	for i := from; i < to && i < len(s.p.tokens); i++ {
		t := s.p.tokens[i]
		for j := t.start; j < t.end; j++ {
			s.text[j-s.offset] = ' '
		}
	}
}

// write puts a word in the place of a token that is at least as long.
func (s *softener) write(i int, word string) {
	s.blank(i, i+1)
	copy(s.text[s.p.tokens[i].start-s.offset:], word)
}

// clauses looks at each clause.
func (s *softener) clauses(from int) {
	n := len(s.p.tokens)
	depth, start, kept := 0, from, 0
	for i := from; i <= n; i++ {
		if i < n {
			switch s.p.tokens[i].text {
			case "(":
				depth++
			case ")":
				depth--
			}
			if depth > 0 || s.p.tokens[i].kind != tokPunct || s.p.tokens[i].text != "," {
				continue
			}
		}
		if s.clause(start, min(i, n)) {
			s.blank(start, i)
			// One of the commas beside it goes, too.
			switch {
			case i < n:
				s.blank(i, i+1)
			case kept > 0:
				s.blank(start-1, start)
			}
		} else if start < i {
			kept++
		}
		start = i + 1
	}
	if len(s.stats) > 0 {
		// Together: MariaDB forgets what it is not told again.
		a := alter{d: s.d, table: s.table}
		s.own = append(s.own, a.setting(detailStats, strings.Join(s.stats, ", "), planner.Widens))
	}
	s.empty = kept == 0 && len(s.own) > 0
}

// clause reads one clause; true if nothing of it is the grammar's.
func (s *softener) clause(from, to int) bool {
	w := func(i int) string {
		if from+i < to {
			return s.p.word(from + i)
		}
		return ""
	}
	name := func(i int) string {
		if from+i < to {
			return s.p.tokens[from+i].text
		}
		return ""
	}
	switch w(0) {
	case "STATS_PERSISTENT", "STATS_AUTO_RECALC", "STATS_SAMPLE_PAGES":
		s.stats = append(s.stats, string(s.text[s.p.tokens[from].start-s.offset:s.p.tokens[to-1].end-s.offset]))
		return true
	case "ALGORITHM":
		if s.p.word(to-1) == "NOCOPY" {
			s.write(to-1, "COPY")
		}
	case "DROP":
		at := 2
		if w(1) == "FOREIGN" {
			at = 3
		}
		if (w(1) == "CONSTRAINT" || w(1) == "FOREIGN") && w(at) == "IF" && w(at+1) == "EXISTS" {
			s.blank(from+at, from+at+2)
			s.ifExists[name(at+2)] = true
		}
	case "RENAME":
		if w(1) == "COLUMN" && w(2) == "IF" {
			s.blank(from+2, from+4)
			s.ifExists[name(4)] = true
		}
	case "ALTER":
		return s.alterClause(w, name)
	case "ADD", "MODIFY", "CHANGE":
		s.definition(from, to, w)
	}
	return false
}

// alterClause reads ALTER COLUMN … SET INVISIBLE and ALTER INDEX … IGNORED.
func (s *softener) alterClause(w, name func(int) string) bool {
	i := 1
	kind := w(i)
	if kind == "COLUMN" || kind == "INDEX" || kind == "KEY" {
		i++
	}
	if w(i) == "IF" {
		i += 2
	}
	what := name(i)
	switch {
	case w(i+1) == "SET" && (w(i+2) == "INVISIBLE" || w(i+2) == "VISIBLE"):
		effect := planner.Widens
		if w(i+2) == "INVISIBLE" {
			effect = planner.Narrows
		}
		s.own = append(s.own, columnDirect(s.table, what, "ALTER COLUMN "+quoteName(what)+" SET "+w(i+2), effect))
		return true
	case kind != "INDEX" && kind != "KEY":
	case w(i+1) == "IGNORED":
		s.own = append(s.own, indexDirect(s.table, what, what, "ALTER INDEX "+quoteName(what)+" IGNORED", planner.Narrows))
		return true
	case w(i+1) == "NOT" && w(i+2) == "IGNORED":
		s.own = append(s.own, indexDirect(s.table, what, what, "ALTER INDEX "+quoteName(what)+" NOT IGNORED", planner.Widens))
		return true
	}
	return false
}

// definition reads, in a column's or an index's definition, what the grammar
// does not know.
func (s *softener) definition(from, to int, w func(int) string) {
	i := 1
	if w(i) == "SPATIAL" {
		if w(i+1) == "INDEX" || w(i+1) == "KEY" {
			// "FULLTEXT" is a letter longer than "SPATIAL", and the word after it may go.
			s.blank(from+i, from+i+2)
			copy(s.text[s.p.tokens[from+i].start-s.offset:], "FULLTEXT")
			if from+i+2 < to {
				s.spatial[s.p.tokens[from+i+2].text] = true
			}
		}
		return
	}
	switch w(i) {
	case "INDEX", "KEY", "UNIQUE", "FULLTEXT", "CONSTRAINT", "PRIMARY", "FOREIGN", "CHECK", "PARTITION":
		return
	case "COLUMN":
		i++
	}
	for _, x := range []string{"IF", "NOT", "EXISTS"} {
		if w(i) == x {
			i++
		}
	}
	if w(0) == "CHANGE" {
		i++
	}
	if from+i >= to {
		return
	}
	column := s.p.tokens[from+i].text
	depth := 0
	for j := from + i + 1; j < to; j++ {
		switch t := s.p.tokens[j]; {
		case t.text == "(":
			depth++
		case t.text == ")":
			depth--
		case depth > 0 || t.kind != tokWord:
		case strings.EqualFold(t.text, "INVISIBLE"):
			s.invisible[column] = true
			s.blank(j, j+1)
		case strings.EqualFold(t.text, "PERSISTENT"):
			s.write(j, "STORED")
		}
	}
}
