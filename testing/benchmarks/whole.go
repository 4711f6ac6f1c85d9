package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/internal/stats"
)

// arms is a plan of n equal arms.
func arms(n int, load plan.Load, epochs int, window time.Duration) plan.Plan {
	p := plan.Plan{Load: load, Epochs: plan.Epochs{Min: epochs, Max: epochs}, Window: window, Warmup: time.Second, Drain: 10 * time.Second,
		Seed: 1, AllowFailures: 0.01}
	g := plan.Group{Name: "EQUAL"}
	for i := range n {
		name := fmt.Sprintf("arm %d", i)
		p.Arms = append(p.Arms, plan.Arm{Name: name, Settings: plaintext()})
		g.Arms = append(g.Arms, name)
	}
	g.Control = g.Arms[0]
	p.Groups = []plan.Group{g}
	return p
}

func execute(ctx context.Context, p plan.Plan) (*result.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return runner.Run(ctx, p, runner.Options{Command: []string{self}})
}

func pacer(ctx context.Context) error {
	r, err := execute(ctx, arms(1, plan.Load{Rate: 1000, Arrival: plan.Poisson, Loop: plan.Open, Concurrency: concurrency}, 1, 10*time.Second))
	if err != nil {
		return err
	}
	g, lag := r.Arms[0].Epochs[0].Generator, r.Arms[0].Lag
	fmt.Printf("  release − intended  p50 %.1f µs, p99 %.1f µs\n", float64(g.ReleaseP50)/1e3, float64(g.ReleaseP99)/1e3)
	fmt.Printf("  lag                 p50 %.1f µs, p99 %.1f µs\n", float64(*lag.P50)/1e3, float64(*lag.P99)/1e3)
	if c := r.Arms[0].PacerCPU; c != nil {
		fmt.Printf("  pacer's CPU         %.1f µs per RPC, taken out of the client's\n", *c/1e3)
	}
	return nil
}

// memory shows the resident memory after 10 s and after 60 s at full speed.
func memory(ctx context.Context) error {
	for _, window := range []time.Duration{10 * time.Second, 60 * time.Second} {
		r, err := execute(ctx, arms(1, plan.Load{Loop: plan.Closed, Concurrency: concurrency}, 1, window))
		if err != nil {
			return err
		}
		a := r.Arms[0]
		if rss := a.Epochs[0].Generator.RSSBytes; rss != nil {
			fmt.Printf("  after %v and %d RPCs: %.1f MB\n", window, a.Ledger.Scheduled, float64(*rss)/1e6)
		}
	}
	return nil
}

// agreement runs equal arms in the shape of the default suite, which has ten and
// A/A, and prints the sd of the log-ratio of every pair: a comparison's noise.
func agreement(ctx context.Context) error {
	const n = 11
	r, err := execute(ctx, arms(n, plan.Load{Rate: 1500, Arrival: plan.Poisson, Loop: plan.Open, Concurrency: concurrency}, 10, 3*time.Second))
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		of   func(result.Figures) float64
	}{
		{"latency p50", func(f result.Figures) float64 { return float64(*f.Latency.P50) }},
		{"latency p90", func(f result.Figures) float64 { return float64(*f.Latency.P90) }},
		{"client CPU/RPC", func(f result.Figures) float64 { return *f.ClientCPU }},
		{"server CPU/RPC", func(f result.Figures) float64 { return *f.ServerCPU }},
	} {
		var sds []float64
		for i := range n {
			for j := range i {
				var d []float64
				for e := range r.Arms[i].Epochs {
					d = append(d, math.Log(m.of(r.Arms[i].Epochs[e].Figures)/m.of(r.Arms[j].Epochs[e].Figures)))
				}
				sds = append(sds, 100*stats.SD(d))
			}
		}
		slices.Sort(sds)
		fmt.Printf("  %-15s sd, median %.2f %% of %d pairs, least %.2f, greatest %.2f\n", m.name, stats.Median(sds), len(sds), sds[0], sds[len(sds)-1])
	}
	for _, e := range r.Machine.Epochs {
		if e.CompetingShare != nil && e.StealShare != nil {
			fmt.Printf("  machine: ours %.0f %%, competing %.1f %%, steal %.2f %%\n", 100*e.OursShare, 100**e.CompetingShare, 100**e.StealShare)
		}
	}
	return nil
}

// delayed compares the quantiles that both engines see of a server that waits 50 ms
// before it answers, an epoch each.
func delayed(ctx context.Context) error {
	const delay = 50 * time.Millisecond
	p := arms(2, plan.Load{Rate: 1000, Arrival: plan.Poisson, Loop: plan.Open}, rounds, 3*time.Second)
	p.Arms[1].Settings.Engine = plan.Wire
	for i := range p.Arms {
		s := &p.Arms[i].Settings
		// delay_us is field 6, a varint (proto/bench/v1/bench.proto).
		s.Method, s.Request = "/bench.v1.Bench/Echo", &plan.Blob{Data: binary.AppendUvarint([]byte{6 << 3}, uint64(delay.Microseconds()))}
	}
	r, err := execute(ctx, p)
	if err != nil {
		return err
	}
	for _, m := range []struct {
		name  string
		of    func(result.Figures) float64
		limit float64 // of the ratio's distance from 1
	}{
		{"p50", func(f result.Figures) float64 { return float64(*f.Latency.P50) }, 0.03},
		{"p90", func(f result.Figures) float64 { return float64(*f.Latency.P90) }, 0.03},
		{"p99", func(f result.Figures) float64 { return float64(*f.Latency.P99) }, 0.10},
	} {
		var wires []float64
		var over ratios
		for e := range r.Arms[0].Epochs {
			grpc, wire := m.of(r.Arms[0].Epochs[e].Figures), m.of(r.Arms[1].Epochs[e].Figures)
			wires, over = append(wires, wire), append(over, wire/grpc)
		}
		fmt.Printf("  %s  wire %.2f ms, over grpc %v 1 ± %.2f\n", m.name, stats.Median(wires)/1e6, over, m.limit)
	}
	return nil
}

// suite times the program as its user runs it.
func suite(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "grpc-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	binary := filepath.Join(dir, "grpc-bench")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/bench").CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w: %s", err, out)
	}
	for _, args := range [][]string{{"run"}, {"run", "--quick"}} {
		cmd := exec.CommandContext(ctx, binary, append(args, "--results", filepath.Join(dir, "results"))...)
		var out bytes.Buffer
		cmd.Stdout = &out
		began := time.Now()
		err := cmd.Run()
		line, _, _ := bytes.Cut(bytes.TrimSpace(out.Bytes()), []byte("\n"))
		fmt.Printf("  %v: %.1f s (%v): %s\n", args, time.Since(began).Seconds(), err, line)
	}
	return nil
}
