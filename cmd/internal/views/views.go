// Package views writes results to stdout. Each kind of result has one interface
// and an implementation per format: text for people, which may change with any
// release, and JSON for programs, whose shape is versioned by format_version.
package views

import (
	"encoding/json"
	"fmt"
	"io"
)

// Format names a way to write a result.
type Format string

// The formats. Plans alone can be written as SQL, and findings alone as SARIF and
// as GitHub's annotations.
const (
	Text     Format = "text"
	JSON     Format = "json"
	Markdown Format = "markdown"
	SQL      Format = "sql"
	SARIF    Format = "sarif"
	GitHub   Format = "github"
)

// writeJSON writes one indented document.
func writeJSON(w io.Writer, document any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // SQL is full of < and >
	e.SetIndent("", "  ")
	if err := e.Encode(document); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}
