package worker

import (
	"context"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/load"
)

// engine is how a generator makes its RPCs.
type engine interface {
	// open makes a channel, one connection with it.
	open(ctx context.Context, o channel.Options) (link, error)
	// attempt is open without a second try.
	attempt(ctx context.Context, o channel.Options) (link, error)
	// use takes the channels that RPCs are made on, in order.
	use(links []link) error
	// loop returns the engine of one loop, whose RPCs are numbered from first on;
	// closed says that callers come back.
	loop(first int64, closed bool) load.Engine
	// once makes one RPC on l and returns what was heard of it, and a *call.Failure
	// if it failed.
	once(ctx context.Context, l link) (call.Heard, error)
	// work is what the compressors did with requests and responses.
	work() (compressed, decompressed Work)
	// received is the number of responses that came compressed, by encoding.
	received() map[string]int64
}

// link is an open channel.
type link interface {
	Bytes() (sent, received int64)
	Connections() []channel.Connection
	Reconnects() int64
	Settings() channel.Settings
	GoAways() channel.GoAways
	Refused() int64
	Close() error
}

// line is a link of grpc-go's: a channel, or a chain of them.
type line interface {
	link
	grpc.ClientConnInterface
	AwaitChange(ctx context.Context, limit time.Duration)
	Enter() (s *channel.Streams, waits bool)
}

// grpcEngine makes RPCs as an application does, by grpc-go.
type grpcEngine struct {
	options  call.Options
	counters *codec.Counters
	churns   bool // channels are chains
	channels []line
	caller   *call.Caller
}

func (g *grpcEngine) open(ctx context.Context, o channel.Options) (link, error) {
	if g.churns {
		return linked(channel.OpenChain(ctx, o))
	}
	return linked(channel.Open(ctx, o))
}

func (g *grpcEngine) attempt(ctx context.Context, o channel.Options) (link, error) {
	return linked(channel.Attempt(ctx, o))
}

// linked is an open channel, or why there is none: a nil pointer in an interface is not
// nil.
func linked[C link](c C, err error) (link, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

func (g *grpcEngine) use(links []link) error {
	conns := make([]grpc.ClientConnInterface, len(links))
	for i, l := range links {
		c := l.(line) // what open returned
		g.channels = append(g.channels, c)
		conns[i] = c
	}
	var err error
	g.caller, err = call.New(g.options, conns)
	return err
}

func (g *grpcEngine) loop(first int64, closed bool) load.Engine {
	one := func(ctx context.Context, conn int, seq int64) load.End { return g.caller.Call(ctx, conn, first+seq) }
	var wait func(ctx context.Context, conn int)
	if closed {
		wait = func(ctx context.Context, conn int) { g.channels[conn].AwaitChange(ctx, afterFailureWait) }
	}
	callers := load.NewCallers(one, wait)
	callers.Enter = func(conn int) (load.Stream, bool) { return g.channels[conn].Enter() }
	return callers
}

func (g *grpcEngine) once(ctx context.Context, l link) (call.Heard, error) {
	return call.Once(ctx, g.options, l.(grpc.ClientConnInterface)) // what open returned
}

func (g *grpcEngine) work() (compressed, decompressed Work) {
	counts := g.counters.Snapshot()
	return workOf(counts.Compress), workOf(counts.Decompress)
}

func (g *grpcEngine) received() map[string]int64 { return g.counters.Received() }
