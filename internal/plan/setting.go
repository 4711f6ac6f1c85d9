package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/codec"
)

const maxConnections = 10_000 // below the ephemeral ports of one address pair

// setting is a flag of which each arm has its own value.
type setting struct {
	name  string
	value string // what stands for a value in the help
	start string // default
	doc   string
	// set reads text into an arm. Its errors say what the value must be, without
	// name and text.
	set func(a *Arm, text string) error
	// get is the canonical text. It tells arms apart in their names, so it holds
	// no metadata value.
	get func(s Settings) string
	// args are the values that ask for it, where get is not the one; nil: get.
	args func(s Settings) []string
	// absent is the text of nothing, which goes without saying where arms do not differ.
	absent string
	// identity is what differs where get may not; nil: get.
	identity func(a Arm) string
	// clear makes way for values that add up; nil: there is one value.
	clear func(a *Arm)
	// secret tells which texts no sentence may repeat; nil: none.
	secret func(text string) bool
}

// targetSetting is the one setting that is an argument, not a flag.
const targetSetting = "target"

// settings is the table of everything that can be varied, in the order in which
// an arm's name lists it.
func settings() []setting {
	return slices.Concat(channelSecurity(), messages(), channelShape(), churn())
}

func channelSecurity() []setting {
	return []setting{
		{
			name: targetSetting, set: setTarget,
			secret: notAddress,
			get:    func(s Settings) string { return s.Target },
		},
		{
			name: "server-binary", value: "COMMAND",
			doc: "server of the arm's own instead of the bundled one: its words may hold {addr}, {cert}, {key} and {ca}; it prints HOST:PORT in a line of its own on standard output, SIGTERM ends it",
			set: parsed(parseCommand, func(s *Settings) *string { return &s.ServerBinary }),
			get: func(s Settings) string { return s.ServerBinary },
		},
		oneOf("tls", "TLS version, or off for plaintext", []string{Off, TLS12, TLS13},
			func(s *Settings) *string { return &s.TLS }).startingAt(TLS13),
		onOff("mtls", "mutual TLS: the client presents a certificate", func(s *Settings) *bool { return &s.MTLS }),
		oneOf("key", "key of the bundled server's certificate", []string{RSA2048, P256, Ed25519},
			func(s *Settings) *string { return &s.Key }).startingAt(P256),
		{
			name: "group", value: "GROUP", doc: "TLS key exchange: x25519, p256, x25519mlkem768, or default for Go's own list", start: "default",
			set: setGroup,
			get: func(s Settings) string { return orDefault(s.Group, "default") }, args: groupArgs, absent: "default",
		},
		onOff("resumption", "TLS session resumption: each connection is opened once for its ticket, closed and opened again",
			func(s *Settings) *bool { return &s.Resumption }),
	}
}

func messages() []setting {
	return []setting{
		{
			name: "compression", value: "CODEC[:LEVEL]", start: codec.None,
			doc: "compression of requests: none, gzip, deflate, zstd; level none (announced, messages sent uncompressed), low (3), medium (6), high (9) or 1 to 9",
			set: parsed(parseCodec, func(s *Settings) *codec.Spec { return &s.Compression }),
			get: func(s Settings) string { return s.Compression.String() },
		},
		{
			name: "response-compression", value: "CODEC[:LEVEL]", start: mirror,
			doc: "compression of the bundled server's responses: as for compression, or mirror for the request's",
			set: parsed(ParseResponseCodec, func(s *Settings) *ResponseCodec { return &s.ResponseCompression }),
			get: func(s Settings) string { return s.ResponseCompression.String() },
		},
		{
			name: acceptCompression, value: "CODECS", start: "default",
			doc: "codecs announced for responses (grpc-accept-encoding): none, some of gzip, deflate and zstd as in gzip+zstd, or default for those of --compression and --response-compression alone",
			set: parsed(parseAccept, func(s *Settings) *string { return &s.AcceptCompression }),
			get: func(s Settings) string {
				return orDefault(strings.ReplaceAll(s.AcceptCompression, ",", "+"), "default")
			},
			args: acceptArgs, absent: "default",
		},
		{
			name: "metadata", value: "NAME=VALUE", start: "none",
			secret: func(string) bool { return true },
			doc:    "metadata of each RPC: NAME=VALUE, NAME=@FILE (without its last line end), NAME=env:VARIABLE or none; a -bin name takes raw bytes; values are stored nowhere (repeatable)",
			set:    addMetadata, clear: clearMetadata,
			get: metadataNames, args: metadataArgs, absent: none,
		},
		{
			name: "metadata-size", value: "SIZE", start: "0",
			doc: "synthetic metadata: SIZE[:static|unique][:N keys][:ascii|bin] with SIZE the bytes of all values before base64",
			set: parsed(ParseMetadataSize, func(s *Settings) *MetadataSize { return &s.MetadataSize }),
			get: func(s Settings) string { return s.MetadataSize.String() },
		},
		{
			name: "payload", value: "SIZE", start: "0",
			doc:      "request body: SIZE[:text|json|random|zeros] or @FILE; 0 with no response payload calls Foo(Empty), anything else Echo",
			set:      parsed(readPayload, func(s *Settings) *Payload { return &s.Payload }),
			get:      func(s Settings) string { return s.Payload.String() },
			identity: func(a Arm) string { return a.Settings.Payload.stored() },
		},
		{
			name: "response-payload", value: "SIZE", start: "0", doc: "response body: SIZE[:text|json|random|zeros]",
			set: parsed(ParsePayload, func(s *Settings) *Payload { return &s.ResponsePayload }),
			get: func(s Settings) string { return s.ResponsePayload.String() },
		},
		{
			name: "method", value: "/PKG.SERVICE/METHOD", doc: "unary method to call instead of Foo or Echo",
			set: parsed(parseMethod, func(s *Settings) *string { return &s.Method }),
			get: func(s Settings) string { return s.Method },
		},
		{
			name: "request", value: "@FILE", doc: "file with the raw request message of --method (none: an empty message)",
			set: parsed(readRequest, func(s *Settings) **Blob { return &s.Request }),
			get: requestText, identity: requestDigest,
		},
	}
}

