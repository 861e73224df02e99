package foreign

import "strings"

// kind is what a stretch of a file is, as far as finding marks in it goes.
type kind int

const (
	word         kind = iota // anything that is SQL
	lineComment              // text is what stands behind the marker
	blockComment             // /* … */, whatever it says
	semicolon
	metaLine // a command of psql, to its line's end
	copyData // rows behind COPY … FROM stdin, the statement included
)

type token struct {
	kind       kind
	text       string
	start, end int
}

// scan cuts a file. It never fails: what is not closed goes to the file's end.
func scan(lex Lexis, src string) []token {
	s := &scanner{lex: lex, src: src}
	for s.pos < len(src) {
		s.next()
	}
	return s.out
}

type scanner struct {
	lex Lexis
	src string
	pos int
	out []token
	// statement is where the current statement began; -1 between statements.
	statement int
	begun     bool
}

func (s *scanner) add(k kind, start, end int, text string) {
	s.out = append(s.out, token{k, text, start, end})
	s.pos = end
}

// lineEnd is the place of the line's end, without a carriage return.
func (s *scanner) lineEnd(from int) int {
	end := strings.IndexByte(s.src[from:], '\n')
	if end < 0 {
		return len(s.src)
	}
	return from + end
}

func (s *scanner) next() {
	rest, start := s.src[s.pos:], s.pos
	c := rest[0]
	switch {
	case c == ' ' || c >= '\t' && c <= '\r':
		s.pos++
	case strings.HasPrefix(rest, "--") && s.dashes(rest):
		end := s.lineEnd(start)
		s.add(lineComment, start, end, strings.TrimSuffix(s.src[start+2:end], "\r"))
	case c == '#' && s.lex.Hash:
		end := s.lineEnd(start)
		s.add(lineComment, start, end, strings.TrimSuffix(s.src[start+1:end], "\r"))
	case strings.HasPrefix(rest, "/*"):
		s.add(blockComment, start, s.closeComment(start), "")
	case c == '\\' && !s.lex.Hash && !s.begun:
		s.add(metaLine, start, s.lineEnd(start), "")
	case c == ';':
		s.endStatement(start)
	default:
		s.begin(start)
		s.add(word, start, s.sqlEnd(start), "")
	}
}

// dashes: where # begins comments, two dashes do so only before a blank.
func (s *scanner) dashes(rest string) bool {
	return !s.lex.Hash || len(rest) == 2 || rest[2] <= ' '
}

func (s *scanner) begin(at int) {
	if !s.begun {
		s.begun, s.statement = true, at
	}
}

// endStatement ends a statement and, where it was a COPY from what follows,
// takes the rows too.
func (s *scanner) endStatement(at int) {
	if s.begun && copies(s.src[s.statement:at]) {
		end := s.lineEnd(at)
		for end < len(s.src) {
			line := s.lineEnd(end + 1)
			done := strings.TrimRight(s.src[end+1:line], "\r") == `\.`
			if end = line; done {
				break
			}
		}
		from := s.statement
		s.begun = false
		s.add(copyData, from, end, "")
		return
	}
	s.begun = false
	s.add(semicolon, at, at+1, "")
}

// copies recognises COPY … FROM stdin.
func copies(statement string) bool {
	words := strings.Fields(strings.ToUpper(statement))
	if len(words) == 0 || words[0] != "COPY" {
		return false
	}
	for i, w := range words {
		if w == "FROM" && i+1 < len(words) && strings.HasPrefix(words[i+1], "STDIN") {
			return true
		}
	}
	return false
}

func (s *scanner) closeComment(start int) int {
	depth := 0
	for i := start; i+1 < len(s.src); i++ {
		switch s.src[i : i+2] {
		case "/*":
			if depth == 0 || s.lex.Nested {
				depth++
			}
			i++
		case "*/":
			depth--
			i++
			if depth == 0 {
				return i + 1
			}
		}
	}
	return len(s.src)
}

// sqlEnd ends a string, a quoted name, a word or a sign.
func (s *scanner) sqlEnd(start int) int {
	c := s.src[start]
	switch {
	case c == '\'' || c == '"' || c == '`' && s.lex.Hash:
		return s.quoted(start, c, s.lex.Backslash && c != '`')
	case (c == 'e' || c == 'E') && s.lex.Dollar && strings.HasPrefix(s.src[start+1:], "'"):
		return s.quoted(start+1, '\'', true)
	case c == '$' && s.lex.Dollar:
		return s.dollar(start)
	case isWord(c):
		end := start
		for end < len(s.src) && isWord(s.src[end]) {
			end++
		}
		return end
	}
	return start + 1
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

func (s *scanner) quoted(start int, quote byte, backslash bool) int {
	for i := start + 1; i < len(s.src); i++ {
		switch {
		case backslash && s.src[i] == '\\':
			i++
		case s.src[i] != quote:
		case i+1 < len(s.src) && s.src[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return len(s.src)
}

// dollar ends a $tag$ … $tag$ string, or is a sign.
func (s *scanner) dollar(start int) int {
	end := start + 1
	for end < len(s.src) && isWord(s.src[end]) {
		end++
	}
	if end >= len(s.src) || s.src[end] != '$' || end > start+1 && s.src[start+1] >= '0' && s.src[start+1] <= '9' {
		return start + 1
	}
	tag := s.src[start : end+1]
	closing := strings.Index(s.src[end+1:], tag)
	if closing < 0 {
		return len(s.src)
	}
	return end + 1 + closing + len(tag)
}
