package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/worker"
	"grpcbench/testing/floor"
)

const (
	clientRole = "client"
	foo        = "/Server/Foo"
)

// What a client process makes its calls by, other than plan.GRPC and plan.Wire.
const (
	byFloor = "floor"
	byBare  = "bare" // grpc-go without anything of ours
)

// client is a process that calls Foo in a closed loop, from its start to its end:
// what it used in all, by the account of the kernel, is divided by its calls.
type client struct {
	endpoint
	by          string
	connections int
	streams     int // in flight on each connection
	length      time.Duration
	profile     string // file for a CPU profile; "": none
}

// tally is what a client process says of itself, as JSON.
type tally struct {
	Calls int64
	Own   *float64 `json:",omitempty"` // client_cpu_ns_per_rpc, as a run's saturated block has it
	RSS   int64    // bytes, at the end
}

// fooClient is the client of which all benchmarks of peers are variants.
func fooClient(by string, at endpoint) client {
	return client{endpoint: at, by: by, connections: connections, streams: concurrency / connections, length: roundLength}
}

func (c *client) flags() *flag.FlagSet {
	fs := flag.NewFlagSet(clientRole, flag.ContinueOnError)
	fs.StringVar(&c.by, "by", c.by, "wire, grpc, floor or bare")
	fs.IntVar(&c.connections, "connections", c.connections, "connections")
	fs.IntVar(&c.streams, "streams", c.streams, "calls in flight on each")
	fs.DurationVar(&c.length, "length", c.length, "how long")
	fs.StringVar(&c.ca, "ca", c.ca, "PEM `FILE` of the server's authority, for TLS 1.3")
	fs.StringVar(&c.profile, "profile", c.profile, "`FILE` for a CPU profile")
	return fs
}

// args are the arguments of a process that is c.
func (c client) args() []string {
	args := []string{clientRole}
	c.flags().VisitAll(func(f *flag.Flag) { args = append(args, "-"+f.Name+"="+f.Value.String()) })
	return append(args, c.address)
}

// runClient is the child.
func runClient(ctx context.Context, args []string) error {
	c := fooClient(plan.Wire, endpoint{})
	fs := c.flags()
	if err := fs.Parse(args); err != nil {
		return err
	}
	c.address = fs.Arg(0)
	loops := map[string]func(context.Context) (tally, error){plan.Wire: c.engine, plan.GRPC: c.engine, byFloor: c.floor, byBare: c.bare}
	loop := loops[c.by]
	if loop == nil {
		return fmt.Errorf("-by %q: must be wire, grpc, floor or bare", c.by)
	}
	if c.profile != "" {
		f, err := os.OpenFile(c.profile, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		defer func() { pprof.StopCPUProfile(); _ = f.Close() }() // a damaged profile does not open
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	t, err := loop(ctx)
	if err != nil {
		return err
	}
	t.RSS, _ = probe.RSS()
	return json.NewEncoder(os.Stdout).Encode(t)
}

// trial is the order for a generator that does what c does.
func (c *client) trial() (worker.Trial, error) {
	t := worker.Trial{Settings: plaintext(), Address: c.address, Connections: c.connections, Drain: time.Second}
	t.Settings.Connections = c.connections
	if c.by == plan.Wire {
		t.Settings.Engine = plan.Wire
	}
	if c.ca == "" {
		return t, nil
	}
	t.Settings.TLS = plan.TLS13
	var err error
	t.CAPEM, err = os.ReadFile(c.ca)
	return t, err
}

// engine makes the calls as a run's saturated block does, by a generator that lives
// in this process.
func (c *client) engine(ctx context.Context) (tally, error) {
	t, err := c.trial()
	if err != nil {
		return tally{}, err
	}
	in, orders := io.Pipe()
	answers, out := io.Pipe()
	go func() { _ = worker.Generate(ctx, in, out) }() // ends with the process
	gen := &child{in: json.NewEncoder(orders), out: json.NewDecoder(answers)}
	if err := gen.connect(t); err != nil {
		return tally{}, err
	}
	got, err := gen.saturate(c.length, c.connections*c.streams)
	if err != nil {
		return tally{}, err
	}
	var whole worker.Finished
	if err := gen.ask(worker.Order{Do: worker.DoAccount}, &whole); err != nil {
		return tally{}, err
	}
	own := float64(*got.CPU) / float64(got.Calls)
	return tally{Calls: whole.Total.OK, Own: &own}, nil
}

// bare makes the calls by callers that only call.
func (c *client) bare(ctx context.Context) (tally, error) {
	t, err := c.trial()
	if err != nil {
		return tally{}, err
	}
	o, err := t.Channel(nil)
	if err != nil {
		return tally{}, err
	}
	loop, err := startBare(ctx, o, c.connections, c.connections*c.streams)
	if err != nil {
		return tally{}, err
	}
	time.Sleep(c.length)
	loop.stop()
	return tally{Calls: loop.calls()}, nil
}

// floor makes the calls by package floor.
func (c *client) floor(ctx context.Context) (tally, error) {
	var enough atomic.Bool
	loop := floor.Client{Path: foo, Authority: c.address, Secure: c.ca != "", Streams: c.streams,
		Enough: func(int64) bool { return enough.Load() }}
	var conns []net.Conn
	for range c.connections {
		n, err := c.dial(ctx)
		if err != nil {
			return tally{}, err
		}
		conns = append(conns, n)
	}
	time.AfterFunc(c.length, func() { enough.Store(true) })
	type end struct {
		calls int64
		err   error
	}
	ends := make(chan end, len(conns))
	for _, n := range conns {
		go func(l floor.Client) {
			calls, err := l.Run(n)
			ends <- end{calls, err}
		}(loop)
	}
	var all tally
	var failed error
	for range conns {
		e := <-ends
		all.Calls += e.calls
		failed = errors.Join(failed, e.err)
	}
	return all, failed
}

// dial opens a connection as the engines do.
func (c *client) dial(ctx context.Context) (net.Conn, error) {
	n, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil || c.ca == "" {
		return n, err
	}
	t, err := c.trial()
	if err != nil {
		return nil, err
	}
	o, err := t.Channel(nil)
	if err != nil {
		return nil, err
	}
	o.TLS.NextProtos = []string{"h2"}
	if o.TLS.ServerName, _, err = net.SplitHostPort(c.address); err != nil {
		return nil, err
	}
	secure := tls.Client(n, o.TLS)
	return secure, secure.HandshakeContext(ctx)
}
