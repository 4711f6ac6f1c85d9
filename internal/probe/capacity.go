package probe

import (
	"runtime"
	"strconv"
)

// Capacity is how many CPUs this process may use at once: those that its affinity, and
// with it a cpuset, allows, or less by a cgroup quota. Shares of CPU are of it, so that
// whoever has all that it may have is at 1.
func (m Machine) Capacity() float64 { return limited(runtime.NumCPU(), m.cgroup().quota()) }

// limited is a number of CPUs under a quota; 0: there is none.
func limited(cpus int, quota float64) float64 {
	if quota > 0 && quota < float64(cpus) {
		return quota
	}
	return float64(cpus)
}

// CPUs are those that processes may run on. The zero value is not known.
type CPUs struct {
	set  map[int]bool
	room float64
}

// CPUsOf is what processes may use together: the CPUs that the affinity of one of them
// allows, and no more of these at once than the cgroup quota of the first. It is the zero
// value without processes, and where it cannot be had.
func (m Machine) CPUsOf(pids []int) CPUs {
	set := m.affinity(pids)
	if len(set) == 0 {
		return CPUs{}
	}
	return CPUs{set, limited(len(set), m.cgroupOf(strconv.Itoa(pids[0])).quota())}
}

// Room is how many CPUs may be used at once; 0: not known.
func (c CPUs) Room() float64 { return c.room }

// Overlap reports whether a CPU is among both; ok is false if one of them is not known.
func (c CPUs) Overlap(other CPUs) (shared, ok bool) {
	for n := range c.set {
		shared = shared || other.set[n]
	}
	return shared, c.room > 0 && other.room > 0
}
