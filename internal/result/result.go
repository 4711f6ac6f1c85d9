// Package result is what a run found: the Result, the checks it must pass, its
// verdict, and its directory on disk. Nothing here measures or presents.
package result

import (
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/load"
	"grpcbench/internal/plan"
)

// Schema names the version of the stored form. Within a version fields are only
// added.
const Schema = "grpc-bench/result/v1"

// Verdict says whether the numbers may be used.
type Verdict string

// Verdicts, best first. The worst finding decides.
const (
	Valid    Verdict = "VALID"
	Degraded Verdict = "DEGRADED" // usable, with the doubts that the warnings name
	Partial  Verdict = "PARTIAL"  // interrupted; what was measured is whole
	Invalid  Verdict = "INVALID"  // the numbers say nothing about the server
)

// Result is one run. All times are nanoseconds, all sizes bytes, all rates
// RPC/s, all shares in [0, 1]. A fact that could not be had is absent.
type Result struct {
	Schema      string    `json:"schema"`
	ID          string    `json:"id"`
	Name        string    `json:"name,omitempty"`
	Created     time.Time `json:"created"`
	Verdict     Verdict   `json:"verdict"`
	Interrupted string    `json:"interrupted,omitempty"` // signal name; the verdict is then PARTIAL or INVALID
	Unfinished  bool      `json:"unfinished,omitempty"`  // the process ended before it could store its result; the verdict is then PARTIAL or INVALID
	Failure     string    `json:"failure,omitempty"`     // what ended the run before its last epoch; the verdict is then INVALID
	Checks      []Check   `json:"checks"`
	Warnings    []Warning `json:"warnings"`
	Tool        Tool      `json:"tool"`
	Machine     Machine   `json:"machine"`
	// Machines are those of a result that was merged of several, in the order of their
	// runs, Machine among them; absent: Machine is the only one.
	Machines    []Machine    `json:"machines,omitempty"`
	Plan        plan.Plan    `json:"plan"`
	Groups      []plan.Group `json:"groups"`
	Arms        []Arm        `json:"arms"` // in the plan's order
	Comparisons []Comparison `json:"comparisons"`
	Gates       []Gate       `json:"gates,omitempty"` // absent: nothing was asked of the result
}

// Check is one question that was asked of the result and its answer. The code
// names what is wrong when the answer is bad.
type Check struct {
	Code    string  `json:"code"`
	Verdict Verdict `json:"verdict,omitempty"` // the best verdict the answer allows; absent when it could not be asked
	Text    string  `json:"text,omitempty"`    // the worst that was found, one sentence
	Skipped string  `json:"skipped,omitempty"` // why it could not be asked; such a check has not passed
}

// Warning is a doubt about a number, with the advice in its text. Those that
// Examine makes carry the code of their check.
type Warning struct {
	Code   string             `json:"code"`
	Arm    string             `json:"arm,omitempty"` // "" for the whole run
	Text   string             `json:"text"`
	Values map[string]float64 `json:"values,omitempty"`
}

// Tool is the program that measured.
type Tool struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"` // of its source; "+dirty" when modified
	Go       string `json:"go"`
	GRPCGo   string `json:"grpc_go"`
}

// Machine is where it ran and what else ran there.
type Machine struct {
	Run        string  `json:"run,omitempty"` // id of the result that it is of, among several
	OS         string  `json:"os"`
	Arch       string  `json:"arch"`
	Kernel     string  `json:"kernel,omitempty"`
	CPU        string  `json:"cpu,omitempty"`
	CPUs       int     `json:"cpus"` // usable by this process
	GOMAXPROCS int     `json:"gomaxprocs"`
	MemBytes   int64   `json:"memory_bytes,omitempty"`
	CgroupCPUs float64 `json:"cgroup_cpus,omitempty"` // quota; absent: none
	Virtual    bool    `json:"virtual,omitempty"`
	// Environment holds the variables that change what is measured, of those that
	// were set; strange values by their length.
	Environment map[string]string `json:"environment,omitempty"`
	// Epochs are the machine's facts in each epoch's window, in order.
	Epochs []MachineEpoch `json:"epochs,omitempty"`
}

