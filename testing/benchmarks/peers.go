package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/certs"
	"grpcbench/internal/plan"
	"grpcbench/internal/stats"
	"grpcbench/internal/worker"
)

const (
	rounds = 7
	// roundLength makes the start and the end of a process, which are in its account,
	// a small part of it.
	roundLength = 5 * time.Second
	clientCPU   = 0
	serverCPU   = 1
)

// peers compares the wire engine with other clients of one saturated server.
func peers(ctx context.Context) error {
	return withFiles(func(f files) error {
		others := []peer{ours(byFloor, 1.25), h2load(f.body, 0.7, 0.97), ours(plan.GRPC, 1.0/4), ghz(f.proto, 1.0/20)}
		for _, security := range []string{plan.Off, plan.TLS13} {
			at, stop, err := f.serve(security)
			if err != nil {
				return err
			}
			fmt.Printf("  the bundled server, saturated, TLS %s\n", security)
			err = compete(ctx, at, others)
			stop()
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ceiling compares it where the client is the limit.
func ceiling(ctx context.Context) error {
	return withFiles(func(f files) error {
		cmd := pinned(serverCPU, sinkRole)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		defer func() { _ = in.Close(); _ = cmd.Wait() }() // it ends with its input
		address, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			return err
		}
		return compete(ctx, endpoint{address: strings.TrimSpace(address)}, []peer{ours(byFloor, 1.25), h2load(f.body, 1/2.5, 2.5)})
	})
}

// compete runs the wire engine and the others in turn, and prints ratios of one
// round each: what else the machine does in that time weighs on all of them.
func compete(ctx context.Context, at endpoint, others []peer) error {
	all := append([]peer{wireEngine()}, available(others)...)
	samples := make([][]sample, len(all))
	for round := range rounds + 1 {
		for turn := range all {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			i := (turn + round) % len(all)
			s, err := all[i].measure(at)
			if err != nil {
				return err
			}
			if round > 0 { // the first warms the server up
				samples[i] = append(samples[i], s)
			}
		}
	}
	fmt.Printf("  %-8s%10s%9s%10s%7s   %-32s%s\n", "", "CPU/RPC", "of user", "RPC/s", "busy", "wire's CPU/RPC over it", "wire's RPC/s over it")
	for i, p := range all {
		fmt.Printf("  %-8s%7.2f µs%6.2f µs%10.0f%6.0f%%", p.name, stats.Median(each(samples[i], sample.cpu))/1e3,
			stats.Median(each(samples[i], func(s sample) float64 { return float64(s.user) / float64(s.Calls) }))/1e3,
			stats.Median(each(samples[i], sample.rate)), 100*stats.Median(each(samples[i], sample.busy)))
		if i > 0 {
			fmt.Printf("   %-32s%s", ratio(samples[0], samples[i], sample.cpu).String()+promise("≤", p.most),
				ratio(samples[0], samples[i], sample.rate).String()+promise("≥", p.least))
		}
		fmt.Println()
	}
	return nil
}

// available leaves out the programs that are not there, and says how to get them.
func available(all []peer) []peer {
	installed := map[string]string{"h2load": "apt install nghttp2-client", "ghz": "go install github.com/bojand/ghz/cmd/ghz@latest"}
	return slices.DeleteFunc(slices.Clone(all), func(p peer) bool {
		how, foreign := installed[p.name]
		if !foreign {
			return false
		}
		_, err := exec.LookPath(p.name)
		if err != nil {
			fmt.Printf("  without %s, which is not on PATH: %s\n", p.name, how)
		}
		return err != nil
	})
}

// ratios are of one figure, a round each.
type ratios []float64

func ratio(a, b []sample, of func(sample) float64) ratios {
	r := make(ratios, len(a))
	for i := range a {
		r[i] = of(a[i]) / of(b[i])
	}
	return r
}

// String is the median and, in brackets, the least and the greatest.
func (r ratios) String() string {
	return fmt.Sprintf("%.3f [%.3f, %.3f]", stats.Median(r), slices.Min(r), slices.Max(r))
}

func promise(sign string, limit float64) string {
	if limit == 0 {
		return ""
	}
	return fmt.Sprintf(" %s %.3g", sign, limit)
}

func each(all []sample, of func(sample) float64) []float64 {
	var figures []float64
	for _, s := range all {
		figures = append(figures, of(s))
	}
	return figures
}

// footprint prints the resident memory of wire clients with 64 connections, after a
// window long enough that its first seconds have been folded away; and their own
// figure of CPU beside the kernel's, which has the start and the end of the process
// in it too.
func footprint(ctx context.Context) error {
	return withFiles(func(f files) error {
		for _, security := range []string{plan.Off, plan.TLS13} {
			at, stop, err := f.serve(security)
			if err != nil {
				return err
			}
			for _, streams := range []int{1, 16} {
				if ctx.Err() != nil {
					break
				}
				c := fooClient(plan.Wire, at)
				c.connections, c.streams, c.length = 64, streams, 5*roundLength
				var s sample
				if s, err = measure(c.command(), readTally); err != nil {
					break
				}
				fmt.Printf("  TLS %-4s 64 connections × %-3d %.1f MB ≤ 30; client CPU/RPC %.0f ns, %.3f of the kernel's account\n",
					security, streams, float64(s.RSS)/1e6, *s.Own, *s.Own/s.cpu())
			}
			stop()
			if err != nil {
				return err
			}
		}
		return ctx.Err()
	})
}

// files are what servers and foreign clients need, in a temporary directory.
type files struct {
	body  string // an empty message with its prefix
	proto string // the definition of Foo's service
	ca    string
	set   certs.Set
}

// withFiles calls f and removes the files again.
func withFiles(f func(files) error) error {
	dir, err := os.MkdirTemp("", "grpc-bench-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // a temporary directory
	all := files{proto: filepath.Join("proto", "server.proto")}
	if all.set, err = certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()}); err != nil {
		return err
	}
	if all.body, err = fill(dir, make([]byte, 5)); err != nil {
		return err
	}
	if all.ca, err = fill(dir, all.set.CA.CertPEM); err != nil {
		return err
	}
	return f(all)
}

// fill makes a file in dir.
func fill(dir string, content []byte) (name string, err error) {
	f, err := os.CreateTemp(dir, "")
	if err != nil {
		return "", err
	}
	_, err = f.Write(content)
	return f.Name(), errors.Join(err, f.Close())
}

// serve starts a bundled server.
func (f files) serve(security string) (endpoint, func(), error) {
	host, stop, err := startChild(serverCPU, "host")
	if err != nil {
		return endpoint{}, nil, err
	}
	s := worker.Serve{Settings: plaintext(), CertPEM: f.set.Server.CertPEM, KeyPEM: f.set.Server.KeyPEM}
	s.Settings.TLS = security
	var at worker.Listening
	if err := host.ask(worker.Order{Do: worker.DoServe, Serve: &s}, &at); err != nil {
		stop()
		return endpoint{}, nil, err
	}
	e := endpoint{address: at.Address}
	if security != plan.Off {
		e.ca = f.ca
	}
	return e, stop, nil
}
