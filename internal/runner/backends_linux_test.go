package runner_test

import (
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// names answers every question about an IPv4 address by addresses, the first of them
// another one each time if it turns.
func names(t *testing.T, turns bool, addresses ...string) (addr string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	ended.Go(func() {
		question := make([]byte, 512)
		for asked := 0; ; {
			n, from, err := c.ReadFrom(question)
			if err != nil {
				return
			}
			const ofIPv4 = 1
			end := 12
			for question[end] != 0 {
				end += 1 + int(question[end])
			}
			end += 5
			answer := append([]byte{}, question[:min(n, end)]...)
			answer[2], answer[3] = 0x85, 0x80 // an answer with authority; no error (RFC 1035, 4.1.1)
			clear(answer[6:12])
			if answer[end-3] == ofIPv4 {
				answer[7] = byte(len(addresses))
				for i := range addresses {
					answer = append(answer, 0xc0, 12, 0, ofIPv4, 0, 1, 0, 0, 0, 0, 0, 4) // the name asked for, 0 s
					answer = append(answer, netip.MustParseAddr(addresses[(i+asked)%len(addresses)]).AsSlice()...)
				}
				if turns {
					asked++
				}
			}
			_, _ = c.WriteTo(answer, from) // one that is lost is asked for again
		}
	})
	t.Cleanup(func() { _ = c.Close(); ended.Wait() })
	return c.LocalAddr().String()
}

// alias passes connections to an address of 127.0.0.0/8 on to the same port of 127.0.0.1.
func alias(t *testing.T, host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		t.Fatal(err)
	}
	var ended sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}
	ended.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			to, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
			if err != nil {
				_ = from.Close()
				continue
			}
			ended.Go(func() { pass(to, from) })
			ended.Go(func() { pass(from, to) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); ended.Wait() })
}

// Which address of a name each connection went to is stored, of the first ones, of those
// that take their place and of those after a loss, and the addresses that none reached.
func TestEachConnectionIsCountedAtTheAddressItReached(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	one := func(args ...string) plan.Plan { return planOf(t, append(args, "--window", "300ms")...) }
	opened := func(args ...string) plan.Plan { return handshakesOf(t, args...) }
	for name, of := range map[string]struct {
		plan    func(args ...string) plan.Plan
		args    []string
		names   []string
		turns   bool // the first address is another one each time
		aliases []string
		aged    bool // the server ends its connections
		reached int  // addresses
	}{
		"an address refuses":       {plan: one, names: []string{"127.0.0.3", "127.0.0.1"}, reached: 1},
		"the first one answers":    {plan: one, names: []string{"127.0.0.1", "127.0.0.2"}, aliases: []string{"127.0.0.2"}, reached: 1},
		"one address":              {plan: one, names: []string{"127.0.0.1"}, reached: 1},
		"names that turn":          {plan: one, names: []string{"127.0.0.1", "127.0.0.2"}, turns: true, aliases: []string{"127.0.0.2"}, reached: 2},
		"two of three":             {plan: one, names: []string{"127.0.0.3", "127.0.0.2", "127.0.0.1"}, turns: true, aliases: []string{"127.0.0.2"}, reached: 2},
		"replaced by rate":         {plan: one, args: []string{"--churn", "20/s"}, names: []string{"127.0.0.1", "127.0.0.2"}, turns: true, aliases: []string{"127.0.0.2"}, reached: 2},
		"replaced by RPCs":         {plan: one, args: []string{"--max-rpcs-per-connection", "10"}, names: []string{"127.0.0.1", "127.0.0.2"}, reached: 1},
		"lost":                     {plan: one, aged: true, names: []string{"127.0.0.1", "127.0.0.2"}, turns: true, aliases: []string{"127.0.0.2"}, reached: 2},
		"lost, one address":        {plan: one, aged: true, names: []string{"127.0.0.1", "127.0.0.2"}, reached: 1},
		"several epochs":           {plan: one, args: []string{"--epochs", "2"}, names: []string{"127.0.0.1", "127.0.0.2"}, reached: 1},
		"handshakes":               {plan: opened, names: []string{"127.0.0.1", "127.0.0.2"}, reached: 1},
		"handshakes, names turn":   {plan: opened, names: []string{"127.0.0.1", "127.0.0.2"}, turns: true, aliases: []string{"127.0.0.2"}, reached: 2},
		"one connection, two left": {plan: one, args: []string{"--connections", "1"}, names: []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"}, reached: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				var options []grpc.ServerOption
				if of.aged {
					options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 50 * time.Millisecond}))
				}
				s := newTarget(t, nil, options...)
				_, port, err := net.SplitHostPort(s.addr)
				if err != nil {
					t.Fatal(err)
				}
				for _, host := range of.aliases {
					alias(t, host, port)
				}
				c := newChildren(t)
				if err := os.WriteFile(filepath.Join(c.notes, resolver), []byte(names(t, of.turns, of.names...)), 0o600); err != nil {
					t.Fatal(err)
				}
				p := of.plan(append(of.args, "--tls", "off", "--engine", engine, net.JoinHostPort("multi.test", port))...)
				r := measure(t, t.Context(), p, runner.Options{Command: c.command(t)})
				a := r.Arms[0]
				want := int64(a.Settings.Connections*len(a.Epochs)) + a.Observed.Reconnects
				if o := a.Observed.Replaced; o != nil {
					want += o.Opened
				}
				if a.Handshake != nil && a.Handshake.Ledger != nil {
					want = a.Handshake.Ledger.OK()
				}
				reached, made := 0, int64(0)
				for _, b := range a.Observed.Backends {
					made += b.Connections
					if b.Connections > 0 {
						reached++
					}
				}
				if made != want || reached != of.reached || len(a.Observed.Backends) != len(of.names) {
					t.Errorf("%+v, want %d connections to %d of %v", a.Observed.Backends, want, of.reached, of.names)
				}
				if of.aged && a.Observed.Reconnects == 0 {
					t.Error("no connection was lost")
				}
			})
		})
	}
}

// The address of a TARGET that is no name is stored as any other; servers of the run's own
// have none.
func TestAnAddressThatIsNoNameIsStored(t *testing.T) {
	lane.Long(t, "starts processes")
	eachEngine(t, func(t *testing.T, engine string) {
		s := newTarget(t, nil)
		r := measure(t, t.Context(), planOf(t, "--tls", "off", "--engine", engine, s.addr), runner.Options{})
		want := result.Backend{Address: s.addr, Connections: 4}
		if got := r.Arms[0].Observed.Backends; len(got) != 1 || got[0] != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		r = measure(t, t.Context(), planOf(t, "--tls", "off", "--engine", engine), runner.Options{})
		if got := r.Arms[0].Observed.Backends; got != nil {
			t.Errorf("a bundled server: %+v, want none", got)
		}
	})
}