// MachineEpoch is what the machine did during one window. Shares are of all
// CPUs' time.
type MachineEpoch struct {
	OursShare       float64  `json:"ours_share,omitempty"`      // CPU of this run's processes; 0: not known
	CompetingShare  *float64 `json:"competing_share,omitempty"` // CPU of everything else
	StealShare      *float64 `json:"steal_share,omitempty"`     // taken by the hypervisor
	HiccupP99NS     *int64   `json:"hiccup_p99_ns,omitempty"`   // overshoot of a sleeping thread
	HiccupMaxNS     *int64   `json:"hiccup_max_ns,omitempty"`
	ThrottledNS     *int64   `json:"throttled_ns,omitempty"`     // by a cgroup quota
	ClockStepNS     int64    `json:"clock_step_ns,omitempty"`    // wall minus monotonic elapsed
	MemAvailableMin *int64   `json:"memory_available,omitempty"` // bytes
	// OtherRuns are the processes of this machine that measured with grpc-bench at the end
	// of the window, beside those of this run.
	OtherRuns []int `json:"other_runs,omitempty"`
}

// Arm is what was measured of one arm, over all epochs.
type Arm struct {
	Name     string        `json:"name"`
	AA       bool          `json:"aa,omitempty"`
	Settings plan.Settings `json:"settings"`
	Observed Observed      `json:"observed"`
	Figures
	Handshake *Handshakes `json:"handshake,omitempty"`
	Churn     *Churn      `json:"churn,omitempty"`   // absent: no connection was to be replaced
	Ceiling   *Ceiling    `json:"ceiling,omitempty"` // of a plan that looks for it
	Levels    []Level     `json:"levels,omitempty"`  // likewise: each number of callers or rate, over all epochs, in ascending order
	Epochs    []Epoch     `json:"epochs"`
	Windows   []Window    `json:"windows"` // one second each, all epochs in order
}

// Epoch is the same figures for one epoch.
type Epoch struct {
	Index int       `json:"index"` // from 0
	Start time.Time `json:"start"` // when its window began, or the first of its connections was opened
	// Took is how long a handshake plan opened connections one at a time, for
	// latency.hlog; not part of result.json.
	Took time.Duration `json:"-"`
	// Interrupted says that the window was cut short: its figures count in the
	// ledgers and are compared with nothing.
	Interrupted bool `json:"interrupted,omitempty"`
	Figures
	Handshake *Handshakes `json:"handshake,omitempty"`
	Churn     *Churn      `json:"churn,omitempty"`
	Generator Generator   `json:"generator"`
	// Blocks are the windows of a ceiling's epoch, in order of time.
	Blocks []Block `json:"blocks,omitempty"`
	// CeilingRate is what this epoch alone says of the ceiling; nil: nothing.
	CeilingRate *float64 `json:"ceiling_rpc_per_s,omitempty"`
}

