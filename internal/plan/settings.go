package plan

import (
	"encoding/json"
	"errors"

	"grpcbench/internal/codec"
)

// Settings is one choice of everything that can be varied. JSON names are the
// flags' names with underscores.
type Settings struct {
	Target              string        `json:"target,omitempty"`        // host:port; "": a bundled server of the arm's own
	ServerBinary        string        `json:"server_binary,omitempty"` // command of a server of the arm's own; "": the bundled one, or a target
	TLS                 string        `json:"tls"`                     // "off", "1.2", "1.3"
	MTLS                bool          `json:"mtls"`                    // client certificate presented and demanded
	Key                 string        `json:"key,omitempty"`           // "rsa2048", "p256", "ed25519": key of the bundled server; "" for a target or plaintext
	Group               string        `json:"group,omitempty"`         // "x25519", "p256", "x25519mlkem768"; "": Go's own list, or plaintext
	Resumption          bool          `json:"resumption"`
	Compression         codec.Spec    `json:"compression"`
	ResponseCompression ResponseCodec `json:"response_compression"`
	AcceptCompression   string        `json:"accept_compression,omitempty"` // codecs announced, with commas, or "none"; "": see Accepts
	Metadata            []MetadataKey `json:"metadata,omitempty"`           // names and lengths; the values are Arm.Secrets
	MetadataSize        MetadataSize  `json:"metadata_size"`
	Payload             Payload       `json:"payload"`
	ResponsePayload     Payload       `json:"response_payload"`
	Connections         int           `json:"connections"`
	Deadline            Duration      `json:"deadline_ns,omitempty"`             // of each RPC after its start; 0: none
	Churn               float64       `json:"churn_per_s,omitempty"`             // connections of the arm that are replaced a second, in turn; 0: none
	MaxRPCs             int           `json:"max_rpcs_per_connection,omitempty"` // after which a connection is replaced; 0: none
	ConnectionAge       Duration      `json:"connection_age_ns,omitempty"`       // at which a connection is replaced; 0: none
	Engine              string        `json:"engine"`                            // GRPC or Wire
	Windows             string        `json:"windows"`                           // "static", "dynamic" HTTP/2 flow-control windows
	Method              string        `json:"method,omitempty"`                  // /pkg.Service/Method; "": Foo or Echo, as the payloads ask
	Request             *Blob         `json:"request,omitempty"`                 // raw request message of Method; nil: empty
}

// MarshalJSON writes the compression in its flag's form.
func (s Settings) MarshalJSON() ([]byte, error) {
	type plain Settings
	return json.Marshal(struct {
		plain
		Compression string `json:"compression"`
	}{plain(s), s.Compression.String()})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Settings) UnmarshalJSON(data []byte) error {
	type plain Settings
	var in struct {
		plain
		Compression string `json:"compression"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	spec, err := codec.Parse(in.Compression)
	if err != nil {
		return err
	}
	*s = Settings(in.plain)
	s.Compression = spec
	return nil
}

// ResponseCodec is how the bundled server compresses its responses: with the
// request's codec, as grpc-go does unless told otherwise, or with one of its
// own. The zero value is its own, none.
type ResponseCodec struct {
	Mirror bool
	Spec   codec.Spec // when Mirror is false
}

// mirror is the text form of a ResponseCodec that mirrors.
const mirror = "mirror"

// ParseResponseCodec reads mirror or what codec.Parse reads.
func ParseResponseCodec(text string) (ResponseCodec, error) {
	if text == mirror {
		return ResponseCodec{Mirror: true}, nil
	}
	spec, err := parseCodec(text)
	if err != nil {
		return ResponseCodec{}, errors.New("must be mirror or as for compression: none, gzip, deflate or zstd with :none, :low, :medium, :high or :1 to :9")
	}
	return ResponseCodec{Spec: spec}, nil
}

func parseCodec(text string) (codec.Spec, error) {
	spec, err := codec.Parse(text)
	if err != nil {
		return spec, errors.New("must be none, or gzip, deflate or zstd with :none, :low, :medium, :high or :1 to :9")
	}
	return spec, nil
}

// String returns the canonical form, which ParseResponseCodec reads back.
func (r ResponseCodec) String() string {
	if r.Mirror {
		return mirror
	}
	return r.Spec.String()
}

// MarshalText returns the canonical form.
func (r ResponseCodec) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseResponseCodec reads.
func (r *ResponseCodec) UnmarshalText(text []byte) (err error) {
	*r, err = ParseResponseCodec(string(text))
	return err
}
