package flags_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/expandcontract/migrate/flags"
)

// The tests run in bubbles of fake time (testing/synctest): a sleep passes at
// once, exactly, and a goroutine that outlives its test is a failure.

var errDown = errors.New("the database is down")

// fakeSource is a source whose answer and slowness tests control.
type fakeSource struct {
	mu    sync.Mutex
	state flags.State
	err   error
	delay time.Duration
	deaf  bool // to its context
	reads int
}

func (f *fakeSource) Rollout(ctx context.Context, _ string) (flags.State, error) {
	f.mu.Lock()
	f.reads++
	delay, deaf := f.delay, f.deaf
	f.mu.Unlock()
	if deaf {
		ctx = context.WithoutCancel(ctx)
	}
	select {
	case <-ctx.Done():
		return flags.State{}, ctx.Err()
	case <-time.After(delay):
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return flags.State{Origin: "fake"}, f.err
	}
	return f.state, nil
}

// change alters the source between reads.
func (f *fakeSource) change(how func(*fakeSource)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(f)
}

func (f *fakeSource) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.reads
}

// full is a source of a flag that is full.
func full() *fakeSource { return &fakeSource{state: flags.State{Rollout: flags.Full()}} }

// enabled asks and reports how long the caller waited.
func enabled(ctx context.Context, client *flags.Client) (bool, time.Duration) {
	began := time.Now()
	answer := client.Enabled(ctx, "key", "unit")
	return answer, time.Since(began)
}

// expect asks once and checks the answer and the wait.
func expect(t *testing.T, client *flags.Client, answer bool, waited time.Duration) {
	t.Helper()
	got, took := enabled(t.Context(), client)
	if got != answer || took != waited {
		t.Errorf("got %t after %v, want %t after %v", got, took, answer, waited)
	}
}

func TestClientFollowsTheSource(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state flags.State
		want  bool
	}{
		{flags.State{Rollout: flags.Full()}, true},
		{flags.State{Rollout: flags.Off()}, false},
		{flags.State{}, false},
		{flags.State{Rollout: flags.Full(), Held: true}, false},
		{flags.State{Rollout: partial(t, flags.Bucket("key", "unit")+1)}, true},
		{flags.State{Rollout: partial(t, flags.Bucket("key", "unit"))}, false},
	} {
		client := flags.NewClient(&fakeSource{state: test.state}, flags.ClientConfig{})
		if got := client.Enabled(t.Context(), "key", "unit"); got != test.want {
			t.Errorf("%+v: got %t, want %t", test.state, got, test.want)
		}
		if got := client.Evaluate(t.Context(), "key", "unit"); got.Enabled != test.want || got.State != test.state || got.Err != nil {
			t.Errorf("%+v: evaluated to %+v", test.state, got)
		}
	}
}

func TestClientCachesForTheTTL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		client := flags.NewClient(source, flags.ClientConfig{})
		for range 1000 {
			expect(t, client, true, 0)
		}
		if got := source.count(); got != 1 {
			t.Errorf("%d reads within the TTL, want 1", got)
		}
		source.change(func(f *fakeSource) { f.state.Rollout = flags.Off() })
		time.Sleep(flags.DefaultTTL - time.Nanosecond)
		expect(t, client, true, 0)
		time.Sleep(time.Nanosecond)
		expect(t, client, false, 0)
		if got := source.count(); got != 2 {
			t.Errorf("%d reads after the TTL, want 2", got)
		}
	})
}

func TestClientDoesNothingWhileNobodyAsks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		client := flags.NewClient(source, flags.ClientConfig{})
		time.Sleep(time.Hour)
		expect(t, client, true, 0)
		time.Sleep(time.Hour)
		if got := source.count(); got != 1 {
			t.Errorf("%d reads for one question, want 1", got)
		}
	})
}

