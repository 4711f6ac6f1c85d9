package ui

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// one is a listener of a single connection, at a loopback address.
type one struct {
	conn   chan net.Conn
	closed chan struct{}
}

func (l one) Accept() (net.Conn, error) {
	select {
	case c := <-l.conn:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}
func (l one) Close() error { close(l.closed); return nil }
func (l one) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:1337"))
}

// TestWhoeverIsSlowIsCutOff: half a header for ever, and an answer that nobody reads.
func TestWhoeverIsSlowIsCutOff(t *testing.T) {
	for name, of := range map[string]struct {
		says string
		most time.Duration
	}{
		"half a header":        {"GET / HTTP/1.1\r\nHost: 127", 5 * time.Second},
		"nothing":              {"", 5 * time.Second},
		"an answer left there": {"GET /report.css HTTP/1.1\r\nHost: 127.0.0.1:1337\r\n\r\n", 60 * time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, err := New(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			l := one{make(chan net.Conn), make(chan struct{})}
			ended := make(chan error)
			go func() { ended <- s.Serve(ctx, l) }()
			client, server := net.Pipe()
			begun := time.Now()
			closed := make(chan time.Duration, 1)
			l.conn <- watched{server, func() { closed <- time.Since(begun) }}
			if _, err := io.WriteString(client, of.says); err != nil {
				t.Fatal(err)
			}
			if took := <-closed; took > of.most+time.Second {
				t.Errorf("%s: closed after %v, want %v", name, took, of.most)
			}
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
}

// watched says when a connection is closed for the first time.
type watched struct {
	net.Conn
	closed func()
}

func (w watched) Close() error { w.closed(); return w.Conn.Close() }

// TestOnlySoMuchIsMadeAtOnce: who has to wait too long is told so, and no part is made
// for one who is gone.
func TestOnlySoMuchIsMadeAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := New(t.TempDir(), nil)
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		most, now := 0, 0
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			now += n
			most = max(most, now)
		}
		wait := make(chan struct{})
		h := s.part(func(w io.Writer, _ url.Values) error {
			count(1)
			<-wait
			count(-1)
			return nil
		})
		codes := make(chan int)
		for range 5 {
			go func() {
				w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/part/runs", nil)
				r.Header.Set(tokenHeader, s.token)
				h.ServeHTTP(w, r)
				codes <- w.Code
			}()
		}
		for range 3 {
			if code := <-codes; code != http.StatusServiceUnavailable {
				t.Errorf("code %d, want 503", code)
			}
		}
		close(wait)
		for range 2 {
			if code := <-codes; code != http.StatusOK {
				t.Errorf("code %d, want 200", code)
			}
		}
		if most != maxParts {
			t.Errorf("%d at once, want %d", most, maxParts)
		}
	})
}

// TestAMistakeEndsTheAnswerAlone.
func TestAMistakeEndsTheAnswerAlone(t *testing.T) {
	s, err := New(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := s.part(func(io.Writer, url.Values) error { var none []int; _ = none[len(none)]; return nil })
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/part/runs", nil)
	r.Header.Set(tokenHeader, s.token)
	h.ServeHTTP(w, r)
	if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "grpc-bench made a mistake with this") {
		t.Errorf("%d %q", w.Code, w.Body)
	}
	if len(s.busy) != 0 {
		t.Error("its place is still taken")
	}
}
