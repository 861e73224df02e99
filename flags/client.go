package flags

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// The values of a [ClientConfig] left at zero.
const (
	DefaultTTL         = time.Second
	DefaultWait        = 250 * time.Millisecond
	DefaultReadTimeout = 5 * time.Second
)

// ClientConfig tunes a [Client]. Its zero value is good for most applications.
type ClientConfig struct {
	// TTL is how long a flag's state is used before the source is asked again;
	// [DefaultTTL] when zero. It bounds how long a change takes to reach the
	// application, as long as the source answers.
	TTL time.Duration
	// Wait is the longest a caller is kept waiting for the source;
	// [DefaultWait] when zero.
	Wait time.Duration
	// ReadTimeout is how long one read of the source may take;
	// [DefaultReadTimeout] when zero. It may be longer than Wait: callers go on
	// with what is known, and a slow connection still gets its chance.
	ReadTimeout time.Duration
	// OnError, when not nil, is told of each read that failed. It must be safe
	// for concurrent use.
	OnError func(key string, err error)
}

// Client tells an application which path to take. It caches a [Source], so that
// asking costs nanoseconds; it may and should be shared by all goroutines.
//
// There is no background work and nothing to close. A caller that finds a flag
// older than the TTL has it read again; others go on with what is known
// meanwhile, and nobody waits longer than the configured Wait. When a read
// fails, the last known state stays; a flag that was never read, or is unknown,
// means the old path.
type Client struct {
	source Source
	config ClientConfig
	epoch  time.Time

	flags  atomic.Pointer[map[string]*cached] // replaced, never changed
	adding sync.Mutex
}

// NewClient makes a client of a source. It does not read from it yet.
func NewClient(source Source, config ClientConfig) *Client {
	if config.TTL <= 0 {
		config.TTL = DefaultTTL
	}
	if config.Wait <= 0 {
		config.Wait = DefaultWait
	}
	if config.ReadTimeout <= 0 {
		config.ReadTimeout = DefaultReadTimeout
	}
	c := &Client{source: source, config: config, epoch: time.Now()}
	c.flags.Store(&map[string]*cached{})
	return c
}

// Evaluation is the answer for one unit, with what led to it.
type Evaluation struct {
	// Enabled tells to take the new path.
	Enabled bool
	// State is the flag's last known state; unknown when it was never read.
	State State
	// Err is why the last read failed, nil when it did not. A state that is not
	// unknown then comes from an earlier read.
	Err error
}

// Enabled tells whether unit takes the new path of the flag key. A unit is
// whatever must stay on one path: a customer's or a session's id. Its answer is
// the same in every process, and it stays on the new path while the percentage
// rises. An empty unit takes the new path only when the flag is full.
func (c *Client) Enabled(ctx context.Context, key, unit string) bool {
	return c.current(ctx, key).effective.Includes(key, unit)
}

// Evaluate is [Client.Enabled] with the state that led to the answer.
func (c *Client) Evaluate(ctx context.Context, key, unit string) Evaluation {
	now := c.current(ctx, key)
	return Evaluation{Enabled: now.effective.Includes(key, unit), State: now.state, Err: now.err}
}

// cached is the client's knowledge of one flag.
type cached struct {
	last atomic.Pointer[reading] // nil before the first read ended
	mu   sync.Mutex
	read *read // the read under way, nil when there is none
}

// reading is the outcome of the last read.
type reading struct {
	state     State
	known     bool // the state comes from a read that succeeded, this or an earlier one
	effective Rollout
	err       error
	ended     time.Duration // since the client's epoch
}

// read is a read under way.
type read struct {
	began time.Duration
	ended chan struct{}
}

// unread stands for a flag whose first read has not ended.
var unread = reading{state: State{Reason: "the flag has not been read yet"}}

// current is what is known of a flag, read anew where that is due.
func (c *Client) current(ctx context.Context, key string) *reading {
	flag := (*c.flags.Load())[key]
	if flag == nil {
		flag = c.add(key)
	}
	if last := flag.last.Load(); last != nil && c.elapsed()-last.ended < c.config.TTL {
		return last
	}
	return c.refresh(ctx, key, flag)
}

// elapsed is the monotonic time since the client was made.
func (c *Client) elapsed() time.Duration { return time.Since(c.epoch) }

// add makes the entry of a flag that is asked for the first time. Copying the
// map is rare, for programs have few flags, and spares readers every lock.
func (c *Client) add(key string) *cached {
	c.adding.Lock()
	defer c.adding.Unlock()
	known := *c.flags.Load()
	if flag := known[key]; flag != nil {
		return flag
	}
	grown := maps.Clone(known)
	grown[key] = &cached{}
	c.flags.Store(&grown)
	return grown[key]
}

// refresh reads a flag, unless somebody does already, and returns what is known
// once the caller has waited as long as it should.
func (c *Client) refresh(ctx context.Context, key string, flag *cached) *reading {
	under, mine := c.begin(ctx, key, flag)
	last := flag.last.Load()
	now := c.elapsed()
	// Whoever started the read waits for it. Others do so only if what is known
	// is much too old: nobody has asked for this flag in a while, and it may have
	// been turned off since.
	fresh := last != nil && now-last.ended < 2*c.config.TTL
	if under != nil && (mine || !fresh) {
		// Counted from the read's beginning: one that hangs delays the callers of
		// its first moments only.
		wait(ctx, under, under.began+c.config.Wait-now)
		last = flag.last.Load()
	}
	if last == nil {
		return &unread
	}
	return last
}

// begin starts a read of the flag, and tells whether it was this caller who did.
// It returns nil when another caller's read has just ended.
func (c *Client) begin(ctx context.Context, key string, flag *cached) (under *read, mine bool) {
	flag.mu.Lock()
	defer flag.mu.Unlock()
	if flag.read != nil {
		return flag.read, false
	}
	now := c.elapsed()
	if last := flag.last.Load(); last != nil && now-last.ended < c.config.TTL {
		return nil, false
	}
	flag.read = &read{began: now, ended: make(chan struct{})}
	// The read outlives a caller that gives up, since its result is everybody's.
	go c.run(context.WithoutCancel(ctx), key, flag, flag.read)
	return flag.read, true
}

// run reads the flag and publishes the outcome.
func (c *Client) run(ctx context.Context, key string, flag *cached, under *read) {
	ctx, cancel := context.WithTimeout(ctx, c.config.ReadTimeout)
	defer cancel()
	state, err := c.ask(ctx, key)
	if err != nil && c.config.OnError != nil {
		c.config.OnError(key, err)
	}
	next := &reading{state: state, err: err, known: err == nil}
	if err != nil {
		next.state = State{Origin: state.Origin, Reason: err.Error()}
		if last := flag.last.Load(); last != nil && last.known {
			next.state, next.known = last.state, true
		}
	}
	next.effective = next.state.Effective()
	next.ended = c.elapsed()

	flag.mu.Lock()
	defer flag.mu.Unlock()
	flag.last.Store(next)
	flag.read = nil
	close(under.ended)
}

// ask reads the source. A panic becomes an error: on this goroutine nobody else
// could recover from it, and a flag is no reason to bring an application down.
func (c *Client) ask(ctx context.Context, key string) (state State, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("reading flag %q: panic: %v", key, cause)
		}
	}()
	return c.source.Rollout(ctx, key)
}

// wait returns when the read has ended, the caller gives up, or the time is over.
func wait(ctx context.Context, under *read, longest time.Duration) {
	if longest <= 0 {
		return
	}
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-under.ended:
	case <-ctx.Done():
	case <-timer.C:
	}
}
