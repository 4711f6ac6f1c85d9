package ceiling

import "time"

// Disturbance is what kept a window from showing what the server can do.
type Disturbance string

// Disturbances.
const (
	Stall  Disturbance = "stall"         // the machine stood still for long enough to break a limit
	Steal  Disturbance = "steal"         // its hypervisor took CPU time away
	Others Disturbance = "competing_cpu" // other processes used the CPUs
)

// Seen is what was observed of the machine during a window and its warm-up; nil: not known.
type Seen struct {
	Stall         *time.Duration // the longest
	Steal, Others *float64       // shares of the CPUs
	CPUs          int            // of which Others is a share
}

const (
	// stallFree is a stall that a machine with full CPUs makes by itself.
	stallFree = 20 * time.Millisecond
	// stealFree is a share of the CPUs that a hypervisor may take.
	stealFree = 0.05
	// othersFree is how many CPUs others may use: half of one, and what the kernel does for
	// the network is among it.
	othersFree = 0.5
)

// Disturbed says what disturbed a window. stall is the shortest stall that breaks a limit
// alone; one of up to 20 ms is none, since it may be the load's own.
//
// All of this comes from outside. What grows with the load, such as the lag of the
// generator, disturbs no window: where that is measured again ceilings come out too high.
func (s Seen) Disturbed(stall time.Duration) (by []Disturbance) {
	if s.Stall != nil && *s.Stall > max(stall, stallFree) {
		by = append(by, Stall)
	}
	if s.Steal != nil && *s.Steal > stealFree {
		by = append(by, Steal)
	}
	if s.Others != nil && *s.Others*float64(s.CPUs) > othersFree {
		by = append(by, Others)
	}
	return by
}

// Repeats decides which disturbed windows are measured again. The zero value has seen no
// window.
type Repeats struct{ windows, disturbed int }

const (
	// attempts is how often a window is measured at most.
	attempts = 3
	// settled is how many windows it takes to tell the machine's usual state from a
	// disturbance.
	settled = 8
)

// Again notes a window, which was measured for the attempt-th time, from 1, and says whether
// it must be measured again: if it was disturbed, for the third time at most, and unless
// more than half of all windows are, for then that is the state of the machine and
// not a disturbance.
//
// It must not be told whether the window kept the limit: measuring only the broken ones
// again would make every ceiling too high.
func (r *Repeats) Again(attempt int, disturbed bool) bool {
	r.windows++
	if !disturbed {
		return false
	}
	r.disturbed++
	return attempt < attempts && 2*r.disturbed <= max(r.windows, settled)
}
