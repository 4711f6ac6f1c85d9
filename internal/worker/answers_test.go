package worker

import (
	"slices"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/load"
	"grpcbench/testing/faultproxy"
)

// answer is what a server answers every RPC with, and how the RPC ends by each engine.
type answer struct {
	name       string
	grpc, wire load.End
	why        string // they differ; "": they do not
	script     faultproxy.Script
}

// Why the engines differ over an answer.
const (
	whyNoStatus     = "grpc-go gives it the code UNKNOWN, as it does a grpc-status of 2"
	whyHTTPOfGRPC   = "grpc-go does not look at the HTTP status of what says that it is gRPC"
	whyInOrder      = "grpc-go gives up at the first field that is wrong, and does not say the HTTP status"
	whyMetadata     = "the wire engine reads no metadata of responses"
	whyUnchecked    = "the wire engine does not check the form of fields"
	whyLetterCase   = "grpc-go does not take another case of letters"
	whyEarly        = "grpc-go takes an informational block with a content type of gRPC for the headers"
	whyNoHTTP       = "grpc-go needs no :status beside a content type of gRPC"
	whyPage         = "grpc-go waits for the body of such an answer, the wire engine does not"
	whyOfConnection = "the wire engine ends the connection for it"
	whyPriority     = "the wire engine does not look into PRIORITY"
	whyPush         = "grpc-go passes over PUSH_PROMISE"
	whyUnread       = "the wire engine reads no message that a status comes after"
	whySize         = "the wire engine looks at the size first"
	whyDrained      = "after a GOAWAY grpc-go's caller cannot tell it from what the library says itself"
)

func is(code, c string) load.End { return load.End{Code: code, Cause: c} }

// The parts of a header block of gRPC.
const ct, g = "content-type", "application/grpc"

// head sends a header block of names and values in turn.
func head(s *faultproxy.Stream, end bool, list ...string) {
	var all []faultproxy.Field
	for pair := range slices.Chunk(list, 2) {
		all = append(all, faultproxy.Field{Name: pair[0], Value: pair[1]})
	}
	s.Headers(end, all...)
}

// withoutStatus are answers that end without a grpc-status.
func withoutStatus() []answer {
	return []answer{
		{"trailers without a status", is("UNKNOWN", cause.Status), is("UNKNOWN", cause.Violation), whyNoStatus, func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "x", "y") }},
		{"trailers without a status and no message", is("UNKNOWN", cause.Status), is("UNKNOWN", cause.Violation), whyNoStatus, func(s *faultproxy.Stream) { s.Begin(); head(s, true, "x", "y") }},
		{"empty trailers", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true) }},
		{"empty trailers, no message", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); head(s, true) }},
		{"trailers with a grpc-message alone", is("UNKNOWN", cause.Status), is("UNKNOWN", cause.Violation), whyNoStatus, func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "grpc-message", "m") }},
		{"END_STREAM on DATA", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Cut() }},
		{"one block, 200, gRPC, no status", is("UNKNOWN", cause.Status), is("UNKNOWN", cause.Violation), whyNoStatus, func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g) }},
		{"one block without :status, text/html", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true, ct, "text/html") }},
		{"headers without :status", load.Good, is("INTERNAL", cause.Violation), whyNoHTTP, func(s *faultproxy.Stream) { head(s, false, ct, g); s.Message(nil); s.Status(0, "") }},
		{"one block without a field", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true) }},
		{"a status in headers that do not end, none in trailers", is("UNKNOWN", cause.Status), is("UNKNOWN", cause.Violation), whyNoStatus, func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "grpc-status", Value: "5"})
			s.Message(nil)
			head(s, true, "x", "y")
		}},
	}
}

