package drive

import (
	"bytes"
	"encoding/json"

	"github.com/expandcontract/migrate/executor"
)

// logReader keeps what a program writes, and tells of the states that the JSON lines of its log name.
type logReader struct {
	out     *bytes.Buffer
	read    int // of out: whole lines
	entered func(executor.State)
}

// Write implements io.Writer.
func (l *logReader) Write(p []byte) (int, error) {
	n, err := l.out.Write(p)
	for {
		line, _, whole := bytes.Cut(l.out.Bytes()[l.read:], []byte("\n"))
		if !whole {
			return n, err
		}
		l.read += len(line) + 1
		var entry struct{ Msg, Migration, Was string }
		if json.Unmarshal(line, &entry) == nil && entry.Migration != "" && entry.Was != "" {
			l.entered(executor.State(entry.Msg))
		}
	}
}
