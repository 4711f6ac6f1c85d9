package runner_test

import (
	"maps"
	"net"
	"net/http"
	"sync"
	"testing"

	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// Both engines send the content type that a client of grpc-go sends, for every method: a
// server may answer another one with a longer header.
func TestBothEnginesSendOneContentType(t *testing.T) {
	lane.Long(t, "starts processes")
	for name, args := range map[string][]string{"Foo": nil, "a method of the server's": {"--method", "/p.S/M"}} {
		t.Run(name, func(t *testing.T) {
			eachEngine(t, func(t *testing.T, engine string) {
				var mu sync.Mutex
				seen := map[string]bool{}
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					seen[r.Header.Get("Content-Type")] = true
					mu.Unlock()
					w.Header().Set("Content-Type", "application/grpc")
					w.Header().Set("Trailer", "Grpc-Status")
					_, _ = w.Write(make([]byte, 5)) // an empty message; a client that is gone needs none
					w.Header().Set("Grpc-Status", "0")
				})}
				server.Protocols.SetUnencryptedHTTP2(true)
				go func() { _ = server.Serve(l) }() // until it is closed
				t.Cleanup(func() { _ = server.Close() })
				p := planOf(t, append(args, "--engine", engine, "--tls", "off", l.Addr().String())...)
				if l := measure(t, t.Context(), p, runner.Options{}).Arms[0].LedgerTotal; l.OK == 0 || l.OK != l.Started {
					t.Errorf("ledger %+v, want every RPC ok", l)
				}
				mu.Lock()
				defer mu.Unlock()
				if want := map[string]bool{"application/grpc": true}; !maps.Equal(seen, want) {
					t.Errorf("content types %v, want %v", seen, want)
				}
			})
		})
	}
}
