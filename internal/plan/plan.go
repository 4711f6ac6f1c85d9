// Package plan holds what the user asked: Config is the flags and the suite
// file as they were given, Plan is the same checked and completed. It measures
// nothing and opens nothing but the files it is told to read.
package plan

import (
	"time"

	"grpcbench/internal/codec"
)

// Plan is everything a run needs to know, fixed before it starts and stored
// whole in its result. It is immutable.
type Plan struct {
	Suite  string            `json:"suite,omitempty"` // name of the suite; "" when flags alone made the plan
	Name   string            `json:"name,omitempty"`  // --name
	Tags   map[string]string `json:"tags,omitempty"`  // --tag
	Arms   []Arm             `json:"arms"`            // distinct; the A/A arm, if any, is last
	Groups []Group           `json:"groups"`          // at least one
	Target *Target           `json:"target,omitempty"`
	Load   Load              `json:"load"`

	Epochs  Epochs   `json:"epochs"`
	Window  Duration `json:"window_ns"` // measured part of an epoch; > 0
	Warmup  Duration `json:"warmup_ns"` // before it, not measured
	Drain   Duration `json:"drain_ns"`  // how long calls in flight are waited for
	MaxTime Duration `json:"max_time_ns,omitempty"`
	// Saturated is the length of each arm's saturated closed-loop block at the
	// end of an epoch; 0: no such blocks.
	Saturated Duration `json:"saturated_ns"`

	Seed uint64 `json:"seed"`
	// AllowFailures is the share of scheduled RPCs, in [0, 1], that may fail, not
	// start or be abandoned before the result is INVALID.
	AllowFailures float64 `json:"allow_failures"`
}

// Arm is one full choice of settings that is measured.
type Arm struct {
	Name     string   `json:"name"`
	Settings Settings `json:"settings"`
	AA       bool     `json:"aa,omitempty"` // equal to the base arm on purpose
	// Secrets are the metadata values of Settings.Metadata, in its order. They
	// are handed to the arm's process and stored nowhere.
	Secrets []string `json:"-"`
}

// Group is a set of arms that are compared with one control.
type Group struct {
	Name    string   `json:"name"`
	Control string   `json:"control"` // name of an arm, which is in Arms too
	Arms    []string `json:"arms"`    // names, control first
}

// Load says when RPCs start.
type Load struct {
	Rate        float64 `json:"rate_rpc_per_s"`          // offered by all arms alive together, A/A included; open loop
	Arrival     string  `json:"arrival"`                 // "poisson" or "uniform"
	Loop        string  `json:"loop"`                    // "open" or "closed"
	Concurrency int     `json:"concurrency"`             // callers of a closed loop, all connections of an arm together
	MaxInFlight int     `json:"max_in_flight,omitempty"` // open loop, each arm; 0: max(1000, 4 s of the arm's rate)
}

// Epochs is how often everything is repeated. Min < Max: as many as the
// interval's width asks for.
type Epochs struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// Target is a server that was not started by the run.
type Target struct {
	Address            string `json:"address"`            // host:port; arms may have their own
	CACert             string `json:"cacert,omitempty"`   // files, by base name in the result
	Cert               string `json:"cert,omitempty"`     //
	KeyFile            string `json:"key_file,omitempty"` //
	ServerName         string `json:"server_name,omitempty"`
	InsecureSkipVerify bool   `json:"insecure_skip_verify,omitempty"`
	ServerPID          int    `json:"server_pid,omitempty"`

	// The contents of the files above, read once when the plan was made.
	CACertPEM, CertPEM, KeyPEM []byte `json:"-"`
}

// Settings is one choice of everything that can be varied. JSON names are the
// flags' names with underscores.
type Settings struct {
	Target              string        `json:"target,omitempty"` // host:port; "": a bundled server of the arm's own
	TLS                 string        `json:"tls"`              // "off", "1.2", "1.3"
	MTLS                bool          `json:"mtls"`             // client certificate presented and demanded
	Key                 string        `json:"key,omitempty"`    // "rsa2048", "p256", "ed25519": key of the bundled server; "" for a target
	Group               string        `json:"group,omitempty"`  // "x25519", "p256", "x25519mlkem768"; "": Go's own list
	Resumption          bool          `json:"resumption"`
	Compression         codec.Spec    `json:"compression"`
	ResponseCompression ResponseCodec `json:"response_compression"`
	Metadata            []MetadataKey `json:"metadata,omitempty"` // names and lengths; the values are Arm.Secrets
	MetadataSize        MetadataSize  `json:"metadata_size"`
	Payload             Payload       `json:"payload"`
	ResponsePayload     Payload       `json:"response_payload"`
	Connections         int           `json:"connections"`
	Deadline            Duration      `json:"deadline_ns,omitempty"` // of each RPC after its start; 0: none
	Engine              string        `json:"engine"`                // "grpc"
	Windows             string        `json:"windows"`               // "static", "dynamic" HTTP/2 flow-control windows
	Method              string        `json:"method,omitempty"`      // /pkg.Service/Method; "": Foo or Echo, as the payload asks
	Request             *Blob         `json:"request,omitempty"`     // raw request message of Method
}

// MetadataKey is one user-given metadata entry.
type MetadataKey struct {
	Name  string `json:"name"`
	Bytes int    `json:"bytes"` // length of the value before base64
}

// Blob is the content of a file: stored by size and digest only.
type Blob struct {
	File   string `json:"file"` // base name
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
	Data   []byte `json:"-"`
}

// Duration is a time.Duration that is a whole number of nanoseconds in JSON.
type Duration = time.Duration
