package planner_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/planner"
)

// versions are what the schemas of testdata are read from, unless they say
// version=NUMBER in the table's place.
var versions = map[string]planner.Schema{
	"postgres": {Version: "17.5", VersionNum: 170005, Default: "public", Path: []string{"public"}},
	"mysql":    {Version: "9.7.0", VersionNum: 90700, Default: "shop"},
	"mariadb":  {Version: "11.8.3-MariaDB", VersionNum: 110803, Default: "shop"},
}

// readSchema reads the short form that testdata describes schemas in.
func readSchema(t testing.TB, engine, text string) *planner.Schema {
	t.Helper()
	s, ok := versions[engine]
	if !ok {
		t.Fatalf("unknown engine %q", engine)
	}
	s.Engine = engine
	s.Facts = map[string]string{}
	var table *planner.Table
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case words[0] == "version": // version NUMBER TEXT
			n, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			s.VersionNum, s.Version = n, words[2]
		case words[0] == "object":
			s.Objects = append(s.Objects, readObject(t, &s, line))
		case !strings.HasPrefix(line, " "):
			table = readTable(&s, words)
			s.Tables = append(s.Tables, table)
		default:
			readPart(t, &s, table, words)
		}
	}
	return &s
}

// readTable reads "table NAME [rows=N]" or "view NAME".
func readTable(s *planner.Schema, words []string) *planner.Table {
	table := &planner.Table{Kind: words[0], Ref: planner.Ref{Name: words[1]}, Rows: 1000, Bytes: 100_000, Facts: map[string]string{}}
	if s.Engine == "postgres" {
		table.Ref.Schema = "public"
	} else {
		table.Facts = map[string]string{"engine": "InnoDB", "charset": "utf8mb4", "collation": "utf8mb4_general_ci", "row_format": "dynamic", "row_versions": "0"}
	}
	if len(words) > 2 {
		if n, err := strconv.ParseInt(strings.TrimPrefix(words[2], "rows="), 10, 64); err == nil {
			table.Rows = n
		}
	}
	return table
}

// readObject reads "object KIND NAME [on TABLE] [detail DETAIL]: FACT=VALUE; …",
// where a kind of two words has a hyphen, and a list's entries have commas.
func readObject(t testing.TB, s *planner.Schema, line string) *planner.Object {
	t.Helper()
	head, facts, _ := strings.Cut(strings.TrimPrefix(line, "object "), ":")
	words := strings.Fields(head)
	o := &planner.Object{ObjectRef: planner.ObjectRef{Kind: strings.ReplaceAll(words[0], "-", " ")}, Facts: map[string]string{}}
	schema := ""
	if s.Engine == "postgres" {
		schema = "public"
	}
	o.Ref = planner.Ref{Schema: schema, Name: words[1]}
	for i := 2; i+1 < len(words); i += 2 {
		switch words[i] {
		case "on":
			o.On, o.Ref.Schema = planner.Ref{Schema: schema, Name: words[i+1]}, ""
		case "detail":
			o.Detail = words[i+1]
		default:
			t.Fatalf("object has no %q: %s", words[i], line)
		}
	}
	for _, f := range strings.Split(facts, ";") {
		name, value, ok := strings.Cut(strings.TrimSpace(f), "=")
		switch {
		case name == "definition":
			o.Definition = value
		case ok:
			o.Facts[name] = strings.ReplaceAll(value, ",", "\x01")
		}
	}
	return o
}

// readPart reads a column, an index or whatever else a table has.
func readPart(t testing.TB, s *planner.Schema, table *planner.Table, words []string) {
	t.Helper()
	switch words[0] {
	case "key":
		table.Key = words[1:]
		ix := readIndex(s, table, table.Ref.Name+"_pkey", words[1:], true)
		ix.Primary, ix.Constraint = true, table.Ref.Name+"_pkey"
		if s.Engine != "postgres" {
			ix.Name, ix.Constraint = "PRIMARY", "PRIMARY"
		}
		table.Indexes = append(table.Indexes, ix)
	case "index", "unique":
		table.Indexes = append(table.Indexes, readIndex(s, table, words[1], list(words[2:]), words[0] == "unique"))
	case "check", "foreign":
		kind := map[string]string{"check": "check", "foreign": "foreign key"}[words[0]]
		c := planner.Constraint{Name: words[1], Kind: kind, Columns: list(words[2:3]), Definition: strings.Join(words[3:], " ")}
		c.Cascades = strings.Contains(c.Definition, "CASCADE")
		table.Constraints = append(table.Constraints, c)
	case "constraint":
		readKey(table, words)
	case "referred":
		table.Dependents = append(table.Dependents, planner.Dependent{Kind: "foreign key", Name: words[1] + " of " + words[3], Columns: list(words[2:3])})
	case "view", "trigger", "policy", "generated", "statistics":
		kind := words[0]
		if kind == "generated" {
			kind = "generated column"
		}
		table.Dependents = append(table.Dependents, planner.Dependent{Kind: kind, Name: words[1], Columns: list(words[2:])})
	case "calls":
		table.Dependents = append(table.Dependents, planner.Dependent{Kind: "trigger function", Name: words[1], Definition: words[2], Columns: list(words[3:])})
	case "fact":
		name, value, _ := strings.Cut(strings.Join(words[1:], " "), "=")
		table.Facts[strings.TrimSpace(name)] = strings.TrimSpace(value)
	default:
		table.Columns = append(table.Columns, readColumn(words))
	}
}

// readKey reads "constraint NAME (columns) DEFINITION"; its index stands before.
func readKey(table *planner.Table, words []string) {
	c := planner.Constraint{Name: words[1], Columns: list(words[2:3]), Definition: strings.Join(words[3:], " ")}
	for head, kind := range map[string]string{"PRIMARY KEY": "primary key", "UNIQUE": "unique", "EXCLUDE": "exclusion", "NOT NULL": "not null"} {
		if strings.HasPrefix(c.Definition, head) {
			c.Kind = kind
		}
	}
	table.Constraints = append(table.Constraints, c)
	for i := range table.Indexes {
		if table.Indexes[i].Name == c.Name {
			table.Indexes[i].Constraint = c.Name
		}
	}
}

// readColumn reads "NAME TYPE [not null] [default …] [as GENERATED]".
func readColumn(words []string) planner.Column {
	text := strings.Join(words[1:], " ")
	c := planner.Column{Name: words[0]}
	if before, after, ok := strings.Cut(text, " as "); ok {
		text, c.Generated = before, after
	}
	if before, after, ok := strings.Cut(text, " default "); ok {
		text = before
		c.Default = planner.Expr{Parts: []planner.Part{{Text: after}}}
		c.Default.Volatile = strings.Contains(after, "random")
	}
	c.Type, c.NotNull = strings.CutSuffix(text, " not null")
	return c
}

func readIndex(s *planner.Schema, table *planner.Table, name string, columns []string, unique bool) planner.Index {
	kind := "INDEX"
	if unique {
		kind = "UNIQUE INDEX"
	}
	definition := fmt.Sprintf("CREATE %s `%s` ON `%s` (`%s`)", kind, name, table.Ref.Name, strings.Join(columns, "`, `"))
	if s.Engine == "postgres" {
		definition = fmt.Sprintf("CREATE %s %s ON public.%s USING btree (%s)", kind, name, table.Ref.Name, strings.Join(columns, ", "))
	}
	return planner.Index{Name: name, Columns: columns, Unique: unique, Simple: true, Definition: definition}
}

// list reads "(a, b)".
func list(words []string) []string {
	text := strings.Trim(strings.Join(words, " "), "()")
	if text == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(text, " ", ""), ",")
}
