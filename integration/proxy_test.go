package integration

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"
)

// proxy stands between migrate and its server. It counts what migrate sends,
// and at a given count dies, as a killed process would: every connection is
// cut, and no new one is made.
type proxy struct {
	listener net.Listener
	target   string
	// asked is called with the number of every message that migrate sends,
	// before it goes on to the server.
	asked func(n int)

	mu    sync.Mutex
	n     int
	until int  // messages from here on do not arrive; 0: all do
	hole  bool // nothing arrives any more, and nobody is told
	dead  chan struct{}
	conns []net.Conn
	wg    sync.WaitGroup
}

// newProxy listens for one database.
func newProxy(t *testing.T, databaseURL string, until int, asked func(n int)) (p *proxy, through string) {
	t.Helper()
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal("the test server's URL cannot be parsed")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p = &proxy{listener: l, target: u.Host, asked: asked, until: until, dead: make(chan struct{})}
	p.wg.Add(1)
	go p.accept()
	t.Cleanup(p.close)
	u.Host = l.Addr().String()
	return p, u.String()
}

func (p *proxy) accept() {
	defer p.wg.Done()
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		var d net.Dialer
		server, err := d.DialContext(context.Background(), "tcp", p.target)
		if err != nil || !p.keep(client, server) {
			_ = client.Close()
			if server != nil {
				_ = server.Close()
			}
			continue
		}
		p.wg.Add(2)
		go p.forward(client, server)
		go p.back(server, client)
	}
}

// keep remembers a pair of connections, unless the proxy is dead.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.dead:
		return false
	default:
	}
	p.conns = append(p.conns, conns...)
	return true
}

// forward passes on what migrate sends, counting it.
func (p *proxy) forward(client, server net.Conn) {
	defer p.wg.Done()
	defer func() { _, _ = client.Close(), server.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if err != nil || !p.count() {
			return
		}
		if p.swallows() {
			continue
		}
		if _, err := server.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (p *proxy) back(server, client net.Conn) {
	defer p.wg.Done()
	defer func() { _, _ = client.Close(), server.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := server.Read(buf)
		if err != nil {
			return
		}
		if p.swallows() {
			continue
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

// swallow makes a hole of the proxy, as a firewall that drops packets does: it
// is there, and nothing comes through.
func (p *proxy) swallow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hole = true
}

func (p *proxy) swallows() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hole
}

// count counts a message, and reports whether it may pass.
func (p *proxy) count() bool {
	p.mu.Lock()
	p.n++
	n := p.n
	p.mu.Unlock()
	if p.asked != nil {
		p.asked(n)
	}
	if p.until == 0 || n < p.until {
		return true
	}
	p.die()
	return false
}

// die cuts every connection.
func (p *proxy) die() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.dead:
		return
	default:
		close(p.dead)
	}
	for _, c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset, as from a host that is gone
		}
		_ = c.Close()
	}
}

func (p *proxy) close() {
	p.die()
	if err := p.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return
	}
	p.wg.Wait()
}
