package wire_test

import (
	"context"
	"fmt"
	"time"

	"grpcbench/internal/load"
	"grpcbench/internal/wire"
)

// A channel makes one kind of unary RPC; an engine of channels makes those of a loop. It runs
// against a server that is there.
func ExampleEngine() {
	ch, err := wire.Open(context.Background(), wire.Options{
		Address: "127.0.0.1:1337",
		Request: wire.Request{Path: "/Server/Foo", Length: 0},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer ch.Close()
	loop := load.ClosedLoop{
		Concurrency: 8, Connections: 1, Clock: load.NewPacer(time.Now()),
		Phases: load.Phases{Window: time.Second}, Drain: time.Second, DrainStopped: time.Second,
	}
	o, err := loop.Run(context.Background(), wire.Engine{Channels: []*wire.Channel{ch}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(o.Window.OK, "RPCs in a second")
}
