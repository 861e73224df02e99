package mysql

import (
	"unicode/utf8"

	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/planner"
)

var (
	_ dialects.Engine = (*engine)(nil)
	_ planner.Dialect = (*dialect)(nil)
)

// dialect is the pure half, for one of the two servers.
type dialect struct{ maria bool }

// engine adds sessions to it.
type engine struct{ dialect }

// NewMySQL returns the engine "mysql".
func NewMySQL() dialects.Engine { return &engine{} }

// NewMariaDB returns the engine "mariadb".
func NewMariaDB() dialects.Engine { return &engine{dialect{maria: true}} }

// Engine implements planner.Dialect.
func (d *dialect) Engine() string {
	if d.maria {
		return "mariadb"
	}
	return "mysql"
}

// product is what people call the server.
func (d *dialect) product() string {
	if d.maria {
		return "MariaDB"
	}
	return "MySQL"
}

// Weigh implements planner.Dialect.
func (d *dialect) Weigh(_ *planner.Schema, changes []planner.Direct, before *planner.Object) planner.Effect {
	return planner.Strongest(changes, before)
}

// MaxIdentifier implements planner.Dialect: 64 characters (MySQL manual,
// Identifier Length Limits).
func (d *dialect) MaxIdentifier() int { return 64 }

// Length implements planner.Dialect; the servers count characters.
func (d *dialect) Length(name string) int { return utf8.RuneCountInString(name) }

// Schemes implements dialects.Engine.
func (e *engine) Schemes() []string { return []string{e.Engine()} }
