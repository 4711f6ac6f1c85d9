package runner

import (
	"maps"
	"slices"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
	benchv1 "grpcbench/proto/bench/v1"
)

// seen is what the epoch showed of the arm's settings.
func (e *epoch) seen(a *armEpoch) *result.Seen {
	f := a.finished
	s := &result.Seen{
		Methods: one(f.Method), RequestCodecs: one(f.Codec), ResponseCodecs: one(a.hostCodec), ServerSHA256: one(a.sha256),
		Reconnects: f.Reconnects, RefusedStreams: f.Refused, ResponsesDecompressed: f.Decompressed.Messages,
		Responses: &result.Responses{ByEncoding: map[string]int64{}}, CPUsShared: a.cpusShared, ServerPIDSeen: a.holders,
	}
	for encoding, n := range f.Received {
		s.Responses.Compressed += n
		s.Responses.ByEncoding[encoding] += n
	}
	if p := a.probed; p != nil && p.ResponseBytes >= 0 {
		s.ResponseBytes = &p.ResponseBytes
	}
	for _, sent := range f.Settings {
		s.ServerSettings = append(s.ServerSettings, result.SettingsOf(sent, 1))
	}
	for _, g := range f.GoAways {
		s.GoAways = append(s.GoAways, result.GoAway(g))
	}
	ports := map[string]bool{}
	links := newLinks()
	for _, l := range f.Links {
		ports[l.Local] = true
		links.add(l, 1)
	}
	s.Connections = int64(len(ports))
	if r := f.Replaced; r != nil {
		s.Replaced = &result.Replaced{Due: r.Due, Opened: r.Opened, Missed: r.Missed, Drained: r.Drained, MostRPCs: r.MostRPC, Failed: map[string]int64{}}
		maps.Copy(s.Replaced.Failed, r.Failed)
		for _, l := range r.Links {
			links.add(l.Link, l.Count)
		}
	}
	links.into(s)
	s.Backends = a.backends(func(b worker.Backend) int64 { return b.Connections })
	s.Server = e.serverSeen(a)
	if a.stranger != "" {
		s.Mismatches = append(s.Mismatches, a.stranger)
	}
	return s
}

// shaken is what the connections of an epoch of a handshake plan showed.
func (e *epoch) shaken(a *armEpoch) *result.Seen {
	s := &result.Seen{Methods: one(a.finished.Method), ServerSHA256: one(a.sha256), ServerPIDSeen: a.holders}
	made := map[string]int64{} // and measured
	links := newLinks()
	for l, n := range a.book.links {
		links.add(l, n)
		made[l.Remote] += n
		if a.arm.Settings.MTLS && !l.ClientCertificate && !l.Resumed {
			s.Mismatches = []string{"client certificate: not presented on every connection"}
		}
	}
	links.into(s)
	s.Backends = a.backends(func(b worker.Backend) int64 { return made[b.Address] })
	s.Server = e.serverSeen(a)
	// What became of messages is of a load.
	s.Server.RequestEncodings, s.Server.ResponseEncodings, s.Server.Decompressed, s.Server.Responses = nil, nil, 0, result.CodecSums{}
	return s
}

// one counts a text once, if there is one.
func one(text string) map[string]int64 {
	if text == "" {
		return nil
	}
	return map[string]int64{text: 1}
}

// links counts connections by what was negotiated on them.
type links struct {
	seen  result.Seen
	own   probe.Addresses
	local *bool
}

func newLinks() *links { return &links{own: probe.LocalAddresses()} }

// add counts n connections.
func (l *links) add(of worker.Link, n int64) {
	if of.Remote != "" {
		l.local = new(l.own.Has(of.Remote) || l.local != nil && *l.local)
	}
	l.seen.Links = append(l.seen.Links, result.Link{Remote: of.Remote, TLSVersion: of.TLSVersion, Cipher: of.Cipher, Group: of.Group,
		ALPN: of.ALPN, ServerKey: of.ServerKey, Resumed: of.Resumed, HelloRetryRequest: of.HelloRetryRequest,
		ClientCertificate: of.ClientCertificate, Connections: n})
}

// into puts them into s.
func (l *links) into(s *result.Seen) { s.Links, s.Local = l.seen.Links, l.local }

// backends are the addresses of a TARGET with how many connections went to each. A server
// of the run's own has the one that it was given.
func (a *armEpoch) backends(connections func(worker.Backend) int64) map[string]int64 {
	if a.arm.Settings.Target == "" {
		return nil
	}
	all := map[string]int64{}
	for _, b := range a.finished.Backends {
		all[b.Address] += connections(b)
	}
	return all
}

// serverSeen is what a's server counted.
func (e *epoch) serverSeen(a *armEpoch) result.ServerSeen {
	s := result.ServerSeen{Bundled: a.bundled()}
	snapshot := a.snapshot
	if !s.Bundled {
		snapshot = a.counted
	}
	if snapshot == nil {
		s.Silent = 1
		return s
	}
	rpcs := snapshot.GetRpcs()
	s.Told, s.Started, s.OK = 1, int64(rpcs.GetStarted()), int64(rpcs.GetOk())
	s.RequestEncodings, s.ResponseEncodings = counts(rpcs.GetRequestEncodings()), counts(rpcs.GetResponseEncodings())
	s.MetadataKeys, s.MetadataBytes = int64(snapshot.GetUserMetadata().GetKeys()), int64(snapshot.GetUserMetadata().GetValueBytes())
	s.Decompressed = int64(snapshot.GetCodec().GetDecompressed().GetMessages())
	work := snapshot.GetCodec().GetCompressed()
	s.Responses = codecSums(int64(work.GetMessages()), int64(work.GetInputBytes()), int64(work.GetOutputBytes()), codecCPU(work))
	for _, p := range snapshot.GetTlsParameters() {
		if p.GetClientCertificate() {
			s.Certified += int64(p.GetCount())
		}
	}
	if s.Bundled {
		s.Instances = []string{snapshot.GetInstanceId()}
		s.Accepted = int64(snapshot.GetConnections().GetAccepted()) - int64(len(a.connected))
		return s
	}
	s.Missing = missing(a.arm.Settings, snapshot.GetUserMetadata().GetNames())
	if e.shared(a) {
		s.Shared = 1
	}
	if !(result.ServerLedger{Started: s.Started, OK: s.OK}).Fits(a.finished.Total) {
		s.Others = 1
	}
	return s
}

// missing are the names that were to be sent and that the server did not see on the first
// RPC.
func missing(s plan.Settings, names []string) (all []string) {
	if names == nil { // it saw none, or keeps none
		return nil
	}
	for _, k := range s.Metadata {
		if !slices.Contains(names, k.Name) {
			all = append(all, k.Name)
		}
	}
	slices.Sort(all)
	return all
}

// counts are those of a server.
func counts(from map[string]uint64) map[string]int64 {
	to := map[string]int64{}
	for name, n := range from {
		to[name] = int64(n)
	}
	return to
}

func codecCPU(w *benchv1.CodecWork) *int64 {
	if w == nil || w.CpuNs == nil {
		return nil
	}
	return new(int64(w.GetCpuNs()))
}

// shared reports whether another arm's server is the same one as a's.
func (e *epoch) shared(a *armEpoch) bool {
	for _, o := range e.arms {
		if o != a && o.counted.GetInstanceId() == a.counted.GetInstanceId() {
			return true
		}
	}
	return false
}