func TestClientKeepsTheLastKnownState(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		var reported []string
		client := flags.NewClient(source, flags.ClientConfig{OnError: func(key string, err error) {
			reported = append(reported, key+": "+err.Error())
		}})
		expect(t, client, true, 0)
		source.change(func(f *fakeSource) { f.err = errDown })
		for range 3 {
			time.Sleep(flags.DefaultTTL)
			expect(t, client, true, 0)
			if got := client.Evaluate(t.Context(), "key", "unit"); !errors.Is(got.Err, errDown) || got.State.Rollout != flags.Full() {
				t.Errorf("evaluated to %+v, want the last known state and the error", got)
			}
		}
		if len(reported) != 3 || reported[0] != "key: "+errDown.Error() {
			t.Errorf("reported %q, want the error of each of 3 reads", reported)
		}
		source.change(func(f *fakeSource) { f.err, f.state.Rollout = nil, flags.Off() })
		time.Sleep(flags.DefaultTTL)
		expect(t, client, false, 0)
		if got := client.Evaluate(t.Context(), "key", "unit"); got.Err != nil {
			t.Errorf("the error %v outlives a read that succeeded", got.Err)
		}
	})
}

func TestClientTakesTheOldPathWhenNothingIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := &fakeSource{err: errDown}
		client := flags.NewClient(source, flags.ClientConfig{})
		expect(t, client, false, 0)
		source.change(func(f *fakeSource) { f.err = errors.New("the database is still down") })
		time.Sleep(flags.DefaultTTL)
		got := client.Evaluate(t.Context(), "key", "unit")
		if got.Enabled || got.State.Rollout != flags.Unknown() || got.State.Reason != "the database is still down" || got.State.Origin != "fake" {
			t.Errorf("evaluated to %+v, want unknown and the latest reason", got)
		}
		if source.count() != 2 {
			t.Errorf("%d reads in two TTLs, want 2: a source that is down is not hammered", source.count())
		}
	})
}

func TestClientBoundsTheWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		source.delay = 600 * time.Millisecond
		client := flags.NewClient(source, flags.ClientConfig{})
		// The first caller waits for as long as it may; later ones for the rest.
		expect(t, client, false, flags.DefaultWait)
		expect(t, client, false, 0)
		// The slow read was not cut off with the caller's patience.
		time.Sleep(350 * time.Millisecond)
		synctest.Wait()
		expect(t, client, true, 0)
		if got := source.count(); got != 1 {
			t.Errorf("%d reads, want 1", got)
		}
		// With a state known, one caller waits and the others are served at once.
		source.change(func(f *fakeSource) { f.state.Rollout = flags.Off() })
		time.Sleep(flags.DefaultTTL)
		began := make(chan struct{})
		go func() {
			close(began)
			expect(t, client, true, flags.DefaultWait)
		}()
		<-began
		synctest.Wait()
		for range 100 {
			expect(t, client, true, 0)
		}
		time.Sleep(source.delay)
		synctest.Wait()
		expect(t, client, false, 0)
		if got := source.count(); got != 2 {
			t.Errorf("%d reads, want 2", got)
		}
	})
}

func TestClientReadsOnceForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		source.delay = 100 * time.Millisecond
		client := flags.NewClient(source, flags.ClientConfig{})
		ask := func() {
			var callers sync.WaitGroup
			for range 50 {
				callers.Go(func() { expect(t, client, true, 100*time.Millisecond) })
			}
			callers.Wait()
		}
		ask()
		if got := source.count(); got != 1 {
			t.Errorf("%d reads for 50 first callers, want 1", got)
		}
		// After a long silence everybody waits: what is known may be hours old.
		time.Sleep(time.Hour)
		ask()
		if got := source.count(); got != 2 {
			t.Errorf("%d reads after the silence, want 2", got)
		}
	})
}

func TestClientEndsAReadThatTakesTooLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		source.delay = time.Hour
		var failure error
		client := flags.NewClient(source, flags.ClientConfig{OnError: func(_ string, err error) { failure = err }})
		expect(t, client, false, flags.DefaultWait)
		time.Sleep(flags.DefaultReadTimeout)
		synctest.Wait()
		if !errors.Is(failure, context.DeadlineExceeded) {
			t.Errorf("reported %v, want the deadline", failure)
		}
	})
}

func TestClientSurvivesASourceThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		client := flags.NewClient(source, flags.ClientConfig{})
		expect(t, client, true, 0)
		source.change(func(f *fakeSource) { f.delay, f.deaf = time.Hour, true })
		time.Sleep(flags.DefaultTTL)
		expect(t, client, true, flags.DefaultWait)
		// Nobody waits for the hanging read any more, and no second one piles up.
		for range 100 {
			time.Sleep(10 * time.Second)
			expect(t, client, true, 0)
		}
		if got := source.count(); got != 2 {
			t.Errorf("%d reads, want 2", got)
		}
		time.Sleep(time.Hour)
	})
}

func TestClientOutlivesACallerThatGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		source := full()
		source.delay = 100 * time.Millisecond
		client := flags.NewClient(source, flags.ClientConfig{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if got, took := enabled(ctx, client); got || took != 10*time.Millisecond {
			t.Errorf("got %t after %v, want false after the caller's own 10ms", got, took)
		}
		expect(t, client, true, 90*time.Millisecond)
	})
}

func TestClientSurvivesAPanic(t *testing.T) {
	t.Parallel()
	client := flags.NewClient(flags.SourceFunc(func(context.Context, string) (flags.State, error) {
		panic("a bug in a source")
	}), flags.ClientConfig{})
	got := client.Evaluate(t.Context(), "key", "unit")
	if got.Enabled || got.Err == nil || got.Err.Error() != `reading flag "key": panic: a bug in a source` {
		t.Errorf("evaluated to %+v, want the old path and the panic", got)
	}
}

func TestClientKeepsFlagsApart(t *testing.T) {
	t.Parallel()
	var reads atomic.Int64
	client := flags.NewClient(flags.SourceFunc(func(_ context.Context, key string) (flags.State, error) {
		reads.Add(1)
		if key == "on" {
			return flags.State{Rollout: flags.Full()}, nil
		}
		return flags.State{Rollout: flags.Off()}, nil
	}), flags.ClientConfig{TTL: time.Hour})
	var callers sync.WaitGroup
	for caller := range 16 {
		callers.Go(func() {
			for i := range 200 {
				if !client.Enabled(t.Context(), "on", fmt.Sprint(i)) {
					t.Error("the flag that is on is off")
				}
				if client.Enabled(t.Context(), fmt.Sprint("off-", (caller+i)%10), fmt.Sprint(i)) {
					t.Error("a flag that is off is on")
				}
			}
		})
	}
	callers.Wait()
	if got := reads.Load(); got != 11 {
		t.Errorf("%d reads of 11 flags within the TTL, want 11", got)
	}
}

// TestClientAllocatesNothing keeps the hot path free of garbage.
func TestClientAllocatesNothing(t *testing.T) {
	client := flags.NewClient(&fakeSource{state: flags.State{Rollout: partial(t, 50)}}, flags.ClientConfig{TTL: time.Hour})
	ctx := t.Context()
	client.Enabled(ctx, "users.split-name", "customer-42")
	if allocations := testing.AllocsPerRun(1000, func() { client.Enabled(ctx, "users.split-name", "customer-42") }); allocations != 0 {
		t.Errorf("%v allocations per call, want none", allocations)
	}
}

func BenchmarkEnabled(b *testing.B) {
	for name, rollout := range map[string]flags.Rollout{"off": flags.Off(), "partial": partial(b, 50), "full": flags.Full()} {
		client := flags.NewClient(&fakeSource{state: flags.State{Rollout: rollout}}, flags.ClientConfig{TTL: time.Hour})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				client.Enabled(b.Context(), "users.split-name", "customer-42")
			}
		})
		b.Run(name+"/parallel", func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					client.Enabled(b.Context(), "users.split-name", "customer-42")
				}
			})
		})
	}
}
