package runner_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"grpcbench/internal/certs"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// handshakesOf is a plan of few connections in one epoch, unless args say otherwise.
func handshakesOf(t *testing.T, args ...string) plan.Plan {
	t.Helper()
	var c plan.Config
	flags := pflag.NewFlagSet("handshake", pflag.ContinueOnError)
	c.HandshakeFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	for _, start := range [][2]string{{"epochs", "1"}, {"handshakes", "4"}, {"timeout", "10s"}} {
		if !flags.Lookup(start[0]).Changed {
			if err := flags.Set(start[0], start[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	c.TargetArg = flags.Arg(0)
	p, err := c.Plan()
	if err != nil {
		t.Fatalf("handshake %q: %v", args, err)
	}
	return p
}

// wantWhole fails unless every question about the connections themselves was asked and
// answered well.
func wantWhole(t *testing.T, r result.Result) {
	t.Helper()
	codes := []string{"nothing_measured", "connections_unaccounted", "resumptions_disagree", "settings_not_observed", "connections_lost"}
	if r.Plan.Target == nil {
		codes = append(codes, "server_saw_other_handshakes")
	}
	for _, code := range codes {
		if c := checkOf(t, r, code); c.Verdict != result.Valid || c.Text != "" {
			t.Errorf("check %s: %q %s %s, want VALID", code, c.Verdict, c.Text, c.Skipped)
		}
	}
}

// Every connection is booked once, as what it was, and the server has counted the same.
func TestFullAndResumedHandshakesAreCountedExactly(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		for _, version := range []string{"1.2", "1.3"} {
			const n, epochs = 5, 2
			r := measure(t, t.Context(), handshakesOf(t, "--tls", version, "--group", "p256", "--engine", engine, "--handshakes", "5", "--epochs", "2",
				"--vary", "resumption=off,on"), runner.Options{})
			wantWhole(t, r)
			for _, a := range r.Arms {
				resumed := int64(0)
				if a.Settings.Resumption {
					resumed = n * epochs
				}
				l, total, s := a.Handshake.Ledger, a.Handshake.LedgerTotal, a.Handshake.ServerLedger
				if l.Full != n*epochs || l.Resumed != resumed || a.Observed.Resumed != resumed {
					t.Errorf("TLS %s %s: %+v, observed %d resumed, want %d full and %d resumed", version, a.Name, *l, a.Observed.Resumed, n*epochs, resumed)
				}
				if s.Full != total.Full || s.Resumed != total.Resumed || s.Accepted != total.Planned || total.OK() <= l.OK() {
					t.Errorf("TLS %s %s: server %+v, client %+v: must agree, with a saturated block", version, a.Name, *s, *total)
				}
				if secret := version == "1.3" || !a.Settings.Resumption; *a.Observed.ForwardSecrecy != secret {
					t.Errorf("TLS %s %s: forward secrecy %t, want %t", version, a.Name, *a.Observed.ForwardSecrecy, secret)
				}
				wantFigures(t, a)
			}
		}
	})
}

// wantFigures fails unless each figure of a bundled server's arm is there.
func wantFigures(t *testing.T, a result.Arm) {
	t.Helper()
	h, s := a.Handshake.Measured(), a.Handshake.Saturated
	if h.ClientCPU == nil || h.ServerCPU == nil || h.FirstRPC == nil || h.SentBytes == 0 || h.ReceivedBytes == 0 ||
		h.Phases.Total.HDR == "" || s == nil || s.Achieved <= 0 || s.PerCore == nil || s.ClientCPU == nil || s.ServerCPU == nil || s.ClientAllocs == nil || s.ServerAllocs == nil {
		t.Errorf("arm %s: a figure is missing: %+v, saturated %+v", a.Name, h, s)
	}
}

func TestPlaintextIsTheZeroLine(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		r := measure(t, t.Context(), handshakesOf(t, "--engine", engine, "--vary", "tls=off,1.3"), runner.Options{})
		wantWhole(t, r)
		off, secure := r.Arms[0], r.Arms[1]
		if h := off.Handshake.Full; h.TLS != 0 || *h.Phases.TLS.Max != 0 || off.Observed.ForwardSecrecy != nil {
			t.Errorf("plaintext has TLS: %+v", h)
		}
		if secure.Handshake.Full.TLS == 0 || secure.Handshake.Full.SentBytes < off.Handshake.Full.SentBytes+1000 {
			t.Errorf("TLS shows in nothing: %+v", secure.Handshake.Full)
		}
	})
}

