// Package worker is one arm's processes, seen from inside: a generator that
// makes the arm's RPCs, and a host that serves them. Each takes orders as lines
// of JSON on its standard input and answers each with one line on its standard
// output. Orders never travel on the command line, where other users could read
// the metadata in them; and control never shares a measured connection.
//
// A process whose standard input ends, because its parent did, ends.
package worker

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/channel"
	"grpcbench/internal/hist"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
)

// Instants are CLOCK_MONOTONIC nanoseconds, which all processes of a machine
// share (probe.Monotonic).

// Order is one line to a worker. Do names what is wanted; the field of the same
// name holds what it needs.
type Order struct {
	Do       string    `json:"do"`
	Serve    *Serve    `json:"serve,omitempty"`
	Mark     *Mark     `json:"mark,omitempty"`
	Setup    *Trial    `json:"setup,omitempty"`
	Connect  *Connect  `json:"connect,omitempty"`
	Run      *Run      `json:"run,omitempty"`
	Saturate *Saturate `json:"saturate,omitempty"`
	Shake    *Shake    `json:"shake,omitempty"`
}

// Orders. Stop is the only one that is obeyed while another is being carried
// out, and the only one without an answer.
const (
	DoServe    = "serve"    // host: listen; answer Listening
	DoMark     = "mark"     // host: read the clocks at given instants; answer []Reading
	DoSnapshot = "snapshot" // host: answer Snapshot
	DoSetup    = "setup"    // generator: answer {}
	DoConnect  = "connect"  // generator: open one connection; answer Connected
	DoLook     = "look"     // generator: ask the server what it has counted, if it tells; answer {}
	DoProbe    = "probe"    // generator: make one RPC; answer Probed
	DoRun      = "run"      // generator: warm-up, window, drain; parts load.Interval, answer Measured
	DoSaturate = "saturate" // generator: a closed loop at full speed; answer Saturated
	DoShake    = "shake"    // generator of a handshake plan: open one connection, and hold it; answer Shaken
	DoAsk      = "ask"      // generator of a handshake plan: RPCs on that connection, which is then closed; answer Asked
	DoRush     = "rush"     // generator of a handshake plan: open connections at full speed, as Saturate says; answer Rushed
	DoAccount  = "account"  // generator: answer Finished, of its life so far
	DoFinish   = "finish"   // generator: close the connections; answer Finished
	DoStop     = "stop"     // generator: start no more RPCs; host: give up marks
)

// Answer is one line from a worker: a value, or why there is none, or a part that
// comes before the value.
type Answer struct {
	Error string `json:"error,omitempty"`
	Value any    `json:"value,omitempty"`
	Part  any    `json:"part,omitempty"`
}

// Serve says what the host's server is.
type Serve struct {
	Settings    plan.Settings `json:"settings"`
	CertPEM     []byte        `json:"cert_pem,omitempty"`
	KeyPEM      []byte        `json:"key_pem,omitempty"`
	ClientCAPEM []byte        `json:"client_ca_pem,omitempty"` // demands client certificates
	Environment []string      `json:"environment,omitempty"`   // of Settings.ServerBinary, as NAME=VALUE
	// StartTimeout is how long Settings.ServerBinary has to print its address; 0: plan.ServerStartTimeout.
	StartTimeout time.Duration `json:"start_timeout_ns,omitempty"`
	InPlace      bool          `json:"in_place,omitempty"` // run it where it is, not from a copy
}

// Listening is where the server can be reached.
type Listening struct {
	Address string `json:"address"`
	Codec   string `json:"codec,omitempty"`  // implementation that compresses responses
	PIDs    []int  `json:"pids,omitempty"`   // of a server binary; none: the host itself serves
	SHA256  string `json:"sha256,omitempty"` // of its file, hexadecimal
	// Printed are the first lines of a server binary before its address, quoted and cut.
	Printed []string `json:"printed,omitempty"`
}

// Mark asks for a reading at each instant.
type Mark struct {
	At []int64 `json:"at"`
}

// Reading is what a process had used by an instant.
type Reading struct {
	CPU    *int64 `json:"cpu_ns,omitempty"`
	Allocs uint64 `json:"allocs"` // heap objects
	GCCPU  int64  `json:"gc_cpu_ns"`
}

