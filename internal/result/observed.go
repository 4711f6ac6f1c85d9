package result

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
)

// askSettings holds what the wire and the server showed against what was asked.
// What a server of another make saw it does not tell, unless it has bench.v1.Control and
// counted no other's RPCs; that is not held against the run. A bundled server tells
// everything.
func askSettings(q *question) {
	for _, a := range q.r.Arms {
		if len(a.Epochs) == 0 {
			continue
		}
		o := observation{Arm: a, bundled: q.r.bundled(a.Settings)}
		o.want("tls", o.Observed.TLSVersion, o.Settings.TLS)
		if a.Settings.TLS != "off" {
			o.tls(q.r.Plan)
		}
		if q.r.Plan.Kind != plan.KindHandshake {
			o.connections()
			o.requests()
			o.responses()
		}
		o.metadata()
		o.replacements(q.r.Plan)
		for _, text := range append(o.wrong, a.Observed.Mismatches...) {
			q.invalid(a.Name, "%s", text)
		}
		for _, text := range o.added {
			q.find(finding{verdict: Valid, arm: a.Name, text: text})
		}
	}
}

// observation collects what differs from an arm's settings, a sentence each.
type observation struct {
	Arm
	bundled bool
	wrong   []string
	added   []string // on the way, which is no fault
}

// told says whether the arm's server told what it saw of its RPCs.
func (o *observation) told() bool { return o.bundled || o.Observed.RequestEncodings != nil }

// want notes that name is got where asked was asked.
func (o *observation) want(name string, got, asked any) {
	if got == "" {
		got = "nothing"
	}
	if got != asked {
		o.wrong = append(o.wrong, fmt.Sprintf("%s: asked for %v, observed %v", name, asked, got))
	}
}

// ofAll notes that n, which counts RPCs of the processes' whole life, is not all
// of them, or not none of them. An RPC that failed may have got so far or not.
func (o *observation) ofAll(name string, n int64, expected bool) {
	l := o.LedgerTotal
	switch {
	case !expected && n != 0:
		o.wrong = append(o.wrong, fmt.Sprintf("%s: asked for none, observed %d", name, n))
	case expected && (n < l.OK || n > l.Started):
		o.wrong = append(o.wrong, fmt.Sprintf("%s: asked for all of %d RPCs (%d ok), observed %d", name, l.Started, l.OK, n))
	}
}

func (o *observation) connections() {
	o.want("connections (distinct local ports)", o.Observed.Connections, o.Settings.Connections)
	resumed := int64(0)
	if o.Settings.Resumption {
		resumed = int64(o.Settings.Connections) * int64(len(o.Epochs))
		if r := o.Observed.Replaced; r != nil {
			resumed += r.Opened
		}
	}
	if o.Settings.TLS != "off" {
		o.want("resumed connections", o.Observed.Resumed, resumed)
	}
}

func (o *observation) tls(p plan.Plan) {
	s, seen := o.Settings, o.Observed
	if t := p.Target; seen.ALPN != plan.NoALPN || t == nil || !t.AllowNoALPN {
		o.want("ALPN", seen.ALPN, "h2")
	}
	if s.Group != "" && !strings.EqualFold(seen.Group, s.Group) {
		o.want("group", seen.Group, s.Group)
	}
	if o.bundled && s.Key != "" {
		o.want("key", seen.ServerKey, s.Key)
	}
	// A foreign server may ask for a certificate unasked.
	if s.MTLS || o.bundled {
		o.want("client certificate", seen.ClientCertificate, s.MTLS)
	}
}

// emptyRequest says whether the request message has no bytes. Echo's has some
// even without a body, as it names the response's size.
func emptyRequest(s plan.Settings) bool {
	if s.Method != "" {
		return s.Request == nil || s.Request.Bytes == 0
	}
	return s.Payload.Bytes == 0 && s.ResponsePayload.Bytes == 0
}

func (o *observation) requests() {
	asked := o.Settings.Compression
	if o.told() {
		o.encodings("request encoding", o.Observed.RequestEncodings, asked)
	}
	// grpc-go never compresses an empty message.
	compresses := asked.Compresses() && !emptyRequest(o.Settings)
	o.ofAll("requests compressed", o.Figures.Compressed, compresses)
	if o.told() {
		o.ofAll("requests decompressed by the server", o.Observed.RequestsDecompressed, compresses)
	}
}

func (o *observation) responses() {
	// How a method of a TARGET answers is not asked for by a setting.
	if !o.told() || !o.bundled && o.Settings.Method != "" {
		return
	}
	asked := o.Settings.ResponseCompression.Spec
	if o.Settings.ResponseCompression.Mirror {
		asked = o.Settings.Compression
	}
	o.encodings("response encoding", o.Observed.ResponseEncodings, asked)
	compresses := asked.Compresses() && o.Settings.ResponsePayload.Bytes > 0
	o.ofAll("responses compressed", o.ResponseCompressed, compresses)
	o.ofAll("responses decompressed by the client", o.Observed.ResponsesDecompressed, compresses)
}

