package wire

import (
	"strconv"

	"grpcbench/internal/cause"
	"grpcbench/internal/code"
	"grpcbench/internal/h2code"
	"grpcbench/internal/load"
)

// Ends that this client gives a call by itself.
var (
	broken       = load.End{Code: code.Internal, Cause: cause.Violation} // gRPC's own rules
	pastDeadline = load.End{Code: code.DeadlineExceeded, Cause: cause.Deadline}
	cancelled    = load.End{Code: code.Cancelled, Cause: cause.Cancelled}
)

// grpcCode names a grpc-status number; OK is load.OK.
func grpcCode(status int) string { return code.Name(int64(status)) }

// resetCode is what a stream's reset means (gRPC over HTTP/2, "Errors": the table
// from HTTP/2 error codes to status codes). Where grpc-go departs from it, for
// FLOW_CONTROL_ERROR and for codes that have no name, this does too: the same fault has
// the same code in both engines.
func resetCode(sent uint32) string {
	switch sent {
	case h2code.RefusedStream:
		return code.Unavailable
	case h2code.Cancel:
		return code.Cancelled
	case h2code.EnhanceYourCalm, h2code.FlowControlError:
		return code.ResourceExhausted
	case h2code.InadequateSecurity:
		return code.PermissionDenied
	}
	if !h2code.Known(sent) {
		return code.Unknown
	}
	return code.Internal
}

// httpCode is what an HTTP status means where there is no grpc-status (gRPC's
// http-grpc-status-mapping.md).
func httpCode(status int) string {
	switch status {
	case 400:
		return code.Internal
	case 401:
		return code.Unauthenticated
	case 403:
		return code.PermissionDenied
	case 404:
		return code.Unimplemented
	case 429, 502, 503, 504:
		return code.Unavailable
	}
	return code.Unknown
}

// percentDecode undoes the encoding of grpc-message. What is not encoded rightly
// stays as it is (gRPC over HTTP/2, "Status-Message").
func percentDecode(s string) string {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out = append(out, byte(v))
				i += 2
				continue
			}
		}
		out = append(out, s[i])
	}
	return string(out)
}
