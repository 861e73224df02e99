package postgres

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	pg "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/expandcontract/migrate/planner"
)

// maxNesting bounds how deep a syntax tree can get: tokens that are not behind
// a comma, over all brackets that are open. The grammar's C code recurses, and
// ends the process when its stack does, at about six times this.
const maxNesting = 10_000

// parseSQL reads a script with PostgreSQL's grammar. Errors are of type
// *planner.SyntaxError, with the offset in bytes.
func parseSQL(src string) (*pg.ParseResult, error) {
	tokens, err := scanSQL(src)
	if err != nil {
		return nil, err
	}
	if at, ok := tooDeep(tokens); ok {
		return nil, &planner.SyntaxError{Offset: at, Message: fmt.Sprintf("this nests deeper than %d tokens", maxNesting)}
	}
	tree, err := pg.Parse(src)
	if err != nil {
		err = syntaxError(src, err)
		if se := (*planner.SyntaxError)(nil); errors.As(err, &se) {
			err = withNewer(src, se)
		}
		return nil, err
	}
	return tree, nil
}

// scanSQL cuts a script into tokens, with errors like parseSQL's.
func scanSQL(src string) ([]*pg.ScanToken, error) {
	if err := readable(src); err != nil {
		return nil, err
	}
	scan, err := pg.Scan(src)
	if err != nil {
		return nil, syntaxError(src, err)
	}
	return scan.Tokens, nil
}

func tooDeep(tokens []*pg.ScanToken) (at int, deep bool) {
	open, total := []int{0}, 0 // tokens per open bracket, and their sum
	for _, t := range tokens {
		top := len(open) - 1
		switch t.Token {
		case pg.Token_ASCII_40, pg.Token_ASCII_91: // ( [
			open = append(open, 0)
			top++
		case pg.Token_ASCII_41, pg.Token_ASCII_93: // ) ]
			if top > 0 {
				total -= open[top]
				open = open[:top]
				top--
			}
		case pg.Token_ASCII_44, pg.Token_ASCII_59: // , ;
			total -= open[top]
			open[top] = 0
		}
		open[top]++
		if total++; total > maxNesting {
			return int(t.Start), true
		}
	}
	return 0, false
}

// readable refuses what the C grammar would read in part or not at all.
func readable(src string) error {
	if i := strings.IndexByte(src, 0); i >= 0 {
		return &planner.SyntaxError{Offset: i, Message: "the file contains a NUL byte"}
	}
	if !utf8.ValidString(src) {
		for i, r := range src {
			if r == utf8.RuneError && !strings.HasPrefix(src[i:], string(utf8.RuneError)) {
				return &planner.SyntaxError{Offset: i, Message: "the file is not valid UTF-8"}
			}
		}
	}
	return nil
}

func syntaxError(src string, err error) error {
	var pe *parser.Error
	if !errors.As(err, &pe) {
		return &planner.SyntaxError{Message: err.Error()}
	}
	return &planner.SyntaxError{Offset: byteOffset(src, pe.Cursorpos-1), Message: pe.Message}
}

// byteOffset turns the grammar's cursor, which counts characters, into bytes.
func byteOffset(src string, chars int) int {
	for i := range src {
		if chars <= 0 {
			return i
		}
		chars--
	}
	return len(src)
}

// grammarVersion is what the parser stamps trees with, and wants to see again.
var grammarVersion = sync.OnceValue(func() int32 {
	tree, err := pg.Parse("SELECT 1")
	if err != nil {
		return 0
	}
	return tree.Version
})

// deparse writes one statement. It fails where what it writes would not be
// read as the same tree, so that nothing is ever changed on the way.
func deparse(stmt *pg.Node) (string, error) {
	text, err := pg.Deparse(&pg.ParseResult{Version: grammarVersion(), Stmts: []*pg.RawStmt{{Stmt: stmt}}})
	if err != nil {
		return "", fmt.Errorf("writing the statement again: %w", err)
	}
	again, err := parseSQL(text)
	if err != nil || len(again.Stmts) != 1 || !sameTree(stmt, again.Stmts[0].Stmt) {
		return "", errors.New("PostgreSQL's grammar does not write it back as it was read")
	}
	return text, nil
}

// sameTree compares two trees, places aside.
func sameTree(a, b *pg.Node) bool {
	x, y := clone(a), clone(b)
	clearPlaces(x.ProtoReflect())
	clearPlaces(y.ProtoReflect())
	return proto.Equal(x, y)
}

// places are the fields that say where in the text something stood, or how it
// was spelt where the spellings mean the same.
var places = map[protoreflect.Name]bool{
	"location": true, "stmt_location": true, "stmt_len": true, "list_start": true, "list_end": true,
	"rexpr_list_start": true, "rexpr_list_end": true, "name_location": true,
}

func clearPlaces(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if places[f.Name()] && f.Kind() == protoreflect.Int32Kind {
			m.Clear(f)
		}
		return true
	})
	eachChild(m, func(c protoreflect.Message) { clearPlaces(c) })
}

// eachChild calls f for every message directly below m, in the order of the
// grammar's fields: protobuf's own order differs from one build to the next.
func eachChild(m protoreflect.Message, f func(protoreflect.Message)) {
	var fields []protoreflect.FieldDescriptor
	m.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if fd.Kind() == protoreflect.MessageKind {
			fields = append(fields, fd)
		}
		return true
	})
	slices.SortFunc(fields, func(a, b protoreflect.FieldDescriptor) int { return cmp.Compare(a.Number(), b.Number()) })
	for _, fd := range fields {
		v := m.Get(fd)
		if !fd.IsList() {
			f(v.Message())
			continue
		}
		for i := range v.List().Len() {
			f(v.List().Get(i).Message())
		}
	}
}

// walk visits every node below m, m included, parents first. f says whether to
// go on below.
func walk(m proto.Message, f func(proto.Message) bool) {
	if m == nil || !m.ProtoReflect().IsValid() {
		return
	}
	var visit func(protoreflect.Message)
	visit = func(r protoreflect.Message) {
		if f(r.Interface()) {
			eachChild(r, visit)
		}
	}
	visit(m.ProtoReflect())
}

// nodeOf gives the concrete message inside a node's oneof; nil for no node.
func nodeOf(n *pg.Node) proto.Message {
	if n == nil {
		return nil
	}
	m := n.ProtoReflect()
	fd := m.WhichOneof(m.Descriptor().Oneofs().Get(0))
	if fd == nil {
		return nil
	}
	return m.Get(fd).Message().Interface()
}

// names reads a list of String nodes; ok is false if anything else is in it.
func names(nodes []*pg.Node) (out []string, ok bool) {
	for _, n := range nodes {
		s := n.GetString_()
		if s == nil {
			return nil, false
		}
		out = append(out, s.Sval)
	}
	return out, true
}

// refOf reads a table's name.
func refOf(r *pg.RangeVar) planner.Ref {
	return planner.Ref{Schema: r.GetSchemaname(), Name: r.GetRelname()}
}

// clone copies a tree.
func clone[T proto.Message](m T) T {
	c, ok := proto.Clone(m).(T)
	if !ok { // Clone keeps the type
		return m
	}
	return c
}
