package plan

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Threshold is a limit that a result must keep: METRIC OP VALUE, as in latency_p99<5ms
// or server_cpu_ns_per_rpc<+3%.
type Threshold struct {
	Group  string `json:"group,omitempty"` // whose arms must keep it; "": all arms
	Metric string `json:"metric"`          // as comparisons name it, or one of an arm's own figures
	Op     string `json:"op"`              // "<", "<=", ">" or ">="; "<" or "<=" if Relative
	// Value is the limit: in the metric's unit (ns, bytes, a share), or the relative
	// change (0.03 is +3 %).
	Value    float64 `json:"value"`
	Relative bool    `json:"relative,omitempty"` // against the control, or the baseline where there is one
}

// unit is what the value of a threshold is given in.
type unit string

const (
	nanoseconds unit = "a duration as in 5ms, or nanoseconds"
	bytesUnit   unit = "bytes as in 3KiB"
	shareUnit   unit = "a share as in 0.1%"
	plainUnit   unit = "a number"
)

// thresholdMetric is a metric that can have a threshold.
type thresholdMetric struct {
	name      string
	unit      unit
	absolute  bool // is no metric of comparisons
	lasting   bool // the machine's state does not move it: those of two runs can be judged
	saturated bool // of saturated blocks
	between   bool // compared between runs alone: within one, arms differ in it by what they are
}

// thresholdMetrics lists them in the order of the help.
func thresholdMetrics() []thresholdMetric {
	return []thresholdMetric{
		{name: "latency_p50", unit: nanoseconds}, {name: "latency_p90", unit: nanoseconds}, {name: "latency_p99", unit: nanoseconds},
		{name: "latency_p999", unit: nanoseconds, absolute: true},
		{name: "failed", unit: shareUnit, absolute: true},
		{name: "offered", unit: plainUnit, absolute: true}, {name: "achieved", unit: plainUnit, absolute: true},
		{name: "client_cpu_ns_per_rpc", unit: nanoseconds}, {name: "server_cpu_ns_per_rpc", unit: nanoseconds},
		{name: "client_allocs_per_rpc", unit: plainUnit, lasting: true}, {name: "server_allocs_per_rpc", unit: plainUnit, lasting: true},
		{name: "sent_bytes_per_rpc", unit: bytesUnit, lasting: true}, {name: "received_bytes_per_rpc", unit: bytesUnit, lasting: true},
		{name: "saturated_client_cpu_ns_per_rpc", unit: nanoseconds, saturated: true},
		{name: "saturated_server_cpu_ns_per_rpc", unit: nanoseconds, saturated: true},
		{name: "handshake_full_sent_bytes", unit: bytesUnit, lasting: true, between: true},
		{name: "handshake_full_received_bytes", unit: bytesUnit, lasting: true, between: true},
		{name: "handshake_resumed_sent_bytes", unit: bytesUnit, lasting: true, between: true},
		{name: "handshake_resumed_received_bytes", unit: bytesUnit, lasting: true, between: true},
	}
}

// Lasts reports whether the machine's state does not move a metric, so that its
// values in two runs can be judged.
func Lasts(metric string) bool {
	m, _ := metricNamed(metric)
	return m.lasting
}

// ParseMetric reads the name of a metric that can have a threshold; p99 and p(99)
// mean latency_p99. The error does not repeat text.
func ParseMetric(text string) (string, error) {
	name := text
	if known, ok := quantileNames[name]; ok {
		name = known
	}
	if strings.HasPrefix(name, "p") {
		name = "latency_" + name
	}
	if _, ok := metricNamed(name); !ok {
		var names []string
		for _, m := range thresholdMetrics() {
			names = append(names, m.name)
		}
		return "", fmt.Errorf("must be a known one, such as %s", nearest(name, names))
	}
	return name, nil
}

// quantileNames are other names of quantiles.
var quantileNames = map[string]string{"p(50)": "p50", "p(90)": "p90", "p(99)": "p99", "p(99.9)": "p999"}

func metricNamed(name string) (thresholdMetric, bool) {
	all := thresholdMetrics()
	i := slices.IndexFunc(all, func(m thresholdMetric) bool { return m.name == name })
	if i < 0 {
		return thresholdMetric{}, false
	}
	return all[i], true
}

