package runner_test

import (
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"grpcbench/internal/channel"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/internal/wire"
	serverpb "grpcbench/proto"
	"grpcbench/testing/lane"
)

// socket has s serve on a Unix socket, too, and returns its path.
func (s *target) socket(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") // a path of a test's own may be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	s.listen(t, path)
	return path
}

// listen has s serve on a Unix socket, too: at a path, or an abstract one as @NAME.
func (s *target) listen(t *testing.T, at string) {
	t.Helper()
	l, err := net.Listen("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.server.Serve(l) }()
	t.Cleanup(func() {
		s.stop()
		if err := <-served; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			t.Errorf("Serve: %v", err)
		}
	})
}

// A Unix socket is a TARGET as any other, to both engines: the connections are told apart,
// those that take the place of others too, the server is on this machine, and what is sent
// is what TCP would carry.
func TestAUnixSocketIsATarget(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	one := func(args ...string) plan.Plan { return planOf(t, append(args, "--window", "300ms")...) }
	opened := func(args ...string) plan.Plan { return handshakesOf(t, args...) }
	for name, of := range map[string]struct {
		plan      func(args ...string) plan.Plan
		args      []string
		scheme    string
		secure    bool
		aged      bool
		authority string
	}{
		"unix:PATH":           {plan: one, scheme: "unix:", authority: "localhost"},
		"unix:///PATH":        {plan: one, scheme: "unix://", authority: "localhost"},
		"authority":           {plan: one, scheme: "unix:", args: []string{"--authority", "api.test:1"}, authority: "api.test:1"},
		"one connection":      {plan: one, scheme: "unix:", args: []string{"--connections", "1"}, authority: "localhost"},
		"many":                {plan: one, scheme: "unix:", args: []string{"--connections", "50"}, authority: "localhost"},
		"TLS":                 {plan: one, scheme: "unix:", secure: true, authority: "localhost"},
		"TLS 1.2":             {plan: one, scheme: "unix:", secure: true, args: []string{"--tls", "1.2"}, authority: "localhost"},
		"server name":         {plan: one, scheme: "unix:", secure: true, args: []string{"--server-name", "api.test"}, authority: "api.test"},
		"resumption":          {plan: one, scheme: "unix:", secure: true, args: []string{"--resumption", "on"}, authority: "localhost"},
		"churn":               {plan: one, scheme: "unix:", args: []string{"--churn", "20/s"}, authority: "localhost"},
		"RPCs":                {plan: one, scheme: "unix:", args: []string{"--max-rpcs-per-connection", "10"}, authority: "localhost"},
		"lost":                {plan: one, scheme: "unix:", aged: true, authority: "localhost"},
		"closed loop":         {plan: one, scheme: "unix:", args: []string{"--loop", "closed", "--concurrency", "8"}, authority: "localhost"},
		"a large message":     {plan: one, scheme: "unix:", args: []string{"--payload", "1MiB", "--rate", "20"}, authority: "localhost"},
		"two epochs":          {plan: one, scheme: "unix:", args: []string{"--epochs", "2"}, authority: "localhost"},
		"abstract":            {plan: one, scheme: "unix-abstract:", authority: "localhost"},
		"abstract, TLS":       {plan: one, scheme: "unix-abstract:", secure: true, args: []string{"--churn", "20/s"}, authority: "localhost"},
		"abstract handshakes": {plan: opened, scheme: "unix-abstract:", secure: true, authority: "localhost"},
		"handshakes":          {plan: opened, scheme: "unix:", secure: true, authority: "localhost"},
		"handshakes, tls off": {plan: opened, scheme: "unix:", authority: "localhost"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				var options []grpc.ServerOption
				if of.aged {
					options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 50 * time.Millisecond}))
				}
				args := append([]string{"--engine", engine}, of.args...)
				var config *tls.Config
				if of.secure {
					id := newIdentities(t, "localhost", "api.test")
					config, args = id.server, append(args, "--cacert", id.ca)
				} else {
					args = append(args, "--tls", "off")
				}
				s := newTarget(t, config, options...)
				path := s.socket(t)
				reached := "unix:" + path
				if of.scheme == "unix-abstract:" {
					s.listen(t, "@"+path)
					reached = of.scheme + path
				}
				r := measure(t, t.Context(), of.plan(append(args, of.scheme+path)...), runner.Options{})
				a := r.Arms[0]
				if c := checkOf(t, r, "settings_not_observed"); c.Verdict != result.Valid {
					t.Errorf("settings not observed: %s%s", c.Text, c.Skipped)
				}
				if of.aged && a.Observed.Reconnects == 0 {
					t.Error("no connection was lost")
				}
				if l := a.LedgerTotal; a.Handshake.Ledger == nil && (l.OK == 0 || l.OK != l.Started) {
					t.Errorf("ledger %+v, want every RPC ok", l)
				}
				if o := a.Observed; o.Local == nil || !*o.Local || len(o.Backends) != 1 || o.Backends[0].Address != reached || o.Backends[0].Connections == 0 {
					t.Errorf("local %v, backends %+v, want the socket of this machine", o.Local, o.Backends)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if got := s.metadata[":authority"]; !maps.Equal(got, map[string]bool{of.authority: true}) {
					t.Errorf(":authority %v, want %s", got, of.authority)
				}
			})
		})
	}
}

