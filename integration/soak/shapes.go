package main

import (
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/integration/throwaway"
)

// person is a row of the table people, whatever its shape. The names hold no space, so that each shape
// follows from the other.
type person struct {
	first, last, mail string
	visits            int64
}

func (p person) name() string { return p.first + " " + p.last }

// shape is how one version of the app sees the table.
type shape struct {
	name                              string // whole or parts
	create, insert, upsert, read, all string
	row                               func(person) []any // the values that insert writes and read returns, but for the id
	updates                           []update
}

// update changes some columns of a row.
type update struct {
	set    string
	values func(person) []any
	// next is the row after it, given the row before and the new values.
	next func(was, fresh person) person
}

// shapes are the two: whole has one column for the name, parts has two.
func shapes(engine string) (whole, parts shape) {
	onConflict := " ON CONFLICT (id) DO UPDATE SET %[1]s = excluded.%[1]s"
	if engine != throwaway.Postgres {
		onConflict = " ON DUPLICATE KEY UPDATE %[1]s = VALUES(%[1]s)"
	}
	visit := update{
		"visits = visits + 1", func(person) []any { return nil },
		func(was, _ person) person { was.visits++; return was },
	}
	whole = shape{
		name: "whole",
		create: "CREATE TABLE people (id bigint PRIMARY KEY, name varchar(200) NOT NULL, mail varchar(200) NOT NULL, visits int NOT NULL);" +
			"CREATE INDEX people_mail ON people (mail)",
		insert: "INSERT INTO people (id, name, mail, visits) VALUES (?, ?, ?, ?)",
		read:   "SELECT name, mail, visits FROM people WHERE id = ?",
		all:    "SELECT id, name, mail, visits FROM people",
		row:    func(p person) []any { return []any{p.name(), p.mail, p.visits} },
		updates: []update{
			visit,
			{"name = ?", func(p person) []any { return []any{p.name()} }, func(was, fresh person) person {
				was.first, was.last = fresh.first, fresh.last
				return was
			}},
			{"mail = ?", func(p person) []any { return []any{p.mail} }, func(was, fresh person) person { was.mail = fresh.mail; return was }},
			{"name = ?, mail = ?", func(p person) []any { return []any{p.name(), p.mail} }, func(was, fresh person) person {
				fresh.visits = was.visits
				return fresh
			}},
		},
	}
	parts = shape{
		name: "parts",
		create: "CREATE TABLE people (id bigint PRIMARY KEY, first_name varchar(100) NOT NULL, last_name varchar(100), email varchar(200) NOT NULL, visits int NOT NULL);" +
			"CREATE INDEX people_mail ON people (email); CREATE INDEX people_last_name ON people (last_name)",
		insert: "INSERT INTO people (id, first_name, last_name, email, visits) VALUES (?, ?, ?, ?, ?)",
		read:   "SELECT first_name, last_name, email, visits FROM people WHERE id = ?",
		all:    "SELECT id, first_name, last_name, email, visits FROM people",
		row:    func(p person) []any { return []any{p.first, p.last, p.mail, p.visits} },
		updates: []update{
			visit,
			{"first_name = ?", func(p person) []any { return []any{p.first} }, func(was, fresh person) person { was.first = fresh.first; return was }},
			{"last_name = ?", func(p person) []any { return []any{p.last} }, func(was, fresh person) person { was.last = fresh.last; return was }},
			{"email = ?", func(p person) []any { return []any{p.mail} }, func(was, fresh person) person { was.mail = fresh.mail; return was }},
			{"last_name = ?, first_name = ?", func(p person) []any { return []any{p.last, p.first} }, func(was, fresh person) person {
				was.first, was.last = fresh.first, fresh.last
				return was
			}},
		},
	}
	whole.upsert, parts.upsert = whole.insert+fmt.Sprintf(onConflict, "mail"), parts.insert+fmt.Sprintf(onConflict, "email")
	if engine == throwaway.Postgres {
		for _, s := range []*shape{&whole, &parts} {
			for _, text := range []*string{&s.insert, &s.upsert, &s.read} {
				*text = numbered(*text)
			}
		}
	}
	return whole, parts
}

// numbered writes ? as PostgreSQL does: $1, $2.
func numbered(query string) string {
	var b strings.Builder
	n := 0
	for _, r := range query {
		if r == '?' {
			n++
			fmt.Fprintf(&b, "$%d", n)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// split and merge are the migrations from one shape to the other, as one writes them if the world stands still.
func split(engine string) string {
	if engine == throwaway.Postgres {
		return `-- migrate:soak 0s
-- migrate:down people.name = first_name || ' ' || last_name
ALTER TABLE people ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
UPDATE people SET first_name = split_part(name, ' ', 1), last_name = split_part(name, ' ', 2);
ALTER TABLE people ALTER COLUMN first_name SET NOT NULL;
ALTER TABLE people DROP COLUMN name;
ALTER TABLE people RENAME COLUMN mail TO email;
CREATE INDEX people_last_name ON people (last_name);
`
	}
	return `-- migrate:soak 0s
-- migrate:down people.name = concat(first_name, ' ', last_name)
ALTER TABLE people ADD COLUMN first_name varchar(100), ADD COLUMN last_name varchar(100);
UPDATE people SET first_name = substring_index(name, ' ', 1), last_name = substring_index(name, ' ', -1);
ALTER TABLE people MODIFY COLUMN first_name varchar(100) NOT NULL;
ALTER TABLE people DROP COLUMN name;
ALTER TABLE people RENAME COLUMN mail TO email;
CREATE INDEX people_last_name ON people (last_name);
`
}

func merge(engine string) string {
	if engine == throwaway.Postgres {
		return `-- migrate:soak 0s
-- migrate:down people.first_name = split_part(name, ' ', 1)
-- migrate:down people.last_name = split_part(name, ' ', 2)
DROP INDEX people_last_name;
ALTER TABLE people ADD COLUMN name varchar(200);
UPDATE people SET name = first_name || ' ' || last_name;
ALTER TABLE people ALTER COLUMN name SET NOT NULL;
ALTER TABLE people DROP COLUMN first_name, DROP COLUMN last_name;
ALTER TABLE people RENAME COLUMN email TO mail;
`
	}
	return `-- migrate:soak 0s
-- migrate:down people.first_name = substring_index(name, ' ', 1)
-- migrate:down people.last_name = substring_index(name, ' ', -1)
DROP INDEX people_last_name ON people;
ALTER TABLE people ADD COLUMN name varchar(200);
UPDATE people SET name = concat(first_name, ' ', last_name);
ALTER TABLE people MODIFY COLUMN name varchar(200) NOT NULL;
ALTER TABLE people DROP COLUMN first_name, DROP COLUMN last_name;
ALTER TABLE people RENAME COLUMN email TO mail;
`
}

// inconsistent counts the rows whose two shapes do not say the same, while both live, in words of its own:
// not migrate's.
func inconsistent(engine string) string {
	if engine == throwaway.Postgres {
		return `SELECT count(*) FROM people WHERE name IS DISTINCT FROM first_name || ' ' || last_name OR mail IS DISTINCT FROM email`
	}
	return `SELECT count(*) FROM people WHERE NOT (BINARY name <=> BINARY concat(first_name, ' ', last_name)) OR NOT (BINARY mail <=> BINARY email)`
}