// Figures is what is measured of an arm. Per-RPC figures are divided by the
// RPCs intended in the window.
type Figures struct {
	Ledger       Ledger        `json:"ledger"`                  // of the windows, by intended start
	LedgerTotal  Ledger        `json:"ledger_total"`            // of the processes' whole life
	ServerLedger *ServerLedger `json:"server_ledger,omitempty"` // of the bundled server's whole life, or of another's that tells and had no other RPCs

	Offered  float64 `json:"offered_rpc_per_s"`  // scheduled
	Achieved float64 `json:"achieved_rpc_per_s"` // ok

	Latency     Distribution `json:"latency_ns"`      // done − intended, all scheduled RPCs
	ServiceTime Distribution `json:"service_time_ns"` // done − sent, ok RPCs
	Lag         Distribution `json:"lag_ns"`          // sent − intended, started RPCs

	ClientCPU    *float64 `json:"client_cpu_ns_per_rpc,omitempty"` // pacer taken out
	ServerCPU    *float64 `json:"server_cpu_ns_per_rpc,omitempty"`
	PacerCPU     *float64 `json:"pacer_cpu_ns_per_rpc,omitempty"`
	ClientAllocs *float64 `json:"client_allocs_per_rpc,omitempty"`
	ServerAllocs *float64 `json:"server_allocs_per_rpc,omitempty"`

	Saturated *Saturated `json:"saturated,omitempty"`

	// Sums are what the figures above and below are worked out of, Seen what the arm
	// showed of its settings; nil: of an older tool.
	Sums *Sums `json:"sums,omitempty"`
	Seen *Seen `json:"seen,omitempty"`

	SentBytes        *float64 `json:"sent_bytes_per_rpc,omitempty"` // under TLS, without TCP and IP headers
	ReceivedBytes    *float64 `json:"received_bytes_per_rpc,omitempty"`
	Compressed       int64    `json:"messages_compressed"`         // requests really compressed, whole life
	CompressionRatio *float64 `json:"compression_ratio,omitempty"` // bytes after / before
	CodecCPU         *float64 `json:"client_codec_cpu_ns_per_message,omitempty"`
	// ResponseCompressed, its ratio and codec CPU are the same on the server's side.
	ResponseCompressed       int64    `json:"response_messages_compressed"`
	ResponseCompressionRatio *float64 `json:"response_compression_ratio,omitempty"`
	ServerCodecCPU           *float64 `json:"server_codec_cpu_ns_per_message,omitempty"`
}

// Ledger accounts for every RPC once; see [load.Ledger] for its two sums.
type Ledger = load.Ledger

// ServerLedger is the server's own count.
type ServerLedger struct {
	Started int64 `json:"started"`
	OK      int64 `json:"ok"`
}

// ServerCount is what a server counted over the lives of an arm's generators, of whomever.
type ServerCount struct {
	Started int64 `json:"started"` // RPCs
	Shared  bool  `json:"shared"`  // another arm calls the same server
}

// Saturated is the second operating point: a closed loop at full speed.
type Saturated struct {
	Achieved  float64        `json:"achieved_rpc_per_s"`
	ClientCPU *float64       `json:"client_cpu_ns_per_rpc,omitempty"`
	ServerCPU *float64       `json:"server_cpu_ns_per_rpc,omitempty"`
	Sums      *SaturatedSums `json:"sums,omitempty"` // nil: of an older tool, or a ceiling's
}

