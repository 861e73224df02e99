package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/expandcontract/migrate/internal/nearest"
)

// Sources are where a configuration comes from.
type Sources struct {
	// File is the configuration file. It need not exist unless Required.
	File     string
	Required bool
	// Lookup reads an environment variable, as os.LookupEnv does.
	Lookup func(name string) (value string, ok bool)
	// Flags are the flags of the command line; those that were given count.
	Flags *pflag.FlagSet
}

// Load reads the configuration: the defaults, then the file, the environment
// and the command line. An unknown key in the file is an error, as is a value
// that cannot be read; both say where.
func Load(s Sources) (*Config, error) {
	c := Default()
	layers := []func(*Config) (given, error){
		func(c *Config) (given, error) { return fromFile(c, s.File, s.Required) },
		func(c *Config) (given, error) { return fromEnv(c, s.Lookup) },
		func(c *Config) (given, error) { return fromFlags(c, s.Flags) },
	}
	for _, layer := range layers {
		set, err := layer(&c)
		if err != nil {
			return nil, err
		}
		if err := set.prefer(&c); err != nil {
			return nil, err
		}
	}
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &c, nil
}

// given holds, for the keys that one layer sets, how that layer names them.
type given map[string]string

// alternatives are settings of which each takes the other's place: the second is
// a file that holds the first.
var alternatives = []struct {
	direct, file string
	clear        func(c *Config, direct bool)
}{
	{"database_url", "database_url_file", func(c *Config, direct bool) {
		if direct {
			c.DatabaseURL = ""
		} else {
			c.DatabaseURLFile = ""
		}
	}},
	{"verify.replica_url", "verify.replica_url_file", func(c *Config, direct bool) {
		if direct {
			c.VerifyReplicaURL = ""
		} else {
			c.VerifyReplicaURLFile = ""
		}
	}},
	{"throttle.replica_lag.replicas", "throttle.replica_lag.replicas_file", func(c *Config, direct bool) {
		if direct {
			c.Throttle.ReplicaURLs = nil
		} else {
			c.Throttle.ReplicasFile = ""
		}
	}},
}

// prefer lets a URL in this layer replace a URL file of an earlier one, and the
// other way round.
func (g given) prefer(c *Config) error {
	for _, a := range alternatives {
		direct, file := g[a.direct], g[a.file]
		switch {
		case direct != "" && file != "":
			return fmt.Errorf("both %s and %s are given: give one", direct, file)
		case direct != "":
			a.clear(c, false)
		case file != "":
			a.clear(c, true)
		}
	}
	return nil
}

func fromEnv(c *Config, lookup func(string) (string, bool)) (given, error) {
	set := given{}
	if lookup == nil {
		return set, nil
	}
	for _, o := range Options {
		value, _ := lookup(o.Env)
		if value == "" {
			continue
		}
		if err := o.value(c).Set(value); err != nil {
			return nil, fmt.Errorf("reading environment variable %s: %w", o.Env, err)
		}
		set[o.Key] = o.Env
	}
	return set, nil
}

func fromFlags(c *Config, flags *pflag.FlagSet) (given, error) {
	set := given{}
	if flags == nil {
		return set, nil
	}
	for _, o := range Options {
		flag := flags.Lookup(o.Flag)
		if o.Flag == "" || flag == nil || !flag.Changed {
			continue
		}
		if err := o.value(c).Set(flag.Value.String()); err != nil {
			return nil, fmt.Errorf("reading --%s: %w", o.Flag, err)
		}
		set[o.Key] = "--" + o.Flag
	}
	return set, nil
}

