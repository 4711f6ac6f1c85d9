package channel

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/address"
)

// Endpoint is where connections are made to, and how.
type Endpoint struct {
	Address string        // see package address
	TLS     *tls.Config   // nil: plaintext
	Timeout time.Duration // of TCP, TLS and HTTP/2 together; 0: 5 s
	// TimeoutFlag is the flag that sets Timeout, which sentences name; "":
	// --connect-timeout.
	TimeoutFlag string
	Dialer      Dialer // nil: net.Dialer
}

// Limit is the time that a connection has: the timeout, or its default.
func (e Endpoint) Limit() time.Duration { return cmp.Or(e.Timeout, defaultTimeout) }

// Flag is the flag that sets it.
func (e Endpoint) Flag() string { return cmp.Or(e.TimeoutFlag, "--connect-timeout") }

// Diagnose has err, that of Open or Attempt, say what the server does not take, if the TLS
// handshake had no answer or was cut off. Any other error it returns as it is. A ClientHello
// with a post-quantum key share needs two packets, which some servers and middleboxes do
// not take: one more handshake, with x25519 alone, finds out, on a connection that is used
// for nothing else and counted nowhere. It takes at most the timeout.
func Diagnose(ctx context.Context, err error, e Endpoint) error {
	var told explained
	if e.TLS == nil || ctx.Err() != nil || !errors.As(err, &told) || !cutOff(told.cause) {
		return err
	}
	chosen := len(e.TLS.CurvePreferences) > 0
	completes := postQuantum(e.TLS) && e.completesWithX25519(ctx)
	switch {
	case completes && chosen:
		told.advice = "the server may not have this group, or it or a middlebox cannot take a ClientHello of two packets " +
			"(change --group): with --group x25519 the handshake completes"
	case completes:
		told.advice = "the server or a middlebox cannot take a ClientHello of two packets, which the post-quantum key share (X25519MLKEM768) makes: " +
			"with x25519 alone the handshake completes (use --group x25519)"
	case chosen:
		told.advice = "the server may not have this group (change --group); " + told.advice
	}
	return told
}

// cutOff says whether an error is that of a TLS handshake in which the server was silent,
// or that it ended without a word.
func cutOff(cause error) bool {
	var dial *net.OpError
	var after opened
	if errors.As(cause, &after) || errors.Is(cause, ErrNoSettings) || errors.As(cause, &dial) && dial.Op == "dial" {
		return false
	}
	class := Class(cause)
	return class == TimeoutTLS || class == Reset
}

// postQuantum says whether the ClientHello of c has a post-quantum key share, which a
// setting of Go can leave out.
func postQuantum(c *tls.Config) bool {
	return !strings.Contains(os.Getenv("GODEBUG"), "tlsmlkem=0") && (c.MaxVersion == 0 || c.MaxVersion >= tls.VersionTLS13) &&
		(len(c.CurvePreferences) == 0 || slices.Contains(c.CurvePreferences, tls.X25519MLKEM768))
}

// completesWithX25519 reports whether a TLS handshake that offers this group alone ends
// well, as seen from here. Who the server is, is not asked, and nothing of the user's is
// shown to it.
func (e Endpoint) completesWithX25519(ctx context.Context) bool {
	config := e.TLS.Clone()
	config.CurvePreferences = []tls.CurveID{tls.X25519}
	config.InsecureSkipVerify, config.VerifyConnection, config.VerifyPeerCertificate = true, nil, nil
	config.Certificates, config.GetClientCertificate, config.ClientSessionCache = nil, nil, nil
	ctx, cancel := context.WithTimeout(ctx, e.Limit())
	defer cancel()
	return shakes(ctx, e, config)
}

// shakes reports whether a TLS handshake of a configuration ends well, as seen from here.
func shakes(ctx context.Context, e Endpoint, config *tls.Config) bool {
	config.NextProtos = []string{"h2"}
	if config.ServerName == "" {
		config.ServerName = address.Host(e.Address) // what is no host:port is not dialled either
	}
	conn, _, err := e.Dialer.dial(ctx, e.Address)
	if err != nil {
		return false
	}
	defer conn.Close()
	return tls.Client(conn, config).HandshakeContext(ctx) == nil
}
