package mysql

import (
	"strings"

	"github.com/expandcontract/migrate/planner"
)

// scan.go is a small lexer. It does not judge grammar, which the parser does;
// it finds what the parser throws away: comments, and where statements start.
// It also names the identifiers in a trigger's or a view's text.

type tokenKind int

const (
	tokWord tokenKind = iota // a keyword or an unquoted name
	tokName                  // a name in backquotes, unquoted
	tokString
	tokNumber
	tokPunct
	tokComment
	tokEnd // the delimiter that the file has chosen
)

type token struct {
	kind       tokenKind
	text       string // names without their quotes, comments without their markers
	start, end int    // byte offsets
	textStart  int
}

// scanner cuts SQL into tokens, under the default sql_mode: double quotes make
// strings, backslashes escape.
type scanner struct {
	src string
	pos int
	// executable is true within /*! … */, whose content is code.
	executable bool
	// delimiter ends statements besides the semicolon; empty: nothing else does.
	delimiter string
}

// delimited reports whether the delimiter stands at the scanner's place.
func (s *scanner) delimited() bool {
	return s.delimiter != "" && strings.HasPrefix(s.src[s.pos:], s.delimiter)
}

// next returns the next token; ok is false at the end.
func (s *scanner) next() (t token, ok bool, err error) {
	for s.pos < len(s.src) && isSpace(s.src[s.pos]) {
		s.pos++
	}
	if s.pos >= len(s.src) {
		if s.executable {
			return token{}, false, &planner.SyntaxError{Offset: len(s.src), Message: "the comment /*! is not closed"}
		}
		return token{}, false, nil
	}
	start := s.pos
	rest := s.src[start:]
	switch c := rest[0]; {
	case s.delimited():
		s.pos += len(s.delimiter)
		return s.token(tokEnd, start), true, nil
	case c == '#', strings.HasPrefix(rest, "--") && (len(rest) == 2 || isSpace(rest[2]) || rest[2] < ' '):
		return s.lineComment(start), true, nil
	case s.executable && strings.HasPrefix(rest, "*/"):
		s.executable = false
		s.pos += 2
		return s.next()
	case strings.HasPrefix(rest, "/*"):
		return s.blockComment(start)
	case c == '\'' || c == '"' || c == '`':
		return s.quoted(start, c)
	case isWordByte(c) && (c < '0' || c > '9'):
		for s.pos < len(s.src) && isWordByte(s.src[s.pos]) && !s.delimited() {
			s.pos++
		}
		return s.token(tokWord, start), true, nil
	case c >= '0' && c <= '9':
		return s.number(start), true, nil
	}
	s.pos++
	return s.token(tokPunct, start), true, nil
}

func (s *scanner) token(kind tokenKind, start int) token {
	return token{kind: kind, text: s.src[start:s.pos], start: start, end: s.pos, textStart: start}
}

func (s *scanner) lineComment(start int) token {
	mark := 1
	if s.src[start] == '-' {
		mark = 2
	}
	end := strings.IndexByte(s.src[start:], '\n')
	if end < 0 {
		end = len(s.src)
	} else {
		end += start
	}
	s.pos = end
	return token{kind: tokComment, text: strings.TrimSuffix(s.src[start+mark:end], "\r"), start: start, end: end, textStart: start + mark}
}

func (s *scanner) blockComment(start int) (token, bool, error) {
	rest := s.src[start:]
	switch {
	case strings.HasPrefix(rest, "/*!"):
		s.pos = start + 3
		for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
			s.pos++
		}
		s.executable = true
		return s.next()
	case strings.HasPrefix(rest, "/*M!"), strings.HasPrefix(rest, "/*T!"):
		return token{}, false, &planner.SyntaxError{
			Offset: start, Message: "a comment that only some servers execute: write the code plainly, or remove it",
		}
	}
	end := strings.Index(rest[2:], "*/")
	if end < 0 {
		return token{}, false, &planner.SyntaxError{Offset: start, Message: "the comment /* is not closed"}
	}
	s.pos = start + 2 + end + 2
	return token{kind: tokComment, text: rest[2 : 2+end], start: start, end: s.pos, textStart: start + 2}, true, nil
}

func (s *scanner) quoted(start int, quote byte) (token, bool, error) {
	var text strings.Builder
	for i := start + 1; i < len(s.src); i++ {
		c := s.src[i]
		switch {
		case c == '\\' && quote != '`' && i+1 < len(s.src):
			i++
			text.WriteByte(s.src[i])
		case c == quote && i+1 < len(s.src) && s.src[i+1] == quote:
			i++
			text.WriteByte(quote)
		case c == quote:
			s.pos = i + 1
			kind := tokString
			if quote == '`' {
				kind = tokName
			}
			return token{kind: kind, text: text.String(), start: start, end: s.pos, textStart: start + 1}, true, nil
		default:
			text.WriteByte(c)
		}
	}
	what := "the string"
	if quote == '`' {
		what = "the name"
	}
	return token{}, false, &planner.SyntaxError{Offset: start, Message: what + " that starts here is not closed"}
}

