package runner_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/certs"
	serverpb "grpcbench/proto"
	benchv1 "grpcbench/proto/bench/v1"
)

// target is a server that is not grpc-bench's: it notes what reaches it.
type target struct {
	serverpb.UnimplementedServerServer
	benchv1.UnimplementedBenchServer

	addr string
	hold func(context.Context) // what a method does before it answers; nil: nothing
	// refuse is said to every caller, who is not let in; "": all are.
	refuse string
	stop   func()
	answer []byte // of methods it does not have; nil: none
	server *grpc.Server
	// shut closes connections as soon as they are made; those there are stay.
	shut atomic.Bool

	mu       sync.Mutex
	methods  map[string]int             // RPCs by full method name
	metadata map[string]map[string]bool // distinct values by name
	peers    map[string]*tls.ConnectionState
	names    map[string]bool // that TLS clients asked for
	timeouts []time.Duration // of the RPCs with a deadline
	requests []*benchv1.EchoRequest
	raw      []string // request messages of methods it does not have
	inFlight int
	most     int // in flight at once
}

// newTarget serves until the test ends. With a nil config it speaks plaintext.
func newTarget(t *testing.T, config *tls.Config, options ...grpc.ServerOption) *target {
	t.Helper()
	s := &target{
		methods: map[string]int{}, metadata: map[string]map[string]bool{},
		peers: map[string]*tls.ConnectionState{}, names: map[string]bool{},
	}
	options = append(options, grpc.StatsHandler(s), grpc.UnknownServiceHandler(s.unknown), grpc.UnaryInterceptor(s.held))
	if config != nil {
		config = config.Clone()
		config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.names[hello.ServerName] = true
			return nil, nil
		}
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	serverpb.RegisterServerServer(server, s)
	benchv1.RegisterBenchServer(server, s)
	s.serve(t, server)
	return s
}

// lacking is a plaintext target that has no method but Foo.
func lacking(t *testing.T) *target {
	t.Helper()
	s := &target{methods: map[string]int{}, metadata: map[string]map[string]bool{}, peers: map[string]*tls.ConnectionState{}}
	server := grpc.NewServer(grpc.StatsHandler(s))
	serverpb.RegisterServerServer(server, s)
	s.serve(t, server)
	return s
}

func (s *target) serve(t *testing.T, server *grpc.Server) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- server.Serve(door{l, &s.shut}) }()
	s.server, s.stop = server, server.Stop
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) { // it may be stopped before it serves
			t.Errorf("Serve: %v", err)
		}
	})
}

// door is a listener whose connections are closed while it is shut.
type door struct {
	net.Listener
	shut *atomic.Bool
}

func (d door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil || !d.shut.Load() {
			return c, err
		}
		_ = c.Close() // nobody is let in
	}
}

// Foo implements serverpb.ServerServer.
func (s *target) Foo(context.Context, *serverpb.Empty) (*serverpb.Empty, error) {
	return &serverpb.Empty{}, nil
}

// Echo implements benchv1.BenchServer.
func (s *target) Echo(_ context.Context, r *benchv1.EchoRequest) (*benchv1.EchoResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	if r.GetResponseContent() == benchv1.Content_CONTENT_UNSPECIFIED {
		return &benchv1.EchoResponse{Body: r.GetBody()}, nil
	}
	return &benchv1.EchoResponse{Body: make([]byte, r.GetResponseSize())}, nil
}

// unknown answers every other method with an empty message. The fields of the
// request are unknown to it, so its bytes are kept as they are.
func (s *target) unknown(_ any, stream grpc.ServerStream) error {
	var request emptypb.Empty
	if err := stream.RecvMsg(&request); err != nil {
		return err
	}
	if method, _ := grpc.MethodFromServerStream(stream); method == benchv1.Control_Snapshot_FullMethodName {
		return status.Error(codes.Unimplemented, "") // asked beside the RPCs
	}
	s.mu.Lock()
	s.raw = append(s.raw, string(request.ProtoReflect().GetUnknown()))
	s.mu.Unlock()
	var answer emptypb.Empty
	answer.ProtoReflect().SetUnknown(s.answer)
	return stream.SendMsg(&answer)
}

// held counts the methods in flight and holds them.
func (s *target) held(ctx context.Context, request any, _ *grpc.UnaryServerInfo, answer grpc.UnaryHandler) (any, error) {
	s.mu.Lock()
	s.inFlight++
	s.most = max(s.most, s.inFlight)
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.inFlight--
		s.mu.Unlock()
	}()
	if s.refuse != "" {
		return nil, status.Error(codes.Unauthenticated, s.refuse)
	}
	if s.hold != nil {
		s.hold(ctx)
		if err := ctx.Err(); errors.Is(err, context.DeadlineExceeded) {
			return nil, status.FromContextError(err).Err() // an answer could be there before the client's own clock
		}
	}
	return answer(ctx, request)
}

// TagRPC implements stats.Handler.
func (s *target) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (s *target) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (s *target) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC implements stats.Handler: it notes the header of each RPC, but for the question
// whether it counts them.
func (s *target) HandleRPC(ctx context.Context, event stats.RPCStats) {
	header, ok := event.(*stats.InHeader)
	if !ok || header.FullMethod == benchv1.Control_Snapshot_FullMethodName {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.methods[header.FullMethod]++
	if deadline, ok := ctx.Deadline(); ok {
		s.timeouts = append(s.timeouts, time.Until(deadline))
	}
	if p, ok := peer.FromContext(ctx); ok {
		var state *tls.ConnectionState
		if info, ok := p.AuthInfo.(credentials.TLSInfo); ok {
			state = &info.State
		}
		s.peers[p.Addr.String()] = state
	}
	s.note(header.Header)
}

func (s *target) note(md metadata.MD) {
	for name, values := range md {
		if s.metadata[name] == nil {
			s.metadata[name] = map[string]bool{}
		}
		for _, v := range values {
			s.metadata[name][v] = true
		}
	}
}

// rpcs is the number of RPCs that reached the server.
func (s *target) rpcs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rpcsLocked()
}

func (s *target) rpcsLocked() int {
	n := 0
	for _, k := range s.methods {
		n += k
	}
	return n
}

// waiting returns a target's hold of that long.
func waiting(d time.Duration) func(context.Context) {
	return func(ctx context.Context) {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
}

// identities are a server's and a client's certificates, and their files.
type identities struct {
	server                 *tls.Config
	ca, client, key, other string // paths; other is an authority that signed neither
}

func newIdentities(t *testing.T, names ...string) identities {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	set, other := authority(t, names...), authority(t)
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(set.CA.CertPEM)
	return identities{
		server: &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots},
		ca:     write("ca.crt", set.CA.CertPEM), other: write("other.crt", other.CA.CertPEM),
		client: write("client.crt", set.Client.CertPEM), key: write("client.key", set.Client.KeyPEM),
	}
}

func authority(t *testing.T, names ...string) certs.Set {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, SANs: names})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
