package wire

import (
	"slices"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/code"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// An RPC waits if as many as the server allows are in flight on its connection, whatever
// the server has allowed before, and on other connections.
func TestAWaitForAStreamIsTold(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	limit := func(n uint32) []byte {
		return c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: n})
	}
	c.must(t, limit(2))
	c.start(0, 3) // the last waits
	c.must(t, limit(3))
	c.start(10, 1) // three are in flight
	c.must(t, limit(0))
	c.must(t, c.ok(1))
	c.must(t, c.ok(3))
	c.must(t, c.ok(5))
	c.start(20, 1) // none is in flight, and none is allowed
	c.must(t, limit(100))
	c.start(30, 1)
	for id := uint32(7); id <= 11; id += 2 {
		c.must(t, c.ok(id))
	}
	want := map[int64]bool{0: false, 1: false, 2: true, 10: true, 20: true, 30: false}
	for seq, waits := range want {
		if c.told.codes[seq] != load.OK || c.told.waited[seq] != waits {
			t.Errorf("RPC %d: %q, waited %t, want %t", seq, c.told.codes[seq], c.told.waited[seq], waits)
		}
	}
	if got := c.Settings(); len(got) != 1 || got[h2code.SettingMaxConcurrentStreams] != 100 {
		t.Errorf("settings %v, want the latest", got)
	}
}

// An RPC that is made again after it was refused has begun before.
func TestARepetitionIsNoWait(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	c.start(0, 2)
	c.must(t, c.wrote(c.WriteRSTStream(1, http2.ErrCodeRefusedStream)))
	c.must(t, c.ok(3))
	c.must(t, c.ok(5))
	if c.told.waited[0] || !c.told.waited[1] {
		t.Errorf("waited %v, want the second alone", c.told.waited)
	}
}

// An RPC that waited for a stream of a connection that the server ends is made on the next
// one, and not again if it is refused there: grpc-go takes the end of the wait for a refusal.
func TestAWaitThatTheServerEndsIsTheOneRepetition(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	c.start(0, 2)
	c.Channel.dialing = true
	c.must(t, c.goAway(1))
	c.must(t, c.ok(1))
	c.connect()
	c.must(t, c.settings())
	c.must(t, c.wrote(c.WriteRSTStream(1, http2.ErrCodeRefusedStream)))
	if got, want := c.told.ends[1], (load.End{Code: code.Unavailable, Cause: cause.RSTStream(h2code.RefusedStream)}); got != want {
		t.Errorf("RPC 1 ended %v, want %v", got, want)
	}
	if want := (channel.GoAways{{Code: "NO_ERROR", Connections: 1, Counted: 1, RPCs: 1}}); !slices.Equal(c.GoAways(), want) {
		t.Errorf("GOAWAYs %v, want %v", c.GoAways(), want)
	}
}
