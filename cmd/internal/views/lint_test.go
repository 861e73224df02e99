package views_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/owenrumney/go-sarif/v3/pkg/report/v210/sarif"

	"github.com/expandcontract/migrate/cmd/internal/streams"
	"github.com/expandcontract/migrate/cmd/internal/views"
	pages "github.com/expandcontract/migrate/docs/rules"
	"github.com/expandcontract/migrate/planner/plan"
	"github.com/expandcontract/migrate/planner/rules"
)

// linted is what lint found in two files, one with a name that must be escaped
// nearly everywhere.
func linted() *views.Lint {
	const odd = "migrations/100%, ä:b|c.sql"
	return &views.Lint{
		Engine: "postgres", Version: "16", Files: []string{"migrations/0007_nick.sql", odd},
		Sources: map[string]string{
			"migrations/0007_nick.sql": "-- nicks\r\nALTER TABLE users\r\n\tADD COLUMN näme\ttext NOT NULL;\r\n",
			odd:                        strings.Repeat("SELECT 1; ", 20) + "TRUNCATE users;\n",
		},
		Findings: []plan.Hazard{
			{
				Rule: "not-null-without-default", Severity: plan.Error, Pos: plan.Pos{File: "migrations/0007_nick.sql", Line: 3, Column: 18},
				Message: "column users.näme is NOT NULL and has no default", Instead: "give it a DEFAULT: 100%\nof rows have none",
			},
			{
				Rule: "timestamp-without-time-zone", Severity: plan.Warning, Pos: plan.Pos{File: "migrations/0007_nick.sql", Line: 2, Column: 1},
				Message: "users.at does not say which moment it means", Instead: "use timestamptz",
			},
			{
				Rule: "select-star-cached-plan", Severity: plan.Info, Pos: plan.Pos{File: "migrations/0007_nick.sql", Line: 2, Column: 1},
				Message: "prepared SELECT * statements on users fail once in each session", Instead: "name the columns",
			},
			{
				Rule: "data-loss-truncate", Severity: plan.Error, Pos: plan.Pos{File: odd, Line: 1, Column: 201},
				Message: "all rows of users are gone\x1b[31m for good", Allowed: true, Reason: "it is a \"cache\"",
			},
		},
		Tool: views.Build{Version: "1.2.3"},
	}
}

func writeLint(t *testing.T, l *views.Lint, f views.Format) string {
	t.Helper()
	var out bytes.Buffer
	if err := views.NewLint(streams.Buffers(&out, io.Discard), f, false).Lint(l); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// contains reports where a document holds what another does not, because a
// reader of the format has no place for it.
func contains(path string, document, other any) string {
	switch v := document.(type) {
	case map[string]any:
		o, _ := other.(map[string]any)
		for k, below := range v {
			if missing := contains(path+"."+k, below, o[k]); missing != "" {
				return missing
			}
		}
	case []any:
		o, _ := other.([]any)
		if len(o) != len(v) {
			return path
		}
		for i, below := range v {
			if missing := contains(fmt.Sprintf("%s[%d]", path, i), below, o[i]); missing != "" {
				return missing
			}
		}
	default:
		if document != other {
			return path
		}
	}
	return ""
}

// conforms holds a text against the schema of SARIF 2.1.0, and sees to it that a
// reader of the format finds all that is in it.
func conforms(t *testing.T, text string) {
	t.Helper()
	report, err := sarif.FromString(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, run := range report.Runs {
		// What we leave out it writes as empty, which the schema does not want of these.
		run.Language, run.Tool.Driver.Language, run.NewlineSequences = "en-US", "en-US", []string{"\n"}
	}
	if err := report.Validate(); err != nil {
		t.Errorf("it is not valid: %v", err)
	}
	again, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var written, read any
	if err := errors.Join(json.Unmarshal([]byte(text), &written), json.Unmarshal(again, &read)); err != nil {
		t.Fatal(err)
	}
	if missing := contains("", written, read); missing != "" {
		t.Errorf("the format has no place for %s", missing)
	}
}

func TestSARIF(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*views.Lint{"some": linted(), "none": {Engine: "mysql", Version: "8.4"}, "all rules": everyRule()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := writeLint(t, l, views.SARIF)
			conforms(t, text)
			var log struct {
				Version string
				Runs    []struct {
					Tool struct {
						Driver struct{ Rules []struct{ ID string } }
					}
					Results []struct {
						RuleID, Level string
						RuleIndex     int
						Locations     []struct {
							PhysicalLocation struct {
								ArtifactLocation struct{ URI string }
								Region           struct{ StartLine, StartColumn int }
							}
						}
						Suppressions []struct{ Kind string }
					}
				}
			}
			if err := json.Unmarshal([]byte(text), &log); err != nil {
				t.Fatal(err)
			}
			if log.Version != "2.1.0" || len(log.Runs) != 1 || len(log.Runs[0].Results) != len(l.Findings) {
				t.Fatalf("version %s, %d runs", log.Version, len(log.Runs))
			}
			run := log.Runs[0]
			for i, r := range run.Results {
				if run.Tool.Driver.Rules[r.RuleIndex].ID != r.RuleID || r.RuleID != l.Findings[i].Rule {
					t.Errorf("result %d is of rule %s, and its index of another", i, r.RuleID)
				}
				if !slices.Contains([]string{"none", "note", "warning", "error"}, r.Level) {
					t.Errorf("level %s", r.Level)
				}
				at := r.Locations[0].PhysicalLocation
				uri, err := url.Parse(at.ArtifactLocation.URI)
				if err != nil || uri.Scheme != "" || uri.Path != l.Findings[i].File {
					t.Errorf("uri %q: %v", at.ArtifactLocation.URI, err)
				}
				if at.Region.StartLine < 1 || at.Region.StartColumn < 1 {
					t.Errorf("place %v", at.Region)
				}
				if (len(r.Suppressions) > 0) != l.Findings[i].Allowed {
					t.Errorf("suppressions %v", r.Suppressions)
				}
			}
		})
	}
}

