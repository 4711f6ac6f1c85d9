package worker

import (
	"context"

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
	// use takes the channels that RPCs are made on, in order.
	use(links []link) error
	// loop returns the engine of one loop, whose RPCs are numbered from first on;
	// closed says that callers come back.
	loop(first int64, closed bool) load.Engine
	// once makes one RPC and returns its error as gRPC gives it.
	once(ctx context.Context) error
	// work is what the compressors did with requests and responses.
	work() (compressed, decompressed Work)
	// close releases what use made, not the channels.
	close()
}

// link is an open channel.
type link interface {
	Bytes() (sent, received int64)
	Connections() []channel.Connection
	Close() error
}

// grpcEngine makes RPCs as an application does, by grpc-go.
type grpcEngine struct {
	options  call.Options
	counters *codec.Counters
	channels []*channel.Channel
	caller   *call.Caller
}

func (g *grpcEngine) open(ctx context.Context, o channel.Options) (link, error) {
	c, err := channel.Open(ctx, o)
	if err != nil {
		return nil, err // not c: a nil pointer in an interface is not nil
	}
	return c, nil
}

func (g *grpcEngine) use(links []link) error {
	conns := make([]*grpc.ClientConn, len(links))
	for i, l := range links {
		c := l.(*channel.Channel) // what open returned
		g.channels = append(g.channels, c)
		conns[i] = c.ClientConn
	}
	var err error
	g.caller, err = call.New(g.options, conns)
	return err
}

func (g *grpcEngine) loop(first int64, closed bool) load.Engine {
	one := func(ctx context.Context, conn int, seq int64) string { return g.caller.Call(ctx, conn, first+seq) }
	if !closed {
		return load.NewCallers(one, nil)
	}
	return load.NewCallers(one, func(ctx context.Context, conn int) { g.channels[conn].AwaitChange(ctx, afterFailureWait) })
}

func (g *grpcEngine) once(ctx context.Context) error {
	return call.Once(ctx, g.options, g.channels[0].ClientConn)
}

func (g *grpcEngine) work() (compressed, decompressed Work) {
	counts := g.counters.Snapshot()
	return workOf(counts.Compress), workOf(counts.Decompress)
}

func (g *grpcEngine) close() {
	if g.caller != nil {
		g.caller.Close()
	}
}