func (s *scanner) number(start int) token {
	for s.pos < len(s.src) && (isWordByte(s.src[s.pos]) || s.src[s.pos] == '.') && !s.delimited() {
		c := s.src[s.pos]
		s.pos++
		if (c == 'e' || c == 'E') && s.pos < len(s.src) && (s.src[s.pos] == '+' || s.src[s.pos] == '-') {
			s.pos++
		}
	}
	kind := tokNumber
	for _, r := range s.src[start:s.pos] {
		// A name may start with a digit; a number has no letter but these.
		if !strings.ContainsRune("0123456789.eExXabcdefABCDEF+-", r) {
			kind = tokWord
		}
	}
	return s.token(kind, start)
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// piece is one statement's tokens, comments left out.
type piece struct{ tokens []token }

func (p piece) start() int { return p.tokens[0].start }
func (p piece) end() int   { return p.tokens[len(p.tokens)-1].end }

// word returns the i-th token as an upper-case word, or "".
func (p piece) word(i int) string {
	if i < len(p.tokens) && p.tokens[i].kind == tokWord {
		return strings.ToUpper(p.tokens[i].text)
	}
	return ""
}

// has reports whether a word occurs anywhere.
func (p piece) has(word string) bool {
	for i := range p.tokens {
		if p.word(i) == word {
			return true
		}
	}
	return false
}

// split cuts a script at its semicolons, and where DELIMITER says. Those inside
// of a routine's body end nothing.
func split(src string) ([]piece, []planner.Comment, error) {
	c := &cutter{s: scanner{src: src}}
	for {
		t, ok, err := c.s.next()
		if err == nil {
			err = c.take(t, ok)
		}
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			return c.pieces, c.comments, nil
		}
	}
}

// cutter makes pieces of tokens.
type cutter struct {
	s        scanner
	pieces   []piece
	comments []planner.Comment
	cur      piece
	blocks   blocks
	depth    int
}

// take takes a token in, or the end of the script.
func (c *cutter) take(t token, ok bool) error {
	switch {
	case !ok || t.kind == tokEnd:
		return c.cut(!ok && c.s.delimiter == "")
	case t.kind == tokComment:
		c.comments = append(c.comments, planner.Comment{Text: t.text, Start: t.start, TextStart: t.textStart})
		return nil
	case t.kind == tokPunct && t.text == ";" && !c.inside():
		return c.cut(false)
	case len(c.cur.tokens) == 0 && t.kind == tokWord && strings.EqualFold(t.text, "DELIMITER"):
		return c.s.readDelimiter(t.start)
	}
	c.cur.tokens = append(c.cur.tokens, t)
	c.blocks.read(c.cur)
	return c.cur.bounded(&c.depth)
}

// inside reports whether a semicolon stands within a statement: in an open
// block, or where the file has said what else ends a routine.
func (c *cutter) inside() bool {
	return len(c.blocks.open) > 0 || c.s.delimiter != "" && c.blocks.kind != "" && !c.blocks.none
}

// cut ends a statement. Where nothing but semicolons ends statements, the
// script's end closes no block.
func (c *cutter) cut(closes bool) error {
	for n := len(c.cur.tokens); n > 0 && c.cur.tokens[n-1].text == ";" && c.cur.tokens[n-1].kind == tokPunct; n-- {
		c.cur.tokens = c.cur.tokens[:n-1]
	}
	if len(c.cur.tokens) > 0 {
		if err := c.blocks.unclosed(c.cur); closes && err != nil {
			return err
		}
		c.pieces = append(c.pieces, c.cur)
	}
	c.cur, c.blocks = piece{}, blocks{}
	return nil
}

// A statement larger or deeper than this is refused: the grammar and the walks
// over its trees are recursive, and no stack is endless.
const (
	maxTokens = 200_000
	maxDepth  = 500
)

// bounded keeps count of the depth while a piece grows.
func (p piece) bounded(depth *int) error {
	last := p.tokens[len(p.tokens)-1]
	switch {
	case len(p.tokens) == 1:
		*depth = 0
	case len(p.tokens) > maxTokens:
		return &planner.SyntaxError{Offset: p.start(), Message: "the statement is too long for the parser"}
	}
	if last.kind == tokPunct {
		switch last.text {
		case "(":
			*depth++
		case ")":
			*depth--
		}
	}
	if *depth > maxDepth {
		return &planner.SyntaxError{Offset: last.start, Message: "the statement is nested too deeply for the parser"}
	}
	return nil
}

// mentions lists the names that occur in a piece of SQL, lower-cased, whether
// they are names of columns or not.
func mentions(sql string) map[string]bool {
	out := map[string]bool{}
	s := &scanner{src: sql}
	for {
		t, ok, err := s.next()
		if err != nil || !ok {
			return out
		}
		if t.kind == tokWord || t.kind == tokName {
			out[strings.ToLower(t.text)] = true
		}
	}
}

// masked returns SQL with every literal replaced by a question mark.
func masked(sql string) string {
	var b strings.Builder
	s := &scanner{src: sql}
	last := 0
	for {
		t, ok, err := s.next()
		if err != nil {
			// An unfinished string (servers cut long statements): nothing of it.
			return strings.TrimSpace(b.String() + " …")
		}
		if !ok {
			return strings.TrimSpace(b.String())
		}
		if t.kind == tokComment {
			continue
		}
		if b.Len() > 0 && t.start > last {
			b.WriteByte(' ')
		}
		last = t.end
		if t.kind == tokString || t.kind == tokNumber {
			b.WriteByte('?')
			continue
		}
		b.WriteString(sql[t.start:t.end])
	}
}
