// Package dialects says what an engine must provide to be one of migrate's, and
// finds the engine for a URL. Adding an engine is one folder and one line in
// the registry (see package dialects/all).
package dialects

import (
	"context"
	"fmt"
	"strings"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner"
	"github.com/expandcontract/migrate/planner/plan"
)

// Engine is one database engine: a pure half for the planner, and sessions.
type Engine interface {
	planner.Dialect
	// Schemes are the URL schemes that mean this engine.
	Schemes() []string
	// Open connects. The error never shows a password.
	Open(ctx context.Context, url string, o Options) (Session, error)
}

// Options for opening a session.
type Options struct {
	// Application is what sessions call themselves on the server.
	Application string
	// MaxConns bounds the pool; 0 for the default of 8.
	MaxConns int
}

// Session is a connected engine, for the executor and for inspection.
type Session interface {
	executor.Session
	// Inspect reads the server's facts, the named tables, their dependants
	// included, and the named objects; names that do not exist are just absent.
	// It never writes.
	Inspect(ctx context.Context, refs planner.References) (*planner.Schema, error)
	// InspectIndex finds the table of an index by the index's name, for engines
	// whose DROP INDEX does not name the table; ok is false if there is none.
	InspectIndex(ctx context.Context, schema, name string) (table planner.Ref, ok bool, err error)
	// Accepts asks the server, without changing or scanning anything, whether a
	// check's SQL makes sense to it; the error is the server's objection.
	Accepts(ctx context.Context, c plan.Check) error
	Close() error
}

// Registry knows the engines.
type Registry []Engine

// ForURL finds the engine that a URL's scheme names.
func (r Registry) ForURL(url string) (Engine, error) {
	scheme, _, ok := strings.Cut(url, "://")
	if !ok {
		return nil, fmt.Errorf("the database URL has no scheme: it starts with one of %s", strings.Join(r.schemes(), ", "))
	}
	for _, e := range r {
		for _, s := range e.Schemes() {
			if s == scheme {
				return e, nil
			}
		}
	}
	return nil, fmt.Errorf("unknown database URL scheme %q: use one of %s", scheme, strings.Join(r.schemes(), ", "))
}

// ByName finds an engine by its name; nil if there is none.
func (r Registry) ByName(name string) Engine {
	for _, e := range r {
		if e.Engine() == name {
			return e
		}
	}
	return nil
}

func (r Registry) schemes() []string {
	var out []string
	for _, e := range r {
		for _, s := range e.Schemes() {
			out = append(out, s+"://")
		}
	}
	return out
}
