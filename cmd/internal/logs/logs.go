// Package logs makes migrate's logger: text for people, JSON for machines, and
// in either no password. What builds a log line should not put one there in the
// first place; the handler here is the second lock on that door.
package logs

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"
)

// The formats of a log.
const (
	Text = "text"
	JSON = "json"
)

// Options of a logger.
type Options struct {
	// Format is Text or JSON.
	Format string
	// Level is the lowest level that is written.
	Level slog.Level
	// Color colors a text log.
	Color bool
}

// New makes a logger that writes to w.
func New(w io.Writer, o Options) *slog.Logger {
	if o.Format == JSON {
		return slog.New(NewRedacting(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: o.Level})))
	}
	return slog.New(NewRedacting(tint.NewTextHandler(w, &tint.Options{
		Level: o.Level, TimeFormat: time.TimeOnly, NoColor: !o.Color,
	})))
}

// redacting masks passwords in everything that it hands on.
type redacting struct{ next slog.Handler }

var _ slog.Handler = redacting{}

// NewRedacting wraps a handler so that it never sees a password that [Redact]
// recognizes: not in a message, nor in an attribute of any kind, grouped or not.
func NewRedacting(next slog.Handler) slog.Handler { return redacting{next} }

// Enabled asks the wrapped handler.
func (h redacting) Enabled(ctx context.Context, level slog.Level) bool {
	return h.next.Enabled(ctx, level)
}

// Handle hands a masked copy on.
func (h redacting) Handle(ctx context.Context, record slog.Record) error {
	masked := slog.NewRecord(record.Time, record.Level, Redact(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		masked.AddAttrs(redactAttr(a))
		return true
	})
	return h.next.Handle(ctx, masked)
}

// WithAttrs masks the attributes before the wrapped handler formats them.
func (h redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	return redacting{h.next.WithAttrs(redactAttrs(attrs))}
}

// WithGroup wraps the wrapped handler's group.
func (h redacting) WithGroup(name string) slog.Handler { return redacting{h.next.WithGroup(name)} }

func redactAttrs(attrs []slog.Attr) []slog.Attr {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = redactAttr(a)
	}
	return masked
}

func redactAttr(a slog.Attr) slog.Attr {
	value := a.Value.Resolve()
	switch value.Kind() {
	case slog.KindString:
		return slog.String(a.Key, Redact(value.String()))
	case slog.KindGroup:
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(redactAttrs(value.Group())...)}
	case slog.KindAny:
		// How a handler would write a value of any type is its own affair, so
		// that such a value becomes the text that is known to be safe.
		return slog.String(a.Key, Redact(fmt.Sprint(value.Any())))
	case slog.KindBool, slog.KindDuration, slog.KindFloat64, slog.KindInt64,
		slog.KindTime, slog.KindUint64, slog.KindLogValuer:
		return slog.Attr{Key: a.Key, Value: value}
	default:
		return slog.Attr{Key: a.Key, Value: value}
	}
}
