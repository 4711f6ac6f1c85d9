//go:build !linux

package load

import "time"

// Pacer is the Clock of a measured open loop; away from Linux it is Go's timer,
// up to a millisecond late, which every sample's lag shows.
type Pacer struct{ SleepClock }

// NewPacer returns a pacer whose offsets count from start.
func NewPacer(start time.Time) *Pacer { return &Pacer{SleepClock{Start: start}} }
