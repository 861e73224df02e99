package streams

import (
	"io"
	"sync"

	"github.com/charmbracelet/x/ansi"
)

// clearLine moves to the beginning of the line and erases it.
const clearLine = "\r\x1b[2K"

// Console is stderr: lines that stay and, on a terminal, one status line below
// them that is redrawn. Writers may be concurrent.
type Console struct {
	mu     sync.Mutex
	w      io.Writer
	tty    bool
	width  func() int
	status string
}

// NewConsole makes a console of w. Without a terminal it has no status line.
func NewConsole(w io.Writer, tty bool, width func() int) *Console {
	return &Console{w: w, tty: tty, width: width}
}

// Write writes whole lines above the status line.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status == "" {
		return c.w.Write(p)
	}
	// One write, so that the terminal never shows a half-cleared line.
	line := make([]byte, 0, len(clearLine)+len(p)+len(c.status))
	line = append(line, clearLine...)
	line = append(line, p...)
	line = append(line, c.status...)
	if _, err := c.w.Write(line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Status replaces the status line, cut to the terminal's width; empty removes
// it. Without a terminal it does nothing.
func (c *Console) Status(line string) {
	if !c.tty {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	line = ansi.Truncate(line, c.width()-1, "…")
	if line == c.status {
		return
	}
	c.status = line
	// A terminal that is gone is no reason to end a migration.
	_, _ = io.WriteString(c.w, clearLine+line)
}
