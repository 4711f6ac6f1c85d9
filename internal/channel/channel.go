// Package channel opens gRPC channels to a server: one connection each, ready
// before anything is measured, with the phases of connecting timed apart and
// the bytes on the wire counted under TLS.
//
// What could change an experiment from outside is switched off: proxies from
// the environment, service configs from DNS, retries, idleness, keepalive.
package channel

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	experimental "google.golang.org/grpc/experimental/credentials"

	"grpcbench/internal/address"
)

// StaticWindow is the HTTP/2 flow-control window, in bytes, of streams and
// connections when windows are static. Static windows turn off grpc-go's
// bandwidth probing, whose PINGs and WINDOW_UPDATEs are more than half the bytes
// of a small RPC.
const StaticWindow = 1 << 20

const (
	defaultTimeout = 5 * time.Second
	maxHeaderList  = 64 << 10
)

// MaxMessage is the largest message in bytes unless another is asked for: a payload of
// 4 MiB with its protobuf framing.
const MaxMessage = 4<<20 + 4<<10

// Options says where and how to connect.
type Options struct {
	Address        string      // see package address
	Authority      string      // :authority of RPCs, and nothing else; "": Address
	TLS            *tls.Config // nil: plaintext
	AllowNoALPN    bool        // take a server that chooses no protocol by ALPN for one of HTTP/2
	DynamicWindows bool        // grpc-go's own probing; else StaticWindow
	// Timeout bounds TCP, TLS and HTTP/2 together; 0 means 5 s.
	Timeout     time.Duration
	TimeoutFlag string // see Endpoint
	// Dial is added to what the channel itself is dialled with.
	Dial []grpc.DialOption
	// MaxMessage is the largest message in bytes that is sent and received; 0: [MaxMessage].
	MaxMessage int
	// Limit is obeyed by a Chain, and by the channels of package wire.
	Limit Limit
	// Dialer makes the TCP connection; nil: net.Dialer.
	Dialer Dialer
	// Made is told of each connection whose SETTINGS have come, whatever it was made for;
	// nil: nobody is. It may be called from any goroutine and must not wait.
	Made func(Connection)
}

// Channel is one gRPC channel that holds one connection at a time. It is safe
// for concurrent use.
type Channel struct {
	*grpc.ClientConn

	address        string
	timeout        time.Duration
	maxMessage     int
	dialer         Dialer
	made           func(Connection)
	sent, received atomic.Int64
	streams        atomic.Pointer[Streams] // of the connection in use, or of the next

	mu        sync.Mutex
	kept      Made
	settings  Settings // the server's, on the latest connection that had any
	reached   bool     // TCP has connected once
	lastError error    // of the latest failed attempt
	fates     []fate   // of the latest connections, oldest first
	ends      ends     // that servers brought about
	goAways   GoAways  // likewise, by connection
	refused   int64    // streams
	broken    bool     // the transport has closed a connection by itself
}

// Connection is what making one connection cost and what was negotiated.
// Durations have no part in each other: Total is their sum.
type Connection struct {
	TCP   time.Duration // name resolution and TCP handshake
	TLS   time.Duration // 0 for plaintext
	HTTP2 time.Duration // from then until the server's SETTINGS arrived; 0: they have not
	Local string        // local address, distinct for each connection; "#INODE" for a Unix socket, "##N" if that is not known

	// Resolution is the part of TCP in which a name was resolved; 0: the address
	// needed none.
	Resolution time.Duration
	Remote     string // address that was connected to
	// Addresses are those that the name was resolved to, without a port; nil: it needed
	// no resolution.
	Addresses []string
	// State is nil for plaintext.
	State *tls.ConnectionState
	// Sent and Received are the bytes that making it took, under TLS; filled by Renew
	// and by what a Limit begins.
	Sent, Received int64
}

// Total is the time from the start of dialling until the server's SETTINGS.
func (c Connection) Total() time.Duration { return c.TCP + c.TLS + c.HTTP2 }

// Open makes a channel and returns when its connection is ready: the handshake
// is over and the server has sent its SETTINGS. Otherwise it says why there is no
// connection and which flag to change, after at most twice the timeout.
func Open(ctx context.Context, o Options) (*Channel, error) {
	return Persist(ctx, o.Endpoint(), o.open)
}

// Attempt is Open without a second try: one connection is begun, whatever becomes of
// it.
func Attempt(ctx context.Context, o Options) (*Channel, error) {
	return Once(ctx, o.Endpoint(), o.open)
}

// Endpoint is where the channel connects to.
func (o Options) Endpoint() Endpoint {
	return Endpoint{Address: o.Address, TLS: o.TLS, Timeout: o.Timeout, TimeoutFlag: o.TimeoutFlag, Dialer: o.Dialer}
}

// open is one attempt.
func (o Options) open(ctx context.Context) (*Channel, error) {
	c, err := o.client()
	if err != nil {
		return c, err
	}
	if err := c.ready(ctx); err != nil {
		_ = c.Close() // the cause is returned; closing an unready channel adds nothing
		return c, err
	}
	return c, nil
}

