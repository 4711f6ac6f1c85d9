// Package plan holds what the user asked: Config is the flags and the suite
// file as they were given, Plan is the same checked and completed. It measures
// nothing and opens nothing but the files it is told to read.
package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/metric"
)

// Plan is everything a run needs to know, fixed before it starts and stored
// whole in its result. It is immutable.
type Plan struct {
	Kind  string `json:"kind,omitempty"`  // "": a run; KindHandshake, KindCeiling
	Suite string `json:"suite,omitempty"` // name of the suite; "" when flags alone made the plan
	// SuiteFile is the base name of its file; "": it is a built-in one, there is none, or the
	// plan is of an older tool.
	SuiteFile string            `json:"suite_file,omitempty"`
	Name      string            `json:"name,omitempty"` // --name
	Tags      map[string]string `json:"tags,omitempty"` // --tag
	Arms      []Arm             `json:"arms"`           // distinct; the A/A arm, if any, is last
	Groups    []Group           `json:"groups"`         // at least one
	Target    *Target           `json:"target,omitempty"`
	Load      Load              `json:"load"`
	// Handshakes says what a plan of KindHandshake opens; nil in any other.
	Handshakes *Handshakes `json:"handshakes,omitempty"`

	Epochs  Epochs   `json:"epochs"`
	Window  Duration `json:"window_ns"` // measured part of an epoch; > 0
	Warmup  Duration `json:"warmup_ns"` // before it, not measured
	Drain   Duration `json:"drain_ns"`  // how long calls in flight are waited for
	MaxTime Duration `json:"max_time_ns,omitempty"`
	// MaxMessage is the largest message of --method in bytes; 0: 4 MiB.
	MaxMessage int `json:"max_message_bytes,omitempty"`
	// Expect lists the codes that make an RPC good, in gRPC's order; none: OK alone.
	Expect []string `json:"expect,omitempty"`
	// ConnectTimeout bounds TCP, TLS and HTTP/2 of each connection together; 0: 5 s, or
	// what Handshakes says.
	ConnectTimeout Duration `json:"connect_timeout_ns,omitempty"`
	// ServerStartTimeout is how long a server binary has to print its address; 0: the
	// constant of that name.
	ServerStartTimeout Duration `json:"server_start_timeout_ns,omitempty"`
	// ServerInPlace runs a server binary where it is, and not from a copy.
	ServerInPlace bool `json:"server_in_place,omitempty"`
	// Saturated is the length of each arm's saturated closed-loop block at the
	// end of an epoch; 0: no such blocks.
	Saturated Duration `json:"saturated_ns"`

	Seed uint64 `json:"seed"` // below 2^53, which every JSON reader keeps exact
	// AllowFailures is the share of scheduled RPCs, in [0, 1], that may fail, not
	// start or be abandoned before the result is INVALID.
	AllowFailures float64 `json:"allow_failures"`
	Gates         Gates   `json:"gates,omitzero"`
	// Ceiling is what a plan of KindCeiling looks for; nil for others.
	Ceiling *Ceiling `json:"ceiling,omitempty"`
}

// Lengths of saturated blocks.
const (
	saturated      Duration = 300 * time.Millisecond
	quickSaturated Duration = 100 * time.Millisecond
)

// Arm is one full choice of settings that is measured.
type Arm struct {
	Name     string   `json:"name"`
	Settings Settings `json:"settings"`
	AA       bool     `json:"aa,omitempty"` // equal to the base arm on purpose
	// Secrets are the metadata values of Settings.Metadata, in its order. They
	// are handed to the arm's process and stored nowhere.
	Secrets []string `json:"-"`
}

// Group is a set of arms that are compared with one control. The A/A arm is the
// last one of the first group.
type Group struct {
	Name    string   `json:"name"`
	Control string   `json:"control"` // name of an arm, which is in Arms too
	Arms    []string `json:"arms"`    // names, control first
}

// Load says when RPCs start.
type Load struct {
	Rate        float64 `json:"rate_rpc_per_s"`          // offered by all arms alive together, A/A included; 0 in a closed loop
	Arrival     string  `json:"arrival,omitempty"`       // "poisson" or "uniform"; "" in a closed loop
	Loop        string  `json:"loop"`                    // "open" or "closed"
	Concurrency int     `json:"concurrency"`             // callers of a closed loop, all connections of an arm together; those that open connections in a saturated block of a handshake plan
	MaxInFlight int     `json:"max_in_flight,omitempty"` // open loop, each arm; 0: max(1000, 4 s of the arm's rate)
}

// Epochs is how often everything is repeated. Min < Max: as many as the
// interval's width asks for.
type Epochs struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// String returns the form that --epochs reads: "10" or "8..20".
func (e Epochs) String() string {
	if e.Min == e.Max {
		return strconv.Itoa(e.Min)
	}
	return strconv.Itoa(e.Min) + ".." + strconv.Itoa(e.Max)
}

