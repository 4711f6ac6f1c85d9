// Package benchserver is the bundled server: the services that are measured and
// what the process saw of them. It knows nothing of flags, files and signals.
//
// Observation happens on every call and is nearly free: atomic counters around
// the handlers, under TLS and in the compressors, no stats.Handler.
package benchserver

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/tap"

	"grpcbench/internal/codec"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// Limits of what one client can take from the server. Those without a source
// are chosen by judgement: far above what a benchmark needs, far below what
// hurts the machine.
const (
	// MaxBody is the largest body of a request or response, in bytes.
	MaxBody = 4 << 20
	// MaxDelay is the longest wait that a request may ask for.
	MaxDelay = 10 * time.Second
	// MaxHeaderList is the largest header list of an RPC, in bytes as HTTP/2
	// counts them (RFC 9113, section 6.5.2). 8 KiB of metadata in -bin keys are
	// 11 KiB of base64, in many small keys 32 bytes more for each.
	MaxHeaderList = 64 << 10
	// DefaultMaxConnections is the connection limit unless Options has another.
	DefaultMaxConnections = 4096

	// maxMessage leaves room around a body for the message's other fields and
	// for what a compressor adds to bytes it cannot shrink.
	maxMessage = MaxBody + 4096
	// maxStreams bounds the handlers of a connection, also under rapid reset
	// (CVE-2023-44487).
	maxStreams = 1000
	// handshakeTimeout ends connections that never finish TLS and HTTP/2.
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 5 * time.Minute
	minPingInterval  = 10 * time.Second
	// minWindow is the least window that grpc-go takes; it ignores smaller ones.
	minWindow = 64 << 10
)

// Options is what can be chosen of a Server. The zero value is a plaintext
// server with dynamic windows.
type Options struct {
	// TLS is the server side of every connection: certificates, versions, client
	// authentication. ALPN is added. Nil means plaintext.
	TLS *tls.Config
	// StaticWindow is the flow-control window of streams and connections, in
	// bytes, at least 64 KiB; 0 means the windows that grpc-go adapts to the
	// bandwidth-delay product.
	StaticWindow int32
	// Reflection serves the reflection service.
	Reflection bool
	// Counters counts the compressors of this process; nil if none were
	// installed.
	Counters *codec.Counters
	// MaxConnections is how many connections may be open; one more is closed at
	// once and counted. 0 means DefaultMaxConnections.
	MaxConnections int
}

func (o Options) validate() error {
	var errs []error
	if o.StaticWindow != 0 && o.StaticWindow < minWindow {
		errs = append(errs, fmt.Errorf("static window %d: must be 0 or in [%d, %d]", o.StaticWindow, minWindow, math.MaxInt32))
	}
	if o.MaxConnections < 0 {
		errs = append(errs, fmt.Errorf("max connections %d: must be >= 0", o.MaxConnections))
	}
	if t := o.TLS; t != nil {
		if len(t.Certificates) == 0 && t.GetCertificate == nil && t.GetConfigForClient == nil {
			errs = append(errs, errors.New("tls config: must have a certificate"))
		}
		if t.MinVersion != 0 && t.MinVersion < tls.VersionTLS12 {
			errs = append(errs, fmt.Errorf("tls minimum version %s: must be TLS 1.2 or above", tls.VersionName(t.MinVersion)))
		}
	}
	return errors.Join(errs...)
}

// A Server serves Server.Foo, bench.v1.Bench, bench.v1.Control,
// grpc.testing.BenchmarkService.UnaryCall, health and, if asked for,
// reflection. Its methods are safe for concurrent use.
type Server struct {
	grpc     *grpc.Server
	health   *health.Server
	rpcs     rpcs
	conns    connections
	counters *codec.Counters
	process  process
	id       string
	started  time.Time
}

