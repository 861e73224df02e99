// Package wire is what test processes and the keeper of the test servers say to each other:
// JSON values over a Unix socket. A connection is also a claim: as long as one is open, the
// keeper keeps its servers.
package wire

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
)

// A Request asks for a server or releases the keeper.
type Request struct {
	// Release, when set, says that this connection claims nothing any more and that the
	// keeper shall end as soon as no other does, without waiting for newcomers.
	Release bool `json:"release,omitempty"`

	Engine string `json:"engine,omitempty"`
	// Version chooses the image. A server from installed binaries may have another: whoever
	// insists looks at what the server says of itself.
	Version string `json:"version,omitempty"`
	// Image overrides the container image.
	Image string `json:"image,omitempty"`
}

// A Reply is the answer to a request for a server.
type Reply struct {
	// URL is the server's migrate URL, with the superuser and its initial database.
	URL string `json:"url,omitempty"`
	// Source says for people where the server came from.
	Source string `json:"source,omitempty"`
	// Error says why there is none.
	Error string `json:"error,omitempty"`
}

// Dir is the directory of the keeper of this user, with its socket, lock and log. It is read
// once, before a test can change the environment.
var dir = filepath.Join(os.TempDir(), "migrate-test-"+strconv.Itoa(os.Getuid()))

// Dir makes and returns the keeper's directory, which belongs to this user alone.
func Dir() (string, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("making the keeper's directory: %w", err)
	}
	// This fails where somebody else made the directory first.
	if err := os.Chmod(dir, 0o700); err != nil {
		return "", fmt.Errorf("taking the keeper's directory: %w", err)
	}
	return dir, nil
}

// Socket is the path of the keeper's socket.
func Socket() string { return filepath.Join(dir, "keeper.sock") }

// Lock is the path of the file that the one keeper holds locked.
func Lock() string { return filepath.Join(dir, "keeper.lock") }

// Log is the path of the keeper's log.
func Log() string { return filepath.Join(dir, "keeper.log") }

// A Conn sends and receives the values above.
type Conn struct {
	net.Conn

	encoder *json.Encoder
	decoder *json.Decoder
}

// NewConn wraps a connection.
func NewConn(c net.Conn) *Conn {
	return &Conn{Conn: c, encoder: json.NewEncoder(c), decoder: json.NewDecoder(c)}
}

// Send writes a value.
func (c *Conn) Send(v any) error { return c.encoder.Encode(v) }

// Receive reads a value.
func (c *Conn) Receive(v any) error { return c.decoder.Decode(v) }
