package demo

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// Rules of the show's screen:
//   - everything printed stays; only the gauge, the last line, is redrawn, and only on a terminal;
//   - the show's own words are indented, a command's real output stands behind a bar;
//   - color never carries a meaning that the words do not.

// redraw is how often the gauge is drawn.
const redraw = 250 * time.Millisecond

// Escape sequences.
const (
	styleNone  = ""
	styleBold  = "\x1b[1m"
	styleDim   = "\x1b[2m"
	styleGreen = "\x1b[32m"
	styleRed   = "\x1b[31m"
	styleReset = "\x1b[0m"
	clearLine  = "\r\x1b[2K"
)

// screen prints the show. It is safe for concurrent use.
type screen struct {
	color bool
	live  bool
	gauge func() string // one line about the traffic; empty while there is none

	mu    sync.Mutex
	out   io.Writer
	drawn bool // the gauge stands on the last line

	quit chan struct{}
	done chan struct{}
}

func newScreen(opts Options, gauge func() string) *screen {
	s := &screen{
		color: opts.Color, live: opts.Live, gauge: gauge, out: opts.Out,
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go s.run()
	return s
}

// run redraws the gauge until close.
func (s *screen) run() {
	defer close(s.done)
	if !s.live {
		return
	}
	ticker := time.NewTicker(redraw)
	defer ticker.Stop()
	for {
		select {
		case <-s.quit:
			return
		case <-ticker.C:
			line := s.gauge()
			s.mu.Lock()
			s.erase()
			s.draw(line)
			s.mu.Unlock()
		}
	}
}

// close takes the gauge away for good.
func (s *screen) close() {
	close(s.quit)
	<-s.done
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
}

func (s *screen) erase() {
	if s.drawn {
		_, _ = io.WriteString(s.out, clearLine)
		s.drawn = false
	}
}

func (s *screen) draw(line string) {
	if line != "" {
		_, _ = io.WriteString(s.out, s.style(styleDim, line))
		s.drawn = true
	}
}

func (s *screen) style(style, text string) string {
	if !s.color || style == styleNone {
		return text
	}
	return style + text + styleReset
}

// print writes one line above the gauge. A broken output must not break the show that runs on a database.
func (s *screen) print(style, line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erase()
	_, _ = io.WriteString(s.out, s.style(style, line)+"\n")
}

// title begins a scene.
func (s *screen) title(format string, args ...any) {
	s.print(styleNone, "")
	s.print(styleBold, fmt.Sprintf(format, args...))
}

// say prints one line of narrative.
func (s *screen) say(format string, args ...any) {
	s.print(styleNone, "  "+fmt.Sprintf(format, args...))
}

// quote prints lines that are not the show's own.
func (s *screen) quote(text string) {
	s.print(styleDim, "  │ "+text)
}

// lines is a writer that quotes every line written to it.
type lines struct {
	screen *screen

	mu      sync.Mutex
	pending []byte
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, p...)
	for {
		line, rest, found := bytes.Cut(l.pending, []byte("\n"))
		if !found {
			return len(p), nil
		}
		l.screen.quote(strings.TrimRight(string(line), "\r"))
		l.pending = rest
	}
}

// flush quotes a last line without its end.
func (l *lines) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.pending) > 0 {
		l.screen.quote(string(l.pending))
		l.pending = nil
	}
}