// Observed is what the wire and the server showed of the settings. A field is
// absent when there was nothing to observe it by.
type Observed struct {
	Connections int    `json:"connections"`           // an epoch; distinct local ports
	Reconnects  int64  `json:"reconnects"`            // after the clock started, all epochs
	TLSVersion  string `json:"tls_version,omitempty"` // "1.2", "1.3"; "off" for plaintext
	Cipher      string `json:"cipher,omitempty"`
	Group       string `json:"group,omitempty"` // of the key exchange, named as in the settings or else by IANA
	ALPN        string `json:"alpn,omitempty"`
	Resumed     int64  `json:"resumed"` // measured connections, all epochs
	// Backends are the addresses of the server, with how many connections reached each, in
	// the order of the addresses; nil: of an older tool.
	Backends []Backend `json:"backends,omitempty"`
	// HelloRetryRequests is how many of them, and of those that took their place, the server
	// asked for another key share, which is a second round trip.
	HelloRetryRequests int64 `json:"hello_retry_requests,omitempty"`
	// ForwardSecrecy says that every connection has a key exchange of its own, so that
	// no key which is kept, of a certificate or of tickets, opens it; absent for plaintext.
	ForwardSecrecy        *bool            `json:"forward_secrecy,omitempty"`
	ClientCertificate     bool             `json:"client_certificate"` // presented by the client; seen by a bundled server
	ServerKey             string           `json:"server_key,omitempty"`
	RequestEncodings      map[string]int64 `json:"request_encodings,omitempty"`  // RPCs by grpc-encoding as the bundled server saw it, whole life; "identity" for none
	ResponseEncodings     map[string]int64 `json:"response_encodings,omitempty"` // ok RPCs by the grpc-encoding that it announced for the response
	RequestCodec          string           `json:"request_codec,omitempty"`      // the implementation that ran
	ResponseCodec         string           `json:"response_codec,omitempty"`
	RequestsDecompressed  int64            `json:"requests_decompressed"`  // by the bundled server
	ResponsesDecompressed int64            `json:"responses_decompressed"` // by the client
	// Responses are those that came compressed, of whichever server; nil: of an older tool.
	Responses     *Responses `json:"responses,omitempty"`
	ResponseBytes *int64     `json:"response_bytes,omitempty"` // of the message that the preflight got, decompressed
	// ServerCount is there when a server that is not bundled has bench.v1.Control and what
	// it counted cannot be taken for the arm's alone; nil: it does not tell, or it can be.
	ServerCount     *ServerCount `json:"server_count,omitempty"`
	MetadataKeys    *float64     `json:"metadata_keys_per_rpc,omitempty"`
	MetadataBytes   *float64     `json:"metadata_bytes_per_rpc,omitempty"` // value bytes, -bin decoded
	ServerInstances int          `json:"server_instances,omitempty"`       // distinct bundled servers; one an epoch
	ServerSHA256    string       `json:"server_sha256,omitempty"`          // of the server binary's file, hexadecimal
	Local           *bool        `json:"local,omitempty"`                  // a connection reached an address of this machine
	CPUsShared      *bool        `json:"cpus_shared,omitempty"`            // of a ceiling: generator and server may run on one CPU; absent: not known
	ServerPIDSeen   *bool        `json:"server_pid_seen,omitempty"`        // the processes of --server-pid were seen to hold the connections; absent: none were named
	Method          string       `json:"method"`                           // full method name called
	// ServerSettings are what the server sent on the connections that stood at the end of
	// each epoch, those with the same values together; absent in results of older tools.
	ServerSettings []ServerSettings `json:"server_settings,omitempty"`
	RefusedStreams int64            `json:"refused_streams,omitempty"` // by REFUSED_STREAM, of the processes' whole life; each is an RPC that was made again, once
	GoAways        []GoAway         `json:"goaways,omitempty"`         // of the processes' whole life
	// Replaced is absent when no connection was to be replaced.
	Replaced *Replaced `json:"replaced,omitempty"`
	// Mismatches are settings that were not what was asked, one sentence each.
	Mismatches []string `json:"mismatches,omitempty"`
}

// Backend is an address that connections reached, or that the name of the server has and
// none reached.
type Backend struct {
	Address     string `json:"address"`     // with its port
	Connections int64  `json:"connections"` // measured, or in place of measured ones; all epochs
}

// Responses are the responses of an arm's whole life that came compressed.
type Responses struct {
	Compressed int64            `json:"compressed"`
	ByEncoding map[string]int64 `json:"by_encoding,omitempty"`
}

// Generator is the health of an arm's generator process in one window.
type Generator struct {
	CPUShare     float64  `json:"cpu_share,omitempty"` // of the CPUs it may use, pacer included; 0: not known
	Gomaxprocs   int      `json:"gomaxprocs"`
	GCCPUShare   *float64 `json:"gc_cpu_share,omitempty"` // of its own CPU
	RSSBytes     *int64   `json:"rss_bytes,omitempty"`    // at the window's end
	ReleaseP50   int64    `json:"release_p50_ns"`         // pacer's own lateness: release − intended
	ReleaseP99   int64    `json:"release_p99_ns"`
	MeanInFlight float64  `json:"mean_in_flight"` // ∫ in flight dt / window, from the loop's own book
	// InFlight is the number of calls in flight at the window's two ends.
	InFlight [2]int64 `json:"in_flight"`
	// BusySum is Σ(done − sent) in ns over the window's ok RPCs as the loop booked
	// it, apart from the histograms: Little's law must join the two.
	BusySum float64 `json:"busy_sum_ns"`
}