// Trial is one arm of one epoch, as its generator needs it.
type Trial struct {
	Settings    plan.Settings `json:"settings"`
	Secrets     values        `json:"secrets,omitempty"` // metadata values, in the order of Settings.Metadata
	Request     []byte        `json:"request,omitempty"` // of Settings.Request
	Body        []byte        `json:"body,omitempty"`    // of Settings.Payload.File
	Address     string        `json:"address"`
	CAPEM       []byte        `json:"ca_pem,omitempty"` // roots; none: the system's
	CertPEM     []byte        `json:"cert_pem,omitempty"`
	KeyPEM      []byte        `json:"key_pem,omitempty"`
	ServerName  string        `json:"server_name,omitempty"`
	Authority   string        `json:"authority,omitempty"` // of RPCs; "": Address
	SkipVerify  bool          `json:"skip_verify,omitempty"`
	AllowNoALPN bool          `json:"allow_no_alpn,omitempty"`
	Load        plan.Load     `json:"load"` // Rate is this arm's
	Phase       time.Duration `json:"phase_ns"`
	Seed        uint64        `json:"seed"`
	Warmup      time.Duration `json:"warmup_ns"`
	Window      time.Duration `json:"window_ns"`
	Drain       time.Duration `json:"drain_ns"`
	Connections int           `json:"connections"`
	MaxMessage  int           `json:"max_message_bytes,omitempty"` // 0: the engine's own
	Expect      []string      `json:"expect,omitempty"`            // codes that make an RPC good; none: OK alone
	// Timeout bounds each connection, and each RPC on one of a handshake plan; 0: the
	// engine's own.
	Timeout     time.Duration `json:"timeout_ns,omitempty"`
	TimeoutFlag string        `json:"timeout_flag,omitempty"` // see channel.Endpoint
}

// Confidential returns what the user gave to be sent and no output may hold:
// metadata values, and messages read from files.
func (t Trial) Confidential() []string {
	return append(slices.Clone([]string(t.Secrets)), string(t.Request), string(t.Body))
}

// values are texts of any bytes. Those of a -bin key need not be UTF-8, which a
// JSON string must be, so they travel in base64.
type values []string

// MarshalJSON implements json.Marshaler.
func (v values) MarshalJSON() ([]byte, error) {
	raw := make([][]byte, len(v))
	for i, text := range v {
		raw[i] = []byte(text)
	}
	return json.Marshal(raw)
}

// UnmarshalJSON implements json.Unmarshaler.
func (v *values) UnmarshalJSON(data []byte) error {
	var raw [][]byte
	if err := json.Unmarshal(data, &raw); err != nil {
		return err
	}
	*v = nil
	for _, b := range raw {
		*v = append(*v, string(b))
	}
	return nil
}

// Connect asks for connection Index to be opened. With Ticket it is opened for
// its session ticket only and closed again.
type Connect struct {
	Index  int  `json:"index"`
	Ticket bool `json:"ticket"`
}

// Connected is what opening one connection cost the client.
type Connected struct {
	TCP      time.Duration `json:"tcp_ns"`
	TLS      time.Duration `json:"tls_ns"`
	HTTP2    time.Duration `json:"http2_ns"`
	CPU      *int64        `json:"cpu_ns,omitempty"`
	Sent     int64         `json:"sent_bytes"`
	Received int64         `json:"received_bytes"`
	Link     Link          `json:"link"`
}

// Link is what was negotiated on a connection.
type Link struct {
	Local      string `json:"local"`
	Remote     string `json:"remote"`      // address that was connected to
	TLSVersion string `json:"tls_version"` // "off", "1.2", "1.3"
	Cipher     string `json:"cipher,omitempty"`
	Group      string `json:"group,omitempty"`
	ALPN       string `json:"alpn,omitempty"`
	Resumed    bool   `json:"resumed"`
	// HelloRetryRequest: the server asked for another key share (RFC 8446, 4.1.4), so that
	// the handshake took two round trips.
	HelloRetryRequest bool   `json:"hello_retry_request,omitempty"`
	ServerKey         string `json:"server_key,omitempty"` // "rsa2048", "p256", "ed25519"
	// ClientCertificate: the server asked for one and it was presented.
	ClientCertificate bool `json:"client_certificate"`
}

// Probed is what one RPC showed.
type Probed struct {
	ResponseBytes int64 `json:"response_bytes"` // of its message, decompressed; -1: not known
}

// Run asks for a warm-up, a window and a drain to begin at an instant: the measured
// epoch, or with a Block one of several windows of it.
type Run struct {
	Start int64  `json:"start"`
	Block *Block `json:"block,omitempty"`
}

// Block is the load of one window and its length, in place of the trial's.
type Block struct {
	Load   plan.Load     `json:"load"`
	Seed   uint64        `json:"seed"`
	Window time.Duration `json:"window_ns"`
}

// Measured is one arm's epoch.
type Measured struct {
	Window       time.Duration   `json:"window_ns"` // as it was asked for
	Ledger       load.Ledger     `json:"ledger"`    // of the window
	Intervals    []load.Interval `json:"intervals"` // of the window, behind Earlier
	Earlier      []load.Interval `json:"-"`         // parts of the answer
	Latency      hist.Encoded    `json:"latency"`
	Service      hist.Encoded    `json:"service"`
	Lag          hist.Encoded    `json:"lag"`
	ReleaseP50   int64           `json:"release_p50_ns"`
	ReleaseP99   int64           `json:"release_p99_ns"`
	CPU          *int64          `json:"cpu_ns,omitempty"` // of the process in the window, the pacer's included
	PacerCPU     *int64          `json:"pacer_cpu_ns,omitempty"`
	Allocs       uint64          `json:"allocs"`
	GCCPU        int64           `json:"gc_cpu_ns"`
	CPUs         int             `json:"cpus"`     // that the process may run on
	Capacity     float64         `json:"capacity"` // of CPUs that it may use at once: these, or a quota
	GOMAXPROCS   int             `json:"gomaxprocs"`
	RSS          *int64          `json:"rss_bytes,omitempty"`
	Elapsed      time.Duration   `json:"elapsed_ns"` // between the readings at the window's two ends
	Sent         Traffic         `json:"sent"`
	Received     Traffic         `json:"received"`
	Busy         time.Duration   `json:"busy_ns"`
	InFlight     [2]int64        `json:"in_flight"` // at the window's two ends
	Stopped      bool            `json:"stopped"`
	MessageCodec Work            `json:"message_codec"` // requests compressed in the window, drain included
	// Churn is of the connections due to be replaced in the window; nil: none ever is.
	// What opening them sent is not in Sent and Received.
	Churn *Churn `json:"churn,omitempty"`
}

