package compare

import (
	"fmt"
	"slices"

	"grpcbench/internal/metric"
	"grpcbench/internal/result"
)

// minBeyond is how many observations an epoch must have above a quantile for it
// to be compared. With fewer, the quantile of one epoch is one or two calls.
const minBeyond = 20

// figure is a metric by which arms or results are compared.
type figure struct{ metric.Metric }

// figures are those by which the arms of a run of a kind are compared, in the order of
// the comparisons.
func figures(kind metric.Scope) (all []figure) {
	for _, m := range metric.Compared(kind) {
		all = append(all, figure{m})
	}
	return all
}

// absolutes are the figures that an arm is shown by, beside that of another result: of
// a load its connections too, which are what a handshake plan compares anyway.
func absolutes(kind metric.Scope) []figure {
	all := figures(kind)
	for _, m := range metric.All() {
		if m.In(kind) && m.Against == metric.Baseline {
			all = append(all, figure{m})
		}
	}
	return all
}

func (m figure) value(e *result.Epoch) (float64, bool) {
	r := e.Read(m.Metric)
	return r.Value, r.State == result.Known
}

// without reports whether m of e is missing because it lies among what was lost.
func (m figure) without(e *result.Epoch) bool { return e.Read(m.Metric).State == result.Beyond }

// aboveQuantile is what the reasons of tooFew hold.
const aboveQuantile = "observations above the quantile, a comparison needs"

// tooFew says why a quantile cannot be compared: some epoch of either arm has
// fewer than minBeyond observations above it. ok is false if it can.
func (m figure) tooFew(arms ...*result.Arm) (reason string, ok bool) {
	least := int64(minBeyond)
	for _, a := range arms {
		for i := range a.Epochs {
			if r := a.Epochs[i].Read(m.Metric); r.Few(m.Metric, least) {
				least = r.Above
			}
		}
	}
	if least >= minBeyond {
		return "", false
	}
	return fmt.Sprintf("an epoch has %d "+aboveQuantile+" %d", least, minBeyond), true
}

// otherCodecs is why bytes of two results are not compared.
const otherCodecs = "not compared: the arms announce other codecs"

// announces reports whether m has codecs in it, and the two arms announce other ones.
func (m figure) announces(base, new *result.Arm) bool {
	return m.Codecs && !slices.Equal(base.Settings.Accepts(), new.Settings.Accepts())
}
