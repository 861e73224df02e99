// Package all is the list of engines: the one place, outside an engine's own
// folder, that knows its name.
package all

import (
	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/dialects/mysql"
	"github.com/expandcontract/migrate/dialects/postgres"
)

// Engines returns every engine that migrate supports.
func Engines() dialects.Registry {
	return dialects.Registry{postgres.New(), mysql.NewMySQL(), mysql.NewMariaDB()}
}
