package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"

	"grpcbench/internal/cause"
)

// Classes of connections that could not be made.
const (
	ClientLimit        = "CLIENT_LIMIT" // this machine has no descriptor or local port left
	Unresolved         = "NAME_NOT_RESOLVED"
	Refused            = "CONNECTION_REFUSED"
	Reset              = "CONNECTION_RESET"    // or ended, before the server's SETTINGS
	TimeoutTCP         = "TIMEOUT_TCP"         // no answer to the first packet
	TimeoutTLS         = "TIMEOUT_TLS"         // no end of the TLS handshake
	TimeoutSettings    = "TIMEOUT_SETTINGS"    // the handshake over, and no SETTINGS
	CertificateExpired = "CERTIFICATE_EXPIRED" // the server's, or not valid yet
	CertificateRefused = "CERTIFICATE_REFUSED" // the server's, for any other reason
	TLSRefused         = "TLS_REFUSED"         // by an alert of the server, or for what it chose
	NotHTTP2           = "NOT_HTTP2"
	Interrupted        = "INTERRUPTED" // by this program
	Other              = "OTHER"
)

// Class names why a connection could not be made, for accounts: err is that of Open or
// Attempt. What err says to a reader is more.
func Class(err error) string {
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var dns *net.DNSError
	isLimit := func(limit syscall.Errno) bool { return errors.Is(err, limit) }
	switch {
	case slices.ContainsFunc(Limits(), isLimit):
		return ClientLimit
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return CertificateExpired
	case errors.As(err, &verification):
		return CertificateRefused
	case errors.Is(err, ErrNotHTTP2), errors.Is(err, ErrNoALPN):
		return NotHTTP2
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, ErrSilentTLS):
		return TimeoutTLS
	case errors.Is(err, ErrNoSettings) && errors.Is(err, context.DeadlineExceeded):
		return TimeoutSettings
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return TimeoutTCP
	case errors.As(err, &dns):
		return Unresolved
	case errors.Is(err, syscall.ECONNREFUSED), dialled(err) && (errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EAGAIN)): // the latter of Unix sockets
		return Refused
	}
	return classOfTLS(err)
}

// dialled reports whether err is that of making a connection.
func dialled(err error) bool {
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}

// Cause names why a connection could not be made, or ended, as the cause of the RPCs that
// it cost: err is that of the system, of TLS, or of Open.
func Cause(err error) string {
	switch Class(err) {
	case ClientLimit:
		return cause.NoResources
	case Unresolved:
		return cause.Unresolved
	case Refused:
		return cause.Refused
	case TimeoutTCP, TimeoutTLS, TimeoutSettings:
		return cause.Timeout
	case CertificateExpired, CertificateRefused, TLSRefused:
		return cause.TLS
	case Interrupted:
		return cause.Cancelled
	}
	is := func(those ...error) bool {
		return slices.ContainsFunc(those, func(one error) bool { return errors.Is(err, one) })
	}
	switch {
	case is(ErrNoALPN):
		return cause.TLS
	case is(ErrNotHTTP2):
		return cause.Violation
	case is(syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ENETDOWN):
		return cause.Unreachable
	case is(syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED):
		return cause.Reset
	case is(io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, ErrNoSettings):
		return cause.Ended
	}
	return cause.NoConnect
}

// classOfTLS tells what TLS says from an end without a word.
func classOfTLS(err error) string {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	switch text := err.Error(); {
	case errors.As(err, &alert), errors.As(err, &record), strings.Contains(text, "remote error: tls:"):
		return TLSRefused
	case errors.Is(err, ErrNoSettings), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Reset
	case strings.Contains(text, "tls: "): // what it chose
		return TLSRefused
	}
	return Other
}
