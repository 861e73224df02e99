// Package streams is the only door between migrate and the terminal.
//
// The rules of the user interface:
//
//   - Stdout carries the result and nothing else, so that it can be piped.
//     The log, progress, warnings and errors go to stderr.
//   - What a script may read is JSON with a format_version. Text is for people
//     and may change with any release.
//   - A line says what is the case; color only repeats it. Everything reads the
//     same without color, and there is none when the stream is no terminal, when
//     NO_COLOR is set, or with --no-color.
//   - Only the terminal's own 16 colors are used, so that the user's theme holds.
//   - Nothing blinks, scrolls by itself or is cleared. The one exception is the
//     progress line at the bottom of a terminal, redrawn at most ten times a second.
//   - Text is laid out for the width of the terminal, and for 100 columns where
//     there is none.
//   - An error is "error: " and a sentence in lower case, then, where we know
//     what helps, "hint: " and what to do. A place is file:line:column.
//   - Nobody is ever asked a question: migrate runs in pipelines.
//   - No value of the user's data and no password is printed.
package streams

import (
	"io"
	"os"

	"golang.org/x/term"
)

// DefaultWidth is the width in columns that text is laid out for where there is
// no terminal to ask.
const DefaultWidth = 100

// Streams are the standard streams of one run of migrate. In tests they are
// buffers.
type Streams struct {
	// Out is for the result.
	Out io.Writer
	// Err is for the log, progress and errors. All writers share its lock.
	Err *Console

	// Theme styles text for Out, ErrTheme for Err.
	Theme, ErrTheme Theme

	outTTY, errTTY bool
	color          bool
	width          func() int
}

// System returns the process's own streams. Color follows the terminals and
// the environment, which lookup reads, until NoColor.
func System(lookup func(string) (string, bool)) *Streams {
	s := &Streams{
		Out:    os.Stdout,
		outTTY: isTerminal(os.Stdout),
		errTTY: isTerminal(os.Stderr),
		width:  func() int { return terminalWidth(os.Stdout) },
	}
	s.Err = NewConsole(os.Stderr, s.errTTY, func() int { return terminalWidth(os.Stderr) })
	s.color = allowsColor(lookup)
	s.Theme, s.ErrTheme = NewTheme(s.OutIsColored()), NewTheme(s.ErrIsColored())
	return s
}

// Buffers returns streams that write to out and err, without a terminal.
func Buffers(out, err io.Writer) *Streams {
	fixed := func() int { return DefaultWidth }
	return &Streams{Out: out, Err: NewConsole(err, false, fixed), width: fixed}
}

// NoColor takes all color away.
func (s *Streams) NoColor() {
	s.color = false
	s.Theme, s.ErrTheme = NewTheme(false), NewTheme(false)
}

// OutIsColored tells whether the result may be colored.
func (s *Streams) OutIsColored() bool { return s.color && s.outTTY }

// ErrIsColored tells whether the log may be colored.
func (s *Streams) ErrIsColored() bool { return s.color && s.errTTY }

// Width is the width to lay the result out for, in columns.
func (s *Streams) Width() int { return s.width() }

// OutIsTerminal tells whether the result goes to a terminal.
func (s *Streams) OutIsTerminal() bool { return s.outTTY }

// ErrIsTerminal tells whether the log goes to a terminal, so that progress can
// be drawn on one line.
func (s *Streams) ErrIsTerminal() bool { return s.errTTY }

// allowsColor follows no-color.org and the terminals that know no color.
func allowsColor(lookup func(string) (string, bool)) bool {
	if value, ok := lookup("NO_COLOR"); ok && value != "" {
		return false
	}
	name, _ := lookup("TERM")
	return name != "dumb"
}

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Bounds on the width: narrower text is unreadable, wider text tires the eye.
const minWidth, maxWidth = 60, 160

func terminalWidth(f *os.File) int {
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 {
		return DefaultWidth
	}
	return min(max(width, minWidth), maxWidth)
}

// Terminal returns streams that write to one buffer as if it were a terminal of
// a width, without color.
func Terminal(w io.Writer, width int) *Streams {
	fixed := func() int { return width }
	return &Streams{Out: w, Err: NewConsole(w, true, fixed), outTTY: true, errTTY: true, width: fixed}
}
