package plan

import (
	"math"
	"strings"

	"grpcbench/internal/codec"
	"grpcbench/internal/metric"
)

// Offers lists, by flag, the values that a shell can complete: all there are, or
// the named ones of a codec. Flags whose values cannot be listed are absent. What
// is offered for vary is the beginning of a value and ends in "=", for limits in "<".
func Offers() map[string][]string {
	offers := map[string][]string{
		"group":                {"default", X25519, P256, MLKEM},
		"compression":          codecs(),
		"response-compression": append([]string{mirror}, codecs()...),
		"fail-on-regression":   append([]string{"default"}, metric.Names(metric.Where(func(m metric.Metric) bool { return m.Limits && m.Against != metric.Nothing }))...),
	}
	for _, m := range limits() {
		offers[thresholdOption] = append(offers[thresholdOption], m.Name+"<")
		if !math.IsNaN(Threshold{Metric: m.Name}.Allows()) {
			offers["slo"] = append(offers["slo"], m.Name+"<")
		}
	}
	add := func(name, value string) {
		if words := strings.Split(value, "|"); len(words) > 1 && value == strings.ToLower(value) {
			offers[name] = words
		}
	}
	for _, s := range settings() {
		add(s.name, s.value)
		offers["vary"] = append(offers["vary"], s.name+"=")
	}
	for _, o := range options() {
		add(o.name, o.value)
	}
	return offers
}

// codecs are the compressors, by themselves and with each level that has a name.
func codecs() []string {
	all := []string{codec.None}
	for _, name := range []string{codec.Gzip, codec.Deflate, codec.Zstd} {
		all = append(all, name)
		for _, level := range []string{"none", "low", "medium", "high"} {
			all = append(all, name+":"+level)
		}
	}
	return all
}
