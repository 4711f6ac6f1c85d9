package report

import (
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/address"
	"grpcbench/internal/exchange"
	"grpcbench/internal/mask"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// CallOptions is how a call is written.
type CallOptions struct {
	TextOptions
	// ShowSecrets writes the values of credentials and of -bin names. Without it
	// they are shown by their size, also where a server repeats them.
	ShowSecrets bool
}

// Call writes everything that e shows. The error is that of w.
func Call(w io.Writer, e exchange.Exchange, o CallOptions) error {
	v := callView{page: o.page(), Exchange: e, open: o.ShowSecrets}
	if !o.ShowSecrets {
		v.secrets = mask.New(hiddenValues(e.Sent)...)
	}
	v.outcome()
	v.connection()
	v.metadata()
	v.messages()
	v.server()
	v.cost()
	_, err := io.WriteString(w, v.out.String())
	return err
}

// callView writes one exchange on a page.
type callView struct {
	*page
	exchange.Exchange
	secrets mask.Secrets
	open    bool
}

// labels is the width of the column in front of the facts.
const labels = 14

// fact writes items behind a label.
func (v callView) fact(label string, items ...string) { v.items(pad("  "+label, labels), items) }

// outcome writes how the RPC ended.
func (v callView) outcome() {
	at := v.Address
	if v.Settings.Target == "" {
		at = "bundled server " + at
	}
	v.items("", []string{"grpc-bench call", v.Method, at})
	hue := green
	if !v.Status.Good() {
		hue = red
	}
	v.paint(hue, func() {
		rpc := "never sent"
		if v.Moments.End > 0 {
			rpc = took("RPC", v.Moments.End)
		}
		ended := v.Status.Code
		if v.Status.Good() && !v.Status.OK() {
			ended += " as expected"
		}
		v.items("", []string{ended, rpc, took("connecting", v.Connection.Total())})
	})
	if v.Status.Cause != "" && !v.Status.Good() {
		v.fact("cause", v.Status.Cause)
	}
	v.attempts()
	if v.Status.Message != "" {
		v.prose(pad("  message", labels), v.secrets.Clean(v.Status.Message))
	}
	for _, d := range v.Status.Details[:min(len(v.Status.Details), mostDetails)] {
		v.prose(pad("  detail", labels), v.detail(d))
	}
	if more := len(v.Status.Details) - mostDetails; more > 0 {
		v.fact("", fmt.Sprintf("and %d more", more))
	}
}

// took is a phase and how long it took.
func took(what string, d time.Duration) string { return what + " " + duration(float64(d)) }

// mostDetails is how many details and names of a server are written.
const mostDetails = 10

func (v callView) detail(d exchange.Detail) string {
	switch name := v.secrets.Clean(d.Type); {
	case !d.Known:
		return fmt.Sprintf("%s <%d bytes>", name, d.Bytes)
	case d.Text == "":
		return name
	default:
		return name + ": " + v.secrets.Clean(d.Text)
	}
}

// connection writes what was negotiated, and with whom.
func (v callView) connection() {
	v.title("CONNECTION")
	c := v.Connection
	from := []string{"from " + c.Local}
	if address.IsUnix(c.Remote) {
		from = nil // it has no name
	}
	v.fact("address", append([]string{c.Remote}, from...)...)
	if text := v.unreached(); text != "" {
		v.fact("", text)
	}
	v.protocol()
	if v.Certificate == nil && address.IsUnix(c.Remote) {
		v.fact("security", "plaintext, on this machine")
		return
	}
	if v.Certificate == nil {
		v.fact("security", "plaintext: anyone on the way can read and change it")
		return
	}
	l := v.Link
	handshake := "full handshake"
	switch {
	case l.Resumed:
		handshake = "resumed"
	case v.Settings.Resumption:
		handshake = "full handshake: the server did not resume"
	}
	if l.HelloRetryRequest {
		handshake += " with HelloRetryRequest (" + retried + ")"
	}
	v.fact("security", "TLS "+l.TLSVersion, "ALPN "+l.ALPN, handshake)
	v.fact("cipher", l.Cipher, orAbsent(l.Group, "no key exchange"))
	v.certificate(*v.Certificate)
	switch {
	case l.ClientCertificate && l.Resumed:
		v.fact("client", "certificate presented where the session began")
	case l.ClientCertificate:
		v.fact("client", "certificate presented")
	case v.Settings.MTLS:
		v.fact("client", "certificate not presented: the server did not ask for one")
	}
}

// unreached says that the server's name has other addresses than the connection's.
func (v callView) unreached() string {
	host, port, err := net.SplitHostPort(v.Connection.Remote)
	if err != nil {
		return ""
	}
	bs := []result.Backend{{Address: v.Connection.Remote, Connections: 1}}
	for _, ip := range v.Connection.Addresses {
		if ip != host {
			bs = append(bs, result.Backend{Address: net.JoinHostPort(ip, port)})
		}
	}
	return unreached(v.Address, bs)
}

func (v callView) certificate(c exchange.Certificate) {
	names := c.Names
	more := len(names) - mostDetails
	if more > 0 {
		names = names[:mostDetails]
	}
	text := strings.Join(names, ", ")
	if more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	v.fact("certificate", orAbsent(c.Subject, "no subject"), v.Link.ServerKey, "for "+orAbsent(text, "no name"))
	const layout = "2006-01-02 15:04 MST"
	v.fact("valid", c.From.Format(layout)+" to "+c.Until.Format(layout))
	verified := "verified"
	if !c.Verified {
		verified = "NOT VERIFIED (--insecure-skip-verify)"
	}
	issuer := c.Issuer
	if issuer == c.Subject {
		issuer = "itself"
	}
	v.fact("issuer", orAbsent(issuer, "no name"), fmt.Sprintf("chain of %d", c.Chain), verified)
}

func orAbsent(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// metadata writes what was sent and what came back, a value a line.
func (v callView) metadata() {
	v.title("METADATA")
	v.pairs("sent", v.Sent, func(value string) string { return value })
	v.pairs("header", v.Header, v.secrets.Clean)
	v.pairs("trailers", v.Trailer, v.secrets.Clean)
}

// pairs writes metadata by name. Text of a server passes through safe.
func (v callView) pairs(label string, md map[string][]string, safe func(string) string) {
	if len(md) == 0 {
		v.fact(label, "none")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(md)) {
		for _, value := range md[name] {
			v.wrap(pad("  "+label, labels), []string{clean(safe(name)) + ": " + v.value(name, value, safe)}, "")
			label = ""
		}
	}
}

// longestValue is how many characters of a metadata value are written.
const longestValue = 200

// value is how a metadata value is shown.
func (v callView) value(name, value string, safe func(string) string) string {
	switch {
	case !v.open && hidden(name):
		return size(value)
	case strings.HasSuffix(name, "-bin"):
		return fmt.Sprintf("%x", value[:min(len(value), longestValue/2)]) + cutNote(len(value), longestValue/2)
	}
	return cut(safe(value), longestValue) + cutNote(len(value), longestValue)
}

func size(value string) string { return fmt.Sprintf("<%d bytes>", len(value)) }

// cutNote says how long a value is that was cut.
func cutNote(length, most int) string {
	if length <= most {
		return ""
	}
	return fmt.Sprintf("… <%d bytes>", length)
}

// hidden reports whether values of that name are shown by their size alone.
func hidden(name string) bool { return strings.HasSuffix(name, "-bin") || plan.Credential(name) }

func hiddenValues(md map[string][]string) []string {
	var all []string
	for name, values := range md {
		if hidden(name) {
			all = append(all, values...)
		}
	}
	return all
}

// messages writes what was asked of compression, and what became of it.
func (v callView) messages() {
	v.blank()
	s := v.Settings
	name := func(s string) string { return pad(s, labels-2) } // the grid adds a gap of two
	v.table(name("MESSAGES"), []string{"asked for", "announced", "size"}, []row{
		textRow(name("  request"), messageCells(s.Compression.String(), v.Request, v.unsent())),
		textRow(name("  response"), messageCells(s.ResponseCompression.String(), v.Response, "no message")),
	})
}

// unsent is why there was no request: a server that refuses an RPC by its headers may
// answer before the message has been sent.
func (v callView) unsent() string {
	if v.Moments.End > 0 && !v.Status.OK() && v.Status.Message != "" {
		return "not sent, the server answered first"
	}
	return "no message"
}

// longestEncoding is how many characters of an encoding's name are written.
const longestEncoding = 16

// messageCells are one direction's; none stands where there was no message.
func messageCells(asked string, m exchange.Message, none string) []string {
	size := count(int64(m.Bytes)) + " B"
	switch {
	case !m.Present:
		size = none
	case m.Compressed:
		size += fmt.Sprintf(", compressed to %s B", count(int64(m.Wire)))
	case m.Bytes == 0 && m.Announced != "":
		size += ", which is never compressed"
	case m.Announced != "":
		size += ", not compressed"
	}
	return []string{cut(asked, longestEncoding), cut(orAbsent(m.Announced, "none"), longestEncoding), size}
}

// cut returns at most n characters of s, safe to print.
func cut(s string, n int) string {
	runes := []rune(clean(s))
	return string(runes[:min(len(runes), n)])
}

// server writes what the server counted.
func (v callView) server() {
	s := v.Server
	v.title("SERVER")
	if s.Unknown != "" {
		v.fact("saw", "not known: "+s.Unknown)
		return
	}
	v.fact("saw", "1 RPC "+orAbsent(s.Code, "that has not ended"), "announced "+s.Announced, v.arrived())
	if w := s.Decompressed; w.Messages > 0 {
		v.fact("", fmt.Sprintf("request decompressed from %s to %s B", count(int64(w.In)), count(int64(w.Out))))
	}
	if w := s.Compressed; w.Messages > 0 {
		v.fact("", fmt.Sprintf("response compressed from %s to %s B", count(int64(w.In)), count(int64(w.Out))))
	}
}

// arrived holds the metadata that the server counted against what was sent.
func (v callView) arrived() string {
	var names, bytes uint64
	for name, values := range v.Sent {
		if name == "user-agent" { // gRPC's own, which the server does not count
			continue
		}
		names++
		for _, value := range values {
			bytes += uint64(len(value))
		}
	}
	text := fmt.Sprintf("metadata %s, %s B", plural(int(v.Server.Keys), "name"), count(int64(v.Server.Bytes)))
	if changed := v.onTheWay(); changed != "" {
		return text + ": " + changed
	}
	if names == v.Server.Keys && bytes == v.Server.Bytes {
		return text + ", as sent"
	}
	return text + fmt.Sprintf(", but %s, %s B were sent", plural(int(names), "name"), count(int64(bytes)))
}

// onTheWay names the metadata that a proxy has added or dropped; "": none, or it is not
// known.
func (v callView) onTheWay() string {
	var added, dropped []string
	if len(v.Server.Names) == 0 {
		return ""
	}
	for _, name := range v.Server.Names {
		if _, ok := v.Sent[name]; !ok {
			added = append(added, name)
		}
	}
	for name := range v.Sent {
		if name != "user-agent" && !slices.Contains(v.Server.Names, name) {
			dropped = append(dropped, name)
		}
	}
	slices.Sort(dropped)
	var parts []string
	for _, p := range []struct {
		names []string
		what  string
	}{{added, "more %s than sent (added on the way: %s)"}, {dropped, "%s of those sent dropped on the way (%s)"}} {
		if n := len(p.names); n > 0 {
			noun := "names"
			if n == 1 {
				noun = "name"
			}
			parts = append(parts, fmt.Sprintf("%d "+p.what, n, noun, v.some(p.names)))
		}
	}
	return strings.Join(parts, ", ")
}

// some are names that a server told, safe to print.
func (v callView) some(names []string) string {
	var shown []string
	for i, name := range names {
		if i == mostDetails {
			shown = append(shown, fmt.Sprintf("and %d more", len(names)-mostDetails))
			break
		}
		shown = append(shown, cut(v.secrets.Clean(name), longestEncoding+16))
	}
	return strings.Join(shown, ", ")
}

// cost writes what took how long, and how many bytes.
func (v callView) cost() {
	v.title("TIME AND BYTES")
	c := v.Connection
	var connect []string
	if c.Resolution > 0 {
		connect = append(connect, took("name", c.Resolution))
	}
	connect = append(connect, took("TCP", c.TCP-c.Resolution))
	if c.State != nil {
		connect = append(connect, took("TLS", c.TLS))
	}
	v.fact("connecting", append(connect, took("HTTP/2", c.HTTP2))...)
	v.fact("", traffic(v.Opening)...)
	var rpc []string
	for _, m := range []struct {
		what string
		at   time.Duration
	}{{"sent", v.Moments.Sent}, {"header", v.Moments.Header}, {"message", v.Moments.Message}, {"end", v.Moments.End}} {
		if m.at > 0 {
			rpc = append(rpc, "+"+duration(float64(m.at))+" "+m.what)
		}
	}
	if len(rpc) > 0 {
		v.fact("RPC", rpc...)
		v.fact("", traffic(v.Traffic)...)
	}
}

// traffic is bytes of TCP both ways.
func traffic(b exchange.Bytes) []string {
	return []string{count(b.Sent) + " B out", count(b.Received) + " B in"}
}
