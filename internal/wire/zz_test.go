package wire

import (
	"context"
	"crypto/tls"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"grpcbench/internal/load"
)

func TestZZ(t *testing.T) {
	addr := os.Getenv("ADDR")
	if addr == "" {
		return
	}
	per := 16
	if s := os.Getenv("PER"); s != "" {
		per, _ = strconv.Atoi(s)
	}
	o := Options{Address: addr, Request: Request{Path: "/Server/Foo", Length: 0}}
	if os.Getenv("TLS") != "" {
		o.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}
	}
	var chans []*Channel
	for range 4 {
		c, err := Open(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		chans = append(chans, c)
	}
	var a, b syscall.Rusage
	l := load.ClosedLoop{Concurrency: 4 * per, Connections: 4, Clock: load.SleepClock{Start: time.Now()}, Phases: load.Phases{Warmup: time.Second / 2, Window: 2 * time.Second},
		Drain: time.Second, DrainStopped: time.Second, Edges: load.Edges{Open: func() { syscall.Getrusage(0, &a) }, Close: func() { syscall.Getrusage(0, &b) }}}
	out, err := l.Run(t.Context(), Engine{Channels: chans})
	if err != nil {
		t.Fatal(err)
	}
	n := out.Window.OK
	cpu := time.Duration(b.Utime.Nano() + b.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano())
	usr := time.Duration(b.Utime.Nano() - a.Utime.Nano())
	t.Logf("%+v rps %.0f cpu/rpc %v user %v", out.Window, float64(n)/2, cpu/time.Duration(max(n, 1)), usr/time.Duration(max(n, 1)))
}
