package result

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"grpcbench/internal/plan"
)

// Seen is what the wire and the server showed of an arm's settings in an epoch, as it adds
// up: counts by what was seen, and sets. [Observed] is worked out of those of all epochs.
type Seen struct {
	Connections int64  `json:"connections,omitempty"` // distinct local ports; over epochs the least
	Links       []Link `json:"links,omitempty"`       // in the order of [Link.compare], each once

	// Counts by what was seen of processes: one each.
	Methods        map[string]int64 `json:"methods,omitempty"` // full names called
	RequestCodecs  map[string]int64 `json:"request_codecs,omitempty"`
	ResponseCodecs map[string]int64 `json:"response_codecs,omitempty"`
	ServerSHA256   map[string]int64 `json:"server_sha256,omitempty"`

	Reconnects            int64            `json:"reconnects,omitempty"`
	Backends              map[string]int64 `json:"backends,omitempty"` // connections by address
	ServerSettings        []ServerSettings `json:"server_settings,omitempty"`
	GoAways               []GoAway         `json:"goaways,omitempty"`
	RefusedStreams        int64            `json:"refused_streams,omitempty"`
	ResponsesDecompressed int64            `json:"responses_decompressed,omitempty"`
	Responses             *Responses       `json:"responses,omitempty"` // nil: they are not counted
	Replaced              *Replaced        `json:"replaced,omitempty"`

	Local         *bool  `json:"local,omitempty"`           // any of them
	CPUsShared    *bool  `json:"cpus_shared,omitempty"`     // any of them
	ServerPIDSeen *bool  `json:"server_pid_seen,omitempty"` // all of them
	ResponseBytes *int64 `json:"response_bytes,omitempty"`  // the most

	Server ServerSeen `json:"server"`
	// Mismatches are sentences about one connection or process, sorted.
	Mismatches []string `json:"mismatches,omitempty"`
}

// Link is what was negotiated on a number of connections.
type Link struct {
	Remote            string `json:"remote,omitempty"`
	TLSVersion        string `json:"tls_version"`
	Cipher            string `json:"cipher,omitempty"`
	Group             string `json:"group,omitempty"`
	ALPN              string `json:"alpn,omitempty"`
	ServerKey         string `json:"server_key,omitempty"`
	Resumed           bool   `json:"resumed,omitempty"`
	HelloRetryRequest bool   `json:"hello_retry_request,omitempty"`
	ClientCertificate bool   `json:"client_certificate,omitempty"`
	Connections       int64  `json:"connections"`
}

// compare orders links by all that was negotiated. One that was not resumed is before one
// that was.
func (l Link) compare(o Link) int {
	flag := func(a, b bool) int {
		switch {
		case a == b:
			return 0
		case b:
			return -1
		}
		return 1
	}
	return cmp.Or(flag(l.Resumed, o.Resumed), cmp.Compare(l.Remote, o.Remote), cmp.Compare(l.TLSVersion, o.TLSVersion),
		cmp.Compare(l.Cipher, o.Cipher), cmp.Compare(l.Group, o.Group), cmp.Compare(l.ALPN, o.ALPN), cmp.Compare(l.ServerKey, o.ServerKey),
		flag(l.HelloRetryRequest, o.HelloRetryRequest), flag(l.ClientCertificate, o.ClientCertificate))
}

// forwardSecret says whether a connection has a key exchange of its own. Under TLS 1.3
// each has, also one that is resumed, since Go offers no other way (RFC 8446, 2.2); under
// 1.2 one that is resumed has none (RFC 5246, 7.3), and whoever gets the key of its
// ticket can read it.
func (l Link) forwardSecret() bool {
	return l.TLSVersion == plan.TLS13 || !l.Resumed && strings.HasPrefix(l.Cipher, "TLS_ECDHE_")
}

