package postgres

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// remake_bridge.go carries sessions over the switch of an enum that is made anew.
// What a session has prepared knows its parameters by the type that the columns had
// then. PostgreSQL analyses such statements again, with the types of the
// parameters as they were: then a column of the one type meets a parameter of the
// other, which nothing compares or assigns. An implicit cast from the type that
// went to the one that lives, and operators between them, let it.
//
// The operators must not be in the way of anybody else. One over exactly the two
// types would win every "column = 'literal'", and make the literal one of the type
// that went: an operator with one argument of exactly its type wins over
// pg_catalog's =(anyenum, anyenum), which has none. So the living side is anyenum
// as well; then the literal goes to whom it went before, because there is no cast from
// the living type to the one that went. Two values of the type that went would then
// fit two of the operators, so there is one of their own for those. (PostgreSQL
// docs, Operator Type Resolution.)
//
// The operators' functions are written in SQL and so that the planner inlines them:
// what is left is pg_catalog's own operator between the column and a parameter that
// is cast, for which an index on the column serves. An operator of "= ANY (array)" the planner
// does not inline.
//
// The functions are there from expand on, for nobody sees them; casts and operators
// come and go in the transactions in which the types change hands, in one direction
// from the switch on, in the other when that is taken back.

// bridge is one type's, in the names of one moment.
type bridge struct {
	planner.Bridge
	s *planner.Schema
}

// direction tells which of the two types columns are of.
type direction int

const (
	there direction = iota // of the new one
	back                   // of the old one
)

func bridgesOf(s *planner.Schema, all []planner.Bridge) []bridge {
	out := make([]bridge, len(all))
	for i, b := range all {
		out[i] = bridge{b, s}
	}
	return out
}

// crossing is a bridge in one direction, in the names that the types have.
type crossing struct {
	bridge
	gone, live string
}

// before is a crossing in the names from before the switch, after in those that come with it.
func (b bridge) before(d direction) crossing {
	return b.crossing(d, quoteRef(b.Old.From), quoteRef(b.New.From))
}

func (b bridge) after(d direction) crossing {
	then := func(t planner.TypeRename) string { return quoteRef(planner.Ref{Schema: t.From.Schema, Name: t.To}) }
	return b.crossing(d, then(b.Old), then(b.New))
}

func (b bridge) crossing(d direction, older, newer string) crossing {
	if d == back {
		return crossing{b, newer, older}
	}
	return crossing{b, older, newer}
}

// schema is the type's: who finds the type by its bare name finds the operators.
func (b bridge) schema() string {
	if b.New.From.Schema == "" {
		return b.s.Default
	}
	return b.New.From.Schema
}

// function names a function of the bridge's; those of both directions differ in their arguments.
func (b bridge) function(kind string) string {
	return quoteRef(planner.Ref{Schema: b.schema(), Name: ourName(kind, b.schema(), b.New.From.Name)})
}

// comparison is an operator of pg_catalog's that a bridge has its own of.
type comparison struct{ sign, word string }

var (
	enumComparisons  = []comparison{{"=", "eq"}, {"<>", "ne"}, {"<", "lt"}, {"<=", "le"}, {">", "gt"}, {">=", "ge"}}
	arrayComparisons = []comparison{{"=", "eq"}, {"<>", "ne"}, {"@>", "contains"}, {"<@", "within"}, {"&&", "overlaps"}}
)

// family is the operators over values of the type, or over arrays of them.
type family struct {
	comparisons []comparison
	any         string // the polymorphic type of the living side
	gone        string
	cast        string // the function that leads from the gone side to the living one
}

func (c crossing) families() []family {
	out := []family{{enumComparisons, "anyenum", c.gone, c.function("cast")}}
	if c.Arrays {
		out = append(out, family{arrayComparisons, "anyarray", c.gone + "[]", c.function("casts")})
	}
	return out
}

// list writes the family's operators as rows of their signs and functions.
func (f family) list(c crossing) string {
	out := make([]string, len(f.comparisons))
	for i, o := range f.comparisons {
		out[i] = "(" + literal(o.sign) + ", " + literal(c.function(o.word)) + ")"
	}
	return strings.Join(out, ", ")
}

