// Package postgres is migrate's PostgreSQL: its grammar, its catalog, the SQL
// that plans are made of, and its sessions. Versions 13 to 18 are known.
//
// The pure half (Dialect) needs no server; whatever depends on one was read
// into a planner.Schema by Inspect.
package postgres

import (
	"strings"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/planner"
)

// Dialect is PostgreSQL as an engine of migrate.
type Dialect struct{}

var _ dialects.Engine = Dialect{}

// New returns the engine.
func New() dialects.Engine { return Dialect{} }

// Engine returns "postgres".
func (Dialect) Engine() string { return "postgres" }

// Schemes are those that libpq reads.
func (Dialect) Schemes() []string { return []string{"postgres", "postgresql"} }

// maxIdentifier is NAMEDATALEN - 1, in bytes.
const maxIdentifier = 63

// MaxIdentifier is the longest name, in bytes.
func (Dialect) MaxIdentifier() int { return maxIdentifier }

// Length measures a name in bytes.
func (Dialect) Length(name string) int { return len(name) }

// quote writes an identifier; always quoted, so that no keyword list matters.
func quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// literal writes a string constant. The E form is used where a backslash could
// be read in two ways (standard_conforming_strings).
func literal(s string) string {
	q := strings.ReplaceAll(s, "'", "''")
	if strings.Contains(s, `\`) {
		return ` E'` + strings.ReplaceAll(q, `\`, `\\`) + `'`
	}
	return "'" + q + "'"
}

// quoteRef writes a table's name, with its schema where there is one.
func quoteRef(r planner.Ref) string {
	if r.Schema == "" {
		return quote(r.Name)
	}
	return quote(r.Schema) + "." + quote(r.Name)
}

// quoteAll writes a list of identifiers.
func quoteAll(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = quote(n)
	}
	return strings.Join(out, ", ")
}
