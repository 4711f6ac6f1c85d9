package worker

import (
	"fmt"
	"net/http"
	"strings"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/codec"
	"grpcbench/internal/h2code"
	"grpcbench/internal/mask"
)

// explainCause says what a cause means that is not the server's own status and not the
// client's deadline, and what to change; "": it is one of these, or not known.
func explainCause(o call.Options, f *call.Failure, masked mask.Secrets) string {
	if n := cause.HTTPStatus(f.Cause); n != 0 {
		return explainHTTP(o, n, product(f.Server, masked))
	}
	metadata := metadataSize(o)
	if code, ok := strings.CutPrefix(f.Cause, "GOAWAY "); ok {
		return "the server ended the connection: " + f.Cause + quoted(f.Debug, masked) + ": " + explainEnd(code, f.Debug, metadata)
	}
	if code, ok := strings.CutPrefix(f.Cause, "RST_STREAM "); ok {
		return f.Cause + ": " + explainReset(code, metadata)
	}
	switch f.Cause {
	case cause.Encoding:
		return "the server compresses its responses although no codec was announced that it uses (announce it: --accept-compression " + codecIn(f.Error()) + ")"
	case cause.Ended, cause.Reset:
		if metadata >= large {
			return f.Cause + ": " + tooLarge(metadata)
		}
		return f.Cause + " before the answer: see the log of the server, or of the proxy before it"
	case cause.Refused, cause.Timeout, cause.Unreachable, cause.Unresolved, cause.TLS, cause.NoConnect:
		return f.Cause + ": the server was reached before, and is no longer (see its log)"
	case cause.NoResources:
		return f.Cause + " left on this machine (raise ulimit -n, or lower --connections)"
	}
	return ""
}

// codecIn is the codec that a text names; of those that can be announced, "CODECS" if none.
func codecIn(text string) string {
	for _, name := range codec.Names() {
		if strings.Contains(text, name) {
			return name
		}
	}
	return "CODECS"
}

// large is the size of metadata, in bytes, from which servers and proxies refuse it: the
// limits of those that are used most are 8 and 16 KiB.
const large = 4 << 10

func metadataSize(o call.Options) (n int) {
	for _, p := range o.Metadata {
		n += len(p.Name) + len(p.Value)
	}
	return n + o.Sized.Bytes
}

func tooLarge(metadata int) string {
	return fmt.Sprintf("the metadata of %d bytes is probably too large for it (reduce --metadata-size or --metadata, or raise its limit)", metadata)
}

// Names of error codes that more than one sentence is about.
var noError, calm = h2code.Name(h2code.NoError), h2code.Name(h2code.EnhanceYourCalm)

// explainEnd says why a server may have ended a connection with an error code.
func explainEnd(code, debug string, metadata int) string {
	switch {
	case debug == "too_many_pings":
		return "it takes this client's PINGs for too many (change --windows to static)"
	case metadata >= large && code != noError:
		return tooLarge(metadata)
	case code == calm:
		return "it limits what a client may ask of it (lower --rate or --concurrency)"
	case code == noError:
		return "it is being stopped, or limits the age or the RPCs of a connection"
	}
	return "it, or a proxy before it, did not accept what this client sent (see its log)"
}

// explainReset says why a server may have reset a stream with an error code.
func explainReset(code string, metadata int) string {
	switch {
	case code == h2code.Name(h2code.RefusedStream):
		return "the server refused the RPC, and once more when it was made again: it takes no more at present (see its log)"
	case metadata >= large:
		return tooLarge(metadata)
	case code == calm:
		return "the server limits what a client may ask of it (lower --rate or --concurrency, or reduce --metadata)"
	case code == h2code.Name(h2code.InadequateSecurity), code == h2code.Name(h2code.HTTP11Required):
		return "the server does not take this RPC over this connection (change --tls, or TARGET)"
	case code == h2code.Name(h2code.Cancel):
		return "the server, or a proxy before it, gave the RPC up (is its upstream down, or too slow?)"
	}
	return "the server, or a proxy before it, gave the RPC up (see its log)"
}

// explainHTTP says what an HTTP status means where an answer of gRPC should have been.
func explainHTTP(o call.Options, status int, by string) string {
	what := fmt.Sprintf("HTTP %d", status)
	if text := http.StatusText(status); text != "" {
		what += " (" + text + ")"
	}
	if by != "" {
		what += " from " + by
	}
	return what + ": " + meaningOf(o, status)
}

func meaningOf(o call.Options, status int) string {
	switch {
	case status == 401, status == 403:
		return "the server refuses the caller (add --metadata)"
	case status == 404 && o.Name() == call.Echo:
		return "--payload and --response-payload need a server that answers bench.v1, such as grpc-bench server (or use --method with --request)"
	case status == 404:
		return "the server does not have this method (change --method), or a proxy has no route to it (change --authority)"
	case status == 405, status == 415:
		return "a web server answered instead of a gRPC server (change TARGET, or let it pass gRPC on)"
	case status == 413:
		return "a proxy or server limits the request body (reduce --payload or --request, or raise its limit: client_max_body_size in nginx)"
	case status == 431:
		return "a proxy or server limits header fields (reduce --metadata-size or --metadata, or raise its limit)"
	case status == 429:
		return "a proxy or server limits the rate of requests (lower --rate or --concurrency)"
	case status == 502, status == 503:
		return "a proxy answered instead of a gRPC server, its upstream is down or does not speak gRPC (start it, or change TARGET)"
	case status == 504:
		return "a proxy answered instead of a gRPC server, its upstream did not answer in time (see the upstream's log, or raise the proxy's timeout)"
	case status == 400:
		return "a proxy or server took the request for malformed (check TARGET and --tls)"
	case status >= 500:
		return "a proxy or web server failed before a gRPC server answered (see its log)"
	case status == 200:
		return "a web page, and no answer of gRPC (is TARGET a gRPC server? or another of its hosts: --authority)"
	}
	return "the answer is not gRPC (is TARGET a gRPC server?)"
}

// product is the name of a server, without any of what a header may hold beside it.
func product(header string, masked mask.Secrets) string {
	name, _, _ := strings.Cut(strings.TrimSpace(header), " ")
	return quotable(name, masked)
}

// quoted is a short text of a server in brackets; "" if there is none.
func quoted(text string, masked mask.Secrets) string {
	if text = quotable(text, masked); text == "" {
		return ""
	}
	return " (" + text + ")"
}

// quotable is at most the first 60 bytes of a text of a server, without secrets, on one
// line and without markup.
func quotable(text string, masked mask.Secrets) string {
	text = strings.Map(func(c rune) rune {
		if strings.ContainsRune("<>&\"'`", c) {
			return -1
		}
		return c
	}, masked.Clean(text))
	const most = 60
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}
