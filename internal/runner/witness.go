package runner

import (
	"fmt"
	"slices"

	"grpcbench/internal/result"
	"grpcbench/internal/worker"
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
}

func newWitness() *witness { return &witness{instances: map[string]bool{}} }

func (w *witness) add(a *armEpoch) {
	f := a.finished
	w.seen.Method, w.seen.RequestCodec, w.seen.ResponseCodec = f.Method, f.Codec, a.hostCodec
	w.seen.Reconnects += f.Reconnects
	w.seen.ResponsesDecompressed += f.Decompressed.Messages
	if w.seen.ServerSHA256 != "" && a.sha256 != w.seen.ServerSHA256 {
		w.mismatch("server binary: its file changed between epochs")
	}
	w.seen.ServerSHA256 = a.sha256
	ports := map[string]bool{}
	for _, l := range f.Links {
		ports[l.Local] = true
		w.link(l)
	}
	w.ports = append(w.ports, len(ports))
	if s := a.snapshot; s != nil {
		w.instances[s.GetInstanceId()] = true
		w.rpcs += float64(s.GetRpcs().GetStarted())
		w.keys += float64(s.GetUserMetadata().GetKeys())
		w.bytes += float64(s.GetUserMetadata().GetValueBytes())
		w.seen.RequestsDecompressed += int64(s.GetCodec().GetDecompressed().GetMessages())
		addCounts(&w.seen.RequestEncodings, s.GetRpcs().GetRequestEncodings())
		addCounts(&w.seen.ResponseEncodings, s.GetRpcs().GetResponseEncodings())
		for _, p := range s.GetTlsParameters() {
			if p.GetClientCertificate() {
				w.certified += p.GetCount()
			}
		}
	}
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

// link notes what was negotiated on one connection. All connections of an arm
// must agree.
func (w *witness) link(l worker.Link) {
	first := w.links == 0
	w.links++
	if l.Resumed {
		w.seen.Resumed++
	}
	if l.ClientCertificate {
		w.seen.ClientCertificate = true
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

// mismatch notes each sentence once.
func (w *witness) mismatch(text string) {
	if !slices.Contains(w.seen.Mismatches, text) {
		w.seen.Mismatches = append(w.seen.Mismatches, text)
	}
}

func (w *witness) observed() result.Observed {
	o := w.seen
	if len(w.ports) > 0 {
		o.Connections = slices.Min(w.ports)
	}
	o.ServerInstances = len(w.instances)
	if w.certified > 0 {
		o.ClientCertificate = true
	}
	if w.rpcs > 0 {
		o.MetadataKeys, o.MetadataBytes = new(w.keys/w.rpcs), new(w.bytes/w.rpcs)
	}
	return o
}
