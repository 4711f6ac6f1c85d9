package channel_test

import (
	"context"
	"net"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"grpcbench/internal/channel"
	serverpb "grpcbench/proto"
)

// holding answers when it is let.
type holding struct {
	serverpb.UnimplementedServerServer
	came chan struct{}
	let  chan struct{}
}

func (h holding) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	h.came <- struct{}{}
	<-h.let
	return &serverpb.Empty{}, nil
}

// accepting counts the connections of a listener.
type accepting struct {
	net.Listener
	all *atomic.Int64
}

func (a accepting) Accept() (net.Conn, error) {
	c, err := a.Listener.Accept()
	if err == nil {
		a.all.Add(1)
	}
	return c, err
}

// chained is a chain to a server that counts its connections.
func chained(t *testing.T, service serverpb.ServerServer, limit channel.Limit) (c *channel.Chain, all *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	all = new(atomic.Int64)
	s := grpc.NewServer()
	serverpb.RegisterServerServer(s, service)
	go func() { _ = s.Serve(accepting{l, all}) }() // ends with Stop
	t.Cleanup(s.Stop)
	if c, err = channel.OpenChain(t.Context(), channel.Options{Address: l.Addr().String(), Limit: limit}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // the server ends it otherwise
	return c, all
}

func TestAReplacedChannelIsClosedAfterItsLastRPC(t *testing.T) {
	h := holding{came: make(chan struct{}, 9), let: make(chan struct{})}
	c, all := chained(t, h, channel.Limit{})
	stub := serverpb.NewServerClient(c)
	outcome := make(chan error, 2)
	call := func() {
		_, err := stub.Foo(t.Context(), &serverpb.Empty{})
		outcome <- err
	}
	go call()
	<-h.came
	made, err := c.Renew(t.Context())
	if err != nil || made.Sent == 0 || made.Received == 0 || made.HTTP2 <= 0 {
		t.Fatalf("%+v, %v: must be a connection with its bytes and phases", made, err)
	}
	if n := c.Drained(); n != 0 {
		t.Errorf("%d drained with an RPC on the old connection", n)
	}
	go call()
	<-h.came
	close(h.let)
	for range 2 {
		if err := <-outcome; err != nil {
			t.Errorf("an RPC on either side of a replacement: %v", err)
		}
	}
	if c.Drained() != 1 || all.Load() != 2 || c.Reconnects() != 0 || c.MostRPCs() != 1 {
		t.Errorf("%d drained, %d connections, %d reconnects, at most %d RPCs, want 1, 2, 0 and 1", c.Drained(), all.Load(), c.Reconnects(), c.MostRPCs())
	}
}

// A chain of 3 RPCs a connection, which begins with one used up, makes 10 RPCs on
// connections of 2, 3, 3 and 2: three are replaced.
func TestAChainReplacesConnectionsAfterTheirRPCs(t *testing.T) {
	var begun, ended atomic.Int64
	done := make(chan struct{}, 9)
	c, all := chained(t, foo{}, channel.Limit{RPCs: 3, Had: 1, Begin: func() func(channel.Connection, error) {
		begun.Add(1)
		return func(made channel.Connection, err error) {
			if err != nil || made.Sent == 0 {
				t.Errorf("%+v, %v: must be a connection", made, err)
			}
			ended.Add(1)
			done <- struct{}{}
		}
	}})
	stub := serverpb.NewServerClient(c)
	for range 10 {
		if _, err := stub.Foo(t.Context(), &serverpb.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	if n := begun.Load(); n != 3 {
		t.Fatalf("%d replacements begun, want 3", n)
	}
	for range 3 {
		<-done
	}
	if ended.Load() != 3 || all.Load() != 4 || c.MostRPCs() != 3 || c.Reconnects() != 0 {
		t.Errorf("%d replacements ended, %d connections, at most %d RPCs, %d reconnects, want 3, 4, 3 and 0",
			ended.Load(), all.Load(), c.MostRPCs(), c.Reconnects())
	}
}

// A server that is gone leaves the connection there is, and its RPCs, as they are.
func TestARenewalThatFailsLeavesTheChainAsItIs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	serverpb.RegisterServerServer(s, foo{})
	go func() { _ = s.Serve(l) }() // ends with Stop
	t.Cleanup(s.Stop)
	c, err := channel.OpenChain(t.Context(), channel.Options{Address: l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() }) // over
	_ = l.Close()                       // no more connections
	if _, err := c.Renew(t.Context()); channel.Class(err) != channel.Refused {
		t.Errorf("%v is of class %s, want %s", err, channel.Class(err), channel.Refused)
	}
	if _, err := serverpb.NewServerClient(c).Foo(t.Context(), &serverpb.Empty{}); err != nil {
		t.Errorf("an RPC after it: %v", err)
	}
	if _, err := c.NewStream(t.Context(), nil, ""); status.Code(err) != codes.Unimplemented {
		t.Errorf("a stream: %v, want it refused", err)
	}
}

// The only RPC that the first connection may have begins a replacement that never comes:
// Close ends it, and returns when its end is told.
func TestAChainThatIsClosedLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := bufconn.Listen(64 << 10)
		s := grpc.NewServer()
		serverpb.RegisterServerServer(s, foo{})
		go func() { _ = s.Serve(l) }() // ends with Stop
		defer s.Stop()
		told := ""
		limit := channel.Limit{RPCs: 1, Begin: func() func(channel.Connection, error) {
			return func(_ channel.Connection, err error) {
				time.Sleep(time.Second) // a slow ear: who does not wait for it is seen
				told = channel.Class(err)
			}
		}}
		dialled := 0
		dialer := func(ctx context.Context, _, _ string) (net.Conn, error) {
			if dialled++; dialled > 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return l.DialContext(ctx)
		}
		c, err := channel.OpenChain(t.Context(), channel.Options{Address: "bufconn:1", Limit: limit, Dialer: dialer})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := serverpb.NewServerClient(c).Foo(t.Context(), &serverpb.Empty{}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the old connection is closed, the new one being made
		if err := c.Close(); err != nil || told != channel.Interrupted || dialled != 2 {
			t.Errorf("%v, told %q after %d connections, want %s after 2", err, told, dialled, channel.Interrupted)
		}
	})
}

