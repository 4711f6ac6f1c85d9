package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Causes for which there is advice, beside those of the system and of TLS.
var (
	errSilent     = errors.New("no answer")
	ErrSilentTLS  = errors.New("no answer to the TLS handshake")
	ErrNotHTTP2   = errors.New("what the server sends is not HTTP/2")
	ErrNoALPN     = errors.New("the server chose no protocol")
	ErrNoSettings = errors.New("no HTTP/2 SETTINGS came")
)

// opened is an error of a connection that was there, with TLS if secure.
type opened struct {
	error
	secure bool
}

func (o opened) Unwrap() error { return o.error }

// Opened is err as one that came after made, when TLS was over and HTTP/2 was to follow:
// what explains it is not what explains one of the TLS handshake.
func Opened(made Connection, err error) error { return opened{err, made.State != nil} }

// explained says in one sentence why a connection could not be made and which flag to
// change.
type explained struct {
	address, advice string // advice "": there is none
	cause           error
}

func (e explained) Error() string {
	if e.advice == "" {
		return fmt.Sprintf("connect to %s: %s", e.address, e.why())
	}
	return fmt.Sprintf("connect to %s: %s: %s", e.address, e.advice, e.why())
}

// why is the cause in words. How a connection ended before its SETTINGS has the same words
// whichever of reading and writing found it: a reset that a write was told of is an end to
// the read after it, and a server that closes with bytes unread resets.
func (e explained) why() string {
	var after opened
	is := func(those ...error) bool {
		return slices.ContainsFunc(those, func(one error) bool { return errors.Is(e.cause, one) })
	}
	switch {
	case !errors.As(e.cause, &after) || is(ErrNotHTTP2, context.Canceled):
		return e.cause.Error()
	case is(context.DeadlineExceeded):
		return "the server fell silent before its HTTP/2 SETTINGS"
	case is(io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, ErrNoSettings):
		return "the server ended the connection before its HTTP/2 SETTINGS"
	}
	return e.cause.Error()
}

func (e explained) Unwrap() error { return e.cause }

func explain(e Endpoint, cause error) error {
	return explained{e.Address, advise(cause, e), cause}
}

func advise(cause error, e Endpoint) string {
	if s := adviseCertificate(cause, e); s != "" {
		return s
	}
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var dial *net.OpError
	var after opened
	var odd *misfit
	switch text := cause.Error(); {
	case errors.Is(cause, syscall.ECONNREFUSED):
		return "nothing listens there (check TARGET)"
	case errors.As(cause, &dial) && dial.Op == "dial" && errors.Is(cause, syscall.ECONNRESET):
		return "the connection was reset as soon as it was made (check TARGET)"
	case errors.As(cause, &dial) && dial.Op == "dial" && errors.Is(cause, syscall.ENOENT):
		return "there is no such socket (check TARGET)"
	case errors.As(cause, &dial) && dial.Op == "dial" && errors.Is(cause, syscall.EAGAIN):
		return "as many connections as the server's backlog has wait to be accepted (use fewer --connections, or raise the backlog)"
	case errors.As(cause, &record):
		return "the server does not speak TLS (use --tls off)"
	case errors.As(cause, &alert) || strings.Contains(text, "remote error: tls:"):
		return adviseAlert(text)
	case errors.Is(cause, ErrNoALPN):
		return "the server chose no protocol by ALPN (check TARGET; if it speaks HTTP/2 nonetheless, use --allow-no-alpn)"
	case strings.Contains(text, "no application protocol"):
		return adviseAlert(text)
	case strings.Contains(text, "unsupported versions"), strings.Contains(text, "protocol version"):
		return "the server does not speak this TLS version (change --tls)"
	case errors.Is(cause, ErrSilentTLS):
		return fmt.Sprintf("TLS handshake timeout after %v (raise %s, or check TARGET: is it a TLS port?)", e.Limit(), e.Flag())
	case errors.Is(cause, ErrNoSettings) && errors.Is(cause, context.DeadlineExceeded):
		return fmt.Sprintf("no HTTP/2 SETTINGS within %v (raise %s, or check TARGET: %s)", e.Limit(), e.Flag(), e.needs())
	case errors.As(cause, &odd):
		return odd.advise(e)
	case errors.As(cause, &after) && after.secure:
		return "the server does not speak HTTP/2 over TLS (" + e.needs() + ")"
	case errors.As(cause, &after):
		return "the server does not speak HTTP/2 in plaintext (" + e.needs() + ")"
	case errors.Is(cause, io.EOF), errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(cause, syscall.ECONNRESET), errors.Is(cause, syscall.EPIPE):
		return "the server ended the connection in the TLS handshake (check TARGET: is it a TLS port? or change --tls)"
	case errors.Is(cause, context.DeadlineExceeded), errors.Is(cause, os.ErrDeadlineExceeded):
		return fmt.Sprintf("no answer within %v (check TARGET, or raise %s)", e.Limit(), e.Flag())
	}
	var dns *net.DNSError
	if errors.As(cause, &dns) {
		return "the name does not resolve (check TARGET)"
	}
	return ""
}

// needs is what a server may miss that ends a connection, or says nothing, where HTTP/2
// begins.
func (e Endpoint) needs() string {
	if e.TLS != nil {
		return "is it a gRPC server? one that demands client certificates needs --cert and --key-file"
	}
	return "is it a gRPC server? one with TLS needs --tls 1.2 or 1.3"
}

// adviseCertificate explains a certificate that does not verify.
func adviseCertificate(cause error, e Endpoint) string {
	var host x509.HostnameError
	var unknown x509.UnknownAuthorityError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(cause, &host):
		return fmt.Sprintf("the certificate is for %s, not for %s (use --server-name)", names(host.Certificate), host.Host)
	case errors.As(cause, &unknown) && e.TLS != nil && e.TLS.RootCAs != nil:
		return "the certificate is not signed by the authority in --cacert (give that of the server)"
	case errors.As(cause, &unknown):
		return "the certificate is signed by an authority that is not trusted (use --cacert FILE)"
	case errors.As(cause, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the certificate is valid from %s to %s, and here it is %s (replace it)",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339),
			time.Now().UTC().Format(time.RFC3339))
	case errors.As(cause, &invalid):
		return "the certificate cannot be used for a server"
	}
	return ""
}

func names(c *x509.Certificate) string {
	all := append([]string{}, c.DNSNames...)
	for _, ip := range c.IPAddresses {
		all = append(all, ip.String())
	}
	if len(all) == 0 {
		return "no host"
	}
	return strings.Join(all, ", ")
}

// adviseAlert explains what the server said before it hung up (RFC 8446, 6.2).
func adviseAlert(text string) string {
	switch {
	case strings.Contains(text, "certificate required"):
		return "the server demands a client certificate (use --cert and --key-file)"
	case strings.Contains(text, "unknown certificate authority"), strings.Contains(text, "bad certificate"),
		strings.Contains(text, "unknown certificate"):
		return "the server does not accept this client certificate (change --cert and --key-file)"
	case strings.Contains(text, "expired certificate"):
		return "the server says that the client certificate has expired (replace --cert)"
	case strings.Contains(text, "protocol version"):
		return "the server does not speak this TLS version (change --tls)"
	case strings.Contains(text, "handshake failure"):
		return "the server shares no TLS parameters with us, or demands a client certificate (change --tls or --group, or use --cert and --key-file)"
	case strings.Contains(text, "no application protocol"):
		return "the server speaks other protocols than HTTP/2, by ALPN (check TARGET)"
	}
	return "the server refused the TLS handshake"
}
