// Package changes holds one small migration for every kind of change that migrate knows, as one would write it
// if the world stood still. They are there to be read, copied and tested: each must end in the same schema and
// data whether it is run naively or by migrate.
package changes

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed postgres mysql
var files embed.FS

// Change is one kind of change.
type Change struct {
	// Name is the kind's name, such as rename-column.
	Name string
	// Before creates the tables to be changed, with a few rows.
	Before string
	// Migration is the migration file's text.
	Migration string
}

// All returns every kind of change in the dialect of engine, which is postgres, mysql or mariadb, by name.
func All(engine string) ([]Change, error) {
	dialect := engine
	if engine == "mariadb" {
		dialect = "mysql"
	}
	kinds, err := fs.ReadDir(files, dialect)
	if err != nil {
		return nil, fmt.Errorf("listing changes for %s: %w", engine, err)
	}
	all := make([]Change, 0, len(kinds))
	for _, kind := range kinds {
		change := Change{Name: kind.Name()}
		for file, text := range map[string]*string{"before.sql": &change.Before, "migration.sql": &change.Migration} {
			content, err := fs.ReadFile(files, dialect+"/"+change.Name+"/"+file)
			if err != nil {
				return nil, fmt.Errorf("reading change %s for %s: %w", change.Name, engine, err)
			}
			*text = string(content)
		}
		all = append(all, change)
	}
	return all, nil
}
