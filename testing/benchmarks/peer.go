package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"time"

	"grpcbench/internal/plan"
)

// endpoint is where all peers of one comparison call Foo.
type endpoint struct {
	address string
	ca      string // PEM file of its authority; "": plaintext
}

// peer is a program that calls Foo for roundLength as fast as it can, on as many
// connections and with as many calls in flight as all others.
type peer struct {
	name string
	// most and least are what is promised of the wire engine beside it: a ratio of
	// CPU per RPC, a ratio of RPC/s; 0: nothing.
	most, least float64
	command     func(endpoint) *exec.Cmd
	read        func(stdout []byte) (tally, error)
}

// sample is what one process did. Its CPU is the kernel's account of it, from its
// start to its end.
type sample struct {
	tally
	user, system time.Duration
}

func (s sample) cpu() float64  { return float64(s.user+s.system) / float64(s.Calls) } // ns per RPC
func (s sample) rate() float64 { return float64(s.Calls) / roundLength.Seconds() }
func (s sample) busy() float64 { return float64(s.user+s.system) / float64(roundLength) }

// measure runs a peer once.
func (p peer) measure(at endpoint) (sample, error) { return measure(p.command(at), p.read) }

func measure(cmd *exec.Cmd, read func([]byte) (tally, error)) (sample, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	if err := cmd.Run(); err != nil {
		return sample{}, fmt.Errorf("%s: %w: %s", cmd.Args, err, &out)
	}
	t, err := read(out.Bytes())
	if err == nil && t.Calls == 0 {
		err = errors.New("no calls")
	}
	if err != nil {
		return sample{}, fmt.Errorf("%s: %w: %s", cmd.Args, err, &out)
	}
	return sample{t, cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()}, nil
}

// ours is a peer that is this program.
func ours(by string, most float64) peer {
	return peer{name: by, most: most, read: readTally, command: func(at endpoint) *exec.Cmd { return fooClient(by, at).command() }}
}

func (c client) command() *exec.Cmd { return pinned(clientCPU, c.args()...) }

func readTally(stdout []byte) (t tally, err error) {
	err = json.Unmarshal(stdout, &t)
	return t, err
}

// wireEngine is what the others are compared with.
func wireEngine() peer { return ours(plan.Wire, 0) }

// h2load calls without gRPC: it sends what a client would and takes any 200 for a
// success. body is a file that holds an empty message with its prefix.
func h2load(body string, most, least float64) peer {
	return peer{name: "h2load", most: most, least: least,
		command: func(at endpoint) *exec.Cmd {
			scheme := "http://"
			if at.ca != "" {
				scheme = "https://"
			}
			return onCPU(clientCPU, "h2load", "-t", "1", "-c", strconv.Itoa(connections), "-m", strconv.Itoa(concurrency/connections),
				"-D", strconv.FormatFloat(roundLength.Seconds(), 'f', -1, 64), "-d", body,
				"-H", "content-type: application/grpc", "-H", "te: trailers", scheme+at.address+foo)
		},
		read: reader(`(\d+) succeeded, 0 failed, 0 errored, 0 timeout`),
	}
}

// ghz is told the service by its definition.
func ghz(proto string, most float64) peer {
	return peer{name: "ghz", most: most,
		command: func(at endpoint) *exec.Cmd {
			security := []string{"--insecure"}
			if at.ca != "" {
				security = []string{"--cacert", at.ca}
			}
			return onCPU(clientCPU, "ghz", append(security, "--proto", proto, "--call", "Server.Foo", "--data", "{}",
				"--connections", strconv.Itoa(connections), "--concurrency", strconv.Itoa(concurrency),
				"--duration", roundLength.String(), at.address)...)
		},
		read: reader(`\[OK\]\s+(\d+) responses`), // those cut off at the end are not OK
	}
}

// reader finds the number of calls in what a program prints.
func reader(pattern string) func([]byte) (tally, error) {
	calls := regexp.MustCompile(pattern)
	return func(stdout []byte) (t tally, err error) {
		found := calls.FindSubmatch(stdout)
		if found == nil {
			return t, fmt.Errorf("output without %q", pattern)
		}
		t.Calls, err = strconv.ParseInt(string(found[1]), 10, 64)
		return t, err
	}
}