// ofHTTP are answers of another HTTP status or content type.
func ofHTTP() []answer {
	return []answer{
		{"one block, 200", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200") }},
		{"one block, 200, status 0", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", "grpc-status", "0") }},
		{"one block, 200, status 5", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", "grpc-status", "5") }},
		{"one block, 200, text/html, status 5", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, "text/html", "grpc-status", "5") }},
		{"200 html then grpc trailers", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, "text/html")
			s.Message(nil)
			s.Status(5, "x")
		}},
		{"200 html then grpc trailers OK", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, "text/html")
			s.Message(nil)
			s.Status(0, "x")
		}},
		{"503 grpc", is("UNKNOWN", cause.Status), is("UNAVAILABLE", "HTTP 503"), whyHTTPOfGRPC, func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, g) }},
		{"503 grpc status 14", is("UNAVAILABLE", cause.Status), is("UNAVAILABLE", cause.Status), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, g, "grpc-status", "14") }},
		{"503 grpc status 0", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, g, "grpc-status", "0") }},
		{"503 grpc, trailers 14", is("UNAVAILABLE", cause.Status), is("UNAVAILABLE", cause.Status), "", func(s *faultproxy.Stream) { head(s, false, ":status", "503", ct, g); s.Status(14, "x") }},
		{"503 grpc, msg, OK", load.Good, load.Good, "", func(s *faultproxy.Stream) { head(s, false, ":status", "503", ct, g); s.Message(nil); s.Status(0, "x") }},
		{"503 grpc, trailers no status", is("UNKNOWN", cause.Status), is("UNAVAILABLE", "HTTP 503"), whyHTTPOfGRPC, func(s *faultproxy.Stream) { head(s, false, ":status", "503", ct, g); head(s, true, "x", "y") }},
		{"503 grpc, empty trailers", is("UNKNOWN", cause.Violation), is("UNAVAILABLE", "HTTP 503"), whyHTTPOfGRPC, func(s *faultproxy.Stream) { head(s, false, ":status", "503", ct, g); head(s, true) }},
		{"503 grpc, body cut", is("INTERNAL", cause.Violation), is("UNAVAILABLE", "HTTP 503"), whyHTTPOfGRPC, func(s *faultproxy.Stream) { head(s, false, ":status", "503", ct, g); s.Data([]byte("no")); s.Cut() }},
		{"503 grpc-web", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, "application/grpc-web") }},
		{"503 no content type", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503") }},
		{"503 no content type body", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, false, ":status", "503"); s.Data([]byte("x")); s.Cut() }},
		{"503 html status 14", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, "text/html", "grpc-status", "14") }},
		{"503 html bad -bin", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, "text/html", "x-bin", "%%%") }},
		{"503 html status abc", is("UNKNOWN", cause.Violation), is("UNAVAILABLE", "HTTP 503"), whyInOrder, func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, "text/html", "grpc-status", "abc") }},
		{"503 html status empty", is("UNKNOWN", cause.Violation), is("UNAVAILABLE", "HTTP 503"), whyInOrder, func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, "text/html", "grpc-status", "") }},
		{"503, gRPC in another case", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, "Application/GRPC") }},
		{"200 uppercase grpc OK", is("UNKNOWN", "HTTP 200"), load.Good, whyLetterCase, func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, "Application/GRPC")
			s.Message(nil)
			s.Status(0, "")
		}},
		{"503 grpc bad -bin", is("INTERNAL", cause.Violation), is("UNAVAILABLE", "HTTP 503"), whyMetadata, func(s *faultproxy.Stream) { head(s, true, ":status", "503", ct, g, "x-bin", "%%%") }},
		{"100 then ok", load.Good, load.Good, "", func(s *faultproxy.Stream) { head(s, false, ":status", "100"); s.Answer(nil) }},
		{"103 with a content type of gRPC then ok", is("INTERNAL", cause.Violation), load.Good, whyEarly, func(s *faultproxy.Stream) { head(s, false, ":status", "103", ct, g); s.Answer(nil) }},
		{"103 then 503", is("UNAVAILABLE", "HTTP 503"), is("UNAVAILABLE", "HTTP 503"), "", func(s *faultproxy.Stream) { head(s, false, ":status", "103"); head(s, true, ":status", "503") }},
		{"101 that ends", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true, ":status", "101") }},
		{"200 html", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, "text/html")
			s.Data([]byte("<html>"))
			s.Cut()
		}},
		{"200 html, headers twice", is("UNKNOWN", "HTTP 200"), is("UNKNOWN", "HTTP 200"), "", func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, "text/html")
			head(s, false, ":status", "200", ct, g)
			s.Message(nil)
			s.Status(0, "")
		}},
		{"content-type twice", load.Good, load.Good, "", func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, g, ct, "text/html")
			s.Message(nil)
			s.Status(0, "")
		}},
		{"content-type twice, html fiRST_STREAM", load.Good, load.Good, "", func(s *faultproxy.Stream) {
			head(s, false, ":status", "200", ct, "text/html", ct, g)
			s.Message(nil)
			s.Status(0, "")
		}},
		{"204 no content", is("UNKNOWN", "HTTP 204"), is("UNKNOWN", "HTTP 204"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "204") }},
		{"302", is("UNKNOWN", "HTTP 302"), is("UNKNOWN", "HTTP 302"), "", func(s *faultproxy.Stream) { head(s, true, ":status", "302", "location", "/") }},
	}
}

