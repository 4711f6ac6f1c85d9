package channel

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Limit replaces a connection that has had its number of RPCs. The zero value
// replaces none.
type Limit struct {
	RPCs int64 // of each connection; 0: no limit
	// Had is how many the first connection counts as having had, in [0, RPCs): what
	// keeps the connections of an arm from ending all at once.
	Had int64
	// Begin is told of each replacement that begins, and what it returns of how it
	// ended, once. Both may be called from any goroutine and must not wait.
	Begin func() (done func(made Connection, err error))
}

// Chain is a line of channels of which one is in use, each taking the place of the
// one before as an application does it that wants another connection: RPCs that
// begin go to the new channel, and the old one is closed when those on it have
// ended. It is safe for concurrent use.
type Chain struct {
	options Options
	ctx     context.Context // ends with the chain
	cancel  context.CancelFunc
	making  sync.WaitGroup // goroutines that connect or close; none begins after Close

	current atomic.Pointer[member] // stored with mu held

	mu      sync.Mutex
	live    map[*member]struct{} // current, and those on which RPCs are to end
	past    []*member            // the latest that are no more, at most so many as are remembered
	closed  bool
	ended   tally // of members that are no more
	drained int64
	most    int64 // RPCs of one member
}

// tally is what members add up to.
type tally struct {
	sent, received, reconnects, refused int64
	goAways                             GoAways
}

// member is one channel of a chain.
type member struct {
	*Channel
	begun    int64 // RPCs
	had      int64 // of the limit, before
	inFlight int64
	late     bool // its first attempt failed; what it made later replaced what was lost
	replaced bool
}

// OpenChain opens a chain's first channel as Open does. Its connections are replaced
// by Renew, and by o.Limit.
func OpenChain(ctx context.Context, o Options) (*Chain, error) {
	first, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	c := &Chain{options: o}
	m := &member{Channel: first, had: o.Limit.Had}
	c.current.Store(m)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.live = map[*member]struct{}{m: {}}
	return c, nil
}

// Invoke implements grpc.ClientConnInterface: it makes an RPC on the channel that is
// in use.
func (c *Chain) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	m := c.take()
	defer c.leave(m)
	return m.Channel.Invoke(ctx, method, args, reply, opts...)
}

// NewStream implements grpc.ClientConnInterface.
func (*Chain) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "a chain makes unary calls")
}

// take is the channel for an RPC. The last that a connection may have begins the
// making of the next: RPCs that come before it is ready wait there, as they do on a
// channel that an application has just made.
func (c *Chain) take() *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.current.Load()
	m.begun++
	m.inFlight++
	c.most = max(c.most, m.begun)
	if limit := c.options.Limit; limit.RPCs == 0 || m.had+m.begun < limit.RPCs || c.closed {
		return m
	}
	done := c.options.Limit.Begin()
	next, err := c.options.client()
	if err != nil { // the options made a channel before
		done(Connection{}, err)
		return m
	}
	successor := &member{Channel: next}
	c.succeed(successor)
	c.making.Go(func() { c.await(successor, done) })
	return m
}

// await tells how a channel's first attempt to connect ended. One that failed tries
// again by itself.
func (c *Chain) await(m *member, done func(Connection, error)) {
	err := m.ready(c.ctx)
	c.mu.Lock()
	m.late = err != nil
	c.mu.Unlock()
	done(m.first(), err)
}

// leave ends an RPC on m.
func (c *Chain) leave(m *member) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.inFlight--
	c.retire(m)
}

// Renew opens a new channel and then takes it into use. The error is why there is
// none; the old one stays in use then. made has what it took in either case.
func (c *Chain) Renew(ctx context.Context) (made Connection, err error) {
	next, err := c.options.open(ctx)
	made = next.first()
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil && c.closed {
		err = context.Canceled
		_ = next.Close() // nobody uses it
	}
	if err != nil {
		c.ended.sent += made.Sent
		c.ended.received += made.Received
		return made, err
	}
	c.succeed(&member{Channel: next})
	return made, nil
}

// succeed takes m into use in place of the current one.
func (c *Chain) succeed(m *member) {
	old := c.current.Swap(m)
	c.live[m] = struct{}{}
	old.replaced = true
	c.retire(old)
}

// retire closes a channel that was replaced and on which no RPC is left.
func (c *Chain) retire(m *member) {
	if _, live := c.live[m]; !live || !m.replaced || m.inFlight > 0 || c.closed {
		return
	}
	c.drained++
	m.replaced = false // once
	c.making.Go(func() {
		_ = m.Close() // of a connection that is not needed any more
		c.mu.Lock()
		defer c.mu.Unlock()
		c.forget(m)
	})
}

// forget takes m, which is closed, out of the chain. Its last RPC may have ended it, and asks
// for the cause only now. c.mu is held.
func (c *Chain) forget(m *member) {
	c.ended.add(m)
	delete(c.live, m)
	if c.past = append(c.past, m); len(c.past) > remembered {
		c.past = slices.Delete(c.past, 0, 1)
	}
}

func (t *tally) add(m *member) {
	sent, received := m.Channel.Bytes()
	t.sent += sent
	t.received += received
	t.reconnects += m.Reconnects()
	t.refused += m.Refused()
	t.goAways.Add(m.GoAways()...)
	if m.late && m.everReady() {
		t.reconnects++
	}
}

// sum is what all members add up to.
func (c *Chain) sum() tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.ended
	for m := range c.live {
		t.add(m)
	}
	return t
}

// Bytes is the number of bytes written to and read from TCP so far by all channels.
func (c *Chain) Bytes() (sent, received int64) {
	t := c.sum()
	return t.sent, t.received
}

// Reconnects is how many connections took the place of one that was lost.
func (c *Chain) Reconnects() int64 { return c.sum().reconnects }

// Drained is how many connections were replaced and ended with no RPC on them.
func (c *Chain) Drained() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drained
}

// MostRPCs is the largest number of RPCs that a connection has had.
func (c *Chain) MostRPCs() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.most
}

// inUse is the channel in use. It takes no lock: each RPC asks for it before it is made.
func (c *Chain) inUse() *member { return c.current.Load() }

// Connections are those of the channel in use.
func (c *Chain) Connections() []Connection { return c.inUse().Connections() }

// Settings are those of the channel in use.
func (c *Chain) Settings() Settings { return c.inUse().Settings() }

// AwaitChange is that of the channel in use.
func (c *Chain) AwaitChange(ctx context.Context, limit time.Duration) {
	c.inUse().AwaitChange(ctx, limit)
}

// MaxMessage is that of each channel.
func (c *Chain) MaxMessage() int { return cmp.Or(c.options.MaxMessage, MaxMessage) }

// Close ends all channels, and what is in flight with CANCELLED. It must not be called
// by what a Limit tells.
func (c *Chain) Close() error {
	c.mu.Lock()
	c.closed = true
	c.cancel()
	for m := range c.live {
		_ = m.Close() // one may be closed already
	}
	c.mu.Unlock()
	c.making.Wait()
	return nil
}
