package mysql

import (
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// compound.go finds the end of a statement that has statements inside: the body
// of a procedure, function, trigger or event. The grammar does not know them,
// and their semicolons end nothing. A file may say where such a statement ends
// as the mysql client wants it, with DELIMITER; where it does not (drivers send
// a file as a whole, and goose and sql-migrate mark the place in comments), the
// END that belongs to the outermost BEGIN does (MySQL manual, Compound Statement
// Syntax; MariaDB adds FOR … END FOR).

// blocks follows a statement's tokens and knows which compound statements are
// open after the last.
type blocks struct {
	kind string // what is created: PROCEDURE, FUNCTION, TRIGGER or EVENT
	none bool   // nothing with compound statements inside
	// named: its name has been read. parens is how many are open before the body.
	named  bool
	parens int
	open   []string // BEGIN, IF, LOOP, REPEAT, WHILE, FOR, CASE, and caseValue
	// start: the next token begins a statement; verb is the first word of this
	// one, and handler is true when it declares what to do in a case.
	start   bool
	verb    string
	handler bool
	closed  bool // the last token was an END that closed something
}

// caseValue is the CASE within an expression, whose END stands in it.
const caseValue = "CASE …"

var (
	notCompound = words("table index unique fulltext spatial temporary database schema sequence user role view server tablespace package undo resource")
	// plainVerbs begin a body that is one statement without others inside.
	plainVerbs = words("return select insert update delete replace call with drop signal resignal values set do create alter truncate execute")
	// headEnds are the words behind which a body may begin; an event's begins behind DO.
	headEnds   = words("row do deterministic sql data definer invoker unsigned zerofill enable disable slave replica preserve")
	openers    = words("begin if loop repeat while for")
	beforeName = words("returns follows precedes charset set collate")
)

// read takes the statement's last token in.
func (b *blocks) read(p piece) {
	i := len(p.tokens) - 1
	switch {
	case b.none:
	case b.kind == "":
		b.readKind(p, i)
	case !b.named:
		// IF NOT EXISTS, then the name.
		w := strings.ToLower(p.word(i))
		b.named = w != "if" && w != "not" && w != "exists"
	case len(b.open) == 0 && b.verb == "":
		b.readHead(p, i)
	case len(b.open) > 0:
		b.readBody(p, i)
	}
}

func (b *blocks) readKind(p piece, i int) {
	w := p.word(i)
	switch {
	case i == 0:
		b.none = w != "CREATE"
	case notCompound[strings.ToLower(w)]:
		b.none = true
	case codeKinds[w] != "":
		b.kind = w
	}
}

// readHead looks for the body's first token.
func (b *blocks) readHead(p piece, i int) {
	w := strings.ToLower(p.word(i))
	switch text := p.tokens[i].text; {
	case p.tokens[i].kind == tokPunct && text == "(":
		b.parens++
	case p.tokens[i].kind == tokPunct && text == ")":
		b.parens--
	case b.parens > 0 || p.tokens[i-1].text == ".":
	case w == "begin":
		b.push("BEGIN")
	case !b.mayBegin(p, i):
	case openers[w]:
		b.push(p.word(i))
	case w == "case":
		b.push("CASE")
	case plainVerbs[w] && (w != "do" || b.kind != "EVENT"):
		b.none = true
	}
}

// mayBegin reports whether a body can begin at a token.
func (b *blocks) mayBegin(p piece, i int) bool {
	before := p.tokens[i-1]
	switch {
	case before.kind == tokString, before.kind == tokPunct && (before.text == ")" || before.text == ":"):
		return true
	case headEnds[strings.ToLower(p.word(i-1))]:
		return true
	}
	return beforeName[strings.ToLower(p.word(i-2))]
}

func (b *blocks) push(what string) {
	b.open = append(b.open, what)
	b.verb = what
	b.start = what == "BEGIN" || what == "LOOP" || what == "REPEAT"
}

func (b *blocks) readBody(p piece, i int) {
	start, closed := b.start, b.closed
	b.start, b.closed = false, false
	t, top := p.tokens[i], b.open[len(b.open)-1]
	if t.kind == tokPunct {
		// A colon stands behind a label.
		b.start = t.text == ";" || t.text == ":"
		return
	}
	w := p.word(i)
	if start {
		b.verb, b.handler = w, false
	}
	opens := start || b.verb == "DECLARE" && b.handler && w != "FOR"
	switch {
	case w == "HANDLER":
		b.handler = true
	case w == "END" && (start || top == caseValue || top == "REPEAT" && b.verb == "UNTIL"):
		b.open = b.open[:len(b.open)-1]
		b.closed = true
	case w == "CASE" && opens:
		b.push(w)
	case w == "CASE" && !closed:
		b.open = append(b.open, caseValue)
	case opens && openers[strings.ToLower(w)]:
		b.push(w)
	case w == "THEN" || w == "ELSE":
		b.start = top != caseValue
	case w == "DO":
		b.start = top == "WHILE" || top == "FOR"
	}
}

// unclosed says what of a statement that is over is still open.
func (b *blocks) unclosed(p piece) error {
	if len(b.open) == 0 {
		return nil
	}
	what := strings.TrimSuffix(b.open[len(b.open)-1], " …")
	return &planner.SyntaxError{
		Offset:  p.start(),
		Message: "a " + what + " in this statement has no END; a name of that word must be in backquotes",
	}
}

// readDelimiter reads the mysql client's command, whose first word has been read:
// what ends statements from the next line on.
func (s *scanner) readDelimiter(at int) error {
	line := s.src[s.pos:]
	if end := strings.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	s.pos += len(line)
	fields := strings.Fields(line)
	switch {
	case len(fields) == 0:
		return &planner.SyntaxError{Offset: at, Message: "DELIMITER wants what ends statements from here on behind it"}
	case strings.Contains(fields[0], `\`):
		return &planner.SyntaxError{Offset: at, Message: "DELIMITER cannot have a backslash in it, which means something else to the server"}
	}
	s.delimiter = strings.Trim(fields[0], "'\"`")
	if s.delimiter == ";" {
		s.delimiter = ""
	}
	return nil
}