func channelShape() []setting {
	return []setting{
		{
			name: "connections", value: "N", start: "4", doc: "connections of each arm",
			set: parsed(whole(1, maxConnections), func(s *Settings) *int { return &s.Connections }),
			get: func(s Settings) string { return strconv.Itoa(s.Connections) },
		},
		{
			name: "deadline", value: "DURATION", start: "none", doc: "deadline of each RPC after its start, or none",
			set: parsed(parseDeadline, func(s *Settings) *Duration { return &s.Deadline }),
			get: deadlineText, absent: none,
		},
		oneOf("engine", "what makes the bytes of an RPC: grpc-go as an application uses it, or wire, which costs the client next to nothing",
			[]string{GRPC, Wire}, func(s *Settings) *string { return &s.Engine }),
		oneOf("windows", "HTTP/2 flow-control windows: static (1 MiB) or dynamic (grpc-go measures and resizes them)",
			[]string{Static, Dynamic}, func(s *Settings) *string { return &s.Windows }),
	}
}

// churn is when connections are replaced that are good.
func churn() []setting {
	return []setting{
		{
			name: "churn", value: "N/s", start: none,
			doc: "connections of each arm that are replaced a second, in turn, as in 5/s, or none: the new one is opened first, and RPCs on the old one end there",
			set: parsed(parseChurn, func(s *Settings) *float64 { return &s.Churn }),
			get: churnText, absent: none,
		},
		{
			name: "max-rpcs-per-connection", value: "N", start: none,
			doc: "RPCs of a connection after which it is replaced, or none: RPCs that come before the new one is ready wait for it",
			set: parsed(parseMaxRPCs, func(s *Settings) *int { return &s.MaxRPCs }),
			get: maxRPCsText, absent: none,
		},
		{
			name: "connection-age", value: "DURATION", start: none,
			doc: "age at which a connection is replaced as for churn, or none; the ages of an arm's connections are spread evenly",
			set: parsed(parseAge, func(s *Settings) *Duration { return &s.ConnectionAge }),
			get: ageText, absent: none,
		},
	}
}

// settingNamed returns the setting of that name.
func settingNamed(name string) (setting, bool) {
	all := settings()
	i := slices.IndexFunc(all, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return all[i], true
}

// settingNames lists the names of all settings.
func settingNames() []string {
	var names []string
	for _, s := range settings() {
		names = append(names, s.name)
	}
	return names
}

// apply reads values into an arm, in place of those it had.
func (s setting) apply(a *Arm, values []given) error {
	if s.clear != nil && len(values) > 0 {
		s.clear(a)
	}
	var errs []error
	for _, v := range values {
		err := s.set(a, v.text)
		switch {
		case err == nil:
		case s.secret != nil && s.secret(v.text):
			errs = append(errs, fmt.Errorf("%s: %w", v.where, err))
		default:
			errs = append(errs, fmt.Errorf("%s %q: %w", v.where, v.shown(), err))
		}
	}
	return errors.Join(errs...)
}

// differs reports whether two arms have different values of s.
func (s setting) differs(a, b Arm) bool {
	if s.identity != nil {
		return s.identity(a) != s.identity(b)
	}
	return s.get(a.Settings) != s.get(b.Settings)
}
