package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/stats"
	"grpcbench/internal/wire"
	"grpcbench/internal/worker"
	"grpcbench/testing/floor"
)

const (
	openRole = "open"
	// openers is how many connections are being opened at once.
	openers = 4
	// stormSize and stormOpeners are those of the storm.
	stormSize    = 10_000
	stormOpeners = 64
)

// opened is what a process that opens connections says of itself, as JSON.
type opened struct {
	Connections int64
	Failed      map[string]int64 `json:",omitempty"`
	Took        time.Duration    // of the storm
	RSS         int64            // likewise, with all of them open
}

// secure are the settings of both sides.
func secure() plan.Settings {
	s := plaintext()
	s.TLS, s.Key = plan.TLS13, plan.P256
	return s
}

// serveSecure starts a server on the second processor and writes its authority to a
// file, which the returned function removes.
func serveSecure(connections int) (at endpoint, stop func(), err error) {
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()})
	if err != nil {
		return at, nil, err
	}
	host, end, err := startChild(1, "host")
	if err != nil {
		return at, nil, err
	}
	settings := secure()
	settings.Connections = connections
	var listening worker.Listening
	serve := worker.Serve{Settings: settings, CertPEM: set.Server.CertPEM, KeyPEM: set.Server.KeyPEM}
	if err := host.ask(worker.Order{Do: worker.DoServe, Serve: &serve}, &listening); err != nil {
		end()
		return at, nil, err
	}
	f, err := os.CreateTemp("", "grpc-bench-ca-*.pem")
	if err == nil {
		_, err = f.Write(set.CA.CertPEM)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		end()
		return at, nil, err
	}
	return endpoint{listening.Address, f.Name()}, func() { end(); _ = os.Remove(f.Name()) }, nil
}

// open runs a process that opens connections.
func open(by string, at endpoint, hold int) (o opened, err error) {
	cmd := pinned(clientCPU, openRole, "-by", by, "-ca", at.ca, "-hold", strconv.Itoa(hold), at.address)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return o, fmt.Errorf("%s: %w", cmd.Args, err)
	}
	return o, json.Unmarshal(out, &o)
}

// handshakes compares the connections that an engine opens with a bare loop's, in turn.
func handshakes(ctx context.Context) error {
	at, stop, err := serveSecure(openers)
	if err != nil {
		return err
	}
	defer stop()
	for _, by := range []string{plan.Wire, plan.GRPC} {
		var ratios, ours, bares []float64
		for i := range pairs {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			rates := map[string]float64{}
			order := []string{by, byBare}
			if i%2 == 1 {
				order = []string{byBare, by}
			}
			for _, who := range order {
				o, err := open(who, at, 0)
				if err != nil {
					return err
				}
				if len(o.Failed) > 0 || o.Connections == 0 {
					return fmt.Errorf("%s: %d connections, failed %v", who, o.Connections, o.Failed)
				}
				rates[who] = float64(o.Connections) / measuredLength().Seconds()
			}
			ours, bares, ratios = append(ours, rates[by]), append(bares, rates[byBare]), append(ratios, rates[by]/rates[byBare])
		}
		fmt.Printf("  %-4s  %.0f connections/s, bare loop %.0f (medians of %d)\n", by, stats.Median(ours), stats.Median(bares), pairs)
		fmt.Printf("  ratio median %.3f, all %.3f\n", stats.Median(ratios), ratios)
	}
	return nil
}

// measuredLength is the part of a block that counts.
func measuredLength() time.Duration {
	from, to := worker.Saturate{Length: blockLength}.Measure()
	return time.Duration(to - from)
}

// storm opens 10 000 connections and holds them.
func storm(context.Context) error {
	const spare = 64
	if files, _, ok := probe.FDLimit(); ok && files < stormSize+spare {
		return fmt.Errorf("needs %d open files, and the limit is %d (ulimit -n)", stormSize+spare, files)
	}
	if lo, hi, ok := (probe.Machine{}).PortRange(); ok && (hi-lo+1)*4/5 < stormSize {
		return fmt.Errorf("needs %d local ports, and there are %d (ip_local_port_range)", stormSize*5/4, hi-lo+1)
	}
	for _, by := range []string{plan.Wire, plan.GRPC} {
		at, stop, err := serveSecure(stormSize)
		if err != nil {
			return err
		}
		o, err := open(by, at, stormSize)
		stop()
		if err != nil {
			return err
		}
		fmt.Printf("  %-4s  %d of %d open after %.1f s, failed %v, client %.0f MB\n", by, o.Connections, stormSize, o.Took.Seconds(), o.Failed, float64(o.RSS)/1e6)
	}
	return nil
}