// Take takes a part of the answer.
func (m *Measured) Take(part []byte) error {
	var iv load.Interval
	if err := json.Unmarshal(part, &iv); err != nil {
		return err
	}
	m.Earlier = append(m.Earlier, iv)
	return nil
}

// Seconds are all intervals of the window, in time order.
func (m *Measured) Seconds() []load.Interval { return slices.Concat(m.Earlier, m.Intervals) }

// Traffic is bytes of one direction and the calls they belong to.
type Traffic struct {
	Bytes int64 `json:"bytes"`
	Calls int64 `json:"calls"`
}

// Work is what a codec did.
type Work struct {
	Messages int64  `json:"messages"`
	In       int64  `json:"in_bytes"`
	Out      int64  `json:"out_bytes"`
	CPU      *int64 `json:"cpu_ns,omitempty"`
}

// Saturate asks for a closed loop at full speed from an instant on; the first
// fifth is not measured.
type Saturate struct {
	Start       int64         `json:"start"`
	Length      time.Duration `json:"length_ns"`
	Concurrency int           `json:"concurrency"`
}

// Measure is the measured part of a block that starts at start.
func (s Saturate) Measure() (from, to int64) {
	return s.Start + int64(s.Length/5), s.Start + int64(s.Length)
}

// Saturated is one saturated block.
type Saturated struct {
	Calls int64  `json:"calls"` // ok, of the measured part
	CPU   *int64 `json:"cpu_ns,omitempty"`
}

// Finished is what a generator did in its whole life, or in that so far.
type Finished struct {
	Total      load.Ledger `json:"total"`
	Reconnects int64       `json:"reconnects"`
	Links      []Link      `json:"links"` // of the connections that stood when the clock started
	// Settings are the server's on each connection that has had them, the latest of each
	// channel; GoAways are the connections that it ended so.
	Settings     []channel.Settings `json:"settings"`
	GoAways      GoAways            `json:"goaways,omitempty"`
	Refused      int64              `json:"refused,omitempty"` // streams
	Method       string             `json:"method"`
	Codec        string             `json:"codec"`
	Compressed   Work               `json:"compressed"`
	Decompressed Work               `json:"decompressed"`
	// Received are the responses that came compressed, by encoding.
	Received map[string]int64 `json:"received,omitempty"`
	// Backends are those of connections that RPCs were to be made on, first, in place of
	// others and after a loss; of a handshake plan all, those of the preflight too.
	Backends []Backend `json:"backends,omitempty"`
	Replaced *Replaced `json:"replaced,omitempty"` // nil: connections are not replaced
	// Counted is what the server's bench.v1.Control counted since DoLook, of whomever; nil:
	// it does not tell, or was not asked.
	Counted *Snapshot `json:"counted,omitempty"`
}

// LinkOf is what was negotiated on c. Whether a client certificate was presented
// is not known from it.
func LinkOf(c channel.Connection) Link {
	l := Link{Local: c.Local, Remote: c.Remote, TLSVersion: "off"}
	s := c.State
	if s == nil {
		return l
	}
	switch s.Version {
	case tls.VersionTLS12:
		l.TLSVersion = "1.2"
	case tls.VersionTLS13:
		l.TLSVersion = "1.3"
	default:
		l.TLSVersion = tls.VersionName(s.Version)
	}
	l.Cipher = tls.CipherSuiteName(s.CipherSuite)
	if s.CurveID != 0 {
		l.Group = groupName(s.CurveID)
	}
	l.ALPN = cmp.Or(s.NegotiatedProtocol, plan.NoALPN)
	l.Resumed, l.HelloRetryRequest = s.DidResume, s.HelloRetryRequest
	if len(s.PeerCertificates) > 0 {
		l.ServerKey = keyName(s.PeerCertificates[0].PublicKey)
	}
	return l
}

// groupName is a key exchange group's name in --group, or else its own in lower
// case.
func groupName(id tls.CurveID) string {
	if id == tls.CurveP256 {
		return plan.P256
	}
	return strings.ToLower(id.String())
}

// keyName is a public key's type as --key names it.
func keyName(key any) string {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("rsa%d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return strings.ToLower(strings.ReplaceAll(k.Params().Name, "-", ""))
	case ed25519.PublicKey:
		return "ed25519"
	}
	return "unknown"
}

// GoAways are connections that a server has ended by GOAWAY.
type GoAways = channel.GoAways
