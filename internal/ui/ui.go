// Package ui shows a directory of results in a browser on the same machine: all its
// runs, one of them, two compared, and their history. It reads, and changes nothing.
// What a page says of results is package report's.
//
// The server trusts neither who asks nor what it reads. It answers on loopback alone,
// under its own name alone, so that no page of another site can reach it by a name that
// resolves to this machine; and what it knows of results it tells to those alone who
// have its token, so that no other user of the machine reads them. The token is in the
// fragment of the address that the user is given, which browsers do not send; the page's
// script keeps it for its tab and sends it in a header. No string of a result is markup,
// and the pages forbid every script but their own.
package ui

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"time"

	"grpcbench/internal/history"
)

// Server shows one directory of results. The zero value is not usable; call New. Its
// methods may be called from several goroutines.
type Server struct {
	results string
	reader  *history.Reader
	token   string
	busy    chan struct{} // holds one for each part that is being made
}

// Limits of the server. A part may be a result of 16 MiB, taken apart and drawn.
const (
	maxParts       = 2                // are made at once
	maxWaiting     = 10 * time.Second // is how long another one waits for its turn
	maxConnections = 64
	maxHeaderBytes = 16 << 10
	grace          = 5 * time.Second // in which answers under way are finished
)

// New returns a server of the results that directory holds, which it reads; places is the
// order of their commits, or nil: see [history.Read]. The error
// is that of a directory that cannot be read; results that cannot be are told on the
// page of all runs.
func New(directory string, places history.Places) (*Server, error) {
	reader, err := history.Open(directory, places)
	if err != nil {
		return nil, err
	}
	var token [16]byte
	rand.Read(token[:]) // never fails
	return &Server{results: directory, reader: reader, token: hex.EncodeToString(token[:]), busy: make(chan struct{}, maxParts)}, nil
}

// Address reads HOST:PORT, of which HOST is a loopback address; port 0 is one of the
// system's choice.
func Address(text string) (netip.AddrPort, error) {
	address, err := netip.ParseAddrPort(text)
	if err != nil || !address.Addr().IsLoopback() || address.Addr().Zone() != "" {
		return netip.AddrPort{}, fmt.Errorf("%.60q: must be 127.0.0.1:PORT or [::1]:PORT, so that this machine alone can reach it", text)
	}
	return netip.AddrPortFrom(address.Addr().Unmap(), address.Port()), nil
}

// URL is what a browser opens to see what is served at address, the token with it.
func (s *Server) URL(address netip.AddrPort) string {
	return "http://" + address.String() + "/#token=" + s.token
}

// Serve answers until ctx ends, which is its ordinary end and no error. It closes the
// listener, whose address is a loopback one.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	address, err := netip.ParseAddrPort(listener.Addr().String())
	if err != nil {
		return errors.Join(fmt.Errorf("serve: %w", err), listener.Close())
	}
	var open atomic.Int64
	server := http.Server{
		Handler: s.guarded(names(address)), MaxHeaderBytes: maxHeaderBytes,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 60 * time.Second, IdleTimeout: 60 * time.Second,
		ConnState: func(c net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				if open.Add(1) > maxConnections {
					_ = c.Close() // its reader sees that, and the state is Closed next
				}
			case http.StateClosed:
				open.Add(-1)
			}
		},
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(ending) != nil {
		_ = server.Close() // answers that did not end in time are cut off
	}
	<-served
	return nil
}

// names are what a browser on this machine calls a server at address.
func names(address netip.AddrPort) []string {
	port := strconv.Itoa(int(address.Port()))
	all := []string{address.String(), "localhost:" + port}
	if port == "80" { // browsers leave it out
		host := address.Addr().String()
		if address.Addr().Is6() {
			host = "[" + host + "]"
		}
		all = append(all, host, "localhost")
	}
	return all
}