// opener is the process that opens connections.
type opener struct {
	endpoint
	by   string
	hold int
}

func runOpener(ctx context.Context, args []string) error {
	var c opener
	fs := flag.NewFlagSet(openRole, flag.ContinueOnError)
	fs.StringVar(&c.by, "by", plan.Wire, "wire, grpc or bare")
	fs.StringVar(&c.ca, "ca", "", "PEM `FILE` of the server's authority")
	fs.IntVar(&c.hold, "hold", 0, "connections to hold; 0: close each, for a block")
	if err := fs.Parse(args); err != nil {
		return err
	}
	c.address = fs.Arg(0)
	work := c.rush
	switch {
	case c.hold > 0:
		work = c.storm
	case c.by == byBare:
		work = c.bare
	}
	o, err := work(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(o)
}

func (c *opener) trial() (worker.Trial, error) {
	t := worker.Trial{Settings: secure(), Address: c.address, Connections: 1, Timeout: 5 * time.Second}
	t.Settings.Engine = c.by
	var err error
	t.CAPEM, err = os.ReadFile(c.ca)
	return t, err
}

// rush opens connections as the saturated block of a handshake plan does, by a generator
// that lives in this process.
func (c *opener) rush(ctx context.Context) (opened, error) {
	t, err := c.trial()
	if err != nil {
		return opened{}, err
	}
	in, orders := io.Pipe()
	answers, out := io.Pipe()
	go func() { _ = worker.Generate(ctx, in, out) }() // ends with the process
	gen := &child{in: json.NewEncoder(orders), out: json.NewDecoder(answers)}
	if err := gen.ask(worker.Order{Do: worker.DoSetup, Setup: &t}, nil); err != nil {
		return opened{}, err
	}
	var got worker.Rushed
	err = gen.ask(worker.Order{Do: worker.DoRush, Saturate: &worker.Saturate{
		Start: probe.Monotonic() + int64(50*time.Millisecond), Length: blockLength, Concurrency: openers}}, &got)
	return opened{Connections: got.Connections, Failed: got.Failed}, err
}

// bare opens connections and does nothing else.
func (c *opener) bare(ctx context.Context) (opened, error) {
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return opened{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	host, _, err := net.SplitHostPort(c.address)
	if err != nil {
		return opened{}, err
	}
	config := &tls.Config{RootCAs: roots, ServerName: host, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}
	var count atomic.Int64
	var failed atomic.Pointer[error]
	start := time.Now()
	from, to := start.Add(blockLength/5), start.Add(blockLength)
	var all sync.WaitGroup
	for range openers {
		all.Go(func() {
			for time.Now().Before(to) && failed.Load() == nil {
				if err := openBare(ctx, c.address, config); err != nil {
					failed.Store(&err)
				}
				if now := time.Now(); now.After(from) && now.Before(to) {
					count.Add(1)
				}
			}
		})
	}
	all.Wait()
	if e := failed.Load(); e != nil {
		return opened{}, *e
	}
	return opened{Connections: count.Load()}, nil
}

func openBare(ctx context.Context, address string, config *tls.Config) error {
	n, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	secure := tls.Client(n, config)
	defer secure.Close()
	if err := secure.HandshakeContext(ctx); err != nil {
		return err
	}
	return floor.Open(secure)
}

// storm opens all connections by stormOpeners at once and holds them.
func (c *opener) storm(ctx context.Context) (opened, error) {
	t, err := c.trial()
	if err != nil {
		return opened{}, err
	}
	o, err := t.Channel(nil)
	if err != nil {
		return opened{}, err
	}
	attempt := func() (io.Closer, error) { return channel.Attempt(ctx, o) }
	if c.by == plan.Wire {
		attempt = func() (io.Closer, error) {
			return wire.Attempt(ctx, wire.Options{Address: o.Address, TLS: o.TLS, Timeout: o.Timeout, Request: wire.Request{Path: foo}})
		}
	}
	var mu sync.Mutex
	var left atomic.Int64
	left.Store(int64(c.hold))
	result := opened{Failed: map[string]int64{}}
	held := make([]io.Closer, 0, c.hold)
	start := time.Now()
	var all sync.WaitGroup
	for range stormOpeners {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				l, err := attempt()
				mu.Lock()
				if err != nil {
					result.Failed[channel.Class(err)]++
				} else {
					held = append(held, l)
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	result.Took, result.Connections = time.Since(start), int64(len(held))
	result.RSS, _ = probe.RSS()
	for _, l := range held {
		_ = l.Close() // they have been counted
	}
	return result, nil
}
