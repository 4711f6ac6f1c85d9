#!/bin/sh
# connectrpc.com/connect v1.21.1, server of the gRPC protocol: a client that merely
# lists gzip in grpc-accept-encoding, as every grpc-go client does that has gzip
# registered, gets every answer compressed, although its request was not, and an answer
# of no bytes as 23 bytes of gzip behind the five of the prefix. grpc-go, grpc-js and
# gRPC's C core answer a plain request with a plain message.
#
# Why it matters: "no compression" measured against a connect server is gzip on the way
# back unless the client announces nothing, and the smallest answers grow fivefold.
#
# Seen: bytes of DATA, and the compressed flag, of the answer to an empty request:
#   accepting identity: 5 bytes, flag 0
#   accepting gzip: 28 bytes, flag 1
set -eu
dir=$(mktemp -d)
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat >go.mod <<'END'
module finding

go 1.26.0

require connectrpc.com/connect v1.21.1
END
cat >main.go <<'END'
package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
)

func main() {
	mux := http.NewServeMux()
	mux.Handle("/p.S/M", connect.NewUnaryHandler("/p.S/M",
		func(context.Context, *connect.Request[emptypb.Empty]) (*connect.Response[emptypb.Empty], error) {
			return connect.NewResponse(&emptypb.Empty{}), nil
		}))
	s := httptest.NewUnstartedServer(mux)
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	for _, accept := range []string{"identity", "gzip"} {
		r, err := http.NewRequest("POST", s.URL+"/p.S/M", bytes.NewReader(make([]byte, 5)))
		if err != nil {
			panic(err)
		}
		r.Header.Set("Content-Type", "application/grpc")
		r.Header.Set("Te", "trailers")
		r.Header.Set("Grpc-Accept-Encoding", accept)
		answer, err := s.Client().Do(r)
		if err != nil {
			panic(err)
		}
		body, err := io.ReadAll(answer.Body)
		if err != nil || answer.Trailer.Get("Grpc-Status") != "0" {
			panic(fmt.Sprint(err, answer.Header, answer.Trailer))
		}
		fmt.Printf("accepting %s: %d bytes, flag %d\n", accept, len(body), body[0])
	}
}
END
go mod tidy >/dev/null 2>&1
go run . >got
cat got
cat >want <<'END'
accepting identity: 5 bytes, flag 0
accepting gzip: 28 bytes, flag 1
END
diff want got && echo "as it was found"
