package runner

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// witness collects what all epochs showed of one arm's settings.
type witness struct {
	seen      result.Observed
	ports     []int // distinct local ports, by epoch
	links     int
	instances map[string]bool
	rpcs      float64 // that the bundled servers counted
	keys      float64
	bytes     float64
	certified uint64 // handshakes in which a client certificate was seen
	untold    bool   // a server did not say how many connections it accepted
	own       probe.Addresses
	backends  map[string]int64 // connections by address
	settings  []sent           // distinct ones
	goAways   worker.GoAways
}

func newWitness() *witness {
	return &witness{instances: map[string]bool{}, own: probe.LocalAddresses(), backends: map[string]int64{}}
}

func (w *witness) add(a *armEpoch) {
	f := a.finished
	w.seen.Method, w.seen.RequestCodec, w.seen.ResponseCodec = f.Method, f.Codec, a.hostCodec
	w.seen.Reconnects += f.Reconnects
	w.protocol(f)
	w.seen.ResponsesDecompressed += f.Decompressed.Messages
	w.responses(f.Received)
	if a.cpusShared != nil {
		w.seen.CPUsShared = new(*a.cpusShared || w.seen.CPUsShared != nil && *w.seen.CPUsShared)
	}
	if a.holders != nil {
		w.seen.ServerPIDSeen = a.holders
	}
	w.reached(a, func(b worker.Backend) int64 { return b.Connections })
	if p := a.probed; p != nil && p.ResponseBytes >= 0 {
		w.seen.ResponseBytes = &p.ResponseBytes
	}
	w.binary(a)
	ports := map[string]bool{}
	for _, l := range f.Links {
		ports[l.Local] = true
		w.link(l, 1)
	}
	w.ports = append(w.ports, len(ports))
	w.replaced(a)
	if s := a.snapshot; s != nil {
		if a.bundled() {
			w.instances[s.GetInstanceId()] = true
		} else {
			w.arrived(a.arm.Settings, s.GetUserMetadata().GetNames())
		}
		w.metadata(s)
		w.seen.RequestsDecompressed += int64(s.GetCodec().GetDecompressed().GetMessages())
		addCounts(&w.seen.RequestEncodings, s.GetRpcs().GetRequestEncodings())
		addCounts(&w.seen.ResponseEncodings, s.GetRpcs().GetResponseEncodings())
		w.certificates(s)
	}
}

// responses notes those that came compressed.
func (w *witness) responses(received map[string]int64) {
	if w.seen.Responses == nil {
		w.seen.Responses = &result.Responses{ByEncoding: map[string]int64{}}
	}
	for encoding, n := range received {
		w.seen.Responses.Compressed += n
		w.seen.Responses.ByEncoding[encoding] += n
	}
}

// binary notes which build the server was.
func (w *witness) binary(a *armEpoch) {
	if w.seen.ServerSHA256 != "" && a.sha256 != w.seen.ServerSHA256 {
		w.mismatch("server binary: its file changed between epochs")
	}
	w.seen.ServerSHA256 = a.sha256
}

// certificates notes the handshakes in which the server saw a client certificate.
func (w *witness) certificates(s *benchv1.SnapshotResponse) {
	for _, p := range s.GetTlsParameters() {
		if p.GetClientCertificate() {
			w.certified += p.GetCount()
		}
	}
}

// replaced notes what connections showed that took the place of others.
func (w *witness) replaced(a *armEpoch) {
	r := a.finished.Replaced
	if r == nil {
		return
	}
	if w.seen.Replaced == nil {
		w.seen.Replaced = &result.Replaced{Failed: map[string]int64{}}
	}
	seen := w.seen.Replaced
	seen.Due += r.Due
	seen.Opened += r.Opened
	seen.Missed += r.Missed
	seen.Drained += r.Drained
	seen.MostRPCs = max(seen.MostRPCs, r.MostRPC)
	for class, n := range r.Failed {
		seen.Failed[class] += n
	}
	for _, l := range r.Links {
		w.link(l.Link, l.Count)
	}
	if w.untold = w.untold || a.snapshot == nil || !a.bundled(); w.untold {
		seen.Accepted = nil
		return
	}
	accepted := int64(a.snapshot.GetConnections().GetAccepted()) - int64(len(a.connected))
	if seen.Accepted != nil {
		accepted += *seen.Accepted
	}
	seen.Accepted = &accepted
}

// shaken notes what the connections of an epoch of a handshake plan showed.
func (w *witness) shaken(a *armEpoch) {
	w.seen.Method = a.finished.Method
	w.binary(a)
	made := map[string]int64{} // and measured
	links := slices.SortedFunc(maps.Keys(a.book.links), func(a, b worker.Link) int {
		return strings.Compare(fmt.Sprint(a.Resumed), fmt.Sprint(b.Resumed)) // full ones first
	})
	for _, l := range links {
		w.link(l, a.book.links[l])
		made[l.Remote] += a.book.links[l]
		if a.arm.Settings.MTLS && !l.ClientCertificate && !l.Resumed {
			w.mismatch("client certificate: not presented on every connection")
		}
	}
	w.reached(a, func(b worker.Backend) int64 { return made[b.Address] })
	if s := a.snapshot; s != nil {
		w.instances[s.GetInstanceId()] = true
		w.metadata(s)
		w.certificates(s)
	}
}

