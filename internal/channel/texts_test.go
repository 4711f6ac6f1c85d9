package channel

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/cause"
)

// saw is a Witness for whom all that a text tells of a stream has happened.
type saw struct{ connection string }

func (s saw) CauseOf(string) string { return s.connection }
func (saw) WasReset(string) bool    { return true }
func (saw) WasCut() bool            { return true }
func (saw) WasBare() bool           { return true }
func (saw) GoAwayDebug() string     { return "" }
func (saw) MaxMessage() int         { return 100 }

// A text is that of the library as far as what has come from the server leaves it to be.
func TestATextIsToldFromAServersOwn(t *testing.T) {
	nothing, headers, both, one := Came{}, Came{Headers: true}, Came{Headers: true, Trailers: true}, Came{Trailers: true}
	for _, of := range []struct {
		code codes.Code
		text string
		want map[Came]string // "": the server's own status
	}{
		{codes.Unavailable, "gone", map[Came]string{nothing: "connection reset", headers: "connection reset", both: "", one: ""}},
		{codes.Canceled, "stream terminated by RST_STREAM with error code: CANCEL", map[Came]string{nothing: "RST_STREAM CANCEL", headers: "RST_STREAM CANCEL", both: "", one: ""}},
		{codes.Internal, "server closed the stream without sending trailers", map[Came]string{nothing: cause.Violation, headers: cause.Violation, both: "", one: ""}},
		{codes.Unknown, "", map[Came]string{headers: cause.Violation, both: "", one: ""}},
		{codes.Unavailable, "unexpected HTTP status code received from server: 503 (x); y", map[Came]string{headers: "", both: "", one: ""}},
		{codes.Unknown, "unexpected HTTP status code received from server: 503 (x); y", map[Came]string{nothing: "HTTP 503"}},
		{codes.Internal, "received 300-bytes data exceeding the limit 200 bytes", map[Came]string{nothing: cause.Violation, headers: cause.Violation, both: "", one: ""}},
		{codes.Internal, `invalid header field name "Foo"`, map[Came]string{nothing: cause.Violation, headers: cause.Violation, both: "", one: ""}},
		{codes.Internal, "grpc: failed to decompress the message: x", map[Came]string{nothing: cause.Response, headers: cause.Response, both: cause.Response, one: ""}},
		{codes.Internal, "grpc: failed to read decompressed data: x", map[Came]string{both: cause.Response, one: ""}},
		{codes.Internal, "grpc: compressed flag set with identity or empty encoding", map[Came]string{both: cause.Violation, one: ""}},
		{codes.ResourceExhausted, "grpc: received message larger than max (200 vs. 100)", map[Came]string{both: cause.MessageLimit, one: ""}},
		{codes.ResourceExhausted, "grpc: received message larger than max (200 vs. 99)", map[Came]string{nothing: "", both: "", one: ""}},
		{codes.Internal, "cardinality violation: received no response message from", map[Came]string{headers: cause.Violation, both: cause.Violation, one: cause.Violation}},
		{codes.Internal, "grpc-status-details-bin mismatch: x", map[Came]string{headers: cause.Violation, both: cause.Violation, one: cause.Violation}},
		{codes.NotFound, "cardinality violation: received no response message from", map[Came]string{nothing: "", one: ""}},
	} {
		for came, want := range of.want {
			w := saw{}
			if of.text == "gone" {
				w.connection = cause.Reset
			}
			if got := Told(status.Error(of.code, of.text), w, came); got != want {
				t.Errorf("%v %q, %+v: %q, want %q", of.code, of.text, came, got, want)
			}
		}
	}
}
