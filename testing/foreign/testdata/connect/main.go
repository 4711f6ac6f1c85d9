// A server on connect-go, which answers Server.Foo with the request's own bytes.
//
// Usage: connect [CERTIFICATE KEY]
//
// It listens on a free port of 127.0.0.1, with TLS if it is given a certificate, and
// prints the address in its first line. It ends when its standard input does.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"

	"connectrpc.com/connect"
)

// message is the bytes of a protobuf message.
type message struct{ bytes []byte }

// raw leaves messages as they are.
type raw struct{}

func (raw) Name() string { return "proto" }

func (raw) Marshal(v any) ([]byte, error) {
	m, ok := v.(*message)
	if !ok {
		return nil, fmt.Errorf("marshal %T: not a message", v)
	}
	return m.bytes, nil
}

func (raw) Unmarshal(b []byte, v any) error {
	m, ok := v.(*message)
	if !ok {
		return fmt.Errorf("unmarshal %T: not a message", v)
	}
	if len(b) > 0 && b[0] == 0xff { // no tag of a field
		return errors.New("not a message")
	}
	m.bytes = append([]byte(nil), b...)
	return nil
}

func main() {
	foo := connect.NewUnaryHandler("/Server/Foo", func(_ context.Context, r *connect.Request[message]) (*connect.Response[message], error) {
		return connect.NewResponse(r.Msg), nil
	}, connect.WithCodec(raw{}))
	mux := http.NewServeMux()
	mux.Handle("/Server/Foo", foo)
	server := &http.Server{Handler: mux, Protocols: &http.Protocols{}}
	server.Protocols.SetHTTP2(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	go func() {
		if len(os.Args) == 3 {
			err = server.ServeTLS(l, os.Args[1], os.Args[2])
		} else {
			err = server.Serve(l)
		}
		log.Fatal(err)
	}()
	_, _ = io.Copy(io.Discard, os.Stdin) // until the parent ends
}
