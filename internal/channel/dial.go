package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptrace"
	"sync/atomic"
	"syscall"
	"time"

	"grpcbench/internal/address"
)

// Dialer makes a connection to host:port or to the path of a Unix socket, as [net.Dialer.DialContext] does.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Dial makes the connection to an address, by TCP or to a Unix socket, and says what it took and between
// which addresses: TCP, Resolution, Addresses, Local and Remote of made.
func Dial(ctx context.Context, to string) (conn net.Conn, made Connection, err error) {
	return Dialer(nil).dial(ctx, to)
}

// dial is Dial by d; nil: by a net.Dialer.
func (d Dialer) dial(ctx context.Context, to string) (conn net.Conn, made Connection, err error) {
	if d == nil {
		d = (&net.Dialer{}).DialContext
	}
	var asked time.Time
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		DNSStart: func(httptrace.DNSStartInfo) { asked = time.Now() },
		DNSDone: func(found httptrace.DNSDoneInfo) {
			made.Resolution = time.Since(asked)
			for _, ip := range found.Addrs {
				made.Addresses = append(made.Addresses, ip.String())
			}
		},
	})
	start := time.Now()
	conn, err = d.connect(ctx, to)
	if err != nil {
		return nil, Connection{}, err
	}
	made.TCP, made.Local, made.Remote = time.Since(start), conn.LocalAddr().String(), conn.RemoteAddr().String()
	if address.IsUnix(to) {
		_, path := address.Dial(to)
		made.Local, made.Remote = unnamed(conn), address.Unix(path)
	}
	return conn, made, nil
}

// unnamed tells a connection to a Unix socket apart from others, as its own end has no name:
// #INODE, by which the system knows it, or ##N.
func unnamed(conn net.Conn) string {
	if n := inode(conn); n != 0 {
		return fmt.Sprintf("#%d", n)
	}
	return fmt.Sprintf("##%d", others.Add(1))
}

var others atomic.Int64 // connections to Unix sockets whose inodes are not known

// connect makes the connection to an address.
func (d Dialer) connect(ctx context.Context, to string) (net.Conn, error) {
	network, at := address.Dial(to)
	return d(ctx, network, at)
}

// attempts is how often a connection that ends before its SETTINGS is tried. A
// server that refuses a client certificate under TLS 1.3 says why and hangs up,
// and what we write meanwhile may fail before its words are read.
const attempts = 3

// Persist opens a channel to e by open, again if the connection ended without a word. An
// error says why there is none and which flag to change; see Diagnose. All attempts together
// have the time that open bounds one by, and Diagnose as much again.
func Persist[C any](ctx context.Context, e Endpoint, open func(context.Context) (C, error)) (C, error) {
	within, cancel := context.WithTimeout(ctx, e.Limit())
	defer cancel()
	var earlier error
	for failed := 1; ; failed++ {
		c, err := open(within)
		if err == nil {
			return c, nil
		}
		if earlier != nil && ctx.Err() == nil && within.Err() != nil {
			err = earlier // which used the time up that this one lacked
		}
		if earlier = err; failed == attempts || !unexplained(err) || within.Err() != nil || errors.Is(err, context.DeadlineExceeded) {
			var none C
			return none, Diagnose(ctx, explain(e, err), e)
		}
	}
}

// Once opens a channel to e by one attempt of open. An error says why there is none and
// which flag to change, and has its causes in its chain.
func Once[C any](ctx context.Context, e Endpoint, open func(context.Context) (C, error)) (C, error) {
	c, err := open(ctx)
	if err != nil {
		var none C
		return none, explain(e, err)
	}
	return c, nil
}

// unexplained is a connection that ended without a word.
func unexplained(cause error) bool {
	return errors.Is(cause, ErrNoSettings) || errors.Is(cause, io.EOF) ||
		errors.Is(cause, syscall.ECONNRESET) || errors.Is(cause, syscall.EPIPE)
}

// Limits are the errors of a machine that has no file descriptor or no local port
// left for a connection.
func Limits() []syscall.Errno {
	return []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EADDRNOTAVAIL, syscall.ENOBUFS}
}
