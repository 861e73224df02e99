package flags_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/expandcontract/migrate/flags"
)

// onOff is the beginning of most definitions under test.
const onOff = `"state": "ENABLED", "variants": {"on": true, "off": false}`

// flagdFile writes a definition file and returns its source.
func flagdFile(t *testing.T, content string) *flags.FlagdFile {
	t.Helper()
	path := filepath.Join(t.TempDir(), "flags.json")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return flags.NewFlagdFile(path)
}

func TestFlagdDefinitions(t *testing.T) {
	t.Parallel()
	const email = `{"cat": [{"var": "$flagd.flagKey"}, {"var": "email"}]}`
	for name, test := range map[string]struct {
		definition string
		want       string // the rollout
		reason     string
	}{
		"disabled":                  {`"state": "DISABLED", "variants": {"on": true}, "defaultVariant": "on"`, "off", ""},
		"default on":                {onOff + `, "defaultVariant": "on"`, "full", ""},
		"default off":               {onOff + `, "defaultVariant": "off"`, "off", ""},
		"empty targeting":           {onOff + `, "defaultVariant": "on", "targeting": {}`, "full", ""},
		"null targeting":            {onOff + `, "defaultVariant": "off", "targeting": null`, "off", ""},
		"fractional":                {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [` + email + `, ["on", 25], ["off", 75]]}`, "25%", ""},
		"fractional by default key": {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["off", 3], ["on", 1]]}`, "25%", ""},
		"null bucketing value":      {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [null, ["off", 3], ["on", 1]]}`, "25%", ""},
		"weights left out":          {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on"], ["off", null]]}`, "50%", ""},
		"several true variants":     {`"state": "ENABLED", "variants": {"a": true, "b": true, "c": false}, "defaultVariant": "c", "targeting": {"fractional": [["a", 10], ["b", 20], ["c", 70]]}`, "30%", ""},
		"rounded to the nearest":    {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 2], ["off", 1]]}`, "67%", ""},
		"boolean names":             {`"state": "ENABLED", "variants": {"true": true, "false": false}, "defaultVariant": "false", "targeting": {"fractional": [[true, 5], [false, 95]]}`, "5%", ""},
		"null is the default":       {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 40], [null, 60]]}`, "40%", ""},
		"misleading names":          {`"state": "ENABLED", "variants": {"off": true, "on": false}, "defaultVariant": "on", "targeting": {"fractional": [["on", 90], ["off", 10]]}`, "10%", ""},
		"whole weight as float":     {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 1.0], ["off", 1e0]]}`, "50%", ""},
		"negative weight is none":   {onOff + `, "defaultVariant": "on", "targeting": {"fractional": [["on", 5], ["off", -5]]}`, "full", ""},
		"one in a million":          {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 1], ["off", 999999]]}`, "1%", ""},
		"all but one in a million":  {onOff + `, "defaultVariant": "on", "targeting": {"fractional": [["on", 999999], ["off", 1]]}`, "99%", ""},
		"all buckets and default":   {onOff + `, "defaultVariant": "on", "targeting": {"fractional": [["on", 100], ["off", 0]]}`, "full", ""},
		"no bucket, nor default":    {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 0], ["off", 100]]}`, "off", ""},
		"shared fractional":         {onOff + `, "defaultVariant": "off", "targeting": {"$ref": "quarter"}`, "25%", ""},

		"all buckets, not default":    {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 100]]}`, "unknown", `a request without a targeting key gets the defaultVariant "off"`},
		"no bucket, but default":      {onOff + `, "defaultVariant": "on", "targeting": {"fractional": [["off", 100]]}`, "unknown", `a request without a targeting key gets the defaultVariant "on"`},
		"all buckets, no default":     {onOff + `, "targeting": {"fractional": [["on", 100]]}`, "unknown", "set defaultVariant"},
		"no default":                  {onOff, "unknown", "no defaultVariant"},
		"null default":                {onOff + `, "defaultVariant": null`, "unknown", "no defaultVariant"},
		"default does not exist":      {onOff + `, "defaultVariant": "purple"`, "unknown", `no variant "purple"`},
		"variants are no booleans":    {`"state": "ENABLED", "variants": {"red": "#f00"}, "defaultVariant": "red"`, "unknown", `variant "red" is neither true nor false`},
		"strings that look boolean":   {`"state": "ENABLED", "variants": {"on": "true"}, "defaultVariant": "on"`, "unknown", `variant "on" is neither true nor false`},
		"no state":                    {`"variants": {"on": true}, "defaultVariant": "on"`, "unknown", `its state is ""`},
		"unknown state":               {`"state": "enabled", "variants": {"on": true}, "defaultVariant": "on"`, "unknown", `its state is "enabled"`},
		"if":                          {onOff + `, "defaultVariant": "off", "targeting": {"if": [{"in": ["@example.com", {"var": "email"}]}, "on", "off"]}`, "unknown", "its targeting (if) depends on who asks"},
		"if around fractional":        {onOff + `, "defaultVariant": "off", "targeting": {"if": [{"var": "beta"}, {"fractional": [["on", 50], ["off", 50]]}]}`, "unknown", "its targeting (if) depends on who asks"},
		"two operations":              {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 1]], "if": []}`, "unknown", "2 operations"},
		"targeting is a name":         {onOff + `, "defaultVariant": "off", "targeting": "on"`, "unknown", "not an operation"},
		"bucketing by a constant":     {onOff + `, "defaultVariant": "off", "targeting": {"fractional": ["email", ["on", 25], ["off", 75]]}`, "unknown", "by a constant"},
		"fractional is no list":       {onOff + `, "defaultVariant": "off", "targeting": {"fractional": "on"}`, "unknown", "not a list"},
		"fractional without parts":    {onOff + `, "defaultVariant": "off", "targeting": {"fractional": []}`, "unknown", "no weight at all"},
		"weights of zero":             {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 0], ["off", 0]]}`, "unknown", "no weight at all"},
		"part is no pair":             {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], "off"]}`, "unknown", "not a variant and its weight"},
		"part is empty":               {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], []]}`, "unknown", "not a variant and its weight"},
		"part names no variant":       {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], ["blue", 50]]}`, "unknown", `no variant "blue"`},
		"part computes its variant":   {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], [{"if": []}, 50]]}`, "unknown", "computes a variant"},
		"part names a number":         {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 50], [1, 50]]}`, "unknown", "something else than a string"},
		"null without a default":      {onOff + `, "targeting": {"fractional": [["on", 50], [null, 50]]}`, "unknown", "it has none"},
		"computed weight":             {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", {"var": "w"}], ["off", 1]]}`, "unknown", "not a whole number"},
		"half a weight":               {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 0.5], ["off", 99.5]]}`, "unknown", "not a whole number"},
		"weights beyond flagd's":      {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 2147483647], ["off", 1]]}`, "unknown", "more than 2147483647"},
		"weight beyond everything":    {onOff + `, "defaultVariant": "off", "targeting": {"fractional": [["on", 1e300]]}`, "unknown", "more than 2147483647"},
		"shared rule does not exist":  {onOff + `, "defaultVariant": "off", "targeting": {"$ref": "nowhere"}`, "unknown", `evaluator "nowhere"`},
		"shared rule is empty":        {onOff + `, "defaultVariant": "off", "targeting": {"$ref": "nothing"}`, "unknown", "is empty"},
		"shared rule has an odd name": {onOff + `, "defaultVariant": "off", "targeting": {"$ref": 1}`, "unknown", "not a name"},
		"shared condition":            {onOff + `, "defaultVariant": "off", "targeting": {"$ref": "staff"}`, "unknown", "its targeting (ends_with) depends on who asks"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := flagdFile(t, `{"$schema": "https://flagd.dev/schema/v0/flags.json",
				"flags": {"users.split-name": {`+test.definition+`}, "other": {`+onOff+`, "defaultVariant": "on"}},
				"$evaluators": {
					"quarter": {"fractional": [["on", 25], ["off", 75]]},
					"staff": {"ends_with": [{"var": "email"}, "@example.com"]},
					"nothing": {}
				}}`)
			state, err := source.Rollout(t.Context(), "users.split-name")
			if err != nil {
				t.Fatal(err)
			}
			if state.Rollout.String() != test.want {
				t.Errorf("got %v, want %s", state.Rollout, test.want)
			}
			if test.reason == "" && state.Reason != "" || !strings.Contains(state.Reason, test.reason) {
				t.Errorf("reason %q, want one that says %q", state.Reason, test.reason)
			}
			if !state.FullSince.IsZero() || state.Held {
				t.Errorf("full since %v, held %t: a file knows neither", state.FullSince, state.Held)
			}
			if !strings.HasPrefix(state.Origin, "flagd file ") || !strings.HasSuffix(state.Origin, "flags.json") {
				t.Errorf("origin %q names no file", state.Origin)
			}
		})
	}
}

