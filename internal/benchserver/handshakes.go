package benchserver

import (
	"cmp"
	"crypto/tls"
	"net"
	"slices"
	"sync"

	"google.golang.org/grpc/credentials"

	benchv1 "grpcbench/proto/bench/v1"
)

// handshakes counts TLS handshakes and what they agreed on. The zero value is
// ready; it is safe for concurrent use.
type handshakes struct {
	mu     sync.Mutex
	failed uint64
	agreed map[agreement]uint64
}

// agreement is what one handshake ended with.
type agreement struct {
	version, cipher uint16
	group           tls.CurveID // 0: not known
	alpn            string
	resumed         bool
	clientAuth      bool
}

func (h *handshakes) add(info credentials.AuthInfo) {
	t, ok := info.(credentials.TLSInfo)
	if !ok {
		return
	}
	a := agreement{
		version:    t.State.Version,
		cipher:     t.State.CipherSuite,
		group:      t.State.CurveID,
		alpn:       t.State.NegotiatedProtocol,
		resumed:    t.State.DidResume,
		clientAuth: len(t.State.PeerCertificates) > 0,
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.agreed == nil {
		h.agreed = map[agreement]uint64{}
	}
	h.agreed[a]++
}

func (h *handshakes) fail() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.failed++
}

// count fills the handshakes of c.
func (h *handshakes) count(c *benchv1.Connections) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c.HandshakesFailed = h.failed
	for a, n := range h.agreed {
		if a.resumed {
			c.HandshakesResumed += n
		} else {
			c.HandshakesFull += n
		}
	}
}

// parameters returns the agreements, the most frequent first.
func (h *handshakes) parameters() []*benchv1.TlsParameters {
	h.mu.Lock()
	defer h.mu.Unlock()
	var out []*benchv1.TlsParameters
	for a, n := range h.agreed {
		p := &benchv1.TlsParameters{
			Version:           tls.VersionName(a.version),
			Cipher:            tls.CipherSuiteName(a.cipher),
			Alpn:              a.alpn,
			Resumed:           a.resumed,
			ClientCertificate: a.clientAuth,
			Count:             n,
		}
		if a.group != 0 {
			p.Group = a.group.String()
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b *benchv1.TlsParameters) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.String(), b.String()))
	})
	return out
}

// observedTLS counts the handshakes of the credentials it holds.
type observedTLS struct {
	credentials.TransportCredentials
	handshakes *handshakes
}

// ServerHandshake implements credentials.TransportCredentials.
func (o *observedTLS) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	c, info, err := o.TransportCredentials.ServerHandshake(raw)
	if err != nil {
		o.handshakes.fail()
		return nil, nil, err
	}
	o.handshakes.add(info)
	return c, info, nil
}

// Clone implements credentials.TransportCredentials.
func (o *observedTLS) Clone() credentials.TransportCredentials {
	return &observedTLS{TransportCredentials: o.TransportCredentials.Clone(), handshakes: o.handshakes}
}
