package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/stats"
	"grpcbench/internal/worker"
	serverpb "grpcbench/proto"
)

const (
	bareRole    = "bare"
	pairs       = 9
	connections = 4
	concurrency = 64
	blockLength = 1500 * time.Millisecond
)

// pinned runs this program on one processor.
func pinned(cpu int, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	return onCPU(cpu, self, args...)
}

// onCPU runs a program on one processor, if taskset is there to do it.
func onCPU(cpu int, name string, args ...string) *exec.Cmd {
	if path, err := exec.LookPath("taskset"); err == nil {
		return exec.Command(path, append([]string{"-c", strconv.Itoa(cpu), name}, args...)...)
	}
	return exec.Command(name, args...)
}

// child is a worker that is spoken to line by line.
type child struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out *json.Decoder
}

func startChild(cpu int, role string) (*child, func(), error) {
	cmd := pinned(cpu, role)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	stop := func() { _ = in.Close(); _ = cmd.Wait() } // it ends with its input
	return &child{cmd, json.NewEncoder(in), json.NewDecoder(bufio.NewReader(out))}, stop, nil
}

func (c *child) ask(o worker.Order, to any) error {
	if err := c.in.Encode(o); err != nil {
		return err
	}
	var a struct {
		Error string
		Value json.RawMessage
	}
	if err := c.out.Decode(&a); err != nil {
		return err
	}
	if a.Error != "" {
		return fmt.Errorf("%s: %s", o.Do, a.Error)
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(a.Value, to)
}

// plaintext are the settings of both sides of this benchmark.
func plaintext() plan.Settings {
	return plan.Settings{TLS: plan.Off, Connections: connections, Windows: plan.Static, Compression: codec.Spec{Name: codec.None},
		ResponseCompression: plan.ResponseCodec{Mirror: true}}
}

// engine compares the client's CPU per RPC with a bare loop's, each with the
// same server on the other processor, in turn.
func engine(ctx context.Context) error {
	host, stop, err := startChild(1, "host")
	if err != nil {
		return err
	}
	defer stop()
	var at worker.Listening
	if err := host.ask(worker.Order{Do: worker.DoServe, Serve: &worker.Serve{Settings: plaintext()}}, &at); err != nil {
		return err
	}
	var ratios, ours, bares []float64
	for i := range pairs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var a, b float64
		for turn := range 2 {
			var err error
			if (turn == 0) == (i%2 == 0) {
				a, err = engineBlock(at.Address)
			} else {
				b, err = bareBlock(at.Address)
			}
			if err != nil {
				return err
			}
		}
		ours, bares, ratios = append(ours, a), append(bares, b), append(ratios, a/b)
	}
	fmt.Printf("  engine %.2f µs, bare loop %.2f µs of client CPU per RPC (medians of %d)\n", stats.Median(ours)/1e3, stats.Median(bares)/1e3, pairs)
	fmt.Printf("  ratio  median %.3f, all %.3f\n", stats.Median(ratios), ratios)
	return nil
}

// engineBlock is the CPU per RPC of one generator, in ns.
func engineBlock(address string) (float64, error) {
	gen, stop, err := startChild(0, "generator")
	if err != nil {
		return 0, err
	}
	defer stop()
	t := worker.Trial{Settings: plaintext(), Address: address, Connections: connections, Drain: time.Second}
	if err := gen.connect(t); err != nil {
		return 0, err
	}
	got, err := gen.saturate(blockLength, concurrency)
	if err != nil {
		return 0, err
	}
	return float64(*got.CPU) / float64(got.Calls), nil
}

// connect makes a generator's connections.
func (c *child) connect(t worker.Trial) error {
	if err := c.ask(worker.Order{Do: worker.DoSetup, Setup: &t}, nil); err != nil {
		return err
	}
	for i := range t.Connections {
		if err := c.ask(worker.Order{Do: worker.DoConnect, Connect: &worker.Connect{Index: i}}, nil); err != nil {
			return err
		}
	}
	return nil
}

// saturate is what a generator does at full speed. It has CPU time and calls.
func (c *child) saturate(length time.Duration, concurrency int) (got worker.Saturated, err error) {
	err = c.ask(worker.Order{Do: worker.DoSaturate, Saturate: &worker.Saturate{
		Start: probe.Monotonic() + int64(50*time.Millisecond), Length: length, Concurrency: concurrency}}, &got)
	if err == nil && (got.CPU == nil || got.Calls == 0) {
		err = fmt.Errorf("no CPU time or no calls: %+v", got)
	}
	return got, err
}

// bareBlock is the same of a loop that does nothing but call.
func bareBlock(address string) (float64, error) {
	cmd := pinned(0, bareRole, address)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return 0, err
	}
	return strconv.ParseFloat(out.String(), 64)
}

// bare is the child of bareBlock.
func bare(ctx context.Context, args []string) error {
	loop, err := startBare(ctx, channel.Options{Address: args[0]}, connections, concurrency)
	if err != nil {
		return err
	}
	time.Sleep(blockLength / 5)
	n0 := loop.calls()
	cpu0, _ := probe.ProcessCPU()
	time.Sleep(blockLength - blockLength/5)
	n1 := loop.calls()
	cpu1, ok := probe.ProcessCPU()
	loop.stop()
	if !ok || n1 == n0 {
		return fmt.Errorf("no CPU time or no calls: %d", n1-n0)
	}
	fmt.Print(float64(cpu1-cpu0) / float64(n1-n0))
	return nil
}

// bareLoop is callers that call, and one counter each.
type bareLoop struct {
	channels []*channel.Channel
	callers  sync.WaitGroup
	stopped  atomic.Bool
	counts   []bareCount
}

type bareCount struct {
	n atomic.Int64
	_ [120]byte // keep neighbours off this cache line
}

func startBare(ctx context.Context, o channel.Options, connections, concurrency int) (*bareLoop, error) {
	codec.Install(nil, codec.Spec{}) // announces nothing, as the engine does
	l := &bareLoop{counts: make([]bareCount, concurrency)}
	for range connections {
		c, err := channel.Open(ctx, o)
		if err != nil {
			return nil, err
		}
		l.channels = append(l.channels, c)
	}
	for i := range concurrency {
		client := serverpb.NewServerClient(l.channels[i%connections].ClientConn)
		l.callers.Go(func() {
			empty := &serverpb.Empty{}
			for !l.stopped.Load() {
				if _, err := client.Foo(ctx, empty); err != nil {
					return
				}
				l.counts[i].n.Add(1)
			}
		})
	}
	return l, nil
}

func (l *bareLoop) calls() (n int64) {
	for i := range l.counts {
		n += l.counts[i].n.Load()
	}
	return n
}

func (l *bareLoop) stop() {
	l.stopped.Store(true)
	l.callers.Wait()
	for _, c := range l.channels {
		_ = c.Close() // the process ends
	}
}