// Target is a server that was not started by the run.
type Target struct {
	Address            string `json:"address"`            // see package address; arms may have their own
	CACert             string `json:"cacert,omitempty"`   // files, by base name
	Cert               string `json:"cert,omitempty"`     //
	KeyFile            string `json:"key_file,omitempty"` //
	ServerName         string `json:"server_name,omitempty"`
	Authority          string `json:"authority,omitempty"` // as given; "": see [Target.AuthorityOf]
	InsecureSkipVerify bool   `json:"insecure_skip_verify,omitempty"`
	// AllowReadableKey accepts a KeyFile that group and others may read.
	AllowReadableKey bool `json:"allow_readable_key,omitempty"`
	// AllowNoALPN takes a server that chooses no protocol by ALPN for one of HTTP/2.
	AllowNoALPN bool  `json:"allow_no_alpn,omitempty"`
	ServerPID   int   `json:"server_pid,omitempty"`
	ServerPIDs  []int `json:"server_pids,omitempty"` // where there are several, ServerPID the first of them
	// AllowCleartextCredentials lets metadata that looks like a credential go to
	// others than this machine in plaintext or unverified.
	AllowCleartextCredentials bool `json:"allow_cleartext_credentials,omitempty"`

	// The contents of the files above, read once when the plan was made.
	CACertPEM, CertPEM, KeyPEM []byte `json:"-"`
}

// NoALPN is what is observed of ALPN where the server chose no protocol (RFC 7301).
const NoALPN = "none"

// PIDs are the processes of the server that were named; none: it is not known.
func (t Target) PIDs() []int {
	if len(t.ServerPIDs) == 0 && t.ServerPID > 0 {
		return []int{t.ServerPID}
	}
	return t.ServerPIDs
}

// Duration is a time.Duration that is a whole number of nanoseconds in JSON.
type Duration = time.Duration

// ArmRate is the rate that is offered to each arm, in RPC/s: an equal share of
// the load's, the A/A arm's included. It is 0 in a closed loop.
func (p Plan) ArmRate() float64 { return p.Load.Rate / float64(len(p.Arms)) }

// Arm returns the arm of that name.
func (p Plan) Arm(name string) (arm Arm, ok bool) {
	i := slices.IndexFunc(p.Arms, func(a Arm) bool { return a.Name == name })
	if i < 0 {
		return Arm{}, false
	}
	return p.Arms[i], true
}

// Confidential returns what no output may hold: metadata values, messages read
// from files, the client's private key.
func (p Plan) Confidential() []string {
	var all []string
	for _, a := range p.Arms {
		all = append(all, a.Secrets...)
		for _, blob := range []*Blob{a.Settings.Request, a.Settings.Payload.File} {
			if blob != nil {
				all = append(all, string(blob.Data))
			}
		}
	}
	if p.Target != nil {
		all = append(all, string(p.Target.KeyPEM))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Hash identifies what is measured, in hexadecimal: plans of one hash may stand
// in one history. It is that of Question.
func (p Plan) Hash() string {
	data, _ := json.Marshal(p.Question()) // cannot fail: a plan holds strings and finite numbers
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Question returns p without what changes from run to run and not the question: addresses,
// name, tags, seed, gates, the number of epochs, and how long a server may take to start or
// to be connected to: these limits say whether a run is measured, not what is measured. What
// an arm announces of codecs is named, also where a plan of an older tool does not say it. An
// arm that is named by its address is named by its position. The arms keep their order.
func (p Plan) Question() Plan {
	p.SuiteFile, p.Name, p.Tags, p.Seed, p.Epochs, p.MaxTime, p.Gates = "", "", nil, 0, Epochs{}, 0, Gates{}
	p.ConnectTimeout, p.ServerStartTimeout = 0, 0
	if p.Target != nil {
		target := *p.Target
		target.Address, target.ServerPID, target.ServerPIDs = "", 0, nil
		target.AllowCleartextCredentials, target.AllowNoALPN, target.AllowReadableKey = false, false, false
		p.Target = &target
	}
	names := make(map[string]string)
	p.Arms = slices.Clone(p.Arms)
	for i := range p.Arms {
		a := &p.Arms[i]
		names[a.Name] = strings.NewReplacer(
			"target="+a.Settings.Target, fmt.Sprintf("target=#%d", i),
			serverBinary+"="+a.Settings.ServerBinary, fmt.Sprintf("%s=#%d", serverBinary, i),
			serverBinary+"="+Program(a.Settings.ServerBinary), fmt.Sprintf("%s=#%d", serverBinary, i),
		).Replace(a.Name)
		a.Name, a.Settings.Target, a.Settings.ServerBinary = names[a.Name], "", ""
		a.Settings.AcceptCompression = acceptText(a.Settings.Accepts())
	}
	p.Groups = slices.Clone(p.Groups)
	for i := range p.Groups {
		g := &p.Groups[i]
		g.Control, g.Arms = names[g.Control], slices.Clone(g.Arms)
		for k, name := range g.Arms {
			g.Arms[k] = names[name]
		}
	}
	return p
}

// ArmSeed is the seed of one arm in one epoch: the first 8 bytes, big-endian, of
// the SHA-256 of seed and epoch (8 bytes each, big-endian) and the arm's name.
// It depends on nothing else, so adding an arm to a plan changes no other arm's
// arrivals.
func ArmSeed(seed uint64, epoch int, arm string) uint64 {
	data := binary.BigEndian.AppendUint64(nil, seed)
	data = binary.BigEndian.AppendUint64(data, uint64(epoch))
	sum := sha256.Sum256(append(data, arm...))
	return binary.BigEndian.Uint64(sum[:])
}

// Scope is the kind of run that p is, as the table of metrics has it.
func (p Plan) Scope() metric.Scope {
	switch p.Kind {
	case KindHandshake:
		return metric.Handshake
	case KindCeiling:
		return metric.Ceiling
	}
	return metric.Load
}
