package integration

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/expandcontract/migrate/executor"
	"github.com/expandcontract/migrate/planner/plan"
)

// undecided_test.go is about commits that are on their way when their connection is lost: they happen, but later
// than anybody asks whether they have.

// detour passes on all that comes, but one COMMIT: of that the sender sees the connection end, and the server
// gets it after a while.
type detour struct {
	target string
	late   time.Duration
	armed  atomic.Bool
	took   atomic.Int32
	wg     sync.WaitGroup
}

func newDetour(t *testing.T, databaseURL string, late time.Duration) (d *detour, through string) {
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
	d = &detour{target: u.Host, late: late}
	d.wg.Go(func() { d.accept(t, l) })
	t.Cleanup(func() {
		_ = l.Close()
		d.wg.Wait()
	})
	u.Host = l.Addr().String()
	return d, u.String()
}

func (d *detour) accept(t *testing.T, l net.Listener) {
	for {
		client, err := l.Accept()
		if err != nil {
			return
		}
		var dialer net.Dialer
		server, err := dialer.DialContext(t.Context(), "tcp", d.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		d.wg.Go(func() { d.pass(client, server, true) })
		d.wg.Go(func() { d.pass(server, client, false) })
	}
}

func (d *detour) pass(from, to net.Conn, asks bool) {
	defer func() { _ = from.Close() }()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			if asks {
				_ = to.Close()
			}
			return
		}
		if asks && n < 40 && bytes.Contains(bytes.ToLower(buf[:n]), []byte("commit")) && d.armed.CompareAndSwap(true, false) {
			d.took.Add(1)
			_ = from.Close()
			time.Sleep(d.late)
			_, _ = to.Write(buf[:n])
			time.Sleep(d.late)
			_ = to.Close()
			return
		}
		if _, err := to.Write(buf[:n]); err != nil && asks {
			return
		}
	}
}

// TestACommitOnItsWay: the step is not done a second time while the first is undecided.
func TestACommitOnItsWay(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		w.exec(t, w.either("CREATE TABLE s (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, label varchar(20))",
			"CREATE TABLE s (id bigint AUTO_INCREMENT PRIMARY KEY, label varchar(20))"))
		d, through := newDetour(t, w.URL, 2*time.Second)
		h, err := w.at(t.Context(), through, executor.Options{Reporter: reporter(func(e executor.Event) {
			if s, ok := e.(executor.StepStarted); ok && s.Step.Mode == plan.InTx {
				d.armed.Store(true)
			}
		})})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = h.session.Close() }()
		state, err := h.expand(t.Context(), file("0007_seed", "INSERT INTO s (label) VALUES ('seed');"))
		reaches(t, executor.Done, state, err)
		if d.took.Load() != 1 {
			t.Fatalf("%d commits were late, want 1", d.took.Load())
		}
		if n := w.number(t, "SELECT count(*) FROM s"); n != 1 {
			t.Errorf("the row was inserted %d times", n)
		}
		journal := w.strings(t, "SELECT CONCAT(step, ' ', action, ' ', event) FROM "+w.own("journal")+" ORDER BY id")
		if diff := cmp.Diff([]string{"expand-1 do done"}, journal); diff != "" {
			t.Errorf("the journal (-want +got):\n%s", diff)
		}
	})
}
