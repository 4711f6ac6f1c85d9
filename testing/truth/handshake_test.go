//go:build truth && linux

package truth

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"grpcbench/internal/certs"
	"grpcbench/internal/channel"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	serverpb "grpcbench/proto"
)

// shake is the role of a server that burns args[0] milliseconds of CPU in each
// handshake and holds up the first RPC of each connection by args[1]; it writes its
// authority to the file args[2].
func shake(args []string) error {
	burnt, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	hold, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()})
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[2], set.CA.CertPEM, 0o600); err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	config := &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		spin(time.Duration(burnt) * time.Millisecond)
		return &pair, nil
	}}
	s := grpc.NewServer(grpc.Creds(credentials.NewTLS(config)), grpc.StaticStreamWindowSize(channel.StaticWindow), grpc.StaticConnWindowSize(channel.StaticWindow))
	serverpb.RegisterServerServer(s, &holding{by: time.Duration(hold) * time.Millisecond, seen: map[string]bool{}})
	fmt.Println(l.Addr())
	go func() { untilParentEnds(); s.Stop() }()
	return s.Serve(l)
}

// spin uses CPU time by the clock of the process: beside a goroutine that works for long
// Go's scheduler works too, 2 ms in 50, which the clock of the thread does not show.
func spin(d time.Duration) {
	start, ok := probe.ProcessCPU()
	for now := start; ok && now-start < int64(d); now, ok = probe.ProcessCPU() {
	}
}

// holding holds up the first RPC of each connection.
type holding struct {
	serverpb.UnimplementedServerServer
	by time.Duration

	mu   sync.Mutex
	seen map[string]bool
}

func (h *holding) Foo(ctx context.Context, _ *serverpb.Empty) (*serverpb.Empty, error) {
	p, _ := peer.FromContext(ctx)
	h.mu.Lock()
	first := !h.seen[p.Addr.String()]
	h.seen[p.Addr.String()] = true
	h.mu.Unlock()
	if first {
		<-time.After(h.by)
	}
	return &serverpb.Empty{}, nil
}

// opened measures connections to a shake server.
func opened(f *findings, b bench, engine string, burnt, hold int) *result.Handshake {
	f.Helper()
	ca := filepath.Join(f.TempDir(), "ca.crt")
	p, address := start(f.T, "shake", strconv.Itoa(burnt), strconv.Itoa(hold), ca)
	defer p.end()
	r := b.handshake(address, "--cacert", ca, "--engine", engine, "--epochs", "2", "--handshakes", "40", "--rate", "100", "--server-pid", strconv.Itoa(p.Process.Pid))
	h := r.Arms[0].Handshake
	f.want(h.Ledger.Full == 80, "%d of %d connections made", h.Ledger.Full, h.Ledger.Planned)
	if h.Full == nil || h.Full.ServerCPU == nil || h.Full.FirstRPC == nil {
		f.Fatal("no figures")
	}
	return h.Full
}

// A server that burns 50 ms of CPU in each handshake costs 50 ms of server CPU more, and
// its TLS takes as long; nothing else is changed by it.
func TestTruthOfTheServersCPUOfAHandshake(t *testing.T) {
	b := build(t)
	eachEngine(t, func(t *testing.T, engine string) {
		measured(t, func(f *findings) {
			idle, burning := opened(f, b, engine, 0, 0), opened(f, b, engine, 50, 0)
			f.between("server CPU more, ms", (*burning.ServerCPU-*idle.ServerCPU)/1e6, 50*0.98, 50*1.02)
			f.between("TLS more, ms", ms(burning.Phases.TLS.P50)-ms(idle.Phases.TLS.P50), 45, 60)
			f.between("TCP, ms", ms(burning.Phases.Connect.P50), 0, 5)
			f.between("HTTP/2, ms", ms(burning.Phases.HTTP2.P50), 0, 5)
		})
	})
}

// A handler that holds up the first RPC of a connection by 30 ms shows in the first RPC
// alone.
func TestTruthOfTheFirstRPC(t *testing.T) {
	b := build(t)
	eachEngine(t, func(t *testing.T, engine string) {
		measured(t, func(f *findings) {
			h := opened(f, b, engine, 0, 30)
			f.between("first RPC's surcharge, ms", *h.FirstRPC/1e6, 30, 35)
			f.between("later RPC, ms", ms(h.Phases.SteadyRPC.P50), 0, 5)
			f.between("opening, ms", ms(h.Phases.Total.P50), 0, 10)
		})
	})
}

// What keys and groups cost, from connections that were opened for their own sake: an
// RSA-2048 signature at least 0.6 ms of server CPU more than one of ECDSA P-256, and, at
// full speed, where waking idle threads does not dilute it, the handshake 2.2 times as
// much; ML-KEM-768 its 1184 and 1088 bytes (FIPS 203, table 3).
func TestTruthOfKeysAndGroupsOneAtATime(t *testing.T) {
	b := build(t)
	eachEngine(t, func(t *testing.T, engine string) {
		measured(t, func(f *findings) {
			r := b.handshake("--engine", engine, "--vary", "key=p256,rsa2048", "--vary", "group=x25519,x25519mlkem768", "--epochs", "8", "--handshakes", "40", "--aa", "off")
			full := func(name string) *result.Handshake { return arm(t, r, name).Handshake.Full }
			base, rsa, hybrid := full("base"), full("key=rsa2048"), full("group=x25519mlkem768")
			f.between("bytes out of ML-KEM", hybrid.SentBytes-base.SentBytes, 1184-8, 1184+8)
			f.between("bytes in of ML-KEM", hybrid.ReceivedBytes-base.ReceivedBytes, 1088-8, 1088+8)
			f.between("server CPU of RSA-2048 more, ms", (*rsa.ServerCPU-*base.ServerCPU)/1e6, 0.6, 5)
			s, c := arm(t, r, "key=rsa2048").Handshake.Saturated, arm(t, r, "base").Handshake.Saturated
			f.between("server CPU of RSA-2048 over P-256 at full speed", *s.ServerCPU / *c.ServerCPU, 2.2, 20)
		})
	})
}
