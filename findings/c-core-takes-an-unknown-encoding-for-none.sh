#!/bin/sh
# gRPC's C core (Debian's python3-grpcio 1.51.1): a request whose grpc-encoding the
# server does not know, its message marked as compressed, is not refused with
# UNIMPLEMENTED, as gRPC's document on compression asks ("compression.md"): the handler
# gets the compressed bytes as its message, and the call ends with OK. The answer names
# the encodings that it does know. grpc-go, grpc-js and connect refuse.
#
# Why it matters: a client that compares "none" with a codec the server lacks measures
# two good calls, of which the second never carried its message. Only the answer's
# grpc-accept-encoding shows it.
#
# Seen: what the handler, which echoes, was given for the message "abc" sent by a
# compressor that turns bytes round:
#   OK "cba", grpc-accept-encoding: identity, deflate, gzip
set -eu
version=$(dpkg-query -W -f '${Version}' python3-grpcio 2>/dev/null) || {
	apt-get update -q >/dev/null
	apt-get install -yq --no-install-recommends python3-grpcio >/dev/null
	version=$(dpkg-query -W -f '${Version}' python3-grpcio)
}
case $version in 1.51.1-*) ;; *) echo "python3-grpcio $version, want 1.51.1" && exit 1 ;; esac
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >server.py <<'END'
import concurrent.futures
import grpc


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


server = grpc.server(concurrent.futures.ThreadPoolExecutor(2), handlers=[Echo()])
print(server.add_insecure_port("127.0.0.1:0"), flush=True)
server.start()
server.wait_for_termination(60)
END
cat >go.mod <<'END'
module finding

go 1.26.0

require google.golang.org/grpc v1.85.0
END
cat >main.go <<'END'
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
)

// turned is a compressor that turns a message round.
type turned struct{}

type turning struct {
	bytes.Buffer
	to io.Writer
}

func (t *turning) Close() error {
	b := t.Bytes()
	slices.Reverse(b)
	_, err := t.to.Write(b)
	return err
}

func (turned) Name() string                                 { return "turned" }
func (turned) Compress(w io.Writer) (io.WriteCloser, error) { return &turning{to: w}, nil }
func (turned) Decompress(r io.Reader) (io.Reader, error)    { return r, nil }

type raw struct{}

func (raw) Name() string                                { return "proto" }
func (raw) Marshal(v any) (mem.BufferSlice, error)      { return mem.BufferSlice{mem.SliceBuffer(*v.(*[]byte))}, nil }
func (raw) Unmarshal(b mem.BufferSlice, v any) error    { *v.(*[]byte) = b.Materialize(); return nil }

// headers keeps the header of the answer.
type headers struct{ got metadata.MD }

func (*headers) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (*headers) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (*headers) HandleConn(context.Context, stats.ConnStats)                       {}
func (h *headers) HandleRPC(_ context.Context, s stats.RPCStats) {
	if in, ok := s.(*stats.InHeader); ok {
		h.got = in.Header
	}
}

func main() {
	encoding.RegisterCompressor(turned{})
	h := &headers{}
	conn, err := grpc.NewClient("127.0.0.1:"+os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(h))
	if err != nil {
		panic(err)
	}
	request, answer := []byte("abc"), []byte(nil)
	err = conn.Invoke(context.Background(), "/p.S/M", &request, &answer, grpc.UseCompressor("turned"), grpc.ForceCodecV2(raw{}))
	fmt.Printf("%v %q, grpc-accept-encoding: %s\n", status.Code(err), answer, h.got["grpc-accept-encoding"][0])
}
END
mkfifo port
/usr/bin/python3 server.py >port &
server=$!
read -r number <port
go mod tidy >/dev/null 2>&1
go run . "$number" >got
cat got
echo 'OK "cba", grpc-accept-encoding: identity, deflate, gzip' | diff - got && echo "as it was found"