func TestFlagdFlagIsMissing(t *testing.T) {
	t.Parallel()
	state, err := flagdFile(t, `{"flags": {}}`).Rollout(t.Context(), "users.split-name")
	if err != nil || state.Rollout != flags.Unknown() || !strings.Contains(state.Reason, `does not define flag "users.split-name"`) {
		t.Errorf("got %+v, %v; want unknown and the reason", state, err)
	}
}

func TestFlagdFileCannotBeRead(t *testing.T) {
	t.Parallel()
	sources := map[string]*flags.FlagdFile{
		"no such file":   flags.NewFlagdFile(filepath.Join(t.TempDir(), "absent.json")),
		"a directory":    flags.NewFlagdFile(t.TempDir()),
		"half a file":    flagdFile(t, `{"flags": {"users.split-name": {"state": "ENAB`),
		"not flagd's":    flagdFile(t, `{"feature": {}}`),
		"flags a list":   flagdFile(t, `{"flags": []}`),
		"an empty file":  flagdFile(t, ``),
		"text behind it": flagdFile(t, `{"flags": {}} {}`),
	}
	for name, source := range sources {
		state, err := source.Rollout(t.Context(), "users.split-name")
		if err == nil || !strings.Contains(err.Error(), `reading flag "users.split-name"`) {
			t.Errorf("%s: error %v, want one that names the flag", name, err)
		}
		if state.Rollout != flags.Unknown() || state.Origin == "" {
			t.Errorf("%s: got %+v, want unknown and where it was looked for", name, state)
		}
	}
}

func TestFlagdFileIsReadAnew(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "flags.json")
	source := flags.NewFlagdFile(path)
	for _, want := range []string{"off", "full"} {
		variant := map[string]string{"off": "off", "full": "on"}[want]
		content := `{"flags": {"f": {` + onOff + `, "defaultVariant": "` + variant + `"}}}`
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		state, err := source.Rollout(t.Context(), "f")
		if err != nil || state.Rollout.String() != want {
			t.Errorf("got %v, %v; want %s", state.Rollout, err, want)
		}
	}
}
