//go:build truth && linux

package truth

import (
	"testing"

	"grpcbench/internal/result"
)

// Two searches of one server, window by window in random order in the same epochs: that
// of the control and that of the A/A arm, which is its equal.
func TestTwoSearchesOfOneServerAgree(t *testing.T) {
	b := build(t)
	measured(t, func(f *findings) {
		r, err := b.command("ceiling", "--engine", "wire", "--slo", "p99<5ms", "--first-rate", "1000", "--window", "500ms", "--vary", "tls=off,1.3")()
		if err != nil {
			t.Fatal(err)
		}
		ceilings := map[bool]*result.Ceiling{}
		for _, a := range r.Arms {
			if a.Name == "tls=off" || a.AA {
				ceilings[a.AA] = a.Ceiling
			}
		}
		base, twin := ceilings[false], ceilings[true]
		f.want(r.Verdict != result.Invalid && base.Outcome == result.Reached && twin.Outcome == result.Reached, "%s: %s; A/A: %s", r.Verdict, base.Text, twin.Text)
		if base.Rate == nil || twin.Rate == nil || base.Rate.Low == nil || base.Rate.High == nil || twin.Rate.Low == nil || twin.Rate.High == nil {
			f.want(false, "%+v and %+v: must have intervals", base.Rate, twin.Rate)
			return
		}
		f.want(*base.Rate.Low <= *twin.Rate.High && *twin.Rate.Low <= *base.Rate.High, "[%.0f, %.0f] and [%.0f, %.0f] RPC/s overlap",
			*base.Rate.Low, *base.Rate.High, *twin.Rate.Low, *twin.Rate.High)
	})
}