func fromFile(c *Config, file string, required bool) (given, error) {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && !required {
		return given{}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	var document yaml.Node
	if err := yaml.NewDecoder(strings.NewReader(string(content))).Decode(&document); err != nil {
		if errors.Is(err, io.EOF) { // nothing but comments
			return given{}, nil
		}
		return nil, fmt.Errorf("reading %s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	reader := fileReader{file: file, config: c, set: given{}}
	if err := reader.mapping(document.Content[0], ""); err != nil {
		return nil, err
	}
	return reader.set, nil
}

// fileReader reads the tree of a configuration file into a Config.
type fileReader struct {
	file   string
	config *Config
	set    given
}

func (r *fileReader) mapping(node *yaml.Node, prefix string) error {
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return nil // a section of which every line is commented out
	}
	if node.Kind != yaml.MappingNode {
		return r.fail(node, "expected keys with values")
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i], node.Content[i+1]
		key := prefix + name.Value
		var err error
		switch option := byKey(key); {
		case option != nil:
			err = r.scalar(option, name, value)
		case isSection(key):
			err = r.mapping(value, key+".")
		default:
			err = r.unknown(name, key)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *fileReader) scalar(o *Option, name, value *yaml.Node) error {
	texts := []*yaml.Node{value}
	if o.value(r.config).Type() == "list" && value.Kind == yaml.SequenceNode && len(value.Content) > 0 {
		texts = value.Content
	}
	words := make([]string, len(texts))
	for i, t := range texts {
		if t.Kind != yaml.ScalarNode || t.Tag == "!!null" {
			return r.fail(t, "%s: expected a value", o.Key)
		}
		words[i] = t.Value
	}
	if _, ok := r.set[o.Key]; ok {
		return r.fail(name, "%s is given twice", o.Key)
	}
	if err := o.value(r.config).Set(strings.Join(words, " ")); err != nil {
		return r.fail(value, "%s: %w", o.Key, err)
	}
	for i, t := range texts {
		if secret[o.Key] && slices.ContainsFunc(strings.Fields(words[i]), hasPassword) {
			return &PasswordError{Place: r.place(t), Key: o.Key}
		}
	}
	r.set[o.Key] = r.place(name) + ": " + o.Key
	return nil
}

func (r *fileReader) unknown(node *yaml.Node, key string) error {
	if near := meant(key); near != "" {
		return r.fail(node, "unknown key %q; did you mean %q?", key, near)
	}
	return r.fail(node, "unknown key %q", key)
}

func (r *fileReader) fail(node *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s: %w", r.place(node), fmt.Errorf(format, args...))
}

func (r *fileReader) place(node *yaml.Node) string {
	return fmt.Sprintf("%s:%d:%d", r.file, node.Line, node.Column)
}

// PasswordError says that the configuration file, which belongs into version
// control, holds a password.
type PasswordError struct {
	// Place is file:line:column.
	Place string
	// Key is the setting.
	Key string
}

// secret are the settings whose URLs may hold passwords.
var secret = map[string]bool{"database_url": true, "verify.replica_url": true, "throttle.replica_lag.replicas": true, "throttle.http.url": true}

// Error does not show the URL.
func (e *PasswordError) Error() string {
	return e.Place + ": " + e.Key + " holds a password, which does not belong into this file"
}

// Instead says where the password may stand.
func (e *PasswordError) Instead() string {
	advice := "set " + byKey(e.Key).Env
	for _, a := range alternatives {
		if a.direct == e.Key {
			advice += ", or name a file that holds the URL with " + a.file
		}
	}
	return advice
}

func byKey(key string) *Option {
	for i := range Options {
		if Options[i].Key == key {
			return &Options[i]
		}
	}
	return nil
}

func isSection(key string) bool {
	for _, o := range Options {
		if strings.HasPrefix(o.Key, key+".") {
			return true
		}
	}
	return false
}

// meant finds the key that somebody who wrote this one may have meant; empty
// if none is near.
func meant(key string) string {
	best, least := "", max(3, len(key)/3+1)
	for _, o := range Options {
		distance := nearest.Distance(key, o.Key)
		if _, last, ok := strings.Cut(o.Key, "."); ok { // the section forgotten
			distance = min(distance, nearest.Distance(key, last))
		}
		if distance < least {
			best, least = o.Key, distance
		}
	}
	return best
}
