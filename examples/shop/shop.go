// Package shop holds the migrations of the example shop, one set for each SQL dialect.
//
// The shop itself exists in two versions, the programs below v1 and v2: the first knows a customer's name
// as one column, the second as two. README.md in this directory walks through both.
package shop

import (
	"embed"
	"fmt"
	"io/fs"
)

// The names of the shop's migrations, in order: the schema the shop started with and the change to it.
const (
	BaseSchema = "0001_shop"
	SplitName  = "0002_split_name"
)

// SplitNameFlag is the key of the feature flag that the SplitName migration is tied to.
const SplitNameFlag = "customers.split-name"

//go:embed migrations
var files embed.FS

// Migration returns the text of the named migration in the dialect of engine, which is postgres, mysql or mariadb.
func Migration(engine, name string) (string, error) {
	dialect := engine
	if engine == "mariadb" {
		dialect = "mysql"
	}
	text, err := fs.ReadFile(files, "migrations/"+dialect+"/"+name+".sql")
	if err != nil {
		return "", fmt.Errorf("reading migration %s for %s: %w", name, engine, err)
	}
	return string(text), nil
}