// withStatus are answers with a grpc-status that is odd, or of a form that is.
func withStatus() []answer {
	return []answer{
		{"200 grpc bad -bin", is("INTERNAL", cause.Violation), load.Good, whyMetadata, func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "x-bin", Value: "%%%"})
			s.Message(nil)
			s.Status(0, "")
		}},
		{"trailers bad -bin", is("INTERNAL", cause.Violation), load.Good, whyMetadata, func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "0", "x-bin", "%%%")
		}},
		{"trailers-only bad -bin status 5", is("INTERNAL", cause.Violation), is("NOT_FOUND", cause.Status), whyMetadata, func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g, "grpc-status", "5", "x-bin", "%%%") }},
		{"status abc only", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g, "grpc-status", "abc") }},
		{"status empty only", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g, "grpc-status", "") }},
		{"status 99 only", is("CODE_99", cause.Status), is("CODE_99", cause.Status), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g, "grpc-status", "99") }},
		{"status abc trailers", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "grpc-status", "abc") }},
		{"status empty trailers", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "grpc-status", "") }},
		{"status 99 trailers", is("CODE_99", cause.Status), is("CODE_99", cause.Status), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "grpc-status", "99") }},
		{"status 5 then 0", load.Good, load.Good, "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "5", "grpc-status", "0")
		}},
		{"status 0 then 5", is("NOT_FOUND", cause.Status), is("NOT_FOUND", cause.Status), "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "0", "grpc-status", "5")
		}},
		{"status abc then 5", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "abc", "grpc-status", "5")
		}},
		{"status 5 then abc", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "5", "grpc-status", "abc")
		}},
		{"status +5", is("NOT_FOUND", cause.Status), is("NOT_FOUND", cause.Status), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g, "grpc-status", "+5") }},
		{"status in headers not end, abc", is("UNKNOWN", cause.Violation), is("UNKNOWN", cause.Violation), "", func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "grpc-status", Value: "abc"})
			s.Message(nil)
			s.Status(0, "")
		}},
		{"a status in grpc-go's words on a GOAWAY", is("UNAVAILABLE", cause.Status), is("UNAVAILABLE", cause.Status), "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Status(14, "the stream is rejected because server is draining the connection")
		}},
		{"details-bin mismatch", is("INTERNAL", cause.Violation), is("NOT_FOUND", cause.Status), whyMetadata, func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "5", "grpc-status-details-bin", "CAE")
		}},
		{"details-bin junk", is("NOT_FOUND", cause.Status), is("NOT_FOUND", cause.Status), "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, "grpc-status", "5", "grpc-status-details-bin", "////")
		}},
		{"details-bin only", is("INTERNAL", cause.Violation), is("UNKNOWN", cause.Violation), whyMetadata, func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "grpc-status-details-bin", "CAE") }},
	}
}

