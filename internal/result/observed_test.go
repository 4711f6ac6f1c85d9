package result

import (
	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
)

// on changes an arm so that it is not as asked.
func on(name, of string, change func(a *Arm)) mutation {
	return mutation{name, func(r *Result) { change(arm(r, of)) }, Invalid, true}
}

// elsewhere makes the arm's server a TARGET's.
func elsewhere(change func(a *Arm)) func(a *Arm) {
	return func(a *Arm) {
		a.Settings.Target = "example.org:1337"
		change(a)
	}
}

// off changes an arm in a way that is in order.
func off(name, of string, change func(a *Arm)) mutation {
	return mutation{name, func(r *Result) { change(arm(r, of)) }, Valid, false}
}

// observedMutations change what was observed of an arm, or what was asked.
func observedMutations() map[string][]mutation {
	const plain, tls, gz, meta = "tls=off", "tls=1.3", "compression=gzip:low", "metadata-size=1KiB:unique"
	rows := []mutation{
		on("another TLS version", tls, func(a *Arm) { a.Observed.TLSVersion = "1.2" }),
		on("no TLS version", tls, func(a *Arm) { a.Observed.TLSVersion = "" }),
		on("TLS where none was asked", plain, func(a *Arm) { a.Observed.TLSVersion = "1.3" }),
		on("no ALPN", tls, func(a *Arm) { a.Observed.ALPN = "" }),
		on("ALPN none where it was not allowed", tls, func(a *Arm) { a.Observed.ALPN = plan.NoALPN }),
		{"ALPN none where it was allowed", func(r *Result) {
			r.Plan.Target = &plan.Target{AllowNoALPN: true}
			arm(r, tls).Observed.ALPN = plan.NoALPN
		}, Valid, false},
		on("another group", tls, func(a *Arm) { a.Settings.Group = "p256" }),
		off("the group asked for", tls, func(a *Arm) { a.Settings.Group = "x25519mlkem768" }),
		on("another key", tls, func(a *Arm) { a.Observed.ServerKey = "rsa2048" }),
		on("fewer connections", plain, func(a *Arm) { a.Observed.Connections = 3 }),
		on("a resumed connection unasked", tls, func(a *Arm) { a.Observed.Resumed = 1 }),
		on("39 of 40 connections resumed", tls, func(a *Arm) { a.Settings.Resumption, a.Observed.Resumed = true, 39 }),
		off("all connections resumed", tls, func(a *Arm) { a.Settings.Resumption, a.Observed.Resumed = true, 40 }),
		on("no client certificate", tls, func(a *Arm) { a.Settings.MTLS = true }),
		off("a client certificate", tls, func(a *Arm) { a.Settings.MTLS, a.Observed.ClientCertificate = true, true }),
		on("compression unplugged", gz, func(a *Arm) { a.Figures.Compressed = 0 }),
		on("one message of them all not compressed", gz, func(a *Arm) { a.Figures.Compressed-- }),
		on("one message more than RPCs compressed", gz, func(a *Arm) { a.Figures.Compressed++ }),
		on("uncompressed requests for a response of some size", plain, func(a *Arm) {
			a.Settings.ResponsePayload.Bytes, a.Settings.Compression = 1024, codec.Spec{Name: codec.Gzip, Level: codec.LevelLow}
			a.Observed.RequestEncodings = map[string]int64{"gzip": a.LedgerTotal.OK}
		}),
		on("one message not decompressed by the server", gz, func(a *Arm) { a.Observed.RequestsDecompressed-- }),
		on("compressed unasked", plain, func(a *Arm) { a.Figures.Compressed = 1 }),
		on("compressed at level none", gz, func(a *Arm) { a.Settings.Compression.Level = codec.LevelNone }),
		off("announced at level none", gz, func(a *Arm) {
			a.Settings.Compression.Level = codec.LevelNone
			a.Figures.Compressed, a.Observed.RequestsDecompressed = 0, 0
		}),
		off("announced for empty messages", plain, func(a *Arm) {
			a.Settings.Compression = codec.Spec{Name: codec.Zstd, Level: codec.LevelLow}
			a.Observed.RequestEncodings = map[string]int64{"zstd": a.LedgerTotal.Started}
		}),
		on("another encoding announced once", gz, func(a *Arm) { a.Observed.RequestEncodings = map[string]int64{"gzip": a.LedgerTotal.OK, "identity": 1} }),
		on("one RPC less announced", gz, func(a *Arm) { a.Observed.RequestEncodings["gzip"]-- }),
		on("no encoding told by a bundled server", gz, func(a *Arm) { a.Observed.RequestEncodings = nil }),
		on("metadata short of a byte", meta, func(a *Arm) { *a.Observed.MetadataBytes = 1023 }),
		on("a metadata key more", meta, func(a *Arm) { *a.Observed.MetadataKeys = 2 }),
		on("metadata not told by a bundled server", plain, func(a *Arm) { a.Observed.MetadataKeys = nil }),
		off("metadata of the user, one name twice", plain, func(a *Arm) {
			a.Settings.Metadata = []plan.MetadataKey{{Name: "foo", Bytes: 3}, {Name: "foo", Bytes: 4}}
			*a.Observed.MetadataKeys, *a.Observed.MetadataBytes = 1, 7
		}),
		on("a mismatch that the run saw", plain, func(a *Arm) { a.Observed.Mismatches = []string{"peer address: asked for a, observed b"} }),
		off("a foreign server asks for a certificate unasked", tls, func(a *Arm) {
			a.Settings.Target, a.Observed.ClientCertificate = "example.org:1337", true
		}),
		on("a foreign server that tells of no metadata", meta, elsewhere(func(a *Arm) { *a.Observed.MetadataKeys, *a.Observed.MetadataBytes = 0, 0 })),
		on("a foreign server that tells of metadata short of a byte", meta, elsewhere(func(a *Arm) { *a.Observed.MetadataBytes = 1023 })),
		{"a foreign server that tells of a name more", func(r *Result) { elsewhere(func(a *Arm) { *a.Observed.MetadataKeys = 2 })(arm(r, meta)) }, Valid, true},
		on("a foreign server that tells of one RPC less announced", gz, elsewhere(func(a *Arm) { a.Observed.RequestEncodings["gzip"]-- })),
		on("a foreign server that tells of one message not decompressed", gz, elsewhere(func(a *Arm) { a.Observed.RequestsDecompressed-- })),
		on("a foreign server that tells of another response encoding", gz, elsewhere(func(a *Arm) { a.Observed.ResponseEncodings = map[string]int64{"zstd": a.LedgerTotal.OK} })),
		off("a foreign server that tells all", gz, elsewhere(func(*Arm) {})),
		off("a foreign server's response to a method of its own", gz, elsewhere(func(a *Arm) {
			a.Settings.Method, a.Settings.Request = "/p.S/M", &plan.Blob{Bytes: 3}
			a.Observed.ResponseEncodings = map[string]int64{"identity": a.LedgerTotal.OK}
		})),
		off("a foreign server tells nothing", gz, func(a *Arm) {
			a.Settings.Target = "example.org:1337"
			a.Observed.RequestEncodings, a.Observed.ResponseEncodings, a.Observed.RequestsDecompressed = nil, nil, 0
			a.Observed.MetadataKeys, a.Observed.MetadataBytes = nil, nil
		}),
	}
	return map[string][]mutation{"settings_not_observed": append(rows, responseMutations()...)}
}

