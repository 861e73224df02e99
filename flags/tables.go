package flags

import "strings"

// Tables says where migrate keeps its tables and how the engine writes names
// and parameters. Make one with [InSchema] or [WithPrefix].
type Tables struct {
	flags, migrations string // quoted, ready for SQL
	origin            string // the flags table as people write it
	placeholder       string // of a statement's only parameter
	now               string // the server's clock at this moment, as the columns keep it
	fullSince         string // reads full_since as something utcTime can scan
	updatedAt         string
}

// InSchema places the tables in a schema, as migrate does on PostgreSQL:
// InSchema("migrate") is migrate.flags and migrate.migrations.
func InSchema(schema string) Tables {
	quoted := quote(schema, '"') + "."
	return Tables{
		flags:       quoted + quote("flags", '"'),
		migrations:  quoted + quote("migrations", '"'),
		origin:      schema + ".flags",
		placeholder: "$1",
		// CURRENT_TIMESTAMP is when the transaction began, which may be long
		// before the statement got its row lock.
		now:       "clock_timestamp()",
		fullSince: "full_since",
		updatedAt: "updated_at",
	}
}

// WithPrefix places the tables in the current database under a prefix, as
// migrate does on MySQL and MariaDB: WithPrefix("migrate_") is migrate_flags and
// migrate_migrations.
func WithPrefix(prefix string) Tables {
	return Tables{
		flags:       quote(prefix+"flags", '`'),
		migrations:  quote(prefix+"migrations", '`'),
		origin:      prefix + "flags",
		placeholder: "?",
		now:         "UTC_TIMESTAMP(6)",
		// As text: whether the driver makes a time of a datetime, and in which
		// zone, depends on the application's connection string.
		fullSince: "CAST(full_since AS CHAR)",
		updatedAt: "CAST(updated_at AS CHAR)",
	}
}

// repeated are the parameters of a statement that mentions the only one twice:
// $1 may stand in two places, each ? is a parameter of its own.
func (t Tables) repeated(value string) []any {
	if t.placeholder == "?" {
		return []any{value, value}
	}
	return []any{value}
}

// quote writes an identifier with the engine's quote character.
func quote(name string, mark rune) string {
	q := string(mark)
	return q + strings.ReplaceAll(name, q, q+q) + q
}
