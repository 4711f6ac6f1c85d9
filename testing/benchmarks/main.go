// Command benchmarks prints the figures that grpc-bench promises of itself: what
// its engine costs over a bare loop, how punctual its pacer is, how flat its
// memory stays, how long the suites take and how well equal arms agree. It
// judges nothing; run it on an idle machine.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"

	"grpcbench/internal/runner"
	"grpcbench/internal/worker"
)

// benchmark is one figure or a few that belong together.
type benchmark struct {
	name, doc string
	run       func(context.Context) error
}

var benchmarks = []benchmark{
	{"engine", "client CPU per saturated RPC over a bare grpc-go loop, paired", engine},
	{"pacer", "lateness of release and lag at 1000 RPC/s", pacer},
	{"memory", "resident memory of a generator at full speed", memory},
	{"agreement", "sd of the epoch log-ratio between equal arms", agreement},
	{"peers", "the wire engine beside other clients of a saturated server", peers},
	{"ceiling", "the same where the client is the limit", ceiling},
	{"footprint", "memory of the wire engine at 64 connections, and its own figure of CPU", footprint},
	{"handshakes", "connections per second over a bare loop of TCP, TLS and HTTP/2's beginning, paired", handshakes},
	{"storm", "10 000 connections, held open, opened by 64 at once", storm},
	{"delayed", "latency by both engines of a server that waits", delayed},
	{"suite", "how long the built-in suite takes, default and quick", suite},
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "benchmarks:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	if len(os.Args) > 1 {
		switch os.Args[1] { // children
		case runner.Host:
			return worker.Host(ctx, os.Stdin, os.Stdout)
		case runner.Generator:
			return worker.Generate(ctx, os.Stdin, os.Stdout)
		case bareRole:
			return bare(ctx, os.Args[2:])
		case clientRole:
			return runClient(ctx, os.Args[2:])
		case openRole:
			return runOpener(ctx, os.Args[2:])
		case sinkRole:
			return sink(os.Stdin, os.Stdout)
		}
	}
	flag.Usage = func() {
		fmt.Fprintln(os.Stderr, "usage: benchmarks [NAME…]")
		for _, b := range benchmarks {
			fmt.Fprintf(os.Stderr, "  %-10s %s\n", b.name, b.doc)
		}
	}
	flag.Parse()
	for _, b := range benchmarks {
		if flag.NArg() > 0 && !slices.Contains(flag.Args(), b.name) {
			continue
		}
		fmt.Printf("%s: %s\n", b.name, b.doc)
		if err := b.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", b.name, err)
		}
		fmt.Println(strings.Repeat("-", 72))
	}
	return nil
}
