package channel_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/channel"
	serverpb "grpcbench/proto"
)

// grpc-go takes the end of a wait for a stream for the one refusal after which an RPC is
// made again. TestAWaitThatTheServerEndsIsTheOneRepetition of package wire plays the same to
// the other engine, which does likewise.
func TestAWaitThatTheServerEndsIsTheOneRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var peers sync.WaitGroup
		requests := make(chan request, 2)
		n := 0
		c, err := channel.Open(t.Context(), channel.Options{Address: "127.0.0.1:1", Dialer: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			n++
			limited := n == 1
			peers.Go(func() { listen(theirs, limited, requests) })
			return ours, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		ends := make([]codes.Code, 2)
		var calls sync.WaitGroup
		var waited []bool
		begin := func(i int) {
			streams, waits := c.Enter()
			waited = append(waited, waits)
			calls.Go(func() {
				defer streams.Leave()
				_, err := serverpb.NewServerClient(c).Foo(t.Context(), &serverpb.Empty{})
				ends[i] = status.Code(err)
			})
		}
		begin(0)
		first := <-requests
		begin(1)
		synctest.Wait() // it waits for a stream
		first.write(func(w *http2.Framer) { _ = w.WriteGoAway(first.stream, http2.ErrCodeNo, nil) })
		first.write(func(w *http2.Framer) { answer(w, first.stream) })
		moved := <-requests
		moved.write(func(w *http2.Framer) { _ = w.WriteRSTStream(moved.stream, http2.ErrCodeRefusedStream) })
		calls.Wait()
		if n != 2 || waited[0] || !waited[1] || ends[0] != codes.OK || ends[1] != codes.Unavailable {
			t.Errorf("%d connections, waited %v, ended %v; want 2, the second RPC, and OK and Unavailable", n, waited, ends)
		}
		_ = c.Close()
		peers.Wait()
	})
}

// request is a stream whose request is whole.
type request struct {
	stream uint32
	write  func(func(*http2.Framer)) // one at a time
}

// listen is a server that says of requests that they are there. It allows one stream, if
// it is to.
func listen(conn net.Conn, limited bool, requests chan<- request) {
	defer conn.Close()
	_, _ = io.ReadFull(conn, make([]byte, len(http2.ClientPreface))) // ReadFrame fails then
	w := http2.NewFramer(conn, conn)
	out := make(chan func(*http2.Framer), 16) // a pipe has no room: reading goes on while it is written
	defer close(out)
	go func() {
		for f := range out {
			f(w)
		}
	}()
	write := func(f func(*http2.Framer)) { out <- f }
	write(func(w *http2.Framer) {
		if limited {
			_ = w.WriteSettings(http2.Setting{ID: http2.SettingMaxConcurrentStreams, Val: 1})
			return
		}
		_ = w.WriteSettings()
	})
	for {
		f, err := w.ReadFrame()
		if err != nil {
			return
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				write(func(w *http2.Framer) { _ = w.WriteSettingsAck() })
			}
		case *http2.DataFrame:
			if f.StreamEnded() {
				requests <- request{f.StreamID, write}
			}
		}
	}
}

// answer answers an RPC whose response is empty.
func answer(w *http2.Framer, stream uint32) {
	var block bytes.Buffer
	e := hpack.NewEncoder(&block)
	header := func(end bool, pairs ...hpack.HeaderField) {
		block.Reset()
		for _, f := range pairs {
			f.Sensitive = true // in no table
			_ = e.WriteField(f)
		}
		_ = w.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, EndHeaders: true, EndStream: end, BlockFragment: block.Bytes()})
	}
	header(false, hpack.HeaderField{Name: ":status", Value: "200"}, hpack.HeaderField{Name: "content-type", Value: "application/grpc"})
	_ = w.WriteData(stream, false, make([]byte, 5))
	header(true, hpack.HeaderField{Name: "grpc-status", Value: "0"})
}
