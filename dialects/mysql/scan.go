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
		for s.pos < len(s.src) && isWordByte(s.src[s.pos]) {
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
	for s.pos < len(s.src) && (isWordByte(s.src[s.pos]) || s.src[s.pos] == '.') {
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

// split cuts a script at its semicolons.
func split(src string) ([]piece, []planner.Comment, error) {
	s := &scanner{src: src}
	var pieces []piece
	var comments []planner.Comment
	var cur piece
	depth := 0
	for {
		t, ok, err := s.next()
		if err != nil {
			return nil, nil, err
		}
		if !ok || t.kind == tokPunct && t.text == ";" {
			if len(cur.tokens) > 0 {
				pieces = append(pieces, cur)
			}
			cur = piece{}
			if !ok {
				return pieces, comments, nil
			}
			continue
		}
		if t.kind == tokComment {
			comments = append(comments, planner.Comment{Text: t.text, Start: t.start, TextStart: t.textStart})
			continue
		}
		cur.tokens = append(cur.tokens, t)
		if err := cur.bounded(&depth); err != nil {
			return nil, nil, err
		}
	}
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