// A key share of ML-KEM-768 is 1184 bytes more from the client, and its ciphertext 1088
// more from the server (FIPS 203, table 3; both beside the X25519 share of 32 bytes).
func TestTheHybridGroupCostsItsBytes(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		r := measure(t, t.Context(), handshakesOf(t, "--engine", engine, "--handshakes", "20", "--vary", "group=x25519,x25519mlkem768"), runner.Options{})
		wantWhole(t, r)
		plain, hybrid := r.Arms[0].Handshake.Full, r.Arms[1].Handshake.Full
		if up := hybrid.SentBytes - plain.SentBytes; up < 1184-8 || up > 1184+8 {
			t.Errorf("%.1f bytes more out, want 1184 ± 8", up)
		}
		if down := hybrid.ReceivedBytes - plain.ReceivedBytes; down < 1088-8 || down > 1088+8 {
			t.Errorf("%.1f bytes more in, want 1088 ± 8", down)
		}
	})
}

func TestMutualTLSIsSeenByTheServer(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	r := measure(t, t.Context(), handshakesOf(t, "--vary", "mtls=off,on"), runner.Options{})
	wantWhole(t, r)
	if r.Arms[0].Observed.ClientCertificate || !r.Arms[1].Observed.ClientCertificate {
		t.Errorf("client certificates %t and %t, want only the second", r.Arms[0].Observed.ClientCertificate, r.Arms[1].Observed.ClientCertificate)
	}
}

// moody is a server's TLS that from a connection on does something else.
type moody struct {
	credentials.TransportCredentials
	after  int64 // connections that are served well
	begun  *atomic.Int64
	mood   func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error)
	config *tls.Config
}

func (m moody) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if m.begun.Add(1) > m.after {
		return m.mood(m, raw)
	}
	return m.TransportCredentials.ServerHandshake(raw)
}

func (m moody) Clone() credentials.TransportCredentials {
	m.TransportCredentials = m.TransportCredentials.Clone()
	return m
}

// newMoody is a target, and the file of its authority.
func newMoody(t *testing.T, after int64, config *tls.Config, mood func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error)) (addr, ca string, begun *atomic.Int64) {
	t.Helper()
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		t.Fatal(err)
	}
	ca = filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, set.CA.CertPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	m := moody{TransportCredentials: credentials.NewTLS(config), after: after, begun: &atomic.Int64{}, mood: mood, config: config}
	return newTarget(t, nil, grpc.Creds(m)).addr, ca, m.begun
}

// mute finishes TLS and says nothing from then on.
func mute(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := m.TransportCredentials.ServerHandshake(raw)
	return mutedConn{conn}, info, err
}

type mutedConn struct{ net.Conn }

func (m mutedConn) Write(b []byte) (int, error) { return len(b), nil }

// reset ends the connection in the middle of its handshake.
func reset(_ moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	var hello [16]byte
	_, _ = raw.Read(hello[:])
	if tcp, ok := raw.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset instead of an end
	}
	_ = raw.Close()
	return nil, nil, errors.New("reset")
}

// expired shows a certificate of yesterday.
func expired(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	set, err := certs.Authority(certs.Options{Key: certs.P256, Days: 1, Now: time.Now().Add(-72 * time.Hour)})
	if err != nil {
		return nil, nil, err
	}
	pair, err := tls.X509KeyPair(set.Server.CertPEM, set.Server.KeyPEM)
	if err != nil {
		return nil, nil, err
	}
	return credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{pair}}).ServerHandshake(raw)
}

// What a server does from its second connection on is a class of its own in the account,
// and nothing waits for longer than the timeout.
//
//	fault:   a server that from some connection on falls silent after TLS, resets in the handshake, or shows an expired certificate
//	promise: each connection is accounted for once, by class; INVALID; a silent server ends the run after three timeouts
//	figure:  3 connections made before, the others failed
func TestConnectionsThatFailAreBookedByClass(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for name, c := range map[string]struct {
		mood   func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error)
		class  string
		failed int64
	}{
		"silent after TLS": {mute, "TIMEOUT_SETTINGS", 3},
		"reset":            {reset, "CONNECTION_RESET", 5},
		"expired":          {expired, "CERTIFICATE_EXPIRED", 5},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				const made = 3
				addr, ca, begun := newMoody(t, 1+made, &tls.Config{}, c.mood) // the preflight's is one more
				timeout := "10s"
				if c.failed == 3 {
					timeout = "1s"
				}
				r := measure(t, t.Context(), handshakesOf(t, addr, "--cacert", ca, "--engine", engine, "--handshakes", "8", "--rate", "1000", "--timeout", timeout), runner.Options{})
				l := r.Arms[0].Handshake.Ledger
				if l.Full != made || l.Failed[c.class] != c.failed || l.Failures() != c.failed || l.Check() != nil || l.Planned != 8 {
					t.Errorf("%+v, want %d made and %d of class %s", *l, made, c.failed, c.class)
				}
				if n := begun.Load(); n != 1+l.OK()+l.Failures() {
					t.Errorf("the server saw %d connections begun, want those of the account and the preflight's", n)
				}
				if check := checkOf(t, r, "connections_lost"); check.Verdict != result.Invalid || !strings.Contains(check.Text, c.class) {
					t.Errorf("connections_lost: %s %s, want INVALID with the class", check.Verdict, check.Text)
				}
				if gaveUp := r.Failure != ""; gaveUp != (c.failed == 3) {
					t.Errorf("failure %q", r.Failure)
				}
				if check := checkOf(t, r, "connections_unaccounted"); check.Verdict != result.Valid {
					t.Errorf("connections_unaccounted: %s", check.Text)
				}
			})
		})
	}
}

