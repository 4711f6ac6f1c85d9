package plan

import (
	"math"
	"time"
)

// maxResult bounds what a result takes on disk, which every reader holds in memory.
const maxResult = 12 << 20

// What the parts of a result take, in bytes: measured, and rather more than less. A
// histogram takes more the more values are in it, by about the cube root of their number.
const (
	epochBytes     = 4100 // of an arm, but for its histograms
	secondBytes    = 130  // of a timeline
	blockBytes     = 1100 // of a ceiling, but for its histograms
	handshakeBytes = 4500 // of an epoch of a handshake plan, but for its histograms
	searchBlocks   = 24   // of a ceiling with an SLO, in an epoch
	fastest        = 20e3 // RPC/s of a closed loop
)

func histogramBytes(values float64) float64 { return 70 * math.Cbrt(values+1) }

// ResultBytes is about how many bytes the result of p takes if all its epochs are measured.
func (p Plan) ResultBytes() int64 {
	arms := float64(len(p.Arms))
	seconds := math.Ceil(time.Duration(p.Window).Seconds())
	rate := p.Load.Rate / max(1, arms)
	if p.Load.Loop == Closed {
		rate = fastest / max(1, arms)
	}
	epoch := epochBytes + seconds*secondBytes + 3*histogramBytes(rate*time.Duration(p.Window).Seconds())
	switch {
	case p.Handshakes != nil:
		epoch = handshakeBytes + 8*histogramBytes(float64(p.Handshakes.Count))
	case p.Ceiling != nil:
		blocks := float64(len(p.Ceiling.Callers()))
		if len(p.Ceiling.SLO) > 0 {
			blocks = searchBlocks
		}
		epoch = epochBytes + blocks*(blockBytes+seconds*secondBytes+2*histogramBytes(fastest*time.Duration(p.Window).Seconds()))
	}
	return int64(arms * float64(p.Epochs.Max) * epoch)
}

// checkResult refuses a plan whose result would be too large to be read again.
func checkResult(p Plan, m *mistakes) {
	if n := p.ResultBytes(); n > maxResult {
		m.add("--epochs %d: the result would take about %d MiB, and at most %d are stored: use fewer epochs, a shorter --window or fewer arms", p.Epochs.Max, n>>20, maxResult>>20)
	}
}
