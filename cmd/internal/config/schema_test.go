package config

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// schema is the part of JSON Schema that migrate.schema.json is written in.
type schema struct {
	Ref         string             `json:"$ref"`
	Defs        map[string]*schema `json:"$defs"`
	Description string             `json:"description"`
	Type        any                `json:"type"`
	Pattern     string             `json:"pattern"`
	Enum        []string           `json:"enum"`
	Default     any                `json:"default"`
	Minimum     *int               `json:"minimum"`
	Maximum     *int               `json:"maximum"`
	Additional  *bool              `json:"additionalProperties"`
	Properties  map[string]*schema `json:"properties"`
}

func readSchema(t *testing.T) *schema {
	t.Helper()
	content, err := os.ReadFile("../../../migrate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var s schema
	if err := json.Unmarshal(content, &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// leaves lists the settings that a schema knows, by key.
func (s *schema) leaves(t *testing.T, prefix string) map[string]*schema {
	t.Helper()
	if s.Additional == nil || *s.Additional {
		t.Errorf("section %q lets unknown keys pass", prefix)
	}
	found := map[string]*schema{}
	for name, p := range s.Properties {
		if p.Properties == nil {
			found[prefix+name] = p
			continue
		}
		for key, leaf := range p.leaves(t, prefix+name+".") {
			found[key] = leaf
		}
	}
	return found
}

func TestSchemaFollowsOptions(t *testing.T) {
	t.Parallel()
	root := readSchema(t)
	leaves := root.leaves(t, "")
	c := Default()
	for _, o := range Options {
		leaf := leaves[o.Key]
		delete(leaves, o.Key)
		if leaf == nil {
			t.Errorf("the schema lacks %s", o.Key)
			continue
		}
		if leaf.Description != o.Usage {
			t.Errorf("%s: the schema says %q, the usage %q", o.Key, leaf.Description, o.Usage)
		}
		value := o.value(&c)
		written := ""
		if leaf.Default != nil {
			written = fmt.Sprint(leaf.Default)
		}
		if written != value.String() {
			t.Errorf("%s: the schema's default is %q, ours %q", o.Key, written, value.String())
		}
		leaf.checkKind(t, root, o, value.Type())
	}
	for key := range leaves {
		t.Errorf("the schema has %s, which is no option", key)
	}
}

// checkKind compares what schema and option accept.
func (s *schema) checkKind(t *testing.T, root *schema, o Option, kind string) {
	t.Helper()
	c := Default()
	accepts := func(text string) bool { return o.value(&c).Set(text) == nil }
	switch {
	case kind == "bool":
		if s.Type != "boolean" {
			t.Errorf("%s: the schema's type is %v", o.Key, s.Type)
		}
	case kind == "number":
		if s.Minimum == nil || s.Maximum == nil || s.Type != "integer" {
			t.Fatalf("%s: the schema does not bound the number", o.Key)
		}
		for text, want := range map[int]bool{*s.Minimum - 1: false, *s.Minimum: true, *s.Maximum: true, *s.Maximum + 1: false} {
			if accepts(fmt.Sprint(text)) != want {
				t.Errorf("%s: %d is accepted by one and refused by the other", o.Key, text)
			}
		}
	case kind == "duration":
		def := root.Defs[strings.TrimPrefix(s.Ref, "#/$defs/")]
		if def == nil {
			t.Fatalf("%s: the schema does not refer to a duration", o.Key)
		}
		pattern := regexp.MustCompile(def.Pattern)
		for _, text := range []string{"200ms", "10m", "24h", "1h30m", "1.5s", "soon", "10", "-1s", ""} {
			if accepts(text) != pattern.MatchString(text) {
				t.Errorf("%s: %q is accepted by one and refused by the other", o.Key, text)
			}
		}
	case kind == "size" || kind == "percent":
		def := root.Defs[kind]
		if def == nil || s.Ref != "#/$defs/"+kind {
			t.Fatalf("%s: the schema does not refer to a %s", o.Key, kind)
		}
		pattern := regexp.MustCompile(def.Pattern)
		for _, text := range []string{"20MB", "1.5GiB", "500kB", "20%", "2.5%", "7", "MB", "%", "-1%", "-1MB", "1mb", "1e3MB", "1e1%", ""} {
			if accepts(text) != pattern.MatchString(text) {
				t.Errorf("%s: %q is accepted by one and refused by the other", o.Key, text)
			}
		}
	case kind == "float":
		if s.Type != "number" {
			t.Errorf("%s: the schema's type is %v", o.Key, s.Type)
		}
	case kind == "list":
		if fmt.Sprint(s.Type) != "[array string]" {
			t.Errorf("%s: the schema's type is %v", o.Key, s.Type)
		}
	case strings.Contains(kind, "|"):
		if !slices.Equal(s.Enum, strings.Split(kind, "|")) {
			t.Errorf("%s: the schema lists %v, the option %s", o.Key, s.Enum, kind)
		}
	default:
		if s.Type != "string" {
			t.Errorf("%s: the schema's type is %v", o.Key, s.Type)
		}
	}
}

// Every field of Config must be within reach of some option: setting every
// option to a value of its own changes every field.
func TestOptionsCoverConfig(t *testing.T) {
	t.Parallel()
	before, after := Default(), Default()
	for _, o := range Options {
		value := o.value(&after)
		text := "changed"
		switch kind := value.Type(); {
		case kind == "bool":
			text = "true"
		case kind == "number", kind == "float":
			text = "7"
		case kind == "size":
			text = "7MB"
		case kind == "percent":
			text = "7%"
		case kind == "duration":
			text = "77m"
		case strings.Contains(kind, "|"):
			options := strings.Split(kind, "|")
			text = options[len(options)-1]
			if text == value.String() {
				text = options[0]
			}
		}
		if err := value.Set(text); err != nil {
			t.Fatalf("setting %s: %v", o.Key, err)
		}
	}
	fields := 0
	var compare func(name string, b, a reflect.Value)
	compare = func(name string, b, a reflect.Value) {
		if b.Kind() == reflect.Struct {
			for i := range b.NumField() {
				compare(name+"."+b.Type().Field(i).Name, b.Field(i), a.Field(i))
			}
			return
		}
		fields++
		if reflect.DeepEqual(b.Interface(), a.Interface()) {
			t.Errorf("no option sets %s", name)
		}
	}
	compare("Config", reflect.ValueOf(before), reflect.ValueOf(after))
	if len(Options) != fields {
		t.Errorf("%d options set %d fields", len(Options), fields)
	}
}

func TestNamesAreUnique(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for _, o := range Options {
		for _, name := range []string{o.Key, o.Env, "--" + o.Flag} {
			if name == "--" {
				continue
			}
			if other, ok := seen[name]; ok {
				t.Errorf("%s names both %s and %s", name, other, o.Key)
			}
			seen[name] = o.Key
		}
		// MIGRATE_FLAG_… are the values of feature flags, not settings.
		if strings.HasPrefix(o.Env, "MIGRATE_FLAG_") {
			t.Errorf("%s reads %s, which holds a feature flag", o.Key, o.Env)
		}
	}
}