// Window is one second of one arm's timeline, by intended start.
type Window struct {
	Epoch     int   `json:"epoch"`
	Start     int64 `json:"start_ns"` // after the epoch's window began
	Scheduled int64 `json:"scheduled"`
	OK        int64 `json:"ok"`
	// Failed and NotStarted are what became of those that are not ok; the rest was
	// abandoned.
	Failed     *int64 `json:"failed,omitempty"`
	NotStarted *int64 `json:"not_started,omitempty"`
	P50        *int64 `json:"p50_ns"` // of latency; null when beyond or empty
	P99        *int64 `json:"p99_ns"`
	Max        *int64 `json:"max_ns"`
	LagP99     *int64 `json:"lag_p99_ns,omitempty"` // absent when none was started
	// The second's histograms, for latency.hlog; not part of result.json.
	Latency hist.Encoded `json:"-"`
	Service hist.Encoded `json:"-"`
	Lag     hist.Encoded `json:"-"`
}

// Comparison is one metric of one arm against its group's control.
type Comparison struct {
	Group   string   `json:"group"`
	Arm     string   `json:"arm"`
	Control string   `json:"control"`
	Metric  string   `json:"metric"`           // latency_p50, server_cpu_ns_per_rpc, saturated_server_cpu_ns_per_rpc, …
	Unit    string   `json:"unit"`             // "ns", "bytes", "count"
	Epochs  int      `json:"epochs"`           // pairs
	Ratio   *float64 `json:"estimate_ratio"`   // arm / control, median over epochs; absent: cannot be compared
	Low     *float64 `json:"ci_low,omitempty"` // 95 %; absent below 6 epochs
	High    *float64 `json:"ci_high,omitempty"`
	P       *float64 `json:"p,omitempty"`
	Verdict string   `json:"verdict"`       // "slower", "faster", "same", "inconclusive"
	MDE     *float64 `json:"mde,omitempty"` // smallest ratio change that could have been seen, e.g. 0.03
	Delta   float64  `json:"delta"`         // what counts as the same, e.g. 0.03
	// Beyond is the number of epochs that are left out because the arm's quantile lies
	// among the RPCs that did not end well, and the control's does not: the arm was worse
	// in them than any value says, so that it is not called the same or faster.
	Beyond int    `json:"beyond_epochs,omitempty"`
	Reason string `json:"reason,omitempty"` // why there is no estimate or verdict
}

// Outcomes of a gate.
const (
	Pass      = "pass"
	Fail      = "fail"
	Undecided = "inconclusive"
)

// Gate is one limit that the result had to keep, and whether it did.
type Gate struct {
	Asked   string `json:"asked"`           // as in latency_p99<5ms
	Group   string `json:"group,omitempty"` // of a comparison
	Arm     string `json:"arm,omitempty"`   // "" for the whole run
	Metric  string `json:"metric,omitempty"`
	Against string `json:"against,omitempty"` // the control, or a baseline; "" for an absolute limit
	// Value is the arm's own figure, of an absolute limit.
	Value *float64 `json:"value,omitempty"`
	Ratio *float64 `json:"estimate_ratio,omitempty"`
	Low   *float64 `json:"ci_low,omitempty"` // 95 %
	High  *float64 `json:"ci_high,omitempty"`
	// P is adjusted for all the comparisons that gates look at (Holm).
	P       *float64 `json:"p_adjusted,omitempty"`
	Outcome string   `json:"outcome"` // "pass", "fail" or "inconclusive"
	// NotJudged says that there was nothing to hold the limit against, or too little for it
	// to be broken by anything. The outcome is then Fail: a limit is not kept unseen.
	NotJudged bool   `json:"not_judged,omitempty"`
	Text      string `json:"text"` // what was found, one sentence
}