// New returns a server that is ready to Serve, or what is wrong with the options.
func New(o Options) (*Server, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	plain, err := codec.NewUncompressed()
	if err != nil {
		return nil, err
	}
	s := &Server{
		health:   health.NewServer(),
		conns:    connections{limit: o.MaxConnections, open: map[*conn]struct{}{}},
		counters: o.Counters,
		id:       newInstanceID(),
		started:  time.Now(),
	}
	if o.MaxConnections == 0 {
		s.conns.limit = DefaultMaxConnections
	}
	s.grpc = grpc.NewServer(s.serverOptions(o)...)
	s.register(o, plain)
	return s, nil
}

func newInstanceID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails: crypto/rand ends the process instead
	return hex.EncodeToString(id[:])
}

func (s *Server) serverOptions(o Options) []grpc.ServerOption {
	opts := []grpc.ServerOption{
		grpc.MaxConcurrentStreams(maxStreams),
		grpc.MaxRecvMsgSize(maxMessage),
		grpc.MaxSendMsgSize(maxMessage),
		grpc.MaxHeaderListSize(MaxHeaderList),
		grpc.ConnectionTimeout(handshakeTimeout),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTimeout}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: minPingInterval}),
		grpc.WaitForHandlers(true),
		grpc.ForceServerCodecV2(countingCodec{encoding.GetCodecV2("proto")}),
		grpc.InTapHandle(func(ctx context.Context, call *tap.Info) (context.Context, error) {
			s.rpcs.readMetadata(call)
			return ctx, nil
		}),
	}
	if o.StaticWindow != 0 {
		opts = append(opts,
			grpc.StaticStreamWindowSize(o.StaticWindow),
			grpc.StaticConnWindowSize(o.StaticWindow))
	}
	if o.TLS != nil {
		opts = append(opts, grpc.Creds(&observedTLS{
			TransportCredentials: credentials.NewTLS(o.TLS),
			handshakes:           &s.conns.handshakes,
		}))
	}
	return opts
}

func (s *Server) register(o Options, plain *codec.Uncompressed) {
	measured := registrar{Server: s.grpc, rpcs: &s.rpcs, measured: true}
	echo := newEcho(plain)
	serverpb.RegisterServerServer(measured, foo{})
	measured.RegisterService(echoService(), echo)
	testpb.RegisterBenchmarkServiceServer(measured, official{zeros: echo.contents[benchv1.Content_CONTENT_ZEROS]})

	other := registrar{Server: s.grpc, rpcs: &s.rpcs}
	benchv1.RegisterControlServer(other, control{server: s})
	healthpb.RegisterHealthServer(other, s.health)
	if o.Reflection {
		reflection.Register(other)
	}
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, healthpb.HealthCheckResponse_SERVING)
	}
}

// Serve accepts connections on l and closes it in the end. It returns nil after
// Stop, also one that came first, or the error that ended it.
func (s *Server) Serve(l net.Listener) error {
	err := s.grpc.Serve(&listener{Listener: l, connections: &s.conns})
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// Stop accepts nothing new, waits at most grace for the RPCs in flight to end,
// and closes what is left. It returns when every handler has. Snapshot keeps
// working.
func (s *Server) Stop(grace time.Duration) {
	s.health.Shutdown()
	done := make(chan struct{})
	go func() {
		s.grpc.GracefulStop()
		close(done)
	}()
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		// Subtle: grpc-go's Stop waits for handshakes, which a silent client
		// prolongs up to their timeout, so the connections go first.
		s.conns.closeAll()
		s.grpc.Stop()
		<-done
	}
}

// Snapshot reads every counter. Those of one group are read one after another,
// so sums over a server under load may be off by the RPCs of that moment, but
// started is never below ok and failed together.
func (s *Server) Snapshot() *benchv1.SnapshotResponse {
	r := &benchv1.SnapshotResponse{
		InstanceId:    s.id,
		StartedAt:     timestamp(s.started),
		Rpcs:          s.rpcs.snapshot(),
		Process:       s.process.snapshot(),
		Connections:   s.conns.snapshot(),
		Codec:         codecSnapshot(s.counters),
		UserMetadata:  s.rpcs.metadata.snapshot(),
		TlsParameters: s.conns.handshakes.parameters(),
	}
	return r
}
