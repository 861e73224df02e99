package mysql

import (
	"slices"
	"strings"

	"github.com/pingcap/tidb/pkg/parser/ast"

	"github.com/expandcontract/migrate/planner"
)

// parse_object.go reads views, and the objects with code in them, which the
// grammar does not know: of those it is enough to know what they are called.

func createView(n *ast.CreateViewStmt, sql string) planner.Change {
	ref, bad := tableRef(n.ViewName)
	what := "CREATE VIEW " + ref.Name
	if bad != "" {
		return planner.Opaque{What: what, Reason: bad, SQL: sql}
	}
	if n.OrReplace {
		what = "CREATE OR REPLACE VIEW " + ref.Name
	}
	return planner.Direct{
		What: what, Object: planner.ObjectRef{Kind: objectView, Ref: ref}, Needs: needsOf(n.Select),
		Effect: planner.Widens, Replaces: n.OrReplace, SQL: sql,
	}
}

func dropViews(n *ast.DropTableStmt, sql string) []planner.Change {
	var out []planner.Change
	for _, t := range n.Tables {
		ref, bad := tableRef(t)
		if bad != "" {
			return one(planner.Opaque{What: "DROP VIEW " + t.Name.O, Reason: bad, SQL: sql})
		}
		out = append(out, planner.Direct{
			What: "DROP VIEW " + ref.Name, Object: planner.ObjectRef{Kind: objectView, Ref: ref},
			Effect: planner.Narrows, IfExists: n.IfExists, SQL: "DROP VIEW IF EXISTS " + quoteName(ref.Name),
		})
	}
	return out
}

// needsOf lists the tables that a statement reads, each with every column that
// it mentions: a name that is no column of a table says nothing of it.
func needsOf(n ast.Node) []planner.Need {
	c := &tableCollector{}
	n.Accept(c)
	columns := columnsOf(n)
	var out []planner.Need
	for _, t := range c.tables {
		out = append(out, planner.Need{Table: planner.Ref{Name: t}, Columns: columns})
	}
	return out
}

type tableCollector struct{ tables []string }

// Enter implements ast.Visitor.
func (c *tableCollector) Enter(n ast.Node) (ast.Node, bool) {
	if t, ok := n.(*ast.TableName); ok && t.Schema.O == "" && !slices.Contains(c.tables, t.Name.O) {
		c.tables = append(c.tables, t.Name.O)
	}
	return n, false
}

// Leave implements ast.Visitor.
func (c *tableCollector) Leave(n ast.Node) (ast.Node, bool) { return n, true }

// code is a statement on an object with code in it.
type code struct {
	verb, kind string // "CREATE", "TRIGGER"
	replaces   bool
	ifExists   bool // or IF NOT EXISTS
	name       string
	rest       int // the token behind the name
}

var codeKinds = map[string]string{
	"TRIGGER": objectTrigger, "PROCEDURE": objectProcedure, "FUNCTION": objectFunction, "EVENT": objectEvent, "VIEW": objectView,
}

// readCode finds what a CREATE, ALTER or DROP of an object with code is about;
// nil for other statements, and where the name cannot be found.
func readCode(p piece) *code {
	c := &code{verb: p.word(0)}
	if c.verb != "CREATE" && c.verb != "DROP" && c.verb != "ALTER" {
		return nil
	}
	i := 1
	for ; i < len(p.tokens) && c.kind == ""; i++ {
		switch w := p.word(i); w {
		case "TABLE", "INDEX", "DATABASE", "SCHEMA", "SEQUENCE", "USER":
			return nil
		case "REPLACE":
			c.replaces = true
		default:
			if codeKinds[w] != "" {
				c.kind = w
			}
		}
	}
	for _, w := range []string{"IF", "NOT", "EXISTS"} {
		if p.word(i) == w {
			c.ifExists = true
			i++
		}
	}
	if i >= len(p.tokens) || p.tokens[i].kind != tokWord && p.tokens[i].kind != tokName {
		return nil
	}
	if c.name = p.tokens[i].text; c.kind == "" || i+1 < len(p.tokens) && p.tokens[i+1].text == "." {
		return nil
	}
	c.rest = i + 1
	return c
}

// codeStatement reads a statement on an object with code in it.
func (d *dialect) codeStatement(p piece, c *code, sql string) planner.Change {
	what := c.verb + " " + c.kind + " " + c.name
	if c.replaces && !d.maria {
		return planner.Opaque{What: "CREATE OR REPLACE " + c.kind + " " + c.name, Reason: "MySQL knows OR REPLACE for views only: write DROP " + c.kind + ", then CREATE " + c.kind, SQL: sql}
	}
	if c.verb == "ALTER" {
		return planner.Opaque{What: what, Reason: "it changes what old versions still use: drop it, and create it anew", SQL: sql}
	}
	out := planner.Direct{
		What: what, Object: planner.ObjectRef{Kind: codeKinds[c.kind], Ref: planner.Ref{Name: c.name}},
		Effect: planner.Widens, Replaces: c.replaces, IfExists: c.ifExists, SQL: sql,
	}
	if c.verb == "DROP" {
		out.Effect, out.Late = planner.Narrows, c.kind == "FUNCTION" || c.kind == "PROCEDURE"
		out.SQL = "DROP " + c.kind + " IF EXISTS " + quoteName(c.name)
		return out
	}
	if c.kind != "TRIGGER" {
		return out
	}
	// name BEFORE|AFTER event ON table FOR EACH ROW …
	for i := c.rest; i+1 < len(p.tokens); i++ {
		if p.word(i) == "ON" {
			table := planner.Ref{Name: p.tokens[i+1].text}
			out.Needs = []planner.Need{{Table: table, Columns: namesIn(piece{p.tokens[i+2:]})}}
			break
		}
	}
	return out
}

// namesIn lists the words and names of a text, each of which may be a column.
func namesIn(p piece) []string {
	var out []string
	for _, t := range p.tokens {
		if (t.kind == tokWord || t.kind == tokName) && !slices.Contains(out, t.text) {
			out = append(out, t.text)
		}
	}
	return out
}

// unread are words that servers know and the grammar does not. A statement with
// one of them is not wrong, only unknown.
var unread = words(`uuid inet4 inet6 xmltype vector period versioning returning srid compressed persistent overlaps system_time
	nocache cycle nextval lastval check repair checksum handler event function trigger procedure statement install uninstall
	savepoint optimizer_costs autoextend_size without portion ref_system_id encrypted encryption_key_id ietf_quotes`)

// unreadable makes of a statement that the grammar cannot read, but that holds
// a word of the servers' own, an opaque one; nil if it is just wrong.
func unreadable(p piece, sql string) planner.Change {
	for i := range p.tokens {
		w := strings.ToLower(p.word(i))
		if !unread[w] {
			continue
		}
		what := p.word(0)
		if second := p.word(1); second != "" {
			what += " " + second
		}
		return planner.Opaque{
			What: what, SQL: sql,
			Reason: "migrate's grammar cannot read it (" + strings.ToUpper(w) + " is of the server's own), so it cannot say what the statement does",
		}
	}
	return nil
}