// each writes a loop that runs statements for each operator of a family: %1$s is
// its sign and %2$s its function.
func (f family) each(c crossing, statements ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  FOR o IN SELECT * FROM (VALUES %s) AS operators (sign, function) LOOP\n", f.list(c))
	for _, st := range statements {
		fmt.Fprintf(&b, "    EXECUTE pg_catalog.format(%s, o.sign, o.function);\n", literal(st))
	}
	b.WriteString("  END LOOP;\n")
	return b.String()
}

// pairs are the arguments that a family has operators for.
func (f family) pairs() [][2]string {
	return [][2]string{{f.any, f.gone}, {f.gone, f.any}, {f.gone, f.gone}}
}

// inFormat writes text for format(), where a % means something.
func inFormat(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// block is an anonymous block of code.
func block(declare, body string) string {
	return "DO " + dollarQuoted("\nDECLARE\n"+declare+"BEGIN\n"+body+"END\n")
}

const eachOperator = "  o record;\n"

// functions are what the operators and the cast are made of. They are IMMUTABLE
// so that the planner sees a constant where a parameter's value is known, as it does
// without a bridge; no label changes while there is one.
func (c crossing) functions(maps []planner.Expr) []string {
	grant := func(name, arguments string) string {
		return "GRANT EXECUTE ON FUNCTION " + name + "(" + arguments + ") TO PUBLIC"
	}
	cast := c.function("cast")
	out := []string{c.castFunction(maps), grant(cast, c.gone)}
	if c.Arrays {
		casts := c.function("casts")
		out = append(out,
			fmt.Sprintf("CREATE OR REPLACE FUNCTION %s(%s[]) RETURNS %s[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS %s",
				casts, c.gone, c.live, dollarQuoted(" BEGIN RETURN $1; END ")),
			grant(casts, c.gone+"[]"))
	}
	var body strings.Builder
	for _, f := range c.families() {
		var each []string
		for _, p := range f.pairs() {
			side := func(i int) string {
				if p[i] == f.any {
					return fmt.Sprintf("$%d", i+1)
				}
				return fmt.Sprintf("%s($%d)", inFormat(f.cast), i+1)
			}
			arguments := inFormat(p[0] + ", " + p[1])
			each = append(each,
				"CREATE OR REPLACE FUNCTION %2$s("+arguments+") RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$SELECT "+
					side(0)+" OPERATOR(pg_catalog.%1$s) "+side(1)+"$$",
				grant("%2$s", arguments))
		}
		body.WriteString(f.each(c, each...))
	}
	return append(out, block(eachOperator, body.String()))
}

// castFunction writes the function that makes a value of the living type of one that
// went, by way of its label. Which label becomes which the server says: of each it is
// asked what the columns make of it, and heeded where they agree, or all but one say
// nothing of it. What the living type does not have is an error, and the same as for text.
func (c crossing) castFunction(maps []planner.Expr) string {
	create := fmt.Sprintf("CREATE OR REPLACE FUNCTION %s(%s) RETURNS %s LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS ",
		c.function("cast"), c.gone, c.live)
	if len(maps) == 0 {
		return create + dollarQuoted(" BEGIN RETURN $1::pg_catalog.text; END ")
	}
	made := make([]string, len(maps))
	for i, m := range maps {
		made[i] = "(" + m.SQL(func(string) string { return "v.label" }) + ")::pg_catalog.text"
	}
	one := "a.made OPERATOR(pg_catalog.<>) v.label::pg_catalog.text"
	query := "SELECT pg_catalog.string_agg(pg_catalog.format(' WHEN $1::pg_catalog.text OPERATOR(pg_catalog.=) %L THEN %L', label, made), '' ORDER BY label) INTO arms\n" +
		"    FROM (SELECT v.label::pg_catalog.text AS label, (SELECT pg_catalog.min(a.made) FROM pg_catalog.unnest(ARRAY[" + strings.Join(made, ", ") + "]) AS a (made)\n" +
		"      WHERE " + one + " HAVING pg_catalog.count(DISTINCT a.made) OPERATOR(pg_catalog.=) 1) AS made\n" +
		"      FROM pg_catalog.unnest(pg_catalog.enum_range(NULL::" + c.gone + ")) AS v (label)) AS labels WHERE made IS NOT NULL;\n"
	body := "  BEGIN\n    " + query +
		"  EXCEPTION WHEN data_exception THEN\n    arms := NULL; -- a label that no row has may be none that the columns can say anything of\n  END;\n" +
		"  EXECUTE pg_catalog.format(" + literal(inFormat(create)+"%L") +
		", ' BEGIN RETURN ' || COALESCE('CASE' || arms || ' ELSE $1::pg_catalog.text END', '$1::pg_catalog.text') || '; END ');\n"
	return block("  arms text;\n", body)
}

func (c crossing) functionsGone() []string {
	var body strings.Builder
	for _, d := range []crossing{c, {c.bridge, c.live, c.gone}} {
		for _, f := range d.families() {
			var each []string
			for _, p := range f.pairs() {
				each = append(each, "DROP FUNCTION %2$s("+inFormat(p[0]+", "+p[1])+")")
			}
			body.WriteString(f.each(d, each...))
			fmt.Fprintf(&body, "  DROP FUNCTION %s(%s);\n", f.cast, f.gone)
		}
	}
	return []string{block(eachOperator, body.String())}
}

// cross has a type that went pass for the one that lives.
func (c crossing) cross() []string {
	var body strings.Builder
	fmt.Fprintf(&body, "  CREATE CAST (%s AS %s) WITH FUNCTION %s(%s) AS IMPLICIT;\n", c.gone, c.live, c.function("cast"), c.gone)
	for _, f := range c.families() {
		var each []string
		for _, p := range f.pairs() {
			each = append(each, fmt.Sprintf("CREATE OPERATOR %s.%%1$s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = %%2$s)",
				inFormat(quote(c.schema())), inFormat(p[0]), inFormat(p[1])))
		}
		body.WriteString(f.each(c, each...))
	}
	return []string{block(eachOperator, body.String())}
}

// leave takes that back, where it is so.
func (c crossing) leave() []string {
	var body strings.Builder
	fmt.Fprintf(&body, "  DROP CAST (%s AS %s);\n", c.gone, c.live)
	for _, f := range c.families() {
		var each []string
		for _, p := range f.pairs() {
			each = append(each, fmt.Sprintf("DROP OPERATOR %s.%%1$s (%s, %s)", inFormat(quote(c.schema())), inFormat(p[0]), inFormat(p[1])))
		}
		body.WriteString(f.each(c, each...))
	}
	is := fmt.Sprintf("  IF EXISTS (SELECT FROM pg_catalog.pg_cast WHERE castsource = %s::pg_catalog.regtype AND casttarget = %s::pg_catalog.regtype) THEN\n", literal(c.gone), literal(c.live))
	return []string{block(eachOperator, is+body.String()+"  END IF;\n")}
}

// lowerBridge makes the functions ready.
func lowerBridge(s *planner.Schema, o planner.OpBridge) []plan.Step {
	var do, undo, names []string
	for _, b := range bridgesOf(s, o.Bridges) {
		do = slices.Concat(do, b.before(there).functions(b.Maps), b.before(back).functions(nil))
		undo = slices.Concat(undo, b.before(back).leave(), b.before(there).functionsGone())
		names = append(names, s.Display(b.Old.From))
	}
	return []plan.Step{catalogStep(
		"make functions that compare the old type with the new one: "+strings.Join(names, ", "),
		"from the switch on, statements that sessions prepared before go on with them; nobody calls them yet", plan.Lock{}, do, undo,
	)}
}

// remadeNote says what versions of the app see of a type that is made anew.
func remadeNote(s *planner.Schema, bridges []planner.Bridge) []string {
	var out []string
	for _, b := range bridgesOf(s, bridges) {
		out = append(out,
			fmt.Sprintf("until contract, old and new versions alike use the type %s as it was, with the values that are new besides; the new type takes its name in the moment of the switch", b.Old.From),
			fmt.Sprintf("statements that a session prepared before the switch, with parameters of the type %[1]s, go on during the grace: a cast and operators in the schema %[2]s see to it. "+
				"They do not help where a column is compared with an array, unless the array is cast (= ANY ($1) then finds its rows without an index, = ANY ($1::%[1]s[]) with it); where whole rows are, (a, b) > ($1, $2); "+
				"and in sessions whose search_path lacks %[2]s. When the grace ends, a statement that is still prepared from before fails until it is prepared anew "+
				"(most drivers: until it reconnects), as after ALTER COLUMN TYPE", b.Old.From, b.schema()))
	}
	return out
}
