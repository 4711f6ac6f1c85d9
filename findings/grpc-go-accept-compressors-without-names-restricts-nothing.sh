#!/bin/sh
# google.golang.org/grpc v1.85.0: experimental.AcceptCompressors() without names is
# documented to advertise "identity" only. It advertises every registered compressor, as
# if it had not been given; with "identity" as its name, too. A name that is registered
# does restrict.
#
# Why it matters: a server that compresses whenever the client accepts it (connect-go,
# nginx in front of one) cannot be asked for plain answers this way.
#
# Seen: the header of each call, by option:
#   none given:                   gzip,zz
#   AcceptCompressors():          gzip,zz
#   AcceptCompressors(identity):  gzip,zz
#   AcceptCompressors(gzip):      gzip
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require google.golang.org/grpc v1.85.0
END
cat >main.go <<'END'
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"sort"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/stats"
)

type zz struct{}

func (zz) Name() string                                   { return "zz" }
func (zz) Compress(w io.Writer) (io.WriteCloser, error)   { return nil, io.ErrUnexpectedEOF }
func (zz) Decompress(r io.Reader) (io.Reader, error)      { return r, nil }

// watch notes the client's grpc-accept-encoding as the server's transport read it.
type watch struct{ last chan string }

func (watch) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (watch) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (watch) HandleConn(context.Context, stats.ConnStats)                       {}
func (w watch) HandleRPC(_ context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InHeader); ok {
		names := strings.Split(strings.Join(in.Header["grpc-accept-encoding"], ","), ",")
		sort.Strings(names)
		w.last <- strings.Join(names, ",")
	}
}

func main() {
	encoding.RegisterCompressor(zz{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	w := watch{make(chan string, 1)}
	s := grpc.NewServer(grpc.StatsHandler(w))
	healthpb.RegisterHealthServer(s, health.NewServer())
	go s.Serve(l)
	conn, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		panic(err)
	}
	for _, c := range []struct {
		name    string
		options []grpc.CallOption
	}{
		{"none given", nil},
		{"AcceptCompressors()", []grpc.CallOption{experimental.AcceptCompressors()}},
		{"AcceptCompressors(identity)", []grpc.CallOption{experimental.AcceptCompressors("identity")}},
		{"AcceptCompressors(gzip)", []grpc.CallOption{experimental.AcceptCompressors("gzip")}},
	} {
		if _, err := healthpb.NewHealthClient(conn).Check(context.Background(), &healthpb.HealthCheckRequest{}, c.options...); err != nil {
			panic(err)
		}
		fmt.Printf("%s: %s\n", c.name, <-w.last)
	}
	s.Stop()
}
END
go mod tidy >/dev/null 2>&1
go run . >got
cat got
cat >want <<'END'
none given: gzip,zz
AcceptCompressors(): gzip,zz
AcceptCompressors(identity): gzip,zz
AcceptCompressors(gzip): gzip
END
diff want got && echo "as it was found"