// ofMessages are answers whose message is odd.
func ofMessages() []answer {
	more := faultproxy.Field{Name: "x", Value: "y"}
	return []answer{
		{"compressed without encoding", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(1, 1, []byte("x")); s.Status(0, "") }},
		{"compressed with identity", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "grpc-encoding", Value: "identity"})
			s.Prefixed(1, 1, []byte("x"))
			s.Status(0, "")
		}},
		{"short prefix", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Data([]byte{0, 0}); s.Status(0, "") }},
		{"short message", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(0, 5, []byte("x")); s.Status(0, "") }},
		{"short message status 5", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(0, 5, []byte("x")); s.Status(5, "") }},
		{"short message cut", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(0, 5, []byte("x")); s.Cut() }},
		{"trailers-only 0", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { head(s, true, ":status", "200", ct, g, "grpc-status", "0") }},
		{"OK without message", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Status(0, "") }},
		{"two messages", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Message(nil); s.Status(0, "") }},
		{"two messages status 5", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Message(nil); s.Status(5, "x") }},
		{"message and a half", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Data([]byte{0, 0}); s.Status(0, "") }},
		{"message then status 5", is("NOT_FOUND", cause.Status), is("NOT_FOUND", cause.Status), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Status(5, "x") }},
		{"undecodable message", is("INTERNAL", cause.Response), is("BAD_PAYLOAD", cause.Response), whySize, func(s *faultproxy.Stream) { s.Begin(); s.Message([]byte{0xff, 0xff}); s.Status(0, "") }},
		{"undecodable message, metadata in the trailers", is("INTERNAL", cause.Response), is("BAD_PAYLOAD", cause.Response), whySize, func(s *faultproxy.Stream) { s.Begin(); s.Message([]byte{0xff, 0xff}); s.Status(0, "", more) }},
		{"undecodable message, status 5, metadata in the trailers", is("INTERNAL", cause.Response), is("NOT_FOUND", cause.Status), whyUnread, func(s *faultproxy.Stream) { s.Begin(); s.Message([]byte{0xff, 0xff}); s.Status(5, "", more) }},
		{"undecodable message, status 5", is("INTERNAL", cause.Response), is("NOT_FOUND", cause.Status), whyUnread, func(s *faultproxy.Stream) { s.Begin(); s.Message([]byte{0xff, 0xff}); s.Status(5, "") }},
		{"5 MiB, metadata in the trailers", is("RESOURCE_EXHAUSTED", cause.MessageLimit), is("RESOURCE_EXHAUSTED", cause.MessageLimit), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(0, 5<<20, []byte("x")); s.Status(0, "", more) }},
		{"short message metadata in the trailers", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(0, 5, []byte("x")); s.Status(0, "", more) }},
		{"no message metadata in the trailers", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Status(0, "", more) }},
		{"two messages metadata in the trailers", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Message(nil); s.Status(0, "", more) }},
		{"flag 7, metadata in the trailers", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(7, 0, nil); s.Status(0, "", more) }},
		{"unannounced, metadata in the trailers", is("INTERNAL", cause.Encoding), is("INTERNAL", cause.Encoding), "", func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "grpc-encoding", Value: "snappy"})
			s.Prefixed(1, 1, []byte("x"))
			s.Status(0, "", more)
		}},
		{"compressed without encoding, metadata in the trailers", is("INTERNAL", cause.Violation), is("INTERNAL", cause.Violation), "", func(s *faultproxy.Stream) { s.Begin(); s.Prefixed(1, 1, []byte("x")); s.Status(0, "", more) }},
	}
}

