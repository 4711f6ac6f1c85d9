//go:build root

package faults

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// shell runs a command of the system and returns what it said.
func shell(t *testing.T, words ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), words[0], words[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v:\n%s", words, err, out)
	}
	return string(out)
}

// generator waits for the generator of b and returns its process.
func (b *bench) generator() (pid int) {
	b.t.Helper()
	until(b.t, "the generator", func() bool {
		pids := childrenOf(b.t, b.Process.Pid, runner.Generator)
		if len(pids) > 0 {
			pid = pids[0]
		}
		return len(pids) > 0
	})
	return pid
}

// wantRefused fails unless the run ended before any load with a sentence that says
// all the words.
func (b *bench) wantRefused(words ...string) {
	b.t.Helper()
	if code := b.end(late); code != failed || b.stdout.Len() > 0 {
		b.t.Errorf("exit code %d, stdout %q, want %d and nothing", code, &b.stdout, failed)
	}
	for _, word := range words {
		if !strings.Contains(b.stderr.String(), word) {
			b.t.Errorf("stderr %q: must say %q", &b.stderr, word)
		}
	}
	if stored, _ := filepath.Glob(filepath.Join(b.results, "2*")); len(stored) > 0 {
		b.t.Errorf("results %v, want none", stored)
	}
}

// TestMoreConnectionsThanDescriptorsAreRefused.
//
//	fault:   limit of {files} open files, 100 connections asked for
//	promise: refused before any load with the number that fits and what raises it; exit 1
//	figure:  0 RPCs and 0 connections
func TestMoreConnectionsThanDescriptorsAreRefused(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const files = 100
	s := serve(t, address(t))
	limit := fmt.Sprintf("--nofile=%d:%d", files, files)
	b := begin(t, []string{"prlimit", limit}, s.addr, "--tls", "off", "--connections", "100")
	b.wantRefused("--connections 100", "at most 36", "100 open files", "ulimit -n") // 64 are kept for the rest
	if c := s.stop(); c.Started != 0 || c.Connections != 0 {
		t.Errorf("the server counted %+v, want nothing", c)
	}
}

// TestDescriptorsThatRunOutAreNotTheServersFault: the limit is lowered below what
// the generator has open, so that it can open nothing when its server comes back.
//
//	fault:   no descriptor left when the server is started again
//	promise: these RPCs are CLIENT_LIMIT; the ledger is exact; INVALID
//	figure:  at least {minTraffic} RPCs before and after; 0 ok afterwards
func TestDescriptorsThatRunOutAreNotTheServersFault(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 3 * time.Second
	eachEngine(t, func(t *testing.T, engine string) {
		first := serve(t, address(t))
		b := openLoop(t, engine, first.addr, window)
		pid := strconv.Itoa(b.generator())
		first.await(rate / 2)
		shell(t, "prlimit", "--pid", pid, "--nofile=3:3")
		first.kill()
		second := serve(t, first.addr)
		code, r := b.result(window)
		wantLimited(t, code, onlyArm(t, r, window), second.stop(), 0)
	})
}

// TestAHandshakeWithoutADescriptorIsNotTheServersFault.
//
//	fault:   no descriptor left while connections are opened one after another
//	promise: these connections are of class CLIENT_LIMIT, each accounted for once; INVALID
//	figure:  some connections made before, and none afterwards
func TestAHandshakeWithoutADescriptorIsNotTheServersFault(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const planned = 300
	eachEngine(t, func(t *testing.T, engine string) {
		s := serve(t, address(t))
		b := beginVerb(t, nil, "handshake", s.addr, "--tls", "off", "--engine", engine, "--epochs", "1", "--handshakes", strconv.Itoa(planned), "--rate", "100")
		pid := strconv.Itoa(b.generator())
		s.await(rate / 10) // RPCs: some connections have been made
		shell(t, "prlimit", "--pid", pid, "--nofile=3:3")
		code := b.end(late)
		stored, err := filepath.Glob(filepath.Join(b.results, "2*", result.FileName))
		if err != nil || len(stored) != 1 {
			t.Fatalf("results %v, %v, want one:\n%s", stored, err, &b.stderr)
		}
		r, err := result.Read(b.results, stored[0])
		if err != nil {
			t.Fatal(err)
		}
		l := *r.Arms[0].Handshake.Ledger
		if l.Check() != nil || l.Planned != planned || l.OK() == 0 || l.Failed["CLIENT_LIMIT"] == 0 || l.Failed["CLIENT_LIMIT"] != l.Failures() || code != invalid {
			t.Errorf("exit code %d, %+v, want INVALID with CLIENT_LIMIT alone", code, l)
		}
		if c := s.stop(); int64(c.Connections) < l.OK() {
			t.Errorf("the server counted %+v, want at least %d connections", c, l.OK())
		}
	})
}

