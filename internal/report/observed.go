package report

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/result"
)

// retried is what a HelloRetryRequest makes of a TLS 1.3 handshake, which else takes one
// (RFC 8446, 2.1).
const retried = "2 round trips"

// seen lists what the wire and the server showed of a's settings; not safe to print.
func seen(a result.Arm) []string {
	o := a.Observed
	items := []string{"method " + o.Method}
	if o.Connections > 0 {
		items = append(items, plural(o.Connections, "connection"))
	}
	switch o.TLSVersion {
	case "":
	case "off":
		items = append(items, "plaintext")
	default:
		items = append(items, "TLS "+o.TLSVersion)
	}
	for _, s := range []struct{ head, text string }{
		{"", o.Cipher}, {"", o.Group}, {"ALPN ", o.ALPN}, {"server key ", o.ServerKey},
	} {
		if s.text != "" {
			items = append(items, s.head+s.text)
		}
	}
	if text := streamsOf(o.ServerSettings); text != "" {
		items = append(items, text)
	}
	if o.ClientCertificate {
		items = append(items, "client certificate")
	}
	if o.Resumed > 0 {
		items = append(items, count(o.Resumed)+" resumed")
	}
	if o.HelloRetryRequests > 0 {
		items = append(items, fmt.Sprintf("%s with HelloRetryRequest (%s)", count(o.HelloRetryRequests), retried))
	}
	if o.ForwardSecrecy != nil && !*o.ForwardSecrecy {
		items = append(items, "no forward secrecy")
	}
	for _, text := range []string{reached(a), unreachedIn(a)} {
		if text != "" {
			items = append(items, text)
		}
	}
	if o.Reconnects > 0 {
		items = append(items, plural(int(o.Reconnects), "reconnect"))
	}
	if r := o.Replaced; r != nil {
		items = append(items, count(r.Opened)+" replaced, "+count(r.Drained)+" drained", "at most "+count(r.MostRPCs)+" RPCs a connection")
	}
	items = append(items, encodings("requests", o.RequestEncodings, o.RequestCodec)...)
	items = append(items, encodings("responses", o.ResponseEncodings, o.ResponseCodec)...)
	if r := o.Responses; r != nil && o.ResponseEncodings == nil { // no server told
		items = append(items, cameCompressed(*r, a))
	}
	if o.MetadataKeys != nil && *o.MetadataKeys > 0 {
		items = append(items, fmt.Sprintf("metadata %s keys, %s B", amount(*o.MetadataKeys), maybe(o.MetadataBytes, amount)))
	}
	if o.ServerInstances > 0 {
		items = append(items, plural(o.ServerInstances, "server"))
	}
	return items
}

// encodings says how many messages of a direction were announced as what, and
// what code compressed them.
func encodings(direction string, m map[string]int64, codec string) []string {
	text := tallies(m)
	if text == "" {
		return nil
	}
	if codec != "" && codec != "none" {
		text += " (" + codec + ")"
	}
	return []string{direction + " " + text}
}

// cameCompressed says how many responses a server that tells nothing has compressed.
func cameCompressed(r result.Responses, a result.Arm) string {
	switch {
	case r.Compressed > 0:
		return "responses compressed " + tallies(r.ByEncoding) + " of " + count(a.Responses())
	case a.NoneCompressed() && a.Settings.ResponseCompression.Mirror:
		return "the server did not compress its responses"
	}
	return "no response compressed"
}

// streamsOf says how many streams the server allows at once on a connection; "" where it is
// not known.
func streamsOf(all []result.ServerSettings) string {
	var limits []string
	for _, s := range all {
		if text := s.Streams(); !slices.Contains(limits, text) {
			limits = append(limits, text)
		}
	}
	if len(limits) == 0 {
		return ""
	}
	return strings.Join(limits, " or ") + " a connection"
}
