// Package foreign is for tests: it runs gRPC servers and proxies of other makers on
// free ports of 127.0.0.1. scripts/peers.sh installs what they need. Nothing but tests
// imports it.
package foreign

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Server is a running server or proxy.
type Server struct {
	Address string // HOST:PORT

	cmd   *exec.Cmd
	stdin io.Closer     // nil: the program does not end with it
	out   *bufio.Reader // what it prints after its address; nil: nothing is read
	log   string        // file of a proxy's access log

	errors bytes.Buffer // its standard error; read when it has ended
}

const (
	// startLimit bounds how long a program may take to listen.
	startLimit = 20 * time.Second
	stopLimit  = 5 * time.Second
)

// CCore starts a server on gRPC's C core over TLS, whose responses are compressed by
// the named codec ("none", "gzip" or "deflate"): Server.Foo answers with the request's
// bytes, Server.Tenth refuses every tenth RPC, Server.Never each, Server.Any takes any
// bytes. End returns what it saw.
func CCore(ctx context.Context, certificate, key, compression string) (*Server, error) {
	// Debian's Python, which sees Debian's packages.
	return printing(ctx, "/usr/bin/python3", source("ccore/server.py"), certificate, key, compression)
}

// GRPCJS starts a server on @grpc/grpc-js in plaintext: Server.Foo answers with the
// request's bytes.
func GRPCJS(ctx context.Context) (*Server, error) {
	return printing(ctx, "node", filepath.Join(root(), "bin/peers/grpcjs/server.js"))
}

// Connect starts a server on connect-go in plaintext: Server.Foo answers with the
// request's bytes.
func Connect(ctx context.Context) (*Server, error) {
	return printing(ctx, filepath.Join(root(), "bin/peers/connect"))
}

// Nginx starts nginx with the given server blocks, in which {listen} is the one address
// that all of them listen on, and {access} the file of an access log with a line
// "HOST STATUS PATH" for each request. dir is an empty directory for its files.
func Nginx(ctx context.Context, dir, servers string) (*Server, error) {
	return proxy(ctx, dir, nginxConfig+servers+"\n}\n", "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c")
}

const nginxConfig = `daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/error.log;
events { worker_connections 512; }
http {
	ssl_protocols TLSv1.2 TLSv1.3;
	log_format peer '$host $status $uri'; access_log {access} peer;
	client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/fastcgi;
	uwsgi_temp_path {dir}/uwsgi; scgi_temp_path {dir}/scgi;
`

// HAProxy starts haproxy with the given sections, in which {listen} is the address to
// bind. dir is an empty directory for its files.
func HAProxy(ctx context.Context, dir, sections string) (*Server, error) {
	return proxy(ctx, dir, haproxyConfig+sections+"\n", "haproxy", "-db", "-f")
}

const haproxyConfig = `defaults
	mode http
	timeout connect 5s
	timeout client 50s
	timeout server 50s
`

// proxy starts a program whose last argument is the file of its configuration, and
// waits until it listens.
func proxy(ctx context.Context, dir, config, program string, args ...string) (*Server, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	access, path := filepath.Join(dir, "access.log"), filepath.Join(dir, program+".conf")
	config = strings.NewReplacer("{listen}", address, "{access}", access, "{dir}", dir).Replace(config)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return nil, err
	}
	s, err := start(ctx, program, append(args, path)...)
	if err != nil {
		return nil, err
	}
	s.Address, s.log = address, access
	if err := s.listens(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(), errors.New(s.errors.String()))
	}
	return s, nil
}

// freeAddress is an address that nothing listens on. Another process may take it
// before it is used, which the start of the program then reports.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// listens returns when a connection to the server can be made.
func (s *Server) listens(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Address)
		if err == nil {
			return conn.Close()
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s does not listen on %s: %w", s.cmd.Path, s.Address, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// printing starts a program that prints its address, or its port, in its first line
// and ends with its standard input.
func printing(ctx context.Context, program string, args ...string) (*Server, error) {
	s, err := start(ctx, program, args...)
	if err != nil {
		return nil, err
	}
	line, err := s.out.ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s printed no address: %w: run scripts/peers.sh", program, err), s.Stop(), errors.New(s.errors.String()))
	}
	s.Address = strings.TrimSpace(line)
	if !strings.Contains(s.Address, ":") {
		s.Address = "localhost:" + s.Address
	}
	return s, nil
}

func start(ctx context.Context, program string, args ...string) (*Server, error) {
	s := &Server{cmd: exec.CommandContext(ctx, program, args...)}
	// nginx's workers end with their master only if it is asked to end.
	s.cmd.Cancel = func() error { return s.cmd.Process.Signal(syscall.SIGTERM) }
	s.cmd.WaitDelay = stopLimit
	s.cmd.Stderr = &s.errors
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%w: run scripts/peers.sh", err)
	}
	s.stdin, s.out = in, bufio.NewReader(out)
	return s, nil
}

// PID is the server's process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// End closes the server's standard input, with which it ends, and returns what it
// printed after its address.
func (s *Server) End() ([]byte, error) {
	if err := s.stdin.Close(); err != nil {
		return nil, err
	}
	rest, err := io.ReadAll(s.out)
	return rest, errors.Join(err, s.cmd.Wait())
}

// Stop ends the server by SIGTERM.
func (s *Server) Stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_, _ = io.Copy(io.Discard, s.out)         // until it has
	err := s.cmd.Wait()
	if _, ended := errors.AsType[*exec.ExitError](err); ended || errors.Is(err, context.Canceled) { // as it should
		return nil
	}
	return err
}

// Access is what a proxy has written into its access log.
func (s *Server) Access() (string, error) {
	b, err := os.ReadFile(s.log)
	return string(b), err
}

// root is the checkout, seen from a package of two levels, where its tests run.
func root() string { return "../.." }

func source(name string) string { return filepath.Join(root(), "testing/foreign/testdata", name) }
