package wire

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
	"grpcbench/internal/load"
)

// recorded is the answer to the recorded RPCs: 300 bytes in field 1. The C core
// compresses only what becomes shorter.
func recorded() string { return "\x0a\xac\x02" + strings.Repeat("a", 300) }

// recordings are what servers have sent, whole connections of three RPCs each, by name.
// capture_test.go makes them.
func recordings(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/recorded/*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recordings: %v", err)
	}
	all := map[string][]byte{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[filepath.Base(file)] = b
	}
	return all
}

// TestWhatServersSendIsUnderstood: recordings of grpc-go and of the C core, cut at
// every byte.
func TestWhatServersSendIsUnderstood(t *testing.T) {
	want := map[string]string{"ok": load.OK, "gzip": load.OK, "error": code.Unimplemented}
	for name, b := range recordings(t) {
		whole := play(t, b, len(b))
		for seq := range int64(3) {
			if got := whole.codes[seq]; got != want[name[strings.LastIndex(name, "-")+1:]] {
				t.Errorf("%s: RPC %d: %q", name, seq, got)
			}
		}
		for at := range b {
			if pieces := play(t, b, at, len(b)); !same(whole, pieces) {
				t.Errorf("%s cut at %d: %+v, whole: %+v", name, at, pieces, whole)
			}
		}
	}
}

// fate is what became of a connection.
type fate struct {
	codes map[int64]string
	wrote []byte
	cause string // why it ended; "": it did not
}

// play hands a connection with three RPCs bytes in pieces of the given lengths, the
// last of them over and over, begins one more RPC, and ends the channel.
func play(t testing.TB, b []byte, lengths ...int) fate {
	t.Helper()
	c := newClient(t, Request{Length: len(recorded()), Accept: "gzip", Check: is(recorded())})
	c.start(0, 3)
	c.Channel.dialing = true // the test is no server to reconnect to
	c.frames(t)
	f := fate{codes: c.told.codes}
	var have []byte
	for len(b) > 0 && f.cause == "" {
		n := min(max(1, lengths[0]), len(b))
		if len(lengths) > 1 {
			lengths = lengths[1:]
		}
		have = append(have, b[:n]...)
		b = b[n:]
		used, err := c.received(c.conn, have)
		if err != nil {
			f.cause = err.Error()
			c.lost(c.conn, err)
		}
		have = have[used:]
	}
	c.start(3, 1)
	bounded(t, c)
	f.wrote = bytes.Clone(c.out.bytes.Bytes())
	_ = c.Close()
	for seq := range int64(4) {
		if c.told.codes[seq] == "" {
			t.Errorf("RPC %d has not ended: %v", seq, c.told.codes)
		}
	}
	return f
}

// bounded holds a connection to what a server may make it keep.
func bounded(t testing.TB, c *client) {
	t.Helper()
	if n := len(c.conn.block); n > maxHeaderList {
		t.Errorf("%d bytes of a header block are kept", n)
	}
	if n := len(c.conn.headers.known); n > maxKnown {
		t.Errorf("%d header blocks are remembered", n)
	}
	if n := len(c.conn.blocked) + len(c.conn.waiting) + len(c.queue); n > 12 {
		t.Errorf("%d RPCs wait, of 4", n)
	}
	c.conn.streams.all(func(s *stream) {
		if n := len(s.response.kept); n > c.options.Request.keep() {
			t.Errorf("%d bytes of a response are kept", n)
		}
	})
}

// FuzzConn hands a connection with three RPCs any bytes, whole and in pieces: each RPC
// ends once, the same way, and the client writes the same.
func FuzzConn(f *testing.F) {
	for _, b := range recordings(f) {
		f.Add(b, uint(9))
	}
	for _, m := range misdeeds() {
		if b := m.frames(newServer()); len(b) < 1000 {
			f.Add(b, uint(9))
		}
	}
	for _, r := range responses() {
		if b := r.frames(newServer(), 1); len(b) < 1000 {
			f.Add(b, uint(5))
		}
	}
	s := newServer()
	f.Add(slices.Concat(s.opening(1), s.goAway(1), s.wrote(s.WriteRSTStream(5, http2.ErrCodeRefusedStream))), uint(3))
	f.Fuzz(func(t *testing.T, b []byte, cut uint) {
		whole := play(t, b, len(b))
		if n := len(whole.wrote); n > 8*len(b)+1000 {
			t.Errorf("%d bytes written for %d", n, len(b))
		}
		for _, lengths := range [][]int{{int(cut % uint(len(b)+1)), len(b)}, {int(cut%64) + 1}} {
			if pieces := play(t, b, lengths...); !same(whole, pieces) {
				t.Errorf("in pieces of %d: %+v, whole: %+v", lengths, pieces, whole)
			}
		}
	})
}

func same(a, b fate) bool {
	for seq := range int64(4) {
		if a.codes[seq] != b.codes[seq] {
			return false
		}
	}
	return a.cause == b.cause && bytes.Equal(a.wrote, b.wrote)
}

// FuzzStatus: any status, content type and message, in one header block: the RPC ends
// with one of gRPC's codes, never OK, as there is no message, and the next is served.
func FuzzStatus(f *testing.F) {
	f.Add("200", grpcType, "0", "")
	f.Add("200", grpcType, "14", "a%20b%zz%c3")
	f.Add("200", grpcType, "5", "no%20such")
	f.Add("503", "text/html", "", "<html>")
	f.Add("-1", "Application/GRPC+", "-0", "%")
	f.Add("199", grpcType, "99", "")
	f.Fuzz(func(t *testing.T, status, contentType, grpcStatus, message string) {
		if len(status)+len(contentType)+len(grpcStatus)+len(message) > 8000 {
			return
		}
		c := newClient(t, Request{Length: 0})
		c.start(0, 2)
		c.must(t, c.server.headers(1, true, ":status", status, "content-type", contentType, "grpc-status", grpcStatus, "grpc-message", message))
		got := c.told.codes[0]
		if got == "" || got == load.OK || len(got) > len(code.DeadlineExceeded)+3 {
			t.Errorf("outcome %q", got)
		}
		said := c.Channel.words.decoded().Said
		want, err := url.PathUnescape(message)
		if c.told.ends[0].Cause != cause.Status {
			want, err = "", nil // a status is not what ended it
		}
		if err == nil && said != want || len(said) > len(message) {
			t.Errorf("%q was made of %q", said, message)
		}
		c.must(t, c.ok(3))
		if c.told.codes[1] != load.OK {
			t.Errorf("the next RPC: %q", c.told.codes[1])
		}
	})
}