// endings are streams and connections that end in another way.
func endings() []answer {
	return []answer{
		{"RST_STREAM no_error after response", load.Good, load.Good, "", func(s *faultproxy.Stream) { s.Answer(nil); s.Reset(http2.ErrCodeNo) }},
		{"RST_STREAM no_error after msg", is("INTERNAL", "RST_STREAM NO_ERROR"), is("INTERNAL", "RST_STREAM NO_ERROR"), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Reset(http2.ErrCodeNo) }},
		{"RST_STREAM cancel after headers", is("CANCELLED", "RST_STREAM CANCEL"), is("CANCELLED", "RST_STREAM CANCEL"), "", func(s *faultproxy.Stream) { s.Begin(); s.Reset(http2.ErrCodeCancel) }},
		{"RST_STREAM no_error after 503 headers", is("INTERNAL", "RST_STREAM NO_ERROR"), is("UNAVAILABLE", "HTTP 503"), whyPage, func(s *faultproxy.Stream) {
			head(s, false, ":status", "503", ct, "text/html")
			s.Reset(http2.ErrCodeNo)
		}},
		{"RST_STREAM refused after headers", is("UNAVAILABLE", "RST_STREAM REFUSED_STREAM"), is("UNAVAILABLE", "RST_STREAM REFUSED_STREAM"), "", func(s *faultproxy.Stream) { s.Begin(); s.Reset(http2.ErrCodeRefusedStream) }},
		{"DATA after trailers", load.Good, load.Good, "", func(s *faultproxy.Stream) { s.Answer(nil); s.Data([]byte("x")) }},
		{"DATA after a status of 5", is("NOT_FOUND", cause.Status), is("NOT_FOUND", cause.Status), "", func(s *faultproxy.Stream) { s.Begin(); s.Status(5, "no"); s.Data([]byte("x")) }},
		{"HEADERS after trailers", load.Good, load.Good, "", func(s *faultproxy.Stream) { s.Answer(nil); s.Status(5, "no") }},
		{"DATA before HEADERS", is("INTERNAL", cause.Violation), is("UNAVAILABLE", cause.Violation), whyOfConnection, func(s *faultproxy.Stream) { s.Message(nil); s.Status(0, "") }},
		{"GOAWAY excludes, after headers", is("UNAVAILABLE", "GOAWAY NO_ERROR"), is("UNAVAILABLE", "GOAWAY NO_ERROR"), "", func(s *faultproxy.Stream) { s.Begin(); s.Refuse(http2.ErrCodeNo) }},
		{"GOAWAY excludes, after message", is("UNAVAILABLE", "GOAWAY NO_ERROR"), is("UNAVAILABLE", "GOAWAY NO_ERROR"), "", func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); s.Refuse(http2.ErrCodeNo) }},
		{"GOAWAY excludes, after partial", is("UNAVAILABLE", "GOAWAY NO_ERROR"), is("UNAVAILABLE", "GOAWAY NO_ERROR"), "", func(s *faultproxy.Stream) { s.Begin(); s.Data([]byte{0, 0}); s.Refuse(http2.ErrCodeNo) }},
		{"GOAWAY includes, hang up after headers", is("UNAVAILABLE", "GOAWAY NO_ERROR"), is("UNAVAILABLE", "GOAWAY NO_ERROR"), "", func(s *faultproxy.Stream) { s.Begin(); s.GoAway(http2.ErrCodeNo); s.HangUp() }},
		{"GOAWAY excludes and hang up", is("UNAVAILABLE", "GOAWAY ENHANCE_YOUR_CALM"), is("UNAVAILABLE", "GOAWAY ENHANCE_YOUR_CALM"), "", func(s *faultproxy.Stream) { s.Refuse(http2.ErrCodeEnhanceYourCalm); s.HangUp() }},
		{"GOAWAY then answer", load.Good, load.Good, "", func(s *faultproxy.Stream) { s.GoAway(http2.ErrCodeNo); s.Answer(nil) }},
		{"GOAWAY, then a status in grpc-go's words on it", is("UNAVAILABLE", "GOAWAY NO_ERROR"), is("UNAVAILABLE", cause.Status), whyDrained, func(s *faultproxy.Stream) {
			s.GoAway(http2.ErrCodeNo)
			s.Begin()
			s.Status(14, "the connection is draining")
		}},
		{"a header in capitals", is("INTERNAL", cause.Violation), load.Good, whyUnchecked, func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "Foo", Value: "x"})
			s.Message(nil)
			s.Status(0, "")
		}},
		{"a trailer in capitals", is("INTERNAL", cause.Violation), load.Good, whyUnchecked, func(s *faultproxy.Stream) { s.Begin(); s.Message(nil); head(s, true, "grpc-status", "0", "Foo", "x") }},
		{":status after a field", is("INTERNAL", cause.Violation), load.Good, whyUnchecked, func(s *faultproxy.Stream) { head(s, false, ct, g, ":status", "200"); s.Message(nil); s.Status(0, "") }},
		{":status in trailers", load.Good, load.Good, "", func(s *faultproxy.Stream) {
			s.Begin()
			s.Message(nil)
			head(s, true, ":status", "200", "grpc-status", "0")
		}},
		{"a header with a line break", is("INTERNAL", cause.Violation), load.Good, whyUnchecked, func(s *faultproxy.Stream) {
			s.Begin(faultproxy.Field{Name: "foo", Value: "x\ny"})
			s.Message(nil)
			s.Status(0, "")
		}},
		{"WINDOW_UPDATE of 0", is("INTERNAL", cause.Violation), is("UNAVAILABLE", cause.Violation), whyOfConnection, func(s *faultproxy.Stream) { s.Frame(http2.FrameWindowUpdate, 0, 0, 0, 0, 0); s.Answer(nil) }},
		{"PRIORITY on itself", load.Good, load.Good, "", func(s *faultproxy.Stream) { s.Frame(http2.FramePriority, 0, 0, 0, 0, 1, 1); s.Answer(nil) }},
		{"PRIORITY of a byte", is("UNAVAILABLE", cause.Violation), load.Good, whyPriority, func(s *faultproxy.Stream) { s.Frame(http2.FramePriority, 0, 0); s.Answer(nil) }},
		{"RST_STREAM of a byte", is("UNAVAILABLE", cause.Violation), is("UNAVAILABLE", cause.Violation), "", func(s *faultproxy.Stream) { s.Frame(http2.FrameRSTStream, 0, 0); s.Answer(nil) }},
		{"PUSH_PROMISE", load.Good, is("UNAVAILABLE", cause.Violation), whyPush, func(s *faultproxy.Stream) { s.Frame(http2.FramePushPromise, 4, 0, 0, 0, 2); s.Answer(nil) }},
		{"a frame of an unknown kind", load.Good, load.Good, "", func(s *faultproxy.Stream) { s.Frame(0x42, 0, 0); s.Answer(nil) }},
		{":status twice", is("INTERNAL", cause.Violation), load.Good, whyUnchecked, func(s *faultproxy.Stream) {
			head(s, false, ":status", "503", ":status", "200", ct, g)
			s.Message(nil)
			s.Status(0, "")
		}},
	}
}

// TestBothEnginesReadTheSameAnswer: the same answer is the same code and cause in both
// engines, as RPCs of a load and alone, and where it is not it is known why.
func TestBothEnginesReadTheSameAnswer(t *testing.T) {
	for _, a := range slices.Concat(withoutStatus(), ofHTTP(), withStatus(), ofMessages(), endings()) {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			if (a.why == "") != (a.grpc == a.wire) {
				t.Errorf("by grpc %+v, by wire %+v: why is %q", a.grpc, a.wire, a.why)
			}
			for by, got := range map[string]load.End{"a load": byGRPC(t, a.script, call.Options{}, false), "one RPC": byGRPC(t, a.script, call.Options{}, true)} {
				if got != a.grpc {
					t.Errorf("grpc, %s: %+v, want %+v", by, got, a.grpc)
				}
			}
			if got := byWire(t, a.script, call.Options{}); got != a.wire {
				t.Errorf("wire: %+v, want %+v", got, a.wire)
			}
		})
	}
}