// ServerSeen is what servers counted, of whomever. The zero value is that none was asked.
type ServerSeen struct {
	Bundled bool  `json:"bundled,omitempty"`
	Told    int64 `json:"told"`             // processes that said what they have counted
	Silent  int64 `json:"silent,omitempty"` // that did not
	Shared  int64 `json:"shared,omitempty"` // that another arm calls too
	Others  int64 `json:"others,omitempty"` // whose counts are not the arm's alone

	Instances         []string         `json:"instances,omitempty"`
	Started           int64            `json:"started,omitempty"` // RPCs
	OK                int64            `json:"ok,omitempty"`
	RequestEncodings  map[string]int64 `json:"request_encodings,omitempty"`
	ResponseEncodings map[string]int64 `json:"response_encodings,omitempty"`
	Decompressed      int64            `json:"requests_decompressed,omitempty"`
	Responses         CodecSums        `json:"responses,omitzero"`
	MetadataKeys      int64            `json:"metadata_keys,omitempty"`
	MetadataBytes     int64            `json:"metadata_bytes,omitempty"`
	Missing           []string         `json:"metadata_missing,omitempty"`    // names that did not arrive
	Certified         int64            `json:"client_certificates,omitempty"` // handshakes in which it saw one
	Accepted          int64            `json:"accepted,omitempty"`            // connections after the first ones
}

// ofArm reports whether what s counted is of the arm's RPCs and no others.
func (s ServerSeen) ofArm() bool {
	return s.Told > 0 && (s.Bundled || s.Silent+s.Shared+s.Others == 0)
}

func (s *ServerSeen) add(o ServerSeen) {
	s.Bundled = s.Bundled || o.Bundled
	for _, n := range []struct {
		to   *int64
		from int64
	}{
		{&s.Told, o.Told}, {&s.Silent, o.Silent}, {&s.Shared, o.Shared}, {&s.Others, o.Others}, {&s.Started, o.Started}, {&s.OK, o.OK},
		{&s.Decompressed, o.Decompressed}, {&s.MetadataKeys, o.MetadataKeys}, {&s.MetadataBytes, o.MetadataBytes},
		{&s.Certified, o.Certified}, {&s.Accepted, o.Accepted},
	} {
		*n.to += n.from
	}
	s.Instances, s.Missing = union(s.Instances, o.Instances), union(s.Missing, o.Missing)
	s.RequestEncodings = addCounts(s.RequestEncodings, o.RequestEncodings)
	s.ResponseEncodings = addCounts(s.ResponseEncodings, o.ResponseEncodings)
	s.Responses.Add(o.Responses)
}

// add adds what another epoch showed, or the same one elsewhere.
func (s *Seen) add(o Seen, how adding) {
	if how == together {
		s.Connections += o.Connections
	} else {
		s.Connections = min(s.Connections, o.Connections)
	}
	s.Links = addLinks(s.Links, o.Links)
	for _, m := range []struct {
		to   *map[string]int64
		from map[string]int64
	}{
		{&s.Methods, o.Methods}, {&s.RequestCodecs, o.RequestCodecs}, {&s.ResponseCodecs, o.ResponseCodecs},
		{&s.ServerSHA256, o.ServerSHA256}, {&s.Backends, o.Backends},
	} {
		*m.to = addCounts(*m.to, m.from)
	}
	s.Reconnects += o.Reconnects
	s.RefusedStreams += o.RefusedStreams
	s.ResponsesDecompressed += o.ResponsesDecompressed
	s.ServerSettings = addSettings(s.ServerSettings, o.ServerSettings)
	s.GoAways = addGoAways(s.GoAways, o.GoAways)
	s.Responses, s.Replaced = s.Responses.and(o.Responses), s.Replaced.and(o.Replaced)
	s.Local, s.CPUsShared = either(s.Local, o.Local), either(s.CPUsShared, o.CPUsShared)
	s.ServerPIDSeen = both(s.ServerPIDSeen, o.ServerPIDSeen)
	if s.ResponseBytes == nil || o.ResponseBytes != nil && *o.ResponseBytes > *s.ResponseBytes {
		s.ResponseBytes = o.ResponseBytes
	}
	s.Server.add(o.Server)
	s.Mismatches = union(s.Mismatches, o.Mismatches)
}

// either is whether one of two facts holds, both whether both do; nil: not known.
func either(a, b *bool) *bool {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	return new(*a || *b)
}