// wantLimited fails unless RPCs met a limit of the machine and the second server
// was reached by so many connections.
func wantLimited(t *testing.T, code int, a result.Arm, second counted, connections int64) {
	t.Helper()
	l := a.Ledger
	wantTraffic(t, "before", a.LedgerTotal.OK-second.OK)
	wantTraffic(t, "afterwards", l.Failed["CLIENT_LIMIT"])
	if second.Connections != connections {
		t.Errorf("the second server counted %+v, want %d connections", second, connections)
	}
	if l.Scheduled != l.OK+l.Failed["CLIENT_LIMIT"]+l.Failed["UNAVAILABLE"] || code != invalid {
		t.Errorf("exit code %d, ledger %+v, want INVALID and none but CLIENT_LIMIT and, while the server was gone, UNAVAILABLE", code, l)
	}
}

// netns is a network of its own, with a loopback, that lasts as long as the test.
type netns struct {
	t   *testing.T
	pid string // of the process that holds it
}

func newNetns(t *testing.T) netns {
	t.Helper()
	holder := exec.CommandContext(t.Context(), "unshare", "--net", "sh", "-c", "ip link set lo up && echo up && exec sleep infinity")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = holder.Process.Kill(); _ = holder.Wait() })
	up := make([]byte, 2)
	if _, err := out.Read(up); err != nil || string(up) != "up" {
		t.Fatalf("network namespace: %q, %v", up, err)
	}
	return netns{t, strconv.Itoa(holder.Process.Pid)}
}

// inside is what a command is put behind to run in the namespace.
func (n netns) inside() []string { return []string{"nsenter", "--net=/proc/" + n.pid + "/ns/net"} }

func (n netns) shell(words ...string) string {
	n.t.Helper()
	return shell(n.t, slices.Concat(n.inside(), words)...)
}

// ports sets which local ports connections get.
func (n netns) ports(low, high int) {
	n.t.Helper()
	n.shell("sh", "-c", fmt.Sprintf("echo %d %d > /proc/sys/net/ipv4/ip_local_port_range", low, high))
}

const nsAddress = "127.0.0.1:1337" // the namespace has every port

func (n netns) serve() *server {
	n.t.Helper()
	return start(n.t, n.inside(), "--tls", "off", "--listen", nsAddress)
}

// openLoop is openLoop in the namespace.
func (n netns) openLoop(window time.Duration, more ...string) *bench {
	n.t.Helper()
	return begin(n.t, n.inside(), append([]string{nsAddress, "--tls", "off", "--epochs", "1", "--warmup", "0s", "--arrival", "uniform",
		"--rate", strconv.Itoa(rate), "--window", window.String()}, more...)...)
}

// loaded waits until the generator of b has its connections and for the time that
// some traffic takes.
func (b *bench) loaded(connections int) (pid int) {
	b.t.Helper()
	pid = b.generator()
	until(b.t, "the connections", func() bool { return sockets(b.t, pid) >= connections })
	<-time.After(time.Second)
	return pid
}

// looks is how often a run of one epoch asks a target for what it has counted, each time on
// a connection of its own: before the preflight, after the window and at the end.
const looks = 3

// TestMoreConnectionsThanLocalPortsAreRefused.
//
//	fault:   {ports} local ports, 40 connections asked for
//	promise: refused before any load with the number that fits; exit 1
//	figure:  0 RPCs and 0 connections; 16 are taken
func TestMoreConnectionsThanLocalPortsAreRefused(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const ports, window = 20, 500 * time.Millisecond
	n := newNetns(t)
	n.ports(40000, 40000+ports-1)
	s := n.serve()
	b := n.openLoop(window, "--connections", "40")
	b.wantRefused("--connections 40", "at most 16", "20 local ports", "ip_local_port_range") // a fifth is left to others
	b = n.openLoop(window, "--connections", "16")
	_, r := b.result(window)
	a, c := onlyArm(t, r, window), s.stop()
	if a.Ledger.Lost() != 0 || c.OK != a.LedgerTotal.OK || c.Connections != 16+looks || a.Observed.Connections != 16 {
		t.Errorf("ledger %+v, the server counted %+v, want all ok on 16 connections", a.LedgerTotal, c)
	}
}