// responseMutations are those of responses.
func responseMutations() []mutation {
	const plain, gz = "tls=off", "compression=gzip:low"
	return []mutation{
		on("responses not compressed", gz, func(a *Arm) {
			a.Settings.ResponseCompression.Mirror, a.Settings.ResponsePayload.Bytes = true, 1024
		}),
		on("responses announced otherwise", gz, func(a *Arm) { a.Observed.ResponseEncodings = map[string]int64{"deflate": a.LedgerTotal.OK} }),
		on("one response announced otherwise", plain, func(a *Arm) { a.Observed.ResponseEncodings["gzip"] = 1 }),
		on("one response less announced", plain, func(a *Arm) { a.Observed.ResponseEncodings["identity"]-- }),
		on("no response encoding told by a bundled server", plain, func(a *Arm) { a.Observed.ResponseEncodings = nil }),
		off("responses announced as the requests were", gz, func(a *Arm) {
			a.Settings.ResponseCompression.Mirror = true
			a.Observed.ResponseEncodings = map[string]int64{"gzip": a.LedgerTotal.OK}
		}),
		off("responses compressed", gz, func(a *Arm) {
			a.Settings.ResponseCompression.Mirror, a.Settings.ResponsePayload.Bytes = true, 1024
			a.Observed.ResponseEncodings = map[string]int64{"gzip": a.LedgerTotal.OK}
			a.ResponseCompressed, a.Observed.ResponsesDecompressed = a.LedgerTotal.OK, a.LedgerTotal.OK
		}),
		on("responses compressed that the client did not see so", gz, func(a *Arm) {
			a.Settings.ResponseCompression.Mirror, a.Settings.ResponsePayload.Bytes = true, 1024
			a.ResponseCompressed = a.LedgerTotal.OK
		}),
	}
}
