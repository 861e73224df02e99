package postgres

import "github.com/expandcontract/migrate/planner"

// Lint finds what only PostgreSQL can tell about a migration.
func (Dialect) Lint(*planner.Schema, *planner.Script) []planner.Finding { return nil }
