package rules_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/dialects/all"
	pages "github.com/expandcontract/migrate/docs/rules"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/rules"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the heads of the pages and their list from the catalogue")

// head is what a page says before its first heading, which follows from the
// catalogue.
func head(r rules.Rule) string {
	return fmt.Sprintf("# %s\n\n%s\n\n| severity | engines |\n|---|---|\n| %s | %s |\n", r.Name, r.Summary, r.Severity, strings.Join(r.Engines, ", "))
}

func TestPagesFollowTheCatalogue(t *testing.T) {
	t.Parallel()
	for _, r := range rules.All() {
		name := r.Name + ".md"
		page, err := pages.Read(r.Name)
		if err != nil {
			t.Error(err)
			continue
		}
		_, body, _ := strings.Cut(page.Markdown, "\n## ")
		want := head(r) + "\n## " + body
		if *rewrite {
			if err := os.WriteFile(name, []byte(want), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if diff := cmp.Diff(want, page.Markdown); diff != "" {
			t.Errorf("%s is behind the catalogue; run this test with -rewrite (-want +got):\n%s", name, diff)
		}
		for what, text := range map[string]string{"breaks": page.Breaks, "affected": page.Affected, "planner": page.Planner, "allow": page.Allow} {
			if text == "" {
				t.Errorf("%s does not say: %s", name, what)
			}
		}
		if len(page.Examples) == 0 {
			t.Errorf("%s has no example", name)
		}
	}
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".md"); ok && name != "README" {
			if _, known := rules.Find(name); !known {
				t.Errorf("%s explains no rule", f.Name())
			}
		}
	}
}

func TestListFollowsTheCatalogue(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("# The rules\n\nWhat `migrate lint` and `migrate plan` find, by name; `migrate explain RULE` prints a rule's page.\n\n")
	b.WriteString("| rule | severity | engines | what is the matter |\n|---|---|---|---|\n")
	for _, r := range rules.All() {
		fmt.Fprintf(&b, "| [%[1]s](%[1]s.md) | %s | %s | %s |\n", r.Name, r.Severity, strings.Join(r.Engines, ", "), r.Summary)
	}
	if *rewrite {
		if err := os.WriteFile("README.md", []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(got)); diff != "" {
		t.Errorf("README.md is behind the catalogue; run this test with -rewrite (-want +got):\n%s", diff)
	}
}

// schemas are what the examples are about.
var schemas = map[string]string{
	"postgres:17": `
CREATE TABLE teams (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE users (id bigserial PRIMARY KEY, team_id bigint, name text NOT NULL, email varchar(100) NOT NULL DEFAULT '', age integer, plan text NOT NULL DEFAULT 'free');
CREATE INDEX users_email_name ON users (email, name);
CREATE INDEX users_age ON users (age);
CREATE TYPE order_state AS ENUM ('new', 'paid', 'lost');
CREATE TABLE orders (id bigint PRIMARY KEY, number serial, total numeric(10,2), state order_state NOT NULL, note text);
CREATE TABLE events (id bigint, at timestamptz NOT NULL, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE events_2024 (id bigint NOT NULL, at timestamptz NOT NULL);
CREATE TABLE bookings (id bigint PRIMARY KEY, room int, during tstzrange);
CREATE TABLE log (line text);
CREATE VIEW plans AS SELECT id, plan FROM users;
CREATE PUBLICATION changes FOR TABLE orders;
`,
	"mysql:8.4": `
CREATE TABLE teams (id bigint PRIMARY KEY, name varchar(50) NOT NULL);
CREATE TABLE users (id bigint AUTO_INCREMENT PRIMARY KEY, team_id bigint, name varchar(100) NOT NULL, email varchar(100) NOT NULL DEFAULT '', age int, plan varchar(20) NOT NULL DEFAULT 'free', seen_at datetime,
  KEY users_email_name (email, name), KEY users_age (age)) DEFAULT CHARSET=latin1;
CREATE TABLE orders (id bigint PRIMARY KEY, total decimal(10,2), state enum('new', 'paid', 'lost') NOT NULL, note text);
CREATE TABLE log (line varchar(100));
CREATE VIEW plans AS SELECT id, plan FROM users;
`,
}

// atDatabase are the rules that only a database can tell of.
var atDatabase = []string{"backfill-fires-triggers", "existing-rows-violate", "row-versions-exhausted", "transform-fails", "trigger-depends-on-column", "trigger-overwrites-backfill"}

// What the pages show as wrong is found, and what they show instead is not.
func TestExamples(t *testing.T) {
	t.Parallel()
	for _, r := range rules.All() {
		page, err := pages.Read(r.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Examples {
			for assumed, before := range schemas {
				engine, version, _ := strings.Cut(assumed, ":")
				if e.Engines == "PostgreSQL" && engine != "postgres" || strings.HasPrefix(e.Engines, "MySQL") && engine == "postgres" || !slices.Contains(r.Engines, engine) {
					continue
				}
				t.Run(r.Name+"/"+engine, func(t *testing.T) {
					t.Parallel()
					d := all.Engines().ByName(engine)
					schema, err := d.Assume(version)
					if err != nil {
						t.Fatal(err)
					}
					_, schema = planner.Lint(d, schema, planner.File{Name: "0001", Path: "0001.sql", Src: before})
					finds := func(sql string) bool {
						hazards, _ := planner.Lint(d, schema, planner.File{Name: "0007", Path: "0007.sql", Src: sql + "\n"})
						for _, h := range hazards {
							if h.Rule == r.Name {
								return true
							}
						}
						return false
					}
					if !finds(e.Bad) && !slices.Contains(atDatabase, r.Name) {
						t.Errorf("nothing is found in:\n%s", e.Bad)
					}
					if finds(e.Good) {
						t.Errorf("the same is found in what shall be written instead:\n%s", e.Good)
					}
				})
			}
		}
	}
}
