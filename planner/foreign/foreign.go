// Package foreign reads files that were written for other migration tools, or
// written by the servers' dump programs, so that lint sees the SQL that changes
// the schema and nothing else. What is not that is blanked out, byte by byte, so
// that every place in what is left is its place in the file.
package foreign

import (
	"path/filepath"
	"regexp"
	"strings"
)

// Tool is whoever runs a file.
type Tool struct {
	// Name is "" for a migration of our own.
	Name string
	// Wraps: it runs the whole file in one transaction.
	Wraps bool
	// Skipped: nothing of the file is for the way up.
	Skipped bool
}

// The tools whose files are known.
const (
	Goose         = "goose"
	Dbmate        = "dbmate"
	GolangMigrate = "golang-migrate"
	Flyway        = "flyway"
	Dump          = "dump"
)

// Lexis is what of an engine's lexical rules decides where text, names and
// comments end.
type Lexis struct {
	// Backslash: it escapes in strings of single and double quotes.
	Backslash bool
	// Hash begins a comment, and backticks enclose names.
	Hash bool
	// Dollar: $tag$ … $tag$ is a string.
	Dollar bool
	// Nested: comments of the form /* … */ nest.
	Nested bool
	// Routines: bodies of BEGIN … END hold semicolons, so that files mark them
	// (DELIMITER, StatementBegin), and the grammar cannot read them.
	Routines bool
}

var (
	golangMigrateName = regexp.MustCompile(`^\d+_.*\.(up|down)\.sql$`)
	flywayName        = regexp.MustCompile(`^(V[0-9][0-9._]*|U[0-9][0-9._]*|R)__.*\.sql$`)
	dbmateMark        = regexp.MustCompile(`^\s*migrate:(up|down)((?:\s+[a-z_]+:[a-z]+)*)\s*$`)
	gooseMark         = regexp.MustCompile(`^\s*\+goose\s+(.+?)\s*$`)
	dumpMark          = regexp.MustCompile(`^ (?:PostgreSQL database (?:cluster )?dump|(?:MySQL|MariaDB) dump )`)
)

// Read finds out what a file was written for, and blanks out what is not SQL on
// the way up.
func Read(lex Lexis, path, src string) (plain string, tool Tool) {
	tokens := scan(lex, src)
	r := reader{lex: lex, src: src, out: []byte(src), tokens: tokens}
	tool = r.recognize(filepath.Base(path))
	switch tool.Name {
	case Goose:
		r.goose()
	case Dbmate:
		r.dbmate()
	case Dump:
		r.dump()
	case Flyway:
		r.placeholders()
	}
	if tool.Name != "" && lex.Routines {
		r.delimiters()
	}
	if tool.Skipped {
		r.blank(0, len(src))
	}
	return string(r.out), tool
}

type reader struct {
	lex    Lexis
	src    string
	out    []byte
	tokens []token
}

// blank overwrites a stretch, lines kept.
func (r *reader) blank(from, to int) {
	for i := max(from, 0); i < min(to, len(r.out)); i++ {
		if c := r.out[i]; c != '\n' && c != '\r' {
			r.out[i] = ' '
		}
	}
}

// recognize looks at the name, and at the comments.
func (r *reader) recognize(name string) Tool {
	if m := golangMigrateName.FindStringSubmatch(name); m != nil {
		return Tool{Name: GolangMigrate, Wraps: r.lex.Dollar && r.statements() > 1, Skipped: m[1] == "down"}
	}
	if m := flywayName.FindStringSubmatch(name); m != nil {
		return Tool{Name: Flyway, Skipped: m[1][0] == 'U'}
	}
	for _, t := range r.tokens {
		switch {
		case t.kind == metaLine:
			return Tool{Name: Dump}
		case t.kind != lineComment:
		case dumpMark.MatchString(t.text):
			return Tool{Name: Dump}
		case gooseMark.MatchString(t.text):
			return Tool{Name: Goose, Wraps: !r.says(gooseMark, "NO TRANSACTION")}
		case dbmateMark.MatchString(t.text):
			return Tool{Name: Dbmate, Wraps: !r.says(dbmateMark, "up", "transaction:false")}
		}
	}
	return Tool{}
}

