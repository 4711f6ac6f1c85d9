package wire

import (
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/channel"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// A new connection takes over when its SETTINGS have come, not before; RPCs on the old
// one end there, and with the last of them it says good-bye and is closed.
func TestANewConnectionTakesOverAndTheOldOneEndsItsRPCs(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.start(0, 2)
	old, oldOut, oldServer := c.conn, c.out, c.server
	c.connect() // SETTINGS are to come
	c.start(2, 1)
	c.must(t, c.settings())
	c.start(3, 1)
	if old.streams.open != 3 || c.conn.streams.open != 1 || oldOut.closed {
		t.Fatalf("%d RPCs on the old connection and %d on the new one, closed %t, want 3, 1 and false",
			old.streams.open, c.conn.streams.open, oldOut.closed)
	}
	for id := uint32(1); id <= 5; id += 2 {
		if oldOut.closed {
			t.Errorf("closed before stream %d was answered", id)
		}
		if _, err := c.received(old, oldServer.ok(id)); err != nil {
			t.Fatal(err)
		}
	}
	c.must(t, c.ok(1))
	for seq := range int64(4) {
		if got := c.told.codes[seq]; got != load.OK {
			t.Errorf("RPC %d: %q, want OK", seq, got)
		}
	}
	newOut := c.out
	c.out = oldOut
	sent := c.frames(t)
	if last := sent[len(sent)-1]; !oldOut.closed || last.Type != http2.FrameGoAway || last.payload[7] != h2code.NoError {
		t.Errorf("closed %t, the last frame was %v, want a GOAWAY without an error", oldOut.closed, last)
	}
	if attempts, _ := c.Attempts(); newOut.closed || c.Drained() != 1 || c.MostRPCs() != 3 || c.Reconnects() != 0 || attempts != 4 {
		t.Errorf("drained %d, at most %d RPCs, %d reconnects, %d attempts, want 1, 3, 0 and 4", c.Drained(), c.MostRPCs(), c.Reconnects(), attempts)
	}
}

// RPCs that waited for a stream of the old connection are begun on the new one.
func TestWhatWaitsForAStreamMovesToTheNewConnection(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	c.must(t, c.settings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1}))
	c.start(0, 3)
	old := c.conn
	c.connect()
	c.must(t, c.settings())
	if old.streams.open != 1 || len(old.waiting) != 0 || c.conn.streams.open != 2 {
		t.Errorf("%d RPCs on the old connection, %d wait there, %d on the new one, want 1, 0 and 2", old.streams.open, len(old.waiting), c.conn.streams.open)
	}
}

// A connection that may have 3 RPCs, and begins as if it had had one, has 2. The third
// waits, and is the first of 3 on the next.
func TestAConnectionHasNoMoreRPCsThanItsLimit(t *testing.T) {
	c := newClient(t, Request{Length: 0})
	begun := 0
	c.Channel.options.Limit = channel.Limit{RPCs: 3, Begin: func() func(channel.Connection, error) {
		begun++
		return func(channel.Connection, error) {}
	}}
	c.conn.had = 1
	c.Channel.dialing = true // the test connects
	c.start(0, 5)
	old := c.conn
	if old.streams.open != 2 || len(c.Channel.queue) != 3 {
		t.Fatalf("%d RPCs on the connection, %d wait, want 2 and 3", old.streams.open, len(c.Channel.queue))
	}
	c.connect()
	c.must(t, c.settings())
	if c.conn.streams.open != 3 || len(c.Channel.queue) != 0 || c.Channel.current != nil || begun != 1 {
		t.Errorf("%d RPCs on the next connection, %d wait, %d replacements begun, want 3, 0 and 1: it is full too",
			c.conn.streams.open, len(c.Channel.queue), begun)
	}
	if c.MostRPCs() != 3 {
		t.Errorf("%d RPCs at most, want 3", c.MostRPCs())
	}
}
