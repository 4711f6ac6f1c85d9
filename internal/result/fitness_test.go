package result

import (
	"slices"
	"strings"
	"testing"
)

// No intervals are computed of one arm.
func TestNoiseIsToldByWhatItHarms(t *testing.T) {
	for name, of := range map[string]struct {
		change func(*Result)
		want   string
	}{
		"two arms": {nothing, "the intervals with care"},
		"one arm":  {alone(nothing), "latencies and CPU with care"},
	} {
		r := good(t)
		taken := 0.5
		shares(func(e *MachineEpoch) { e.StealShare, e.CompetingShare = &taken, &taken })(&r)
		of.change(&r)
		Examine(&r)
		for _, code := range []string{"steal", "competing_cpu"} {
			i := slices.IndexFunc(r.Warnings, func(w Warning) bool { return w.Code == code })
			if i < 0 || !strings.HasSuffix(r.Warnings[i].Text, of.want) {
				t.Errorf("%s, %s: warnings %v, want one that ends in %q", name, code, r.Warnings, of.want)
			}
		}
	}
}