// client is a channel that has not begun to connect.
func (o Options) client() (*Channel, error) {
	c := &Channel{address: o.Address, maxMessage: cmp.Or(o.MaxMessage, MaxMessage), timeout: o.Endpoint().Limit(), dialer: o.Dialer, made: o.Made}
	c.streams.Store(newStreams())
	options := []grpc.DialOption{
		grpc.WithContextDialer(c.dial),
		grpc.WithTransportCredentials(&timed{TransportCredentials: transport(o.TLS), channel: c, name: o.serverName(), noALPN: o.AllowNoALPN}),
		grpc.WithAuthority(cmp.Or(o.Authority, o.Address)),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithMaxHeaderListSize(maxHeaderList),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(c.maxMessage), grpc.MaxCallSendMsgSize(c.maxMessage)),
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: c.timeout,
		}),
	}
	if !o.DynamicWindows {
		options = append(options, grpc.WithStaticStreamWindowSize(StaticWindow), grpc.WithStaticConnWindowSize(StaticWindow))
	}
	options = append(options, o.Dial...)
	conn, err := grpc.NewClient("passthrough:///"+o.Address, options...)
	if err != nil {
		return c, err
	}
	c.ClientConn = conn
	return c, nil
}

// serverName is what TLS asks for and verifies, with or without a port.
func (o Options) serverName() string {
	if o.TLS != nil && o.TLS.ServerName != "" {
		return o.TLS.ServerName
	}
	if address.IsUnix(o.Address) {
		return address.Local
	}
	return o.Address
}

// transport leaves it to [timed] whether a server may choose no protocol, as grpc-go asks
// the environment about that.
func transport(config *tls.Config) credentials.TransportCredentials {
	if config == nil {
		return insecure.NewCredentials()
	}
	return experimental.NewTLSWithALPNDisabled(config)
}

// ready waits for READY and returns the cause if it does not come. grpc-go reports
// it only after the server's SETTINGS. A connection that has ended since then was ready.
func (c *Channel) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	c.Connect()
	for {
		state := c.GetState()
		if state == connectivity.Ready {
			return nil
		}
		if state == connectivity.TransientFailure {
			return c.cause()
		}
		if state == connectivity.Shutdown || state == connectivity.Idle && c.everReady() {
			return c.over()
		}
		if !c.WaitForStateChange(ctx, state) {
			return c.silence(ctx)
		}
	}
}

// everReady says whether a connection has had the server's SETTINGS.
func (c *Channel) everReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.settled > 0
}

// over is what a channel comes to that has ended before it was seen to be ready.
func (c *Channel) over() error {
	if c.everReady() {
		return nil
	}
	return fmt.Errorf("closed before it was ready: %w", context.Canceled)
}

// cause is the error of the latest failed attempt.
func (c *Channel) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastError != nil {
		return c.lastError
	}
	// Dialling and TLS went well, so it was the server that ended the connection
	// before its SETTINGS.
	return c.unsettled(ErrNoSettings)
}

// unsettled is err of the latest connection.
func (c *Channel) unsettled(err error) error {
	if latest := c.kept.latest; latest != nil {
		return Opened(*latest, err)
	}
	return err
}

// silence says in which phase the server stopped answering.
func (c *Channel) silence(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.lastError != nil {
		return c.lastError
	}
	if c.kept.latest == nil && c.reached {
		return fmt.Errorf("%w: %w", ErrSilentTLS, ctx.Err())
	}
	if c.kept.latest == nil {
		return fmt.Errorf("%w: %w", errSilent, ctx.Err())
	}
	return c.unsettled(fmt.Errorf("%w: %w", ErrNoSettings, ctx.Err()))
}

// Connections returns what the channel's first connection cost and, if it has had another,
// what the latest did.
func (c *Channel) Connections() []Connection {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.Ends()
}

// Reconnects is how often the connection was replaced because it was lost.
func (c *Channel) Reconnects() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.Reconnects()
}

// Settings are the server's on the latest connection that had any.
func (c *Channel) Settings() Settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings.Clone()
}

// first is what the first connection cost, or the attempt to make it.
func (c *Channel) first() (made Connection) {
	if all := c.Connections(); len(all) > 0 {
		made = all[0]
	}
	made.Sent, made.Received = c.Bytes()
	return made
}

// MaxMessage is the largest message in bytes that the channel sends and receives.
func (c *Channel) MaxMessage() int { return c.maxMessage }

// Bytes is the number of bytes written to and read from TCP so far, TLS records
// and handshakes included, TCP and IP headers not.
func (c *Channel) Bytes() (sent, received int64) { return c.sent.Load(), c.received.Load() }

// AwaitChange returns when the channel's state is READY or changes, or after
// limit: a caller that failed on a channel that is not ready waits with it
// before it tries again.
func (c *Channel) AwaitChange(ctx context.Context, limit time.Duration) {
	state := c.GetState()
	if state == connectivity.Ready {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	c.WaitForStateChange(ctx, state)
}

// dial makes the TCP connection and puts the byte counter on it.
func (c *Channel) dial(ctx context.Context, to string) (net.Conn, error) {
	conn, made, err := c.dialer.dial(ctx, to)
	if err != nil {
		c.failed(err)
		return nil, err
	}
	c.mu.Lock()
	c.reached = true
	c.mu.Unlock()
	return &counted{Conn: conn, channel: c, made: made}, nil
}

func (c *Channel) failed(err error) {
	c.mu.Lock()
	c.lastError = err
	c.remember(err, err)
	c.mu.Unlock()
}

func (c *Channel) connected(conn *Connection) {
	c.mu.Lock()
	c.kept.Add(conn)
	c.lastError = nil
	c.mu.Unlock()
}