// What goes over a Unix socket is counted as it is by TCP, byte for byte.
func TestAUnixSocketCarriesTheBytesOfTCP(t *testing.T) {
	s := newTarget(t, nil, grpc.InitialWindowSize(1<<20), grpc.InitialConnWindowSize(1<<20)) // it probes nothing
	path := s.socket(t)
	var rpcs [2][2]int64
	var opening [2]int64
	for i, to := range []string{s.addr, "unix:" + path} {
		c, err := channel.Open(t.Context(), channel.Options{Address: to, Authority: "a"})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 20 {
			if _, err := serverpb.NewServerClient(c).Foo(t.Context(), &serverpb.Empty{}); err != nil {
				t.Fatal(err)
			}
		}
		rpcs[i][0], rpcs[i][1] = c.Bytes()
		w, err := wire.Open(t.Context(), wire.Options{Address: to, Authority: "a"})
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		opening[i] = w.Connections()[0].Sent
	}
	if rpcs[0] != rpcs[1] || rpcs[0][0] == 0 {
		t.Errorf("20 RPCs sent and received %d B by TCP, %d by a Unix socket", rpcs[0], rpcs[1])
	}
	if opening[0] != opening[1] || opening[0] == 0 {
		t.Errorf("opening a connection sent %d B by TCP, %d by a Unix socket", opening[0], opening[1])
	}
}

// A path where nothing listens is named before any load.
//
//	fault:   a Unix socket that is not there, is a file or a folder, or is of a server that has ended
//	promise: refused before anything is measured, with the path and what to check
//	figure:  0 RPCs
func TestAUnixSocketThatCannotBeReachedIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	dir := t.TempDir()
	left := filepath.Join(dir, "left")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: left, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, engine := range []string{plan.GRPC, plan.Wire} {
		err := refusal(t, engine, []string{"--tls", "off", "unix-abstract:" + file})
		if !strings.Contains(err.Error(), "unix-abstract:"+file+": nothing listens there (check TARGET)") {
			t.Errorf("%s: %v", engine, err)
		}
	}
	for _, of := range []struct{ path, want string }{
		{filepath.Join(dir, "none"), "there is no such socket (check TARGET)"},
		{filepath.Join(dir, "none", "s"), "there is no such socket (check TARGET)"},
		{left, "nothing listens there (check TARGET)"},
		{file, "nothing listens there (check TARGET)"},
		{dir, "nothing listens there (check TARGET)"},
	} {
		for _, engine := range []string{plan.GRPC, plan.Wire} {
			err := refusal(t, engine, []string{"--tls", "off", "unix:" + of.path})
			if !strings.Contains(err.Error(), of.want) || !strings.Contains(err.Error(), "unix:"+of.path) {
				t.Errorf("%s: %v, want a refusal with %q", engine, err, of.want)
			}
		}
	}
}
