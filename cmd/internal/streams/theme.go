package streams

import (
	"charm.land/lipgloss/v2"
)

// Theme styles text by its meaning. The zero value leaves text as it is.
type Theme struct {
	// Strong is for what a line is about, Faint for what may be skipped.
	Strong, Faint lipgloss.Style
	// Good, Warn and Bad are for verdicts; Accent for names and headings.
	Good, Warn, Bad, Accent lipgloss.Style
}

// NewTheme makes a theme, with or without color.
func NewTheme(color bool) Theme {
	if !color {
		return Theme{}
	}
	plain := lipgloss.NewStyle()
	return Theme{
		Strong: plain.Bold(true),
		Faint:  plain.Faint(true),
		Good:   plain.Foreground(lipgloss.Green),
		Warn:   plain.Foreground(lipgloss.Yellow),
		Bad:    plain.Foreground(lipgloss.Red).Bold(true),
		Accent: plain.Foreground(lipgloss.Cyan),
	}
}