// TestLocalPortsThatRunOutAreNotTheServersFault: when the server comes back there
// are {left} ports for 4 connections.
//
//	fault:   {left} local ports for 4 connections when the server is started again
//	promise: RPCs without a connection are CLIENT_LIMIT; the others succeed; the ledger is exact
//	figure:  at least {minTraffic} RPCs before and after
func TestLocalPortsThatRunOutAreNotTheServersFault(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window, left = 4 * time.Second, 2
	eachEngine(t, func(t *testing.T, engine string) {
		n := newNetns(t)
		first := n.serve()
		b := n.openLoop(window, "--engine", engine)
		b.loaded(4)
		n.ports(40000, 40000+left-1)
		first.kill()
		second := n.serve()
		code, r := b.result(window)
		a, c := onlyArm(t, r, window), second.stop()
		wantTraffic(t, "after", c.OK)
		wantLimited(t, code, a, c, left)
	})
}

// nft filters what comes in to the server, or from it, and counts what it drops.
func (n netns) nft(rules ...string) {
	n.t.Helper()
	text := "table inet faults {\n chain input {\n type filter hook input priority 0;\n " + strings.Join(rules, "\n ") + "\n }\n}\n"
	path := filepath.Join(n.t.TempDir(), "rules.nft")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
	n.shell("nft", "-f", path)
}

// dropped is how many packets the rules have dropped.
func (n netns) dropped() (packets int64) {
	n.t.Helper()
	counters := regexp.MustCompile(`counter packets (\d+) `).FindAllStringSubmatch(n.shell("nft", "list", "ruleset"), -1)
	for _, c := range counters {
		some, err := strconv.ParseInt(c[1], 10, 64)
		if err != nil {
			n.t.Fatal(err)
		}
		packets += some
	}
	return packets
}

// TestLostPacketsDelayAndLoseNoRPC.
//
//	fault:   15 % of all packets lost each way
//	promise: every RPC ends well; the delay is in the latency
//	figure:  at least {minDropped} packets lost; 0 RPCs lost; max ≥ 200 ms
func TestLostPacketsDelayAndLoseNoRPC(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window, minDropped = 4 * time.Second, 20
	eachEngine(t, func(t *testing.T, engine string) {
		n := newNetns(t)
		s := n.serve()
		b := n.openLoop(window, "--engine", engine, "--drain", "30s")
		b.loaded(4)
		n.nft("tcp dport 1337 numgen random mod 100 < 15 counter drop", "tcp sport 1337 numgen random mod 100 < 15 counter drop")
		_, r := b.result(window + 30*time.Second)
		if d := n.dropped(); d < minDropped {
			t.Fatalf("void: %d packets lost, want at least %d", d, minDropped)
		}
		n.shell("nft", "flush", "ruleset")
		a, c := onlyArm(t, r, window), s.stop()
		if l := a.LedgerTotal; l.Lost() != 0 || c.OK != l.OK {
			t.Errorf("ledger %+v, the server counted %+v, want all ok", l, c)
		}
		// TCP sends again after 200 ms at the earliest (RTO_MIN), unless what follows
		// shows the loss before. Of 5 % that happens to every loss in one run of some
		// twenty; of 15 % whole retransmissions are lost, which nothing shows.
		if q := a.Latency.Max; q == nil {
			t.Error("no latency")
		} else if *q < 200e6 {
			t.Errorf("latency max %.1f ms, want a retransmission's 200", float64(*q)/1e6)
		}
	})
}

// TestAServerBehindADropOfSYNsIsNamedBeforeAnyLoad.
//
//	fault:   every SYN to the server dropped, before the run and while it reconnects
//	promise: refused in the preflight; in the run a bounded end, the ledger exact
//	figure:  0 RPCs; at least {minTraffic} before the fault, 0 ok after it
func TestAServerBehindADropOfSYNsIsNamedBeforeAnyLoad(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const window = 3 * time.Second
	eachEngine(t, func(t *testing.T, engine string) {
		drop := "tcp dport 1337 tcp flags & (syn|ack) == syn counter drop"
		n := newNetns(t)
		s := n.serve()
		n.nft(drop)
		b := n.openLoop(window, "--engine", engine)
		b.wantRefused("within 5s")
		n.shell("nft", "flush", "ruleset")

		b = n.openLoop(window, "--engine", engine, "--drain", "1s")
		b.loaded(4)
		n.nft(drop)
		if c := s.stop(); c.OK < minTraffic {
			t.Fatalf("void: the server counted %+v before the fault", c)
		}
		second := n.serve()
		code, r := b.result(window + time.Second)
		if n.dropped() < 4 {
			t.Fatalf("void: %d SYNs dropped", n.dropped())
		}
		l, c := onlyArm(t, r, window).Ledger, second.stop()
		if code != invalid || c.Connections != 0 || l.Scheduled != l.OK+l.Failures()+l.Abandoned {
			t.Errorf("exit code %d, ledger %+v, the second server counted %+v, want INVALID and no connection", code, l, c)
		}
		t.Logf("ledger %+v", l)
	})
}