// ParseThreshold reads METRIC OP VALUE, the threshold of all arms; spaces are allowed
// around OP.
func ParseThreshold(text string) (Threshold, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Threshold{}, errors.New("must be METRIC OP VALUE with OP one of < <= > >=, as in p99<5ms or server_cpu_ns_per_rpc<+3%")
	}
	metric := strings.TrimSpace(text[:at])
	name, err := ParseMetric(metric)
	if err != nil {
		return Threshold{}, fmt.Errorf("metric %q: %w", metric, err)
	}
	m, _ := metricNamed(name)
	t := Threshold{Metric: name, Op: text[at : at+1]}
	value := text[at+1:]
	if rest, ok := strings.CutPrefix(value, "="); ok {
		t.Op, value = t.Op+"=", rest
	}
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-") {
		return t.relative(m, value)
	}
	if t.Value, err = m.unit.parse(value); err != nil {
		must := string(m.unit)
		if !m.absolute {
			must += ", or a change as in +3%"
		}
		return Threshold{}, fmt.Errorf("value %q: must be %s", value, must)
	}
	return t, nil
}

// relative reads +3%.
func (t Threshold) relative(m thresholdMetric, value string) (Threshold, error) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(value, "+"), "%")
	v, err := strconv.ParseFloat(digits, 64)
	switch {
	case !ok || err != nil || !(v >= 0 && v <= 1000) || value[0] == '-':
		return Threshold{}, fmt.Errorf("value %q: must be a change for the worse of +0%% to +1000%%, as in +3%%", value)
	case m.absolute:
		return Threshold{}, fmt.Errorf("%s %s: must be an absolute value: the metric is not compared with a control", t.Metric, value)
	case t.Op != "<" && t.Op != "<=":
		return Threshold{}, fmt.Errorf("%s%s%s: must have < or <=: a change is limited from above", t.Metric, t.Op, value)
	}
	t.Value, t.Relative = v/100, true
	return t, nil
}

// parse reads a value that is not negative.
func (u unit) parse(text string) (float64, error) {
	switch u {
	case nanoseconds:
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			return float64(d), nil
		}
	case bytesUnit:
		if n, err := parseSize(text); err == nil {
			return float64(n), nil
		}
	case shareUnit:
		if digits, ok := strings.CutSuffix(text, "%"); ok {
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil || !(v >= 0 && v <= 100) {
				return 0, errors.New("range")
			}
			return v / 100, nil
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1e15) || u == shareUnit && v > 1 {
		return 0, errors.New("range")
	}
	return v, nil
}

// String returns the canonical form, which ParseThreshold reads back but for the
// group.
func (t Threshold) String() string {
	m, _ := metricNamed(t.Metric)
	value := strconv.FormatFloat(t.Value, 'f', -1, 64)
	switch {
	case t.Relative:
		value = "+" + percent(t.Value)
	case m.unit == shareUnit:
		value = percent(t.Value)
	case m.unit == nanoseconds && t.Value == float64(time.Duration(t.Value)):
		value = time.Duration(t.Value).String()
	}
	return t.Metric + t.Op + value
}

// Show prints a measured value in the metric's unit, rounded: 5.123ms, 0.1%, 36.5.
func (t Threshold) Show(value float64) string {
	switch m, _ := metricNamed(t.Metric); {
	case m.unit == shareUnit:
		return strconv.FormatFloat(100*value, 'g', 3, 64) + "%"
	case m.unit == nanoseconds:
		digits, _ := strconv.ParseFloat(strconv.FormatFloat(value, 'g', 4, 64), 64) // cannot fail
		return time.Duration(digits).String()
	}
	return strconv.FormatFloat(value, 'f', 1, 64)
}

// percent prints a share with all digits that were given.
func percent(share float64) string { return strconv.FormatFloat(100*share, 'g', 12, 64) + "%" }

// Holds reports whether a value in the metric's unit keeps an absolute threshold.
func (t Threshold) Holds(value float64) bool {
	switch t.Op {
	case "<":
		return value < t.Value
	case "<=":
		return value <= t.Value
	case ">":
		return value > t.Value
	}
	return t.Op == ">=" && value >= t.Value
}
