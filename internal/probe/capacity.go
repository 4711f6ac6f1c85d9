package probe

import "runtime"

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
