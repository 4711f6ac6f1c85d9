package benchserver_test

import (
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/codec"
	"grpcbench/internal/payload"
	benchv1 "grpcbench/proto/bench/v1"
)

func TestOptionsThatCannotBeObeyedAreRefused(t *testing.T) {
	certified := tls.Config{Certificates: []tls.Certificate{{}}}
	old := certified.Clone()
	old.MinVersion = tls.VersionTLS11
	tests := []struct {
		options benchserver.Options
		want    string
	}{
		{benchserver.Options{StaticWindow: 65535}, "static window 65535: must be 0 or in [65536, 2147483647]"},
		{benchserver.Options{StaticWindow: math.MinInt32}, "static window -2147483648: must be 0 or in [65536, 2147483647]"},
		{benchserver.Options{MaxConnections: -1}, "max connections -1: must be >= 0"},
		{benchserver.Options{TLS: &tls.Config{}}, "tls config: must have a certificate"},
		{benchserver.Options{TLS: old}, "tls minimum version TLS 1.1: must be TLS 1.2 or above"},
	}
	for _, tt := range tests {
		if _, err := benchserver.New(tt.options); err == nil || err.Error() != tt.want {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
	_, err := benchserver.New(benchserver.Options{StaticWindow: 1, MaxConnections: -1})
	if err == nil || strings.Count(err.Error(), "must be") != 2 {
		t.Errorf("got %v, want both mistakes", err)
	}
}

func TestTheLargestBodyFitsEvenWhenCompressionMakesItLarger(t *testing.T) {
	body, err := payload.Body(payload.Random, benchserver.MaxBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"identity", codec.Gzip, codec.Deflate, codec.Zstd} {
		got, _, err := echo(t, &benchv1.EchoRequest{Body: body}, grpc.UseCompressor(name))
		if err != nil || len(got.GetBody()) != len(body) {
			t.Errorf("%s: %d bytes, %v", name, len(got.GetBody()), err)
		}
	}
	_, _, err = echo(t, &benchv1.EchoRequest{Body: append(body, make([]byte, 4096)...)})
	wantCode(t, err, codes.ResourceExhausted)
}

func TestHeadersAboveTheLimitAreRefused(t *testing.T) {
	_, addr := start(t, benchserver.Options{})
	conn := dial(t, addr)
	send := func(size int) error {
		return foo(metadata.AppendToOutgoingContext(t.Context(), "x-bench-0", strings.Repeat("x", size)), conn)
	}
	if err := send(benchserver.MaxHeaderList - 1024); err != nil {
		t.Error(err)
	}
	if err := send(benchserver.MaxHeaderList); err == nil {
		t.Error("a header list above the limit was accepted")
	}
}

func TestConnectionsAboveTheLimitAreClosedAndCounted(t *testing.T) {
	s, addr := start(t, benchserver.Options{MaxConnections: 2})
	for range 2 {
		if err := foo(t.Context(), dial(t, addr)); err != nil {
			t.Fatal(err)
		}
	}
	third, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if n, err := third.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d bytes, %v from a refused connection", n, err)
	}
	c := s.Snapshot().GetConnections()
	if c.GetAccepted() != 2 || c.GetOpen() != 2 || c.GetRefused() != 1 {
		t.Errorf("accepted %d, open %d, refused %d, want 2, 2, 1", c.GetAccepted(), c.GetOpen(), c.GetRefused())
	}
}

func TestAClosedConnectionMakesRoomForAnother(t *testing.T) {
	s, addr := start(t, benchserver.Options{MaxConnections: 1})
	first, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	// HTTP/2's preface is missing: the server answers with its SETTINGS and,
	// after bytes that are none, closes.
	if _, err := io.WriteString(first, strings.Repeat("x", 64)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, first); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	if err := foo(t.Context(), dial(t, addr, grpc.WithDefaultCallOptions(grpc.WaitForReady(true)))); err != nil {
		t.Error(err)
	}
	if c := s.Snapshot().GetConnections(); c.GetOpen() != 1 {
		t.Errorf("open %d, want 1", c.GetOpen())
	}
}

func TestServeAfterStopClosesItsListener(t *testing.T) {
	s, err := benchserver.New(benchserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Stop(0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener says %v", err)
	}
}
