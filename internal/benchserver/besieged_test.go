package benchserver_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/certs"
	benchv1 "grpcbench/proto/bench/v1"
	"grpcbench/testing/lane"
)

const (
	asServer = "GRPC_BENCH_TEST_AS_SERVER" // its value is a JSON of besieged
	// longest is how long anything that must happen may take: it tells slow from
	// never.
	longest = 20 * time.Second
	// mostMiB is how much memory an attack may cost, above what the server had.
	mostMiB = 48
	// spare is how many goroutines an attacking connection may cost, besides one
	// for each stream that the server allows it.
	spare = 50
	// left is what may remain when an attack is over: the free lists of the
	// runtime and of grpc-go's buffers.
	left = 8 << 20
	// minTraffic is the least number of RPCs of the honest client, before,
	// during and after.
	minTraffic = 20
)

// besieged says what server the process runs.
type besieged struct {
	TLS            bool
	MaxConnections int
}

// TestMain is also the server under attack: a process of its own, so that what
// it costs is its own.
func TestMain(m *testing.M) {
	asked := os.Getenv(asServer)
	if asked == "" {
		os.Exit(lane.Main(m, os.Stderr))
	}
	if err := beServer(asked, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// beServer serves until in ends. It says where, and then, for each line it
// reads, what it costs.
func beServer(asked string, in io.Reader, out io.Writer) error {
	var b besieged
	if err := json.Unmarshal([]byte(asked), &b); err != nil {
		return err
	}
	o := benchserver.Options{StaticWindow: 1 << 20, MaxConnections: b.MaxConnections, Counters: counters}
	if b.TLS {
		pair, err := certs.SelfSigned(certs.Options{Key: certs.P256, Days: 1})
		if err != nil {
			return err
		}
		certificate, err := tls.X509KeyPair(pair.CertPEM, pair.KeyPEM)
		if err != nil {
			return err
		}
		o.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	}
	s, err := benchserver.New(o)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	fmt.Fprintln(out, l.Addr())
	watch := watchCosts()
	lines, e := bufio.NewScanner(in), json.NewEncoder(out)
	for lines.Scan() {
		if err := e.Encode(watch.take()); err != nil {
			return err
		}
	}
	s.Stop(0)
	return <-served
}

// costs are the peaks of a process since they were last taken, and what it holds
// now, after a collection.
type costs struct {
	Memory, Goroutines         uint64
	HeldMemory, HeldGoroutines uint64
}

type watcher struct {
	mu   sync.Mutex
	peak costs
}

// watchCosts reads the process's costs every few milliseconds.
func watchCosts() *watcher {
	w := &watcher{}
	go func() {
		for range time.NewTicker(2 * time.Millisecond).C {
			w.read()
		}
	}()
	return w
}

func (w *watcher) read() (now costs) {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"},
		{Name: "/sched/goroutines:goroutines"}, {Name: "/memory/classes/heap/objects:bytes"},
	}
	metrics.Read(s)
	now = costs{Memory: s[0].Value.Uint64() - s[1].Value.Uint64(), Goroutines: s[2].Value.Uint64(), HeldMemory: s[3].Value.Uint64()}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.peak.Memory = max(w.peak.Memory, now.Memory)
	w.peak.Goroutines = max(w.peak.Goroutines, now.Goroutines)
	return now
}

func (w *watcher) take() costs {
	w.read()
	w.mu.Lock()
	peak := w.peak
	w.peak = costs{}
	w.mu.Unlock()
	runtime.GC()
	runtime.GC() // what the first took out of pools
	now := w.read()
	peak.HeldMemory, peak.HeldGoroutines = now.HeldMemory, now.Goroutines
	return peak
}

// fortress is a server process with an honest client.
type fortress struct {
	addr   string
	secure bool
	orders io.WriteCloser
	says   *bufio.Reader
	honest *grpc.ClientConn
	// hostile are the attackers' connections.
	hostile []net.Conn
}

func newFortress(t *testing.T, b besieged, env ...string) *fortress {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	asked, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(append(os.Environ(), asServer+"="+string(asked)), env...)
	cmd.Stderr = t.Output()
	orders, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := &fortress{secure: b.TLS, orders: orders, says: bufio.NewReader(out)}
	t.Cleanup(func() {
		_ = orders.Close() // ends it
		if err := cmd.Wait(); err != nil {
			t.Errorf("server process: %v", err)
		}
	})
	line, err := f.says.ReadString('\n')
	if err != nil {
		t.Fatalf("server process: %v", err)
	}
	f.addr = strings.TrimSpace(line)
	f.honest = f.client(t)
	return f
}

// client opens a channel of an honest client.
func (f *fortress) client(t *testing.T) *grpc.ClientConn {
	t.Helper()
	c := insecure.NewCredentials()
	if f.secure {
		c = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	return dial(t, f.addr, grpc.WithTransportCredentials(c), grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(8<<20)))
}

// costs asks the process what it has cost since it was last asked.
func (f *fortress) costs(t *testing.T) (c costs) {
	t.Helper()
	if _, err := fmt.Fprintln(f.orders); err != nil {
		t.Fatal(err)
	}
	line, err := f.says.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(line, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// snapshot is what the server counted.
func (f *fortress) snapshot(t *testing.T) *benchv1.SnapshotResponse {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	s, err := benchv1.NewControlClient(f.honest).Snapshot(ctx, &benchv1.SnapshotRequest{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serves fails unless the honest client is served n times.
func (f *fortress) serves(t *testing.T, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), longest)
	defer cancel()
	for i := range n {
		if err := foo(ctx, f.honest); err != nil {
			t.Fatalf("honest RPC %d of %d: %v", i+1, n, err)
		}
	}
}

// withstand runs an attack of as many connections and returns its peaks. It fails
// unless the honest client is served before, meanwhile and after, the costs stay
// within bounds, and all is given back once the attacker has gone.
func (f *fortress) withstand(t *testing.T, connections int, attack func()) (peak costs) {
	t.Helper()
	f.serves(t, minTraffic)
	before := f.costs(t)
	client := f.honestly(t)
	attack()
	await(t, "the honest client was served", func() bool { return client.served.Load() >= minTraffic })
	close(client.stop)
	slowest := <-client.slowest
	peak = f.costs(t)
	t.Logf("honest RPCs meanwhile: %d, slowest %v; goroutines %d above %d, memory %.1f MiB above %.1f MiB", client.served.Load(), slowest,
		int64(peak.Goroutines)-int64(before.HeldGoroutines), before.HeldGoroutines, mib(peak.Memory)-mib(before.Memory), mib(before.Memory))
	if limit := before.HeldGoroutines + uint64(connections*(maxConcurrentStreams+spare)); peak.Goroutines > limit {
		t.Errorf("%d goroutines, want %d at most", peak.Goroutines, limit)
	}
	if peak.Memory > before.Memory+mostMiB<<20 {
		t.Errorf("memory grew by %.1f MiB, want %.1f at most", mib(peak.Memory)-mib(before.Memory), float64(mostMiB))
	}
	for _, c := range f.hostile {
		_ = c.Close() // those that the server closed are closed
	}
	f.recovers(t, before)
	f.serves(t, minTraffic)
	return peak
}

func mib(bytes uint64) float64 { return float64(bytes) / (1 << 20) }

// honest is a client that calls, one RPC after the other, until stop.
type honest struct {
	served  atomic.Int64
	stop    chan struct{}
	slowest chan time.Duration
}

func (f *fortress) honestly(t *testing.T) *honest {
	h := &honest{stop: make(chan struct{}), slowest: make(chan time.Duration, 1)}
	go func() {
		var slowest time.Duration
		defer func() { h.slowest <- slowest }()
		for {
			ctx, cancel := context.WithTimeout(t.Context(), longest)
			began := time.Now()
			err := foo(ctx, f.honest)
			cancel()
			slowest = max(slowest, time.Since(began))
			if t.Context().Err() != nil { // the test has failed and is over
				return
			}
			if err != nil {
				t.Errorf("honest RPC %d during the attack: %v", h.served.Load()+1, err)
				return
			}
			h.served.Add(1)
			select {
			case <-h.stop:
				return
			default:
			}
		}
	}()
	return h
}

// recovers waits until the process holds no more than it did.
func (f *fortress) recovers(t *testing.T, before costs) {
	t.Helper()
	limit := time.Now().Add(longest)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		now := f.costs(t)
		if now.HeldGoroutines <= before.HeldGoroutines && now.HeldMemory <= before.HeldMemory+left {
			return
		}
		if time.Now().After(limit) {
			t.Errorf("%d goroutines and %.1f MiB are still held, before the attack it was %d and %.1f",
				now.HeldGoroutines, mib(now.HeldMemory), before.HeldGoroutines, mib(before.HeldMemory))
			return
		}
		<-tick.C
	}
}
