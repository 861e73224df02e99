package postgres

import (
	"errors"
	"slices"
	"strings"

	pg "github.com/pganalyze/pg_query_go/v6"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// apart.go reads a file in which the grammar does not know every statement: the
// scanner, which knows strings, comments and dollar quotes, cuts it at the
// semicolons, and each piece is read on its own. A piece that cannot be read is
// opaque; it says nothing about the others.

// piece is a statement of a file: its tree, or why there is none.
type piece struct {
	stmt       *pg.Node
	start, end int // without its semicolon
	err        *planner.SyntaxError
}

// pieces reads a file. It fails where not even the scanner can go on.
func pieces(src string, tokens []*pg.ScanToken) ([]piece, error) {
	tree, err := parseSQL(src)
	if err == nil {
		var out []piece
		for _, raw := range tree.Stmts {
			start, end := extent(src, raw, tokens)
			out = append(out, piece{stmt: raw.Stmt, start: start, end: end})
		}
		return out, nil
	}
	if _, deep := tooDeep(tokens); deep {
		return nil, err
	}
	var out []piece
	for _, part := range statementTokens(tokens) {
		p := piece{start: int(part[0].Start), end: int(part[len(part)-1].End)}
		text := src[p.start:p.end]
		if part[len(part)-1].Token == pg.Token_ASCII_59 {
			if p.end = p.start; len(part) > 1 {
				p.end = int(part[len(part)-2].End)
			}
		}
		tree, err := parseSQL(text)
		switch {
		case errors.As(err, &p.err):
		case err != nil:
			return nil, err
		case len(tree.Stmts) == 0:
			continue
		default:
			p.stmt = tree.Stmts[0].Stmt
		}
		out = append(out, p)
	}
	return out, nil
}

// statementTokens cuts tokens behind the semicolons that end a statement: not
// those within brackets (of a rule) or between BEGIN ATOMIC and its END. Where a
// bracket is never closed, the next statement begins where one can.
func statementTokens(tokens []*pg.ScanToken) [][]*pg.ScanToken {
	var out [][]*pg.ScanToken
	from, open, body := 0, 0, 0
	for i, t := range tokens {
		switch t.Token {
		case pg.Token_ASCII_40: // (
			open++
		case pg.Token_ASCII_41: // )
			open = max(open-1, 0)
		case pg.Token_BEGIN_P:
			if body > 0 || i+1 < len(tokens) && tokens[i+1].Token == pg.Token_ATOMIC {
				body++
			}
		case pg.Token_CASE:
			if body > 0 {
				body++
			}
		case pg.Token_END_P:
			body = max(body-1, 0)
		case pg.Token_ASCII_59: // ;
			if body > 0 || open > 0 && !(canBegin(tokens, i+1) && !isRule(tokens[from:i])) {
				continue
			}
			out, from, open = append(out, tokens[from:i+1]), i+1, 0
		}
	}
	if from < len(tokens) {
		out = append(out, tokens[from:])
	}
	return slices.DeleteFunc(out, func(part []*pg.ScanToken) bool { return len(part) == 1 && part[0].Token == pg.Token_ASCII_59 })
}

// canBegin reports whether a statement that changes something can begin here.
func canBegin(tokens []*pg.ScanToken, i int) bool {
	if i >= len(tokens) {
		return true
	}
	switch tokens[i].Token {
	case pg.Token_CREATE, pg.Token_ALTER, pg.Token_DROP, pg.Token_UPDATE, pg.Token_INSERT, pg.Token_DELETE_P, pg.Token_COMMENT, pg.Token_GRANT:
		return true
	}
	return false
}

func isRule(tokens []*pg.ScanToken) bool {
	return slices.ContainsFunc(tokens[:min(len(tokens), 4)], func(t *pg.ScanToken) bool { return t.Token == pg.Token_RULE })
}

// unread makes an opaque change of a statement that the grammar does not know.
func unread(text string, se *planner.SyntaxError) []planner.Change {
	o := planner.Opaque{What: firstWords(text), Rule: se.Rule, Reason: se.Message, Instead: se.Instead, At: se.Offset, SQL: text}
	if o.Instead == "" {
		o.Instead = "correct the SQL"
	}
	return []planner.Change{o}
}

// firstWords names a statement by the words that it begins with.
func firstWords(text string) string {
	scan, err := pg.Scan(text)
	if err != nil {
		return "the statement"
	}
	var out []string
	dotted := false
	for _, t := range scan.Tokens {
		word := text[t.Start:t.End]
		switch {
		case t.Token == pg.Token_SQL_COMMENT || t.Token == pg.Token_C_COMMENT:
			continue
		case (dotted || t.Token == pg.Token_ASCII_46) && len(out) > 0: // schema.name
			out[len(out)-1] += word
			dotted = !dotted
			continue
		case t.Token == pg.Token_ASCII_40 || len(out) == 4:
			return strings.Join(out, " ")
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// unreadStep runs a statement that the grammar does not know: what it is about is
// told from its first words.
func unreadStep(s *planner.Schema, step plan.Step, sql string) plan.Step {
	scan, err := pg.Scan(sql)
	if err != nil {
		return step
	}
	tokens := slices.DeleteFunc(scan.Tokens, func(t *pg.ScanToken) bool {
		return t.Token == pg.Token_SQL_COMMENT || t.Token == pg.Token_C_COMMENT
	})
	has := func(wanted ...pg.Token) bool {
		return slices.ContainsFunc(tokens, func(t *pg.ScanToken) bool { return slices.Contains(wanted, t.Token) })
	}
	step.Title = "run " + firstWords(sql)
	switch {
	case has(pg.Token_UNIQUE, pg.Token_PRIMARY, pg.Token_EXCLUDE):
		step.Work = plan.Build
	case has(pg.Token_CHECK, pg.Token_FOREIGN, pg.Token_NULL_P) && !has(pg.Token_VALID):
		step.Work = plan.Scan
	}
	if has(pg.Token_CONCURRENTLY) || len(tokens) > 0 && tokens[0].Token == pg.Token_VACUUM {
		step.Mode, step.StatementTimeoutMS = plan.Each, 0
	}
	if ref, ok := alteredTable(sql, tokens); ok {
		if t := s.Table(ref); t != nil {
			ref = t.Ref
		}
		step.Lock = plan.Lock{Mode: lockAccessExclusive, Object: s.Display(ref)}
	}
	return step
}

// alteredTable reads the name behind ALTER TABLE.
func alteredTable(sql string, tokens []*pg.ScanToken) (planner.Ref, bool) {
	if len(tokens) < 3 || tokens[0].Token != pg.Token_ALTER || tokens[1].Token != pg.Token_TABLE {
		return planner.Ref{}, false
	}
	at := 2
	for at < len(tokens) && slices.Contains([]pg.Token{pg.Token_IF_P, pg.Token_EXISTS, pg.Token_ONLY}, tokens[at].Token) {
		at++
	}
	end := at
	for end+2 < len(tokens) && tokens[end+1].Token == pg.Token_ASCII_46 { // .
		end += 2
	}
	if end >= len(tokens) {
		return planner.Ref{}, false
	}
	ref, err := regclassRef(sql[tokens[at].Start:tokens[end].End])
	return ref, err == nil && ref.Name != ""
}