// TestAConnectionStormStands.
//
//	fault:   {connections} TLS connections
//	promise: all stand, each with a local port of its own; no RPC fails
//	figure:  {connections} handshakes, 0 failures, memory ≤ 256 MiB
func TestAConnectionStormStands(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const connections = 500
	eachEngine(t, func(t *testing.T, engine string) {
		dir := t.TempDir()
		shell(t, program, "certs", "--dir", dir)
		cert := filepath.Join(dir, "server.crt")
		s := start(t, nil, "--listen", address(t), "--cert", cert, "--key-file", filepath.Join(dir, "server.key"))
		b := begin(t, nil, s.addr, "--engine", engine, "--cacert", cert, "--connections", strconv.Itoa(connections), "--epochs", "1",
			"--rate", "1000", "--arrival", "uniform", "--warmup", "0s", "--window", "2s")
		_, r := b.result(time.Minute)
		a, c := r.Arms[0], s.stop()
		if l := a.LedgerTotal; l.Scheduled != 2001 || l.Lost() != 0 || c.OK != l.OK || len(c.Failed) > 0 {
			t.Errorf("ledger %+v, the server counted %+v, want 2001 ok", l, c)
		}
		if h := a.Handshake.Full; h.Count != connections || a.Observed.Connections != connections || a.Observed.Reconnects != 0 || c.Connections != connections+looks {
			t.Errorf("%d handshakes, %d local ports, %d reconnects, %d connections at the server, want %d, there %d more, and no reconnect",
				h.Count, a.Observed.Connections, a.Observed.Reconnects, c.Connections, connections, looks)
		}
		if rss := a.Epochs[0].Generator.RSSBytes; rss == nil || *rss > 256<<20 {
			t.Errorf("generator's memory %v bytes", rss)
		} else {
			t.Logf("generator's memory %d MiB", *rss>>20)
		}
	})
}

// cgroup makes a memory cgroup with a limit and returns the words that put a
// command into it, and what its memory was at most.
func cgroup(t *testing.T, limit int64) (under []string, peak func() int64) {
	t.Helper()
	name := fmt.Sprintf("grpc-bench-%d", os.Getpid())
	dir, most, highest := filepath.Join("/sys/fs/cgroup/memory", name), "memory.limit_in_bytes", "memory.max_usage_in_bytes"
	if _, err := os.Stat("/sys/fs/cgroup/memory"); err != nil { // version 2
		dir, most, highest = filepath.Join("/sys/fs/cgroup", name), "memory.max", "memory.peak"
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		until(t, "the cgroup to be empty", func() bool { return os.Remove(dir) == nil })
	})
	if err := os.WriteFile(filepath.Join(dir, most), []byte(strconv.FormatInt(limit, 10)), 0o600); err != nil {
		t.Fatal(err)
	}
	peak = func() int64 {
		text, err := os.ReadFile(filepath.Join(dir, highest))
		if err != nil {
			t.Fatal(err)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	return []string{"sh", "-c", "echo $$ > " + dir + "/cgroup.procs && exec \"$@\"", "sh"}, peak
}

// TestARunFitsInto256MiB.
//
//	fault:   a memory cgroup of 256 MiB, 100 connections, 1 KiB payloads, a closed loop
//	promise: the run is finished and nothing is lost
//	figure:  peak below 256 MiB; at least 1000 RPCs
func TestARunFitsInto256MiB(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	const limit, window = 256 << 20, 10 * time.Second
	under, peak := cgroup(t, limit)
	s := serve(t, address(t))
	b := begin(t, under, s.addr, "--tls", "off", "--connections", "100", "--concurrency", "200", "--loop", "closed", "--payload", "1KiB:json",
		"--epochs", "1", "--warmup", "0s", "--window", window.String())
	_, r := b.result(window)
	l, c := r.Arms[0].LedgerTotal, s.stop()
	if l.OK < 1000 || l.Lost() != 0 || c.OK != l.OK {
		t.Errorf("ledger %+v, the server counted %+v, want all ok, at least 1000", l, c)
	}
	if p := peak(); p >= limit {
		t.Errorf("peak %d bytes, want it below the limit: it was reclaimed all the time", p)
	} else {
		t.Logf("peak %d MiB", p>>20)
	}
}