// says reports whether a comment of a tool's form has all of these words.
func (r *reader) says(form *regexp.Regexp, words ...string) bool {
	for _, t := range r.tokens {
		if t.kind != lineComment || !form.MatchString(t.text) {
			continue
		}
		all := true
		for _, w := range words {
			all = all && strings.Contains(strings.ToUpper(t.text), strings.ToUpper(w))
		}
		if all {
			return true
		}
	}
	return false
}

// statements counts the semicolons: a file of one statement is no script.
func (r *reader) statements() int {
	n := 0
	open := false
	for _, t := range r.tokens {
		if t.kind == semicolon && open {
			n++
		}
		open = t.kind == word || open && t.kind != semicolon
	}
	if open {
		n++
	}
	return n
}

// goose keeps what stands behind Up and before Down. Blocks that are marked
// because of the semicolons inside are routines, which some grammars cannot read.
func (r *reader) goose() {
	up, kept, routine := false, 0, -1
	for _, t := range r.tokens {
		m := gooseMark.FindStringSubmatch(t.text)
		if t.kind != lineComment || m == nil {
			continue
		}
		switch strings.ToUpper(m[1]) {
		case "UP":
			r.blankUnless(up, kept, t.end)
			up, kept = true, t.end
		case "DOWN":
			r.blankUnless(up, kept, t.start)
			up, kept = false, t.start
		case "STATEMENTBEGIN":
			routine = t.start
		case "STATEMENTEND":
			if r.lex.Routines && routine >= 0 {
				r.blank(routine, t.end)
			}
			routine = -1
		}
	}
	r.blankUnless(up, kept, len(r.src))
}

func (r *reader) blankUnless(keep bool, from, to int) {
	if !keep {
		r.blank(from, to)
	}
}

// dbmate's marks look like our directives, which never stand alone.
func (r *reader) dbmate() {
	up, from := false, 0
	for _, t := range r.tokens {
		m := dbmateMark.FindStringSubmatch(t.text)
		if t.kind != lineComment || m == nil {
			continue
		}
		r.blankUnless(up, from, t.start)
		r.blank(t.start, t.end)
		up, from = m[1] == "up", t.end
	}
	r.blankUnless(up, from, len(r.src))
}

// dump takes away the client's commands, the rows, and what only some servers
// execute: settings, mostly.
func (r *reader) dump() {
	for _, t := range r.tokens {
		conditional := t.kind == blockComment && (strings.HasPrefix(r.src[t.start:], "/*!") || strings.HasPrefix(r.src[t.start:], "/*M!"))
		if conditional || t.kind == metaLine || t.kind == copyData {
			r.blank(t.start, t.end)
		}
	}
}

// delimiters takes away what stands between DELIMITER commands: routines.
func (r *reader) delimiters() {
	from := -1
	for at := 0; at < len(r.src); {
		end := at + strings.IndexByte(r.src[at:], '\n') + 1
		if end <= at {
			end = len(r.src)
		}
		fields := strings.Fields(r.src[at:end])
		if len(fields) == 2 && strings.EqualFold(fields[0], "DELIMITER") {
			if from < 0 {
				from = at
			}
			if fields[1] == ";" {
				r.blank(from, end)
				from = -1
			}
		}
		at = end
	}
	if from >= 0 {
		r.blank(from, len(r.src))
	}
}

// placeholders makes names of Flyway's ${…}, of the same length.
func (r *reader) placeholders() {
	for i := 0; i+2 < len(r.out); i++ {
		end := strings.IndexByte(string(r.out[i:min(i+100, len(r.out))]), '}')
		if r.out[i] == '$' && r.out[i+1] == '{' && end > 0 {
			r.out[i], r.out[i+1], r.out[i+end] = '_', '_', '_'
			for j := i + 2; j < i+end; j++ {
				if c := r.out[j]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9') {
					r.out[j] = '_'
				}
			}
		}
	}
}