// A server that stops resuming sessions after the preflight is found by the counts.
func TestARefusedResumptionIsInvalid(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		full := func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
			config := m.config.Clone()
			config.SessionTicketsDisabled = true
			return credentials.NewTLS(config).ServerHandshake(raw)
		}
		addr, ca, _ := newMoody(t, 2, &tls.Config{}, full)
		r := measure(t, t.Context(), handshakesOf(t, addr, "--cacert", ca, "--engine", engine, "--resumption", "on", "--rate", "1000"), runner.Options{})
		c := checkOf(t, r, "resumptions_disagree")
		if c.Verdict != result.Invalid || !strings.Contains(c.Text, "8 full and 0 resumed connections, must be 4 and 4") || r.Verdict != result.Invalid {
			t.Errorf("%s %q, result %s", c.Verdict, c.Text, r.Verdict)
		}
	})
}

// What a server does not do is said before anything is measured, with what it does.
//
//	fault:   no SETTINGS after TLS; reset; no tickets; a group or a version that it does not speak
//	promise: refused before anything is measured, with the flag to change and what the server offers
//	figure:  no result
func TestWhatAServerDoesNotOfferIsNamedBeforehand(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	fine := func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
		return m.TransportCredentials.ServerHandshake(raw)
	}
	for name, c := range map[string]struct {
		config *tls.Config
		mood   func(m moody, raw net.Conn) (net.Conn, credentials.AuthInfo, error)
		args   []string
		says   []string
	}{
		"no SETTINGS": {config: &tls.Config{}, mood: mute, args: []string{"--timeout", "300ms"}, says: []string{"no HTTP/2 SETTINGS within 300ms (raise --timeout, or check TARGET: ", "before its HTTP/2 SETTINGS", "no HTTP/2 SETTINGS within 300ms (raise --timeout"}},
		"reset":       {config: &tls.Config{}, mood: reset, says: []string{"connect to"}},
		"no tickets": {config: &tls.Config{SessionTicketsDisabled: true}, mood: fine, args: []string{"--resumption", "on"},
			says: []string{"gives no session ticket for TLS 1.3", "--resumption off"}},
		"no tickets for 1.2": {config: &tls.Config{SessionTicketsDisabled: true}, mood: fine, args: []string{"--resumption", "on", "--tls", "1.2"},
			says: []string{"gives no session ticket for TLS 1.2", "--resumption off"}},
		"group": {config: &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP256, tls.X25519MLKEM768}}, mood: fine, args: []string{"--group", "x25519"},
			says: []string{"connect to ", "does not agree to the group x25519 (change --group): it offers p256, x25519mlkem768: remote error"}},
		"version": {config: &tls.Config{MaxVersion: tls.VersionTLS12}, mood: fine, args: []string{"--tls", "1.3"},
			says: []string{"connect to ", "does not speak TLS 1.3 (change --tls): it offers TLS 1.2: remote error"}},
		"other version": {config: &tls.Config{MinVersion: tls.VersionTLS13}, mood: fine, args: []string{"--tls", "1.2"},
			says: []string{"does not speak TLS 1.2 (change --tls): it offers TLS 1.3: remote error"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				addr, ca, _ := newMoody(t, 0, c.config.Clone(), c.mood)
				p := handshakesOf(t, append([]string{addr, "--cacert", ca, "--engine", engine}, c.args...)...)
				_, err := runner.Run(t.Context(), p, runner.Options{Command: newChildren(t).command(t)})
				if !errors.Is(err, runner.ErrPreflight) {
					t.Fatalf("%v, want a refusal of the preflight", err)
				}
				for _, word := range c.says {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("%q: must say %q", err, word)
					}
				}
			})
		})
	}
}

// An interrupt keeps what was measured, and what was not begun is said.
func TestAnInterruptedHandshakeRunKeepsItsAccount(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	p := handshakesOf(t, "--handshakes", "10000", "--tls", "1.3")
	o := runner.Options{Progress: func(p runner.Progress) {
		if p.Step == "connecting" {
			time.AfterFunc(300*time.Millisecond, func() { cancel(errStop) })
		}
	}}
	r := measure(t, ctx, p, o)
	l := r.Arms[0].Handshake.Ledger
	if l.OK() == 0 || l.NotStarted == 0 || l.Check() != nil || r.Verdict != result.Partial {
		t.Errorf("%+v, %s: want some made, others not started, PARTIAL", *l, r.Verdict)
	}
}
