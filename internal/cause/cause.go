// Package cause names why an RPC failed, beside its code. The list is closed: a cause
// holds nothing that a server wrote, so that it needs no masking, and there are only so
// many of them. Where nothing is known the cause is empty.
package cause

import (
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/h2code"
)

// Causes of an RPC that had no connection, or lost it.
const (
	Refused     = "connection refused"
	Reset       = "connection reset"
	Ended       = "connection ended" // by the server, in order (EOF)
	Timeout     = "connection timeout"
	Unreachable = "host unreachable"
	Unresolved  = "name not resolved"
	TLS         = "TLS failed"
	NoConnect   = "connection failed" // in another way
)

// Causes of an RPC that a server had, or that the client itself ended.
const (
	Status       = "server status"           // grpc-status
	Violation    = "protocol violation"      // of HTTP/2 or gRPC, by the server
	Encoding     = "unannounced compression" // the response's, by the server
	Response     = "wrong response"          // not the message that was asked for, or not readable
	Deadline     = "client deadline"         // --deadline, or the limit of the one RPC
	MessageLimit = "message size limit"      // the client's
	HeaderLimit  = "header list limit"       // of the client, or of the server's SETTINGS
	NoResources  = "no descriptors or ports" // left on this machine
	Cancelled    = "cancelled by the client"
)

// fixed are the causes without a number or a name in them.
var fixed = []string{Refused, Reset, Ended, Timeout, Unreachable, Unresolved, TLS, NoConnect,
	Status, Violation, Encoding, Response, Deadline, MessageLimit, HeaderLimit, NoResources, Cancelled}

// What stands before an HTTP status and the name of an error code.
const (
	http    = "HTTP "
	goAway  = "GOAWAY "
	rstStrm = "RST_STREAM "
)

// HTTP is the cause of an RPC that was answered with an HTTP status and no gRPC; it is
// Violation where the number is no status.
func HTTP(status int) string {
	if status < 100 || status > 599 {
		return Violation
	}
	return http + strconv.Itoa(status)
}

// GoAway is the cause of an RPC that ended with a connection which the server ended by a
// GOAWAY with this error code.
func GoAway(code uint32) string { return goAway + h2code.Name(code) }

// RSTStream is the cause of an RPC whose stream the server reset with this error code.
func RSTStream(code uint32) string { return rstStrm + h2code.Name(code) }

// unnamed is an error code that RFC 9113 does not name.
const unnamed = 1<<32 - 1

// Named is what of makes of the error code with that name, as RFC 9113 has it.
func Named(of func(code uint32) string, name string) string {
	code, ok := h2code.Number(name)
	if !ok {
		code = unnamed
	}
	return of(code)
}

// HTTPStatus is the status of a cause that HTTP has made; 0 for all others.
func HTTPStatus(cause string) int {
	digits, ok := strings.CutPrefix(cause, http)
	status, err := strconv.Atoi(digits)
	if !ok || err != nil || HTTP(status) != cause {
		return 0
	}
	return status
}

// Known says whether a cause is of the list.
func Known(cause string) bool {
	if slices.Contains(fixed, cause) || HTTPStatus(cause) != 0 {
		return true
	}
	name, ok := strings.CutPrefix(cause, goAway)
	if !ok {
		name, ok = strings.CutPrefix(cause, rstStrm)
	}
	return ok && slices.Contains(h2code.Names(), name)
}

// Gone says whether a cause means that there was no server, or no way to it.
func Gone(cause string) bool {
	return slices.Contains([]string{Refused, Reset, Ended, Timeout, Unreachable, Unresolved, TLS, NoConnect}, cause) ||
		strings.HasPrefix(cause, goAway)
}
