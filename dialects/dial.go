package dialects

import (
	"context"
	"net"
	"time"
)

// How long a connection may be silent before it counts as cut: a network that
// drops packets, or a server's machine that is gone, sends no word of it.
const (
	// ConnectTimeout bounds the making of a connection.
	ConnectTimeout = 10 * time.Second
	// silence is how long what was sent may stay unacknowledged; for a connection
	// that is idle, or waits for an answer, keep-alives find out as soon.
	silence = 30 * time.Second
)

// Dial connects over TCP so that a dead peer is noticed within half a minute.
// (Linux would send again for a quarter of an hour.)
func Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: silence / 3, Interval: silence / 6, Count: 4},
		ControlContext:  boundSilence,
	}
	return d.DialContext(ctx, network, address)
}
