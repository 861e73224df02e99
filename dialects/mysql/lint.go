package mysql

import "github.com/expandcontract/migrate/planner"

// Lint finds what only MySQL and MariaDB can tell about a migration.
func (d *dialect) Lint(*planner.Schema, *planner.Script) []planner.Finding { return nil }
