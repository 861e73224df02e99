package replica

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/expandcontract/migrate/examples/shop/measure"
)

// memoryShop is a shop without a database, whose customers all start as Ada Lovelace.
type memoryShop struct {
	mu     sync.Mutex
	names  map[int64]Name
	nextID int64
	calls  atomic.Int64
	hook   func(call int64) error // called first by every method
	mangle func(Name) Name        // applied to what Profile returns
}

func newMemoryShop(customers int64) *memoryShop {
	return &memoryShop{
		names: make(map[int64]Name), nextID: customers,
		hook: func(int64) error { return nil }, mangle: func(n Name) Name { return n },
	}
}

func (m *memoryShop) enter() error { return m.hook(m.calls.Add(1)) }

func (m *memoryShop) SignUp(_ context.Context, _ string, name Name) (int64, error) {
	if err := m.enter(); err != nil {
		return 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.nextID++
	m.names[m.nextID] = name
	return m.nextID, nil
}

func (m *memoryShop) Rename(_ context.Context, id int64, name Name) error {
	if err := m.enter(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names[id] = name
	return nil
}

func (m *memoryShop) Profile(_ context.Context, id int64) (Name, error) {
	if err := m.enter(); err != nil {
		return Name{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	name, found := m.names[id]
	if !found {
		name = Name{First: "Ada", Last: "Lovelace"}
	}
	return m.mangle(name), nil
}

func (m *memoryShop) Newest(context.Context, int64, int) ([]Name, error) {
	return []Name{{First: "Ada", Last: "Lovelace"}}, m.enter()
}

func (m *memoryShop) Order(context.Context, int64, int64) error { return m.enter() }

// run serves until stop is called or stdin ends, and returns the total and how many windows were reported.
func run(t *testing.T, shop *memoryShop, prepare func(c *Config, stop func())) (total measure.Report, windows int) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var out bytes.Buffer
	recorder := measure.NewRecorder(&out, "v1", 0, time.Now())
	config := Config{Slots: 4, Customers: 100, Rate: 2000, Every: 20 * time.Millisecond}
	prepare(&config, stop)
	if err := serve(ctx, config, shop, recorder); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(&out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var report measure.Report
		if err := json.Unmarshal(lines.Bytes(), &report); err != nil {
			t.Fatal(err)
		}
		if report.Kind == measure.KindTotal {
			total = report
			continue
		}
		windows++
	}
	if total.Kind == "" {
		t.Fatalf("there is no total in %s", out.String())
	}
	return total, windows
}

// stopAfter stops the replica in the midst of the n-th call.
func stopAfter(shop *memoryShop, n int64) func(*Config, func()) {
	return func(_ *Config, stop func()) {
		shop.hook = func(call int64) error {
			if call == n {
				stop()
			}
			return nil
		}
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	shop := newMemoryShop(100)
	total, windows := run(t, shop, stopAfter(shop, 400))
	if total.Errors != 0 {
		t.Errorf("%d errors, the first: %s", total.Errors, total.FirstError)
	}
	// Whatever was started was answered and counted, also what was under way at the end.
	if total.Requests < 400 || total.Requests != shop.calls.Load() {
		t.Errorf("%d requests counted, %d made", total.Requests, shop.calls.Load())
	}
	if total.SignUps != shop.nextID-100 || total.SignUps == 0 || total.Renames == 0 {
		t.Errorf("%d sign-ups counted, %d made; %d renames", total.SignUps, shop.nextID-100, total.Renames)
	}
	if windows < 2 {
		t.Errorf("%d windows were reported", windows)
	}
}

func TestServeKeepsToItsSlot(t *testing.T) {
	t.Parallel()
	shop := newMemoryShop(100)
	run(t, shop, func(c *Config, stop func()) {
		stopAfter(shop, 500)(c, stop)
		c.Slot = 3
	})
	for id := range shop.names {
		if id <= 100 && id%4 != 0 { // ids 4, 8, … are those of slot 3
			t.Errorf("slot 3 of 4 renamed customer %d", id)
		}
	}
}

func TestServeNoticesWrongNames(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		mangle func(Name) Name
		want   string
	}{
		"another name": {func(Name) Name { return Name{First: "Somebody", Last: "Else"} }, `reads "Somebody Else", was written as`},
		"no name":      {func(Name) Name { return Name{} }, "reads"},
		"half a name":  {func(n Name) Name { return Name{First: "", Last: n.Last} }, "reads"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shop := newMemoryShop(100)
			shop.mangle = test.mangle
			total, _ := run(t, shop, stopAfter(shop, 400))
			if total.Errors == 0 || !strings.Contains(total.FirstError, test.want) {
				t.Errorf("%d errors, the first: %q, should contain %q", total.Errors, total.FirstError, test.want)
			}
		})
	}
}

func TestServeCountsErrors(t *testing.T) {
	t.Parallel()
	shop := newMemoryShop(100)
	total, _ := run(t, shop, func(_ *Config, stop func()) {
		shop.hook = func(call int64) error {
			switch {
			case call == 300:
				stop()
			case call%3 == 0:
				return errors.New("server has gone away")
			}
			return nil
		}
	})
	if total.Errors < 99 || !strings.Contains(total.FirstError, ": server has gone away") {
		t.Errorf("%d errors of %d requests, the first: %q", total.Errors, total.Requests, total.FirstError)
	}
}

// TestServeCountsFromWhenDue blocks the server until a later request has arrived: every request of that time
// must show the wait, not only those that a closed loop would have sent.
func TestServeCountsFromWhenDue(t *testing.T) {
	t.Parallel()
	shop := newMemoryShop(100)
	const stalled = 50
	gate := make(chan struct{})
	total, _ := run(t, shop, func(c *Config, stop func()) {
		c.Rate = 500 // a request every 2 ms
		shop.hook = func(call int64) error {
			if call == stalled {
				close(gate)
				stop()
			}
			<-gate
			return nil
		}
	})
	// The first of 50 waited for the last: 49 intervals.
	if longest := total.Latency.Longest(); longest < 98*time.Millisecond {
		t.Errorf("the longest latency is %v, should be 98 ms or more", longest)
	}
	if half := total.Latency.Quantile(0.5); half < 40*time.Millisecond {
		t.Errorf("half of the requests took %v or less, although all of them stood still", half)
	}
}

func TestServeStopsWithStdin(t *testing.T) {
	t.Parallel()
	shop := newMemoryShop(100)
	parent, stdin := io.Pipe()
	total, _ := run(t, shop, func(c *Config, _ func()) {
		c.Stdin = parent
		shop.hook = func(call int64) error {
			if call == 100 {
				return stdin.Close()
			}
			return nil
		}
	})
	if total.Requests < 100 || total.Errors != 0 {
		t.Errorf("%d requests, %d errors", total.Requests, total.Errors)
	}
}

func TestServeStopsWhenNobodyListens(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	_ = reader.Close()
	shop := newMemoryShop(100)
	recorder := measure.NewRecorder(writer, "v1", 0, time.Now())
	config := Config{Slots: 1, Customers: 100, Rate: 100, Every: 10 * time.Millisecond}
	if err := serve(t.Context(), config, shop, recorder); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("serving without a listener returns %v", err)
	}
}
