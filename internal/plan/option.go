package plan

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxEpochs is how many epochs a plan may ask for.
	MaxEpochs = 1000
	maxLabel  = 200 // bytes of a name or a tag
	// maxSeed keeps seeds exact in readers that hold every JSON number in a
	// float64.
	maxSeed = 1<<53 - 1
)

// option is a flag that has one value for the whole run. Its fields are those of
// a setting.
type option struct {
	name, value, start, doc string

	set func(d *draft, text string) error
	// get is what asks for what a plan has: the values, in the text that set reads; none
	// where the plan has not been asked, and where something else says it. nil: asking for
	// the plan again takes no such flag.
	get     func(p Plan) []string
	repeats bool   // values add up
	alone   string // what a flag without a value means; "": it must have one
}

// draft is a plan in the making.
type draft struct {
	plan   Plan
	target Target
	quick  bool
	aa     bool
	files  targetFiles
	// ceiling is the plan's, if it looks for one.
	ceiling Ceiling
}

// options is the table of everything that is set for a run as a whole.
func options() []option {
	return slices.Concat(loadOptions(), timeOptions(), targetOptions(), serverOptions(), gateOptions(), []option{
		{name: "aa", value: "on|off", start: On, doc: "an extra arm equal to the first control, with two arms or more",
			set: into(parseOnOff, func(d *draft) *bool { return &d.aa }),
			get: aaArgs},
		{name: "allow-failures", value: "SHARE", start: "0.01", doc: "share of RPCs, or of connections opened for their own sake, 0 to 1, that may fail before the result is INVALID",
			set: into(parseShare, func(d *draft) *float64 { return &d.plan.AllowFailures }),
			get: allowFailuresArgs},
		{name: "name", value: "NAME", doc: "name of the run in its result",
			set: into(parseLabel, func(d *draft) *string { return &d.plan.Name })},
		{name: "tag", value: "KEY=VALUE", doc: "tag of the run in its result; commit is that of the working directory unless given (repeatable)", set: addTag, repeats: true},
	})
}

func loadOptions() []option {
	return []option{
		{name: "rate", value: "RPC/s", start: "1500", doc: "open loop: rate of all arms together, A/A included; for a TARGET 200",
			set: into(parseRate, func(d *draft) *float64 { return &d.plan.Load.Rate }),
			get: rated(func(p Plan) float64 { return p.Load.Rate })},
		{name: "arrival", value: "poisson|uniform", start: Poisson, doc: "open loop: when RPCs are due",
			set: into(word(Poisson, Uniform), func(d *draft) *string { return &d.plan.Load.Arrival }),
			get: worded(func(p Plan) string { return p.Load.Arrival })},
		{name: "loop", value: "open|closed", start: Open, doc: "open: RPCs start when due; closed: each caller waits for its answer",
			set: into(word(Open, Closed), func(d *draft) *string { return &d.plan.Load.Loop }),
			get: loopArgs},
		{name: "concurrency", value: "N", doc: "callers of each arm in a closed loop and in saturated blocks (default 64, or the connections if they are more)",
			set: into(whole(1, 1_000_000), func(d *draft) *int { return &d.plan.Load.Concurrency }),
			get: concurrencyArgs},
		{name: "max-in-flight", value: "N", doc: "open loop: RPCs that an arm has in flight at most (default max(1000, 4 s of the arm's rate))",
			set: into(whole(1, 1_000_000), func(d *draft) *int { return &d.plan.Load.MaxInFlight }),
			get: counted(func(p Plan) int { return p.Load.MaxInFlight })},
	}
}

