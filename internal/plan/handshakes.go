package plan

import (
	"slices"
	"time"

	"github.com/spf13/pflag"
)

// KindHandshake is the kind of a plan that opens connections for their own sake.
const KindHandshake = "handshake"

// Handshakes says what connections a plan of KindHandshake opens.
type Handshakes struct {
	// Count is how many connections of each arm are measured in an epoch, one at a
	// time. With resumption each is opened once more before, for its ticket.
	Count int `json:"count"`
	// Rate is how many connections a second all arms together open at most; 0: one
	// after another.
	Rate float64 `json:"rate_per_s,omitempty"`
	// Timeout bounds each connection, from its first packet to the server's SETTINGS,
	// and each RPC on it.
	Timeout Duration `json:"timeout_ns"`
}

const (
	handshakesOption = "handshakes"
	// quickHandshakes is the least number of which twenty lie above the median, which
	// a comparison of medians needs.
	quickHandshakes     = "40"
	targetHandshakeRate = "20"
	// maxTargetHandshakes bounds what a plan opens to a TARGET, all in all.
	maxTargetHandshakes = 10_000
	maxHandshakes       = 10_000 // of an arm in an epoch
)

// handshakeOptions is the table of a handshake plan: its own, and those of a run that
// mean the same.
func handshakeOptions() []option {
	own := []option{
		{name: handshakesOption, value: "N", start: "50", doc: "connections of each arm in an epoch; with --quick 40",
			set: into(whole(1, maxHandshakes), func(d *draft) *int { return &d.handshakes().Count }),
			get: counted(func(p Plan) int { return p.Handshakes.Count })},
		{name: "rate", value: "CONNECTIONS/s", doc: "connections a second at most, of all arms together (default: one after another; for a TARGET " + targetHandshakeRate + ")",
			set: into(parseRate, func(d *draft) *float64 { return &d.handshakes().Rate }),
			get: rated(func(p Plan) float64 { return p.Handshakes.Rate })},
		{name: "concurrency", value: "N", doc: "connections of an arm that are being opened at once in its saturated block (default 8)",
			set: into(whole(1, maxHandshakes), func(d *draft) *int { return &d.plan.Load.Concurrency }),
			get: concurrencyArgs},
		{name: "timeout", value: "DURATION", start: "5s", doc: "limit of a handshake, from the first packet to the server's SETTINGS, and of each RPC after it",
			set: into(between(10*time.Millisecond, time.Minute), func(d *draft) *Duration { return &d.handshakes().Timeout }),
			get: lasting(func(p Plan) Duration { return p.Handshakes.Timeout })},
		{name: "quick", value: "bool", start: "false", doc: "8 epochs of 40 connections an arm, unless given otherwise",
			set: into(parseBool, func(d *draft) *bool { return &d.quick }),
			get: quickArgs},
	}
	shared := []string{"epochs", "expect", "max-message", "max-time", "seed", "aa", "allow-failures", "allow-degraded", "name", "tag"}
	for _, o := range slices.Concat(targetOptions(), serverOptions()) {
		shared = append(shared, o.name)
	}
	for _, o := range options() {
		if slices.Contains(shared, o.name) {
			own = append(own, o)
		}
	}
	return own
}

// handshakes is what is asked of a handshake plan in the making.
func (d *draft) handshakes() *Handshakes {
	if d.plan.Handshakes == nil {
		d.plan.Handshakes = &Handshakes{}
	}
	return d.plan.Handshakes
}

// HandshakeSettings lists the names of the settings that a handshake, or the RPCs after
// it, can have.
func HandshakeSettings() []string {
	return []string{targetSetting, serverBinary, "tls", "mtls", "key", "group", "resumption", "engine", "windows", "metadata", "method", "request"}
}

// HandshakeFlags registers every flag of a handshake plan, which Plan then makes.
func (c *Config) HandshakeFlags(fs *pflag.FlagSet) {
	c.kind = KindHandshake
	names := HandshakeSettings()
	for _, o := range handshakeOptions() {
		names = append(names, o.name)
	}
	c.planFlags(fs, func(name string) bool { return slices.Contains(names, name) })
}

// checkHandshakeSettings refuses settings that a handshake does not have.
func (r request) checkHandshakeSettings(m *mistakes) {
	if r.kind != KindHandshake {
		return
	}
	for _, c := range r.allChoices() {
		for name, values := range c {
			if !slices.Contains(HandshakeSettings(), name) && len(values) > 0 {
				m.add("%s: cannot be used in a handshake plan, which opens connections and has no load", values[0].where)
			}
		}
	}
}

// completeHandshakes fits what is asked to the arms.
func (r request) completeHandshakes(d *draft, m *mistakes) {
	l := &d.plan.Load
	l.Loop = Closed
	given := r.options["concurrency"]
	if len(given) == 0 {
		l.Concurrency = 8
	}
	if !r.hasTarget() {
		d.plan.Saturated = saturated
		if d.quick {
			d.plan.Saturated = quickSaturated
		}
		return
	}
	if l.Concurrency = 1; len(given) > 0 {
		m.add("%s %s: cannot be used with a TARGET, whose server is not saturated", given[0].where, given[0].shown())
	}
}

// checkHandshakes bounds what a TARGET is asked for.
func (r request) checkHandshakes(p Plan, m *mistakes) {
	if p.Kind != KindHandshake || !r.hasTarget() {
		return
	}
	n := 0
	for _, a := range p.Arms {
		n += p.Handshakes.Of(a.Settings)
	}
	if n *= p.Epochs.Max; n > maxTargetHandshakes {
		m.add("--handshakes %d: must be fewer, or --epochs: %d connections to a TARGET are more than %d", p.Handshakes.Count, n, maxTargetHandshakes)
	}
}

// Of is how many connections an arm of the settings opens in an epoch, those for
// tickets included.
func (h Handshakes) Of(s Settings) int {
	if s.Resumption {
		return 2 * h.Count
	}
	return h.Count
}