func both(a, b *bool) *bool {
	if a == nil || b == nil {
		return either(a, b)
	}
	return new(*a && *b)
}

// addLinks counts those with the same facts together.
func addLinks(a, b []Link) []Link {
	all := slices.Concat(a, b)
	slices.SortFunc(all, Link.compare)
	out := all[:0]
	for _, l := range all {
		if n := len(out); n > 0 && out[n-1].compare(l) == 0 {
			out[n-1].Connections += l.Connections
			continue
		}
		out = append(out, l)
	}
	return out
}

// addSettings counts connections with the same settings together.
func addSettings(a, b []ServerSettings) []ServerSettings {
	all := slices.Concat(a, b)
	key := func(s ServerSettings) string { return s.Streams() + ", " + strings.Join(s.Rest(), ", ") }
	slices.SortStableFunc(all, func(a, b ServerSettings) int { return cmp.Compare(key(a), key(b)) })
	out := all[:0]
	for _, s := range all {
		if n := len(out); n > 0 && key(out[n-1]) == key(s) {
			out[n-1].Connections += s.Connections
			continue
		}
		out = append(out, s)
	}
	return out
}

// addGoAways counts connections that were ended in the same way together.
func addGoAways(a, b []GoAway) []GoAway {
	all := slices.Concat(a, b)
	order := func(a, b GoAway) int { return cmp.Or(cmp.Compare(a.Code, b.Code), cmp.Compare(a.Reason, b.Reason)) }
	slices.SortStableFunc(all, order)
	out := all[:0]
	for _, g := range all {
		if n := len(out); n > 0 && order(out[n-1], g) == 0 {
			last := &out[n-1]
			last.Connections, last.Counted = last.Connections+g.Connections, last.Counted+g.Counted
			last.RPCs, last.Refused = last.RPCs+g.RPCs, last.Refused+g.Refused
			continue
		}
		out = append(out, g)
	}
	return out
}

// and is the churn of r and o; nil: no connection was to be replaced.
func (r *Replaced) and(o *Replaced) *Replaced {
	switch {
	case r == nil:
		return o
	case o == nil:
		return r
	}
	sum := &Replaced{Due: r.Due + o.Due, Opened: r.Opened + o.Opened, Missed: r.Missed + o.Missed, Drained: r.Drained + o.Drained,
		MostRPCs: max(r.MostRPCs, o.MostRPCs), Failed: addCounts(r.Failed, o.Failed)}
	if sum.Failed == nil {
		sum.Failed = map[string]int64{}
	}
	return sum
}

// and is what came compressed of r and o; nil: it is not counted.
func (r *Responses) and(o *Responses) *Responses {
	switch {
	case r == nil:
		return o
	case o == nil:
		return r
	}
	return &Responses{Compressed: r.Compressed + o.Compressed, ByEncoding: addCounts(r.ByEncoding, o.ByEncoding)}
}

// mostKinds is how many different SETTINGS and GOAWAYs of one arm are told apart.
const mostKinds = 16

// observed works out what the arm is said to have shown.
func (s Seen) observed() Observed {
	o := Observed{
		Connections: int(s.Connections), Reconnects: s.Reconnects, RefusedStreams: s.RefusedStreams,
		ResponsesDecompressed: s.ResponsesDecompressed, ServerSettings: s.ServerSettings, GoAways: s.GoAways,
		Responses: s.Responses, Local: s.Local, CPUsShared: s.CPUsShared, ServerPIDSeen: s.ServerPIDSeen, ResponseBytes: s.ResponseBytes,
	}
	if len(o.ServerSettings) > mostKinds {
		o.ServerSettings = slices.SortedStableFunc(slices.Values(o.ServerSettings), func(a, b ServerSettings) int {
			return cmp.Compare(b.Connections, a.Connections)
		})[:mostKinds]
	}
	if len(o.GoAways) > mostKinds {
		most := slices.SortedStableFunc(slices.Values(o.GoAways), func(a, b GoAway) int { return cmp.Compare(b.Connections, a.Connections) })
		rest := slices.Clone(most[mostKinds-1:])
		for i := range rest {
			rest[i].Code, rest[i].Reason = "OTHER", ""
		}
		o.GoAways = addGoAways(most[:mostKinds-1], rest)
	}
	wrong := s.Mismatches
	for _, f := range []struct {
		to   *string
		of   map[string]int64
		text string
	}{
		{&o.Method, s.Methods, "method: more than one was called"},
		{&o.RequestCodec, s.RequestCodecs, "codec of requests: more than one implementation ran"},
		{&o.ResponseCodec, s.ResponseCodecs, "codec of responses: more than one implementation ran"},
		{&o.ServerSHA256, s.ServerSHA256, "server binary: its file changed between epochs"},
	} {
		*f.to = most(f.of)
		if len(f.of) > 1 {
			wrong = union(wrong, []string{f.text})
		}
	}
	for _, address := range slices.Sorted(maps.Keys(s.Backends)) {
		o.Backends = append(o.Backends, Backend{Address: address, Connections: s.Backends[address]})
	}
	o.Mismatches = union(wrong, s.negotiated(&o))
	s.serverSaw(&o)
	if len(o.Mismatches) == 0 {
		o.Mismatches = nil
	}
	return o
}