func timeOptions() []option {
	return []option{
		{name: "window", value: "DURATION", start: "3s", doc: "measured part of an epoch",
			set: into(between(100*time.Millisecond, time.Hour), func(d *draft) *Duration { return &d.plan.Window }),
			get: lasting(func(p Plan) Duration { return p.Window })},
		{name: "warmup", value: "DURATION", start: "1s", doc: "part of an epoch before the window, not measured",
			set: into(between(0, time.Hour), func(d *draft) *Duration { return &d.plan.Warmup }),
			get: func(p Plan) []string { return []string{p.Warmup.String()} }},
		{name: "epochs", value: "N|N..M", start: "10", doc: "how often everything is repeated; a range stops on the width of the intervals",
			set: into(ParseEpochs, func(d *draft) *Epochs { return &d.plan.Epochs }),
			get: worded(func(p Plan) string { return p.Epochs.String() })},
		{name: "drain", value: "DURATION", start: "10s", doc: "how long RPCs in flight are waited for after a window",
			set: into(between(time.Millisecond, time.Hour), func(d *draft) *Duration { return &d.plan.Drain }),
			get: lasting(func(p Plan) Duration { return p.Drain })},
		{name: "connect-timeout", value: "DURATION", start: "5s", doc: "limit of opening a connection, from the first packet to the server's SETTINGS",
			set: into(between(10*time.Millisecond, 10*time.Minute), func(d *draft) *Duration { return &d.plan.ConnectTimeout }),
			get: lasting(func(p Plan) Duration { return p.ConnectTimeout })},
		{name: "max-message", value: "SIZE", doc: "largest message that is sent and received, up to 256MiB (default 4MiB)",
			set: into(parseMaxMessage, func(d *draft) *int { return &d.plan.MaxMessage }),
			get: counted(func(p Plan) int { return p.MaxMessage })},
		{name: "expect", value: "code=CODES", doc: "codes with which a server may end an RPC that is good, as in code=NOT_FOUND or code=OK,NOT_FOUND (default: code=OK)",
			set: into(parseExpect, func(d *draft) *[]string { return &d.plan.Expect }),
			get: expectArgs},
		{name: "max-time", value: "DURATION", doc: "begin no epoch after this long, and no window of a first one of a ceiling (default: no limit)",
			set: into(between(time.Second, 1000*time.Hour), func(d *draft) *Duration { return &d.plan.MaxTime }),
			get: lasting(func(p Plan) Duration { return p.MaxTime })},
		{name: "quick", value: "bool", start: "false", doc: "8 epochs of 1s after a warm-up of 500ms, unless given otherwise",
			set: into(parseBool, func(d *draft) *bool { return &d.quick }),
			get: quickArgs},
		{name: "seed", value: "N", doc: "seed of everything random (default: drawn, and stored in the result)",
			set: into(parseSeed, func(d *draft) *uint64 { return &d.plan.Seed }),
			get: func(p Plan) []string { return []string{strconv.FormatUint(p.Seed, 10)} }},
	}
}

func targetOptions() []option {
	return []option{
		{name: "cacert", value: "FILE", doc: "TARGET: certificates (PEM) of the authorities to trust (default: the system's)",
			set: into(nonEmpty, func(d *draft) *string { return &d.files.caCert }),
			get: ofTarget(func(t Target) string { return t.CACert })},
		{name: "cert", value: "FILE", doc: "TARGET: the client's certificate (PEM), for mutual TLS",
			set: into(nonEmpty, func(d *draft) *string { return &d.files.cert }),
			get: ofTarget(func(t Target) string { return t.Cert })},
		{name: "key-file", value: "FILE", doc: "TARGET: the private key (PEM) of --cert",
			set: into(nonEmpty, func(d *draft) *string { return &d.files.key }),
			get: ofTarget(func(t Target) string { return t.KeyFile })},
		{name: "allow-readable-key", value: "bool", start: "false", doc: "TARGET: accept a --key-file that group and others may read, as in a Kubernetes secret",
			set: into(parseBool, func(d *draft) *bool { return &d.target.AllowReadableKey }),
			get: targetSwitch(func(t Target) bool { return t.AllowReadableKey })},
		{name: "server-name", value: "NAME", doc: "TARGET: name that its certificate must hold, and that the TLS handshake asks for (default: the TARGET's host)",
			set: into(parseServerName, func(d *draft) *string { return &d.target.ServerName }),
			get: ofTarget(func(t Target) string { return t.ServerName })},
		{name: "authority", value: "NAME", doc: "TARGET: the :authority header of RPCs, never what is verified (default: --server-name, else the TARGET as written)",
			set: into(parseAuthority, func(d *draft) *string { return &d.target.Authority }),
			get: ofTarget(func(t Target) string { return t.Authority })},
		{name: "insecure-skip-verify", value: "bool", start: "false", doc: "TARGET: accept any certificate",
			set: into(parseBool, func(d *draft) *bool { return &d.target.InsecureSkipVerify }),
			get: targetSwitch(func(t Target) bool { return t.InsecureSkipVerify })},
		{name: "allow-no-alpn", value: "bool", start: "false", doc: "TARGET: take a server that chooses no protocol by ALPN for one of HTTP/2, in both engines, whatever GRPC_ENFORCE_ALPN_ENABLED is",
			set: into(parseBool, func(d *draft) *bool { return &d.target.AllowNoALPN }),
			get: targetSwitch(func(t Target) bool { return t.AllowNoALPN })},
		{name: "allow-cleartext-credentials", value: "bool", start: "false", doc: "TARGET: send metadata that looks like a credential in plaintext, or to a server that is not verified, even off this machine",
			set: into(parseBool, func(d *draft) *bool { return &d.target.AllowCleartextCredentials }),
			get: targetSwitch(func(t Target) bool { return t.AllowCleartextCredentials })},
		{name: "server-pid", value: "PID", doc: "TARGET: process of the server on this machine, whose CPU, with that of its descendants, is then measured (repeatable: a proxy before it, other processes of it; all are added up)",
			set: addServerPID, repeats: true},
	}
}