// everyRule has one finding of each rule, so that each page goes into a file.
func everyRule() *views.Lint {
	l := &views.Lint{Engine: "postgres", Version: "16"}
	for i, r := range rules.All() {
		l.Findings = append(l.Findings, plan.Hazard{Rule: r.Name, Severity: r.Severity, Pos: plan.Pos{File: "a.sql", Line: i + 1, Column: 1}, Message: r.Summary})
	}
	return l
}

// An annotation must not end in its middle, nor begin another.
func TestGitHubEscapes(t *testing.T) {
	t.Parallel()
	out := writeLint(t, linted(), views.GitHub)
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(linted().Findings) {
		t.Fatalf("%d lines for %d findings:\n%s", len(lines), len(linted().Findings), out)
	}
	if want := "file=migrations/100%25%2C ä%3Ab|c.sql,line=1,col=201,title=data-loss-truncate::"; !strings.Contains(lines[3], want) {
		t.Errorf("got %s, want %s in it", lines[3], want)
	}
	if !strings.HasPrefix(lines[0], "::error ") || !strings.Contains(lines[0], "100%25%0Aof rows") {
		t.Errorf("got %s", lines[0])
	}
}

func TestExplainEveryRule(t *testing.T) {
	t.Parallel()
	for _, r := range rules.All() {
		page, err := pages.Read(r.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range []views.Format{views.Text, views.Markdown, views.JSON} {
			var out bytes.Buffer
			if err := views.NewExplain(streams.Buffers(&out, io.Discard), f).Rule(r, page); err != nil {
				t.Fatal(err)
			}
			if f == views.Markdown && out.String() != page.Markdown {
				t.Errorf("%s: Markdown is not the page", r.Name)
			}
			for _, want := range []string{r.Name, r.Summary, page.Examples[0].Bad} {
				if f == views.JSON {
					quoted, err := json.Marshal(want)
					if err != nil {
						t.Fatal(err)
					}
					want = strings.Trim(strings.NewReplacer(`\u003e`, ">", `\u003c`, "<", `\u0026`, "&").Replace(string(quoted)), `"`)
				}
				if f != views.Text && !strings.Contains(out.String(), want) {
					t.Errorf("%s as %s does not say %s", r.Name, f, want)
				}
			}
		}
	}
}

// lintOutputs are golden, beside those of outputs.
func lintOutputs() map[string]func(s *streams.Streams) error {
	as := func(f views.Format, verbose bool, l *views.Lint) func(*streams.Streams) error {
		return func(s *streams.Streams) error { return views.NewLint(s, f, verbose).Lint(l) }
	}
	explain := func(s *streams.Streams) error {
		r, ok := rules.Find("missing-down")
		page, err := pages.Read(r.Name)
		if !ok || err != nil {
			return fmt.Errorf("reading the page: %w", err)
		}
		return views.NewExplain(s, views.Text).Rule(r, page)
	}
	none := &views.Lint{Engine: "mysql", Version: "8.4", Files: []string{"a.sql"}}
	return map[string]func(s *streams.Streams) error{
		"lint.txt": as(views.Text, false, linted()), "lint_verbose.txt": as(views.Text, true, linted()), "lint_none.txt": as(views.Text, false, none),
		"lint.json": as(views.JSON, false, linted()), "lint_none.json": as(views.JSON, false, none),
		"lint.sarif": as(views.SARIF, false, linted()), "lint.github": as(views.GitHub, false, linted()),
		"explain.txt": explain,
	}
}