// encodings holds RPCs by announced grpc-encoding against the one asked for.
func (o *observation) encodings(name string, seen map[string]int64, asked codec.Spec) {
	want := "identity"
	if asked.Announced() {
		want = asked.Name
	}
	o.ofAll(name+" "+want, seen[want], true)
	for _, other := range slices.Sorted(maps.Keys(seen)) {
		if other != want && seen[other] != 0 {
			o.wrong = append(o.wrong, fmt.Sprintf("%s: asked for %s, observed %s in %d RPCs", name, want, other, seen[other]))
		}
	}
}

func (o *observation) metadata() {
	names := map[string]bool{}
	bytes := o.Settings.MetadataSize.Bytes
	for _, k := range o.Settings.Metadata {
		names[k.Name] = true
		bytes += k.Bytes
	}
	keys := len(names)
	if o.Settings.MetadataSize.Bytes > 0 {
		keys += o.Settings.MetadataSize.Keys
	}
	o.perRPC("metadata keys", o.Observed.MetadataKeys, keys)
	o.perRPC("metadata bytes", o.Observed.MetadataBytes, bytes)
	o.onTheWay(keys, bytes)
}

func (o *observation) perRPC(name string, seen *float64, asked int) {
	if seen == nil {
		if o.bundled {
			o.want(name+" in each RPC", "", asked)
		}
		return
	}
	if differs(*seen, asked) && (o.bundled || *seen < float64(asked)) {
		o.wrong = append(o.wrong, fmt.Sprintf("%s: asked for %d in each RPC, observed %.6g", name, asked, *seen))
	}
}

// differs compares the mean of equal integers, of which only its division may round.
func differs(mean float64, asked int) bool {
	return math.Abs(mean-float64(asked)) > 1e-6*float64(asked)+1e-9
}

// onTheWay notes metadata that a proxy added, which other servers' RPCs may have.
func (o *observation) onTheWay(keys, bytes int) {
	var more []string
	for _, m := range []struct {
		seen  *float64
		asked int
		unit  string
	}{{o.Observed.MetadataKeys, keys, "names"}, {o.Observed.MetadataBytes, bytes, "bytes"}} {
		if m.seen != nil && !o.bundled && differs(*m.seen, m.asked) && *m.seen > float64(m.asked) {
			more = append(more, fmt.Sprintf("%.6g more %s", *m.seen-float64(m.asked), m.unit))
		}
	}
	if len(more) > 0 {
		o.added = append(o.added, "metadata: "+strings.Join(more, " and ")+" in each RPC than sent: added on the way")
	}
}

// askHandshakes counts the connections that were opened for the measurement: with
// resumption each is opened once for its ticket and once to be used.
func askHandshakes(q *question) {
	q.skip("no handshake was timed")
	for _, a := range q.r.Arms {
		if a.Handshake == nil || len(a.Epochs) == 0 {
			continue
		}
		q.skip("")
		want := int64(a.Settings.Connections) * int64(len(a.Epochs))
		if a.Settings.Resumption {
			want *= 2
		}
		var got int64
		for _, h := range []*Handshake{a.Handshake.Full, a.Handshake.Resumed} {
			if h != nil {
				got += h.Count
			}
		}
		if got != want {
			q.find(finding{verdict: Degraded, arm: a.Name,
				text: fmt.Sprintf("%d handshakes timed, must be %d: the figures of opening a connection are of others too, or not of all", got, want)})
		}
	}
}

func askInstances(q *question) {
	q.skip("no bundled server names itself")
	for _, a := range q.r.Arms {
		if !q.r.bundled(a.Settings) || a.Observed.ServerInstances == 0 {
			continue
		}
		q.skip("")
		if n := a.Observed.ServerInstances; n != len(a.Epochs) {
			q.find(finding{verdict: Degraded, arm: a.Name,
				text:   fmt.Sprintf("%d server processes answered in %d epochs, must be one each", n, len(a.Epochs)),
				values: map[string]float64{"instances": float64(n)}})
		}
	}
}

// askBinaries: two builds that are one file differ in nothing, and most likely one of them
// was not built. Arms of one program with other flags, and the A/A arm, are meant to be.
func askBinaries(q *question) {
	q.skip("no server binaries of different names")
	first := make(map[string]Arm) // by SHA-256
	for _, a := range q.r.Arms {
		sum := a.Observed.ServerSHA256
		if sum == "" || a.AA {
			continue
		}
		other, known := first[sum]
		if !known {
			first[sum], other = a, a
		}
		same := plan.Program(other.Settings.ServerBinary) == plan.Program(a.Settings.ServerBinary)
		if len(first) > 1 || !same {
			q.skip("")
		}
		if !same {
			q.find(finding{verdict: Valid, arm: a.Name,
				text: "its server binary is the same file, by SHA-256, as that of " + other.Name + ": if they are two builds, one of them was not built"})
		}
	}
}

func askReconnects(q *question) {
	for _, a := range q.r.Arms {
		if n := a.Observed.Reconnects; n > 0 {
			q.find(finding{verdict: Valid, arm: a.Name,
				text:   fmt.Sprintf("%d connections were opened again after the clock started: their handshakes are part of the latency", n),
				values: map[string]float64{"reconnects": float64(n)}})
		}
	}
}
