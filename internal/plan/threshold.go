package plan

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"grpcbench/internal/metric"
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

// ParseMetric reads the name of a metric that can have a threshold; p99 and p(99)
// mean latency_p99. The error does not repeat text.
func ParseMetric(text string) (string, error) {
	m, err := limited(text)
	return m.Name, err
}

func limited(text string) (metric.Metric, error) {
	if m, ok := metric.Limited(text); ok {
		return m, nil
	}
	var names []string
	for _, m := range limits() {
		names = append(names, m.Name)
	}
	if strings.HasPrefix(text, "p") { // of a quantile
		text = metric.OfLatency(text)
	}
	return metric.Metric{}, fmt.Errorf("must be a known one, such as %s", nearest(text, names))
}

// limits are the metrics that a threshold may name.
func limits() []metric.Metric { return metric.Where(func(m metric.Metric) bool { return m.Limits }) }

// ParseThreshold reads METRIC OP VALUE, the threshold of all arms; spaces are allowed
// around OP.
func ParseThreshold(text string) (Threshold, error) {
	at := strings.IndexAny(text, "<>")
	if at < 0 {
		return Threshold{}, errors.New("must be METRIC OP VALUE with OP one of < <= > >=, as in p99<5ms or " + metric.ServerCPU + "<+3%")
	}
	name := strings.TrimSpace(text[:at])
	m, err := limited(name)
	if err != nil {
		return Threshold{}, fmt.Errorf("metric %q: %w", name, err)
	}
	t := Threshold{Metric: m.Name, Op: text[at : at+1]}
	value := text[at+1:]
	if rest, ok := strings.CutPrefix(value, "="); ok {
		t.Op, value = t.Op+"=", rest
	}
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-") {
		return t.relative(m, value)
	}
	if bare(m, value) {
		return Threshold{}, fmt.Errorf("value %q: must have its unit, as in %sms", value, value)
	}
	if t.Value, err = parseValue(m.Unit, value); err != nil {
		must := givenIn(m.Unit)
		if m.Against != metric.Nothing {
			must += ", or a change as in +3%"
		}
		return Threshold{}, fmt.Errorf("value %q: must be %s", value, must)
	}
	return t, nil
}

// relative reads +3%.
func (t Threshold) relative(m metric.Metric, value string) (Threshold, error) {
	digits, ok := strings.CutSuffix(strings.TrimPrefix(value, "+"), "%")
	v, err := strconv.ParseFloat(digits, 64)
	switch {
	case !ok || err != nil || !(v >= 0 && v <= 1000) || value[0] == '-':
		return Threshold{}, fmt.Errorf("value %q: must be a change for the worse of +0%% to +1000%%, as in +3%%", value)
	case m.Against == metric.Nothing:
		return Threshold{}, fmt.Errorf("%s %s: must be an absolute value: the metric is not compared with a control", t.Metric, value)
	case t.Op != "<" && t.Op != "<=":
		return Threshold{}, fmt.Errorf("%s%s%s: must have < or <=: a change is limited from above", t.Metric, t.Op, value)
	}
	t.Value, t.Relative = v/100, true
	return t, nil
}

// givenIn is what a value is given in.
func givenIn(u metric.Unit) string {
	switch u {
	case metric.Time:
		return "a duration as in 5ms"
	case metric.Bytes:
		return "bytes as in 3KiB"
	case metric.Share:
		return "a share as in 0.1%"
	}
	return "a number"
}

// bare reports whether a time has no unit although the metric's name has none: 5 of p99 would
// be nanoseconds.
func bare(m metric.Metric, value string) bool {
	v, err := strconv.ParseFloat(value, 64)
	return err == nil && v > 0 && m.Unit == metric.Time && !strings.Contains(m.Name, "_ns")
}

// parseValue reads a value that is not negative.
func parseValue(u metric.Unit, text string) (float64, error) {
	switch u {
	case metric.Time:
		if d, err := time.ParseDuration(text); err == nil && d >= 0 {
			return float64(d), nil
		}
	case metric.Bytes:
		if n, err := parseSize(text); err == nil {
			return float64(n), nil
		}
	case metric.Share:
		if digits, ok := strings.CutSuffix(text, "%"); ok {
			v, err := strconv.ParseFloat(digits, 64)
			if err != nil || !(v >= 0 && v <= 100) {
				return 0, errors.New("range")
			}
			return v / 100, nil
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 1e15) || u == metric.Share && v > 1 {
		return 0, errors.New("range")
	}
	return v, nil
}

// String returns the canonical form, which ParseThreshold reads back but for the
// group.
func (t Threshold) String() string {
	m, _ := metric.Named(t.Metric)
	value := strconv.FormatFloat(t.Value, 'f', -1, 64)
	switch {
	case t.Relative:
		value = "+" + percent(t.Value)
	case m.Unit == metric.Share:
		value = percent(t.Value)
	case m.Unit == metric.Time && t.Value == float64(time.Duration(t.Value)):
		value = time.Duration(t.Value).String()
	}
	return t.Metric + t.Op + value
}

// Show prints a measured value in the metric's unit, rounded: 5.123ms, 0.1%, 36.5.
func (t Threshold) Show(value float64) string {
	switch m, _ := metric.Named(t.Metric); {
	case m.Unit == metric.Share:
		return strconv.FormatFloat(100*value, 'g', 3, 64) + "%"
	case m.Unit == metric.Time:
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