// optionsOf is the table of a kind of plan.
func optionsOf(kind string) []option {
	switch kind {
	case KindHandshake:
		return handshakeOptions()
	case KindCeiling:
		return ceilingOptions()
	}
	return options()
}

func optionNamed(kind, name string) (option, bool) {
	all := optionsOf(kind)
	i := slices.IndexFunc(all, func(o option) bool { return o.name == name })
	if i < 0 {
		return option{}, false
	}
	return all[i], true
}

// into makes a set function of a parser and the field it fills.
func into[T any](parse func(string) (T, error), field func(*draft) *T) func(*draft, string) error {
	return func(d *draft, text string) error {
		v, err := parse(text)
		if err == nil {
			*field(d) = v
		}
		return err
	}
}

// ParseEpochs reads N or N..M.
func ParseEpochs(text string) (Epochs, error) {
	low, high, isRange := strings.Cut(text, "..")
	if !isRange {
		high = low
	}
	from, err := whole(1, MaxEpochs)(low)
	to, err2 := whole(1, MaxEpochs)(high)
	if err != nil || err2 != nil || from > to {
		return Epochs{}, fmt.Errorf("must be N or N..M with N <= M in [1, %d]", MaxEpochs)
	}
	return Epochs{Min: from, Max: to}, nil
}

func parseRate(text string) (float64, error) {
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || !(rate > 0) || rate > 1e7 {
		return 0, errors.New("must be RPC/s, above 0 and at most 10000000")
	}
	return rate, nil
}

func parseShare(text string) (float64, error) {
	share, err := strconv.ParseFloat(text, 64)
	if err != nil || !(share >= 0 && share <= 1) {
		return 0, errors.New("must be a share in [0, 1]")
	}
	return share, nil
}

// between reads a duration in [low, high].
func between(low, high time.Duration) func(string) (Duration, error) {
	return func(text string) (Duration, error) {
		d, err := time.ParseDuration(text)
		if err != nil || d < low || d > high {
			return 0, fmt.Errorf("must be a duration in [%v, %v] as in 2.5s", low, high)
		}
		return d, nil
	}
}

func parseBool(text string) (bool, error) {
	w, err := word("true", "false")(text)
	return w == "true", err
}

func parseSeed(text string) (uint64, error) {
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil || seed > maxSeed {
		return 0, fmt.Errorf("must be a whole number in [0, %d]", maxSeed)
	}
	return seed, nil
}

func drawSeed() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return binary.BigEndian.Uint64(b[:]) & maxSeed
}

// parseLabel reads text that is safe to show in one line.
func parseLabel(text string) (string, error) {
	bad := func(r rune) bool { return !unicode.IsPrint(r) }
	if text == "" || len(text) > maxLabel || !utf8.ValidString(text) || strings.ContainsFunc(text, bad) {
		return "", fmt.Errorf("must be printable text of 1 to %d bytes", maxLabel)
	}
	return text, nil
}

func nonEmpty(text string) (string, error) {
	if text == "" {
		return "", errors.New("must not be empty")
	}
	return text, nil
}

func addServerPID(d *draft, text string) error {
	pid, err := whole(1, math.MaxInt32)(text)
	if err != nil {
		return err
	}
	t := &d.target
	all := t.PIDs()
	if slices.Contains(all, pid) {
		return nil
	}
	if all = append(all, pid); len(all) > 1 {
		t.ServerPIDs = all
	}
	t.ServerPID = all[0]
	return nil
}

func addTag(d *draft, text string) error {
	key, value, ok := strings.Cut(text, "=")
	if _, err := parseLabel(text); err != nil || !ok || key == "" {
		return fmt.Errorf("must be KEY=VALUE, printable, of at most %d bytes", maxLabel)
	}
	if old, twice := d.plan.Tags[key]; twice && old != value {
		return fmt.Errorf("key must be given once, and was %q before", old)
	}
	if d.plan.Tags == nil {
		d.plan.Tags = make(map[string]string)
	}
	d.plan.Tags[key] = value
	return nil
}