// hesitant is a listener whose server begins a millisecond after a client.
type hesitant struct{ net.Listener }

func (h hesitant) Accept() (net.Conn, error) {
	c, err := h.Listener.Accept()
	time.Sleep(time.Millisecond) // in virtual time
	return c, err
}

// With one RPC to a connection each is closed soon after it was made, often before it is
// asked whether it was. In virtual time, where an answer that waits is late by seconds.
func TestAConnectionThatIsClosedAgainWasMade(t *testing.T) {
	const rpcs = 300
	synctest.Test(t, func(t *testing.T) {
		l := bufconn.Listen(64 << 10)
		s := grpc.NewServer()
		serverpb.RegisterServerServer(s, foo{})
		go func() { _ = s.Serve(hesitant{l}) }() // ends with Stop
		defer s.Stop()
		var failed []error
		told := make(chan error, rpcs)
		c, err := channel.OpenChain(t.Context(), channel.Options{Address: "bufconn:1",
			Limit:  channel.Limit{RPCs: 1, Begin: func() func(channel.Connection, error) { return func(_ channel.Connection, err error) { told <- err } }},
			Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.DialContext(ctx) }})
		if err != nil {
			t.Fatal(err)
		}
		stub, start := serverpb.NewServerClient(c), time.Now()
		for range rpcs {
			if _, err := stub.Foo(t.Context(), &serverpb.Empty{}); err != nil {
				t.Fatal(err)
			}
		}
		for range rpcs {
			if err := <-told; err != nil {
				failed = append(failed, err)
			}
		}
		if took := time.Since(start); len(failed) > 0 || c.Reconnects() != 0 || took > time.Second {
			t.Errorf("%d of %d replacements failed in %v, as %v; %d reconnects", len(failed), rpcs, took, failed, c.Reconnects())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}
