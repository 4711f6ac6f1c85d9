package verify

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/channel"
	serverpb "grpcbench/proto"
)

const (
	stallLength = 500 * time.Millisecond
	meanDelay   = 5 * time.Millisecond
)

// specimen is a server whose behaviour is known: it holds up each call as wait does,
// and counts what it answered.
type specimen struct {
	serverpb.UnimplementedServerServer
	wait           func()
	started, ended atomic.Int64
}

// Foo implements serverpb.ServerServer.
func (s *specimen) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	s.started.Add(1)
	defer s.ended.Add(1)
	s.wait()
	return &serverpb.Empty{}, nil
}

// serve serves s on a listener until the returned function is called, which ends all
// calls at once.
func (s *specimen) serve(l net.Listener, options ...grpc.ServerOption) (stop func()) {
	// Dynamic windows send a PING and a WINDOW_UPDATE with an RPC.
	options = append(options, grpc.StaticStreamWindowSize(channel.StaticWindow), grpc.StaticConnWindowSize(channel.StaticWindow))
	server := grpc.NewServer(options...)
	serverpb.RegisterServerServer(server, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(l) // ends with the error of the closed listener
	}()
	return func() { server.Stop(); <-done }
}

// prompt holds up nobody.
func prompt() {}

// pause waits by Go's timers.
func pause(d time.Duration) {
	t := time.NewTimer(d)
	<-t.C
}

// stall stands still in the first half of every second, all calls together.
func stall() {
	if into := time.Duration(time.Now().UnixNano() % int64(time.Second)); into < stallLength {
		pause(stallLength - into)
	}
}

// twoModes returns a wait of half a second for one call in 50, which holds up no other.
func twoModes() func() {
	var calls atomic.Int64
	return func() {
		if calls.Add(1)%50 == 7 {
			pause(stallLength)
		}
	}
}

// exponential returns a wait of an exponential delay, the next one for each call.
func exponential() func() {
	all := delays()
	var calls atomic.Int64
	return func() { sleep(all[calls.Add(1)%int64(len(all))]) }
}

// delays returns the n mid-quantiles of the exponential distribution,
// −mean·ln(1 − (i+½)/n), in random order: any n calls in a row have exactly its
// quantiles, so that no sampling error is left.
func delays() []time.Duration {
	const n = 400
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = time.Duration(-float64(meanDelay) * math.Log1p(-(float64(i)+0.5)/n))
	}
	r := rand.New(rand.NewPCG(17, 5))
	r.Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all
}
