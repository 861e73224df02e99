package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/views"
)

// newOptions are what migrate new is told.
type newOptions struct {
	*factory
	name   string
	output views.Format
}

func newNewCommand(f *factory, run func(context.Context, *newOptions) error) *cobra.Command {
	o := &newOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "new NAME",
		Short:   "Create an empty migration",
		GroupID: groupAuthor,
		Long: `Create migrations/NNNN_NAME.sql, numbered after the last one, with a header that
shows what can be said in it.`,
		Example: example(`
			migrate new split_name
			migrate new "split the users' names"`),
		Args: arguments(1, -1, "a name"),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.name = strings.Join(args, "_")
			return run(cmd.Context(), o)
		},
	}
	addOutput(cmd, &o.output)
	return cmd
}

// header begins a new migration. It must be a migration that does nothing.
const header = `-- %s
--
-- Write the SQL that you would write if you could stop the world: ALTER TABLE,
-- CREATE INDEX, and UPDATE to fill new columns from old ones. migrate plan
-- shows what it becomes; migrate expand and migrate contract run it.
--
-- What SQL cannot say goes into comments that begin with "migrate:" (take the
-- leading "--" twice away to use one of these):
--
-- -- migrate:flag users.split-name                   the feature flag it is tied to (else its own name)
-- -- migrate:down users.name = first || ' ' || last  what old versions read in rows of new ones
-- -- migrate:soak 24h                                how long the flag must have been full
-- -- migrate:grace 72h                               how long dropped columns stay restorable
-- -- migrate:allow RULE "reason"                     before a statement: accepts a hazard of it

`

func runNew(_ context.Context, o *newOptions) error {
	slug := slugOf(o.name)
	if slug == "" {
		return withHint(fmt.Errorf("%q has no letter or digit to name a migration by", o.name), "say in a few words what it does: migrate new split_name")
	}
	number, width, err := nextNumber(o.config.Dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.config.Dir, 0o777); err != nil { //nolint:gosec // the user's umask decides
		return fmt.Errorf("creating the directory of the migrations: %w", err)
	}
	path := filepath.Join(o.config.Dir, fmt.Sprintf("%0*d_%s.sql", width, number, slug))
	if err := createFile(path, fmt.Sprintf(header, strings.ReplaceAll(slug, "_", " "))); err != nil {
		return err
	}
	return o.results(o.output).Done(views.Done{
		Message: "Created " + path + ".", Files: []string{path}, Migrations: []string{migrationName(path)},
	})
}

// slugOf makes a file's name of what a person calls a migration.
func slugOf(name string) string {
	words := strings.FieldsFunc(strings.ToLower(strings.TrimSuffix(name, ".sql")), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r)
	})
	return strings.Join(words, "_")
}

// nextNumber finds the number after the highest in a directory, and how many
// digits numbers have there.
func nextNumber(dir string) (number, width int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, fmt.Errorf("listing migrations: %w", err)
	}
	const usual = 4
	number, width = 1, usual
	for _, e := range entries {
		digits := len(e.Name()) - len(strings.TrimLeft(e.Name(), "0123456789"))
		if digits == 0 || filepath.Ext(e.Name()) != ".sql" {
			continue
		}
		n, err := strconv.Atoi(e.Name()[:digits])
		if err != nil {
			return 0, 0, fmt.Errorf("numbering a migration after %s: %w", e.Name(), err)
		}
		if n >= number {
			number, width = n+1, digits
		}
	}
	return number, width, nil
}

// createFile writes a file that does not exist yet.
func createFile(path, content string) (err error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // the user's umask decides
	if err != nil {
		return fmt.Errorf("creating a file: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.WriteString(content); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