// reached notes which address of a TARGET how many connections went to. A server of the
// run's own has the one that it was given.
func (w *witness) reached(a *armEpoch, connections func(worker.Backend) int64) {
	if a.arm.Settings.Target == "" {
		return
	}
	for _, b := range a.finished.Backends {
		w.backends[b.Address] += connections(b)
	}
}

// arrived notes which of the names that were to be sent the server did not see on the
// first RPC.
func (w *witness) arrived(s plan.Settings, names []string) {
	if names == nil { // it saw none, or keeps none
		return
	}
	for _, k := range s.Metadata {
		if !slices.Contains(names, k.Name) {
			w.mismatch("metadata " + k.Name + ": sent, and did not arrive")
		}
	}
}

// metadata notes what a server saw of it that counts.
func (w *witness) metadata(s *benchv1.SnapshotResponse) {
	w.rpcs += float64(s.GetRpcs().GetStarted())
	w.keys += float64(s.GetUserMetadata().GetKeys())
	w.bytes += float64(s.GetUserMetadata().GetValueBytes())
}

// addCounts adds counts by name to a map that need not be there yet.
func addCounts(to *map[string]int64, counts map[string]uint64) {
	if *to == nil {
		*to = map[string]int64{}
	}
	for name, n := range counts {
		(*to)[name] += int64(n)
	}
}

// link notes what was negotiated on n connections. All connections of an arm
// must agree. One that is resumed under TLS 1.2 has no key exchange of its own; its group
// is the one in which its session began.
func (w *witness) link(l worker.Link, n int64) {
	first := w.links == 0
	w.links++
	if l.Resumed {
		w.seen.Resumed += n
	}
	if l.HelloRetryRequest {
		w.seen.HelloRetryRequests += n
	}
	if l.ClientCertificate {
		w.seen.ClientCertificate = true
	}
	if l.Remote != "" {
		w.seen.Local = new(w.own.Has(l.Remote) || w.seen.Local != nil && *w.seen.Local)
	}
	if l.TLSVersion != plan.Off {
		w.seen.ForwardSecrecy = new(forwardSecret(l) && (w.seen.ForwardSecrecy == nil || *w.seen.ForwardSecrecy))
	}
	for _, fact := range []struct {
		name string
		of   *string
		got  string
	}{
		{"TLS version", &w.seen.TLSVersion, l.TLSVersion}, {"cipher", &w.seen.Cipher, l.Cipher},
		{"group", &w.seen.Group, l.Group}, {"ALPN", &w.seen.ALPN, l.ALPN}, {"server key", &w.seen.ServerKey, l.ServerKey},
	} {
		if first {
			*fact.of = fact.got
		} else if *fact.of != fact.got {
			w.mismatch(fmt.Sprintf("%s: %s on one connection, %s on another", fact.name, *fact.of, fact.got))
		}
	}
}

// forwardSecret says whether a connection has a key exchange of its own. Under TLS 1.3
// each has, also one that is resumed, since Go offers no other way (RFC 8446, 2.2); under
// 1.2 one that is resumed has none (RFC 5246, 7.3), and whoever gets the key of its
// ticket can read it.
func forwardSecret(l worker.Link) bool {
	return l.TLSVersion == plan.TLS13 || !l.Resumed && strings.HasPrefix(l.Cipher, "TLS_ECDHE_")
}

// mismatch notes each sentence once.
func (w *witness) mismatch(text string) {
	if !slices.Contains(w.seen.Mismatches, text) {
		w.seen.Mismatches = append(w.seen.Mismatches, text)
	}
}

// sent are SETTINGS of servers, by their identifiers, and on how many connections.
type sent struct {
	values map[uint16]uint32
	n      int64
}

// mostSettings is how many different SETTINGS of one arm are told apart.
const mostSettings = 16

// protocol notes what servers said of their connections.
func (w *witness) protocol(f *worker.Finished) {
	for _, s := range f.Settings {
		i := slices.IndexFunc(w.settings, func(o sent) bool { return maps.Equal(o.values, s) })
		if i < 0 && len(w.settings) < mostSettings {
			w.settings, i = append(w.settings, sent{values: s}), len(w.settings)
		}
		if i >= 0 {
			w.settings[i].n++
		}
	}
	w.goAways.Add(f.GoAways...)
	w.seen.RefusedStreams += f.Refused
}

func (w *witness) observed() result.Observed {
	o := w.seen
	for _, s := range w.settings {
		o.ServerSettings = append(o.ServerSettings, result.SettingsOf(s.values, s.n))
	}
	for _, g := range w.goAways {
		o.GoAways = append(o.GoAways, result.GoAway(g))
	}
	if len(w.ports) > 0 {
		o.Connections = slices.Min(w.ports)
	}
	o.ServerInstances = len(w.instances)
	for _, address := range slices.Sorted(maps.Keys(w.backends)) {
		o.Backends = append(o.Backends, result.Backend{Address: address, Connections: w.backends[address]})
	}
	if w.certified > 0 {
		o.ClientCertificate = true
	}
	if w.rpcs > 0 {
		o.MetadataKeys, o.MetadataBytes = new(w.keys/w.rpcs), new(w.bytes/w.rpcs)
	}
	return o
}
