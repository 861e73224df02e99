package planner

import (
	"slices"
	"strings"
)

// like.go is about tables that are made like another.

// ourPrefix begins the names of columns that are migrate's own.
const ourPrefix = "_migrate_"

// refuseLike: while both shapes live, another table has columns that the file does
// not know of, and has not yet lost those that go.
func (b *builder) refuseLike(t *tableShape) {
	for _, l := range t.created.Like {
		of := b.s.Table(l)
		if of == nil {
			continue // the migration makes it, or the server says that there is none
		}
		mine := slices.ContainsFunc(b.tables, func(o *tableShape) bool { return o.t == of })
		hidden := slices.ContainsFunc(of.Columns, func(c Column) bool { return strings.HasPrefix(c.Name, ourPrefix) })
		if mine || hidden {
			b.ps.at(t.at.pos, "", "write the columns, or use a migration of its own when that is contracted",
				"table %s is made like %s, which a migration is about: until contract that has the columns of both shapes", t.label, b.s.Display(of.Ref))
		}
	}
}
