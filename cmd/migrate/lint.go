package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/expandcontract/migrate/cmd/internal/config"
	"github.com/expandcontract/migrate/cmd/internal/views"
	"github.com/expandcontract/migrate/dialects"
	"github.com/expandcontract/migrate/planner"
)

// lintOptions are what migrate lint is told.
type lintOptions struct {
	*factory
	files  []string
	output views.Format
}

func newLintCommand(f *factory, run func(context.Context, *lintOptions) error) *cobra.Command {
	o := &lintOptions{factory: f}
	cmd := &cobra.Command{
		Use:     "lint [FILE...]",
		Short:   "Find hazards in migrations, without a database",
		GroupID: groupAuthor,
		Long: `Find what a reviewer should know about migrations, without a database: what the
planner cannot make safe by itself, what it refuses, and what it makes safe.
Without a FILE, all migrations of the folder are looked at. What earlier files
of a FILE's folder say of the schema is known.

Exit code 1 when there is a hazard of severity error that no migrate:allow
directive acknowledges. migrate explain RULE tells more of a hazard.

Files of goose, dbmate, golang-migrate and Flyway, and dumps of pg_dump and
mysqldump, are understood: of them, the part that changes the schema counts.

-o sarif is for code scanning, -o github for annotations on a pull request.`,
		Example: example(`
			migrate lint
			migrate lint migrations/0007_split_name.sql --assume postgres:16
			migrate lint db/migrations/*.sql -o github`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.files = args
			return run(cmd.Context(), o)
		},
	}
	addOutput(cmd, &o.output, views.SARIF, views.GitHub)
	config.AddFlags(cmd.Flags(), config.LintFlags...)
	return cmd
}

// errHazards is how lint tells that there are hazards. It is an answer, not a
// failure: what they are is said already.
var errHazards = errors.New("there are hazards")

func runLint(_ context.Context, o *lintOptions) error {
	engine, schema, err := o.assumed()
	if err != nil {
		return err
	}
	paths, err := o.paths()
	if err != nil {
		return err
	}
	out := &views.Lint{Engine: engine.Engine(), Version: strings.TrimSuffix(schema.Version, "-MariaDB"), Sources: map[string]string{}, Tool: *build()}
	for _, folder := range folders(paths) {
		known := schema
		for _, path := range folder.files {
			f, err := planner.ReadFile(path)
			if err != nil {
				return err
			}
			hazards, next := planner.Lint(engine, known, f)
			if known = next; folder.wanted[path] {
				out.Files = append(out.Files, path)
				out.Sources[path] = f.Src
				out.Findings = append(out.Findings, hazards...)
			}
		}
	}
	if err := views.NewLint(o.streams, o.output, o.verbose).Lint(out); err != nil {
		return err
	}
	if out.Blocking() > 0 {
		return errHazards
	}
	return nil
}

// versions are what is assumed of an engine of which only the URL's scheme tells:
// neither the oldest that there is nor the newest.
var versions = map[string]string{"postgres": "16", "mysql": "8.4", "mariadb": "10.11"}

// assumed is the engine, and its schema without tables.
func (o *lintOptions) assumed() (dialects.Engine, *planner.Schema, error) {
	name, version, _ := strings.Cut(o.config.Assume, ":")
	var engine dialects.Engine
	switch {
	case name != "":
		if engine = o.engines.ByName(name); engine == nil {
			return nil, nil, withHint(fmt.Errorf("unknown engine %q to assume", name), "use postgres:VERSION, mysql:VERSION or mariadb:VERSION")
		}
	case !o.config.HasDatabase():
		return nil, nil, withHint(errors.New("lint does not know which engine the files are for"), "say --assume postgres:16, mysql:8.4 or mariadb:10.11, or lint.assume in migrate.yaml")
	default:
		url, err := o.config.URL()
		if err != nil {
			return nil, nil, err
		}
		if engine, err = o.engines.ForURL(url); err != nil {
			return nil, nil, err
		}
	}
	if version == "" {
		version = versions[engine.Engine()]
	}
	schema, err := engine.Assume(version)
	if err != nil {
		return nil, nil, fmt.Errorf("reading --assume: %w", err)
	}
	return engine, schema, nil
}

// paths are the files to look at: those named, by path or as migrations, or all.
func (o *lintOptions) paths() ([]string, error) {
	if len(o.files) == 0 {
		var all []string
		for f, err := range planner.Files(o.config.Dir) {
			if err != nil {
				return nil, err
			}
			all = append(all, f.Path)
		}
		return all, nil
	}
	var out []string
	for _, name := range o.files {
		path := name
		if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && !strings.ContainsAny(name, `/\`) {
			path = filepath.Join(o.config.Dir, migrationName(name)+".sql")
		}
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, withHint(fmt.Errorf("there is no file %q", name), "name a file, or a migration of the folder %s", o.config.Dir)
		case info.IsDir():
			return nil, withHint(fmt.Errorf("%s is a folder", name), "name the files, or give the folder with --dir")
		}
		if path = filepath.Clean(path); !slices.Contains(out, path) {
			out = append(out, path)
		}
	}
	return out, nil
}

// folder is a folder's files in the order in which they are run, up to the last
// that is wanted.
type folder struct {
	files  []string
	wanted map[string]bool
}

// folders gathers, for the files of each folder, what was run before them.
func folders(paths []string) []*folder {
	byDir := map[string]*folder{}
	var out []*folder
	for _, path := range paths {
		dir := filepath.Dir(path)
		f := byDir[dir]
		if f == nil {
			f = &folder{wanted: map[string]bool{}}
			byDir[dir] = f
			out = append(out, f)
			siblings, _ := filepath.Glob(filepath.Join(dir, "*.sql")) // the pattern is well formed
			f.files = siblings
		}
		if f.wanted[path] = true; !slices.Contains(f.files, path) {
			f.files = append(f.files, path) // a name that does not end in .sql
		}
	}
	for _, f := range out {
		slices.SortFunc(f.files, func(a, b string) int { return natural(filepath.Base(a), filepath.Base(b)) })
		last := 0
		for i, path := range f.files {
			if f.wanted[path] {
				last = i
			}
		}
		f.files = f.files[:last+1]
	}
	return out
}

// natural compares names, numbers in them by their value: V2 is before V10.
func natural(a, b string) int {
	for a != "" && b != "" {
		m, n := digits(a), digits(b)
		if m == 0 || n == 0 {
			if a[0] != b[0] {
				return int(a[0]) - int(b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
		if len(x) != len(y) {
			return len(x) - len(y)
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
		a, b = a[m:], b[n:]
	}
	return len(a) - len(b)
}

// digits counts those that a text begins with.
func digits(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}