// most is the text that was seen most often, the first of them by name.
func most(counts map[string]int64) (text string) {
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		if text == "" || counts[name] > counts[text] {
			text = name
		}
	}
	return text
}

// negotiated fills in what connections showed, and returns what they did not agree on.
func (s Seen) negotiated(o *Observed) (wrong []string) {
	for _, l := range s.Links {
		if l.Resumed {
			o.Resumed += l.Connections
		}
		if l.HelloRetryRequest {
			o.HelloRetryRequests += l.Connections
		}
		o.ClientCertificate = o.ClientCertificate || l.ClientCertificate
		if l.TLSVersion != plan.Off {
			o.ForwardSecrecy = both(o.ForwardSecrecy, new(l.forwardSecret()))
		}
	}
	for _, fact := range []struct {
		name string
		to   *string
		of   func(Link) string
	}{
		{"TLS version", &o.TLSVersion, func(l Link) string { return l.TLSVersion }}, {"cipher", &o.Cipher, func(l Link) string { return l.Cipher }},
		{"group", &o.Group, func(l Link) string { return l.Group }}, {"ALPN", &o.ALPN, func(l Link) string { return l.ALPN }},
		{"server key", &o.ServerKey, func(l Link) string { return l.ServerKey }},
	} {
		counts := map[string]int64{}
		for _, l := range s.Links {
			counts[fact.of(l)] += l.Connections
		}
		*fact.to = most(counts)
		for _, other := range slices.Sorted(maps.Keys(counts)) {
			if other != *fact.to {
				wrong = append(wrong, fmt.Sprintf("%s: %s on one connection, %s on another", fact.name, *fact.to, other))
			}
		}
	}
	return wrong
}

// serverSaw fills in what the server counted, if it is of the arm's RPCs alone.
func (s Seen) serverSaw(o *Observed) {
	told := s.Server
	o.Replaced = s.Replaced
	if !told.ofArm() {
		if told.Told > 0 && told.Silent == 0 {
			o.ServerCount = &ServerCount{Started: told.Started, Shared: told.Shared > 0}
		}
		return
	}
	if s.Replaced != nil && told.Bundled && told.Silent == 0 {
		replaced := *s.Replaced
		replaced.Accepted = new(told.Accepted)
		o.Replaced = &replaced
	}
	if told.Bundled {
		o.ServerInstances = len(told.Instances)
	}
	for _, name := range told.Missing {
		o.Mismatches = append(o.Mismatches, "metadata "+name+": sent, and did not arrive")
	}
	o.RequestEncodings, o.ResponseEncodings = maps.Clone(told.RequestEncodings), maps.Clone(told.ResponseEncodings)
	o.RequestsDecompressed = told.Decompressed
	o.ClientCertificate = o.ClientCertificate || told.Certified > 0
	if told.Started > 0 {
		o.MetadataKeys = new(float64(told.MetadataKeys) / float64(told.Started))
		o.MetadataBytes = new(float64(told.MetadataBytes) / float64(told.Started))
	}
}
